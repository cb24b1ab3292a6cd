"""Ways to run an answer on the data of a check: SQL on tables of its own, a function that must not be blank."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from roadworthy.base import databases

from .checks import Fault, NotAnsweredError

Tables = Mapping[str, pa.Table]


def opened(tables: Tables) -> duckdb.DuckDBPyConnection:
    """A new database with these tables: an answer that changes them spoils no other check."""
    connection = databases.empty_duckdb()
    for name, table in tables.items():
        connection.register(f"given_{name}", table)
        connection.execute(f'create table "{name}" as select * from "given_{name}"')
        connection.unregister(f"given_{name}")
    return connection


def rows(tables: Tables, answer: object, columns: Sequence[str]) -> pd.DataFrame:
    """The rows of an answer in SQL, with these columns in this order, whatever case and order it has them in.

    Raises Fault when it is no SQL text, or when a column is missing.
    """
    if not isinstance(answer, str):
        kind = type(answer).__name__
        raise Fault(
            expected="a query: SQL as text", came=f"a {kind}", cause="Put the query itself into quotes, not its result"
        )
    if not answer.strip().strip(";"):
        raise Fault(expected="a query: SQL as text", came="an empty text", cause="Write the query between the quotes")
    with opened(tables) as connection:
        relation = connection.sql(answer.strip().rstrip(";"))
        if relation is None:
            raise Fault(
                expected="a query that gives rows", came="a statement without rows", cause="Begin with select or with"
            )
        found = databases.to_frame(relation)
    found.columns = [str(name).lower() for name in found.columns]
    missing = [name for name in columns if name not in found.columns]
    if missing:
        came = f"the columns {', '.join(found.columns)}"
        raise Fault(expected=f"a column `{missing[0]}`", came=came, cause="Name it with `as`, or add it to the select")
    return found.loc[:, ~found.columns.duplicated()][list(columns)]


def called(function: object, *arguments: Any) -> Any:
    """What the learner's function returns; Fault when it is no function, NotAnsweredError when it returns `...`."""
    if not callable(function):
        kind = type(function).__name__
        raise Fault(
            expected="a function", came=f"a {kind}", cause="Keep the line that begins with def, and do not call it"
        )
    result = function(*arguments)
    if result is ...:
        raise NotAnsweredError
    return result


def arrow(frame: pd.DataFrame) -> pa.Table:
    """A table as Arrow, without its index; times are UTC."""
    return pa.table({name: _array(frame[name]) for name in frame.columns})


def require(condition: object, *, expected: str, came: str, cause: str) -> None:
    """Raise Fault unless the condition is true."""
    if not condition:
        raise Fault(expected=expected, came=came, cause=cause)


def unequal(right: pd.Series, found: pd.Series, tolerance: float = 1e-6) -> pd.Series:
    """Which values differ: numbers by more than `tolerance`; missing ones are equal, types do not matter."""
    missing = right.isna() & found.isna()
    if pd.api.types.is_numeric_dtype(right):
        off = (pd.to_numeric(found, errors="coerce").astype(float) - right.astype(float)).abs()
        return ~((off <= tolerance) | missing)
    return ~((right.astype(str) == found.astype(str)) | missing)


def by_key(right: pd.DataFrame, found: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """The rows of both by key, those of the answer as `name_yours`: the order of rows does not matter."""
    names = list(key)
    plain = found.assign(**{name: found[name].astype(right[name].dtype) for name in names})
    return right.merge(plain, on=names, how="left", suffixes=("", "_yours"))


def _array(column: pd.Series) -> pa.Array:
    # By hand: for times with a zone pyarrow calls what pandas 3.1 deprecates.
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pa.array(column.dt.tz_convert(None).to_numpy(), pa.timestamp("us", tz="UTC"), from_pandas=True)
    return pa.array(column, from_pandas=True)
