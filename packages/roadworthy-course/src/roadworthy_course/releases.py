"""What surrounds the choice of a model, drawn with a seed: weeks of monitoring, a shelf of versions, a run, facts."""

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from roadworthy.project import Project

from . import contenders
from .contenders import Interval

FEWEST_DAYS, OLDEST = 28, 180  # of the rules of question 1: new labelled days, age in days
FEW = 30  # flights of a carrier; with fewer a card says nothing about it
STATE = "champion.json"
Change = Callable[[pd.DataFrame, np.random.Generator], object]


@dataclass(frozen=True)
class Case:
    """A story of weeks, the right decision, the column that decides ("nothing" when none does), why it is missed."""

    story: str
    decision: str
    reason: str
    change: Change
    cause: str


def weeks(seed: int, case: Case) -> pd.DataFrame:
    """A row for each week, the oldest first, of this case: week, data_quality, drift, performance, new_days, age."""
    return _weeks(seed, CASES.index(case)).copy()


@cache
def _weeks(seed: int, number: int) -> pd.DataFrame:
    random = np.random.default_rng([seed, number])
    count = int(random.integers(6, 11))
    ages = int(random.integers(100, OLDEST - 5)) - 7 * np.arange(count)[::-1]
    new = int(random.integers(FEWEST_DAYS + 2, 60)) - 7 * np.arange(count)[::-1]
    first = pd.Timestamp("2023-01-02") + pd.Timedelta(weeks=int(random.integers(0, 40)))
    table = pd.DataFrame(
        {
            "week": pd.date_range(first, periods=count, freq="7D"),
            "data_quality": False,
            "drift": random.random(count) < 0.4,
            "performance": False,
            "new_days": np.maximum(new, 0),
            "age": ages,
        }
    )
    table.loc[0, ["data_quality", "performance"]] = random.random(2) < 0.5
    CASES[number].change(table, random)
    return table


def _set(column: str, *back: int) -> Change:
    """An alarm in these weeks, counted back from the newest, 0."""

    def change(table: pd.DataFrame, _: np.random.Generator) -> None:
        table.loc[[len(table) - 1 - each for each in back], column] = True

    return change


def _last(column: str, low: int, high: int) -> Change:
    """The newest value of a column, from `low` to `high`; the weeks before follow it."""

    def change(table: pd.DataFrame, random: np.random.Generator) -> None:
        newest = int(random.integers(low, high + 1))
        table[column] = np.maximum(newest - 7 * np.arange(len(table))[::-1], 0)

    return change


def _all(*changes: Change) -> Change:
    def change(table: pd.DataFrame, random: np.random.Generator) -> None:
        for each in changes:
            each(table, random)

    return change


_RINGS = _set("performance", 0, 1)
_FEW = _last("new_days", 3, 20)
_EARLY = "The rule of the new days comes before those that retrain"
_ONCE = "It has to ring in both of the two newest weeks: iloc[-2:] and all(), not any()"
CASES = (
    Case("nothing rings", "wait", "nothing", _all(), "When no rule fits it is the fifth: nothing"),
    Case("drift rings every week", "wait", "nothing", _set("drift", 0, 1, 2, 3, 4), "Drift is no reason to retrain"),
    Case("performance rings for the first time", "wait", "nothing", _set("performance", 0), _ONCE),
    Case("performance rang two weeks, and is quiet now", "wait", "nothing", _set("performance", 1, 2), _ONCE),
    Case("performance rings every other week", "wait", "nothing", _set("performance", 0, 2), _ONCE),
    Case("performance rings in the two newest weeks", "retrain", "performance", _RINGS, "That is the third rule"),
    Case(
        "data_quality rang three weeks ago and performance rings now",
        "retrain",
        "performance",
        _all(_RINGS, _set("data_quality", 3)),
        "Only the newest week of data_quality counts: what was repaired is repaired",
    ),
    Case(
        "data_quality rings, performance too",
        "repair",
        "data_quality",
        _all(_RINGS, _set("data_quality", 0)),
        "A model that learns from broken data is worse than an old one: this rule comes first",
    ),
    Case(
        "data_quality rings, with few new days",
        "repair",
        "data_quality",
        _all(_set("data_quality", 0), _FEW),
        "The first rule comes before the second: broken data are repaired at once",
    ),
    Case("performance rings, with few new days", "wait", "new_days", _all(_RINGS, _FEW), _EARLY),
    Case("nothing rings, with few new days", "wait", "new_days", _FEW, "The second rule fits: new_days is the reason"),
    Case(
        "performance rings, with exactly 28 new days",
        "retrain",
        "performance",
        _all(_RINGS, _last("new_days", FEWEST_DAYS, FEWEST_DAYS)),
        "Below 28 is too early, 28 is enough",
    ),
    Case("the champion is older than 180 days", "retrain", "age", _last("age", OLDEST + 1, 300), "The fourth rule"),
    Case(
        "the champion is exactly 180 days old",
        "wait",
        "nothing",
        _last("age", OLDEST, OLDEST),
        "Above 180 is too old, 180 is not",
    ),
    Case("the champion is too old, with few new days", "wait", "new_days", _all(_last("age", 200, 300), _FEW), _EARLY),
    Case(
        "performance rings, and the champion is too old",
        "retrain",
        "performance",
        _all(_RINGS, _last("age", 200, 300)),
        "The first rule that fits decides: performance comes before age",
    ),
)


