"""The bank of answers as tests see it: the notebook's cells before the answers, solutions, right and wrong answers."""

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXERCISES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(EXERCISES.parent / "template"))
import exercise_notebooks  # noqa: E402

ONLY = os.environ.get("BANK_OF", "")  # the number of one exercise, to share them out among processes
NAMES = sorted(path.stem for path in EXERCISES.glob(f"{ONLY or '[0-9][0-9]'}_*.py"))
HEADER = re.compile(r"^# %% (?P<question>q\d+) (?P<kind>right|wrong): (?P<words>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """An answer as the source of its cell; `words` name a right one, and stand in what is said of a wrong one."""

    exercise: str
    question: str
    right: bool
    words: str
    source: str

    def __str__(self) -> str:
        """For the names of tests."""
        return f"{self.exercise[:2]}-{self.question}-{'right' if self.right else 'wrong'}-{self.words}"


def bank() -> Iterator[Answer]:
    """Every answer of the bank."""
    for name in NAMES:
        parts = HEADER.split((EXERCISES / "bank" / f"{name}.py").read_text(encoding="utf-8"))
        for question, kind, words, source in zip(*(iter(parts[i::4]) for i in range(1, 5)), strict=True):
            yield Answer(name, question, kind == "right", words, source.strip())


def cells(name: str, *, solved: bool) -> list[dict[str, Any]]:
    """The code cells of an exercise but the checks, in order, with the source as text."""
    master = (EXERCISES / f"{name}.py").read_text(encoding="utf-8")
    made = json.loads(exercise_notebooks.notebook(master, name, solved=solved))["cells"]
    code = [{**cell, "source": "".join(cell["source"])} for cell in made if cell["cell_type"] == "code"]
    return [cell for cell in code if not cell["source"].startswith("check(")]


def namespace(name: str, *, solved: bool = False) -> dict[str, Any]:
    """The names of the notebook after it was run."""
    names: dict[str, Any] = {}
    for cell in cells(name, solved=solved):
        exec(compile(cell["source"], name, "exec"), names)  # noqa: S102 - our own
    return names
