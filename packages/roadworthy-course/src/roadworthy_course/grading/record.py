"""What is known of a graded submission: points, verdicts, reasons; as JSON for a later run, as CSV for people."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..checks import Result

COLUMNS = ("learner", "exercise", "question", "points", "of", "verdict", "reason")
TOTAL = "total"
HALTED = "its cell stopped"
LONGEST = 600  # characters of a reason
ADDRESS = re.compile(r"0x[0-9a-fA-F]{5,}")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate
RIGHT, PARTLY, WRONG, BLANK, STOPPED, MISSING, TAMPERED = (
    "right", "partly", "wrong", "blank", "stopped", "missing", "tampered"
)  # fmt: skip


@dataclass(frozen=True)
class Graded:
    """A question of a submission: `points` of its checks are right; `reason` says what is wrong in a sentence.

    verdict: right, partly, wrong, blank, stopped (time, memory, a crash), missing (no cell, no notebook) or tampered
    (with the checks). note: what an instructor should know besides.
    """

    question: str
    title: str
    points: int
    of: int
    verdict: str
    reason: str = ""
    results: tuple[Result, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Grades:
    """A submission: its questions in order; `problem` when its notebook could not be read."""

    learner: str
    exercise: str
    questions: tuple[Graded, ...]
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """Of all questions."""
        return sum(each.points for each in self.questions)

    @property
    def of(self) -> int:
        """How many points there are."""
        return sum(each.of for each in self.questions)


def plain(text: str) -> str:
    """A sentence of the sandbox: one line, without addresses, which differ each time, and not too long."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(ADDRESS.sub("0x…", printable).split())[:LONGEST]


def dumped(grades: Grades, key: str) -> str:
    """As JSON, with the key of what it depends on."""
    return json.dumps({"key": key, **asdict(grades)}, indent=1, ensure_ascii=False) + "\n"


def loaded(path: Path, key: str) -> Grades | None:
    """What an earlier run has kept, if it depends on the same; None otherwise."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return _grades(kept) if kept.pop("key") == key else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def table(cohort: Iterable[Grades]) -> str:
    """The CSV: a row for each question and one for the total of each learner; the same bytes for the same grades."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for grades in cohort:
        writer.writerows([_safe(value) for value in row] for row in _rows(grades))
    return text.getvalue()


def _rows(grades: Grades) -> Iterator[tuple[str | int, ...]]:
    start = (grades.learner, grades.exercise)
    for each in grades.questions:
        yield (*start, each.question, each.points, each.of, each.verdict, each.reason)
    right = sum(each.verdict == RIGHT for each in grades.questions)
    verdict = f"{right} of {len(grades.questions)} right"
    yield (*start, TOTAL, grades.points, grades.of, verdict, grades.problem)


def _safe(value: str | int) -> str | int:
    """A text of a learner that no spreadsheet takes for a formula, and that any encoding can hold."""
    if isinstance(value, int):
        return value
    text = plain(value.encode("utf-8", "backslashreplace").decode())
    return f"'{text}" if text.startswith(FORMULA) else text


def _grades(kept: dict[str, Any]) -> Grades:
    questions = tuple(
        Graded(**{**each, "results": tuple(Result(**result) for result in each["results"])})
        for each in kept.pop("questions")
    )
    return Grades(**{**kept, "questions": questions, "notes": tuple(kept["notes"])})
