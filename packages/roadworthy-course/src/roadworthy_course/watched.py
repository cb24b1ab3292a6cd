"""A prediction log to watch: what a service was asked and said day by day, the labels as they arrived, and incidents.

The days are those of flights of 2023, drawn again with a seed: each day takes a day of the same season and kind
(weekday, Saturday, Sunday), and of its flights a part. So a log has the weather, the storms and the season of New York,
and two years differ by chance. The labels come when the flights landed; those of cancelled flights never come.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from roadworthy.base import databases
from roadworthy.data import snapshots
from roadworthy.project import Project

KINDS = ("carrier", "temp", "distance", "wind", "labels", "traffic", "probability")
FLIGHTS = 80  # predictions in a day, more or less
SEASON = 10  # days around a date from which its flights may come
FULL = 298  # flights of a day in the part of 2023 that is read
NO_WEATHER = 365  # the day of the year without weather
FLIPPED = 0.04  # labels that are wrong at first, and corrected later
LARGE = ("YX", "UA", "B6", "DL", "9E")
COLUMNS = ["id", "day", "scheduled", "carrier", "origin", "hour", "distance", "temp", "wind"]
# A logistic regression on the flights of 2023, rounded: a model that costs nothing.
BASE, HOUR, WIND, DISTANCE = -1.2, 0.4, 0.14, 0.05
CARRIERS = {"9E": -0.57, "AA": -0.16, "AS": -0.35, "B6": 0.36, "DL": -0.28, "NK": 0.12, "OO": -0.18, "YX": -0.76}
READ = """
select dayofyear(make_date(f.year, f.month, f.day)) as donor, f.carrier, f.origin, f.hour, f.distance,
       w.temp, w.wind_speed as wind, (f.arr_delay >= 15)::integer as late,
       f.dep_delay + f.air_time + 25 as minutes,  -- from the scheduled departure to the gate, with taxiing
       epoch(f.time_hour) / 60 + f.minute - epoch(make_date(f.year, f.month, f.day)) / 60 as start
