"""What the commands around the gates say and end with; the gates themselves are replaced by a few words here."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lessons_made import command
from roadworthy.base import errors
from roadworthy.base.errors import InputError, RedError
from roadworthy.cli import program
from roadworthy.drills import board
from roadworthy.drills.board import DrillResult
from roadworthy.gates import run
from roadworthy.gates.run import GATES, Judged, JudgedVersion, judge_version
from roadworthy.project import Project
from roadworthy.registry.registry import Registry
from sample import HOME


def judged(red: str = "", unsure: str = "") -> list[Judged]:
    passed = {red: False, unsure: None}
    return [Judged(gate.name, gate.claim, passed.get(gate.name, True), "as measured", 0.5) for gate in GATES]


def invoke(*words: str) -> tuple[Any, BaseException | None]:
    result = CliRunner().invoke(program.commands, words, standalone_mode=False)
    return result.stdout, result.exception


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Judged]:
    """What the gates will say; change it in place."""
    told = judged()
    monkeypatch.setattr(run, "judge_version", lambda *_, **__: JudgedVersion(3, told))
    monkeypatch.setenv("MLE_HOME", str(HOME))
    monkeypatch.setenv("MLE_PATHS__REPORTS", str(tmp_path / "reports"))
    return told


def test_all_green_is_good(said: list[Judged]) -> None:
    output, error = invoke("gates", "--json")
    assert error is None
    assert [each["gate"] for each in json.loads(output)] == [each.gate for each in said]


@pytest.mark.parametrize("how", [{"red": "Model 6"}, {"unsure": "Model 6"}])
def test_one_that_is_not_green_ends_the_command(said: list[Judged], how: dict[str, str]) -> None:
    said[:] = judged(**how)
    for words in (["gates", "--json"], ["scorecard", "--json"]):
        output, error = invoke(*words)
        assert isinstance(error, RedError)
        assert error.exit_code == 1
        assert "Model 6: as measured" in str(error)
        assert json.loads(output)


@pytest.mark.usefixtures("said")
def test_the_scorecard_is_a_page_and_a_document(tmp_path: Path) -> None:
    output, error = invoke("scorecard", "--json")
    assert error is None
    told = json.loads(output)
    assert (told["score"], told["automated"], told["green"]) == (7, 28, 28)
    assert "ML Test Score 7" in (tmp_path / "reports" / "scorecard" / "index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("said")
def test_drills_are_listed_without_a_name() -> None:
    output, error = invoke("drill", "--json")
    assert error is None
    assert {each["gate"] for each in json.loads(output)} == {gate.name for gate in GATES}


def drilled(caught: bool) -> DrillResult:  # noqa: FBT001
    return DrillResult("some fault", "Model 6", caught, ("Model 6",) if caught else (), (), "as measured", 1.0)


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("caught", [True, False])
def test_a_fault_that_is_missed_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, caught: bool
) -> None:
    monkeypatch.setattr(board, "run_drills", lambda *_: [drilled(caught)])
    output, error = invoke("drill", "--all", "--json")
    assert json.loads(output)[0]["caught"] is caught
    assert isinstance(error, RedError) is not caught
    kept = json.loads((tmp_path / "reports" / "scorecard" / "drills.json").read_text())
    assert kept[0]["fault"] == "some fault"


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("alarms", [{}, {"Model 6": "as measured"}])
def test_a_false_alarm_ends_the_command(monkeypatch: pytest.MonkeyPatch, alarms: dict[str, str]) -> None:
    monkeypatch.setattr(board, "run_clean_variants", lambda *_: [board.CleanResult("a month", alarms, {})])
    output, error = invoke("drill", "--clean", "1", "--json")
    assert json.loads(output)[0]["alarms"] == alarms
    assert isinstance(error, RedError) is bool(alarms)


@pytest.mark.usefixtures("said")
def test_drills_show_how_far_they_are_beside_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(*given: Any) -> list[DrillResult]:
        given[-1]("some fault", 1, 1)
        return [drilled(caught=True)]

    monkeypatch.setattr(board, "run_drills", planted)
    result = CliRunner().invoke(program.commands, ["drill", "--all", "--json"], standalone_mode=False)
    assert (json.loads(result.stdout)[0]["fault"], "drill 1 of 1: some fault" in result.stderr) == ("some fault", True)


def test_mistakes_are_told_in_a_sentence(tmp_path: Path) -> None:
    unknown = command(HOME, "drill", "no such fault")
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (2, False)
    assert "there is no drill 'no such fault'" in unknown.stderr
    nothing = command(HOME, "drill", "--look", MLE_PATHS__REPORTS=str(tmp_path))
    assert (nothing.returncode, "no fault is planted" in nothing.stderr) == (2, True)
    empty = command(HOME, "gates", MLE_PATHS__REGISTRY=str(tmp_path / "registry"))
    assert (empty.returncode, "there is no version 'champion'" in empty.stderr) == (2, True)


def test_a_version_with_a_red_verdict_is_not_promoted(registry: Path) -> None:
    place = Registry(registry)
    (registry / "aliases.json").write_text("{}")
    green, red = (errors.Verdict("Model 6", passed=passed, evidence="as measured") for passed in (True, False))
    (place.path(1) / "gates.json").write_text(errors.dump_verdicts([green]))
    place.judge(1, [green, red])
    with pytest.raises(RedError, match="Model 6: as measured"):
        place.promote(1)
    assert place.aliases() == {}
    place.judge(1, [green])
    assert place.promote(1) == 1


def test_a_champion_that_is_gone_is_told_by_the_gates_and_not_instead_of_them(
    versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_PATHS__REGISTRY", str(versions))
    (versions / "aliases.json").write_text('{"champion": 9}')
    monkeypatch.setattr(run, "run_gates", lambda *_: judged(red="Infrastructure 4"))
    said = judge_version(Project.open(HOME))
    assert said.version == 3
    assert Registry(versions).judged(3) == said.verdicts
    with pytest.raises(InputError, match="there is no version 'nobody'"):
        judge_version(Project.open(HOME), "nobody")


def test_what_was_judged_about_no_version_is_an_error(registry: Path) -> None:
    with pytest.raises(InputError, match="there is no version 9"):
        Registry(registry).judge(9, [])
