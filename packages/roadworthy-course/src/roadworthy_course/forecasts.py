"""The data of exercise 04: real charging sessions cut in time, and forecasts of late flights of 2023, drawn by a seed.

Each seed gives another cut, other sessions, days and flights. What is planted is planted so that it is beyond doubt: a
difference of two forecasts is either far outside its interval by days or well inside.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from roadworthy.base import databases
from roadworthy.data import snapshots
from roadworthy.project import Project

from . import charging
from .numeric import Floats

AT_START = ("driver", "station", "site", "started", "platform", "distance", "manager_vehicle", "facility_type")
FIRST, LAST = pd.Timestamp("2015-07-27", tz="UTC"), pd.Timestamp("2015-08-10", tz="UTC")  # days of a cut
SAME = "no difference"
LONG = 4.0  # hours after which a session costs money
SURE, UNSURE = 3.0, 1.1  # a difference in standard errors: planted as real, planted as none


@dataclass(frozen=True)
class History:
    """Charging sessions in no order, a moment `cut`, and how long after its end a session's energy is reported."""

    sessions: pd.DataFrame
    cut: pd.Timestamp
    delay: pd.Timedelta

    @property
    def train(self) -> pd.DataFrame:
        """The sessions whose energy is known at the cut."""
        return self.sessions[self.sessions["ended"] + self.delay <= self.cut]

    @property
    def test(self) -> pd.DataFrame:
        """The sessions that begin at the cut or later and have an end."""
        return self.sessions[(self.sessions["started"] >= self.cut) & self.sessions["ended"].notna()]


@dataclass(frozen=True)
class Forecast:
    """Labels (1: late), probabilities and days of flights, in no order; shapes (rows,)."""

    y: NDArray[np.int64]
    p: Floats
    day: NDArray[np.str_]


@dataclass(frozen=True)
class Pair:
    """Two forecasts of the same flights, and what can be said about them: "A", "B" or "no difference"."""

    y: NDArray[np.int64]
    a: Floats
    b: Floats
    day: NDArray[np.str_]
    right: str


@cache
def history(seed: int) -> History:
    """95% of the real sessions. One starts exactly at the cut, the energy of one becomes known at it.

    A few, before and after, have no end: the message was lost.
    """
    random = np.random.default_rng(seed)
    every = charging.sessions()
    rows = every[random.random(len(every)) < 0.95].sample(frac=1, random_state=seed)
    rows = rows.reset_index(drop=True).sample(frac=1, random_state=seed + 1)
    cut = random.choice(np.flatnonzero(rows["started"].between(FIRST, LAST)))
    moment: pd.Timestamp = rows["started"].iloc[cut]
    age = moment - rows["ended"]
    last = random.choice(np.flatnonzero(age.between(pd.Timedelta(hours=18), pd.Timedelta(hours=60))))
    lost = [at for at in random.choice(len(rows), 40, replace=False) if at not in (cut, last)]
    rows.loc[rows.index[lost], "ended"] = pd.NaT
    return History(rows, moment, age.iloc[last])


