"""How far the distribution of a column has moved: four statistics on the counts of two samples in the same bins.

Each takes two vectors of counts: `expected` (the reference) and `actual` (the window). PSI decides about alarms,
because it measures an effect. The two tests are shown beside it: with tens of thousands of rows every difference is
significant, and they take rows for independent, which those of one day are not.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .counts import Columns, Counts, Floats, count
from .counts import expected as reference_counts

MANY, TINY = 1_000, 1e-10  # rows, and a p-value
SMALLEST = 1e-4  # share that an empty bin counts as


class Test(NamedTuple):
    """A statistic with its p-value."""

    statistic: float
    p_value: float


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


def noise(expected: ArrayLike, actual: ArrayLike) -> float:
    """The PSI that two samples of one population stay below with 99.9%, by chance alone.

    (1/n + 1/m) times the quantile of chi-square with bins - 1 degrees of freedom (Yurdakul 2018, Statistical
    properties of the population stability index); bins that are empty in both do not count.
    """
    from scipy.special import chdtri

    e, a = np.asarray(expected, dtype=float), np.asarray(actual, dtype=float)
    used = int(((e + a) > 0).sum())
    return float(chdtri(used - 1, 0.001) * (1 / e.sum() + 1 / a.sum())) if used > 1 else 0.0


def jensen_shannon(expected: ArrayLike, actual: ArrayLike) -> float:
    """Jensen-Shannon distance to the base 2, from 0 to 1: a metric that needs no treatment of empty bins.

    Lin 1991; Endres and Schindelin 2003. Evidently warns from 0.1 on; here it only ranks.
    """
    e, a = _shares(expected, actual)
    middle = (e + a) / 2
    divergence = (_relative_entropy(e, middle) + _relative_entropy(a, middle)) / np.log(2)
    return float(np.sqrt(max(0.0, divergence / 2)))


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


def compare(name: str, bins: Mapping[str, Any], actual: Counts) -> Drift:
    """All statistics of one column; `bins` is its entry in reference.json."""
    before = reference_counts(bins)
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


def features(reference: Mapping[str, Any], columns: Columns) -> list[Drift]:
    """Each feature of reference.json against the columns of a window, the largest PSI first."""
    found = (compare(name, bins, count(columns[name], bins)) for name, bins in reference["features"].items())
    return sorted(found, key=lambda drift: -drift.psi)


def _shares(expected: ArrayLike, actual: ArrayLike) -> tuple[Floats, Floats]:
    e, a = np.asarray(expected, dtype=float), np.asarray(actual, dtype=float)
    if not (e.sum() and a.sum()):
        raise ValueError("no rows to compare")
    return e / e.sum(), a / a.sum()


def _relative_entropy(share: Floats, other: Floats) -> float:
    used = share > 0
    return float((share[used] * np.log(share[used] / other[used])).sum())
