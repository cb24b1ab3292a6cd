"""How far the distribution of a column has moved: counts in the bins of the reference, and statistics on them.

Counting is the only step that touches rows: what is counted in parts or in a stream gives the same statistics.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Columns = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]
MANY, TINY = 1_000, 1e-10  # rows, and a p-value
SMALLEST = 1e-4  # share that an empty bin counts as
# Versions a month apart: up to .17 in 2013; in 2023 .38 after five and six months, .56 after three and four. Weights
# that balance the classes: .84 to 1.08; the other class: above 3.
MAX_PSI = 0.70
# A canary is for what has gone badly wrong; a slow change is the subject of Monitoring 6.
MAX_CPU = 3.0
# The 99.9% quantile of chi-square with the 9 degrees of freedom of ten bins: see `psi_noise`. A number, because the
# service has no SciPy to compute it.
CHI_SQUARE_OF_TEN_BINS = 27.88


class Counts(NamedTuple):
    """Rows per bin of the reference, rows without a value, rows with a category that the reference lacks."""

    bins: NDArray[np.int64]
    nulls: int
    unseen: int

    @property
    def vector(self) -> NDArray[np.int64]:
        """All rows as one vector (bins + 2,): null and unseen are bins of their own at its end."""
        return np.append(self.bins, [self.nulls, self.unseen])

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.vector.sum())

    def plus(self, more: "Counts") -> "Counts":
        """The counts of these rows and of others, in the same bins."""
        return Counts(self.bins + more.bins, self.nulls + more.nulls, self.unseen + more.unseen)


def count_values(values: Any, bins: Mapping[str, Any]) -> Counts:
    """Count a column (rows,) in the bins of reference.json: of NumPy, or of Arrow if it is a category.

    Categories are strings, None or NaN when missing. Numbers are compared as float32, as the model sees them, NaN
    when missing; bin i holds edges[i - 1] <= x < edges[i]. A column that was counted elsewhere, part by part, is
    given as its Counts.
    """
    if isinstance(values, Counts):
        return values
    if bins["kind"] == "category":
        return _category_counts(_occurrences(values), bins["categories"])
    numbers = np.asarray(values, dtype=np.float32)
    known = len(numbers) - int(np.count_nonzero(np.isnan(numbers)))
    # Comparing all rows with one edge after the other is many times faster than a search for each row.
    edges = np.asarray(bins["edges"], dtype=np.float32)
    from_edge = [known, *(int(np.count_nonzero(numbers >= edge)) for edge in edges), 0]
    inside = np.array(from_edge[:-1], dtype=np.int64) - np.array(from_edge[1:], dtype=np.int64)
    return Counts(inside, len(numbers) - known, 0)


def expected_counts(bins: Mapping[str, Any]) -> Counts:
    """The counts of the reference itself."""
    return Counts(np.asarray(bins["counts"], dtype=np.int64), int(bins["nulls"]), 0)


def numeric_bins(values: Any) -> dict[str, Any]:
    """Bins of a number for reference.json: edges at the deciles, and the counts in them.

    A value that holds more than a decile (no precipitation, two engines) gets a bin of its own; without that, most
    of such a column would fall into one bin and no change of it would be seen.
    """
    numbers = np.asarray(values, dtype=np.float32)
    known = np.sort(numbers[~np.isnan(numbers)])
    edges = _edges(known)
    below = np.concatenate([[0], np.searchsorted(known, edges, side="left"), [len(known)]])
    bins: dict[str, Any] = {"kind": "number", "edges": [float(edge) for edge in edges]}
    return {**bins, "counts": np.diff(below).tolist(), "nulls": len(numbers) - len(known)}


def category_bins(values: Any, categories: list[str]) -> dict[str, Any]:
    """Bins of a category for reference.json: one for each category that training knows, in the order of the codes."""
    counts = _category_counts(_occurrences(values), categories)
    return {"kind": "category", "categories": categories, "counts": counts.bins.tolist(), "nulls": counts.nulls}


def _category_counts(occurrences: Mapping[Any, int], categories: list[str]) -> Counts:
    bins = np.array([occurrences.get(category, 0) for category in categories], dtype=np.int64)
    nulls = occurrences.get(None, 0)
    return Counts(bins, nulls, sum(occurrences.values()) - nulls - int(bins.sum()))


def _occurrences(values: Any) -> Mapping[Any, int]:
    """How often each value occurs; None for the missing ones."""
    if hasattr(values, "dictionary_encode"):  # of Arrow, which is not imported: the service counts too, and has none
        # By the codes of a dictionary, without a Python object for each row.
        counted = values.value_counts()
        pairs = list(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
    else:
        pairs = list(Counter(values.tolist()).items())
    occurrences: Counter[Any] = Counter()
    for value, rows in pairs:
        occurrences[None if value is None or value != value else value] += rows  # noqa: PLR0124 (NaN)
    return occurrences


def _edges(known: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(known):
        return known
    deciles = known[(len(known) * np.arange(1, 10)) // 10]
    edges, repeats = np.unique(deciles, return_counts=True)
    after = np.searchsorted(known, edges[repeats > 1], side="right")
    return np.unique(np.append(edges, known[after[after < len(known)]]))


def psi(expected: ArrayLike, actual: ArrayLike) -> float:
    """Population stability index: sum of (a - e) ln(a / e) over the shares e and a of the bins; 0 when equal.

    It is the symmetric Kullback-Leibler divergence (Jeffreys 1946). Below 0.1 little has changed, above 0.2
    (some say 0.25) the population is another one: a convention of credit scoring (Siddiqi 2006). An empty bin
    counts as a share of 0.0001; without that, one new value would make it infinite.
    """
    e, a = (np.maximum(share, SMALLEST) for share in _shares(expected, actual))
    return float(((a - e) * np.log(a / e)).sum())


def largest_psi(expected: Counts) -> float:
    """The PSI when all rows of a window fall into one bin, the rarest that the reference uses: more it cannot tell."""
    used = expected.bins > 0
    if not used.any():
        return 0.0
    rarest = np.flatnonzero(used)[np.argmin(expected.bins[used])]
    return psi(expected.vector, np.eye(len(expected.vector))[rarest])


def psi_noise(expected: ArrayLike, actual: ArrayLike) -> float:
    """The PSI that two samples of one population stay below with 99.9%, by chance alone.

    (1/n + 1/m) times the quantile of chi-square with bins - 1 degrees of freedom (Yurdakul 2018, Statistical
    properties of the population stability index); bins that are empty in both do not count.
    """
    from scipy.special import chdtri

    e, a = np.asarray(expected, dtype=float), np.asarray(actual, dtype=float)
    used = int(((e + a) > 0).sum())
    return float(chdtri(used - 1, 0.001) * (1 / e.sum() + 1 / a.sum())) if used > 1 else 0.0


def prediction_shift(before: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    """The PSI between two sets of answers, in bins at the deciles of the first."""
    bins = numeric_bins(before)
    return psi(count_values(before, bins).vector, count_values(new, bins).vector)


def shift_by_chance(rows_before: int, rows_new: int) -> float:
    """The PSI that answers to different rows stay below when nothing differs but the rows."""
    return CHI_SQUARE_OF_TEN_BINS * (1 / rows_before + 1 / rows_new)


def jensen_shannon(expected: ArrayLike, actual: ArrayLike) -> float:
    """Jensen-Shannon distance to the base 2, from 0 to 1: a metric that needs no treatment of empty bins.

    Lin 1991; Endres and Schindelin 2003. Evidently warns from 0.1 on; here it only ranks.
    """
    e, a = _shares(expected, actual)
    middle = (e + a) / 2
    divergence = (_relative_entropy(e, middle) + _relative_entropy(a, middle)) / np.log(2)
    return float(np.sqrt(max(0.0, divergence / 2)))


class Test(NamedTuple):
    """A statistic with its p-value."""

    statistic: float
    p_value: float


def chi_square(expected: ArrayLike, actual: ArrayLike) -> Test:
    """Pearson's test that both samples have the same shares; bins that are empty in both are left out.

    Homogeneity of a 2 x bins table without Yates' correction, as `scipy.stats.chi2_contingency`.
    """
    from scipy.special import chdtrc  # scipy.stats takes half a second to import

    table = np.array([expected, actual], dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return Test(0.0, 1.0)
    fitted = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - fitted) ** 2 / fitted).sum())
    return Test(statistic, float(chdtrc(table.shape[1] - 1, statistic)))


def kolmogorov_smirnov(expected: ArrayLike, actual: ArrayLike) -> Test:
    """Largest difference of the cumulated shares of ordered bins, and its p-value (Smirnov 1939).

    Between the edges nothing is compared, so the statistic is a lower bound of that of the raw values and the
    p-value is too large rather than too small. As `scipy.stats.ks_2samp(method="asymp")` on the bins; a p-value below
    1e-10 is that of the limit for many rows, for half a second of work would change no digit that anyone reads.
    """
    from scipy.special import kolmogorov

    e, a = np.asarray(expected, dtype=float), np.asarray(actual, dtype=float)
    if not (e.sum() and a.sum()):
        return Test(float("nan"), float("nan"))
    statistic = float(np.abs(np.cumsum(e) / e.sum() - np.cumsum(a) / a.sum()).max())
    rows = e.sum() * a.sum() / (e.sum() + a.sum())
    limit = float(kolmogorov(statistic * np.sqrt(rows)))
    if rows > MANY and limit < TINY:
        return Test(statistic, limit)
    from scipy.stats import kstwo

    return Test(statistic, float(np.clip(kstwo.sf(statistic, max(1, np.round(rows))), 0, 1)))


class Drift(NamedTuple):
    """How far one column of a window is from the reference; `test` is KS for numbers, chi-square for categories."""

    name: str
    psi: float
    jensen_shannon: float
    test: str
    statistic: float
    p_value: float
    nulls: float
    nulls_before: float
    unseen: float


def compare_column(name: str, bins: Mapping[str, Any], actual: Counts) -> Drift:
    """All statistics of one column; `bins` is its entry in reference.json."""
    before = expected_counts(bins)
    if bins["kind"] == "category":
        test, result = "chi-square", chi_square(before.vector, actual.vector)
    else:
        test, result = "KS", kolmogorov_smirnov(before.bins, actual.bins)
    return Drift(
        name,
        psi(before.vector, actual.vector),
        jensen_shannon(before.vector, actual.vector),
        test,
        *result,
        nulls=actual.nulls / actual.rows,
        nulls_before=before.nulls / before.rows,
        unseen=actual.unseen / actual.rows,
    )


def feature_drift(reference: Mapping[str, Any], columns: Columns) -> list[Drift]:
    """Each feature of reference.json against the columns of a window, the largest PSI first."""
    features = reference["features"].items()
    drifts = (compare_column(name, bins, count_values(columns[name], bins)) for name, bins in features)
    return sorted(drifts, key=lambda drift: -drift.psi)


def _shares(expected: ArrayLike, actual: ArrayLike) -> tuple[Floats, Floats]:
    e, a = np.asarray(expected, dtype=float), np.asarray(actual, dtype=float)
    if not (e.sum() and a.sum()):
        raise ValueError("no rows to compare")
    return e / e.sum(), a / a.sum()


def _relative_entropy(share: Floats, other: Floats) -> float:
    used = share > 0
    return float((share[used] * np.log(share[used] / other[used])).sum())
