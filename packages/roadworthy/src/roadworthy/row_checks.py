"""Which rows of a table break the contract, and why: types, values, the key, the rules between columns.

A failure is a row of a table with the columns row (number, from 1), check, column and reason.
"""

import difflib
from pathlib import Path

import duckdb
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from .data import to_frame
from .errors import InputError
from .schema import Column, Table

SQL_TYPES = {
    "category": "VARCHAR",
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMPTZ",
    "date": "DATE",
}


def read_file(connection: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    """A CSV or Parquet file as a relation, CSV values as text; InputError when it cannot be read."""
    if not path.is_file():
        raise InputError("no such file", where=path, hint="check the name; a CSV or Parquet file is expected")
    try:
        if path.suffix == ".csv":
            return connection.read_csv(str(path), all_varchar=True, na_values=["", "NA"], header=True)
        return connection.read_parquet(str(path))
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        hint = "a CSV file (.csv) with a header, or a Parquet file, is expected"
        raise InputError(f"cannot be read: {first}", where=path, hint=hint) from error


def require_columns(found: list[str], table: Table, where: str) -> None:
    """Raise InputError when a column is missing or unknown; it guesses which one was renamed."""
    missing = [name for name in table.names if name not in found]
    extra = [name for name in found if name not in table.names]
    if missing or extra:
        parts = [f"column {name!r} is missing" for name in missing] + [f"column {name!r} is unknown" for name in extra]
        near = {name: difflib.get_close_matches(name, extra, n=1, cutoff=0.5) for name in missing}
        renamed = [f"{matches[0]!r} may be {name!r} renamed" for name, matches in near.items() if matches]
        hint = "; ".join([*renamed, f"the contract of {table.name} is in contract.py"])
        raise InputError(", ".join(parts), where=where, hint=hint)


def typed_rows(connection: duckdb.DuckDBPyConnection, table: Table) -> pd.DataFrame:
    """The table with the types of the contract and its row numbers as index; what has another type is missing.

    Leaves them as the temporary table `typed` in the connection, for the rules.
    """
    casts = ", ".join(f'try_cast("{c.name}" as {SQL_TYPES[c.kind]}) as "{c.name}"' for c in table.columns)
    connection.execute(f"create or replace temp table typed as select row, {casts} from ({numbered(table.name)})")
    return to_frame(connection.sql("select * from typed order by row")).set_index("row")


def numbered(name: str) -> str:
    """The query that adds the number of each row of a table, from 1 and in its order."""
    return f"select row_number() over () as row, * from {name}"


def failures(connection: duckdb.DuckDBPyConnection, typed: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Every failure of every row, after `typed_rows` has prepared the connection."""
    found = [_wrong_types(connection, table), _wrong_values(typed, table), _broken_rules(connection, table)]
    return pd.concat([frame for frame in found if len(frame)] or found[:1], ignore_index=True)


def pandera_schema(table: Table) -> pa.DataFrameSchema:
    """The contract of one table as a pandera schema: ranges, allowed values, patterns, missing values, the key."""
    columns = {column.name: pa.Column(None, _checks(column), nullable=column.nullable) for column in table.columns}
    return pa.DataFrameSchema(columns, unique=list(table.key))


def _checks(column: Column) -> list[pa.Check]:
    checks = []
    if column.low is not None and column.high is not None:
        checks.append(pa.Check.in_range(column.low, column.high, error=f"not in {column.low:g} to {column.high:g}"))
    if column.allowed:
        checks.append(pa.Check.isin(column.allowed, error=f"not one of {', '.join(column.allowed)}"))
    if column.pattern:
        checks.append(pa.Check.str_matches(column.pattern, error=f"does not match {column.pattern}"))
    return checks


def _wrong_values(typed: pd.DataFrame, table: Table) -> pd.DataFrame:
    try:
        pandera_schema(table).validate(typed, lazy=True)
    except SchemaErrors as errors:
        return _reasons(errors.failure_cases, table)
    return _none()


def _reasons(cases: pd.DataFrame, table: Table) -> pd.DataFrame:
    check = cases["check"].astype("str")
    doubled = check.str.startswith("multiple_fields_uniqueness") | (check == "field_uniqueness")
    check = check.mask(doubled, "is doubled").replace("not_nullable", "is missing")
    column = cases["column"].astype("str").mask(doubled, f"key ({', '.join(table.key)})")
    # A reason is shown in reports and messages: a private value is not named in it.
    private = column.isin([each.name for each in table.columns if each.private])
    value = cases["failure_case"].map(lambda v: "" if pd.isna(v) else f"{v} ").mask(doubled | private, "")
    reason = column + ": " + value + check
    found = pd.DataFrame({"row": cases["index"], "check": check, "column": column, "reason": reason})
    return found.drop_duplicates(["row", "column", "check"])


def _wrong_types(connection: duckdb.DuckDBPyConnection, table: Table) -> pd.DataFrame:
    relation = connection.table(table.name)
    text = {name for name, kind in zip(relation.columns, relation.types, strict=True) if str(kind) == "VARCHAR"}
    parts = [
        f"select row, 'type' as \"check\", '{c.name}' as \"column\", "
        f"'{c.name}: ' || \"{c.name}\" || ' is not of type {c.kind}' as reason from ({numbered(table.name)}) "
        f'where "{c.name}" is not null and try_cast("{c.name}" as {SQL_TYPES[c.kind]}) is null'
        for c in table.columns
        if c.name in text and SQL_TYPES[c.kind] != "VARCHAR"
    ]
    return to_frame(connection.sql(" union all ".join(parts))) if parts else _none()


def _broken_rules(connection: duckdb.DuckDBPyConnection, table: Table) -> pd.DataFrame:
    # A rule over a missing value is not broken: that the value is missing is said elsewhere.
    parts = [
        f"select row, 'rule {rule.name}' as \"check\", '' as \"column\", 'rule {rule.name}: {rule.about}: not so' as "
        f"reason from typed where not coalesce(({rule.holds}), true)"
        for rule in table.rules
    ]
    return to_frame(connection.sql(" union all ".join(parts))) if parts else _none()


def _none() -> pd.DataFrame:
    return pd.DataFrame({"row": [], "check": [], "column": [], "reason": []})
