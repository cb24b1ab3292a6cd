"""What may happen to a model in production: each takes the rows from its date on and gives what comes instead.

This is the part of the simulation that knows about flights. `worlds` are the features of each snapshot, `start` is when
it happens.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from .contract import CONTRACT

Worlds = Mapping[str, pd.DataFrame]
Happens = Callable[[pd.DataFrame, Worlds, datetime], pd.DataFrame]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
PLANE = ["plane_age", "seats", "engines", "manufacturer"]
NEW = "ZQ"  # a code that no airline has


def _carrier_gone(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    kept: pd.DataFrame = rows[rows["carrier"] != rows["carrier"].mode()[0]]
    return kept


def _carrier_renamed(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(carrier=rows["carrier"].replace({rows["carrier"].mode()[0]: NEW}))


def _airport_gone(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.drop(index=rows.index[rows["origin"] == "LGA"])


def _celsius(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(**{name: (rows[name] - 32) / 1.8 for name in ("temp", "dewp")})


def _knots(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(**{name: rows[name] / 1.15078 for name in ("wind_speed", "wind_gust")})


def _kilometres(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(distance=rows["distance"] * 1.609344)


def _weather_missing(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(**dict.fromkeys(WEATHER, np.nan))


def _weather_frozen(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(**{name: rows[name].iloc[0] for name in WEATHER})


def _planes_missing(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(**dict.fromkeys(PLANE[:-1], np.nan), manufacturer=None)


def _utc(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    minutes = (rows["minute_of_day"] + 300) % 1440
    return rows.assign(minute_of_day=minutes, hour=minutes // 60)


def _labels_stop(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(**{CONTRACT.known_at: rows[CONTRACT.known_at].where(np.zeros(len(rows), bool))})


def _labels_swapped(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(**{CONTRACT.target: 1 - rows[CONTRACT.target]})


def _twice_as_late(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    # As many of those in time are late as were late before: a strike, or a runway that is closed.
    del worlds, start
    late = rows[CONTRACT.target]
    extra = np.random.default_rng(0).random(len(rows)) < late.mean() / (1 - late.mean())
    return rows.assign(**{CONTRACT.target: late.mask(extra & late.notna(), 1)})


def _traffic_doubles(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    again = rows.assign(**{CONTRACT.key: rows[CONTRACT.key] + "-again"})
    return pd.concat([rows, again], ignore_index=True)


def _another_world(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del rows
    newest = worlds[max(worlds)]
    shift = pd.Timestamp(start) - newest[CONTRACT.time].min().normalize()
    times = {name: newest[name] + shift for name in (CONTRACT.time, CONTRACT.known_at, CONTRACT.day)}
    return newest.assign(**times)


INCIDENTS: dict[str, Happens] = {
    "carrier-gone": _carrier_gone,
    "carrier-renamed": _carrier_renamed,
    "airport-gone": _airport_gone,
    "celsius": _celsius,
    "knots": _knots,
    "kilometres": _kilometres,
    "weather-missing": _weather_missing,
    "weather-frozen": _weather_frozen,
    "planes-missing": _planes_missing,
    "utc": _utc,
    "labels-stop": _labels_stop,
    "labels-swapped": _labels_swapped,
    "twice-as-late": _twice_as_late,
    "traffic-doubles": _traffic_doubles,
    "2023-begins": _another_world,
}
