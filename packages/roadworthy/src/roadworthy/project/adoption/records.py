"""The delivered rows as the table `records`: plain names, the types of the contract, odd rows kept aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ...base.errors import InputError
from ...contract.rules import SQL_TYPES
from ...data.delimited import identifier, literal
from .columns import Found
from .decisions import Decided
from .roles import Roles

MOST_ASIDE = 0.05  # of the rows; with more of them the file is not what it is taken for
TABLE, REPEATED = "records", "it repeats another row"


@dataclass(frozen=True)
class KeptAside:
    """How many rows are no records, by the reason, with the number of the first such row."""

    reason: str
    rows: int
    first: int


def make_records(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[Found]) -> None:
    """Make the table `records` of the delivered one, with the number of each row, and why it is kept aside."""
    wrong = [
        f"case when ({c.sql}) is not null and {_as_kind(c)} is null then {literal(f'{c.name} is no {c.kind}')} end"
        for c in columns
        if c.wrong
    ]
    aside = f"coalesce({', '.join(wrong)})" if wrong else "null::varchar"
    values = ", ".join(f"{_as_kind(c)} as {identifier(c.name)}" for c in columns if c.kind)
    connection.execute(
        f"create table {TABLE} as select row_number() over () as line, {values}, {aside} as aside from {table}"
    )


def _as_kind(column: Found) -> str:
    if column.kind != "integer":
        return column.cast
    # DuckDB would round 5.5 to 6.
    return f"case when try_cast({column.sql} as double) = {column.cast} then {column.cast} end"


def keep_repeated_aside(connection: duckdb.DuckDBPyConnection, columns: Sequence[Found]) -> None:
    """Mark the rows that repeat another one, unless so many do that rows are alike by what they are."""
    names = ", ".join(identifier(column.name) for column in columns if column.kind)
    # The hash first: a window over all columns of a million rows takes minutes.
    connection.execute(f"""
        create temp table repeated as
        select unnest(list_sort(list(line))[2:]) as line
        from {TABLE} where aside is null group by hash({names}) having count(*) > 1
    """)
    share = f"select (select count(*) from repeated) / count(*) from {TABLE}"
    if connection.execute(share).fetchall()[0][0] <= MOST_ASIDE:
        connection.execute(f"update {TABLE} set aside = '{REPEATED}' where line in (select line from repeated)")


def keep_aside(connection: duckdb.DuckDBPyConnection, roles: Roles) -> list[KeptAside]:
    """Mark the rows without a key or a time; how many rows are kept aside, by the reason."""
    for name, what in ((roles.key, "key"), (roles.time, "time")):
        if name:
            reason, missing = literal(f"it has no {what}"), f"{identifier(name)} is null"
            connection.execute(f"update {TABLE} set aside = {reason} where aside is null and {missing}")
    counts = f"select aside, count(*), min(line) from {TABLE} where aside is not null group by aside order by 2 desc, 1"
    return [KeptAside(*row) for row in connection.execute(counts).fetchall()]


def require_few_aside(connection: duckdb.DuckDBPyConnection, aside: Sequence[KeptAside], file: Path) -> None:
    """InputError when most of the rows repeat each other or cannot be read."""
    (rows,) = connection.execute(f"select count(*) from {TABLE}").fetchall()[0]
    odd = [each for each in aside if each.reason != REPEATED]
    lost = sum(each.rows for each in odd)
    if lost > MOST_ASIDE * rows:
        worst = odd[0]
        what = (
            f"{lost:,} of {rows:,} rows cannot be used: {worst.reason} in {worst.rows:,}, first in row {worst.first:,}"
        )
        raise InputError(what, where=file, hint="correct the file, or name another column")


def reading_sql(decided: Decided) -> str:
    """The text of read_records.sql: how a delivered file becomes the table, as texts that the contract then casts."""
    columns = [each.column for each in decided.decisions if each.column.kind]
    lines = []
    for column in columns:
        note = f"  -- {'; '.join(column.notes)}".replace("\n", " ") if column.notes else ""
        same = column.sql == identifier(column.name) and column.source == column.name
        what = identifier(column.source) if same else f"{column.sql} as {identifier(column.name)}"
        lines.append((what, note))
    body = "\n".join(
        f"    {what}{',' if number < len(lines) else ''}{note}" for number, (what, note) in enumerate(lines, 1)
    )
    head = "-- How a delivered file becomes the table `records`: names, missing values, numbers and dates.\n"
    if decided.roles.key:
        return f"{head}select\n{body}\nfrom delivery\n"
    # In the types of the table: 5 and 5.0 are the same, in this file and in the next one.
    kinds = ((identifier(each.column.name), each.column.kind or "text") for each in known_before(decided))
    parts = ", ".join(f"try_cast({name} as {SQL_TYPES[kind]})" for name, kind in kinds)
    return (
        f"{head}-- The rows have no key of their own: one is made of what is known before.\n"
        f"with named as (\nselect\n{body}\nfrom delivery\n),\n"
        f"marked as (select *, left(md5(concat_ws('|', {parts})), 16) as mark from named)\n"
        "select mark || '-' || row_number() over (partition by mark) as row_id, * exclude (mark)\nfrom marked\n"
    )


def known_before(decided: Decided) -> list:  # type: ignore[type-arg]
    """The decisions on columns that are known when a prediction is asked for, of which a key can be made."""
    whats = ("feature", "time", "group", "kept out", "private")
    return [
        each
        for each in decided.decisions
        if each.column.kind and each.what in whats and not each.known_after and each.column.name != decided.roles.target
    ]


def write_records(connection: duckdb.DuckDBPyConnection, decided: Decided, file: Path) -> int:
    """Write the rows that are none of those kept aside as a Parquet file, in the order of time; how many they are."""
    columns = [identifier(each.column.name) for each in decided.decisions if each.column.kind]
    key = ""
    if not decided.roles.key:
        parts = ", ".join(identifier(each.column.name) for each in known_before(decided))
        mark = f"left(md5(concat_ws('|', {parts})), 16)"
        key = f"{mark} || '-' || row_number() over (partition by {mark} order by line) as row_id, "
    order = f"{identifier(decided.roles.time)}, line" if decided.roles.time else "line"
    sql = f"select {key}{', '.join(columns)} from {TABLE} where aside is null order by {order}"
    connection.execute(f"create or replace table kept as {sql}")
    connection.execute(f"copy kept to {literal(str(file))} (format parquet)")
    return int(connection.execute("select count(*) from kept").fetchall()[0][0])
