"""Two Parquet files against each other, with SciPy's values on the same bins."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from scipy.spatial import distance

from roadworthy.base.errors import InputError
from roadworthy.monitoring.distributions import parquet_drift


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Ten thousand and three thousand rows, the later ones warmer, with another airline."""
    draw, folder = np.random.default_rng(0), tmp_path_factory.mktemp("files")
    paths = folder / "before.parquet", folder / "now.parquet"
    for path, rows, warmer, carriers in ((paths[0], 10_000, 0, ["AA", "UA", None]), (paths[1], 3_000, 3, ["UA", "ZZ"])):
        temp = np.where(draw.random(rows) < 0.1, np.nan, draw.normal(50 + warmer, 10, rows))
        columns = {"temp": pa.array(temp, from_pandas=True), "engines": draw.choice([2, 2, 2, 4], rows)}
        table = pa.table(
            {
                **columns,
                "carrier": np.array(carriers, dtype=object)[draw.integers(len(carriers), size=rows)],
                "late": draw.random(rows) < 0.2,
            }
        )
        pq.write_table(table, path, row_group_size=1_000)
    return paths


def test_the_statistics_are_those_of_scipy_on_the_same_bins(files: tuple[Path, Path]) -> None:
    before, now = (pd.read_parquet(path) for path in files)
    found = {drift.name: drift for drift in parquet_drift(*files)}
    assert set(found) == {"temp", "engines", "carrier"}
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


def test_a_file_is_like_itself(files: tuple[Path, Path]) -> None:
    for drift in parquet_drift(files[0], files[0], ["temp", "carrier"]):
        assert (drift.psi, drift.jensen_shannon, drift.statistic, drift.p_value) == (0, 0, 0, 1)


def test_what_cannot_be_compared_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'late' of texts or numbers"):
        parquet_drift(*files, ["late"])
    with pytest.raises(InputError, match="cannot be read"):
        parquet_drift(files[0], tmp_path / "none.parquet")
    pq.write_table(pq.read_table(files[0]).slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(InputError, match="has no rows"):
        parquet_drift(tmp_path / "empty.parquet", files[1])
