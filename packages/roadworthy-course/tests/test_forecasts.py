import numpy as np
import pandas as pd
import pytest

from roadworthy.model import evaluation
from roadworthy.project import Project
from roadworthy_course import charging, forecasts, numeric
from roadworthy_course.checks import Fault

SEEDS = (1, 2, 61, 62, 63)


@pytest.mark.parametrize("seed", SEEDS)
def test_sessions_lie_on_both_edges_of_the_cut_and_across_it(seed: int) -> None:
    made = forecasts.history(seed)
    known = made.sessions["ended"] + made.delay
    assert (made.sessions["started"] == made.cut).any()
    assert (known == made.cut).any()
    assert ((made.sessions["started"] < made.cut) & (known > made.cut)).any()
    assert made.sessions["ended"].isna().sum() > 20
    assert not set(made.train["session"]) & set(made.test["session"])
    assert not made.sessions["started"].is_monotonic_increasing


def test_the_sessions_are_real_ones_and_other_seeds_give_others() -> None:
    every = charging.sessions().set_index("session")["kwh"]
    one, other = (forecasts.history(seed).sessions.set_index("session")["kwh"] for seed in (1, 2))
    assert one.equals(every[one.index])
    assert set(one.index) != set(other.index)
    assert forecasts.history(1).cut != forecasts.history(2).cut


@pytest.mark.parametrize("seed", SEEDS)
def test_the_test_has_new_drivers_and_some_of_whom_no_energy_is_known(seed: int) -> None:
    train, test = forecasts.metered(seed)
    counts = train.groupby("driver")["kwh"].count()
    assert set(test["driver"]) - set(counts.index)
    assert set(test["driver"]) & set(counts.index[counts == 0])


@pytest.mark.parametrize("seed", SEEDS)
def test_days_make_an_interval_much_wider_than_rows_do(seed: int, project: Project) -> None:
    made = forecasts.late(project, seed)
    squares = (made.p - made.y) ** 2
    by_day = evaluation.evaluate(made.y, made.p, made.day)
    assert by_day.brier_high - by_day.brier_low > 1.5 * 3.92 * squares.std() / np.sqrt(len(squares))
    low, high = numeric.interval(squares, made.day)
    assert np.allclose([low, high], [by_day.brier_low, by_day.brier_high], atol=0.006)


@pytest.mark.parametrize("seed", SEEDS)
def test_planted_differences_are_beyond_doubt(seed: int, project: Project) -> None:
    pairs = forecasts.pairs(project, seed)
    found = {name: evaluation.compare(made.y, made.a, made.b, made.day) for name, made in pairs.items()}
    said = {name: "A" if d.brier_high < 0 else "B" if d.brier_low > 0 else forecasts.SAME for name, d in found.items()}
    assert said == {name: made.right for name, made in pairs.items()}
    small, made = pairs["paired"], pairs["days"]
    alone = [evaluation.evaluate(small.y, p, small.day) for p in (small.a, small.b)]
    assert max(each.brier_low for each in alone) < min(each.brier_high for each in alone)
    assert forecasts.errors(made.y, made.a, made.b, made.day)[0] > 3


def test_a_number_is_taken_from_whatever_holds_it() -> None:
    assert numeric.pair([np.float32(0.5), pd.Series([1])], "auc, brier") == (0.5, 1.0)
    assert numeric.column(pd.Series([1, 2]), pd.DataFrame({"a": [0, 0]})).tolist() == [1.0, 2.0]
    for wrong in (None, 3, (1, 2, 3), (1, "two")):
        with pytest.raises(Fault, match="number"):
            numeric.pair(wrong, "auc, brier")


def test_the_nearest_mistake_gives_the_cause() -> None:
    mistakes = {"rows": 0.4, "one error": 0.5}
    assert numeric.named(0.48, mistakes, "else", within=0.06) == "one error"
    assert numeric.named(0.7, mistakes, "else", within=0.06) == "else"


def test_modules_that_a_function_calls_are_seen() -> None:
    called = numeric.modules(lambda: evaluation.evaluate([0, 1], [0.1, 0.2], [1, 2]))
    assert "roadworthy.model.evaluation" in called
