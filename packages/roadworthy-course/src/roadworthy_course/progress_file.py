"""What a learner has done, kept in `exercises/progress.json`: verdicts, tries, hints taken, answers of a quiz."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from roadworthy.base.errors import InputError
from roadworthy.base.files import hold_lock, write_atomic

from .checks import Verdict

NAME = "progress.json"
LOCK = ".progress.lock"
ELSEWHERE = "EXERCISE_PROGRESS"  # where a check in the terminal lets the notebook write, instead of the learner's file
Notes = dict[str, dict[str, dict[str, Any]]]


def read(folder: Path) -> Notes:
    """For each exercise and question what is noted; nothing when there is no file yet.

    Raises InputError when the file is there and cannot be read.
    """
    path = _path(folder)
    if not path.is_file():
        return {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {e: {q: {**noted} for q, noted in of.items()} for e, of in known.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"cannot be read: {error}", where=path, hint="remove it; the checks write it anew") from error


def note(folder: Path, exercise: str, verdict: Verdict) -> None:
    """Keep a verdict; a try is counted when there was an answer."""

    def change(noted: dict[str, Any]) -> None:
        noted["passed"], noted["points"], noted["checks"] = verdict.passed, verdict.points, len(verdict.results)
        noted["verdict"] = asdict(verdict)
        noted["tries"] = noted.get("tries", 0) + (not verdict.blank)

    _change(folder, exercise, verdict.question, change)


def take_hint(folder: Path, exercise: str, question: str, levels: int) -> int:
    """Which hint comes next, from 1 to `levels`, where it stays; the count is kept."""

    def change(noted: dict[str, Any]) -> None:
        noted["hints"] = min(noted.get("hints", 0) + 1, levels)

    return int(_change(folder, exercise, question, change)["hints"])


def note_quiz(folder: Path, key: str, lesson: str, right: Sequence[bool]) -> None:
    """Keep how many answers of a lesson's quiz were right."""

    def change(noted: dict[str, Any]) -> None:
        noted["passed"], noted["points"], noted["checks"] = all(right), sum(right), len(right)
        noted["tries"] = noted.get("tries", 0) + 1

    _change(folder, key, lesson, change)


def _change(folder: Path, exercise: str, question: str, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    # The notebook, the terminal and a watch may write at the same time.
    path = _path(folder)
    with hold_lock(path.with_name(LOCK)):
        known = read(folder)
        noted = known.setdefault(exercise, {}).setdefault(question, {})
        change(noted)
        write_atomic(path, json.dumps(known, indent=1, sort_keys=True))
    return noted


def _path(folder: Path) -> Path:
    return Path(os.environ.get(ELSEWHERE, folder / NAME))
