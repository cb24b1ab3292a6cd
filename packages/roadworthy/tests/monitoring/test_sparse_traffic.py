"""Projects with few rows a day: windows grow, labels are as late as they were, and what stays blind is an alarm."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import world
from prometheus_client.parser import text_string_to_metric_families

from roadworthy.base.errors import InputError
from roadworthy.base.settings import load_settings
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring import estimates, monitors, scored, timeline, traffic, watch, windows
from roadworthy.monitoring.log import PredictionLog
from roadworthy.monitoring.monitors import Thresholds, Window
from roadworthy.registry.export import make_reference
from roadworthy.serving import simulation
from sample import HOME
from small import SIGNATURE, write_bundle

SPARSE = 168  # rows of a week, 24 of a day
SUMMER = range(26, 38)  # the twelve weeks after training
NOW = datetime(2013, 9, 24, tzinfo=UTC)  # 38 weeks after the first day of the world
FEATURES = [each for each in world.FEATURES if each["name"] in {"carrier", "origin", "hour", "temp", "distance"}]
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, small_files: dict[str, bytes]) -> Path:
    """A registry whose champion has learned from half a year with 24 rows a day."""
    train = world.join([world.week(number, SPARSE) for number in range(world.TRAINING_WEEKS)])
    labels = np.nan_to_num(train["label"])
    reference = make_reference(train, train["probability"], labels, FEATURES, day=train["day"])
    made = {"reference.json": reference, "metrics.json": world.METRICS}
    folder = tmp_path_factory.mktemp("sparse") / "registry"
    files = {**small_files, **{name: json.dumps(content).encode() for name, content in made.items()}}
    write_bundle(folder / "versions" / "1", files)
    (folder / "aliases.json").write_text('{"champion": 1}')
    return folder


@pytest.fixture
def bundle(registry: Path) -> Path:
    return registry / "versions" / "1"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write weeks into a prediction log; the label comes `late` after the prediction time."""

    def append(weeks: list[world.Week], late: timedelta = timedelta(hours=5)) -> Path:
        with PredictionLog(tmp_path / "log.db", Signature.parse(json.dumps(SIGNATURE))) as log:
            for week in weeks:
                time = week["day"].astype("datetime64[us]") + np.timedelta64(12, "h")
                keys = np.array([f"{moment}-{i}" for i, moment in enumerate(time)], dtype=object)
                log.append({**week, "key": keys, "time": time, "version": "1", "decision": np.zeros(len(keys), bool)})
                known = ~np.isnan(week["label"])
                log.append_labels(keys[known], week["label"][known], (time + np.timedelta64(late))[known])
        return tmp_path / "log.db"

    return append


def quiet(numbers: range = SUMMER, rows: int = SPARSE) -> list[world.Week]:
    return [world.week(number, rows) for number in numbers]


def frozen() -> list[world.Week]:
    """Six quiet weeks, and six in which the odometer always shows the same."""
    stuck = [{**week, "distance": np.full(len(week["day"]), 719.0)} for week in quiet(SUMMER[6:])]
    return [*quiet(SUMMER[:6]), *stuck]


def states(watched: watch.Watched) -> dict[str, bool | None]:
    return {verdict.gate.split(":")[0]: verdict.passed for verdict in watched.verdicts}


def evidence(watched: watch.Watched, monitor: str) -> str:
    return next(verdict.evidence for verdict in watched.verdicts if verdict.gate.startswith(f"{monitor}:"))


def test_a_sensor_that_is_frozen_for_six_weeks_rings_at_24_rows_a_day(bundle: Path, write: Write) -> None:
    watched = watch.monitor_log(bundle, write(frozen()), now=NOW)
    assert states(watched)["drift"] is False
    assert "distance: PSI" in evidence(watched, "drift")
    # 336 rows are the first to be enough: two weeks.
    assert watched.timeline.windows[-2:] == ["2013-08-27 to 2013-09-09", "2013-09-10 to 2013-09-23"]


def test_every_monitor_judges_quiet_weeks_of_24_rows_a_day_and_none_rings(bundle: Path, write: Write) -> None:
    log = write(quiet())
    for days in range(7):  # whatever day it is, the newest window is judged
        assert set(states(watch.monitor_log(bundle, log, now=NOW - timedelta(days=days))).values()) == {True}


def test_the_command_ends_with_1_tells_prometheus_and_shows_the_days(
    registry: Path, write: Write, tmp_path: Path
) -> None:
    ended = command(registry, write(frozen()), tmp_path, "--metrics", str(tmp_path / "monitor.prom"))
    assert ended.returncode == 1, ended.stderr
    assert ("drift", "distance") in rung(tmp_path / "monitor.prom")
    page = (tmp_path / "reports" / "monitoring" / "index.html").read_text(encoding="utf-8")
    assert "2013-09-10 to 2013-09-23" in page


