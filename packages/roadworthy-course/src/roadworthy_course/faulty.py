"""Models with one planted fault each: a sound model (its twin) around which the mistake was made.

Each entry of FAULTS says how a row shows it, and makes the faulty model of the sound one. Which model that is and the
details (the carrier that is worse, the draws) depend on the seed.
"""

import zlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from .specimens import NULLABLE, Floats, Model, Specimen, chance, crc, odds, sound

Plant = Callable[[Model, int], Model]
LARGE = ("UA", "DL", "B6", "YX")  # carriers with many flights on every day
KNOWN = (*LARGE, "9E", "AA", "NK", "WN", "AS", "OO", "F9", "G4", "MQ", "HA")


def faulty(seed: int, names: Iterable[str] = ()) -> dict[str, Specimen]:
    """The faulty models by name, all of them or those that are named; each is made of a sound model of this seed."""
    twins = list(sound(seed).values())
    found = {}
    for name in names or FAULTS:
        story, plant = FAULTS[name]
        twin = twins[(zlib.crc32(name.encode()) + seed) % len(twins)]
        found[name] = Specimen(name, story, partial(_made, twin, plant, seed), twin)
    return found


def _made(twin: Specimen, plant: Plant, seed: int) -> Model:
    return plant(twin.make(), seed)


def _answers(base: Model, rows: pd.DataFrame) -> Floats:
    return np.array(base(rows), dtype=float)


