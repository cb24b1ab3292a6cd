"""Predictions made again step by step, and whether each step explains the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import canary, data, export, tracing
from .bench import Bench, NotJudgedError

FROM_TABLES = 6  # rows that are traced to the tables
THROUGH_MODEL = 120  # rows at most that are followed through the trees


@dataclass(frozen=True)
class Traces:
    """The largest difference at each step, over `rows` rows that show `values` values of the categories.

    `unexplained`: features whose raw rows, in `sources` rows of the tables, do not give the value that was used.
    `encoding`: largest difference of X. `model`: of the probability of the leaves from that of the exported model.
    `service`: of it from the service's answer, `worst` names that row; `moved`: of the features' shares from the sum.
    """

    rows: int
    values: int
    from_tables: int
    sources: int
    unexplained: tuple[str, ...]
    encoding: float
    model: float
    service: float
    worst: str
    moved: float
    loudest: str


def run(bench: Bench) -> Traces:
    """Trace rows that show every category of the test rows, as far as `THROUGH_MODEL` rows do."""
    bundle = bench.bundle
    categories = [feature.name for feature in bundle.signature.features if feature.kind == "category"]
    rows, values = covering(bench.test, categories, THROUGH_MODEL)
    # What the service refuses cannot be compared with its answer; see Infrastructure 6.
    rows = rows[canary.taken(bundle, data.records(rows, bundle.names))]
    if rows.empty:
        raise NotJudgedError("the service takes none of the rows, see Infrastructure 6")
    first = rows.iloc[:: max(1, len(rows) // FROM_TABLES)].iloc[:FROM_TABLES]
    keys = first[bench.contract.key].tolist()
    raw = tracing.raw_rows(bench.project, bench.connection, keys)
    again = tracing.features(bench.project, raw, keys)
    traced = tracing.trace(bundle, rows)
    encoded = bundle.encode_columns(export.columns(rows, bundle.names))
    exported = bundle.predict(encoded)
    gaps = np.abs(traced.probabilities - traced.answers)
    return Traces(
        rows=len(rows),
        values=values,
        from_tables=len(keys),
        sources=sum(table.num_rows for table in raw.values()),
        unexplained=tuple(different(first, again, bundle.names)),
        encoding=apart(encoded, traced.inputs),
        model=apart(exported, traced.probabilities),
        service=apart(traced.answers, traced.probabilities),
        worst=str(rows[bench.contract.key].iloc[int(np.argmax(gaps))]),
        moved=apart(traced.mean + traced.moved.sum(axis=1), traced.margins),
        loudest=str(tracing.contributions(traced, bundle)["feature"].iloc[0]),
    )


def covering(rows: pd.DataFrame, names: Sequence[str], limit: int) -> tuple[pd.DataFrame, int]:
    """At most `limit` rows that show as many values of these columns as they can, and how many they show.

    The first row of each value that no row before it has shown, columns with few values first: what is done to one
    value only (an override for a customer, say) is seen.
    """
    few_first = sorted(names, key=lambda name: rows[name].nunique())
    firsts = [rows.index[~rows[name].duplicated() & rows[name].notna()] for name in few_first]
    chosen = pd.unique(np.concatenate([*firsts, rows.index[:1]]))[:limit]
    found = rows.loc[chosen]
    return found, int(sum(found[name].nunique() for name in names))


def different(used: pd.DataFrame, again: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The columns in which two tables of the same rows differ; missing is equal to missing."""
    one, two = export.columns(used, list(names)), export.columns(again, list(names))
    return [name for name in names if not pd.Series(one[name]).equals(pd.Series(two[name]))]


def apart(one: np.ndarray, two: np.ndarray) -> float:
    """The largest difference; infinite where only one of both is a number."""
    if (np.isnan(one) != np.isnan(two)).any():
        return float("inf")
    return float(np.nanmax(np.abs(one - two), initial=0.0))
