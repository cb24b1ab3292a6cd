"""Whether a version knows the rows that it was to be trained on: its mean answer and the share of the target in slices.

A fit that saw these rows is right on average in each large part of them. Where it is not, it saw other rows or labels.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import export, training
from ..schema import Contract
from .bench import Bench

FEWEST = 1000  # rows of a slice: its share of the target is known to .03
WEEKDAY = "day of the week"


def measure(bench: Bench) -> pd.DataFrame:
    """`by_slice` of the training rows, a sample of every day; no row when the version is of another period."""
    periods = bench.manifest["lineage"]["periods"]
    if periods["train"] != [str(day) for day in bench.config.split.train]:
        return by_slice(bench.contract, bench.train[:0], (), np.zeros(0), np.zeros(0))
    rows, half_life = bench.train, bench.split.half_life
    weights = training.weigh(rows[bench.contract.day], half_life) if half_life else np.ones(len(rows))
    return by_slice(bench.contract, rows, bench.config.tests.slices, export.predict(bench.bundle, rows), weights)


def by_slice(
    contract: Contract, rows: pd.DataFrame, names: Sequence[str], p: NDArray[np.float64], weights: NDArray[np.float64]
) -> pd.DataFrame:
    """Slice, rows and gap (mean answer less share of the target): all rows, then each large slice and weekday.

    Every table has days, and a week is in most of what people do.
    """
    off = p - rows[contract.target].to_numpy(dtype=np.float64)
    columns = {name: rows[name] for name in names} | {WEEKDAY: rows[contract.day].dt.day_of_week + 1}
    found = [{"slice": "all rows", "rows": len(rows), "gap": _mean(off, weights)}] if len(rows) else []
    for name, column in columns.items():
        for value, count in column.value_counts().items():
            if count >= FEWEST:
                at = (column == value).to_numpy(dtype=bool)
                found.append({"slice": f"{name} = {value}", "rows": count, "gap": _mean(off[at], weights[at])})
    return pd.DataFrame(found, columns=["slice", "rows", "gap"])


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float(np.average(values, weights=weights))
