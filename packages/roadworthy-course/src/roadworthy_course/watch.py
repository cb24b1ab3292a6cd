"""Check an exercise again whenever its notebook is saved, and go on to the next question."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import exercises
from .checks import Verdict

POLL = 0.5  # seconds between two looks at the file
Wait = Callable[[float], None]


def watch(home: Path, exercise: str, *, limit: float, tell: Callable[[str], None], wait: Wait = time.sleep) -> bool:
    """Check `exercise` and those after it until all are solved, for `limit` seconds at most; whether all are.

    `tell` hears the verdict on the first question that is open, and which one comes next.
    """
    names = exercises.available(home)
    first = exercises.notebook(home, exercise).stem
    end = time.monotonic() + limit
    for name in names[names.index(first) :]:
        tell(f"Watching {name}.ipynb: answer in the notebook and save it; end with Ctrl-C")
        for verdicts in _rounds(home, name, end, wait):
            tell(_said(verdicts))
            if all(verdict.passed for verdict in verdicts):
                break
        else:
            return False
    return True


def _rounds(home: Path, name: str, end: float, wait: Wait) -> Iterator[list[Verdict]]:
    """The verdicts now and after each change of the notebook, until the time is over."""
    path = exercises.notebook(home, name)
    seen = None
    while time.monotonic() < end:
        state = _state(path)
        if state is not None and state != seen:
            # Of the state before the run: what is saved meanwhile is looked at in the next round.
            seen = state
            yield exercises.check_notebook(home, name)
        else:
            wait(POLL)


def _state(path: Path) -> tuple[int, int] | None:
    # A notebook may be away for a moment while it is saved.
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _said(verdicts: list[Verdict]) -> str:
    solved = [verdict.question for verdict in verdicts if verdict.passed]
    open_ones = [verdict for verdict in verdicts if not verdict.passed]
    count = f"{len(solved)} of {len(verdicts)} questions are right"
    if not open_ones:
        return f"{count}: the exercise is solved"
    return f"{count}. Next: {open_ones[0].question}, {open_ones[0].title}\n{open_ones[0]!r}"
