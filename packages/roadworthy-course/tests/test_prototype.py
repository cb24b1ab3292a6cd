import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from roadworthy_course import frames, parity, prototype
from roadworthy_course.checks import Fault

FAULTS = [(kind, name) for kind, each in prototype.FAULTY.items() for name in each]
DAY = pd.Timestamp("2015-03-02", tz="UTC")


def by_hand() -> tuple[pd.DataFrame, pd.Series]:
    """Sessions of two drivers, one of them still running when the next starts, and their histories by hand."""
    hours = [5.0, 30.0, 2.0, 3.0, 1.0]
    started = [DAY + pd.Timedelta(hours=at) for at in (30, 2, 3, 1, 60)]
    rows = pd.DataFrame({"driver": [7, 7, 8, 7, 7], "started": started, "hours": hours}, index=[50, 10, 40, 20, 30])
    rows["ended"] = rows["started"] + pd.to_timedelta(rows["hours"], unit="h")
    return rows, pd.Series([3.0, np.nan, np.nan, np.nan, 38 / 3], index=rows.index)


def test_each_seed_draws_other_drivers_and_some_of_them_have_two_sessions_at_a_time() -> None:
    one, other = prototype.sessions(1), prototype.sessions(2)
    assert set(one["driver"]) != set(other["driver"])
    for rows in (one, other):
        assert rows["started"].is_monotonic_increasing
        assert 1500 < len(rows) < 3000
        together = prototype.FAULTY["future"][prototype.RUNNING](rows) - prototype.mean_before(rows)
        assert (together.abs() > 1e-9).sum() > 50


@pytest.mark.parametrize("seed", [1, 2, 61, 62, 63])
def test_the_sessions_of_each_check_hold_what_it_asks_for(seed: int) -> None:
    rows = prototype.some(seed)
    right, running = prototype.mean_before(rows), prototype.FAULTY["future"][prototype.RUNNING](rows)
    assert right.isna().sum() >= 10
    assert (right.notna() & ((running - right).abs() > 1e-6)).sum() >= 3
    assert 10 < rows["distance"].isna().sum() < 190


@pytest.mark.parametrize("name", prototype.RIGHT)
def test_a_right_history_is_that_of_a_calculation_by_hand(name: str) -> None:
    rows, expected = by_hand()
    given = rows.copy()
    pd.testing.assert_series_equal(prototype.RIGHT[name](given), expected, check_names=False)
    pd.testing.assert_frame_equal(given, rows)


@pytest.mark.parametrize(("kind", "name"), FAULTS)
def test_a_faulty_history_differs_from_it_or_changes_its_input(kind: str, name: str) -> None:
    rows, expected = by_hand()
    given = rows.copy()
    found = prototype.FAULTY[kind][name](given)
    assert not (given.equals(rows) and found.index.equals(rows.index) and np.allclose(found, expected, equal_nan=True))
    assert given.equals(rows) == (kind != "input")


def test_the_table_of_a_moment_holds_nothing_of_later() -> None:
    rows = prototype.some(1)
    moment = rows["started"].iloc[100]
    then = prototype.at(moment, rows)
    assert list(then.index) == list(range(101))
    running = rows["ended"][:101] > moment
    assert running.sum() > 0
    assert then[["ended", "kwh", "hours", "dollars"]].isna().all(axis=1).equals(running)


def test_what_is_returned_is_brought_to_the_rows_or_refused() -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0]}, index=[5, 3])
    assert frames.column([4, 6], rows).to_dict() == {5: 4.0, 3: 6.0}
    assert frames.column(pd.Series([6, 4], index=[3, 5]), rows).to_list() == [4.0, 6.0]
    for wrong in (pd.Series([4, 6]), pd.Series([4], index=[5]), rows, 4, [4, 6, 8]):
        with pytest.raises(Fault):
            frames.column(wrong, rows)


def test_a_table_that_was_changed_is_told() -> None:
    rows = pd.DataFrame({"a": [1.0, np.nan]})
    frames.unchanged(rows.copy(), rows)
    with pytest.raises(Fault, match="a new column b in it"):
        frames.unchanged(rows.assign(b=1), rows)
    with pytest.raises(Fault, match="stays as it is"):
        frames.unchanged(rows[::-1], rows)


def test_the_prototype_without_leaks_says_something_and_no_more() -> None:
    for seed in (1, 2):
        features, labels, new, probabilities = parity.learned(seed)
        assert list(features.columns) == [*prototype.FEATURES, "mean_before"]
        assert (len(features), len(new)) == (len(labels), len(probabilities))
        later = prototype.sessions(seed)["hours"][len(features) :] > prototype.LONG
        assert 0.65 < roc_auc_score(later, probabilities) < 0.85


def test_predictions_to_pass_agree_and_all_others_do_not() -> None:
    old, session = parity.predictions(1)
    for name, new in parity.good(old).items():
        assert (new[old.index] - old).abs().max() < 1e-6, name
    bad = parity.wrong_values(old, session) | parity.wrong_rows(old, session) | parity.no_probabilities(old, session)
    for name, new in bad.items():
        same = sorted(new.index) == sorted(old.index)
        off = (new[~new.index.duplicated()].reindex(old.index) - old).abs().max(skipna=False)
        assert not same or not off < 0.0005, name