def test_the_least_rows_of_the_settings_are_those_of_a_window(registry: Path, write: Write, tmp_path: Path) -> None:
    log = write(quiet())
    told = json.loads(command(registry, log, tmp_path, "--json", min_rows="100", min_days="7").stdout)
    assert {verdict["passed"] for verdict in told["verdicts"]} == {True}
    page = (tmp_path / "reports" / "monitoring" / "index.html").read_text(encoding="utf-8")
    assert "2013-09-17" in page
    assert " to 2013-09-23" not in page
    assert "fewer than 100 rows or 7 days" in page


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_rows", "49"), ("min_days", "1"), ("min_days", "8"), ("max_silence", "0"), ("max_unjudged_days", "0.5")],
)
def test_a_limit_out_of_range_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"MLE_MONITORING__{name.upper()}", value)
    with pytest.raises(InputError, match=f"\\[monitoring\\] {name}"):
        load_settings(HOME)


def test_limits_that_the_settings_leave_out_are_those_of_the_monitors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Thresholds.of(load_settings(HOME).monitoring) == Thresholds()
    monkeypatch.setenv("MLE_MONITORING__MAX_SILENCE", "72")
    assert Thresholds.of(load_settings(HOME).monitoring) == Thresholds(max_silence=72)


def test_a_window_that_holds_enough_is_left_as_it_is_and_so_is_one_without_rows() -> None:
    limits, busy = Thresholds(), world.week(26)
    empty = {name: values[:0] for name, values in busy.items()}
    few, many, none = (Window.of("w", each) for each in (world.week(26, SPARSE), busy, empty))

    def spans(*given: Window) -> list[tuple[int, int]]:
        return [(span.start, span.stop) for span in windows.fitting_spans(given, limits)]

    assert spans(many, many, many) == [(0, 1), (1, 2), (2, 3)]
    assert spans(few, many, none) == [(0, 1), (1, 2), (2, 3)]
    assert spans(few, few, few) == [(0, 1), (1, 3)]
    assert spans(few, few, none) == [(0, 2), (2, 3)]
    assert spans(few, none, few) == [(0, 3)]
    # A thin week beside full ones is an outage: it is not judged, and takes no rows from the others.
    day = Window.of("day", {**busy, "day": np.full_like(busy["day"], busy["day"][0])})
    assert spans(many, day, none, none) == [(0, 1), (1, 2), (2, 3), (3, 4)] == spans(day, many, few, none)
    tuesday = Window.of("tuesday", {**busy, "day": np.repeat(busy["day"][0] + np.arange(7, 11), 350)})
    assert spans(day, tuesday) == [(0, 2)]


def test_three_rows_a_day_are_judged_over_a_year_of_the_log(bundle: Path, write: Write) -> None:
    weeks = quiet(range(38), rows=28)
    watched = watch.monitor_log(bundle, write(weeks), now=NOW)
    # 38 weeks of 28 rows: eleven weeks make 308, so there are three windows, and five weeks are left over.
    joined = [name for name in watched.timeline.windows if " to " in name]
    assert joined == ["2013-02-05 to 2013-04-22", "2013-04-23 to 2013-07-08", "2013-07-09 to 2013-09-23"]
    assert len(watched.timeline.windows) == 5 + 3
    assert states(watched)["drift"] is True


def test_an_alarm_of_a_joined_window_begins_when_that_window_ends(bundle: Path, write: Write) -> None:
    watched = watch.monitor_log(bundle, write(frozen()), now=NOW)
    began = datetime(2013, 8, 13, tzinfo=UTC)
    found = {alarm.subject: alarm for alarm in simulation.begun_alarms(watched.timeline, 7, began)}
    # The windows of weeks 6 and 7, and 8 and 9 after the first are the first two that are violated.
    assert (found["distance"].window, found["distance"].days) == ("2013-08-27 to 2013-09-09", 28)


def test_scored_files_are_joined_like_a_log(bundle: Path, write: Write, tmp_path: Path) -> None:
    rows = world.join(frozen())
    names = [each["name"] for each in FEATURES]
    table = pd.DataFrame({name: rows[name] for name in [*names, "probability"]})
    table["as_of"] = rows["day"].astype("datetime64[us]") + np.timedelta64(12, "h")
    table.assign(version="1", late=rows["label"]).to_parquet(tmp_path / "scored.parquet", index=False)
    by_file = scored.monitor_scored(bundle, str(tmp_path / "scored.parquet"), now=NOW).timeline.table()
    by_log = watch.monitor_log(bundle, write(frozen()), now=NOW).timeline.table()
    by_log = by_log[by_log["monitor"] != "freshness"].reset_index(drop=True)
    columns = ["window", "monitor", "subject", "value", "low", "high", "limit", "status", "alarm"]
    pd.testing.assert_frame_equal(by_file[columns], by_log[columns], rtol=1e-9, atol=1e-12)
    assert by_file["alarm"].any()


