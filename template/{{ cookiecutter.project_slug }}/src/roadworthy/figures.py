"""Key figures of a lesson: shown in the notebook, and read back from it for the page of the run."""

MIME = "application/vnd.mle.figures+json"


class Figures(dict[str, float]):
    """Named figures that a notebook shows as text and keeps as data."""

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {"text/plain": ", ".join(f"{name} = {value:g}" for name, value in self.items()), MIME: dict(self)}


def record(**values: float) -> Figures:
    """Key figures, rounded by the lesson to what it claims; make them the last line of a cell."""
    return Figures(values)
