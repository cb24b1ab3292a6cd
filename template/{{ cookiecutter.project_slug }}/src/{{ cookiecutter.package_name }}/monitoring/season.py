"""How far a quiet world moves by itself: limits for the monitors, measured on the training period.

A convention such as "PSI above 0.2" takes every change of weather for an incident. So each week of training is held
against the rest of training. The limit of a monitor is the 99.9% prediction bound for one more week of that kind:
with some 30 monitors a week that is about one false alarm in 30 weeks, and none when two of three weeks must agree.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .counts import Columns
from .counts import Counts
from .counts import count
from .counts import expected
from .drift import psi
from .relations import COUNTED
from .relations import residual

DAYS = 7
CONFIDENCE = 0.999
MIN_BLOCKS = 3
NOTABLE_NULLS = 0.05  # change of the share of missing values

Limits = dict[str, dict[str, float]]
Found = dict[tuple[str, str], Counts]


def limits(reference: Mapping[str, Any], blocks: Iterable[Columns]) -> Limits:
    """Limit of each monitor by subject: {"drift": {feature: PSI}, "nulls": {feature: share}, "relation": …}.

    `blocks` are the columns of each week of training, the predictions as column "prediction". With fewer than three
    of them nothing is known about the season: {}, and the conventional limits hold.
    """
    found = [every(reference, block) for block in blocks]
    result: Limits = {}
    for (monitor, subject), bins in monitored(reference):
        parts = [counts[monitor, subject] for counts in found if (monitor, subject) in counts]
        if len(parts) < MIN_BLOCKS:
            continue
        result.setdefault(monitor, {})[subject] = _largest_move(expected(bins), parts)
        if monitor == "drift":
            result.setdefault("nulls", {})[subject] = _nulls(parts)
    return result


def upper_bound(values: Sequence[float] | NDArray[np.float64]) -> float:
    """The value that one more observation stays below with 99.9%, if all are drawn from one normal distribution.

    mean + t s sqrt(1 + 1/n), with Student's t of n - 1 degrees of freedom (Hahn and Meeker, Statistical Intervals,
    1991, 4.7). PSI is put in as its square root, which grows in proportion to a shift and is nearer to normal.
    """
    from scipy.special import stdtrit

    seen = np.asarray(values, dtype=np.float64)
    factor = float(stdtrit(len(seen) - 1, CONFIDENCE)) * np.sqrt(1 + 1 / len(seen))
    return float(seen.mean() + factor * seen.std(ddof=1))


def weeks(columns: Columns, day: NDArray[Any]) -> list[Columns]:
    """The columns of each full week, counted from the first day; `day` is of numpy's datetime64."""
    since = (day.astype("datetime64[D]") - day.astype("datetime64[D]").min()).astype(int)
    full = (since.max() + 1) // DAYS
    of_week = (since // DAYS == week for week in np.unique(since // DAYS) if week < full)
    return [{name: values[rows] for name, values in columns.items()} for rows in of_week]


def every(reference: Mapping[str, Any], columns: Columns) -> Found:
    """The counts of all that is monitored in a window, by monitor and subject; what it lacks is left out."""
    found: Found = {}
    for (monitor, subject), bins in monitored(reference):
        if monitor == "relation":
            counted = columns.get(COUNTED.format(subject))
            found[monitor, subject] = count(residual(columns, subject, bins) if counted is None else counted, bins)
        elif subject in columns:
            found[monitor, subject] = count(columns[subject], bins)
    return found


def monitored(reference: Mapping[str, Any]) -> list[tuple[tuple[str, str], Mapping[str, Any]]]:
    """Each pair of monitor and subject of reference.json, with its bins."""
    return [
        *((("drift", name), bins) for name, bins in reference["features"].items()),
        *((("relation", name), bins) for name, bins in reference.get("relations", {}).items()),
        (("prediction", "prediction"), reference["prediction"]),
    ]


def _largest_move(whole: Counts, parts: Sequence[Counts]) -> float:
    moved = [psi(whole.vector - part.vector, part.vector) for part in parts]
    return upper_bound(np.sqrt(moved)) ** 2


def _nulls(parts: Sequence[Counts]) -> float:
    shares = [part.nulls / part.rows for part in parts]
    return upper_bound(shares) - float(np.mean(shares))
