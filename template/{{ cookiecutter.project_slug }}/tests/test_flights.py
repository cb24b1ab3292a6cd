"""What is true of the flights only: their features, on rows whose features are easy to say and in the worked examples.

Other data need worked examples of their own, and none of this: the other tests follow from contract and settings.
"""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from small_tables import DATA, flight, observation, write

from roadworthy import Project, ask
from roadworthy.data import snapshots

WEATHER = [observation(hour) for hour in range(5, 20)]


def features(project: Project, folder: Path) -> pd.DataFrame:
    return snapshots.make_features(project, snapshots.connect_snapshot(project, folder)).set_index("flight_id")


def test_the_weather_is_that_of_the_last_full_hour(project: Project, tmp_path: Path) -> None:
    made = features(
        project, write(tmp_path / "s", [flight(1, "10:00"), flight(2, "10:59"), flight(3, "11:00")], WEATHER)
    )
    # At 10:00 the observation of 9:00 is complete, at 10:59 still no later one, at 11:00 that of 10:00.
    assert made["temp"].tolist() == [39.0, 39.0, 40.0]


def test_weather_that_is_older_than_three_hours_is_not_known(project: Project, tmp_path: Path) -> None:
    flights = [flight(1, "08:30"), flight(2, "11:30"), flight(3, "23:00")]
    made = features(project, write(tmp_path / "s", flights, [observation(7)]))
    assert made["temp"].notna().tolist() == [True, False, False]


def test_congestion_is_the_mean_delay_of_departures_known_an_hour_ahead(project: Project, tmp_path: Path) -> None:
    # Known between 8:00 and 11:00: departures at 8:30+10, 9:00+20, 9:30+30, 10:00+40, 10:30+0.
    past = [("08:30", 10), ("09:00", 20), ("09:30", 30), ("10:00", 40), ("10:30", 0)]
    early, late = [("07:00", 500)], [("11:00", 700), ("10:40", 60)]
    flights = [flight(i, at, dep_delay=delay) for i, (at, delay) in enumerate([*early, *past, *late])]
    made = features(project, write(tmp_path / "s", [*flights, flight(99, "12:00")], WEATHER))
    # 7:00 is known at 15:20 only, 11:00+700 and 10:40+60 (11:40) after 11:00.
    assert made.filter(like="UA99", axis=0)["origin_delay"].tolist() == [20.0]


def test_fewer_than_five_departures_say_nothing(project: Project, tmp_path: Path) -> None:
    flights = [flight(i, f"09:{10 * i:02}", dep_delay=10) for i in range(4)]
    made = features(project, write(tmp_path / "s", [*flights, flight(99, "12:00")], WEATHER))
    assert made["origin_delay"].isna().all()


def test_a_feature_does_not_change_when_the_future_does(project: Project, tmp_path: Path) -> None:
    flights = [flight(i, f"{6 + i // 4:02}:{15 * (i % 4):02}", dep_delay=i) for i in range(50)]
    before = features(project, write(tmp_path / "a", flights, WEATHER))
    changed = [
        {**f, "dep_delay": 999, "arr_delay": 999, "air_time": 999} if int(str(f["hour"])) >= 12 else f for f in flights
    ]
    weather = [observation(o["hour"], temp=99.0) if int(str(o["hour"])) >= 12 else o for o in WEATHER]  # type: ignore[arg-type]
    after = features(project, write(tmp_path / "b", changed, weather))
    known = ["dep_delay", "arr_delay", "late", "known_at"]
    noon = pd.Timestamp(2013, 1, 2, 12, tz="America/New_York")
    same = before["as_of"] <= noon
    assert same.sum() > 20
    pd.testing.assert_frame_equal(before[same].drop(columns=known), after[same].drop(columns=known))


def test_the_label_is_late_from_15_minutes_on_and_unknown_for_a_cancelled_flight(
    project: Project, tmp_path: Path
) -> None:
    cancelled = {"dep_time": None, "dep_delay": None, "arr_time": None, "arr_delay": None, "air_time": None}
    flights = [flight(1, "08:00", arr_delay=14), flight(2, "09:00", arr_delay=15), flight(3, "10:00", **cancelled)]
    made = features(project, write(tmp_path / "s", flights, WEATHER))
    assert made["late"].tolist()[:2] == [0.0, 1.0]
    assert made["late"].isna().tolist() == made["known_at"].isna().tolist() == [False, False, True]


def test_planes_are_joined_by_tailnum_and_aged_by_the_year_of_construction(project: Project, tmp_path: Path) -> None:
    made = features(project, write(tmp_path / "s", [flight(1, "08:00"), flight(2, "09:00", tailnum="N404")], WEATHER))
    assert made["plane_age"].tolist()[0] == 10
    assert made["seats"].isna().tolist() == [False, True]


