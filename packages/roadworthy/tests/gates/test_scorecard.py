"""The score is that of the paper: the weakest section counts, and a test without a drill is no point."""

import json
from pathlib import Path

import pytest

from roadworthy.drills.board import DrillResult
from roadworthy.drills.faults import Fault
from roadworthy.gates import scorecard
from roadworthy.gates.run import GATES, Judged
from sample import HOME

FAULTS = [Fault(name=f"{gate.name} {n}", gate=gate.name, story="how") for gate in GATES for n in (1, 2)]


def judged(**other: bool | None) -> list[Judged]:
    red = {name.replace("_", " "): passed for name, passed in other.items()}
    return [Judged(gate.name, gate.claim, red.get(gate.name, True), f"<{gate.name}>", 0.1) for gate in GATES]


def make(faults: list[Fault], tmp_path: Path, **other: bool | None) -> scorecard.Scorecard:
    return scorecard.make_scorecard(3, judged(**other), faults, HOME, tmp_path / "drills.json")


def test_all_tests_automated_score_seven(tmp_path: Path) -> None:
    told = make(FAULTS, tmp_path).to_dict()
    assert (told["score"], told["automated"], told["green"], told["version"]) == (7, 28, 28, 3)
    assert told["sections"] == {"Data": 7, "Model": 7, "Infrastructure": 7, "Monitoring": 7}


def test_the_weakest_section_is_the_score(tmp_path: Path) -> None:
    some = [fault for fault in FAULTS if fault.gate not in {"Model 2", "Model 5", "Data 1"}]
    card = make(some, tmp_path)
    assert card.sections == {"Data": 6, "Model": 5, "Infrastructure": 7, "Monitoring": 7}
    assert card.score == 5


@pytest.mark.parametrize("passed", [False, None])
def test_what_is_not_green_is_not_counted_as_green(passed: bool | None, tmp_path: Path) -> None:  # noqa: FBT001
    card = make(FAULTS, tmp_path, Data_3=passed)
    page = scorecard.write_scorecard(card, tmp_path / "index.html", HOME, "flights").read_text(encoding="utf-8")
    assert card.green == 27
    assert "27 of 28 gates are green" in page
    assert "&lt;Data 3&gt;" in page


def test_code_is_named_by_file_and_line(tmp_path: Path) -> None:
    for test in make(FAULTS, tmp_path).tests:
        file, _, line = test.code.rpartition(":")
        lines = (HOME / file).read_text(encoding="utf-8").splitlines()[int(line) - 1 :]
        decorator = (lines[0] if not lines[0].endswith("gate(") else lines[0] + lines[1].strip()).replace(
            "limited_", ""
        )
        assert decorator.startswith(f'@gate("{test.judged.gate}"')


def test_what_drills_found_is_kept_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "drills.json"
    one = DrillResult("Data 1 1", "Data 1", caught=True, red=("Data 1",), not_judged=(), evidence="e", seconds=1.0)
    two = DrillResult("Data 1 2", "Data 1", caught=False, red=(), not_judged=(), evidence="e", seconds=1.0)
    scorecard.write_drilled(file, [one])
    scorecard.write_drilled(file, [two])
    assert len(json.loads(file.read_text())) == 2
    caught = {test.judged.gate: test.caught for test in make(FAULTS, tmp_path).tests}
    assert (caught["Data 1"], caught["Data 2"]) == (1, None)
