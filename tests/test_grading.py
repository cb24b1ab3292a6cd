"""The command `grade` in a project as an instructor has it: real submissions, hidden checks, the bank's verdicts."""

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Generate
from environments import install
from machine import REPOSITORY, run
from skips import missing

sys.path.insert(0, str(REPOSITORY / "exercises" / "bank"))
from bank import Answer, bank

NAME = "01_sql_for_features"


def answered(notebook: dict[str, Any], answers: dict[str, str]) -> str:
    copy: dict[str, Any] = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        question = cell["metadata"].get("question")
        cell["source"] = answers.get(question, cell["source"])
    return json.dumps(copy)


def submissions(folder: Path, project: Path) -> dict[str, dict[str, Answer]]:
    """A submission of right answers and one of wrong ones for each position in the bank, and what the bank says."""
    solved = json.loads((project / "exercises" / "solutions" / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    known: dict[str, dict[str, Answer]] = {}
    for each in (answer for answer in bank() if answer.exercise == NAME):
        kind = "right" if each.right else "wrong"
        number = sum(name.startswith(kind) and each.question in of for name, of in known.items())
        if number < 2:
            known.setdefault(f"{kind}{number}", {})[each.question] = each
    for name, of in known.items():
        text = answered(solved, {question: answer.source for question, answer in of.items()})
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    return known


@pytest.mark.slow
def test_the_command_grades_as_the_bank_says_and_the_same_when_it_is_repeated(
    generate: Generate, tmp_path: Path
) -> None:
    if not shutil.which("bwrap"):
        missing("bubblewrap is not installed")
    project = generate({"solutions": "yes"})
    commands = install(project, "3.11")
    known = submissions(tmp_path / "handed-in", project)
    assert len(known) == 4
    grade: list[str | Path] = [commands / "roadworthy", "grade", tmp_path / "handed-in"]
    command: list[str | Path] = [*grade, "--csv", tmp_path / "grades.csv"]
    hidden: list[str | Path] = ["--hidden", REPOSITORY / "exercises" / "hidden", "--report", tmp_path / "report"]
    said = run(*command, *hidden, cwd=project, minutes=10).stderr
    assert "4 submissions are graded" in said
    text = (tmp_path / "grades.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["question"] != "total"]
    assert len(rows) == sum(map(len, known.values())) == 28
    for row in rows:
        answer = known[row["learner"]][row["question"]]
        assert (row["verdict"] == "right") == answer.right, (row, answer)
    (tmp_path / "grades.csv").unlink()
    assert "submission 1 of 4" not in run(*command, *hidden, cwd=project).stderr
    assert (tmp_path / "grades.csv").read_text(encoding="utf-8") == text
    assert (tmp_path / "report" / "index.html").is_file()
