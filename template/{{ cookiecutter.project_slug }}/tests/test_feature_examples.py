"""The worked examples: the SQL gives them, and so does plain Python that was written apart from the SQL."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from roadworthy import Project
from roadworthy.gates.features import compare_worked_examples, example_features, read_example

FOLDER = Path(__file__).parent / "feature_examples"
NEW_YORK = ZoneInfo("America/New_York")
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
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
    last = max(over, key=lambda w: w["time_hour"], default=dict.fromkeys(WEATHER))
    return {name: last[name] for name in WEATHER}


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


def test_the_sql_gives_the_expected_values(project: Project) -> None:
    contract = project.contract
    made = example_features(project, FOLDER)
    expected = read_example(FOLDER / "expected.csv", contract.features)
    found = compare_worked_examples(contract, made, expected)
    assert (found.rows, found.missing, found.extra, found.different) == (15, 0, 0, {})
    assert set(expected) == set(contract.features.names)


def test_every_feature_of_the_model_has_two_different_examples(project: Project) -> None:
    expected = read_example(FOLDER / "expected.csv", project.contract.features)
    assert all(expected[name].nunique() > 1 for name in (*project.settings.model.features, project.contract.target))
