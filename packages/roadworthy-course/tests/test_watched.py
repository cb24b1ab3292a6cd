import pandas as pd
import pytest

from roadworthy.monitoring import distributions
from roadworthy.project import Project
from roadworthy_course import replays, slips, watched
from roadworthy_course.checks import Fault

DAYS, AFTER = 28, 14


def since(log: watched.Log) -> pd.Series:
    return log.predictions["day"] >= log.day


def drawn(project: Project, what: str = "", seed: int = 3) -> watched.Log:
    return watched.log(project, seed, "2023-05-01", DAYS, what=what, after=AFTER)


def test_a_seed_gives_the_same_log_and_another_one_gives_other_flights(project: Project) -> None:
    pd.testing.assert_frame_equal(drawn(project).predictions, drawn(project).predictions)
    one, other = (drawn(project, seed=seed).predictions["distance"].head(500) for seed in (3, 4))
    assert not one.equals(other)


def test_a_quiet_log_has_all_days_ids_and_sound_probabilities(project: Project) -> None:
    rows = drawn(project).predictions
    assert rows["day"].nunique() == DAYS
    assert rows["id"].is_unique
    assert rows["probability"].between(0.01, 0.9).all()
    assert 60 * DAYS < len(rows) < 100 * DAYS


def test_labels_come_after_the_departure_and_not_for_all_flights(project: Project) -> None:
    log = drawn(project)
    both = log.labels.merge(log.predictions, on="id")
    minutes = (both["known_at"] - both["scheduled"]).dt.total_seconds() / 60
    assert 120 < minutes.median() < 240
    assert minutes.min() > 0
    known = log.predictions["id"].isin(log.labels["id"]).mean()
    assert 0.9 < known < 1
    assert log.labels["id"].duplicated().any()


@pytest.mark.parametrize("what", watched.KINDS)
def test_an_incident_changes_what_it_is_named_for_from_its_day_on(what: str, project: Project) -> None:
    log = drawn(project, what)
    before, after = log.predictions[~since(log)], log.predictions[since(log)]
    known = [rows["id"].isin(log.labels["id"]).mean() for rows in (before, after)]
    seen = {
        "carrier": set(before["carrier"].value_counts().index[:5]) - set(after["carrier"]),
        "temp": before["temp"].mean() > after["temp"].mean() + 20,
        "distance": after["distance"].mean() > 1.4 * before["distance"].mean(),
        "wind": after["wind"].isna().mean() > before["wind"].isna().mean() + 0.3,
        "labels": known[0] > 0.9 and known[1] == 0,
        "traffic": not 0.6 < len(after) / len(before) < 1.6,
        "probability": after["probability"].mean() > 0.5 or after["probability"].std() < 0.01,
    }
    assert [name for name, off in seen.items() if off] == [what]


def test_an_incident_that_there_is_not_is_refused(project: Project) -> None:
    with pytest.raises(ValueError, match="there are carrier"):
        drawn(project, "weather")


def test_conventional_limits_ring_in_summer_and_limits_of_their_own_find_what_goes_wrong(project: Project) -> None:
    rows = replays.readings(project, 3)
    quiet = rows[(rows["incident"] == "") | (rows["week"] < rows["began"])]
    largest = {name: float(quiet.loc[quiet["monitor"] == name, "value"].max()) for name in watched.KINDS}
    missed, false = replays.outcome(rows, largest)
    assert len(missed) <= 2
    assert not false
    _, loud = replays.outcome(rows, dict.fromkeys(watched.KINDS, 0.2))
    assert len(loud) > 5
    assert replays.outcome(rows, dict.fromkeys(watched.KINDS, 99.0)) == (list(watched.KINDS), [])


def test_two_of_three_weeks_ring_before_the_incident_as_a_false_alarm_and_after_it_in_time() -> None:
    values = [0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0]
    rows = pd.DataFrame({"replay": 0, "week": range(16), "monitor": "temp", "value": values, "incident": "temp"})
    assert replays.outcome(rows.assign(began=10), {"temp": 0.5}) == ([], ["temp in week 3 of replay 0"])
    assert replays.outcome(rows.assign(began=9), {"temp": 0.5}) == (["temp"], ["temp in week 3 of replay 0"])
    assert replays.outcome(rows.assign(began=3), {"temp": 0.5}) == ([], [])


def test_the_psi_by_hand_is_that_of_the_monitors() -> None:
    before, now = [1.0, 2.0, 3.0, 4.0] * 25, [1.0, 2.0, 2.0, float("nan")] * 20
    right = distributions.psi([25, 25, 25, 25, 0], [20, 40, 0, 0, 20])
    slips.same_psi(right, before, now, "steps")
    with pytest.raises(Fault, match="base 10"):
        slips.same_psi(right / 2.302585093, before, now, "steps")


def test_alarms_by_hand() -> None:
    slips.same_alarms([(2, 5)], [True, None, True, False, False, False], 2, 3, "")
    slips.same_alarms([(1, None)], [True, True, False, False], 2, 3, "")
    with pytest.raises(Fault):
        slips.same_alarms([(0, None)], [True, True], 2, 3, "")
