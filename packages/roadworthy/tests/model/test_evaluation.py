from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from roadworthy.contract.workspace import METRICS
from roadworthy.model import evaluation

ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.25, 0.5, 0.9]), st.integers(0, 4)), min_size=4, max_size=60
)


def test_a_project_may_take_no_name_of_a_metric_of_the_library() -> None:
    kinds = (evaluation.Evaluation, evaluation.NumberEvaluation)
    assert {*METRICS, "own"} == {each.name for kind in kinds for each in fields(kind)}


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_the_metrics_are_those_of_scikit_learn_with_ties(rows: list[tuple[bool, float, int]]) -> None:
    y, p, day = (np.array(column) for column in zip(*rows, strict=True))
    result = evaluation.evaluate(y, p, day, draws=20)
    assert result.brier == pytest.approx(brier_score_loss(y, p))
    assert result.log_loss == pytest.approx(log_loss(y, p, labels=[False, True]))
    assert result.base_rate == pytest.approx(y.mean())
    if y.all() or not y.any():
        assert np.isnan(result.auc)
    else:
        assert result.auc == pytest.approx(roc_auc_score(y, p))


@settings(max_examples=20, deadline=None)
@given(ROWS, st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows: list[tuple[bool, float, int]], draw: object) -> None:
    shuffled = rows.copy()
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (
        evaluation.evaluate(*map(np.array, zip(*some, strict=True)), draws=20) for some in (rows, shuffled)
    )
    assert first.to_dict() == pytest.approx(second.to_dict(), nan_ok=True)


def test_days_with_their_own_base_rate_make_the_interval_wide() -> None:
    draw = np.random.default_rng(0)
    day = np.repeat(np.arange(40), 200)
    bad_day = draw.uniform(0.05, 0.6, 40)[day]
    y = draw.random(len(day)) < bad_day
    p = np.clip(bad_day + draw.normal(0, 0.2, len(day)), 0, 1)
    by_day = evaluation.evaluate(y, p, day)
    by_row = evaluation.evaluate(y, p, np.arange(len(day)) % 4000)
    assert by_day.brier_high - by_day.brier_low > 2 * (by_row.brier_high - by_row.brier_low)


def test_the_interval_covers_the_truth_in_most_repetitions() -> None:
    draw, covered = np.random.default_rng(1), 0
    for repetition in range(60):
        day = np.repeat(np.arange(30), 30)
        y = draw.random(900) < 0.3
        p = draw.normal(y * 1.0, 1.0)  # two normals one apart: the AUC is Phi(1 / sqrt 2) = .7602
        result = evaluation.evaluate(y, p, day, draws=200, seed=repetition)
        covered += result.auc_low <= 0.7602 <= result.auc_high
    assert covered >= 50, f"{covered} of 60, 57 expected"


def test_a_model_is_not_better_than_itself() -> None:
    draw = np.random.default_rng(2)
    y, p, day = draw.random(500) < 0.3, draw.random(500), np.arange(500) % 20
    same = evaluation.compare(y, p, p, day)
    assert (same.auc, same.auc_low, same.auc_high, same.brier) == (0, 0, 0, 0)
    assert not same.better


def test_pairing_sees_a_difference_that_separate_intervals_hide() -> None:
    draw = np.random.default_rng(3)
    day = np.repeat(np.arange(50), 100)
    y = draw.random(5000) < draw.uniform(0.1, 0.6, 50)[day]
    p = draw.normal(y * 0.8, 1.0)
    worse = p + draw.normal(0, 0.4, 5000)
    one, two = evaluation.evaluate(y, p, day), evaluation.evaluate(y, worse, day)
    assert two.auc_high > one.auc_low, "the intervals overlap"
    assert evaluation.compare(y, p, worse, day).better
    assert not evaluation.compare(y, worse, p, day).better


def test_a_slice_without_enough_rows_of_both_classes_is_left_out() -> None:
    frame = pd.DataFrame({"carrier": ["big"] * 400 + ["small"] * 50})
    y = np.array([1, 0] * 225)
    found = evaluation.slices(frame, ["carrier"], y, np.linspace(0, 1, 450), np.arange(450) % 9)
    assert found["slice"].tolist() == ["carrier = big"]


def test_no_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="no rows"):
        evaluation.evaluate([], [], [])