def crowded_day() -> world.Week:
    """A day of 980 answers that are all wrong."""
    week = world.reversed_(world.week(26, rows=980))
    return {**week, "day": np.full_like(week["day"], week["day"][0])}


def test_a_day_of_980_labels_alone_does_not_ring_and_has_no_interval(bundle: Path, write: Write) -> None:
    log, next_days = write([crowded_day()]), datetime(2013, 7, 3, tzinfo=UTC)
    for later in range(1, 4):
        watched = watch.monitor_log(bundle, log, now=next_days + timedelta(days=later), thresholds=WIDE)
        assert False not in states(watched).values()
        assert states(watched)["auc"] is None
        assert "1 of at least 5 days" in evidence(watched, "auc")
        assert all(np.isnan(reading.low) for reading in watched.timeline.readings)


WIDE = Thresholds(max_silence=1000, max_volume=1e6)  # that nothing else came in these days is not the subject


def test_labels_of_one_day_among_rows_of_a_week_are_not_judged_either() -> None:
    week = world.reversed_(world.week(26))
    known = Window.of("w", {**week, "label": np.where(week["day"] == week["day"][0], week["label"], np.nan)})
    found = {reading.monitor: reading for reading in monitors.outcome_readings(world.METRICS, known, Thresholds())}
    assert found["labels"].violated is True
    assert {found[name].violated for name in ("auc", "skill", "base rate", "calibration")} == {None}
    due = Window.of("w", {**week, "due": week["day"] == week["day"][0]})
    assert {each.violated for each in monitors.outcome_readings(world.METRICS, due, Thresholds(min_rows=150))} == {None}


def test_nothing_is_estimated_from_one_day() -> None:
    train = world.join([world.week(number) for number in range(26)])
    known = ~np.isnan(train["label"])
    part = np.arange(known.sum()) * 6 // known.sum()
    probability, label, day = (train[name][known] for name in ("probability", "label", "day"))
    fitted = estimates.fit_estimates(probability, label, day, part)
    reference = {**world.reference(), "estimate": fitted}
    assert estimates.estimate_windows(reference, [Window.of("w", world.week(26))])
    assert estimates.estimate_windows(reference, [Window.of("w", crowded_day())]) == []


def test_labels_are_judged_over_more_weeks_where_four_hold_too_few(bundle: Path, write: Write) -> None:
    # 70 rows a week: four weeks have 280, five have 350.
    weeks = quiet(rows=70)
    watched = watch.monitor_log(bundle, write(weeks), now=NOW)
    assert states(watched)["auc"] is True
    windows_ = [Window.of(str(at), week) for at, week in enumerate(weeks)]
    more = partial(windows.wants_more_labels, limits=Thresholds())
    assert windows.judged_span(windows_, 11, 4, more) == slice(7, 12)
    assert windows.judged_span(windows_, 2, 4, more) == slice(0, 3)
    assert windows.judged_span(windows_, 11, 1, more) == slice(11, 12)
    # Where none of them arrives, older ones would hide it.
    silent = [*windows_[:8], *(Window.of(str(at), world.unlabelled(week)) for at, week in enumerate(quiet(rows=168)))]
    assert windows.judged_span(silent, 19, 4, more) == slice(16, 20)


def test_when_a_label_is_due_is_learned_from_training() -> None:
    hours = np.r_[np.full(9990, 11), np.full(10, 24 * 400)]
    day = np.repeat(np.datetime64("2013-01-01"), len(hours))

    def learned(waits: np.ndarray) -> int:
        return int(traffic.describe_traffic(day, 1, waits)["label_delay_days"])

    # The flights: 99.9% after 11 hours, which is a day.
    assert learned(hours.astype("timedelta64[h]")) == 1
    # Thirty days for all, and a quarter of them never.
    months = np.where(np.arange(len(hours)) % 4 == 0, np.timedelta64("NaT", "s"), np.timedelta64(30 * 24 + 1, "h"))
    assert learned(months) == 31
    assert learned(np.full(len(hours), np.timedelta64("NaT", "s"))) == 1
    assert traffic.learned_delay({"traffic": {"label_delay_days": 31}}) == timedelta(days=31)
    for old in ({}, {"traffic": {"since": "2013-01-01", "per_day": [1]}}):
        assert traffic.learned_delay(old) == timedelta(days=1)


