"""Months that are played again: at their times, with their labels, and with what happens to them."""

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle
from roadworthy.monitoring.log import PredictionLog
from roadworthy.monitoring.monitors import Reading, Thresholds, Window
from roadworthy.monitoring.timeline import Timeline
from roadworthy.project import Project
from roadworthy.serving import simulation
from sample import HOME
from small import rows

FIRST = datetime(2013, 7, 1, tzinfo=UTC)
PERIOD = FIRST, FIRST + timedelta(days=14)
MIDDLE = FIRST + timedelta(days=7)
INCIDENTS = Project.open(HOME).definition.extensions("incidents")
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
PLANE = ["plane_age", "seats", "engines"]


def flights(first: datetime = FIRST, seed: int = 0) -> pd.DataFrame:
    """Three weeks of flights, one every hour; every tenth is cancelled, so that its label never comes."""
    made = pd.DataFrame(rows(21 * 24, seed=seed))
    time = pd.Series(pd.date_range(first, periods=len(made), freq="h", unit="us"))
    cancelled = np.arange(len(made)) % 10 == 0
    numbers = {name: np.arange(len(made)) % 7 + 1.0 for name in [*WEATHER, *PLANE]}
    return made.assign(
        **numbers,
        manufacturer="BOEING",
        minute_of_day=made["hour"] * 60,
        flight_id=[f"{seed}-{i}" for i in range(len(made))],
        as_of=time,
        day=time.dt.tz_localize(None).dt.normalize(),
        late=np.where(cancelled, np.nan, (np.arange(len(made)) % 4 == 0).astype(float)),
        known_at=(time + pd.Timedelta(hours=5)).mask(cancelled),
    )


@pytest.fixture
def bundle(built_registry: Path) -> Bundle:
    return Bundle.load(built_registry / "versions/1")


def test_each_row_is_answered_at_its_time_and_its_label_comes_when_it_came(
    project: Project, bundle: Bundle, tmp_path: Path
) -> None:
    path, table, told = tmp_path / "new" / "log.db", flights(), []
    shuffled = table.sample(frac=1, random_state=0)
    played, labels = simulation.play_into_log(
        project.contract, shuffled, bundle, path, PERIOD, lambda at, of: told.append((at, of))
    )
    assert (played, labels) == (14 * 24, int(table["late"][: 14 * 24].notna().sum()))
    assert told == [(1, 2), (2, 2)]
    with PredictionLog(path, bundle.signature) as log:
        found, early = log.read(), log.read(known_by=MIDDLE)
    assert list(found["key"]) == list(table["flight_id"][: 14 * 24])
    np.testing.assert_array_equal(found["time"], table["as_of"][: 14 * 24].dt.tz_localize(None).to_numpy())
    asked = [{str(name): value for name, value in row.items()} for row in table[: 14 * 24].to_dict("records")]
    expected = bundle.predict_rows(asked)
    np.testing.assert_allclose(found["probability"].astype(float), expected, atol=1e-6)
    np.testing.assert_array_equal(found["label"], table["late"][: 14 * 24])
    # Five hours before the middle, the last label that is known by then was asked for.
    assert np.flatnonzero(~np.isnan(early["label"])).max() == 7 * 24 - 5


def test_a_log_that_exists_is_never_written_to(project: Project, bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(b"mine")
    with pytest.raises(InputError, match="there is such a file already"):
        simulation.play_into_log(project.contract, flights(), bundle, path, PERIOD)
    assert path.read_bytes() == b"mine"


def test_a_period_without_rows_is_refused_and_says_what_there_is(
    project: Project, bundle: Bundle, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"no rows.*\n.*2013-07-01 to 2013-07-21"):
        simulation.play_into_log(project.contract, flights(), bundle, tmp_path / "log.db", (MIDDLE, MIDDLE))
    assert list(tmp_path.iterdir()) == []


def test_a_simulation_that_is_stopped_leaves_no_log_and_can_be_repeated(
    project: Project, bundle: Bundle, tmp_path: Path
) -> None:
    def stop(at: int, of: int) -> None:
        del at, of
        raise KeyboardInterrupt

    path = tmp_path / "log.db"
    with pytest.raises(KeyboardInterrupt):
        simulation.play_into_log(project.contract, flights(), bundle, path, PERIOD, stop)
    assert not path.exists()
    assert simulation.play_into_log(project.contract, flights(), bundle, path, PERIOD)[0] == 14 * 24


@given(st.text() | st.builds("{}@{}".format, st.sampled_from([*INCIDENTS, "x"]), st.dates() | st.text()))
def test_an_incident_is_understood_or_refused_in_a_sentence(project: Project, text: str) -> None:
    with contextlib.suppress(InputError):
        found = simulation.Incident.parse(project, text)
        assert found.name in INCIDENTS
        assert found.start.tzinfo is UTC


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_changes_what_comes_after_it_and_nothing_before(project: Project, name: str) -> None:
    worlds = {"2013": flights(), "2023": flights(datetime(2023, 1, 1, tzinfo=UTC), seed=1)}
    before = worlds["2013"].copy()
    after = simulation.apply_incidents(
        project.contract, worlds, "2013", [simulation.Incident(name, MIDDLE, INCIDENTS[name])]
    )
    pd.testing.assert_frame_equal(worlds["2013"], before)
    quiet = after[after["as_of"] < MIDDLE]
    pd.testing.assert_frame_equal(quiet.reset_index(drop=True), before[: 7 * 24], check_dtype=False)
    assert after["as_of"].is_monotonic_increasing
    assert after["flight_id"].is_unique
    assert not after[len(quiet) :].reset_index(drop=True).equals(before[7 * 24 :].reset_index(drop=True))


def test_incidents_happen_in_the_order_of_their_dates(project: Project) -> None:
    later = simulation.Incident("celsius", MIDDLE + timedelta(days=7), INCIDENTS["celsius"])
    happening = [later, simulation.Incident("2023-begins", MIDDLE, INCIDENTS["2023-begins"])]
    worlds = {"2013": flights(), "2023": flights(datetime(2023, 1, 1, tzinfo=UTC), seed=1)}
    found = simulation.apply_incidents(project.contract, worlds, "2013", happening)
    new = found[found["as_of"] >= later.start]["temp"].to_numpy()
    # The other world was there a week before it got colder.
    was = worlds["2023"]["temp"][7 * 24 :].to_numpy()
    np.testing.assert_allclose(new, (was - 32) / 1.8)


def test_an_alarm_is_told_when_it_begins_to_ring() -> None:
    names = ["2013-07-01", "2013-07-08", "2013-07-15", "2013-07-22", "2013-07-29"]
    violated = {
        "temp": [False, True, True, True, False],
        "hour": [True, True, False, False, False],
        "dest": [False] * 5,
    }
    readings = [
        Reading(window, "drift", subject, 1.0, 0.2, bad, "evidence")
        for subject, history in violated.items()
        for window, bad in zip(names, history, strict=True)
    ]
    empty = np.empty(0)
    windows = [Window(name, {}, empty, empty, empty, empty.astype(bool)) for name in names]
    timeline = Timeline(windows, readings, Thresholds())
    # Two of three windows: temp rings after that of 15 July, which ends on the 22nd. That of hour rang before.
    found = simulation.begun_alarms(timeline, 7, datetime(2013, 7, 16, tzinfo=UTC))
    assert found == [simulation.Alarm("drift", "temp", "2013-07-15", 6)]
