"""The monitors on the real flights: what is known to have changed rings, the season does not."""

import numpy as np
import pandas as pd
import pytest

from roadworthy.data import snapshots
from roadworthy.monitoring.monitors import Thresholds
from roadworthy.monitoring.watch import window_readings
from roadworthy.project import Project
from roadworthy.registry.export import make_reference
from sample import HOME

DATA = HOME / "data"
ONCE = Thresholds(n=1, m=1)
SCHEDULE = ["carrier", "origin", "dest", "hour", "minute_of_day", "weekday", "distance"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
NAMES = [*SCHEDULE, *WEATHER]
CATEGORIES = {"carrier", "origin", "dest"}
Columns = dict[str, np.ndarray]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flights(project: Project) -> dict[int, pd.DataFrame]:
    """The features of both years, with the late rate of the hour as a simple model."""
    repair = {2013: {}, 2023: {"flights": "repair_time_hour.sql"}}
    opened = {year: snapshots.connect_snapshot(project, DATA / str(year), repair[year]) for year in (2013, 2023)}
    frames = {year: snapshots.make_features(project, connection) for year, connection in opened.items()}
    train = frames[2013][frames[2013]["day"] < "2013-07-01"]
    rate = train.groupby("hour")["late"].mean()
    return {year: rows.assign(probability=rows["hour"].map(rate).fillna(0.2)) for year, rows in frames.items()}


@pytest.fixture(scope="module")
def reference(project: Project, flights: dict[int, pd.DataFrame]) -> dict[str, object]:
    rows = flights[2013]
    train = columns(rows[(rows["day"] < "2013-07-01") & rows["late"].notna()])
    features = [{"name": name, "kind": project.contract.features.column(name).kind} for name in NAMES]
    described = [
        {**f, "categories": sorted(set(train[str(f["name"])]))} if f["kind"] == "category" else f for f in features
    ]
    return make_reference(train, train["probability"], train["label"], described, day=train["day"])


@pytest.fixture(scope="module")
def later(flights: dict[int, pd.DataFrame], reference: dict[str, object]) -> pd.DataFrame:
    """The readings of July to December 2013 and of all of 2023 by month."""
    rows = pd.concat([flights[2013][flights[2013]["day"] >= "2013-07-01"], flights[2023]])
    return window_readings(reference, {"auc_low": 0.5}, months(rows), thresholds=ONCE)


def columns(rows: pd.DataFrame) -> Columns:
    kinds = {name: object if name in CATEGORIES else float for name in NAMES}
    named = {name: rows[name].to_numpy(dtype=kind) for name, kind in kinds.items()}
    return {
        **named,
        "probability": rows["probability"].to_numpy(),
        "label": rows["late"].to_numpy(float),
        "day": rows["day"].to_numpy(),
    }


def months(rows: pd.DataFrame) -> dict[str, Columns]:
    return {str(month): columns(part) for month, part in rows.groupby(rows["day"].dt.strftime("%Y-%m"))}


def ringing(table: pd.DataFrame, months: str) -> set[tuple[str, str]]:
    rows = table[table["window"].str.match(months) & table["alarm"]]
    return set(zip(rows["monitor"], rows["subject"], strict=True))


def test_nothing_but_the_base_rate_rings_in_the_second_half_of_2013(later: pd.DataFrame) -> None:
    assert {monitor for monitor, _ in ringing(later, "2013")} <= {"base rate", "calibration", "skill"}
    assert ("base rate", "") in ringing(later, "2013-09")
    assert ("base rate", "") in ringing(later, "2013-12")


def test_a_fixed_limit_would_have_rung_for_the_season(later: pd.DataFrame) -> None:
    temp = later[(later["monitor"] == "drift") & (later["subject"] == "temp")].set_index("window")
    assert temp.loc["2013-07", "value"] == pytest.approx(6.4, abs=0.1)
    assert set(temp["status"]) == {"not judged"}


def test_the_relation_of_the_temperature_to_the_rest_of_the_weather_has_no_season(later: pd.DataFrame) -> None:
    relation = later[(later["monitor"] == "relation") & (later["subject"] == "temp")]
    assert relation["value"].max() < 0.3
    assert set(relation["status"]) == {"good"}


def test_the_new_carriers_and_the_new_gusts_ring_in_every_month_of_2023(later: pd.DataFrame) -> None:
    for month in sorted(set(later["window"][later["window"] > "2023"])):
        expected = {("unseen", "carrier"), ("drift", "carrier"), ("drift", "wind_gust"), ("nulls", "wind_gust")}
        assert expected <= ringing(later, month)
    carrier = later[later["window"].gt("2023") & (later["subject"] == "carrier")].set_index("monitor")["value"]
    assert carrier["unseen"].mean() == pytest.approx(0.24, abs=0.01)
    assert carrier["drift"].mean() == pytest.approx(4.1, abs=0.2)


@pytest.mark.parametrize("month", ["2013-07", "2013-10", "2013-12"])
def test_a_thermometer_in_celsius_is_found_in_every_season(
    flights: dict[int, pd.DataFrame], reference: dict[str, object], month: str
) -> None:
    rows = flights[2013][flights[2013]["day"].dt.strftime("%Y-%m") == month]
    celsius = months(rows.assign(temp=(rows["temp"] - 32) / 1.8))
    assert ("relation", "temp") in ringing(window_readings(reference, {}, celsius, thresholds=ONCE), month)
