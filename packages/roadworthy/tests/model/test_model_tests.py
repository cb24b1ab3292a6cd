from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from roadworthy.base.errors import InputError, Verdict
from roadworthy.base.settings import Limits
from roadworthy.bundle.signature import Scale
from roadworthy.data import snapshots
from roadworthy.model import evaluation, training
from roadworthy.project import Project

pytestmark = pytest.mark.slow
Array = NDArray[np.float64]


def red(verdicts: list[Verdict]) -> set[str]:
    return {verdict.gate for verdict in verdicts if not verdict.passed}


def judge(project: Project, predict: evaluation.Predict, split: snapshots.Split) -> set[str]:
    answers, config = predict(split.test), project.settings
    features = config.model.features
    found = evaluation.run_model_tests(
        project.contract, predict, split.train, split.test, features, config.tests, answers=answers
    )
    return red(found)


def test_a_sound_model_is_green(trained: training.Trained) -> None:
    assert red(list(trained.verdicts)) == set()
    assert len(trained.verdicts) >= 10


def test_a_model_that_says_one_number_is_red(project: Project, split: snapshots.Split) -> None:
    assert "better than the base rate" in judge(project, lambda rows: np.full(len(rows), 0.25), split)


def test_an_inverted_model_is_red_in_every_direction(
    project: Project, trained: training.Trained, split: snapshots.Split
) -> None:
    found = judge(project, lambda rows: 1 - trained.predict(rows), split)
    assert {"better than the base rate", "rises with precip", "falls with visib", "quality on every slice"} <= found


def test_features_in_another_order_are_noticed(
    project: Project, trained: training.Trained, split: snapshots.Split
) -> None:
    def swapped(rows: pd.DataFrame) -> Array:
        return trained.predict(rows.assign(visib=rows["wind_speed"], wind_speed=rows["visib"]))

    assert {"rises with wind_speed", "falls with visib"} & judge(project, swapped, split)


@pytest.mark.parametrize(
    ("slope", "passed"), [(0.01, True), (-0.0004, True), (-0.0006, False), (0.0, False), (float("nan"), False)]
)
def test_a_direction_is_wrong_beyond_chance_or_without_any_effect(slope: float, passed: bool) -> None:  # noqa: FBT001
    asked = (pd.DataFrame({"wind": [3.0, 9.0]}), "wind", 5, 25)
    move = partial(evaluation.moves_as_expected, limit=0.01)
    verdict = move(lambda each: slope * each["wind"].to_numpy(), *asked, sign=1)
    assert verdict.passed is passed
    falling = move(lambda each: -slope * each["wind"].to_numpy(), *asked, sign=-1)
    assert (falling.gate, falling.passed) == ("falls with wind", passed)


def test_a_probability_that_is_not_a_number_is_red(
    project: Project, trained: training.Trained, split: snapshots.Split
) -> None:
    def broken(rows: pd.DataFrame) -> Array:
        return np.where(rows["temp"].isna(), np.nan, trained.predict(rows))

    assert "minimum functionality" in red(
        [evaluation.minimal_functionality(project.contract, broken, split.test.head(500))]
    )


def test_a_model_that_hangs_on_one_feature_is_not_invariant_to_it(split: snapshots.Split) -> None:
    def hangs(rows: pd.DataFrame) -> Array:
        return (rows["seats"].fillna(0) / 500).to_numpy()

    assert evaluation.is_invariant(hangs, split.test.head(2000), "seats", 0.01).passed is False
    assert evaluation.is_invariant(hangs, split.test.head(2000), "engines", 0.01).passed is True


def test_a_leak_is_caught_by_the_contract_and_by_its_strength(project: Project, split: snapshots.Split) -> None:
    contract, features = project.contract, project.settings.model.features
    leaky = (*features, "dep_delay")
    assert evaluation.known_in_time(contract, leaky).passed is False
    assert evaluation.no_leak(contract, split.test, leaky).passed is False
    assert evaluation.known_in_time(contract, features).passed is True
    assert evaluation.no_leak(contract, split.test, features).passed is True


