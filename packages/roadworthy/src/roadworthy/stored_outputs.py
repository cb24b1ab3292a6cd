"""The outputs that are stored in the lessons: made anew by a run, in a form that is the same for the same results."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError, RedError
from .files import write_atomic
from .lessons import choose

if TYPE_CHECKING:
    from nbformat import NotebookNode

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SECONDS_PER_CELL = 600
Tell = Callable[[str, int, int], None]


def store(home: Path, names: Sequence[str] = (), tell: Tell = lambda *_: None) -> list[Path]:
    """Run lessons of the project in `home` (all without `names`) and write their outputs into them; the files.

    Cells get the ids `NAME-01`, `NAME-02` …; times and versions are left out. A lesson that fails keeps what it had:
    RedError names its cell. `tell` hears the lesson, its number and how many there are.
    """
    chosen = choose(home / "notebooks", names)
    for number, path in enumerate(chosen, start=1):
        tell(path.stem, number, len(chosen))
        write_atomic(path, executed(path, home))
    return chosen


def executed(path: Path, home: Path) -> str:
    """The text of a lesson with the outputs of a run in its folder."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    lesson = nbformat.read(path, as_version=4)
    options: dict[str, Any] = {"timeout": SECONDS_PER_CELL, "resources": {"metadata": {"path": str(path.parent)}}}
    try:
        NotebookClient(lesson, **options).execute(env={**os.environ, "MLE_HOME": str(home)})
    except CellExecutionError as error:
        hint = f"run it in JupyterLab, or `roadworthy run {path.stem}`; the outputs that it had are kept"
        what = f"a cell fails: {error.ename}: {error.evalue}"
        raise RedError(what, where=path, hint=hint) from error
    tidy(lesson, path.stem)
    text = str(nbformat.writes(lesson)) + "\n"
    shown = [str(place) for place in (home.resolve(), Path.home(), Path(sys.prefix)) if len(place.parts) > 2]
    if found := [place for place in shown if place in text]:
        hint = "print a path relative to the project instead: a stored output is compared on other machines"
        raise InputError(f"an output shows the path {found[0]}", where=path, hint=hint)
    return text


def tidy(lesson: "NotebookNode", stem: str) -> None:
    """Give cells ids by position; keep of the metadata only what does not change from run to run."""
    lesson.metadata.clear()
    lesson.metadata.update(METADATA)
    lesson.nbformat_minor = 5
    for number, cell in enumerate(lesson.cells, start=1):
        cell.id = f"{stem}-{number:02d}"
        cell.metadata.pop("execution", None)
