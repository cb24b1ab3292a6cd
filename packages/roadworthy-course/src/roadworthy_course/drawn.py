"""The data of the exercises, drawn with a seed: flights of some days of 2023, and invented charging sessions.

Each seed gives other rows, so that an answer copied from an output fails where a right query or function passes.
"""

from functools import cache

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from roadworthy.data import snapshots
from roadworthy.project import Project

from .answers import arrow, opened

PLUGS = ("type2", "ccs", "chademo")
POWER = 22.0  # kW, at most
FREE_HOURS = 4.0  # then a dollar an hour
FLEET = "FLEET"  # an account that starts two cars at the same moment
ZONES = {
    "LA": "America/Los_Angeles",
    "NY": "America/New_York",
    "MU": "Europe/Berlin",
    "TO": "Asia/Tokyo",
    "DE": "Asia/Kolkata",
    "SY": "Australia/Sydney",
}


@cache
def flights(project: Project, seed: int) -> dict[str, pa.Table]:
    """Tables flights (each with its `id`), weather, planes and airlines of nine days of 2023, drawn by pairs.

    One of them is 31 December, for which there is no weather. Times are UTC.
    """
    connection = _year(project)
    chosen = np.random.default_rng(seed).choice(np.arange(2, 363, 3), size=4, replace=False)
    days = ", ".join(str(day) for first in sorted(chosen) for day in (first, first + 1))
    of_year = "dayofyear(make_date(year, month, day))"
    picked = f"select * from flights where {of_year} in ({days}, 365) and hash(flight + {seed}) % 2 = 0"
    order = "time_hour, minute, origin, carrier, flight, dest"
    queries = {
        "flights": f"select (row_number() over (order by {order}))::integer as id, * from ({picked}) order by 1",
        "weather": f"select * from weather where {of_year} in ({days}) or {of_year} - 1 in ({days})"
        f" or {of_year} + 1 in ({days}) order by origin, time_hour",
        "planes": f"select * from planes where tailnum in (select tailnum from ({picked})) order by tailnum",
        "airlines": "select * from airlines order by carrier",
    }
    return {name: connection.sql(query).to_arrow_table() for name, query in queries.items()}


@cache
def charging(seed: int, count: int = 600) -> dict[str, pa.Table]:
    """Tables sessions and sites: invented charging sessions at workplaces in six time zones, times in UTC.

    They fall into March and April 2015, when the clocks change in America and Europe, on other dates.
    """
    random = np.random.default_rng(seed)
    zones = list(ZONES.items())
    sites = pd.DataFrame(
        [{"site": f"{code}-{random.integers(10, 99)}", "zone": zone} for code, zone in zones for _ in range(2)]
    ).drop_duplicates("site", ignore_index=True)
    sessions = sessions_of(seed, count, sites["site"].tolist())
    local = pd.Series([dict(sites.to_numpy())[site] for site in sessions["site"]])
    for zone in local.unique():
        here = (local == zone).to_numpy()
        for name in ("started", "ended"):
            naive = sessions.loc[here, name].dt.tz_localize(None)
            shown = naive.dt.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
            sessions.loc[here, name] = shown.dt.tz_convert("UTC")
    return {"sessions": arrow(sessions), "sites": arrow(sites)}


def sessions_of(seed: int, count: int = 600, sites: list[str] | None = None) -> pd.DataFrame:
    """Clean charging sessions: a row each, in the order of their start (UTC). Nothing is wrong with them.

    session: a number that each site counts for itself; site; driver; plug; started, ended (missing for 2%: it is still
    charging); kwh, 0 to 100, at most 22 kW; dollars: four hours are free, then one for each hour, in cents.
    """
    random = np.random.default_rng(seed)
    names = sites or [f"{random.choice(list(ZONES))}-{number}" for number in random.choice(range(10, 99), 8, False)]
    days = random.integers(0, 56, count)
    start = np.clip(random.normal(9.5, 1.5, count), 5, 20) + (random.random(count) < 0.1) * 8
    night = random.random(count) < 0.12  # around midnight, where an hour more is another day
    start[night] = random.uniform(22.2, 25.8, night.sum())
    hours = np.round(np.clip(random.gamma(4, 0.75, count), 0.1, 12), 2)
    hours[:5] = FREE_HOURS
    kwh = np.round(np.minimum(hours * random.uniform(1.0, POWER, count), random.uniform(5, 100, count)), 2)
    kwh[:3] = np.floor(hours[:3] * POWER)
    kwh[3:6] = 0.0
    started = pd.Timestamp("2015-03-01", tz="UTC") + pd.to_timedelta(np.round(days * 1440 + start * 60), unit="min")
    rows = pd.DataFrame(
        {
            "site": random.choice(names, count),
            "driver": [f"D{number:03}" for number in random.integers(1, 120, count)],
            "plug": random.choice(PLUGS, count, p=[0.7, 0.2, 0.1]),
            "started": started,
            "ended": started + pd.to_timedelta(np.round(hours * 3600), unit="s"),
            "kwh": kwh,
            "dollars": np.round(np.maximum(hours - FREE_HOURS, 0), 2),
        }
    )
    rows = _with_fleet(rows, random)
    rows = rows.sort_values("started", kind="stable", ignore_index=True)
    rows.insert(0, "session", rows.groupby("site").cumcount() + 1)
    rows["ended"] = rows["ended"].astype("datetime64[us, UTC]")
    rows["started"] = rows["started"].astype("datetime64[us, UTC]")
    running = random.choice(len(rows), max(2, len(rows) // 50), replace=False)
    rows.loc[running, "ended"] = pd.NaT
    return rows


def look(project: Project, seed: int = 0) -> duckdb.DuckDBPyConnection:
    """All these tables in one database, to try queries on."""
    return opened({**flights(project, seed), **charging(seed)})


@cache
def _year(project: Project) -> duckdb.DuckDBPyConnection:
    snapshot = project.settings.snapshot("2023")
    return snapshots.connect_snapshot(project, snapshot.folder, snapshot.repair)


def _with_fleet(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    chosen = random.choice(np.arange(10, len(rows)), 12, replace=False)
    rows.loc[chosen, "driver"] = FLEET
    twins = rows.loc[chosen].assign(plug=random.choice(PLUGS, len(chosen)))
    return pd.concat([rows, twins], ignore_index=True)
