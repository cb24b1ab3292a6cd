"""Many monitors, one window: how far each may go before all of them together say that something happened.

Twenty features with several monitors each, every week: at 5% each, some of them would be violated in every window. So
the chance is shared out over the family of what is judged in one window by limits from chance (Bonferroni; Dunn 1961):
of fifty quiet windows one has any violation, whatever depends on what. What varies is a whole week or day, never a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .distributions import Columns, Counts, Floats, count_values, expected_counts, numeric_bins, psi

FAMILY = 0.02  # of the quiet windows, one week of a year, may have a violation of any monitor of a family
MIN_EXPLAINED = 0.5  # share of the variance; with less, the residual is little else than the feature itself
COUNTED = "residual of {}"  # the column that holds the Counts of a residual that was counted elsewhere
RIDGE = 1e-3  # on standardised columns: keeps columns that repeat each other (hour, minute of the day) solvable
DAYS = 7  # of a window, and of the blocks of training whose differences are the limits
MIN_BLOCKS = 3  # of training; fewer say nothing about a season
Limits = dict[str, dict[str, float]]
Spreads = dict[str, dict[str, "Spread"]]
MonitoredCounts = dict[tuple[str, str], Counts]  # by monitor and subject


def monitored_counts(reference: Mapping[str, Any], columns: Columns) -> MonitoredCounts:
    """The counts of all that is monitored in a window, by monitor and subject; what it lacks is left out."""
    counts: MonitoredCounts = {}
    for (monitor, subject), bins in monitored_bins(reference):
        if monitor == "relation":
            counted = columns.get(COUNTED.format(subject))
            residual = residual_of(columns, subject, bins) if counted is None else counted
            counts[monitor, subject] = count_values(residual, bins)
        elif subject in columns:
            counts[monitor, subject] = count_values(columns[subject], bins)
    return counts


def monitored_bins(reference: Mapping[str, Any]) -> list[tuple[tuple[str, str], Mapping[str, Any]]]:
    """Each pair of monitor and subject of reference.json, with its bins."""
    return [
        *((("drift", name), bins) for name, bins in reference["features"].items()),
        *((("relation", name), bins) for name, bins in reference.get("relations", {}).items()),
        (("prediction", "prediction"), reference["prediction"]),
    ]


def fit_relations(columns: Columns, names: Sequence[str]) -> dict[str, Any]:
    """For each number that the others explain, its regression and the bins of its residual, for reference.json.

    `names` are the numeric columns. A missing value of another column counts as its mean.
    """
    varying = [name for name in names if _deviation(columns[name]) > 0]
    if len(varying) < 2:
        return {}
    table = _filled(columns, varying, {name: float(np.nanmean(columns[name])) for name in varying})
    mean, deviation = table.mean(axis=0), table.std(axis=0)
    scaled = (table - mean) / deviation
    # All regressions at once: a column's row of the inverse correlation matrix holds its weights and what is explained.
    precision = np.linalg.inv(scaled.T @ scaled / len(scaled) + RIDGE * np.eye(len(varying)))
    relations = {}
    for at in np.flatnonzero(1 - 1 / np.diag(precision) >= MIN_EXPLAINED):
        weights = -precision[at] / precision[at, at] / deviation * deviation[at]
        relation = _relation(varying, int(at), mean, weights)
        relations[varying[at]] = {**relation, **numeric_bins(residual_of(columns, varying[at], relation))}
    return relations


def residual_of(columns: Columns, name: str, relation: Mapping[str, Any]) -> Floats:
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


def _deviation(column: Any) -> float:
    known = column[~np.isnan(column.astype(np.float64))]
    return float(np.std(known.astype(np.float64))) if len(known) else 0.0


def _filled(columns: Columns, names: Sequence[str], means: Mapping[str, float]) -> Floats:
    table = np.column_stack([columns[name].astype(np.float64) for name in names])
    return np.where(np.isnan(table), [means[name] for name in names], table)


class Spread(NamedTuple):
    """What the weeks of training were like: mean, standard deviation and number of a statistic's values."""

    mean: float
    deviation: float
    blocks: int

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64]) -> "Spread":
        """The spread of at least two values."""
        array = np.asarray(values, dtype=np.float64)
        return cls(float(array.mean()), float(array.std(ddof=1)), len(array))

    def bound(self, share: float) -> float:
        """The value that one more observation is beyond with the probability `share`, if all are from one normal.

        mean + t s sqrt(1 + 1/n), with Student's t of n - 1 degrees of freedom (Hahn and Meeker, Statistical
        Intervals, 1991, 4.7).
        """
        from scipy.special import stdtrit  # scipy.stats takes half a second to import

        return self.mean + float(stdtrit(self.blocks - 1, 1 - share)) * self._error

    def p_value(self, value: float) -> float:
        """The probability that one more quiet week is at least this far."""
        from scipy.special import stdtr

        if not self._error:
            return float(value <= self.mean)
        return float(stdtr(self.blocks - 1, (self.mean - value) / self._error))

    @property
    def _error(self) -> float:
        return self.deviation * float(np.sqrt(1 + 1 / self.blocks))