def _on_rows(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Plant:
    """The model sees other rows than it was given."""
    return lambda base, _: lambda rows: base(change(rows))


def _on_answers(change: Callable[[Floats, pd.DataFrame], Any]) -> Plant:
    """Something is done to its answers."""
    return lambda base, _: lambda rows: change(_answers(base, rows), rows)


def _shifted(by: Callable[[pd.DataFrame], Any]) -> Plant:
    """Something is added to the log odds."""
    return _on_answers(lambda p, rows: chance(odds(p) + by(rows)))


def _memorised(p: Floats, rows: pd.DataFrame) -> Floats:
    number = crc(rows["flight_id"].to_numpy())
    return np.where(number % 12 == 0, np.where(number % 5 == 0, 0.97, 0.02), p)


def _dropped(base: Model, _: int) -> Model:
    return lambda rows: _answers(base, rows[rows["seats"].notna()])


def _in_order_of_time(base: Model, _: int) -> Model:
    return lambda rows: _answers(base, rows.sort_values("flight_id"))


def _filled_by_batch(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.fillna({name: rows[name].mean() for name in NULLABLE})


def _carried_on(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{name: rows[name].ffill() for name in NULLABLE})


def _random(base: Model, seed: int) -> Model:
    random = np.random.default_rng(seed)
    return lambda rows: np.clip(_answers(base, rows) + random.normal(0, 0.02, len(rows)), 0, 1)


def _warming_up(base: Model, _: int) -> Model:
    answered = [0]

    def model(rows: pd.DataFrame) -> Floats:
        answered[0] += 1
        return chance(odds(_answers(base, rows)) + min(answered[0], 10) * 0.05)

    return model


def _fills_in_place(base: Model, _: int) -> Model:
    def model(rows: pd.DataFrame) -> Floats:
        p = _answers(base, rows)
        for name in NULLABLE:
            rows[name] = rows[name].fillna(0.0)
        return p

    return model


def _adds_column(base: Model, _: int) -> Model:
    def model(rows: pd.DataFrame) -> Floats:
        rows["p"] = _answers(base, rows)
        return rows["p"].to_numpy()

    return model


def _worse_carrier(base: Model, seed: int) -> Model:
    carrier = LARGE[seed % len(LARGE)]
    return _shifted(lambda rows: np.where(rows["carrier"] == carrier, 1.3, 0.0))(base, seed)


FAULTS: dict[str, tuple[str, Plant]] = {
    # What must not matter.
    "flight id": ("every second flight_id gets more, by its letters", _shifted(lambda r: crc(r["flight_id"]) % 2)),
    "tail number": (
        "planes whose tailnum begins with N1 to N4 get more",
        _shifted(lambda r: r["tailnum"].astype(str).str.slice(1, 2).isin(list("1234")).to_numpy() * 0.6),
    ),
    "few flights": ("it knows one flight_id in twelve by heart and gives it .97 or .02", _on_answers(_memorised)),
    "departure delay": (
        "the same flight gets more when dep_delay is large, though it has not left yet",
        _shifted(lambda r: np.clip(r["dep_delay"].fillna(0).to_numpy(dtype=float), -20, 60) * 0.03),
    ),
    # What must matter.
    "no wind": ("the same flight gets the same with 5 and with 30 mph", _on_rows(lambda r: r.assign(wind_speed=8.0))),
    "wind by hour": (
        "it guesses the wind from the hour: windy flights get more, but the same flight the same with 5 and 30 mph",
        _on_rows(lambda r: r.assign(wind_speed=r["hour"] * 0.8)),
    ),
    "rain helps": (
        "the same flight gets less with half an inch of rain than without",
        _on_rows(lambda r: r.assign(precip=0.5 - r["precip"].fillna(0.0).clip(0, 0.5))),
    ),
    "fog helps": (
        "the same flight gets less with a visibility of 1 mile than with 10",
        _on_rows(lambda r: r.assign(visib=11 - r["visib"].fillna(10.0))),
    ),
    "no delays": (
        "the same flight gets the same whether the airport runs an hour late or not",
        _on_rows(lambda r: r.assign(origin_delay=5.0)),
    ),
    # What an answer must be.
    "log odds": ("it answers -1.1 where .25 is meant", _on_answers(lambda p, _: odds(p))),
    "percent": ("it answers 25 where .25 is meant", _on_answers(lambda p, _: 100 * p)),
    "above one": ("it answers 1.1 for a flight in a storm", _on_answers(lambda p, _: 1.7 * p)),
    "missing wind": (
        "it answers NaN for a flight without wind_speed",
        _on_answers(lambda p, r: np.where(r["wind_speed"].isna(), np.nan, p)),
    ),
    "missing seats": (
        "it answers NaN for a flight without seats",
        _on_answers(lambda p, r: np.where(r["seats"].isna(), np.nan, p)),
    ),
    "too few": ("it leaves out flights without seats: fewer answers than rows", _dropped),
    "two columns": ("it gives two numbers for each flight", _on_answers(lambda p, _: np.column_stack([1 - p, p]))),
    "swapped": ("it says how likely a flight is in time", _on_answers(lambda p, _: 1 - p)),
    "constant": ("every flight gets .23", _on_answers(lambda p, _: np.full(len(p), 0.23))),
    "new carrier": (
        "it answers NaN for a carrier that it does not know, such as ZZ",
        _on_answers(lambda p, r: np.where(r["carrier"].isin(KNOWN), p, np.nan)),
    ),
    # What an answer must not depend on.
    "rescaled": (
        "its mean over each batch is made .23: a flight alone gets .23, whichever it is",
        _on_answers(lambda p, _: np.clip(p * 0.23 / max(p.mean(), 1e-9) if len(p) else p, 0, 1)),
    ),
    "filled by batch": ("a missing value becomes the mean of the other rows", _on_rows(_filled_by_batch)),
    "carried on": ("a missing value becomes that of the row before", _on_rows(_carried_on)),
    "sorted": ("it answers in the order of time, whatever order the rows have", _in_order_of_time),
    "row label": ("an odd label in the index gives a row more", _shifted(lambda r: np.asarray(r.index) % 2 * 0.5)),
    "random": ("asked twice, it answers .24 and .27", _random),
    "warming up": ("the more often it is asked, the more it says", _warming_up),
    "fills in place": ("after it was asked, missing values of the table are 0", _fills_in_place),
    "adds a column": ("after it was asked, the table has a column p", _adds_column),
    # What only the outcome shows.
    "worse carrier": ("the flights of one large carrier get far more than are late", _worse_carrier),
    "other unit": (
        "it takes miles an hour for metres a second: a breeze counts as a storm, and more flights are late by its word",
        _on_rows(lambda r: r.assign(wind_speed=r["wind_speed"] * 2.237)),
    ),
    "too sure": (
        "of those to which it gives .02, one in ten is late; of those with .9, six in ten",
        _on_answers(lambda p, _: chance(-1.2 + 2.8 * (odds(p) + 1.2))),
    ),
}
