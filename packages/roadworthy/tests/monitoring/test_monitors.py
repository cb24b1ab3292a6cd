import numpy as np
import pytest
import world

from roadworthy.monitoring import monitors, timeline
from roadworthy.monitoring.monitors import Thresholds, Window

REFERENCE = world.reference()
SUMMER = 27  # a week that is warmer than nearly all of training


def ringing(windows: list[Window], judge_over: int = 4) -> set[tuple[str, str]]:
    """What rings after the newest window."""
    read = timeline.read_timeline(REFERENCE, world.METRICS, windows, judge_over=judge_over)
    keys = {(reading.monitor, reading.subject) for reading in read.readings}
    return {key for key in keys if read.alarms(*key)[windows[-1].name]}


def test_half_a_year_without_a_fault_rings_no_alarm_but_the_season() -> None:
    windows = world.windows(26, 26)
    table = timeline.read_timeline(REFERENCE, world.METRICS, windows, judge_over=4).table()
    assert set(table["status"]) == {"good", "not judged"}
    assert set(table["subject"][table["status"] == "not judged"]) == {"temp"}
    assert not table["alarm"].any()


def test_weeks_of_training_drawn_again_ring_no_alarm() -> None:
    draw = np.random.default_rng(5)
    train = world.join([world.week(number) for number in range(26)])
    for _ in range(20):
        day = draw.integers(0, 26 * 7, 7)
        rows = np.flatnonzero(np.isin(train["day"], world.START + day))
        again = Window.of("again", {name: values[rows] for name, values in train.items()})
        assert not ringing([again, again, again], judge_over=1)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (world.celsius, ("relation", "temp")),
        (world.kilometres, ("drift", "distance")),
        (world.stuck, ("drift", "humid")),
        (world.silent, ("nulls", "distance")),
        (world.renamed, ("unseen", "carrier")),
        (world.gone, ("drift", "carrier")),
        (world.unlabelled, ("labels", "")),
        (world.overconfident, ("calibration", "")),
        (world.too_high, ("base rate", "")),
        (world.shuffled, ("auc", "")),
        (world.reversed_, ("skill", "")),
        (world.reversed_, ("prediction", "prediction")),
    ],
)
def test_each_fault_is_found_by_the_monitor_made_for_it(fault: world.Fault, expected: tuple[str, str]) -> None:
    before = world.windows(SUMMER - 4, 4)
    assert not ringing(before)
    assert expected in ringing(before + world.windows(SUMMER, 4, fault))


@pytest.mark.parametrize("fault", [world.celsius, world.renamed, world.silent])
def test_a_fault_in_the_data_rings_after_its_second_week(fault: world.Fault) -> None:
    before = world.windows(SUMMER - 4, 4)
    assert not ringing(before + world.windows(SUMMER, 1, fault))
    assert ringing(before + world.windows(SUMMER, 2, fault))


def test_an_alarm_ends_when_the_fault_is_repaired() -> None:
    broken = world.windows(SUMMER, 2, world.renamed)
    assert ringing(broken)
    assert not ringing(broken + world.windows(SUMMER + 2, 2))


def test_a_feature_that_the_season_moves_further_than_a_fault_could_is_not_called_good() -> None:
    (window,) = world.windows(SUMMER, 1)
    readings = monitors.input_readings(REFERENCE, window, Thresholds())
    (temp,) = (reading for reading in readings if (reading.monitor, reading.subject) == ("drift", "temp"))
    assert temp.violated is None
    assert temp.value > 3
    assert "the season moves it" in temp.evidence


def test_a_window_of_too_few_rows_or_days_is_not_judged() -> None:
    week = world.week(SUMMER)
    day = Window.of("day", {**week, "day": np.full_like(week["day"], week["day"][0])})
    few = Window.of("few", world.week(SUMMER, rows=299))
    for short in (day, few):
        readings = monitors.input_readings(REFERENCE, short, Thresholds())
        assert [reading.violated for reading in readings] == [None] * 5
        assert "not judged" in readings[0].evidence


def test_labels_are_judged_only_when_they_are_due() -> None:
    week = world.week(SUMMER)
    # The rows whose label is not due yet are known to be late: early news are no sample.
    due = np.arange(len(week["day"])) < 1000
    early = {**week, "label": np.where(due, week["label"], 1.0), "due": due}
    all_due = {name: values[due] for name, values in week.items()}
    found = monitors.outcome_readings(world.METRICS, Window.of("w", early), Thresholds())
    # As text: a NaN differs from itself, and from Python 3.13 on so does a dataclass that holds one.
    assert repr(found) == repr(monitors.outcome_readings(world.METRICS, Window.of("w", all_due), Thresholds()))


def test_without_labels_that_are_due_performance_is_not_judged_and_not_good() -> None:
    week = world.week(SUMMER)
    window = Window.of("w", {**week, "due": np.zeros(len(week["day"]), dtype=bool)})
    found = monitors.outcome_readings(world.METRICS, window, Thresholds())
    assert {reading.violated for reading in found} == {None}
    read = timeline.read_timeline(REFERENCE, world.METRICS, [window])
    states = {verdict.gate.split(":")[0]: verdict.passed for verdict in read.verdicts()}
    assert [states[name] for name in ("labels", "auc", "skill", "base rate", "calibration")] == [None] * 5
    assert states["unseen"] is True


def test_what_needs_labels_is_judged_over_several_windows_together() -> None:
    windows = world.windows(SUMMER, 3)
    read = timeline.read_timeline(REFERENCE, world.METRICS, windows, judge_over=2)
    for name, joined in (("auc", windows[1:]), ("labels", windows[1:])):
        (found,) = read.latest(name)
        whole = monitors.outcome_readings(world.METRICS, monitors.join_windows(found.window, joined), Thresholds())
        assert repr(found) == repr(next(reading for reading in whole if reading.monitor == name))
    assert read.of("labels")[0].evidence.split()[2] == f"{len(windows[0].label):,}"


def test_labels_of_one_class_only_cannot_be_ranked() -> None:
    week = world.week(SUMMER)
    window = Window.of("w", {**week, "label": np.zeros(len(week["day"]))})
    labels, *others = monitors.outcome_readings(world.METRICS, window, Thresholds())
    assert labels.violated is False
    assert {reading.violated for reading in others} == {None}


def test_a_verdict_names_what_rings_and_what_is_nearest_to_ringing() -> None:
    windows = world.windows(SUMMER, 2, world.renamed)
    verdicts = {v.gate.split(":")[0]: v for v in timeline.read_timeline(REFERENCE, world.METRICS, windows).verdicts()}
    assert verdicts["unseen"].passed is False
    assert verdicts["unseen"].evidence.startswith("carrier: ")
    assert verdicts["nulls"].passed is True
    assert "nearest to its limit is" in verdicts["nulls"].evidence


def test_a_model_without_categories_has_no_monitor_of_unseen_ones() -> None:
    numbers = [feature for feature in world.FEATURES if feature["name"] in {"hour", "distance"}]
    read = timeline.read_timeline(
        world.reference(numbers), world.METRICS, [Window.of("few", world.week(SUMMER, rows=10))]
    )
    gates = {verdict.gate.split(":")[0] for verdict in read.verdicts()}
    assert gates == {"drift", "prediction", "nulls", "labels", "auc", "skill", "base rate", "calibration"}


def test_nothing_can_be_read_without_a_window() -> None:
    with pytest.raises(ValueError, match="no window"):
        timeline.read_timeline(REFERENCE, world.METRICS, [])
