"""How long a learner waits for a check, and an instructor for the grades of thirty.

The checks are those of the solutions, each question alone, after what the notebook prepares when it begins. The thirty
hand in exercise 01: hostile answers to the second question (those of the course's tests), a broken file, an empty one
and one with renamed cells, and answers of the bank. Every other question must get the verdict that the bank knows.
"""

import csv
import importlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import roadworthy as rw
from roadworthy_course import checks, here

EXERCISES = Path(__file__).resolve().parents[1] / "exercises"
TESTS = EXERCISES.parent / "packages" / "roadworthy-course" / "tests"
sys.path.insert(0, str(EXERCISES / "bank"))
import bank  # noqa: E402

NAME, HOSTILE = "01_sql_for_features", "q2"
SUBMISSIONS = 30
Answers = dict[str, bank.Answer]


def measure(project: rw.Project) -> dict[str, Any]:
    """Seconds of the check of each question and of the grading of thirty, and the verdicts that were not as known."""
    with chdir(project.folder / "exercises"):  # where a learner's notebook runs
        seconds = {each: found for name in bank.NAMES for each, found in _checks(project.folder, name).items()}
    print(f"slowest check: {max(seconds.items(), key=lambda pair: pair[1])}", flush=True)
    return {"check_s": seconds, "slowest_check_s": max(seconds.values()), "grading": _grading(project)}


def _checks(home: Path, name: str) -> dict[str, float]:
    """Seconds of the check of each question of an exercise, with the answers of its solution."""
    found, names = {}, bank.namespace(name, solved=True)
    for question, asked in checks.questions(here.questions(home) / f"check_{name[:2]}.py").items():
        since = time.perf_counter()
        verdict = checks.judge(question, asked, names, here.project)
        found[f"{name[:2]} {question}"] = round(time.perf_counter() - since, 3)
        if not verdict.passed:
            sys.exit(f"Error: the solution of {name} {question} is not right: {verdict!r}")
    return found


def _grading(project: rw.Project) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        known = _handed_in(project, folder / "handed-in")
        command = [sys.executable, "-m", "roadworthy", "grade", folder / "handed-in", "--csv", folder / "grades.csv"]
        command += ["--hidden", EXERCISES / "hidden", "--report", folder / "report"]
        since = time.perf_counter()
        subprocess.run([*map(str, command)], cwd=project.folder, check=True)
        seconds = time.perf_counter() - since
        rows = list(csv.DictReader((folder / "grades.csv").read_text(encoding="utf-8").splitlines()))
    judged = [row for row in rows if (row["learner"], row["question"]) in known]
    off = [row for row in judged if (row["verdict"] == "right") != known[row["learner"], row["question"]]]
    told = {"submissions": SUBMISSIONS, "seconds": round(seconds, 1), "known_verdicts": len(judged), "otherwise": off}
    print(told, flush=True)
    return told


def _handed_in(project: rw.Project, folder: Path) -> dict[tuple[str, str], bool]:
    """Write thirty submissions; by learner and question whether it is right, where that is known."""
    sys.path[:0] = [str(TESTS), str(TESTS / "grading")]
    cohort = importlib.import_module("cohort")
    folder.mkdir()
    clean = json.loads((project.folder / "exercises" / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    draw = _drawn()
    known = {}
    hostiles = cohort.hostile(project.folder, 9, "benchmark-of-grading")
    for name in [*hostiles, "renamed", *(f"learner{n:02}" for n in range(SUBMISSIONS - len(hostiles) - 3))]:
        given = draw()
        if name in hostiles:
            given.pop(HOSTILE)
        known.update({(name, question): answer.right for question, answer in given.items()})
        sources = {question: answer.source for question, answer in given.items()}
        made = _answered(clean, sources | ({HOSTILE: hostiles[name].source} if name in hostiles else {}))
        cohort.write(folder / f"{name}.ipynb", cohort.renamed(made) if name == "renamed" else made)
    (folder / "broken.ipynb").write_text('{"cells": [', encoding="utf-8")
    (folder / "empty.ipynb").write_text("", encoding="utf-8")
    return known


def _drawn() -> Callable[[], Answers]:
    """Gives one answer of the bank to each question, another one each time."""
    of: dict[str, list[bank.Answer]] = {}
    for each in bank.bank():
        if each.exercise == NAME:
            of.setdefault(each.question, []).append(each)
    turns = {question: itertools.cycle(each) for question, each in of.items()}
    return lambda: {question: next(turn) for question, turn in turns.items()}


def _answered(clean: dict[str, Any], sources: dict[str, str]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(clean))
    for cell in copy["cells"]:
        cell["source"] = sources.get(cell["metadata"].get("question"), cell["source"])
    return copy
