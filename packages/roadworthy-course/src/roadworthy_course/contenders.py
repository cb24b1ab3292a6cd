"""A champion and a challenger whose truth is known: invented predictions of real flights of 2023, drawn with a seed.

Flights of a day share its weather, so both models err together on some days (by `SHARED`), and each by itself (`OWN`).
An interval by flights is too narrow here, and two separate ones are too wide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from roadworthy.base import databases
from roadworthy.data import snapshots
from roadworthy.project import Project

KINDS = ("better", "equal", "worse", "slice", "two days")
KNOWN, NEW = 14, 28  # days that the challenger has learned from, and days that neither has
LARGE, SMALL = ("YX", "UA", "B6", "DL", "9E", "AA"), "WN"
SHARED, OWN = 0.5, 0.25  # standard deviations, in log odds, of what a day adds to the predictions
SKILL = {"better": 1.0, "equal": 0.6, "worse": 0.2, "slice": 1.6, "two days": 0.5}  # 0.6: the champion; 0: none
OFF, FAR_OFF = 1.5, 3.6  # log odds: so much too high are the predictions of a model that is off
FAR = 0.3  # half widths of an interval between its end and 0
TRIES = 400
Floats = NDArray[np.float64]
Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Meeting:
    """Two models on the same flights, a row each: day, carrier, late (0, 1 or missing), champion, challenger.

    The challenger has learned from the days up to `learned_until`. `slice` is the carrier for which it is off, if any.
    """

    rows: pd.DataFrame
    learned_until: pd.Timestamp
    slice: str = ""

    @property
    def judged(self) -> pd.DataFrame:
        """The labelled flights of the days that neither model has learned from."""
        kept = self.rows[(self.rows["day"] > self.learned_until) & self.rows["late"].notna()]
        return kept.reset_index(drop=True)

    @property
    def by_day(self) -> "pd.Series[float]":
        """The mean gain of each day that is judged."""
        rows = self.judged
        return pd.Series(gains(rows)).groupby(rows["day"]).mean()


@cache
def meeting(project: Project, seed: int, kind: str) -> Meeting:
    """A challenger of this kind (`KINDS`) and the champion on 42 days of 2023.

    Drawn again until chance does not hide the kind, so that another way to an interval gives the same decision. The
    challenger that is better looks worse, within chance, for the small carrier.
    """
    flights = days_of(project, seed, KNOWN + NEW)
    until = sorted(flights["day"].unique())[KNOWN - 1]
    worst = str(np.random.default_rng([seed, 9]).choice(LARGE[3:])) if kind == "slice" else ""
    for attempt in range(TRIES):
        random = np.random.default_rng([seed, KINDS.index(kind), attempt])
        found = _drawn(flights, pd.Timestamp(until), kind, (worst, OFF + attempt % 40 / 50), random)
        if CLEAR[kind](found):
            return found
    raise AssertionError(f"no clear meeting of kind {kind!r} for seed {seed}")


def gains(rows: pd.DataFrame) -> Floats:
    """By how much the Brier score of the challenger is better (smaller) on each flight, (rows,)."""
    late = rows["late"].to_numpy(float)
    return np.asarray((rows["champion"].to_numpy(float) - late) ** 2 - (rows["challenger"].to_numpy(float) - late) ** 2)


def by_days(values: Floats, day: "pd.Series[Any]", draws: int = 1000) -> Interval:
    """The mean of the values with its 95% interval, by drawing whole days with replacement."""
    code, names = pd.factorize(day)
    sums, counts = np.bincount(code, values), np.bincount(code)
    share = np.full(len(names), 1 / len(names))
    weights = np.random.default_rng(0).multinomial(len(names), share, draws)
    low, high = np.quantile((weights @ sums) / (weights @ counts), [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def by_rows(values: Floats) -> Interval:
    """The interval that a bootstrap of flights gives: too narrow, because the flights of a day go together."""
    half = 1.96 * float(values.std()) / len(values) ** 0.5
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half


def by_carrier(rows: pd.DataFrame) -> dict[str, Interval]:
    """`by_days` for each carrier."""
    return {str(name): by_days(gains(part), part["day"]) for name, part in rows.groupby("carrier")}


@cache
def days_of(project: Project, seed: int, days: int, share: int = 7) -> pd.DataFrame:
    """Flights of consecutive days of 2023, one in `share`: id, day, carrier, scheduled, known (both UTC), late.

    `known` is when the flight arrived and its label was known; it and `late` are missing for a cancelled flight.
    """
    first = int(np.random.default_rng([seed, 8]).integers(1, 365 - days))
    carriers = ", ".join(f"'{name}'" for name in (*LARGE, SMALL))
    landed = project.contract.table("flights").column("arr_delay").known_at
    rows = databases.ask(
        _year(project),
        f"""select make_date(year, month, day)::timestamp as day, carrier,
            time_hour + to_minutes(minute) as scheduled, ({landed}) as landed, (arr_delay >= 15)::double as late
        from flights where dayofyear(make_date(year, month, day)) between {first} and {first + days - 1}
            and carrier in ({carriers}) and hash(flight + {seed}) % {share} = 0
        order by scheduled, carrier, flight, origin""",
    )
    known = rows.pop("landed").where(rows["late"].notna())
    rows.insert(0, "id", np.arange(1, len(rows) + 1))
    return rows.assign(known=known)[["id", "day", "carrier", "scheduled", "known", "late"]]


def _drawn(
    flights: pd.DataFrame, until: pd.Timestamp, kind: str, slip: tuple[str, float], random: np.random.Generator
) -> Meeting:
    worst, much = slip
    rows = flights[["day", "carrier", "late"]].copy()
    late = rows["late"].fillna(0).to_numpy()
    code, names = pd.factorize(rows["day"])
    new = (rows["day"] > until).to_numpy()
    base = np.log(late.mean() / (1 - late.mean())) + random.normal(0, SHARED, len(names))[code]
    noise = random.normal(size=len(rows))
    skills = {"champion": np.full(len(rows), 0.6), "challenger": np.where(new, SKILL[kind], 3.0)}
    off = {name: random.normal(0, OWN, len(names))[code] for name in skills}
    off["challenger"] += much * (rows["carrier"] == worst).to_numpy() * new
    if kind == "two days":
        off["champion"] += FAR_OFF * np.isin(code, random.choice(np.arange(KNOWN, len(names)), 2, replace=False))
    same = (rows["carrier"] == (SMALL if kind == "better" else worst)).to_numpy() & new
    skills["challenger"] = np.where(same, 0.6, skills["challenger"])
    for name, skill in skills.items():
        seen = late * skill + 0.8 * noise + 0.6 * random.normal(size=len(rows))
        odds = base + off[name] + skill * seen - skill**2 / 2
        rows[name] = np.round(1 / (1 + np.exp(-odds)), 4)
    return Meeting(rows, until, worst)


def _ends(found: Interval) -> tuple[float, float]:
    """The ends of an interval, in half widths from 0: how far it is from another verdict."""
    _, low, high = found
    half = max((high - low) / 2, 1e-9)
    return low / half, high / half


def _in_all(found: Meeting) -> tuple[float, float]:
    return _ends(by_days(gains(found.judged), found.judged["day"]))


def _better(found: Meeting) -> bool:
    if _in_all(found)[0] < FAR:
        return False
    of = {name: _ends(each) for name, each in by_carrier(found.judged).items()}
    low, high = of.pop(SMALL, (0.0, 0.0))
    return -low > high > 2 * FAR and all(other[1] > FAR for other in of.values())


def _slice(found: Meeting) -> bool:
    if _in_all(found)[0] < FAR:
        return False
    of = {name: _ends(each) for name, each in by_carrier(found.judged).items()}
    return of.pop(found.slice)[1] < -FAR and all(other[1] > FAR for other in of.values())


CLEAR: dict[str, Callable[[Meeting], bool]] = {
    "better": _better,
    "equal": lambda found: -_in_all(found)[0] > 2 * FAR and _in_all(found)[1] > 1.0,
    "worse": lambda found: _in_all(found)[1] < -FAR,
    "slice": _slice,
    "two days": lambda found: _in_all(found)[0] < -FAR / 2 and by_rows(gains(found.judged))[1] > 0,
}


@cache
def _year(project: Project) -> Any:
    snapshot = project.settings.snapshot("2023")
    return snapshots.connect_snapshot(project, snapshot.folder, snapshot.repair)
