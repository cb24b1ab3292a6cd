"""Exercises: visible checks for each question, the same verdict in the notebook and in the terminal.

`exercises/NN_name.ipynb` is the learner's notebook. The course holds the checks in `questions/check_NN.py`, and three
hints for each question in `questions/hints_NN.toml`. What is done is remembered in `exercises/progress.json`.
"""

import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from roadworthy.base.errors import InputError

from . import checks, here, notebooks, progress_file
from .checks import Result, Verdict

LEVELS = 3


@dataclass(frozen=True)
class State:
    """How far a question is: solved or not, how many of its checks are right, tries, and hints taken."""

    question: str
    title: str
    solved: bool = False
    points: int = 0
    checks: int = 0
    tries: int = 0
    hints: int = 0


def begin(exercise: str, home: Path | None = None) -> Callable[[str], Verdict]:
    """The function `check` of a notebook: `check("q1")` looks up the answer by its name in that notebook.

    Without `home` the exercise is that of the project that holds the working folder.
    """
    found = here.folder(home)
    for asked in _questions(found, exercise).values():
        checks.prepare(asked, partial(here.project, found))

    def check_here(question: str) -> Verdict:
        """Check the answer to a question, such as "q1", and remember the verdict."""
        return check(found, exercise, question, sys._getframe(1).f_globals)  # noqa: SLF001 - the notebook's names

    return check_here


def check(home: Path, exercise: str, question: str, names: Mapping[str, object]) -> Verdict:
    """Check the answer to a question of an exercise ("01", "q1"), found in `names`, and remember the verdict.

    Raises InputError when there is no such exercise or question. An answer that fails in whatever way is not an error
    but a verdict: it says why.
    """
    folder, found = _folder(home), _questions(home, exercise)
    if question not in found:
        hint = f"there are {', '.join(found)}"
        raise InputError(f"exercise {exercise} has no question {question!r}", where=folder, hint=hint)
    verdict = checks.judge(question, found[question], names, partial(here.project, home))
    progress_file.note(folder, exercise, verdict)
    return verdict


def check_notebook(home: Path, exercise: str, seconds: float = notebooks.SECONDS) -> list[Verdict]:
    """Run the learner's notebook from top to bottom in a kernel of its own, and collect what its checks say.

    A question whose check was never reached is not solved and says what stopped the notebook, which may take `seconds`.
    """
    folder = _folder(home)
    path = notebook(home, exercise)
    noted, stopped = notebooks.run(path, path.stem[:2], folder.parent, seconds)
    said = noted.get(path.stem[:2], {})
    found = []
    for name, question in _questions(home, path.stem[:2]).items():
        verdict = _verdict(name, question, said.get(name), stopped)
        progress_file.note(folder, path.stem[:2], verdict)
        found.append(verdict)
    return found


def notebook(home: Path, exercise: str) -> Path:
    """The learner's notebook of an exercise, given by its number or name; InputError when there is none."""
    folder = _folder(home)
    names = available(home)
    found = [name for name in names if exercise and name.startswith(exercise)]
    if len(found) != 1:
        hint = f"there are {', '.join(names)}" if names else "restore the folder from version control"
        raise InputError(f"there is no exercise {exercise!r}", where=folder, hint=hint)
    return folder / f"{found[0]}.ipynb"


def hint(home: Path, exercise: str, question: str) -> str:
    """The next hint for a question, up to the third; which one was taken is remembered."""
    folder = _folder(home)
    number = notebook(home, exercise).stem[:2]
    path = here.questions(home) / f"hints_{number}.toml"
    try:
        hints = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"cannot be read: {error}", where=path, hint="restore the folder vendor/ from version control"
        ) from error
    if question not in hints:
        raise InputError(f"there is no question {question!r}", where=path, hint=f"there are {', '.join(hints)}")
    level = progress_file.take_hint(folder, number, question, LEVELS)
    return f"hint {level} of {LEVELS} for {number} {question}: {hints[question][level - 1].strip()}"


def available(home: Path) -> list[str]:
    """The names of the exercises."""
    return sorted(path.stem for path in _folder(home).glob("[0-9][0-9]_*.ipynb"))


def status(home: Path) -> dict[str, list[State]]:
    """For each exercise how far its questions are, as the learner's own progress file says."""
    known = progress_file.read(_folder(home))
    return {
        name: [
            _state(question, each, known.get(name[:2], {}).get(question, {}))
            for question, each in _questions(home, name[:2]).items()
        ]
        for name in available(home)
    }


def _state(question: str, asked: type[checks.Question], noted: Mapping[str, object]) -> State:
    counts = {key: int(str(noted.get(key, 0))) for key in ("points", "checks", "tries", "hints")}
    return State(question, checks.title(asked), solved=bool(noted.get("passed")), **counts)


def _verdict(name: str, question: type[checks.Question], noted: Mapping[str, object] | None, stopped: str) -> Verdict:
    if noted is not None and "verdict" in noted:
        return checks.from_dict(dict(noted["verdict"]))  # type: ignore[call-overload]
    cause = stopped or "Its cell was not reached"
    results = [Result(claim, "that the check is run", "nothing", cause) for claim in checks.claims(question)]
    return Verdict(name, checks.title(question), tuple(results))


def _folder(home: Path) -> Path:
    return home.resolve() / "exercises"


def _questions(home: Path, exercise: str) -> dict[str, type[checks.Question]]:
    return checks.questions(here.questions(home) / f"check_{exercise}.py")
