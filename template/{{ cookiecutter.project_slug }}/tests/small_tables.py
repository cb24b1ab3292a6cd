"""Tables of a few flights, small enough to calculate every feature by hand."""

import shutil
from pathlib import Path

import pandas as pd

from roadworthy.data import snapshots

DATA = Path(__file__).parents[1] / "data"


def flight(number: int, time: str, **values: object) -> dict[str, object]:
    """A flight from JFK on 2 January 2013 at the local `time`; `values` replace the usual ones."""
    hour, minute = map(int, time.split(":"))
    day = pd.Timestamp(2013, 1, 2, hour, tz="America/New_York").tz_convert("UTC")
    usual = {
        "year": 2013,
        "month": 1,
        "day": 2,
        "dep_time": hour * 100 + minute,
        "sched_dep_time": hour * 100 + minute,
        "dep_delay": 0,
        "arr_time": 1200,
        "sched_arr_time": 1200,
        "arr_delay": 0,
        "carrier": "UA",
        "flight": number,
        "tailnum": "N1",
        "origin": "JFK",
        "dest": "BOS",
        "air_time": 60,
        "distance": 187,
        "hour": hour,
        "minute": minute,
        "time_hour": day,
    }
    return {**usual, **values}


def observation(hour: int, **values: object) -> dict[str, object]:
    """The weather at JFK in a local hour of that day."""
    time = pd.Timestamp(2013, 1, 2, hour, tz="America/New_York").tz_convert("UTC")
    usual = {
        "origin": "JFK",
        "year": 2013,
        "month": 1,
        "day": 2,
        "hour": hour,
        "temp": 30.0 + hour,
        "dewp": 20.0,
        "humid": 50.0,
        "wind_dir": 10,
        "wind_speed": 5.0,
        "wind_gust": None,
        "precip": 0.0,
        "pressure": 1000.0,
        "visib": 10.0,
        "time_hour": time,
    }
    return {**usual, **values}


def write(folder: Path, flights: list[dict[str, object]], weather: list[dict[str, object]]) -> Path:
    """A sealed snapshot of these flights and this weather, with the registers of 2013."""
    shutil.copytree(DATA / "2013", folder)
    whole = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
    pd.DataFrame(flights).astype(dict.fromkeys(whole, "Int32")).to_parquet(folder / "flights.parquet")
    pd.DataFrame(weather).astype({"wind_gust": "float64"}).to_parquet(folder / "weather.parquet")
    plane = {"tailnum": "N1", "year": 2003, "type": "x", "manufacturer": "BOEING", "model": "737", "engines": 2}
    pd.DataFrame([{**plane, "seats": 150, "speed": 0, "engine": "Turbo-fan"}]).to_parquet(folder / "planes.parquet")
    snapshots.seal_snapshot(folder)
    return folder