@cache
def metered(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test of `history`; in training some `kwh` are missing, of two drivers all."""
    found = history(seed)
    train, random = found.train.copy(), np.random.default_rng(seed)
    few = train["driver"].value_counts()
    tested = [driver for driver in few.index[few <= 20] if driver in set(found.test["driver"])]
    failed = train["driver"].isin(tested[:2]).to_numpy() | (random.random(len(train)) < 0.03)
    train.loc[failed, "kwh"] = np.nan
    return train, found.test


def long_stays() -> pd.DataFrame:
    """Was a session longer than four hours? July to October 2015, a forecast that knows the sessions before.

    month, day, y (0 or 1) and p: the share of long sessions of the same driver, drawn towards that of all.
    """
    every = charging.sessions()
    every["y"] = (every["hours"] > LONG).astype(int)
    before = every["ended"] < pd.Timestamp("2015-07-01", tz="UTC")
    known = every[before].groupby("driver")["y"].agg(["sum", "count"])
    share = float(every.loc[before, "y"].mean())
    rows = every[every["started"] >= pd.Timestamp("2015-07-01", tz="UTC")]
    p = rows["driver"].map((known["sum"] + 10 * share) / (known["count"] + 10)).fillna(share)
    day = rows["started"].dt.strftime("%Y-%m-%d")
    return pd.DataFrame({"month": day.str[:7], "day": day, "y": rows["y"], "p": p})


@cache
def late(project: Project, seed: int, days: int = 24, digits: int = 3) -> Forecast:
    """Flights of some days of 2023, with the share that was late from January to April for their carrier and hour.

    The days are spread from the best of the year to the worst, and bad ones have more rows than good ones (12 to 67),
    so that a mean of daily figures is not the figure.
    """
    random, every = np.random.default_rng(seed), _flights(project)
    ranked = every.groupby("day")["y"].mean().sort_values().index.to_numpy()
    chosen = [random.choice(alike) for alike in np.array_split(ranked, days)]
    groups = every[every["day"].isin(chosen)].groupby("day")
    sizes = 12 + (groups["y"].mean().rank() * 55 / days).astype(int)
    rows = pd.concat([part.sample(sizes[day], random_state=seed) for day, part in groups])
    rows = rows.sample(frac=1, random_state=seed)
    return Forecast(rows["y"].to_numpy(), rows["p"].to_numpy().round(digits), rows["day"].to_numpy().astype(str))


def distorted(project: Project, seed: int) -> Forecast:
    """The same with probabilities that rank as well but are no frequencies: too low for odd seeds, else too high."""
    found = late(project, seed + 70)
    return Forecast(found.y, (found.p ** (1.8 if seed % 2 else 0.5)).round(3), found.day)


@cache
def pairs(project: Project, seed: int) -> dict[str, Pair]:
    """Five pairs: clear, turned (the same, B better), chance, paired (seen row by row), days (only rows say so)."""
    base, random = late(project, seed + 90), np.random.default_rng(seed)
    good, bad, slight = (_noise(_towards(base, share), random) for share in (0.0, -0.25, 0.04))
    return {
        "clear": Pair(base.y, good, bad, base.day, "A"),
        "turned": Pair(base.y, bad, good, base.day, "B"),
        "chance": _alike(base, random),
        "paired": Pair(base.y, *((slight, good) if seed % 2 else (good, slight)), base.day, "A" if seed % 2 else "B"),
        "days": _moved(project, seed, random),
    }


def errors(y: NDArray[np.int64], a: Floats, b: Floats, day: NDArray[np.str_]) -> tuple[float, float]:
    """How many standard errors the Brier scores of `a` and `b` differ: taking rows as independent, and days."""
    differences = (b - y) ** 2 - (a - y) ** 2
    mean, code = differences.mean(), np.unique(day, return_inverse=True)[1]
    rest, count = np.bincount(code, differences - mean), len(y)
    by_row = differences.std(ddof=1) / np.sqrt(count)
    by_day = np.sqrt((rest**2).sum() * len(rest) / (len(rest) - 1)) / count
    return float(abs(mean) / by_row), float(abs(mean) / by_day)


@cache
def _flights(project: Project) -> pd.DataFrame:
    snapshot = project.settings.snapshot("2023")
    query = """
        with labelled as (select *, (arr_delay >= 15)::integer as y from flights where arr_delay is not null),
        prior as (select avg(y) as share from labelled where month <= 4),
        known as (select carrier, hour, sum(y) as late, count(*) as n from labelled where month <= 4 group by all)
        select strftime(make_date(year, month, day), '%Y-%m-%d') as day, y,
            coalesce((late + 20 * share) / (n + 20), share) as p
        from labelled left join known using (carrier, hour) cross join prior
        where month > 4 and (month * 31 + day + flight) % 3 = 0
        order by day, time_hour, minute, origin, carrier, flight, dest
    """
    with snapshots.connect_snapshot(project, snapshot.folder, snapshot.repair) as connection:
        return databases.ask(connection, query)


def _towards(base: Forecast, share: float) -> Floats:
    """Closer to what came true, or farther from it when `share` is negative."""
    return np.asarray(base.p + share * (base.y - base.p) if share >= 0 else base.p - share * (1 - base.y - base.p))


def _noise(p: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(np.clip(p + random.uniform(-0.02, 0.02, len(p)), 0, 1))


def _alike(base: Forecast, random: np.random.Generator) -> Pair:
    """The same forecast with an error of its own in each: what differs is chance."""
    while True:
        a, b = _noise(base.p, random), _noise(base.p, random)
        if max(errors(base.y, a, b, base.day)) < UNSURE:
            return Pair(base.y, a, b, base.day, SAME)


def _moved(project: Project, seed: int, random: np.random.Generator) -> Pair:
    """One of the two is too high or too low for whole days, as a weather forecast is: rows are sure, days are not."""
    for again in range(100):
        base = late(project, seed + 90 + 1000 * again)
        names, code = np.unique(base.day, return_inverse=True)
        for _ in range(100):
            b = np.clip(base.p + random.uniform(-0.15, 0.15, len(names))[code], 0, 1)
            by_row, by_day = errors(base.y, base.p, b, base.day)
            if by_row > SURE and by_day < UNSURE and _of_days(base, b) < UNSURE:
                return Pair(base.y, base.p, b, base.day, SAME)
    raise AssertionError(f"no such days with seed {seed}")


def _of_days(base: Forecast, b: Floats) -> float:
    """The same in standard errors for who gives each day the same weight."""
    code = np.unique(base.day, return_inverse=True)[1]
    daily = np.bincount(code, (b - base.y) ** 2 - (base.p - base.y) ** 2) / np.bincount(code)
    return float(abs(daily.mean()) / (daily.std(ddof=1) / np.sqrt(len(daily))))
