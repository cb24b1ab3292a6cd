"""What decides about a version is not deaf: the command `gates`, the ruling about a challenger, and its comparison."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from roadworthy.base.errors import RedError, Verdict
from roadworthy.cli import gates
from roadworthy.data import snapshots
from roadworthy.gates import run
from roadworthy.model.evaluation import Difference
from roadworthy.project import Project
from roadworthy.registry.registry import Registry
from roadworthy.registry.releases import GREEN, stage_copy
from roadworthy.retraining import decisions, retrain
from roadworthy.retraining.decisions import Record
from small import rows

PHASES = ("gates", "comparison", "shadow")


@pytest.fixture
def bundle(small_bundle: Path) -> Path:
    """A bundle that says until when it has learned."""
    file = small_bundle / "manifest.json"
    lineage = {"periods": {"train": ["2013-01-01", "2013-06-01"]}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "lineage": lineage}))
    return small_bundle


@pytest.fixture
def registry(built_registry: Path, tmp_path: Path) -> Path:
    """A registry apart from that of the project below."""
    from shutil import copytree

    return Path(copytree(built_registry, tmp_path / "built"))


@pytest.fixture
def own(project: Project, tmp_path: Path) -> Project:
    """The project with a registry of its own, judged without slices."""
    config = project.settings
    paths = config.paths.model_copy(update={"registry": tmp_path / "registry"})
    tests = config.tests.model_copy(update={"slices": ()})
    return project.using(config.model_copy(update={"paths": paths, "tests": tests}))


def record(said: dict[str, list[Verdict]], champion: int = 1, challenger: int = 2) -> Record:
    phases: dict[str, dict[str, Any]] = {
        phase: {"found": {"verdicts": [{"gate": v.gate, "passed": v.passed, "evidence": v.evidence} for v in verdicts]}}
        for phase, verdicts in said.items()
    }
    phases["training"] = {"found": {"version": challenger}}
    return Record(Path("decision"), {"plan": {"champion": champion}, "phases": phases})


@pytest.mark.parametrize("passed", [False, None])
def test_the_command_gates_ends_with_an_error_and_keeps_the_verdict_when_a_gate_is_not_green(
    own: Project, bundle: Path, monkeypatch: pytest.MonkeyPatch, *, passed: bool | None
) -> None:
    registry = Registry(own.settings.paths.registry)
    number = stage_copy(bundle, registry)
    judged = [run.Judged("Data 1", "claim", passed=passed, evidence="as if", seconds=0.0)]
    monkeypatch.setattr(run, "run_gates", lambda *_, **__: judged)
    with pytest.raises(RedError, match="Data 1: as if"):
        gates.judge_and_record(own, str(number), as_json=True)
    assert [verdict.passed for verdict in registry.judged(number)] == [passed]
    with pytest.raises(RedError):
        registry.promote(number)


def test_a_challenger_is_promoted_when_every_phase_is_green() -> None:
    assert decisions.rule_on_challenger(decisions.decision_verdicts(record({each: [*GREEN] for each in PHASES})))[0]


@pytest.mark.parametrize("passed", [False, None])
@pytest.mark.parametrize("phase", PHASES)
def test_no_challenger_is_promoted_with_a_verdict_that_is_not_green(phase: str, *, passed: bool | None) -> None:
    other = Verdict("Model 6", passed, "as if")
    said = {each: [*GREEN, *([other] if each == phase else [])] for each in PHASES}
    assert not decisions.rule_on_challenger(decisions.decision_verdicts(record(said)))[0]


def test_a_challenger_that_is_always_wrong_is_not_better_than_a_champion_that_knows_nothing(
    own: Project, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, contract = np.arange(400) % 3 == 0, own.contract
    table = pd.DataFrame(rows(400)).assign(**{contract.target: late, contract.day: np.arange(400) // 40})
    registry = Registry(own.settings.paths.registry)
    champion, challenger = stage_copy(bundle, registry), stage_copy(bundle, registry, [*GREEN, *GREEN])
    answers = {str(champion): np.full(len(table), 0.5), str(challenger): np.where(late, 0.0, 1.0)}
    monkeypatch.setattr(decisions, "predict_frame", lambda bundle, _: answers[bundle.version])
    work = retrain.DecisionWork(
        own, own, record({}, champion, challenger), lambda *_: [], own.settings.paths.predictions, datetime.now(UTC)
    )
    work.split = snapshots.Split(table, table)
    compared = work.comparison()
    assert "no slice is worse" not in [each["gate"] for each in compared["verdicts"]], "there are none to ask about"
    found = Difference(**compared["difference"])
    assert not found.better
    # Hand calculation: the champion ranks at random, the challenger the wrong way round.
    assert found.auc == pytest.approx(-0.5)