@pytest.mark.slow
def test_every_flight_of_2013_becomes_one_row_and_its_weather_is_pandas_own_as_of_join(project: Project) -> None:
    connection = snapshots.connect_snapshot(project, DATA / "2013")
    made = snapshots.make_features(project, connection)
    assert len(made) == made["flight_id"].nunique() == 336_776
    weather = ask(connection, "select origin, time_hour, temp from weather order by time_hour")
    weather["known"] = weather["time_hour"] + pd.Timedelta(hours=1)
    rows = made[["flight_id", "as_of", "origin", "temp"]].sort_values("as_of")
    window = pd.Timedelta(hours=3)
    joined = pd.merge_asof(rows, weather, left_on="as_of", right_on="known", by="origin", tolerance=window)
    np.testing.assert_array_equal(joined["temp_x"], joined["temp_y"])


def test_a_thermometer_in_celsius_changes_the_temperatures_only(project: Project) -> None:
    rows = project.data.features("2013").sample(4000, random_state=0)
    incident = project.definition.extensions("incidents")["celsius"]
    after = incident(rows, {}, datetime(2013, 7, 1, tzinfo=UTC))
    assert [name for name in rows if not after[name].equals(rows[name])] == ["temp", "dewp"]
    assert after["temp"].max() < 50


# The worked examples: plain Python that was written apart from the SQL gives what stands in expected.csv.

FOLDER = Path(__file__).parent / "feature_examples"
NEW_YORK = ZoneInfo("America/New_York")
OBSERVED = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
Row = dict[str, Any]


def read(name: str) -> list[Row]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [{key: _value(text) for key, text in row.items()} for row in csv.DictReader(file)]


def _value(text: str) -> Any:
    if text in {"", "true", "false"}:
        return {"": None, "true": True, "false": False}[text]
    for kind in (float, datetime.fromisoformat):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


TABLES = {name: read(name) for name in ("flights", "weather", "planes")}


def scheduled(flight: Row) -> datetime:
    moment: datetime = flight["time_hour"] + timedelta(minutes=flight["minute"])
    return moment


def by_hand(flight: Row) -> Row:
    """The features of a flight, by loops over the tables."""
    as_of = scheduled(flight)
    local = as_of.astimezone(NEW_YORK)
    plane = next((p for p in TABLES["planes"] if p["tailnum"] == flight["tailnum"]), dict.fromkeys(TABLES["planes"][0]))
    late = None if flight["arr_delay"] is None else flight["arr_delay"] >= 15
    over = None if flight["air_time"] is None else flight["dep_delay"] + flight["air_time"] + 20
    return {
        "as_of": as_of,
        "minute_of_day": local.hour * 60 + local.minute,
        "hour": local.hour,
        "weekday": local.isoweekday(),
        "day_of_year": local.timetuple().tm_yday,
        **observed(flight["origin"], as_of),
        "plane_age": None if plane["year"] is None else local.year - plane["year"],
        **{name: plane[name] for name in ("seats", "engines", "manufacturer")},
        "origin_delay": congestion(flight["origin"], as_of),
        "late": late,
        "known_at": None if over is None else as_of + timedelta(minutes=over),
        **{name: flight[name] for name in ("carrier", "origin", "dest", "distance", "dep_delay", "arr_delay")},
    }


def observed(origin: str, as_of: datetime) -> Row:
    hour = timedelta(hours=1)
    over = [
        w for w in TABLES["weather"] if w["origin"] == origin and as_of - 3 * hour <= w["time_hour"] + hour <= as_of
    ]
    last = max(over, key=lambda w: w["time_hour"], default=dict.fromkeys(OBSERVED))
    return {name: last[name] for name in OBSERVED}


def congestion(origin: str, as_of: datetime) -> float | None:
    hour = timedelta(hours=1)
    known = [
        f["dep_delay"]
        for f in TABLES["flights"]
        if f["origin"] == origin
        and f["dep_delay"] is not None
        and as_of - 4 * hour < scheduled(f) + timedelta(minutes=f["dep_delay"]) <= as_of - hour
    ]
    return sum(known) / len(known) if len(known) >= 5 else None


@pytest.mark.parametrize("flight", TABLES["flights"], ids=lambda flight: f"{flight['carrier']}{flight['flight']:.0f}")
def test_the_expected_values_are_those_of_plain_python(flight: Row) -> None:
    made = by_hand(flight)
    number = f"{flight['carrier']}{flight['flight']:.0f}"
    expected = next(row for row in read("expected") if row["flight_id"].endswith(f"-{number}"))
    assert expected["flight_id"] == f"{made['as_of'].astimezone(UTC):%Y%m%dT%H%M}-{flight['origin']}-{number}"
    assert {name: expected[name] for name in made} == made
