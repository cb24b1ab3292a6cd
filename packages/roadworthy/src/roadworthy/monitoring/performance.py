"""How good the answers were, once the labels are there: ranking, calibration, and whether labels arrive at all.

All intervals hold at 95% and come from drawing whole days, as in `evaluation`.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..evaluation import LEVEL, Evaluation, evaluate
from .counts import Floats

DRAWS = 200
BINS = 10


class Interval(NamedTuple):
    """An estimate with the bounds of its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Performance:
    """The metrics of `evaluation`, and how far probabilities are from frequencies.

    `gap` is the mean prediction minus the base rate. `skill` is 1 - Brier score / Brier score of the base rate
    (Murphy 1973): 0 says no better than one constant, and unlike the Brier score it does not move with the base rate.
    `ece` is the expected calibration error: mean distance of probability and frequency over bins of equal size
    (Naeini et al. 2015). Chance alone makes it larger, and each draw of days once more: its interval is mirrored at the
    estimate (basic bootstrap; Davison and Hinkley 1997, 5.2). `bins` is the calibration curve.
    """

    evaluation: Evaluation
    gap: Interval
    skill: Interval
    ece: Interval
    bins: tuple["Bin", ...]


class Bin(NamedTuple):
    """One point of the calibration curve: mean probability, observed frequency with its interval, rows."""

    predicted: float
    observed: float
    low: float
    high: float
    rows: float


def judge(labels: ArrayLike, probabilities: ArrayLike, day: NDArray[Any], *, seed: int = 0) -> Performance:
    """Judge probabilities by known labels (0 or 1), each of shape (rows,); ValueError when there are none."""
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if not len(y):
        raise ValueError("no rows to judge")
    evaluation = evaluate(y, p, day, draws=DRAWS, seed=seed)
    sums = _sums((np.ones(len(y)), y, p, (p - y) ** 2), _bin(p), day, seed)
    rows, late, said, squares = (table.sum(axis=1) for table in sums)
    rate = late / rows
    ece = np.abs(sums[2] - sums[1]).sum(axis=1) / rows
    with np.errstate(divide="ignore", invalid="ignore"):  # one class only: there is no skill
        skill = 1 - squares / rows / (rate * (1 - rate))
    gap = _interval(said / rows - rate)
    return Performance(evaluation, gap, _interval(skill), _mirrored(_interval(ece)), _curve(*sums[:3]))


def _sums(columns: tuple[Floats, ...], cell: NDArray[np.intp], day: NDArray[Any], seed: int) -> list[Floats]:
    """Sums of each column by bin, (1 + draws, bins): first over all days, then over each draw of days."""
    names, of_day = np.unique(day, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    weights = np.vstack([np.ones(len(names)), drawn])
    shape = (len(names), cell.max() + 1)
    at = np.ravel_multi_index((of_day, cell), shape)
    return [weights @ np.bincount(at, column, shape[0] * shape[1]).reshape(shape) for column in columns]


def _bin(p: Floats) -> NDArray[np.intp]:
    edges = np.unique(np.quantile(p, np.arange(1, BINS) / BINS))
    return np.unique(np.searchsorted(edges, p, side="right"), return_inverse=True)[1]


def _curve(rows: Floats, late: Floats, said: Floats) -> tuple[Bin, ...]:
    with np.errstate(invalid="ignore"):  # a draw may leave a bin empty
        low, high = np.nanquantile(late / rows, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    columns = (said[0] / rows[0], late[0] / rows[0], low, high, rows[0])
    return tuple(Bin(*values) for values in zip(*(column.tolist() for column in columns), strict=True))


def _interval(draws: Floats) -> Interval:
    finite = draws[np.isfinite(draws)]
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if len(finite) else (np.nan, np.nan)
    return Interval(float(draws[0]), float(low), float(high))


def _mirrored(found: Interval) -> Interval:
    return Interval(found.value, max(0.0, 2 * found.value - found.high), max(0.0, 2 * found.value - found.low))
