"""Exercise 02: real charging sessions drawn by a seed, and ways to calculate a driver's history, right and wrong.

Each seed draws other drivers, so that an answer copied from an output fails. The session that is longer than four
hours (11%) is what the exercise's model predicts.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from . import charging

FEATURES = ("hour", "weekday", "platform", "distance", "manager_vehicle", "facility_type")
SHARE = 0.6  # of the drivers that are drawn
SHARED = 12  # accounts that two drivers use: one may start while the other one is still charging
LONG = 4.0  # hours; what is longer, costs
AFTER = ("ended", "kwh", "hours", "dollars")  # what is not known before a session has ended

RUNNING = "one that counts sessions that still run"
ENDS = ("started", "ended")

History = Callable[[pd.DataFrame], pd.Series]


class Times(NamedTuple):
    """Of one driver's sessions: their positions in the table, starts and ends."""

    place: np.ndarray
    started: np.ndarray
    ended: np.ndarray


Over = Callable[[Times], np.ndarray]


def sessions(seed: int) -> pd.DataFrame:
    """Real sessions of some of the drivers, in the order of their start; columns as in `charging.sessions`.

    Some drivers share an account, that is, the value in `driver`. Times are UTC.
    """
    return _drawn(seed).copy()


def some(seed: int, count: int = 200) -> pd.DataFrame:
    """`count` of these sessions, one after the other from a drawn moment on, with an index from 0."""
    rows = _drawn(seed)
    first = int(np.random.default_rng(seed).integers(200, len(rows) - count))
    return rows.iloc[first : first + count].reset_index(drop=True)


def at(moment: pd.Timestamp, rows: pd.DataFrame) -> pd.DataFrame:
    """The table as it was at that moment: later sessions are not there, and the running ones have no end yet."""
    known = rows[rows["started"] <= moment].copy()
    running = ~(known["ended"] <= moment)
    for name in AFTER:
        known[name] = known[name].mask(running)
    return known


def mean_before(rows: pd.DataFrame) -> pd.Series:
    """Mean hours of the driver's sessions that had ended when this one started; NaN when there was none."""
    return _mean(rows, lambda of: of.ended[None, :] <= of.started[:, None])


@cache
def _drawn(seed: int) -> pd.DataFrame:
    every = charging.sessions()
    drivers = np.random.default_rng(seed).permutation(np.sort(every["driver"].unique()))
    chosen = drivers[: int(SHARE * len(drivers))]
    rows = every[every["driver"].isin(chosen)].reset_index(drop=True)
    rows["driver"] = rows["driver"].replace(dict(zip(chosen[:SHARED], chosen[SHARED : 2 * SHARED], strict=True)))
    return rows


def _mean(rows: pd.DataFrame, over: Over) -> pd.Series:
    """Mean hours of the driver's sessions (columns) that count for each session (rows), as `over` says."""
    values = np.full(len(rows), np.nan)
    started, ended = (pd.to_datetime(rows[name], utc=True).dt.tz_localize(None).to_numpy() for name in ENDS)
    hours = rows["hours"].to_numpy(dtype=float)
    for mine in rows.groupby("driver").indices.values():
        at = np.asarray(mine)
        counted = over(Times(at, started[at], ended[at])) & ~np.isnan(hours[at])
        total = np.where(counted, hours[at], 0.0).sum(axis=1)
        count = counted.sum(axis=1)
        values[at] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return pd.Series(values, index=rows.index)


def _sorted(rows: pd.DataFrame) -> pd.Series:
    """The right history by sorted ends: sums up to the last end before the start."""
    ended = rows.dropna(subset="ended").sort_values("ended")
    by_driver = ended.groupby("driver")["hours"]
    ended = ended.assign(mean_before=by_driver.cumsum() / (by_driver.cumcount() + 1))
    starts = rows[["driver", "started"]].assign(row=np.arange(len(rows))).sort_values("started")
    ended["started"] = ended["ended"].astype(rows["started"].dtype)
    before = ended[["driver", "started", "mean_before"]]
    found = pd.merge_asof(starts, before, on="started", by="driver").sort_values("row")
    return pd.Series(found["mean_before"].to_numpy(), index=rows.index)


def _rounded(rows: pd.DataFrame) -> pd.Series:
    """The right history with the noise of another machine."""
    return mean_before(rows) * (1 + 1e-12)


def _changes(rows: pd.DataFrame) -> pd.Series:
    rows["mean_before"] = mean_before(rows)
    return rows["mean_before"]


def _minutes(rows: pd.DataFrame) -> pd.Series:
    values = mean_before(rows)
    rows["hours"] = rows["hours"].fillna(0.0) * 60
    return values


def _future(rows: pd.DataFrame) -> pd.Series:
    return _mean(rows, lambda of: of.place[None, :] != of.place[:, None])


def _itself(rows: pd.DataFrame) -> pd.Series:
    return _mean(rows, lambda of: (of.ended[None, :] <= of.started[:, None]) | (of.place[None, :] == of.place[:, None]))


def _running(rows: pd.DataFrame) -> pd.Series:
    return _mean(rows, lambda of: of.started[None, :] < of.started[:, None])


def _by_order(rows: pd.DataFrame) -> pd.Series:
    return _mean(rows, lambda of: (of.ended[None, :] <= of.started[:, None]) & (of.place[None, :] < of.place[:, None]))


def _relabelled(rows: pd.DataFrame) -> pd.Series:
    return mean_before(rows.sort_values("started", ignore_index=True))


def _zero(rows: pd.DataFrame) -> pd.Series:
    return mean_before(rows).fillna(0.0)


def _filled(rows: pd.DataFrame) -> pd.Series:
    return mean_before(rows).fillna(rows["hours"].mean())


def _dropped(rows: pd.DataFrame) -> pd.Series:
    return mean_before(rows).dropna()


def _everybody(rows: pd.DataFrame) -> pd.Series:
    return mean_before(rows.assign(driver=0))


RIGHT: dict[str, History] = {
    "one that goes through the drivers": mean_before,
    "one that sorts by the end": _sorted,
    "one that differs by 1e-12": _rounded,
}
FAULTY: dict[str, dict[str, History]] = {
    "future": {
        "one that takes the mean of the driver's other sessions, the later ones too": _future,
        "one that counts the session itself": _itself,
        RUNNING: _running,
        "one that takes the sessions of all drivers": _everybody,
    },
    "order": {
        "one that takes the rows above for the earlier ones": _by_order,
        "one that returns the rows sorted, with a new index": _relabelled,
    },
    "input": {
        "one that adds a column to the table it was given": _changes,
        "one that turns the hours in the table it was given into minutes": _minutes,
    },
    "missing": {
        "one that says 0 for a first session": _zero,
        "one that says the mean of all for a first session": _filled,
        "one that leaves first sessions out": _dropped,
    },
}
