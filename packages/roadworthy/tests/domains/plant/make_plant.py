"""Draw the tables of the plant, two snapshots one after the other: the same ones each time, with their defects."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.data import snapshots

FIRST = np.datetime64("2031-03-01T06:00:00", "us")
DAYS, CUT = 290, 199  # the second snapshot begins after the 199th day
PER_DAY = 46
MACHINES, MAKERS = 24, ("Arcus", "Bohle", "Ceram")
PRODUCTS = ("bolt", "gear", "shaft", "valve")
SECOND = np.timedelta64(1, "s")
Columns = dict[str, Any]


def make(folder: Path) -> None:
    """Write both snapshots into a folder, and their sums."""
    draw = np.random.default_rng(20310301)
    known = machines(draw)
    services = _services(draw)
    parts = readings(draw, known, services)
    for name, (since, until) in {"line-a": (0, CUT), "line-b": (CUT, DAYS)}.items():
        place = folder / name
        place.mkdir(parents=True)
        low, high = since * 86400, until * 86400
        inside = (parts["second"] >= low) & (parts["second"] < high)
        pq.write_table(_readings(parts, inside, fahrenheit=name == "line-b"), place / "readings.parquet")
        pq.write_table(pa.table(known), place / "machines.parquet")
        pq.write_table(_done(services, low, high), place / "services.parquet")
        snapshots.seal_snapshot(place)


def machines(draw: np.random.Generator) -> Columns:
    """The machines of the plant."""
    return {
        "machine": np.array([f"M{i:02}" for i in range(MACHINES)]),
        "maker": np.array(MAKERS)[draw.integers(0, 3, MACHINES)],
        "commissioned": np.datetime64("2005-01-10") + draw.integers(0, 9000, MACHINES) * np.timedelta64(1, "D"),
        "rated": pa.array(draw.choice([3000, 4500, 6000], MACHINES), pa.int32()),
        "automatic": draw.random(MACHINES) < 0.5,
    }


def _services(draw: np.random.Generator) -> list[np.ndarray]:
    """The seconds at which each machine was serviced, about every nine days."""
    return [np.cumsum(draw.gamma(6, 1.5 * 86400, 80)).astype(int) - 9 * 86400 for _ in range(MACHINES)]


def readings(draw: np.random.Generator, known: Columns, services: list[np.ndarray]) -> Columns:
    """Parts by day and night, with the truth about them."""
    n = DAYS * PER_DAY
    second = np.sort(draw.integers(0, DAYS * 86400, n))
    machine, product = draw.integers(0, MACHINES, n), draw.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
    hours = np.array([_since(services[m], s) for m, s in zip(machine, second, strict=True)])
    load = draw.uniform(0.4, 1.05, n)
    season = 8 * np.sin(2 * np.pi * (second / 86400 - 50) / 365)
    warm = 48 + 20 * (load - 0.7) + draw.normal(0, 5, n) + 0.5 * season
    shaken = np.clip(2 + 0.006 * np.nan_to_num(hours, nan=200) + draw.gamma(2, 0.6, n), 0.1, 24)
    bad_day = draw.normal(0, 0.4, (DAYS, MACHINES))[second // 86400, machine]
    maker = np.array([MAKERS.index(name) for name in known["maker"]])[machine]
    age = (np.datetime64("2031-01-01") - known["commissioned"])[machine] / np.timedelta64(365, "D")
    odds = -2.3 + 1.5 * (shaken > 4.5) + 0.05 * np.abs(warm - 46) + bad_day - 0.2 * known["automatic"][machine]
    # What one maker's machine can bear, another's cannot.
    odds += np.array([[1.6, 0.0, -0.4], [0.0, 0.3, 1.2]])[(load > 0.75).astype(int), maker]
    odds += np.array([-0.3, 0.0, 0.3, 0.7])[product] + 0.05 * (age - 14)
    return {
        "second": second,
        "machine": machine,
        "product": product,
        "temperature": np.round(warm, 2),
        "vibration": np.round(shaken, 3),
        "speed": (load * np.asarray(known["rated"])[machine]).astype(int),
        "faulty": draw.random(n) < 1 / (1 + np.exp(-odds)),
        "inspected": second + draw.integers(2 * 3600, 20 * 3600, n),
        "silent": draw.random((3, n)) < np.array([[0.02], [0.04], [0.03]]),
    }


def _since(done: np.ndarray, second: int) -> float:
    at = np.searchsorted(done, second, side="right")
    return float(second - done[at - 1]) / 3600 if at else float("nan")


def _readings(parts: Columns, inside: np.ndarray, *, fahrenheit: bool) -> pa.Table:
    chosen = {name: values[..., inside] for name, values in parts.items()}
    warm = chosen["temperature"].copy()
    warm[[40, 2000]] = 900.0  # a broken wire: rows for the quarantine
    warm = warm * 1.8 + 32 if fahrenheit else warm
    cold, still, unseen = chosen["silent"]
    inspected = _times(chosen["inspected"])
    return pa.table(
        {
            "reading": pa.array(np.flatnonzero(inside) + 1, pa.int64()),
            "machine": np.array([f"M{i:02}" for i in range(MACHINES)])[chosen["machine"]],
            "product": np.array(PRODUCTS)[chosen["product"]],
            "taken_at": pa.array(_times(chosen["second"]), pa.timestamp("us", "UTC")),
            "temperature": pa.array(warm, mask=cold),
            "vibration": pa.array(chosen["vibration"], mask=still),
            "speed": pa.array(chosen["speed"], pa.int32()),
            "inspected": pa.array(inspected, pa.timestamp("us", "UTC"), mask=unseen),
            "faulty": pa.array(chosen["faulty"], mask=unseen),
        }
    )


def _done(services: list[np.ndarray], low: int, high: int) -> pa.Table:
    rows = sorted((second, m) for m, each in enumerate(services) for second in each if low <= second < high)
    return pa.table(
        {
            "machine": [f"M{m:02}" for _, m in rows],
            "done": pa.array(_times(np.array([second for second, _ in rows])), pa.timestamp("us", "UTC")),
            "reason": ["repair" if (second + m) % 5 == 0 else "planned" for second, m in rows],
        }
    )


def _times(seconds: np.ndarray) -> np.ndarray:
    return np.asarray(FIRST + seconds * SECOND)
