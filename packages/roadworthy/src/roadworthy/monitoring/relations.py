"""What the other numbers say about a number: a monitor that knows the season without having seen it.

The temperature of July is unlike that of January to June, by a PSI of 6; a thermometer that reports degrees Celsius
in July looks like January. No statistic of temperature alone can tell the two apart. But in every season temperature
follows from dew point and humidity, and in another unit it does not. So the residual of a linear regression on the
other numbers is watched like a feature.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .counts import Columns, Floats, numeric_bins

MIN_EXPLAINED = 0.5  # share of the variance; with less, the residual is little else than the feature itself
COUNTED = "residual of {}"  # the column that holds the Counts of a residual that was counted elsewhere
RIDGE = 1e-3  # on standardised columns: keeps columns that repeat each other (hour, minute of the day) solvable


def fit(columns: Columns, names: Sequence[str]) -> dict[str, Any]:
    """For each number that the others explain, its regression and the bins of its residual, for reference.json.

    `names` are the numeric columns. A missing value of another column counts as its mean.
    """
    varying = [name for name in names if _spread(columns[name]) > 0]
    if len(varying) < 2:
        return {}
    table = _filled(columns, varying, {name: float(np.nanmean(columns[name])) for name in varying})
    mean, spread = table.mean(axis=0), table.std(axis=0)
    scaled = (table - mean) / spread
    precision = np.linalg.inv(scaled.T @ scaled / len(scaled) + RIDGE * np.eye(len(varying)))
    found = {}
    for at in np.flatnonzero(1 - 1 / np.diag(precision) >= MIN_EXPLAINED):
        weights = -precision[at] / precision[at, at] / spread * spread[at]
        relation = _relation(varying, int(at), mean, weights)
        found[varying[at]] = {**relation, **numeric_bins(residual(columns, varying[at], relation))}
    return found


def residual(columns: Columns, name: str, relation: Mapping[str, Any]) -> Floats:
    """The part of a column (rows,) that the others do not explain; NaN where the column has no value."""
    means, weights = relation["means"], relation["weights"]
    others = _filled(columns, list(means), means) - np.array(list(means.values()))
    explained = relation["mean"] + others @ np.array(list(weights.values()))
    return np.asarray(columns[name].astype(np.float64) - explained)


def _relation(names: Sequence[str], at: int, mean: Floats, weights: Floats) -> dict[str, Any]:
    others = [i for i in range(len(names)) if i != at]
    return {
        "mean": float(mean[at]),
        "means": {names[i]: float(mean[i]) for i in others},
        "weights": {names[i]: float(weights[i]) for i in others},
    }


def _spread(column: Any) -> float:
    known = column[~np.isnan(column.astype(np.float64))]
    return float(np.std(known.astype(np.float64))) if len(known) else 0.0


def _filled(columns: Columns, names: Sequence[str], means: Mapping[str, float]) -> Floats:
    table = np.column_stack([columns[name].astype(np.float64) for name in names])
    return np.where(np.isnan(table), [means[name] for name in names], table)
