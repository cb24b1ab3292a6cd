"""How far a quiet world moves by itself: limits for the monitors, measured on the training period.

A convention such as "PSI above 0.2" takes every change of season for an incident. So each week of training is held
against the rest of training. The limit of a monitor is the prediction bound for one more week of that kind, at such a
level that one quiet week in fifty violates any of them at all: module `chance`. That two of three weeks must agree
makes an alarm of chance rarer still.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .chance import Spread, share
from .counts import Columns, Counts, count, expected
from .drift import psi
from .relations import COUNTED, residual

DAYS = 7
MIN_BLOCKS = 3
NOTABLE_NULLS = 0.05  # change of the share of missing values

Spreads = dict[str, dict[str, Spread]]
Limits = dict[str, dict[str, float]]
Found = dict[tuple[str, str], Counts]


def spreads(reference: Mapping[str, Any], blocks: Iterable[Columns]) -> Spreads:
    """How weeks of training differ, by monitor and subject: {"drift": {feature: …}, "nulls": …, "relation": …}.

    `blocks` are the columns of each week of training, the predictions as column "prediction". With fewer than three
    of them nothing is known about the season: {}, and the conventional limits hold. Of PSI it is the square root, which
    grows in proportion to a shift and is nearer to normal; of missing values the share of a week above the mean.
    """
    found = [every(reference, block) for block in blocks]
    result: Spreads = {}
    for (monitor, subject), bins in monitored(reference):
        parts = [counts[monitor, subject] for counts in found if (monitor, subject) in counts]
        if len(parts) < MIN_BLOCKS:
            continue
        result.setdefault(monitor, {})[subject] = _moves(expected(bins), parts)
        if monitor == "drift":
            result.setdefault("nulls", {})[subject] = _nulls(parts)
    return result


def limits(found: Spreads) -> Limits:
    """The limit of each monitor by subject: what all of them together exceed in one quiet week of fifty."""
    level = share(tests(found))
    return {
        monitor: {subject: each.bound(level) ** (1 if monitor == "nulls" else 2) for subject, each in subjects.items()}
        for monitor, subjects in found.items()
    }


def tests(found: Spreads) -> int:
    """The size of the family: every limit from chance, and that of the volume."""
    return sum(len(subjects) for subjects in found.values()) + 1


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


def _moves(whole: Counts, parts: Sequence[Counts]) -> Spread:
    return Spread.of(np.sqrt([psi(whole.vector - part.vector, part.vector) for part in parts]))


def _nulls(parts: Sequence[Counts]) -> Spread:
    shares = np.array([part.nulls / part.rows for part in parts])
    return Spread.of(shares - shares.mean())
