import numpy as np
import pytest
from world import join, overconfident, week

from roadworthy.monitoring.monitors import judge_performance

DAY = np.datetime64("2013-07-01") + np.arange(100) % 10


def labelled() -> dict[str, np.ndarray]:
    weeks = join([week(number) for number in range(26, 34)])
    known = ~np.isnan(weeks["label"])
    return {name: values[known] for name, values in weeks.items()}


def test_a_constant_at_the_base_rate_has_no_gap_no_skill_and_no_calibration_error() -> None:
    found = judge_performance(np.arange(100) % 4 == 0, np.full(100, 0.25), DAY)
    assert (found.gap.value, found.skill.value, found.ece.value) == (0, 0, 0)
    assert [(b.predicted, b.observed, b.rows) for b in found.bins] == [(0.25, 0.25, 100)]


def test_the_hand_calculated_values_of_a_constant_that_is_too_high() -> None:
    # Base rate .25, prediction .5: Brier .25 against .25 x .75 = .1875
    found = judge_performance(np.arange(100) % 4 == 0, np.full(100, 0.5), DAY)
    assert found.gap.value == pytest.approx(0.25)
    assert found.skill.value == pytest.approx(1 - 0.25 / 0.1875)
    assert found.ece.value == pytest.approx(0.25)


def test_errors_that_cancel_out_on_the_whole_are_seen_by_the_calibration_error() -> None:
    # Half of the rows say .2 where .4 is right, the other half .8 where .6 is right.
    p = np.repeat([0.2, 0.8], 50)
    y = np.concatenate([np.arange(50) % 5 < 2, np.arange(50) % 5 < 3])
    found = judge_performance(y, p, DAY)
    assert found.gap.value == pytest.approx(0)
    assert found.ece.value == pytest.approx(0.2)
    assert [b.predicted for b in found.bins] == pytest.approx([0.2, 0.8])
    assert [b.observed for b in found.bins] == pytest.approx([0.4, 0.6])


def test_the_interval_covers_the_truth_of_a_calibrated_world() -> None:
    w = labelled()
    found = judge_performance(w["label"], w["probability"], w["day"])
    assert found.gap.low < 0 < found.gap.high
    assert found.skill.low > 0
    assert all(b.low <= b.observed <= b.high for b in found.bins)
    assert sum(b.low <= b.predicted <= b.high for b in found.bins) >= len(found.bins) - 2


def test_intervals_are_drawn_by_days() -> None:
    # On each day all labels agree: 10 days are 10 observations, not 1000.
    day = np.arange(1000) // 100
    found = judge_performance(day % 2, np.full(1000, 0.5), day)
    by_rows = judge_performance(day % 2, np.full(1000, 0.5), np.arange(1000))
    assert found.gap.high - found.gap.low > 4 * (by_rows.gap.high - by_rows.gap.low)


def test_probabilities_that_are_too_sure_rank_the_same_and_are_found_out() -> None:
    w = labelled()
    right = judge_performance(w["label"], w["probability"], w["day"])
    wrong = judge_performance(w["label"], overconfident(w)["probability"], w["day"])
    assert wrong.evaluation.quality.value == pytest.approx(right.evaluation.quality.value, abs=0.002)
    assert wrong.ece.low > right.ece.high


def test_chance_is_not_taken_for_a_calibration_error() -> None:
    # Each probability is right: what is found in 1000 rows is chance, .03 on average.
    draw = np.random.default_rng(0)
    found = []
    for _ in range(20):
        p = draw.uniform(0.05, 0.6, 1000)
        found.append(judge_performance(draw.random(1000) < p, p, np.arange(1000) * 7 // 1000).ece)
    assert np.mean([ece.value for ece in found]) > 0.025
    assert sum(ece.low <= 0.02 for ece in found) >= 18


def test_the_same_rows_give_the_same_intervals() -> None:
    w = labelled()
    assert judge_performance(w["label"], w["probability"], w["day"]) == judge_performance(
        w["label"], w["probability"], w["day"]
    )


def test_without_rows_there_is_nothing_to_judge() -> None:
    with pytest.raises(ValueError, match="no rows"):
        judge_performance([], [], np.array([], "datetime64[D]"))
