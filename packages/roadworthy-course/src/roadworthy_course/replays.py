"""Replays: what monitors read week by week in logs in which nothing happened, and in logs with an incident."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from roadworthy.project import Project

from . import watched

WEEKS = 16  # of a replay
NEAR = 21  # days to both sides that are the same season
SMALLEST = 1e-4  # share that an empty bin counts as
IN_TIME = 3  # weeks in which an incident must be noticed, that of its begin included
BINNED = ("carrier", "temp", "distance", "probability")
SHARE = 0.4  # of the requests of a replay that meet the incident
Table = NDArray[np.float64]
Bins = NDArray[np.intp]
Found = dict[str, Any]
Runbook = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Reference:
    """The bins of a column, deciles or categories, and for each day of the year the counts of its season."""

    edges: Table | list[str]
    of_season: Table

    @property
    def bins(self) -> int:
        """How many there are: the last one is for what is missing, or for categories that are new."""
        return len(self.edges) + 1 + isinstance(self.edges, np.ndarray)

    def bin(self, values: pd.Series) -> Bins:
        """The number of the bin of each value."""
        return _bin(self.edges, values)


@cache
def reference(project: Project, seed: int, name: str) -> Reference:
    """Of a column in the year before."""
    rows = watched.history(project, seed)
    numeric = pd.api.types.is_numeric_dtype(rows[name])
    tenths = np.arange(1, 10) / 10
    edges = np.unique(rows[name].quantile(tenths)) if numeric else sorted(rows[name].unique())
    of_day = _table(rows["day"].dt.day_of_year.to_numpy() - 1, _bin(edges, rows[name]), 365, len(edges) + 1 + numeric)
    around = (np.arange(365)[:, None] + np.arange(-NEAR, NEAR + 1)) % 365
    return Reference(edges, of_day[around].sum(axis=1))


def _bin(edges: Table | list[str], values: pd.Series) -> Bins:
    if isinstance(edges, np.ndarray):
        return np.searchsorted(edges, values, side="right") + values.isna().to_numpy()
    codes = pd.Categorical(values, categories=edges).codes  # -1: a new one
    return np.where(codes < 0, len(edges), codes).astype(np.intp)


@cache
def readings(project: Project, seed: int, quiet: int = 7) -> pd.DataFrame:
    """Replays drawn with a seed: one for each kind of incident, and `quiet` ones. A row for each week and monitor.

    replay, week (from 0), monitor (one of KINDS), value (more is worse), incident (the monitor that should ring, ""
    in a quiet replay), began (the week in which it did, -1 in a quiet one). The first day of an incident is the first
    of its week. carrier, temp, distance and probability are the PSI against the same season of the year before, wind
    is the share of missing values, labels the share of labels that never came, traffic how many times more
    or fewer predictions there are, as a logarithm.
    """
    random = np.random.default_rng([seed, 7])
    parts = []
    for number, what in enumerate((*watched.KINDS, *[""] * quiet)):
        first = pd.Timestamp("2023-01-01") + pd.Timedelta(days=int(random.integers(0, 365 - 7 * WEEKS)))
        began = int(random.integers(4, WEEKS - 4)) if what else -1
        begin, after = str(first.date()), 7 * began
        log = watched.log(project, 1000 * seed + number, begin, 7 * WEEKS, what=what, after=after, share=SHARE)
        parts.append(_read(project, log, seed).assign(replay=number, incident=what, began=began))
    return pd.concat(parts, ignore_index=True)[["replay", "week", "monitor", "value", "incident", "began"]]


@cache
def logs(project: Project, seed: int) -> dict[str, watched.Log]:
    """A log of seven weeks for each kind of incident, which begins in the third or later, and a "quiet" one."""
    random = np.random.default_rng([seed, 6])
    found = {}
    for number, what in enumerate(watched.KINDS):
        first = pd.Timestamp("2023-01-01") + pd.Timedelta(days=int(random.integers(0, 316)))
        after = int(random.integers(16, 40))
        found[what] = watched.log(project, 500 + 10 * seed + number, str(first.date()), 49, what=what, after=after)
    turn = ("2023-03-20", "2023-10-01")[seed % 2]  # when the weather changes most
    return found | {"quiet": watched.log(project, 509 + 10 * seed, turn, 49)}


def calls(project: Project, seed: int) -> list[tuple[Found, pd.DataFrame, Runbook]]:
    """What a message is made of, four times: what was found, the predictions, and a runbook drawn with the seed."""
    random, made = np.random.default_rng([seed, 8]), []
    rows = watched.log(project, seed + 40, "2023-05-01", 28).predictions
    for number, what in enumerate(random.permutation(watched.KINDS)[:4].tolist()):
        urgencies = ("PAGE", "TICKET")[:: (1, -1)[number % 2]]
        runbook = dict.fromkeys(watched.KINDS, (urgencies[1], "Look at the dashboard."))
        runbook[what] = (urgencies[0], f"Stop release {random.integers(10, 99)} and ask team {random.integers(2, 9)}.")
        day, limit = rows["day"].iloc[0] + pd.Timedelta(days=int(random.integers(7, 25))), random.uniform(0.01, 0.9)
        found = {"what": what, "day": day, "value": float(limit * random.uniform(1.5, 9)), "limit": float(limit)}
        made.append((found, rows, runbook))
    return made


def outcome(rows: pd.DataFrame, thresholds: dict[str, float]) -> tuple[list[str], list[str]]:
    """The incidents that were not found in time, and the false alarms, as words, with the rule 2 of 3.

    An incident is found when its own monitor begins to ring in the week it began or the two after. An alarm is false in
    a quiet replay, and before the incident; what rings after it began is right.
    """
    names = sorted(thresholds)
    wide = rows.pivot_table(index=["replay", "week"], columns="monitor", values="value")[names]
    violated = (wide.to_numpy() > [thresholds[name] for name in names]).reshape(-1, WEEKS, len(names)).astype(int)
    before = np.pad(violated, ((0, 0), (2, 0), (0, 0)))
    rings = before[:, 2:] + before[:, 1:-1] + before[:, :-2] >= 2
    missed, false = [], []
    for number, (what, began) in enumerate(rows.groupby("replay")[["incident", "began"]].first().to_numpy()):
        weeks = rings[number] if began < 0 else rings[number, :began]
        loud = np.flatnonzero(weeks.any(axis=0))
        false += [f"{names[each]} in week {weeks[:, each].argmax()} of replay {number}" for each in loud]
        if what and not rings[number, began : began + IN_TIME, names.index(what)].any():
            missed.append(str(what))
    return missed, false


def psi(expected: Table, actual: Table) -> Table:
    """Population stability index of counts along the last axis; an empty bin counts as a share of 0.0001."""
    e, a = (np.maximum(each / each.sum(axis=-1, keepdims=True), SMALLEST) for each in (expected, actual))
    found: Table = ((a - e) * np.log(a / e)).sum(axis=-1)
    return found


def _read(project: Project, log: watched.Log, seed: int) -> pd.DataFrame:
    rows = log.predictions
    first = rows["day"].min()
    week = ((rows["day"] - first).dt.days // 7).to_numpy()
    middles = [(first + pd.Timedelta(days=7 * w + 3)).day_of_year - 1 for w in range(WEEKS)]
    values = {}
    for name in BINNED:
        before = reference(project, seed, name)
        values[name] = psi(before.of_season[middles], _table(week, before.bin(rows[name]), WEEKS, before.bins))
    values["wind"] = _mean(rows["wind"].isna().to_numpy(), week)
    values["labels"] = _mean(~rows["id"].isin(log.labels["id"]).to_numpy(), week)
    values["traffic"] = np.abs(np.log(np.bincount(week, minlength=WEEKS) / (7 * watched.FLIGHTS)))
    wide = pd.DataFrame(values).rename_axis("week").reset_index()
    return wide.melt("week", var_name="monitor", value_name="value").round({"value": 4})


def _table(row: Bins, column: Bins, rows: int, columns: int) -> Table:
    return np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns).astype(float)


def _mean(values: NDArray[np.bool_], week: Bins) -> Table:
    return np.bincount(week, values, WEEKS) / np.bincount(week, minlength=WEEKS)
