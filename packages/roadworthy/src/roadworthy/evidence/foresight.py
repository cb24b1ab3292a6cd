"""Whether a feature knows the future: features made again from tables without what was not known at a moment.

Of a few days around the moment, the tables are taken twice: as they were written later, and as they stood at the
moment. A feature of an event up to it that is not the same in both has seen what came later: another column of the
event, an observation of an hour that was not over, a mean over the whole period.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

from .. import data
from ..schema import Contract, Table
from ..training import MODELLED
from .bench import Bench
from .some_days import excerpt

if TYPE_CHECKING:
    from ..project import Project

MOMENTS = 4
BEFORE, AFTER = 3, 2  # days; a longer memory is cut in both
RECENT = pd.Timedelta(minutes=30)  # of older events, what came after them may have been known by the moment


@dataclass
class Foresight:
    """How many recent events were compared (`rows`), how many are missing, and by feature how many differ."""

    rows: int = 0
    missing: int = 0
    changed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Requirements:
    """Why features may not be features, by name; raw columns that are known afterwards, without saying since when."""

    features: int
    wrong: dict[str, str]
    undated: tuple[str, ...]
    foresight: Foresight


def measure(bench: Bench) -> Requirements:
    """Judge the specification by the contract, and what features know at moments all over the snapshot."""
    undated = (
        f"{t.name}.{c.name}" for t in bench.contract.tables for c in t.columns if c.known == "after" and not c.known_at
    )
    wrong = {name: why for name in bench.spec.features if (why := forbidden(bench.contract, name))}
    times, found = bench.frame[bench.contract.time], Foresight()
    for i in range(MOMENTS):
        # In the order of time: where there are more events, there are more moments.
        compare(bench.project, bench.connection, times.iloc[len(times) * (2 * i + 1) // (2 * MOMENTS)], found)
    return Requirements(len(bench.spec.features), wrong, tuple(undated), found)


def forbidden(contract: Contract, name: str) -> str:
    """Why a column may not be a feature, by the contract; empty when it may."""
    column = {each.name: each for each in contract.features.columns}.get(name)
    if not column:
        return "not in the contract"
    if name in {contract.key, contract.time, contract.day, contract.target, contract.known_at}:
        return "identifies or labels a row"
    if column.private:
        return "private"
    if column.known == "after":
        return "known only afterwards"
    return "" if column.kind in MODELLED else f"of kind {column.kind}"


def compare(project: "Project", connection: duckdb.DuckDBPyConnection, moment: pd.Timestamp, found: Foresight) -> None:
    """Add to `found` what the features of the events just before a moment have seen of what came after it."""
    tables = excerpt(project.contract, connection, moment - pd.Timedelta(days=BEFORE), BEFORE + AFTER)
    later = _recent(project, tables, moment)
    for table in project.contract.tables:
        forget(tables, table, moment)
    then = _recent(project, tables, moment)
    found.missing += len(later.index.difference(then.index)) + len(then) - then.index.nunique()
    both = later.index.intersection(then.index[~then.index.duplicated()])
    found.rows += len(both)
    for name in later.columns:
        found.changed[name] += _differ(later.loc[both, name], then.loc[both, name])


def forget(tables: duckdb.DuckDBPyConnection, table: Table, moment: pd.Timestamp) -> None:
    """Take out of a table what was not known at a moment: rows that came later, values of columns that came later."""
    known = f"<= '{moment}'"
    hidden = (
        f'case when ({c.known_at}) {known} then "{c.name}" end as "{c.name}"' for c in table.columns if c.known_at
    )
    changes = ", ".join(hidden)
    replaced = f" replace ({changes})" if changes else ""
    where = f" where ({table.known_at}) {known}" if table.known_at else ""
    tables.execute(f"create or replace table {table.name} as select *{replaced} from {table.name}{where}")


def _recent(project: "Project", tables: duckdb.DuckDBPyConnection, moment: pd.Timestamp) -> pd.DataFrame:
    """The features of the events just before a moment that are known before by the contract, by the key."""
    time = project.contract.time
    within = {"moment": moment.to_pydatetime(), "since": (moment - RECENT).to_pydatetime()}
    made = data.features(project, tables, f"{time} <= $moment and {time} > $since", **within)
    after = {column.name for column in project.contract.features.columns if column.known == "after"}
    return made.set_index(project.contract.key).drop(columns=after & set(made.columns))


def _differ(one: pd.Series, two: pd.Series) -> int:
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(two):
        return int((~np.isclose(one.astype("float64"), two.astype("float64"), equal_nan=True)).sum())
    return int((~((one == two) | (one.isna() & two.isna()))).sum())