def test_labels_that_take_a_month_as_in_training_are_not_missed(
    bundle: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write(quiet(), late=timedelta(days=30))
    assert states(watch.monitor_log(bundle, log, now=NOW))["labels"] is False
    known, reference = watch.load_reference(bundle)
    late = {**reference, "traffic": {**reference["traffic"], "label_delay_days": 31}}
    monkeypatch.setattr(watch, "load_reference", lambda _: (known, late))
    watched = watch.monitor_log(bundle, log, now=NOW)
    # The newest weeks wait for their labels, those before them are judged.
    assert [states(watched)[name] for name in ("labels", "auc", "freshness", "judged")] == [None, None, True, True]
    assert [reading.violated for reading in watched.timeline.of("auc")][-3:] == [False, False, None]


def test_a_monitor_that_could_not_judge_for_six_weeks_is_an_alarm(registry: Path, write: Write, tmp_path: Path) -> None:
    log = write([world.unlabelled(week) for week in quiet()])
    ended = command(registry, log, tmp_path, "--json", "--metrics", str(tmp_path / "monitor.prom"))
    assert ended.returncode == 1
    told = {each["gate"].partition(":")[0]: each for each in json.loads(ended.stdout)["verdicts"]}
    assert told["auc"]["passed"] is None
    assert told["judged"]["passed"] is False
    # From noon of the first day to midnight after the last; a day is added for labels, which take one.
    assert "auc: without a judgement for 84 days, at most 43: 0 positive of 0 known" in told["judged"]["evidence"]
    assert {("judged", "auc"), ("judged", "calibration")} <= rung(tmp_path / "monitor.prom")
    assert ("judged", "drift") not in rung(tmp_path / "monitor.prom")
    page = (tmp_path / "reports" / "monitoring" / "index.html").read_text(encoding="utf-8")
    assert "without a judgement for 84 days" in page
    more = command(registry, log, tmp_path, "--json", max_unjudged_days="90")
    told = {each["gate"].partition(":")[0]: each for each in json.loads(more.stdout)["verdicts"]}
    assert (told["judged"]["passed"], told["auc"]["passed"]) == (True, None)


def test_being_blind_is_counted_from_the_last_judgement_and_ends_with_the_next(bundle: Path, write: Write) -> None:
    log = write([*quiet(SUMMER[:1], 1400), *quiet(SUMMER[10:], 1400)])
    watched = watch.monitor_log(bundle, log, now=NOW)
    found = {reading.window: reading for reading in watched.timeline.of("judged") if reading.subject == "drift"}
    assert [found[window].value for window in watched.timeline.windows] == [*range(0, 70, 7), 0, 0]
    # 42 days are allowed, 49 are not.
    assert [found[window].violated for window in watched.timeline.windows] == [*[False] * 7, *[True] * 3, False, False]
    assert states(watched)["judged"] is True


def test_a_log_that_has_just_begun_is_no_alarm(bundle: Path, write: Write, tmp_path: Path) -> None:
    young = watch.monitor_log(bundle, write(quiet(SUMMER[:1])), now=datetime(2013, 7, 9, tzinfo=UTC))
    assert (states(young)["drift"], states(young)["judged"]) == (None, True)
    none = watch.monitor_log(bundle, tmp_path / "none.db", now=NOW)
    assert states(none)["judged"] is None


def test_what_the_season_moves_too_far_is_not_blind() -> None:
    window = Window.of("2013-07-09", world.week(27))
    season = monitors.Reading("2013-07-09", "drift", "temp", 4.0, 9.0, None, "not judged: the season moves it")
    line = timeline.Timeline([window], [season], Thresholds())
    since, period = np.datetime64("2013-01-01T00"), windows.Period(np.datetime64("2013-07-09T00"), 7)
    (found,) = timeline.unjudged_readings(line, [period], since, np.timedelta64(1, "D"))
    assert (found.subject, found.value, found.violated) == ("drift", 0, False)


def command(registry: Path, log: Path, folder: Path, *options: str, **given: str) -> "subprocess.CompletedProcess[str]":
    """The command `monitor` on a log, with settings of [monitoring]."""
    paths = {"REGISTRY": registry, "PREDICTIONS": log, "REPORTS": folder / "reports"}
    settings: dict[str, Any] = {f"MLE_PATHS__{name}": str(path) for name, path in paths.items()}
    settings |= {f"MLE_MONITORING__{name.upper()}": value for name, value in given.items()}
    words = [sys.executable, "-m", "roadworthy", "monitor", "--until", f"{NOW:%Y-%m-%d}", *options]
    return subprocess.run(words, capture_output=True, text=True, env={**os.environ, **settings}, check=False)


def rung(file: Path) -> set[tuple[str, str]]:
    """The alarms that Prometheus reads."""
    families = text_string_to_metric_families(file.read_text(encoding="utf-8"))
    samples = [sample for family in families if family.name == "monitor_alarm" for sample in family.samples]
    return {(sample.labels["monitor"], sample.labels["subject"]) for sample in samples if sample.value}
