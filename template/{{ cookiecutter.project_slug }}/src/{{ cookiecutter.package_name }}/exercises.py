"""Exercises: a visible check for each question, the same verdict in the notebook and in the terminal.

`exercises/NN_name.ipynb` is the learner's notebook, `exercises/check_NN.py` holds one function for each question. What
is solved is remembered in `exercises/progress.json`.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec
from importlib.util import spec_from_file_location
from pathlib import Path

from . import settings
from .errors import InputError
from .files import write_atomic

PROGRESS = "progress.json"
ELSEWHERE = "EXERCISE_PROGRESS"  # where a check in the terminal lets the notebook write, instead of the learner's file
BLANK = "not answered yet: replace ... by your answer"


@dataclass(frozen=True)
class Outcome:
    """What a check says: `passed`, and a message that tells what was expected, what came, and the likely cause."""

    question: str
    passed: bool
    message: str

    def __repr__(self) -> str:
        """The verdict as a line, which is what a notebook shows."""
        return f"{self.question}: {'right' if self.passed else 'not yet'}. {self.message}"


def check(exercise: str, question: str, answer: object, home: Path | None = None) -> Outcome:
    """Check the answer to a question of an exercise ("01", "q1") and remember the outcome.

    Raises InputError when there is no such exercise or question. An answer that fails in whatever way is not an error
    but an outcome: it says why.
    """
    folder = _folder(home)
    function = _questions(folder, exercise).get(question)
    if function is None:
        raise InputError(f"exercise {exercise} has no question {question!r}", where=folder, hint="use the one above")
    message = BLANK if answer is ... else _said(function, answer)
    outcome = Outcome(question, message == "", message or "Well done.")
    _remember(folder, exercise, outcome)
    return outcome


def available(home: Path | None = None) -> list[str]:
    """The names of the exercises."""
    return sorted(path.stem for path in _folder(home).glob("[0-9]*.ipynb"))


def status(home: Path | None = None) -> dict[str, dict[str, bool]]:
    """For each exercise which questions are solved, as the learner's own progress file says."""
    folder = _folder(home)
    known = _progress(folder / PROGRESS)
    return {
        name: {q: bool(known.get(name[:2], {}).get(q)) for q in _questions(folder, name[:2])}
        for name in available(home)
    }


def check_notebook(exercise: str, home: Path | None = None) -> list[Outcome]:
    """Run the learner's notebook from top to bottom in a kernel of its own, and collect what its checks say.

    A question whose check was never reached is not solved; the last outcome then says what stopped the notebook.
    """
    from .kernels import Kernel
    from .kernels import execute

    folder = _folder(home)
    name = next((each for each in available(home) if each.startswith(exercise)), "")
    if not name:
        raise InputError(
            f"there is no exercise {exercise!r}", where=folder, hint=f"there are {', '.join(available(home))}"
        )
    with tempfile.TemporaryDirectory() as scratch:
        there = Path(scratch) / PROGRESS
        os.environ[ELSEWHERE] = str(there)
        try:
            kernel = Kernel()
            done = execute(
                folder / f"{name}.ipynb",
                Path(scratch) / "run.ipynb",
                {},
                home=folder.parent,
                kernel=kernel,
                tell=_quiet,
            )
        finally:
            del os.environ[ELSEWHERE]
        said = _progress(there, messages=True).get(name[:2], {})
        if there.is_file():
            shutil.copy(there, folder / PROGRESS)
    missed = f"the notebook stopped in cell {done.cell}: {done.error}" if done else "its check was not run"
    return [_outcome(q, said.get(q), missed) for q in _questions(folder, name[:2])]


def _quiet(_: int, __: int) -> None:
    return None


def _outcome(question: str, said: object, missed: str) -> Outcome:
    if not isinstance(said, dict):
        return Outcome(question, passed=False, message=missed)
    return Outcome(question, passed=bool(said["passed"]), message=str(said["message"]))


def _said(function: Callable[[object], str], answer: object) -> str:
    try:
        return function(answer)
    except Exception as error:  # noqa: BLE001 - whatever the learner's answer does is told, not raised
        return f"your answer stopped with {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _folder(home: Path | None) -> Path:
    return (home or settings.find_home()).resolve() / "exercises"


def _questions(folder: Path, exercise: str) -> dict[str, Callable[[object], str]]:
    path = folder / f"check_{exercise}.py"
    if not path.is_file():
        raise InputError("no such file", where=path, hint="restore it from version control")
    spec = spec_from_file_location(f"check_{exercise}", path)
    assert spec is not None  # noqa: S101 - a path that ends in .py always has one
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: function for name, function in vars(module).items() if name[0] == "q" and name[1:].isdigit()}


def _progress(path: Path, *, messages: bool = False) -> dict[str, dict[str, object]]:
    if not path.is_file():
        return {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {e: {q: o if messages else o["passed"] for q, o in of.items()} for e, of in known.items()}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise InputError(f"cannot be read: {error}", where=path, hint="remove it; the checks write it anew") from error


def _remember(folder: Path, exercise: str, outcome: Outcome) -> None:
    path = Path(os.environ.get(ELSEWHERE, folder / PROGRESS))
    known = _progress(path, messages=True)
    known.setdefault(exercise, {})[outcome.question] = {"passed": outcome.passed, "message": outcome.message}
    write_atomic(path, json.dumps(known, indent=1))
