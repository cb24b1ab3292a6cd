"""An invented world with a season, in which it is known what is quiet and what is a fault.

Temperature follows the season, dew point and humidity follow temperature, the probability is that of the label.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray

from roadworthy.monitoring.monitors import Window
from roadworthy.registry.export import make_reference

Week = dict[str, NDArray[Any]]
Fault = Callable[[Week], Week]

SETTLED = settings(deadline=None, derandomize=True, max_examples=50)  # the same examples on a busy machine
START = np.datetime64("2013-01-01")
TRAINING_WEEKS = 26
ROWS = 1400  # of a week, 200 of a day
CARRIERS, ORIGINS = ["AA", "B6", "UA"], ["EWR", "JFK", "LGA"]
METRICS = {"auc": 0.66, "auc_low": 0.62}
FEATURES: list[dict[str, Any]] = [
    {"name": "carrier", "kind": "category", "categories": CARRIERS},
    {"name": "origin", "kind": "category", "categories": ORIGINS},
    {"name": "maker", "kind": "category", "categories": ["AIRBUS", "BOEING"], "private": True},
    *({"name": name, "kind": "number"} for name in ("hour", "temp", "dewp", "humid", "distance")),
]


def week(number: int, rows: int = ROWS) -> Week:
    """Week `number` after 1 January 2013, always the same for the same number."""
    draw = np.random.default_rng([number, 2013])
    day = number * 7 + np.arange(rows) * 7 // rows
    weather = draw.normal(0, 6, 7)[day - number * 7]  # what the rows of one day have in common
    temp = 55 - 25 * np.cos(2 * np.pi * day / 365) + weather + draw.normal(0, 1, rows)
    humid = np.clip(60 + draw.normal(0, 12, rows), 5, 100)
    hour = draw.integers(6, 22, rows).astype(float)
    p = 1 / (1 + np.exp(-(0.15 * (hour - 14) - 1.2)))
    distance = draw.integers(80, 2500, rows).astype(float)
    return {
        "carrier": draw.choice(np.array(CARRIERS, dtype=object), rows),
        "origin": draw.choice(np.array(ORIGINS, dtype=object), rows),
        "maker": draw.choice(np.array(["AIRBUS", "BOEING"], dtype=object), rows),
        "hour": hour,
        "temp": np.where(draw.random(rows) < 0.02, np.nan, temp),
        "dewp": temp - (100 - humid) / 2.8 + draw.normal(0, 1, rows),
        "humid": humid,
        "distance": np.where(draw.random(rows) < 0.1, np.nan, distance),
        "probability": p,
        "label": np.where(draw.random(rows) < 0.025, np.nan, draw.random(rows) < p),
        "day": START + day,
    }


def join(weeks: list[Week]) -> Week:
    """Weeks one after the other."""
    return {name: np.concatenate([week[name] for week in weeks]) for name in weeks[0]}


def reference(features: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The reference of the first half of the year."""
    train = join([week(number) for number in range(TRAINING_WEEKS)])
    labels = np.nan_to_num(train["label"])
    return make_reference(train, train["probability"], labels, features or FEATURES, day=train["day"])


def windows(first: int, count: int, fault: Fault | None = None) -> list[Window]:
    """Windows of one week each, all with the fault."""
    weeks = [week(number) for number in range(first, first + count)]
    return [Window.of(str(w["day"][0]), fault(w) if fault else w) for w in weeks]


def celsius(w: Week) -> Week:
    """The thermometer reports degrees Celsius instead of Fahrenheit."""
    return {**w, "temp": (w["temp"] - 32) / 1.8}


def kilometres(w: Week) -> Week:
    """Distances come in kilometres instead of miles."""
    return {**w, "distance": w["distance"] * 1.609}


def stuck(w: Week) -> Week:
    """The hygrometer always shows the same."""
    return {**w, "humid": np.full_like(w["humid"], 60.0)}


def silent(w: Week) -> Week:
    """A third of the distances is missing."""
    return {**w, "distance": np.where(np.arange(len(w["day"])) % 3 == 0, np.nan, w["distance"])}


def renamed(w: Week) -> Week:
    """An airline changes its code."""
    return {**w, "carrier": np.where(w["carrier"] == "UA", "U2", w["carrier"])}


def gone(w: Week) -> Week:
    """An airline flies no more."""
    return {**w, "carrier": np.where(w["carrier"] == "UA", "AA", w["carrier"])}


def unlabelled(w: Week) -> Week:
    """No label arrives."""
    return {**w, "label": np.full(len(w["day"]), np.nan)}


def overconfident(w: Week) -> Week:
    """Probabilities are pushed away from their mean, which stays: the ranking is the same."""
    mean = w["probability"].mean()
    return {**w, "probability": np.clip(mean + 2.2 * (w["probability"] - mean), 0, 1)}


def too_high(w: Week) -> Week:
    """Every probability is .1 too high."""
    return {**w, "probability": np.minimum(w["probability"] + 0.1, 1)}


def shuffled(w: Week) -> Week:
    """Answers are given to the wrong questions."""
    return {**w, "probability": np.random.default_rng(0).permutation(w["probability"])}


def reversed_(w: Week) -> Week:
    """Yes is taken for no."""
    return {**w, "probability": 1 - w["probability"]}
