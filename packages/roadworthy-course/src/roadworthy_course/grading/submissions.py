"""The submissions of a cohort: which notebooks there are, and the answers in them, however the cells were changed.

Nothing that a learner hands in is an error of this program: what cannot be read is told in the result.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadworthy.base.errors import InputError

from .. import notebooks

LARGEST = 50_000_000  # bytes of a notebook; more is no text
BEGINS = re.compile(r"""\bbegin\(\s*["'](\d\d)["']""")


@dataclass(frozen=True)
class Submission:
    """A learner's notebook; no path when the folder holds none."""

    learner: str
    path: Path | None


@dataclass(frozen=True)
class Answers:
    """The source of the answer to each question that was found; what is to be said about the notebook."""

    sources: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    notes: tuple[str, ...] = ()
    elsewhere: frozenset[str] = frozenset()  # names that cells define which are no answers


def find(folder: Path, exercise: str) -> list[Submission]:
    """Every learner in `folder`, `name.ipynb` or `name/NN_….ipynb`, in order; InputError when there is none."""
    if not folder.is_dir():
        raise InputError("no such folder", where=folder, hint="give the folder that holds a notebook for each learner")
    found: dict[str, Submission] = {}
    for path in sorted(folder.iterdir(), key=lambda each: (each.is_dir(), each.name)):
        if path.name.startswith((".", "__")) or not (path.is_dir() or path.suffix == ".ipynb"):
            continue
        name = path.name if path.is_dir() else path.stem
        learner = name if name not in found else f"{name} (folder)"
        found[learner] = Submission(learner, _of_folder(path, exercise) if path.is_dir() else path)
    if not found:
        raise InputError("holds no submission", where=folder, hint="name.ipynb for each learner, or name/01_….ipynb")
    return sorted(found.values(), key=lambda each: each.learner)


def exercise_of(folder: Path) -> str:
    """Which exercise the submissions are of, from the notebooks themselves; InputError when they do not agree."""
    said = Counter(number for path in sorted(folder.glob("**/*.ipynb")) if (number := _number(path)))
    if len(said) != 1:
        what = f"are of the exercises {', '.join(sorted(said))}" if said else "do not say of which exercise they are"
        raise InputError(f"the notebooks {what}", where=folder, hint="say which one to grade: --exercise 01")
    return next(iter(said))


def read(submission: Submission, clean: Mapping[str, Any]) -> Answers:
    """The answers of a submission to the questions of the clean notebook.

    An answer's cells are those that name the question in their metadata, else the one with the id of the clean
    notebook, else the last one that defines the name; one of these that is not blank wins over one that is.
    """
    if submission.path is None:
        return Answers(problem="there is no notebook of this exercise")
    try:
        cells = _code(_document(submission.path))
    except InputError as error:
        return Answers(problem=error.what)
    empty = {str(cell["metadata"]["question"]): cell for cell in _code(clean) if _question(cell)}
    found = {question: _answer(question, blank, cells) for question, blank in empty.items()}
    used = {number for _, numbers in found.values() for number in numbers}
    sources = {question: source for question, (source, _) in found.items() if source is not None}
    missing = [question for question in empty if question not in sources]
    notes = [f"no cell answers {', '.join(missing)}"] if missing else []
    renamed = [
        question
        for question, (source, numbers) in found.items()
        if source is not None and not any(_marked(cells[number], question, empty[question]) for number in numbers)
    ]
    notes += [f"found by the name alone, the cell was renamed: {', '.join(renamed)}"] if renamed else []
    return Answers(sources, notes=tuple(notes), elsewhere=_defined_elsewhere(cells, used))


def blanks(clean: Mapping[str, Any]) -> dict[str, str]:
    """What stands in the cells of the answers before anybody answers."""
    return {_question(cell): str(cell["source"]) for cell in _code(clean) if _question(cell)}


def defined(source: str) -> set[str]:
    """The names that a cell assigns, defines or imports at its top level; by pattern when it does not parse."""
    tree = parsed(source)
    if tree is None:
        return set(re.findall(r"^(?:async\s+)?(?:def\s+|class\s+)?(\w+)\s*(?:\(|=(?!=)|:)", source, re.MULTILINE))
    return {name for statement in tree.body for name in _names(statement)}


def parsed(source: str) -> ast.Module | None:
    """A cell as a tree; None when it is no Python. Not for two threads at a time: Python 3.11 loses its count."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in the learner's texts
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _answer(
    question: str, blank: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]
) -> tuple[str | None, list[int]]:
    """The source of an answer and the cells it is made of; a cell that was split keeps its metadata in both parts."""
    empty = _plain(blank["source"])
    named = [number for number, cell in enumerate(cells) if question in defined(cell["source"])]
    by_name = ([number for number in named if _plain(cells[number]["source"]) != empty] or named)[-1:]
    ways = [
        [number for number, cell in enumerate(cells) if _question(cell) == question],
        [number for number, cell in enumerate(cells) if cell.get("id") == blank.get("id")],
        by_name,
    ]
    for numbers in ways:
        filled = [number for number in numbers if _plain(cells[number]["source"]) not in {empty, ""}]
        if filled:
            return "\n\n".join(cells[number]["source"] for number in filled), filled
    left = next((numbers for numbers in ways if numbers), [])
    return (str(blank["source"]) if left else None), left


def _defined_elsewhere(cells: Sequence[Mapping[str, Any]], used: set[int]) -> frozenset[str]:
    others = (cell["source"] for number, cell in enumerate(cells) if number not in used)
    return frozenset(name for source in others for name in defined(source))


def _marked(cell: Mapping[str, Any], question: str, blank: Mapping[str, Any]) -> bool:
    return _question(cell) == question or cell.get("id") == blank.get("id")


def _question(cell: Mapping[str, Any]) -> str:
    metadata = cell.get("metadata")
    return str(metadata.get("question", "")) if isinstance(metadata, Mapping) else ""


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _code(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in document["cells"] if cell.get("cell_type") == "code"]


def _document(path: Path) -> dict[str, Any]:
    if not path.is_file() or path.stat().st_size == 0:
        raise InputError("the file is empty" if path.is_file() else "is no file", where=path)
    if path.stat().st_size > LARGEST:
        raise InputError(f"the file is larger than {LARGEST // 1_000_000} MB", where=path)
    try:
        return notebooks.read(path)
    except RecursionError as error:
        raise InputError("is no notebook that can be read: it is nested too deeply", where=path) from error


def _number(path: Path) -> str:
    try:
        cells = _code(_document(path))
    except (InputError, OSError):
        return ""
    found = next((match[1] for cell in cells if (match := BEGINS.search(cell["source"]))), "")
    return found or (path.name[:2] if re.match(r"\d\d_", path.name) else "")


def _of_folder(folder: Path, exercise: str) -> Path | None:
    named = [path for path in sorted(folder.glob(f"{exercise}_*.ipynb")) if path.is_file()]
    # "01_name-Copy1.ipynb" is sorted before the name itself.
    return min(named, key=lambda path: (len(path.name), path.name), default=None)
