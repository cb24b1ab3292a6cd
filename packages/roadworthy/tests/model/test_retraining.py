"""The rules of a retraining: windows, weights, when one is wanted, when a challenger beats the champion."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from roadworthy.base import errors, settings
from roadworthy.bundle.bundle import Bundle
from roadworthy.data import snapshots
from roadworthy.model import training
from roadworthy.model.evaluation import Difference
from roadworthy.project import Project
from roadworthy.retraining import decisions
from roadworthy.serving import shadow
from roadworthy.serving.shadow import ShadowComparison

HALVES = ("2013", "2023")


def of(config: settings.Settings, **values: object) -> settings.Settings:
    """The settings of a challenger, with other values in [retraining]."""
    return settings.challenger_settings(
        config.model_copy(update={"retraining": config.retraining.model_copy(update=values)})
    )


def test_each_window_has_its_days_and_its_weights(config: settings.Settings) -> None:
    start, end = date(2013, 1, 1), date(2023, 7, 1)
    assert of(config).split.train == (start, end)
    assert of(config, window="sliding", months=3).split.train == (date(2023, 4, 1), end)
    assert of(config, window="sliding", months=400).split.train == (start, end), "never before the data begin"
    assert of(config, window="weighted", half_life=90).split.half_life == 90
    assert of(config, window="sliding", half_life=90).split.half_life == 0
    assert (of(config).data.earlier, of(config).data.snapshot) == (("2013",), "2023")


def test_the_window_is_part_of_the_lineage(project: Project, config: settings.Settings) -> None:
    made = [
        training.lineage_periods(of(config, window=w, months=3).split) for w in ("expanding", "sliding", "weighted")
    ]
    assert made[0]["train"] != made[1]["train"]
    assert made[2] == {**made[0], "half_life": ["365"]}
    assert set(training.project_lineage(project.using(of(config)))["data"]) == set(HALVES)


def test_a_row_weighs_half_as_much_after_each_half_life() -> None:
    days = pd.Series(pd.to_datetime(["2013-06-30", "2013-06-20", "2013-06-10", "2013-03-22"]))
    assert training.weights_by_age(days, 10).tolist() == [1.0, 0.5, 0.25, 2.0**-10]


def test_weights_reach_the_trees(project: Project, flights: pd.DataFrame) -> None:
    """Labels turned in the old half: with a short half-life the model follows the young half."""
    rows = flights[flights["late"].notna()].iloc[::40]
    rows = rows.assign(late=np.where(rows["day"] < "2013-10-01", rows["hour"] < 12, rows["hour"] >= 12).astype(float))
    early = rows["hour"].to_numpy() < 12
    spec = project.settings.model
    by_all, by_young = (
        training.predict(training.fit_pipeline(project, rows, spec, life), spec, rows) for life in (0, 5)
    )
    assert by_all[early].mean() > by_all[~early].mean()
    assert by_young[early].mean() < by_young[~early].mean()


def test_rows_of_earlier_snapshots_are_learned_from_and_keep_the_others_in_place(
    project: Project, config: settings.Settings
) -> None:
    days = {"train": (date(2013, 12, 1), date(2023, 2, 1)), "test": (date(2023, 2, 1), date(2023, 3, 1))}
    own = project.using(of(config, **days))
    parts = snapshots.split_features(own)
    assert set(parts.train["day"].dt.year) == {2013, 2023}
    frame = snapshots.checked_features(own)
    assert (frame.loc[parts.test.index, "flight_id"] == parts.test["flight_id"]).all()
    assert (parts.train.loc[parts.train["day"].dt.year == 2013].index < 0).all()


@pytest.mark.parametrize(("low", "better"), [(-0.001, False), (0.0, False), (0.001, True)])
def test_an_interval_that_holds_zero_is_no_improvement(low: float, better: bool) -> None:  # noqa: FBT001
    assert decisions.better_than_champion(Difference(0.01, low, 0.02, -0.001, -0.002, 0.0)).passed is better


def test_a_slice_that_gets_worse_is_named(project: Project, flights: pd.DataFrame) -> None:
    rows = flights[(flights["day_of_year"] > 330) & flights["late"].notna()]
    draw = np.random.default_rng(0)
    old = np.clip(rows["late"].to_numpy() * 0.3 + draw.normal(0.3, 0.15, len(rows)), 0, 1)
    new = np.where(rows["origin"] == "LGA", draw.random(len(rows)), old)
    found = decisions.compare_with_champion(project.contract, rows, new, old, ["origin"], 0.01)
    verdict = decisions.no_slice_worse(found.slices)
    assert verdict.passed is False
    assert "origin = LGA" in verdict.evidence
    assert "JFK" not in verdict.evidence
    borne = decisions.compare_with_champion(project.contract, rows, new, old, ["origin"], 0.6)
    assert decisions.no_slice_worse(borne.slices).passed is True
    same = decisions.compare_with_champion(project.contract, rows, old, old, ["origin", "carrier"], 0.01)
    assert [v.passed for v in same.verdicts] == [False, True], "not worse anywhere, and not better"
    assert decisions.Comparison.of(found.to_dict()) == found
    assert decisions.no_slice_worse([]).passed is None, "without a slice nothing is known"


def test_days_that_one_of_them_has_learned_from_are_no_test() -> None:
    june, july = date(2013, 6, 1), date(2013, 7, 1)
    assert decisions.unseen_days(july, july, june).passed is True
    assert "challenger" in decisions.unseen_days(june, july, june).evidence
    found = decisions.unseen_days(june, june, july)
    assert (found.passed, "champion" in found.evidence) == (False, True)


def test_only_an_alarm_that_a_new_model_could_quieten_is_a_reason() -> None:
    said = [
        errors.Verdict("labels: labels arrive", passed=False, evidence="none since Monday"),
        errors.Verdict("auc: ranking is as good as in the test", passed=None, evidence="not judged"),
        errors.Verdict("drift: features are distributed as in training", passed=False, evidence="temp"),
    ]
    assert decisions.alarm_rule(said, ["auc", "skill"]).wants is False
    found = decisions.alarm_rule(
        [*said, errors.Verdict("auc: ranking", passed=False, evidence=".61 below .65")], ["auc"]
    )
    assert (found.wants, found.reason) == (True, "auc: .61 below .65")


@pytest.mark.parametrize(("newest", "wants"), [(date(2013, 1, 31), False), (date(2013, 2, 1), True)])
def test_a_model_is_too_old_a_day_after_its_limit(newest: date, wants: bool) -> None:  # noqa: FBT001
    assert decisions.age_rule(date(2013, 1, 1), newest, 30).wants is wants


def test_days_count_as_new_when_they_are_labelled_wanted_and_not_known(project: Project) -> None:
    days = pd.date_range("2013-01-01", "2013-03-31")
    rows = pd.DataFrame({"day": days.repeat(2), "late": 0.0})
    rows.loc[rows["day"] >= "2013-03-01", "late"] = np.nan
    known, wanted = (date(2013, 1, 1), date(2013, 2, 1)), (date(2013, 1, 1), date(2013, 4, 1))
    assert decisions.new_days(project.contract, rows, known, wanted, 28).wants is True, "February has 28 labelled days"
    assert decisions.new_days(project.contract, rows, known, wanted, 29).wants is False
    assert decisions.new_days(project.contract, rows, wanted, wanted, 1).wants is False


SOUND = ShadowComparison("a log", 5000, 0.2, 0.25, 0.1, 0.2, 0.9, 0.3, 400, 0, 1.1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"error": "carrier: columns are missing"}, "cannot answer"),
        ({"invalid": 3}, "3 answers are no probabilities"),
        ({"values": 1}, "different answers"),
        ({"challenger_mean": 0.45}, "mean prediction"),
        ({"challenger_decisions": 0.001}, "decides otherwise"),
        ({"slower": 9.0}, "too slow"),
    ],
)
def test_a_broken_challenger_is_found_in_the_shadow(change: dict[str, object], told: str) -> None:
    assert shadow.shadow_is_sound(SOUND).passed is True
    found = shadow.shadow_is_sound(ShadowComparison(**{**vars(SOUND), **change}))
    assert (found.passed, told in found.evidence) == (False, True)
    assert shadow.shadow_is_sound(ShadowComparison("a log", 3)).passed is None


def test_the_shadow_answers_the_rows_of_the_champion(versions: Path) -> None:
    one, same, wider = (Bundle.load(versions / "versions" / str(number)) for number in (1, 2, 3))
    names = {feature.name: feature for feature in one.signature.features}
    asked = {name: np.array([record["features"][name] for record in one.golden]) for name in names}
    found = shadow.compare_in_shadow(one, same, "golden records", asked)
    assert (found.rows, found.largest, found.error) == (len(one.golden), 0.0, "")
    assert found.champion_mean == found.challenger_mean > 0
    assert "wind" in shadow.compare_in_shadow(one, wider, "golden records", asked).error


@pytest.mark.parametrize(("answer", "invalid"), [(0.0, 0), (1.0, 0), (1.0000001, 1), (np.nan, 1)])
def test_an_answer_that_float32_rounds_to_0_or_1_is_a_probability(
    versions: Path, monkeypatch: pytest.MonkeyPatch, answer: float, invalid: int
) -> None:
    bundle = Bundle.load(versions / "versions" / "1")
    asked = {name: np.array([record["features"][name] for record in bundle.golden]) for name in bundle.names}
    monkeypatch.setattr(Bundle, "predict", lambda _, x: np.append(np.full(len(x) - 1, 0.4), answer))
    assert shadow.compare_in_shadow(bundle, bundle, "golden records", asked).invalid == invalid
