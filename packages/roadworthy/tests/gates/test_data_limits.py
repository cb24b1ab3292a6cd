"""The limits that hang on the data: each is read where it is compared, from the settings, and has a reason."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import pandas as pd
import pytest
from pydantic import ValidationError

from roadworthy.base import settings
from roadworthy.base.settings import Limits
from roadworthy.gates import alarms, alternatives, expectations, feature_value, features, promotion, run, speed
from roadworthy.gates.bench import Gate
from roadworthy.gates.model import SimplerModel, Slices, Tuning
from roadworthy.model.evaluation import Difference
from roadworthy.model.training import Candidate
from roadworthy.serving import __main__ as program
from roadworthy.serving.canary import CanaryComparison
from roadworthy.serving.shadow import ShadowComparison, shadow_is_sound
from sample import HOME

COLUMNS = pd.DataFrame({
    "table": ["readings"], "column": ["value"], "low": [0.0], "high": [21.0], "seen_low": [0.0], "seen_high": [1.0],
    "nulls": [0.1], "max_null": [0.4],
})  # fmt: skip
COSTS = pd.DataFrame({"micros": [1.0, 1.0, 4.0], "request": [9, 9, 90], "bundle": [0, 0, 9000]}, index=list("abc"))
SQL = feature_value.SqlCosts(touched=50.0, growth=1.0, joins=50.0)
AGES = pd.DataFrame({"since": [0, 90], "until": [90, 180], "quality": [0.7, 0.68], "loss": [0.0, 0.03],
                     "low": [0.0, 0.02], "high": [0.0, 0.04]})  # fmt: skip
SLICE = pd.DataFrame({"slice": ["place = a"], "rows": [900], "auc": [0.8], "auc_low": [0.8], "auc_high": [0.8]})
SEEN = pd.DataFrame({"slice": ["all rows", "place = a"], "rows": [9000, 900], "gap": [0.0, 0.05]})
GROUP = {"group": "place a", "rows": 900, "gap_more": 0.0, "gap_low": 0.0, "gap_high": 0.0,
         "recall": 0.5, "recall_more": 0.0, "recall_low": 0.0, "recall_high": 0.0}  # fmt: skip
STABLE = speed.Stability((), 900, 0, 5.0, 5000, 0, 0.01, 80, 0, 0.0)
COST = speed.Cost("a request", 90, 90)
SPEED = speed.Speed(COST, COST, COST, 10_000_000, 10_000_000, "model.onnx")
SIDE = alarms.VersionSide(gap=0.0, decisions=0.2)
SAME = Difference(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
CANARY = CanaryComparison(100, 0, 0, "", 0.2, 0.2, 0.5, 1.0, 1.0)
SHADOW = ShadowComparison("a log", 900, 0.2, 0.3, 0.2, 0.1, 0.9, 0.2, 20)


class Case(NamedTuple):
    """Evidence that is green by the default limits, and red by a stricter one, by name and value."""

    gate: str
    evidence: Any
    limit: str
    value: float


def regression(now: alarms.VersionSide = SIDE, **change: float) -> alarms.Regression:
    return alarms.Regression(90, replace(SAME, **change), now, SIDE)


CASES = [
    Case("Data 1", expectations.Expectations(COLUMNS, (), 9, (), ()), "max_room", 19),
    Case("Data 1", expectations.Expectations(COLUMNS, (), 9, (), ()), "max_slack", 0.2),
    Case("Data 2", feature_value.Contributions(
        pd.DataFrame({"loss": [0.001], "low": [0.0], "high": [0.002]}, index=["a"]), {}), "least_contribution", 0.003),
    Case("Data 3", feature_value.Costs(COSTS, SQL), "max_times_median", 3),
    Case("Data 3", feature_value.Costs(COSTS, SQL), "max_request_bytes", 80),
    Case("Data 3", feature_value.Costs(COSTS, SQL), "max_feature_bytes", 8000),
    Case("Data 3", feature_value.Costs(COSTS, SQL), "max_touched", 40),
    Case("Data 3", feature_value.Costs(COSTS, SQL), "max_joins", 40),
    Case("Data 6", features.AddedFeature((), {"request": True}, 9.0), "max_added_seconds", 8),
    Case("Model 3", Tuning((), 0.7, [Candidate({"max_iter": 9}, 0.71, 0.01, 0.005, 0.02)]), "tuning_margin", 0.004),
    Case("Model 4", alternatives.Ages(AGES, 180), "max_age_loss", 0.01),
    Case("Model 5", SimplerModel(0.7, 0.69, replace(SAME, auc=0.01, auc_low=0.005)), "simpler_margin", 0.004),
    Case("Model 6", Slices(SLICE, 0.9, 0.9), "max_slice_drop", 0.05),
    Case("Model 6", Slices(SLICE, 0.7, 0.9, SEEN), "max_slice_off", 0.04),
    Case("Model 7", pd.DataFrame([{**GROUP, "gap_low": 0.05}]), "max_group_over", 0.04),
    Case("Model 7", pd.DataFrame([{**GROUP, "gap_high": -0.03}]), "max_group_under", 0.02),
    Case("Model 7", pd.DataFrame([{**GROUP, "recall_high": -0.1}]), "max_group_missed", 0.09),
    Case("Infrastructure 4", promotion.Validation("", 9, (), 1, 0, 40, 0.0, ""), "min_test_days", 41),
    Case("Infrastructure 6", CANARY, "max_version_psi", 0.4),
    Case("Monitoring 5", STABLE, "max_step", 4),
    Case("Monitoring 5", STABLE, "max_certain", 0.005),
    Case("Monitoring 6", SPEED, "max_bundle", 9e6),
    Case("Monitoring 7", regression(auc_high=-0.005), "max_quality_worse", 0.004),
    Case("Monitoring 7", regression(brier_low=0.004), "max_error_worse", 0.003),
    Case("Monitoring 7", regression(replace(SIDE, gap=0.05)), "max_gap_worse", 0.04),
    Case("Monitoring 7", regression(replace(SIDE, decisions=0.05)), "max_decision_factor", 3),
]  # fmt: skip
ELSEWHERE = {
    # tests/data/test_table_checks.py, tests/model/test_model_tests.py, tests/model/test_retraining.py
    *settings.TABLE_LIMITS, "max_error_loss", "max_reversal", "max_slice_worse",
    "max_shadow_shift", "min_shadow_values",  # below
}  # fmt: skip


def limits_with(name: str, value: float) -> Limits:
    return Limits.model_validate({name: value})


def judged(gate: Gate[Any], evidence: Any, limits: Limits) -> bool | None:
    """As the gates are run: the evidence is gathered from a bench, the limits are those of its settings."""

    contract = SimpleNamespace(timeless=False)
    bench: Any = SimpleNamespace(config=SimpleNamespace(limits=limits), contract=contract)
    return run.judge_gate(replace(gate, gather=lambda _: evidence), bench).passed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.limit)
def test_a_gate_judges_by_the_limit_of_the_settings(case: Case) -> None:
    (gate,) = [gate for gate in run.GATES if gate.name == case.gate]
    assert gate(case.evidence).passed is True
    assert judged(gate, case.evidence, Limits()) is True
    assert judged(gate, case.evidence, limits_with(case.limit, case.value)) is False


def test_every_limit_is_compared_with_a_figure_in_some_test() -> None:
    assert {case.limit for case in CASES} | ELSEWHERE == set(Limits.model_fields)


def test_every_limit_has_a_reason_and_a_range() -> None:
    for name, limit in Limits.model_fields.items():
        assert limit.description, name
        assert len(limit.description) > 20, name
        assert limit.metadata, f"{name} takes any number"


@pytest.mark.parametrize(
    ("limit", "value"), [("max_certain", 1.1), ("min_test_days", 0), ("max_gap", -1), ("max_certian", 0.5)]
)
def test_a_limit_that_makes_no_sense_is_refused(limit: str, value: float) -> None:
    with pytest.raises(ValidationError, match=limit):
        limits_with(limit, value)


@pytest.mark.parametrize(
    ("limit", "value"), [("max_shadow_shift", 0.05), ("min_shadow_values", 30), ("max_decision_factor", 1.5)]
)
def test_a_challenger_is_sound_by_the_limits_of_the_settings(limit: str, value: float) -> None:
    assert shadow_is_sound(SHADOW).passed is True
    assert shadow_is_sound(SHADOW, limits_with(limit, value)).passed is False


def test_the_service_takes_a_canary_out_by_the_limit_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLE_HOME", str(HOME))
    rollout, *_ = program._service_options(program._parser().parse_args([]))
    assert rollout.max_psi == 0.70
    monkeypatch.setenv("MLE_LIMITS__MAX_VERSION_PSI", "0.3")
    rollout, *_ = program._service_options(program._parser().parse_args([]))
    assert rollout.max_psi == 0.3
    named = ["--registry", "registry", "--max-psi", "0.4"]
    assert program._service_options(program._parser().parse_args(named))[0].max_psi == 0.4