def weekly_spreads(reference: Mapping[str, Any], blocks: Iterable[Columns]) -> Spreads:
    """How weeks of training differ, by monitor and subject: {"drift": {feature: …}, "nulls": …, "relation": …}.

    `blocks` are the columns of each week of training, the predictions as column "prediction". With fewer than three
    of them nothing is known about the season: {}, and the conventional limits hold. Of PSI it is the square root, which
    grows in proportion to a shift and is nearer to normal; of missing values the share of a week above the mean.
    """
    weeks = [monitored_counts(reference, block) for block in blocks]
    spreads: Spreads = {}
    for (monitor, subject), bins in monitored_bins(reference):
        parts = [counts[monitor, subject] for counts in weeks if (monitor, subject) in counts]
        if len(parts) < MIN_BLOCKS:
            continue
        whole = expected_counts(bins).vector
        roots = np.sqrt([psi(whole - part.vector, part.vector) for part in parts])
        spreads.setdefault(monitor, {})[subject] = Spread.of(roots)
        if monitor == "drift":
            nulls = np.array([part.nulls / part.rows for part in parts])
            spreads.setdefault("nulls", {})[subject] = Spread.of(nulls - nulls.mean())
    return spreads


def weekly_limits(spreads: Spreads) -> Limits:
    """The limit of each monitor by subject: what all of them together exceed in one quiet week of fifty."""
    level = share_of_family(family_size(spreads))
    return {
        monitor: {subject: each.bound(level) ** (1 if monitor == "nulls" else 2) for subject, each in subjects.items()}
        for monitor, subjects in spreads.items()
    }


def family_size(spreads: Spreads) -> int:
    """The size of the family: every limit from chance, and that of the volume."""
    return sum(len(subjects) for subjects in spreads.values()) + 1


def full_weeks(columns: Columns, day: NDArray[Any]) -> list[Columns]:
    """The columns of each full week, counted from the first day; `day` is of numpy's datetime64."""
    since = (day.astype("datetime64[D]") - day.astype("datetime64[D]").min()).astype(int)
    full = (since.max() + 1) // DAYS
    of_week = (since // DAYS == week for week in np.unique(since // DAYS) if week < full)
    return [{name: values[rows] for name, values in columns.items()} for rows in of_week]


def share_of_family(tests: int) -> float:
    """The probability of each of so many limits, so that all together keep that of the family."""
    return FAMILY / max(1, tests)


def holm_adjusted(p_values: Iterable[float]) -> list[float]:
    """Each p-value adjusted for being one of many (Holm 1979): below FAMILY, the family of all is violated by it.

    The smallest is below exactly when Bonferroni's limit is exceeded; NaN is no test and stays.
    """
    p = np.asarray(list(p_values), dtype=np.float64)
    order = np.argsort(p)  # NaN comes last
    tests = int((~np.isnan(p)).sum())
    factors = np.maximum(tests - np.arange(len(p)), 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return [float(value) for value in adjusted]


def widened_interval(value: float, low: float, high: float, tests: int) -> tuple[float, float]:
    """The bounds of a 95% interval at the level of one of so many tests of a family, by normal theory."""
    from scipy.special import ndtri

    factor = float(ndtri(1 - share_of_family(tests) / 2) / ndtri(0.975))
    return value - factor * (value - low), value + factor * (high - value)