def scratch() -> Path:
    """A new folder for what a notebook writes; it is gone when the notebook ends."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def shelf(folder: Path, seed: int) -> list[int]:
    """Make `versions/<number>/model.txt` in an empty folder for some versions; their numbers. None is the champion."""
    random = np.random.default_rng([seed, 5])
    numbers = sorted(int(number) for number in random.choice(np.arange(1, 20), 5, replace=False))
    for number in numbers:
        place = folder / "versions" / str(number)
        place.mkdir(parents=True)
        (place / "model.txt").write_text(f"model {number} of {seed}\n", encoding="utf-8")
    return numbers


def state(folder: Path) -> Any:
    """What the registry's file says, None when there is none; ValueError when it is no JSON."""
    place = folder / STATE
    return json.loads(place.read_text(encoding="utf-8")) if place.exists() else None


@dataclass(frozen=True)
class Run:
    """A training: its files of data, what is recorded of it, and the flights on which its model was judged."""

    record: dict[str, Any]
    rows: pd.DataFrame
    sums: dict[str, str]
    few: tuple[str, ...]


def run(project: Project, folder: Path, seed: int) -> Run:
    """A training by seed; its data are written into `folder`: bytes, not text.

    record: commit, parameters, learned_until (ISO date), and a password, which is nobody's business.
    """
    random = np.random.default_rng([seed, 6])
    found = contenders.meeting(project, seed, str(random.choice(contenders.KINDS)))
    content = {f"{name}-{seed}.parquet": random.bytes(400) + b"PAR1\r\n" for name in ("flights", "weather", "planes")}
    for name, each in content.items():
        (folder / name).write_bytes(each)
    few = sorted(str(name) for name in random.choice([*contenders.LARGE, contenders.SMALL], 2, replace=False))
    rows = found.judged
    order = rows.groupby("carrier").cumcount()
    rows = rows[~rows["carrier"].isin(few) | (order < FEW - 1)].reset_index(drop=True)
    record = {
        "commit": random.bytes(20).hex(),
        "parameters": {"max_iter": int(random.integers(100, 400)), "learning_rate": 0.1, "seed": seed},
        "learned_until": str(found.learned_until.date()),
        "password": random.bytes(8).hex(),
    }
    sums = {name: hashlib.sha256(each).hexdigest() for name, each in content.items()}
    return Run(record, rows, sums, tuple(few))


@cache
def facts(project: Project, seed: int, kind: str = "better") -> dict[str, Any]:
    """What a note to the team is written from, of a meeting of this kind; see the exercise for its keys."""
    found = contenders.meeting(project, seed, kind)
    rows = found.judged
    random = np.random.default_rng([seed, 7])
    number, warned = int(random.integers(3, 30)), int(random.integers(120, 300))
    worse: dict[str, Interval] = {n: i for n, i in contenders.by_carrier(rows).items() if i[2] < 0 and kind == "slice"}
    return {
        "decision": "promote" if kind == "better" else "keep",
        "champion": number,
        "challenger": number + int(random.integers(1, 4)),
        "difference": contenders.by_days(contenders.gains(rows), rows["day"]),
        "worse": worse,
        "first": str(rows["day"].min().date()),
        "last": str(rows["day"].max().date()),
        "warnings": (warned, warned - int(random.integers(10, 60))),
        "who": f"the desk at {random.choice(['EWR', 'JFK', 'LGA'])}",
        "command": "roadworthy registry rollback",
    }
