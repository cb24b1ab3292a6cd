"""Draw the tables of the charging sessions: the same ones each time, with the defects that such tables have."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from roadworthy.data import snapshots

FIRST, DAYS = np.datetime64("2024-01-08"), 301  # a Monday, and 43 weeks
SITES = ("ABK", "CRN", "DOM", "EGG", "FAR", "HUB")
PLACES = ("office", "office", "factory", "factory", "campus", "campus")
BUSY = np.array([64, 62, 62, 58, 62, 9, 6])  # sessions by the day of the week
Columns = dict[str, Any]


def make(folder: Path) -> None:
    """Write both tables of the snapshot into a folder, and their sums."""
    draw = np.random.default_rng(20240108)
    folder.mkdir(parents=True)
    pq.write_table(sessions(draw), folder / "sessions.parquet")
    pc.write_csv(sites(), folder / "sites.csv")
    snapshots.seal_snapshot(folder)


def sites() -> pa.Table:
    """Six sites."""
    opened = np.datetime64("2021-03-01") + np.arange(6) * np.timedelta64(70, "D")
    spots = pa.array([8, 14, 20, 12, 6, 16], pa.int32())
    covered = [True, False, True, False, False, True]
    return pa.table({"site": SITES, "place": PLACES, "spots": spots, "covered": covered, "opened": opened})


def sessions(draw: np.random.Generator) -> pa.Table:
    """All sessions, in the order of their starts."""
    day = np.repeat(np.arange(DAYS), draw.poisson(BUSY[np.arange(DAYS) % 7]))
    hour = np.where(draw.random(len(day)) < 0.7, draw.normal(8.2, 1.2, len(day)), draw.normal(13.5, 2.5, len(day)))
    start = np.sort(day * 86400 + (np.clip(hour, 5, 21) * 3600).astype(int))
    found = _asked(draw, start)
    chance = 1 / (1 + np.exp(-_log_odds(draw, found, start)))
    return _table(draw, found, start, draw.random(len(start)) < chance)


def _asked(draw: np.random.Generator, start: np.ndarray) -> Columns:
    """What is known when a car is plugged in."""
    n = len(start)
    return {
        "site": draw.choice(6, n, p=[0.25, 0.2, 0.18, 0.15, 0.12, 0.1]),
        "ccs": draw.random(n) < 0.4,
        "planned": np.clip(draw.gamma(2.2, 80, n).round(-1), 10, 700).astype(int),
        "price": np.round(0.25 + 0.3 * draw.random(n), 2),
        "battery": np.clip(draw.normal(50, 22, n), 2, 99).astype(int),
        "guest": draw.random(n) < 0.2,
    }


def _log_odds(draw: np.random.Generator, found: Columns, start: np.ndarray) -> np.ndarray:
    """Short plans, full batteries and cheap prices overstay; each day at a site has a mood of its own.

    From July on, later hours overstay that did not before: what is newer knows it.
    """
    day, hour = start // 86400, start % 86400 / 3600
    mood = draw.normal(0, 0.35, (DAYS, 6))[day, found["site"]]
    later = np.clip((day - 160) / 40, 0, 1)
    odds = -1.5 - 1.1 * np.log(found["planned"] / 150) + 0.014 * (found["battery"] - 50)
    odds += np.array([0.5, -0.4, 0.2, 0.0, -0.6, 0.4])[found["site"]] + 0.35 * found["ccs"]
    odds += -3.0 * (found["price"] - 0.4) + 0.7 * found["guest"] + 0.3 * (day % 7 == 4)
    odds += 0.8 * ((found["site"] % 2 == 0) == (hour < 10)) - 0.4
    return np.asarray(odds + mood + np.where(hour < 10, 0.35 - 0.6 * later, 0.7 * later - 0.3))


def _table(draw: np.random.Generator, found: Columns, start: np.ndarray, over: np.ndarray) -> pa.Table:
    n, planned = len(start), found["planned"]
    minutes = np.where(over, planned * (1.05 + draw.exponential(0.5, n)) + 1, planned * (1 - 0.5 * draw.random(n)))
    minutes = np.clip(minutes, 3, 1400).astype(int)
    kwh = np.round(minutes / 60 * draw.uniform(2, 20, n), 1).clip(0, 100)
    lost, walked_in = draw.random(n) < 0.01, draw.random(n) < 0.04
    driver = np.array([f"D{i:04}{chr(65 + i % 26)}" for i in range(900)], dtype=object)
    battery, planned = found["battery"].copy(), planned.copy()
    battery[[100, 5000, 9000]], planned[[300, 7000]] = 250, 9999  # rows for the quarantine
    return pa.table(
        {
            "session": [f"S{i:06}" for i in range(n)],
            "driver": pa.array(driver[draw.integers(0, 900, n)], mask=walked_in),
            "site": np.array(SITES)[found["site"]],
            "plug": np.where(found["ccs"], "ccs", "type2"),
            "plugged_in": pa.array(
                (FIRST.astype("datetime64[us]") + start * np.timedelta64(1, "s")), pa.timestamp("us", "UTC")
            ),
            "planned": pa.array(planned, pa.int32()),
            "price": pa.array(found["price"], mask=draw.random(n) < 0.02),
            "battery": pa.array(battery, pa.int32(), mask=draw.random(n) < 0.04),
            "guest": found["guest"],
            "minutes": pa.array(minutes, pa.int32(), mask=lost),
            "kwh": pa.array(kwh, mask=lost),
        }
    )