from flights f left join weather w on w.origin = f.origin and w.time_hour = f.time_hour - interval 1 hour
where hash(f.flight, f.month, f.day) % 4 = 0 order by donor, start, f.origin, f.carrier, f.flight, f.dest
"""


@dataclass(frozen=True)
class Log:
    """The log of some weeks: `what` went wrong (one of KINDS) since which `day`; "" and None when nothing did.

    predictions: id, day (local), scheduled (departure, UTC), carrier, origin, hour (local), distance (miles), temp
    (Fahrenheit) and wind (miles an hour) of the hour before, probability that the flight is 15 minutes late.
    labels: id, late (0 or 1), known_at (UTC), in no order; a label that is corrected has a second row.
    """

    predictions: pd.DataFrame
    labels: pd.DataFrame
    what: str = ""
    day: pd.Timestamp | None = None


def log(project: Project, seed: int, first: str, days: int, *, what: str = "", after: int = 0, share: float = 1) -> Log:
    """A log of `days` days from `first` on; with `what` (one of KINDS, else ValueError) an incident.

    It begins `after` days later, and `share` of the requests meet it: those that a new version of a program answers. A
    carrier is always gone as a whole; traffic doubles or falls to 35%, with half of the requests by half of that.
    """
    if what not in ("", *KINDS):
        raise ValueError(f"no incident {what!r}: there are {', '.join(KINDS)}")
    random = np.random.default_rng([seed, pd.Timestamp(first).toordinal()])
    rows = _days(project, random, pd.Timestamp(first), days)
    if not what:
        return Log(_scored(rows), _labels(rows, random))
    begun = pd.Timestamp(first) + pd.Timedelta(days=after)
    return Log(*_planted(rows, what, begun, share, random), what, begun)


@cache
def history(project: Project, seed: int, days: int = 365) -> pd.DataFrame:
    """The predictions from 1 January 2022 on, in which nothing went wrong: of one year, or of more days."""
    return log(project, seed + 10_000, "2022-01-01", days).predictions


def score(rows: pd.DataFrame) -> "NDArray[np.float64]":
    """What the model says: the probability that a flight is late; a missing value counts as an average one."""
    hour, wind = (rows["hour"] - 13) / 5, (rows["wind"].fillna(10) - 10) / 5
    carrier = rows["carrier"].map(CARRIERS).fillna(0.3)
    temp = 0.1 * (rows["temp"].fillna(57) - 57) / 10
    z = BASE + HOUR * hour + WIND * wind + temp + DISTANCE * np.log(rows["distance"] / 900) + carrier
    found: NDArray[np.float64] = (1 / (1 + np.exp(-z.to_numpy(dtype=np.float64)))).round(4)
    return found


@cache
def _year(project: Project) -> tuple[pd.DataFrame, "NDArray[np.intp]"]:
    """Flights of 2023 in the order of their days, and where each day begins."""
    snapshot = project.settings.snapshot("2023")
    with snapshots.connect_snapshot(project, snapshot.folder, snapshot.repair) as connection:
        rows = databases.to_frame(connection.sql(READ))
    return rows, np.searchsorted(rows["donor"], np.arange(1, 367))


def _days(project: Project, random: np.random.Generator, first: pd.Timestamp, days: int) -> pd.DataFrame:
    rows, starts = _year(project)
    dates = pd.date_range(first, periods=days)
    donors = [_donor(random, date) for date in dates]
    taken = [np.flatnonzero(random.random(starts[d] - starts[d - 1]) < FLIGHTS / FULL) + starts[d - 1] for d in donors]
    found = rows.take(np.concatenate(taken)).reset_index(drop=True)
    found["day"] = dates.repeat([len(each) for each in taken])
    found["scheduled"] = (found["day"] + pd.to_timedelta(found["start"], unit="min")).dt.tz_localize("UTC")
    found.insert(0, "id", np.arange(1, len(found) + 1))
    return found


def _donor(random: np.random.Generator, date: pd.Timestamp) -> int:
    near = (date.day_of_year - 1 + np.arange(-SEASON, SEASON + 1)) % 365 + 1
    kind = (near + 5) % 7  # 1 January 2023 was a Sunday
    own = date.weekday()
    same = near[(kind == own) if own > 4 else (kind < 5)]
    return int(random.choice(same[same != NO_WEATHER]))


def _scored(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[COLUMNS].assign(probability=score(rows))


def _labels(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    landed = rows[rows["late"].notna()]
    known = landed["scheduled"] + pd.to_timedelta(landed["minutes"], unit="min")
    labels = pd.DataFrame({"id": landed["id"], "late": landed["late"].astype(int), "known_at": known})
    wrong = labels[random.random(len(labels)) < FLIPPED]
    later = pd.to_timedelta(random.integers(30, 480, len(wrong)), unit="min")
    right = wrong.assign(known_at=wrong["known_at"] + later)
    labels.loc[wrong.index, "late"] = 1 - wrong["late"]
    every = pd.concat([labels, right], ignore_index=True)
    return every.take(random.permutation(len(every))).reset_index(drop=True)


def _planted(
    rows: pd.DataFrame, what: str, begun: pd.Timestamp, share: float, random: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    other = random.random() < 0.5
    since = rows["day"] >= begun
    hit = since & (random.random(len(rows)) < share)
    if what == "carrier":
        rows = rows[~(since & (rows["carrier"] == random.choice(LARGE)))]
    elif what == "temp":
        rows["temp"] = rows["temp"].where(~hit, ((rows["temp"] - 32) / 1.8).round(1))
    elif what == "distance":
        rows["distance"] = rows["distance"].where(~hit, (rows["distance"] * 1.609).round())
    elif what == "wind":
        rows["wind"] = rows["wind"].where(~hit | (random.random(len(rows)) < 0.5))
    elif what == "traffic":
        rows = _doubled(rows, hit) if other else rows[~hit | (random.random(len(rows)) < 0.35)]
    rows = rows.reset_index(drop=True)
    predictions, labels = _scored(rows), _labels(rows, random)
    if what == "labels":
        stopped = (labels["known_at"] >= begun.tz_localize("UTC")) & (labels["id"] % 100 < 100 * share)
        labels = labels[~stopped].reset_index(drop=True)
    elif what == "probability":
        said = predictions["probability"]
        predictions["probability"] = said.where(~hit, 1 - said if other else 0.22)
    return predictions, labels


def _doubled(rows: pd.DataFrame, which: "pd.Series[bool]") -> pd.DataFrame:
    again = rows[which].copy()
    again["id"] += len(rows)
    return pd.concat([rows, again]).sort_values(["scheduled", "id"], kind="stable")