def test_a_project_says_itself_what_one_feature_may_know_alone(project: Project, split: snapshots.Split) -> None:
    contract, leaky, tests = project.contract, (*project.settings.model.features, "dep_delay"), project.settings.tests
    assert evaluation.no_leak(contract, split.test, leaky, 0.99).passed is True
    allowing = tests.model_copy(update={"max_auc_alone": 0.99, "slices": ()})
    predict: evaluation.Predict = lambda rows: np.full(len(rows), 0.25)  # noqa: E731
    answers = predict(split.test)
    found = evaluation.run_model_tests(contract, predict, split.train, split.test, leaky, allowing, answers=answers)
    passed = {verdict.gate: verdict.passed for verdict in found}
    assert passed["no feature gives the answer away"] is True
    assert "quality on every slice" not in passed, "without slices that is for the gate Model 6 to ask"
    config = project.settings
    lineages = [
        training.lineage_of(project, (), config.split, config.model, each)["tests"] for each in (tests, allowing)
    ]
    assert ["max_auc_alone" in each for each in lineages] == [False, True], "older versions have the same lineage"


def test_a_project_says_itself_how_much_a_training_may_lose(project: Project, split: snapshots.Split) -> None:
    """A model that turns wind round a little, and says too much everywhere."""

    def wrong(rows: pd.DataFrame) -> Array:
        return np.clip(0.5 - 0.001 * rows["wind_speed"].fillna(0).to_numpy(), 0, 1)

    answers, config = wrong(split.test), project.settings
    asked = (project.contract, wrong, split.train, split.test, config.model.features, config.tests)
    found = evaluation.run_model_tests(*asked, answers=answers)
    assert {"better than the base rate", "rises with wind_speed"} <= red(found)
    wide = Limits(max_error_loss=0.9, max_reversal=0.5)
    found = evaluation.run_model_tests(*asked, answers=answers, limits=wide)
    assert "rises with wind_speed" not in red(found)
    learned = evaluation.evaluate([0.0, 1.0] * 50, [0.4, 0.6] * 50, range(100))
    y = np.array([0.0, 1.0] * 50)
    loss = evaluation.error_loss(evaluation.CLASSIFICATION, Scale(), y, np.where(y == 1, 0.6, 0.4), [0.0, 1.0])
    assert evaluation.has_learned(evaluation.CLASSIFICATION, learned, loss, limit=-0.1).passed is False
    assert evaluation.has_learned(evaluation.CLASSIFICATION, learned, loss, limit=-0.08).passed is True
    lineages = [
        training.lineage_of(each, (), config.split, config.model, config.tests)["tests"]
        for each in (project, project.using(config.model_copy(update={"limits": wide})))
    ]
    assert lineages[1] == {**lineages[0], "max_error_loss": 0.9, "max_reversal": 0.5}, "older ones have the same"


def test_columns_of_the_settings_are_looked_for_before_a_model_is_fitted(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pd.DataFrame({"carrier": ["AA"], "wind": [1.0]})
    monkeypatch.setattr(training, "fit_pipeline", None)
    tests = project.settings.tests.model_copy(update={"slices": ("carier",)})
    with pytest.raises(InputError, match=r"\[tests\] slices: there is no column 'carier'\n.* make: carrier, wind"):
        training.train_model(project, snapshots.Split(rows, rows), project.settings.model, tests)


def test_a_slice_below_the_floor_is_named(split: snapshots.Split, trained: training.Trained) -> None:
    answers = trained.answers.copy()
    newark = (split.test["origin"] == "EWR").to_numpy()
    answers[newark] = np.random.default_rng(0).random(newark.sum())
    found = evaluation.slices(split.test, ["origin"], split.test["late"], answers, split.test["day"])
    verdict = evaluation.every_slice(found, 0.60, evaluation.CLASSIFICATION)
    assert verdict.passed is False
    assert "origin = EWR" in verdict.evidence


def test_without_slices_nothing_is_judged() -> None:
    assert evaluation.every_slice(pd.DataFrame(), 0.6, evaluation.CLASSIFICATION).passed is None
