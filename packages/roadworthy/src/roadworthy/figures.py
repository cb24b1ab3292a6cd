"""Key figures of a lesson: shown in the notebook, and read back from it for the page of the run."""

MIME = "application/vnd.mle.figures+json"


class Figures(dict[str, float]):
    """Named figures that a notebook shows as text and keeps as data."""

    def __repr__(self) -> str:
        """The figures in one line."""
        return ", ".join(f"{name} = {value:g}" for name, value in self.items())

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {"text/plain": repr(self), MIME: dict(self)}


def record(**values: float) -> Figures:
    """Key figures, rounded by the lesson to what it claims; make them the last line of a cell.

    >>> record(rows=1200, auc=0.71)
    rows = 1200, auc = 0.71
    """
    return Figures(values)
