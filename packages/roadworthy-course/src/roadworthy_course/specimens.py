"""Sound models on which a test must stay green, and the flights of drawn days of 2023 on which it is tried.

A model is a function from a table of flights to a probability for each row. They are written by hand, so that it is
known what they do: all of them rise with wind, rain, the hour and the delays at the origin, fall with visibility, and
look at nothing else. They differ in what a test may take for a fault. The faults are in `faulty.py`.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from roadworthy.base import databases
from roadworthy.data import snapshots
from roadworthy.project import Project

from . import drawn
from .answers import opened
from .checks import Fault

Floats = NDArray[np.float64]
Model = Callable[[pd.DataFrame], Any]
CALLS = 100  # that a test may ask one model
COLUMNS = (
    *("flight_id", "tailnum", "carrier", "origin", "dest", "hour", "distance", "temp", "wind_speed", "precip", "visib"),
    *("seats", "plane_age", "origin_delay", "dep_delay"),
)
TYPICAL = {
    "temp": 55.0,
    "wind_speed": 9.0,
    "precip": 0.0,
    "visib": 10.0,
    "seats": 160.0,
    "plane_age": 12.0,
    "origin_delay": 5.0,
}
NULLABLE = tuple(TYPICAL)  # may be missing, all at once, too
FLIGHT_ID = (
    "select strftime(time_hour + to_minutes(minute), '%Y%m%dT%H%M') || '-' || origin || '-' || carrier || flight"
    " as flight_id, tailnum from flights"
)


class RefusedError(ValueError):
    """A model does not answer to such a table."""


@dataclass(frozen=True)
class Specimen:
    """A model by name; `story` says why it is sound, or how a row shows its fault; a faulty one has a sound twin."""

    name: str
    story: str
    make: Callable[[], Model] = field(repr=False)
    twin: "Specimen | None" = None

    def model(self) -> Model:
        """A new model, which remembers nothing; a Fault is raised when it is asked more than CALLS times."""
        model, left = self.make(), iter(range(CALLS))

        def asked(rows: pd.DataFrame) -> Any:
            if next(left, None) is None:
                cause = "A few rows are enough for what is asked row by row: rows.head(20)"
                raise Fault(expected=f"at most {CALLS} questions to a model", came="more", cause=cause)
            return model(rows)

        return asked


@cache
def table(project: Project, seed: int) -> pd.DataFrame:
    """Features, tailnum, times and `late` of the labelled flights of nine days of 2023, in the order of time."""
    with opened(drawn.flights(project, seed)) as connection:
        found = snapshots.make_features(project, connection)
        planes = databases.ask(connection, FLIGHT_ID)
    found = found[found["late"].notna()].drop_duplicates("flight_id")
    return found.merge(planes.drop_duplicates("flight_id"), on="flight_id", how="left")


def rows(project: Project, seed: int, count: int = 150, *, complete: bool = False) -> pd.DataFrame:
    """Some flights as a model is handed them, in the order of time; `complete`: without a missing value.

    Otherwise each column of NULLABLE misses some. The labels of the index are no row numbers.
    """
    random = np.random.default_rng([seed, count])
    source = table(project, seed)[list(COLUMNS)].dropna()
    some = source.iloc[np.sort(random.choice(len(source), count, replace=False))]
    if not complete:
        some = some.assign(**{name: some[name].mask(random.random(count) < 0.1) for name in NULLABLE})
    return some.set_axis(random.choice(np.arange(1000, 9000), count, replace=False))


def sound(seed: int) -> dict[str, Specimen]:
    """The sound models by name, with coefficients drawn by the seed."""
    return {
        name: Specimen(name, why, lambda build=build: _polite(build(_coefficients(seed))))  # type: ignore[misc]
        for name, (why, build) in SOUND.items()
    }


@cache
def outcomes(project: Project, name: str, seed: int, count: int) -> pd.Series:
    """Whether the flights of `rows` were late, drawn so that the sound model `name` is well calibrated.

    By carrier and by tenths of its probabilities the share of late flights is what it says, up to chance of 1.6
    standard deviations: drawn again until it is.
    """
    asked = rows(project, seed, count)
    p = np.asarray(sound(seed)[name].model()(asked), dtype=float)
    tenths = pd.qcut(pd.Series(p).rank(method="first"), 10, labels=False).to_numpy()
    groups = [np.zeros(count), tenths, asked["carrier"].to_numpy()]
    random = np.random.default_rng([seed, count, zlib.crc32(name.encode())])
    while True:
        late = (random.random(count) < p).astype(float)
        late = _calmed(late, p, groups[2], random)
        if all(np.abs(_deviations(late, p, group)).max() < 2.0 for group in groups):
            return pd.Series(late, index=asked.index, name="late")


def crc(values: ArrayLike) -> NDArray[np.int64]:
    """A number for each text, which looks drawn and is always the same."""
    return np.array([_crc(str(value)) for value in np.asarray(values, dtype=object)], dtype=np.int64)


def score(asked: pd.DataFrame, k: Floats) -> Floats:
    """Log odds of a delay; `k` are factors of the effects, about 1. What is missing counts as usual."""
    number = {name: _number(asked, name) for name in ("hour", "wind_speed", "precip", "visib", "origin_delay")}
    carrier = (crc(asked["carrier"].to_numpy()) % 5 - 2) / 10
    total: Floats = (
        -2.6
        + k[0] * 1.2 * (number["hour"] - 5) / 18
        + k[1] * 0.03 * number["wind_speed"]
        + k[2] * 1.5 * np.minimum(number["precip"], 1)
        + k[3] * 0.06 * (10 - number["visib"])
        + k[4] * 0.02 * np.clip(number["origin_delay"], -20, 90)
        + carrier
    )
    return total


def odds(p: ArrayLike) -> Floats:
    """Log odds of probabilities."""
    inside = np.clip(np.asarray(p, dtype=float), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))


def chance(logit: ArrayLike) -> Floats:
    """Probabilities of log odds."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(logit, dtype=float))))


