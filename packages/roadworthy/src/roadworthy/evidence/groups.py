"""How a model treats groups: whether its probabilities are as honest, and its warnings as frequent, for each of them.

Base rates differ between groups, so not all notions of fairness can hold at once (Kleinberg et al. 2016). Looked at are
calibration within groups and equal opportunity: the share of the positives that is found (Hardt et al. 2016).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import database
from ..evaluation import LEVEL
from ..schema import Contract
from .bench import Bench

DRAWS = 500
FEWEST = 200  # positives; below, a share of them says nothing
Floats = NDArray[np.float64]


def measure(bench: Bench) -> pd.DataFrame:
    """One row for each value of each group of config.toml, as `by_group` has them.

    The expressions are evaluated over all rows of the snapshot: what is a small community does not depend on a sample.
    """
    test = bench.split.test
    groups = assign(bench.contract, bench.frame, bench.config.gates.groups).loc[test.index]
    return by_group(
        groups, test[bench.contract.target], bench.answers, test[bench.contract.day], bench.bundle.threshold
    )


def assign(contract: Contract, frame: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """The value of each group for each row of a table of features, with its index."""
    features = frame[contract.features.names].reset_index(drop=True).assign(row=np.arange(len(frame)))
    asked = ", ".join(f'({sql})::varchar as "{name}"' for name, sql in groups.items())
    with database.empty() as connection:
        connection.register("features", features)
        found = connection.sql(f"select {asked} from features order by row").fetchnumpy()
    return pd.DataFrame(found, index=frame.index)


def by_group(groups: pd.DataFrame, y: pd.Series, p: Floats, day: pd.Series, threshold: float) -> pd.DataFrame:
    """For each group: group, rows, gap, recall, and both relative to all rows with their 95% intervals by days.

    `gap` is the mean probability minus the rate of the target, `recall` the share of the positives with a warning;
    `gap_more` and `recall_more` are how much more they are than on all rows.
    """
    late, warned = y.to_numpy(dtype=np.float64), (p >= threshold).astype(np.float64)
    names, of_day = np.unique(day.to_numpy(), return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    weights = np.vstack([np.ones(len(names)), drawn])

    def measured(at: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        rows, gap, positives, found = (
            weights @ np.bincount(of_day[at], column[at], len(names))
            for column in (np.ones(len(p)), p - late, late, late * warned)
        )
        with np.errstate(divide="ignore", invalid="ignore"):  # a draw may leave a group empty
            return gap / rows, found / positives

    every = measured(np.ones(len(p), dtype=bool))
    found = []
    for name in groups:
        for value in sorted(set(groups[name].dropna())):
            at = (groups[name] == value).to_numpy()
            if late[at].sum() >= FEWEST:
                gap, recall = measured(at)
                row = {"group": f"{name} {value}", "rows": int(at.sum()), "gap": gap[0], "recall": recall[0]}
                found.append({**row, **_more("gap", gap - every[0]), **_more("recall", recall - every[1])})
    return pd.DataFrame(found)


def _more(name: str, draws: Floats) -> dict[str, float]:
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {f"{name}_more": float(draws[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
