"""Estimates before labels: on a world in which probabilities are frequencies, and on one in which they are not."""

from typing import Any

import numpy as np
import pytest
import world
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from roadworthy.monitoring import estimates
from roadworthy.monitoring.estimates import Estimate, estimate_windows
from roadworthy.monitoring.monitors import Window

TRAIN = world.join([world.week(number) for number in range(26)])
PART = np.arange(len(TRAIN["day"])) * 6 // len(TRAIN["day"])


def fitted(fault: world.Fault | None = None) -> dict[str, Any]:
    known = ~np.isnan(TRAIN["label"])
    rows = {name: values[known] for name, values in (fault(TRAIN) if fault else TRAIN).items()}
    return {
        **world.reference(),
        "estimate": estimates.fit_estimates(rows["probability"], rows["label"], rows["day"], PART[known]),
    }


def by_metric(found: list[Estimate], metric: str) -> list[Estimate]:
    return [each for each in found if each.metric == metric]


def test_what_was_realised_is_what_scikit_learn_says() -> None:
    (window,) = world.windows(30, 1)
    y, p = window.label[window.judged], window.answers[window.judged]
    real = estimates.realised_metrics(p, y)
    assert real["auc"] == pytest.approx(roc_auc_score(y, p), abs=1e-4)
    assert real["brier"] == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert real["log_loss"] == pytest.approx(log_loss(y, p), abs=1e-12)
    assert estimates.realised_metrics(p[:200], np.zeros(200)) == {}


def test_probabilities_that_are_frequencies_tell_their_own_quality() -> None:
    reference, held = fitted(), []
    for seed in range(10):
        draw = np.random.default_rng(seed)
        weeks = [world.week(number) for number in range(26, 50)]
        again = [{**w, "label": (draw.random(len(w["label"])) < w["probability"]).astype(float)} for w in weeks]
        found = estimate_windows(reference, [Window.of(str(w["day"][0]), w) for w in again], judge_over=4)
        auc = by_metric(found, "auc")[3::4]  # of four weeks each, none twice
        assert len(auc) == 6
        held += [each.holds for each in auc]
        assert auc[-1].value == pytest.approx(0.683, abs=0.01)
        assert auc[-1].high - auc[-1].low < 0.03
    assert 0.85 <= np.mean(np.array(held, dtype=float)) < 1


def overconfident(w: world.Week) -> world.Week:
    """The log odds are twice what they should be: the ranking is the same."""
    odds = (w["probability"] / (1 - w["probability"])) ** 2
    return {**w, "probability": odds / (1 + odds)}


def test_overconfident_probabilities_are_calibrated_before_they_are_believed() -> None:
    reference = fitted(overconfident)
    assert reference["estimate"]["slope"] == pytest.approx(0.5, abs=0.02)
    assert reference["estimate"]["intercept"] == pytest.approx(0, abs=0.05)
    windows = world.windows(40, 4, overconfident)
    calibrated = by_metric(estimate_windows(reference, windows, judge_over=4), "auc")[-1]
    raw = {**reference, "estimate": {**reference["estimate"], "intercept": 0.0, "slope": 1.0}}
    believed = by_metric(estimate_windows(raw, windows, judge_over=4), "auc")[-1]
    assert abs(calibrated.value - calibrated.realised) < 0.02
    assert believed.value - believed.realised > 0.05


def test_rows_of_an_unseen_category_widen_the_interval_to_the_worse_side_only() -> None:
    reference = fitted()
    (known,), (strange,) = (
        by_metric(estimate_windows(reference, world.windows(30, 1, fault)), "auc") for fault in (None, world.renamed)
    )
    assert (strange.value, strange.high) == (known.value, known.high)
    share = float((world.week(30)["carrier"] == "UA").mean())
    worse = (known.value - 0.5) * (1 - (1 - share) ** 2)
    assert known.value - strange.low == pytest.approx(np.hypot(known.value - known.low, worse))
    loss = [by_metric(estimate_windows(reference, world.windows(30, 1, f)), "brier")[0] for f in (None, world.renamed)]
    assert loss[1].low == loss[0].low
    assert loss[1].high > loss[0].high + 0.01


def test_fewer_days_are_a_wider_interval_and_too_few_rows_none() -> None:
    windows = world.windows(30, 4)
    alone, joined = (by_metric(estimate_windows(fitted(), windows, over), "auc")[-1] for over in (1, 4))
    assert alone.high - alone.low > 1.5 * (joined.high - joined.low)
    few = Window.of("few", {name: values[:200] for name, values in world.week(30).items()})
    assert estimate_windows(fitted(), [few]) == []


def test_before_the_labels_there_is_an_estimate_and_nothing_to_hold_it_against() -> None:
    (found, *_) = estimate_windows(fitted(), world.windows(30, 1, world.unlabelled))
    assert found.holds is None
    assert np.isnan(found.realised)
    assert found.low < found.value < found.high


def test_what_cannot_be_seen_without_labels_is_outside_the_interval() -> None:
    found = by_metric(estimate_windows(fitted(), world.windows(30, 4, world.reversed_), judge_over=4), "auc")
    assert found[-1].holds is False


def test_without_three_weeks_in_each_part_nothing_is_estimated() -> None:
    known = ~np.isnan(TRAIN["label"])
    p, y, day = (TRAIN[name][known] for name in ("probability", "label", "day"))
    since = (day - day.min()).astype(int)
    assert estimates.fit_estimates(p, y, day, since // 21) == {}  # the last part has two weeks only
    kept = since < 8 * 21
    assert estimates.fit_estimates(p[kept], y[kept], day[kept], since[kept] // 21)["parts"] == 8
    assert estimates.fit_estimates(p[kept], y[kept], day[kept], since[kept] // 20) == {}
    assert estimate_windows(world.reference(), world.windows(30, 1)) == []