@cache
def _crc(text: str) -> int:
    return zlib.crc32(text.encode())


def _additive(k: Floats) -> Model:
    return lambda asked: chance(score(asked, k))


def _steps(k: Floats) -> Model:
    width = {"wind_speed": 5.0, "precip": 0.1, "visib": 2.5, "origin_delay": 15.0, "hour": 3.0}

    def model(asked: pd.DataFrame) -> Floats:
        rough = {name: np.floor(_number(asked, name) / step) * step for name, step in width.items()}
        return chance(score(asked.assign(**rough), k))

    return model


def _wavy(k: Floats) -> Model:
    def model(asked: pd.DataFrame) -> Floats:
        phase = _number(asked, "distance")
        wave = np.sin(1.3 * _number(asked, "wind_speed") + phase) + np.sin(_number(asked, "visib") + phase)
        return chance(score(asked, k) + 0.3 * wave)

    return model


def _capped(k: Floats) -> Model:
    return lambda asked: np.clip(chance(score(asked, k)), 0.06, 0.7)


def _single(k: Floats) -> Model:
    def model(asked: pd.DataFrame) -> NDArray[np.float32]:
        # As with a matrix product whose sums are in another order in a batch of another size.
        return np.asarray(chance(score(asked, k)) + 1.2e-7 * (len(asked) ** 0.5 % 1), dtype=np.float32)

    return model


def _series(k: Floats) -> Model:
    return lambda asked: pd.Series(chance(score(asked, k)), index=asked.index, name="p")


def _strict(k: Floats) -> Model:
    def model(asked: pd.DataFrame) -> Floats:
        if asked["flight_id"].duplicated().any():
            raise RefusedError("the same flight_id twice")
        return chance(score(asked, k))

    return model


SOUND: dict[str, tuple[str, Callable[[Floats], Model]]] = {
    "additive": ("each effect is added to the log odds", _additive),
    "steps": ("it moves in steps, as trees do: a small change may change nothing", _steps),
    "wavy": ("it rises over all flights, but a single flight may go the other way, as in every fitted model", _wavy),
    "capped": ("it never says less than .06 or more than .7, so flights in a storm may all get the same", _capped),
    "single": ("it calculates in single precision: its answers differ by 1e-7 with the size of the batch", _single),
    "series": ("it returns a Series with the index of the rows; np.asarray makes an array of it", _series),
    "strict": ("it refuses a table in which a flight_id stands twice", _strict),
}


def _polite(model: Model) -> Model:
    def asked(given: pd.DataFrame) -> Any:
        missing = [name for name in COLUMNS if name not in given]
        if missing:
            raise RefusedError(f"the column {missing[0]} is not there")
        return model(given)

    return asked


def _coefficients(seed: int) -> Floats:
    return np.random.default_rng([seed, 5]).uniform(0.85, 1.15, 5)


def _number(asked: pd.DataFrame, name: str) -> Floats:
    column = asked[name]
    plain = column if column.dtype.kind in "fiu" else pd.to_numeric(column, errors="coerce")
    values = plain.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(values), TYPICAL.get(name, 0.0), values)


def _calmed(late: Floats, p: Floats, group: NDArray[Any], random: np.random.Generator) -> Floats:
    """Draw the outcomes of those groups again that chance has put far off."""
    for value in pd.unique(group):
        at = group == value
        while abs(_deviations(late[at], p[at], group[at])[0]) > 1.6:
            late[at] = random.random(at.sum()) < p[at]
    return late


def _deviations(late: Floats, p: Floats, group: NDArray[Any]) -> Floats:
    sums = pd.DataFrame({"off": late - p, "of_chance": p * (1 - p)}).groupby(group).sum()
    return np.asarray(sums["off"] / np.sqrt(sums["of_chance"]), dtype=float)
