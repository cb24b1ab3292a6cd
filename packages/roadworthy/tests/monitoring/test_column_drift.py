"""Columns of two samples against each other, with SciPy's values on the same bins."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial import distance

from roadworthy.monitoring.distributions import Drift, category_bins, compare_column, count_values, numeric_bins


@pytest.fixture(scope="module")
def samples() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ten thousand and three thousand rows, the later ones warmer, with another airline."""
    draw = np.random.default_rng(0)
    return sample(draw, 10_000, 0, ["AA", "UA", None]), sample(draw, 3_000, 3, ["UA", "ZZ"])


def sample(draw: np.random.Generator, rows: int, warmer: float, carriers: list[str | None]) -> pd.DataFrame:
    temp = np.where(draw.random(rows) < 0.1, np.nan, draw.normal(50 + warmer, 10, rows))
    engines = draw.choice([2, 2, 2, 4], rows)
    carrier = np.array(carriers, dtype=object)[draw.integers(len(carriers), size=rows)]
    return pd.DataFrame({"temp": temp, "engines": engines, "carrier": pd.Series(carrier, dtype=object)})


def drift_of(name: str, before: pd.DataFrame, now: pd.DataFrame) -> Drift:
    old, new = (frame[name].to_numpy() for frame in (before, now))
    bins = category_bins(old, ["AA", "UA"]) if name == "carrier" else numeric_bins(old)
    return compare_column(name, bins, count_values(new, bins))


def test_the_statistics_are_those_of_scipy_on_the_same_bins(samples: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    before, now = samples
    found = {name: drift_of(name, before, now) for name in ("temp", "carrier")}
    categories = ["AA", "UA", "ZZ", None]
    table = [[int((part["carrier"].isna() if c is None else part["carrier"] == c).sum()) for c in categories]
             for part in (before, now)]  # fmt: skip
    expected = stats.chi2_contingency(np.array(table), correction=False)
    assert found["carrier"].statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert found["carrier"].p_value == pytest.approx(expected.pvalue, abs=1e-9)
    assert found["carrier"].jensen_shannon == pytest.approx(distance.jensenshannon(*table, base=2), abs=1e-9)
    edges = np.sort(before["temp"].dropna().to_numpy(np.float32))
    edges = edges[[len(edges) * i // 10 for i in range(1, 10)]]
    cells = [np.digitize(part["temp"].dropna().to_numpy(np.float32), edges) for part in (before, now)]
    ks = stats.ks_2samp(*cells, method="asymp")
    assert found["temp"].test == "KS"
    assert found["temp"].statistic == pytest.approx(ks.statistic, abs=1e-9)
    assert found["temp"].p_value == pytest.approx(ks.pvalue, abs=1e-9)
    vectors = [
        [*np.bincount(cell, minlength=10), part["temp"].isna().sum()]
        for cell, part in zip(cells, (before, now), strict=True)
    ]
    assert found["temp"].jensen_shannon == pytest.approx(distance.jensenshannon(*vectors, base=2), abs=1e-9)
    e, a = (np.array(vector) / sum(vector) for vector in vectors)
    # Jeffreys' divergence is the sum of both relative entropies.
    assert found["temp"].psi == pytest.approx(stats.entropy(e, a) + stats.entropy(a, e), abs=1e-9)


def test_a_sample_is_like_itself(samples: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    for name in ("temp", "engines", "carrier"):
        drift = drift_of(name, samples[0], samples[0])
        assert (drift.psi, drift.jensen_shannon, drift.statistic, drift.p_value) == (0, 0, 0, 1)
