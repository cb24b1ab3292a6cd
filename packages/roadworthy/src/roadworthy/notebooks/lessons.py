"""The lessons as files: their cells, parameters and key figures, and the outputs that are stored in them."""

import ast
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, RedError
from ..base.files import explain_read_errors, write_atomic

if TYPE_CHECKING:
    from nbformat import NotebookNode

RANGE = re.compile(r"from (?P<low>[-\d.]+) to (?P<high>[-\d.]+)")
Value = str | int | float | bool
MIME = "application/vnd.mle.figures+json"
# Without the version of Python, which a run adds: the lesson's file would differ on every machine.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SECONDS_PER_CELL = 600
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Cell:
    """A code cell: its source, tags and outputs."""

    source: str
    tags: tuple[str, ...]
    outputs: tuple[Mapping[str, Any], ...]


def choose_lessons(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """The notebooks of a folder in order, or those named (01 is enough for 01_data_checks); InputError for no match."""
    every = sorted(path for path in folder.glob("*.ipynb") if path.stem[:1].isdigit())
    if not every:
        raise InputError("holds no lessons", where=folder, hint="restore the notebooks from version control")
    unknown = [name for name in names if not any(path.stem.startswith(name) for path in every)]
    if unknown:
        hint = f"there are {', '.join(path.stem for path in every)}"
        raise InputError(f"there is no lesson {unknown[0]!r}", where=folder, hint=hint)
    return [path for path in every if not names or any(path.stem.startswith(name) for name in names)]


def code_cells(notebook: Path) -> list[Cell]:
    """The code cells of a notebook; InputError when the file is none."""
    # As JSON: the library for notebooks takes longer to import than a small lesson takes to run.
    with explain_read_errors(notebook, "restore it from version control", "is no notebook that can be read"):
        document = json.loads(notebook.read_text(encoding="utf-8"))
        return [_cell(cell) for cell in document["cells"] if cell["cell_type"] == "code"]


def inputs_sum(notebook: Path, values: Mapping[str, object], common: str) -> str:
    """A sum over what the result of a lesson depends on: its code, its parameters and the sum of all else."""
    # Not its outputs: running a lesson in JupyterLab does not change what it does.
    sources = [cell.source for cell in code_cells(notebook)]
    return hashlib.sha256(json.dumps([sources, dict(values), common]).encode()).hexdigest()


def key_figures(notebook: Path) -> dict[str, float]:
    """What an executed lesson has recorded; a notebook without outputs has recorded nothing."""
    if not notebook.is_file():
        return {}
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return {name: value for each in outputs for name, value in each.get("data", {}).get(MIME, {}).items()}


def _cell(cell: Mapping[str, Any]) -> Cell:
    source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
    return Cell(source, tuple(cell.get("metadata", {}).get("tags", ())), tuple(cell.get("outputs", ())))


@dataclass(frozen=True)
class Parameter:
    """A parameter of a lesson: its default and what the comment beside it says."""

    name: str
    default: Value
    about: str = ""

    def read(self, text: str) -> Value:
        """The value that `text` stands for; InputError when it has another type or is out of range."""
        value = _literal(text) if not isinstance(self.default, str) else text
        # By type and not by isinstance, for which True is an integer.
        if isinstance(self.default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(self.default):
            raise self._refused(text, f"a value like {self.default!r} is expected")
        limits = RANGE.match(self.about)
        if limits and not float(limits["low"]) <= float(value) <= float(limits["high"]):
            raise self._refused(text, f"{limits[0]} is expected")
        return value

    def _refused(self, text: str, expected: str) -> InputError:
        return InputError(f"the value {text!r} does not fit", where=f"-p {self.name}", hint=expected)


def lesson_parameters(notebook: Path) -> dict[str, Parameter]:
    """The parameters of one lesson by name."""
    source = "\n".join(cell.source for cell in code_cells(notebook) if "parameters" in cell.tags)
    lines = source.splitlines()
    parameters = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            _, _, about = lines[node.lineno - 1].partition("# ")
            name = node.targets[0].id
            parameters[name] = Parameter(name, ast.literal_eval(node.value), about.strip())
    return parameters


def assign_parameters(lessons: Iterable[Path], texts: Iterable[tuple[str, str]]) -> dict[str, dict[str, Value]]:
    """The values, given as pairs of a name and a text, for each lesson that has such a parameter, by its name.

    Raises InputError for a name that none of the lessons has, and for a value that does not fit.
    """
    known = {lesson.stem: lesson_parameters(lesson) for lesson in lessons}
    values: dict[str, dict[str, Value]] = {lesson: {} for lesson in known}
    for name, text in texts:
        users = [lesson for lesson, parameters in known.items() if name in parameters]
        if not users:
            lines = [f"{lesson}: {', '.join(parameters) or 'none'}" for lesson, parameters in known.items()]
            hint = "there are\n    " + "\n    ".join(lines)
            raise InputError("no lesson of this run has such a parameter", where=f"-p {name}", hint=hint)
        for lesson in users:
            values[lesson][name] = known[lesson][name].read(text)
    return values


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


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


def store_outputs(home: Path, names: Sequence[str] = (), tell: Tell = lambda *_: None) -> list[Path]:
    """Run lessons of the project in `home` (all without `names`) and write their outputs into them; the files.

    Cells get the ids `NAME-01`, `NAME-02` …; times and versions are left out. A lesson that fails keeps what it had:
    RedError names its cell. `tell` hears the lesson, its number and how many there are.
    """
    chosen = choose_lessons(home / "notebooks", names)
    for number, path in enumerate(chosen, start=1):
        tell(path.stem, number, len(chosen))
        write_atomic(path, executed_text(path, home))
    return chosen


def executed_text(path: Path, home: Path) -> str:
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
    tidy_notebook(lesson, path.stem)
    text = str(nbformat.writes(lesson)) + "\n"
    # A path such as / or /root stands in many texts by chance.
    places = [str(place) for place in (home.resolve(), Path.home(), Path(sys.prefix)) if len(place.parts) > 2]
    if shown := [place for place in places if place in text]:
        hint = "print a path relative to the project instead: a stored output is compared on other machines"
        raise InputError(f"an output shows the path {shown[0]}", where=path, hint=hint)
    return text


def tidy_notebook(lesson: "NotebookNode", stem: str) -> None:
    """Give cells ids by position; keep of the metadata only what does not change from run to run."""
    lesson.metadata.clear()
    lesson.metadata.update(METADATA)
    lesson.nbformat_minor = 5
    for number, cell in enumerate(lesson.cells, start=1):
        cell.id = f"{stem}-{number:02d}"
        cell.metadata.pop("execution", None)
