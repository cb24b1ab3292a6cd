import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import world
from pandas.testing import assert_frame_equal

from roadworthy.base.errors import InputError
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring import watch
from roadworthy.monitoring.log import PredictionLog
from small import SIGNATURE, write_bundle

FEATURES = ["carrier", "origin", "hour", "temp", "distance"]  # of the small bundle that are no secret
NOW = datetime(2013, 8, 6, tzinfo=UTC)  # 31 weeks after the first day of the world
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, small_files: dict[str, bytes]) -> Path:
    """The small bundle with the reference of the invented world."""
    known = [feature for feature in world.FEATURES if feature["name"] in FEATURES]
    made = {"reference.json": world.reference(known), "metrics.json": world.METRICS}
    folder = tmp_path_factory.mktemp("registry") / "versions" / "7"
    write_bundle(folder, {**small_files, **{name: json.dumps(content).encode() for name, content in made.items()}})
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write weeks of the world into a prediction log; the label comes `late` after the prediction time."""
    path = tmp_path / "predictions.db"
    signature = Signature.parse(json.dumps(SIGNATURE))

    def append(weeks: list[world.Week], *, version: str = "7", late: timedelta = timedelta(hours=5)) -> Path:
        with PredictionLog(path, signature) as log:
            for week in weeks:
                rows = len(week["day"])
                time = week["day"].astype("datetime64[us]") + np.timedelta64(12, "h")
                keys = np.array([f"{version}-{moment}-{i}" for i, moment in enumerate(time)], dtype=object)
                given = {"key": keys, "time": time, "version": version, "decision": np.zeros(rows, dtype=bool)}
                log.append({**week, **given})
                known = ~np.isnan(week["label"])
                log.append_labels(keys[known], week["label"][known], (time + np.timedelta64(late))[known])
        return path

    return append


def states(watched: watch.Watched) -> dict[str, bool | None]:
    return {verdict.gate.split(":")[0]: verdict.passed for verdict in watched.verdicts}


def freshness(watched: watch.Watched) -> str:
    return next(verdict.evidence for verdict in watched.verdicts if verdict.gate.startswith("freshness"))


def test_a_log_of_quiet_weeks_is_green(bundle: Path, write: Write) -> None:
    watched = watch.monitor_log(bundle, write([world.week(number) for number in range(24, 31)]), now=NOW)
    assert set(states(watched).values()) == {True}
    assert watched.passed is True
    assert watched.timeline.windows[0] == "2013-06-18"
    assert watched.timeline.windows[-1] == "2013-07-30"


def test_a_log_of_a_renamed_airline_is_red(bundle: Path, write: Write) -> None:
    weeks = [world.week(number) for number in range(26, 29)] + [world.renamed(world.week(n)) for n in (29, 30)]
    watched = watch.monitor_log(bundle, write(weeks), now=NOW)
    assert watched.passed is False
    assert states(watched)["unseen"] is False
    assert states(watched)["labels"] is True


def test_before_the_first_prediction_nothing_is_judged_and_nothing_is_made(bundle: Path, tmp_path: Path) -> None:
    missing = tmp_path / "none.db"
    watched = watch.monitor_log(bundle, missing, now=NOW, report_path=tmp_path / "report.html")
    assert watched.passed is None
    assert set(states(watched).values()) == {None}
    assert "Nothing could be judged" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not missing.exists()


def test_when_predictions_stop_it_rings_at_once_and_the_volume_a_week_later(bundle: Path, write: Write) -> None:
    log = write([world.week(number) for number in range(24, 31)])
    hours = watch.monitor_log(bundle, log, now=NOW + timedelta(hours=36))
    assert (states(hours)["freshness"], states(hours)["volume"]) == (False, True)
    # The last prediction was made at noon of the day before.
    assert "the newest is 48 hours old, at most 24" in freshness(hours)
    week = watch.monitor_log(bundle, log, now=NOW + timedelta(days=7))
    assert (states(week)["freshness"], states(week)["volume"], states(week)["drift"]) == (False, True, None)
    assert states(watch.monitor_log(bundle, log, now=NOW + timedelta(days=14)))["volume"] is False


def test_a_service_that_is_silent_for_longer_than_all_windows_is_not_taken_for_a_new_one(
    bundle: Path, write: Write
) -> None:
    watched = watch.monitor_log(bundle, write([world.week(30)]), now=NOW + timedelta(days=200))
    assert states(watched)["freshness"] is False
    assert states(watch.monitor_log(bundle, write([]), now=NOW - timedelta(days=200)))["freshness"] is None


def test_when_labels_stop_it_rings_before_enough_of_them_are_missing(bundle: Path, write: Write) -> None:
    write([world.week(number) for number in range(24, 30)])
    quiet = world.week(30)
    stop = quiet["day"] > quiet["day"][0] + 3
    log = write([{**quiet, "label": np.where(stop, np.nan, quiet["label"])}])
    watched = watch.monitor_log(bundle, log, now=NOW)
    assert (states(watched)["freshness"], states(watched)["labels"]) == (False, True)
    # Known at 17:00 of 2 August, four days before; two days are allowed.
    assert freshness(watched).startswith("labels: the newest is 79 hours old, at most 48")


def test_traffic_that_doubles_is_found_and_the_window_in_which_the_log_begins_is_not_judged(
    bundle: Path, write: Write
) -> None:
    write([world.week(number) for number in range(24, 31)])
    log = write([world.week(number) for number in (29, 30)], version="8")
    watched = watch.monitor_log(bundle, log, now=NOW)
    assert states(watched)["volume"] is False
    (newest,) = watched.timeline.latest("volume")
    assert newest.value == pytest.approx(np.log(2), abs=0.01)
    assert watched.timeline.of("volume")[0].violated is None
    assert watched.timeline.of("volume")[0].evidence.endswith("the log begins in this window")


def test_what_the_batch_path_says_otherwise_is_skew(bundle: Path, write: Write) -> None:
    weeks = [world.week(number) for number in (28, 29)] + [world.celsius(world.week(30))]
    log = write(weeks)
    said = world.join([world.week(number) for number in range(24, 31)])
    with PredictionLog(log, Signature.parse(json.dumps(SIGNATURE))) as opened:
        keys = opened.read()["key"]
    batch = {**{name: values[-len(keys) :] for name, values in said.items()}, "key": keys}
    watched = watch.monitor_log(bundle, log, now=NOW, batch=batch)
    skew = {reading.subject: reading for reading in watched.timeline.latest("skew")}
    assert {name for name, reading in skew.items() if reading.violated} == {"temp"}
    missing = np.isnan(weeks[-1]["temp"]).mean()
    # A missing temperature is missing in both.
    assert skew["temp"].value == pytest.approx(1 - missing)
    assert not any(reading.violated for reading in watched.timeline.of("skew") if reading.window != "2013-07-30")
    assert states(watch.monitor_log(bundle, log, now=NOW, batch={**batch, "key": keys + "?"}))["skew"] is None
    assert "skew" not in states(watch.monitor_log(bundle, log, now=NOW))


def test_answers_of_another_version_do_not_count(bundle: Path, write: Write) -> None:
    write([world.week(number) for number in range(24, 31)])
    log = write([world.celsius(world.renamed(world.week(number))) for number in range(24, 31)], version="8")
    red = [name for name, passed in states(watch.monitor_log(bundle, log, now=NOW)).items() if not passed]
    assert red == ["volume"]  # which is that of the service, whoever answers


def test_labels_that_come_later_than_now_are_not_known_and_their_absence_is_noticed(bundle: Path, write: Write) -> None:
    log = write([world.week(number) for number in range(24, 31)], late=timedelta(days=60))
    watched = watch.monitor_log(bundle, log, now=NOW)
    assert states(watched)["labels"] is False
    assert states(watched)["auc"] is None
    assert states(watch.monitor_log(bundle, log, now=NOW, label_delay=timedelta(days=60)))["labels"] is None


def test_a_naive_now_is_utc(bundle: Path, write: Write) -> None:
    log = write([world.week(number) for number in range(24, 31)])
    naive = watch.monitor_log(bundle, log, now=NOW.replace(tzinfo=None))
    assert repr(naive.timeline.readings) == repr(watch.monitor_log(bundle, log, now=NOW).timeline.readings)


def test_the_readings_of_the_log_are_those_of_the_same_weeks_at_hand(bundle: Path, write: Write) -> None:
    weeks = [world.week(number) for number in (29, 30)]
    watched = watch.monitor_log(bundle, write(weeks), now=NOW)
    _, reference = watch.load_reference(bundle)
    at_hand = watch.window_readings(reference, world.METRICS, {str(w["day"][0]): w for w in weeks})
    inputs = ["drift", "relation", "prediction", "nulls", "unseen"]
    from_log = watched.timeline.table()
    one, two = (table[table["monitor"].isin(inputs)].reset_index(drop=True) for table in (from_log, at_hand))
    assert_frame_equal(one, two)


def test_a_bundle_without_a_reference_is_refused_with_a_hint(tmp_path: Path, small_files: dict[str, bytes]) -> None:
    write_bundle(tmp_path / "1", small_files)
    with pytest.raises(InputError, match=re.escape("reference.json: no such file")):
        watch.monitor_log(tmp_path / "1", tmp_path / "log.db", now=NOW)


@pytest.mark.parametrize(("days", "windows"), [(3, 13), (7, 0)])
def test_windows_that_cannot_be_judged_are_refused(bundle: Path, tmp_path: Path, days: int, windows: int) -> None:
    with pytest.raises(InputError, match="at least one window"):
        watch.monitor_log(bundle, tmp_path / "log.db", now=NOW, days=days, windows=windows)


def test_the_report_shows_what_rings_and_needs_no_network(bundle: Path, write: Write, tmp_path: Path) -> None:
    weeks = [world.week(number) for number in range(26, 29)] + [world.renamed(world.week(n)) for n in (29, 30)]
    watched = watch.monitor_log(bundle, write(weeks), now=NOW, report_path=tmp_path / "report.html")
    assert watched.report == tmp_path / "report.html"
    page = watched.report.read_text(encoding="utf-8")
    beside = json.loads(watched.report.with_suffix(".json").read_text(encoding="utf-8"))
    assert [each["gate"] for each in beside["verdicts"]] == [verdict.gate for verdict in watched.verdicts]
    assert beside["passed"] is False
    assert "Alarm: drift, unseen." in page
    assert "version 7, until 2013-08-06 00:00 UTC" in page
    found = Page()
    found.feed(page)
    # What rang, performance, calibration, and each feature.
    assert len(found.pictures) == 3 + len(FEATURES)
    assert list(found.pictures)[3].startswith("carrier: ")
    assert page.count("<details open>") == 1
    assert all(source.startswith("data:image/") for source in found.pictures.values())
    assert any("carrier: quiet, quiet, quiet, violated, alarm" in words for words in found.pictures)
    assert found.tables["What changed, table"][1][:2] == ["carrier", "bad"]
    assert ["unseen", "bad"] in [row[:2] for row in found.tables["carrier, table"]]


class Page(HTMLParser):
    """The pictures of a page by their descriptions, and the rows of its tables by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: dict[str, str] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "img":
            self.pictures[str(given["alt"])] = str(given["src"])
        if given.get("role") == "region":
            self.rows = self.tables.setdefault(str(given["aria-label"]), [])
        if tag == "tr":
            self.rows.append([])
        self.inside = tag in {"td", "th", "span"}

    def handle_data(self, data: str) -> None:
        if self.inside and self.rows and data.strip():
            self.rows[-1].append(data.strip())
