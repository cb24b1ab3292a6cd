"""Make features from raw tables that are no snapshot: new rows, mostly, of which nobody knows yet how they end.

They are held against the contract like a snapshot, but for what it says of values that are known only afterwards and,
of a table with fewer rows than it asks of a snapshot, for what it says of shares and weeks.
"""

import difflib
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from ..base import databases
from ..base.databases import explain_sql_errors
from ..base.errors import InputError
from ..base.files import write_atomic
from ..contract import checks, rules
from ..contract.schema import Table
from . import snapshots
from .delimited import identifier
from .deliveries import read_delivery
from .tables import SUFFIXES, check_suffix

if TYPE_CHECKING:
    from ..base.settings import Snapshot
    from ..contract.workspace import Workspace

Tell = Callable[[str], None]
NAME = re.compile(r"\w+")
TYPES = "features.sql and repairs want the types that a snapshot has; write the tables as Parquet with these"


def write_features(
    project: "Workspace", source: Path, target: Path, snapshot: str = "", *, tell: Tell, place: Path | None = None
) -> dict[str, Any]:
    """Make features of the raw tables in `source` and write them as a whole to `target`, Parquet or CSV; their counts.

    `source` is a folder with a file for each table of the contract, or that of its only table. What is known only
    afterwards may be left out. Repairs and sources are those of a `snapshot`, the default one without a name. `tell`
    hears what is done, and where quarantine and page are. The features go to `place` if `target` is for their scores.
    Raises InputError for what cannot be read or written, RedError for tables that do not keep the contract.
    """
    check_suffix(target)
    if target.is_dir() or target.resolve().is_relative_to(source.resolve()):
        what = "is a folder" if target.is_dir() else "would be mixed with the raw tables"
        raise InputError(what, where=target, hint="give the name of a file in another place")
    connection, report = check_raw_tables(project, source, snapshot, tell, new_rows=True)
    name = source.resolve().stem
    tell(checks.write_report(project.contract, report, project.settings.paths.reports / "data" / name, name))
    checks.require_passed(report, where=source)
    checks.exclude_quarantined(connection, report)
    with explain_sql_errors("cannot be used", source, TYPES):
        frame = snapshots.make_features(project, connection)
    file = place or target
    write_atomic(file, frame.to_csv(index=False) if file.suffix == ".csv" else frame.to_parquet(index=False))
    lost = {name: len(rows) for name, rows in report.quarantine.items()}
    tell(f"{len(frame):,} rows of features made from {len(lost)} tables, {sum(lost.values()):,} rows in quarantine")
    return {"rows": len(frame), "tables": report.rows, "quarantined": lost}


def check_raw_tables(
    project: "Workspace", source: Path, snapshot: str, tell: Tell, *, new_rows: bool
) -> tuple[duckdb.DuckDBPyConnection, checks.Report]:
    """The opened tables and the report on them, with `new_rows` on what holds of such; else as for `write_features`."""
    limit, every = project.settings.data.checks.max_quarantined, project.contract.tables
    limits = project.settings.limits
    connection, report = databases.empty_duckdb(), checks.Report()
    with explain_sql_errors("cannot be used", source, TYPES):
        for number, table in enumerate(every, start=1):
            tell(f"table {number} of {len(every)}: {table.name}")
            came = _open(project, connection, table, source, project.settings.snapshot(snapshot), new_rows=new_rows)
            names = [name for name in table.names if name in came.columns]
            rows, *counts = came.aggregate(", ".join(["count(*)", *(f'count("{n}")' for n in names)])).fetchall()[0]
            empty = {name for name, count in zip(names, counts, strict=True) if not count}
            few = new_rows and rows < table.min_rows
            expected = _expected_of_new_rows(table, empty, few=few) if new_rows else table
            # Of few rows, one is a large share; but of no part of a table more than `max_lost` may be lost.
            most, where = limits.max_lost if few else limit, f"{table.name} of {source}"
            checks.check_table(connection, expected, report, max_quarantined=most, where=where, limits=limits)
            came.select(_casts("try_cast", came, table, empty)).create_view(table.name, replace=True)
        report.findings += [checks.check_reference(connection, t, each) for t in every for each in t.references]
        checks.check_together(project, connection, report)
    if new_rows:
        # Rows of the past may come along, from which features are made; the others must cover those of the first table.
        first, found = every[0].name, report.findings
        report.findings = [each for each in found if each.table == first or each.check != "tables begin together"]
    return connection, report


def _open(
    project: "Workspace", connection: Any, table: Table, source: Path, snapshot: "Snapshot", *, new_rows: bool
) -> Any:
    """Make the view of a table, repaired, with empty columns for what new rows need not have; what it shows."""
    came = _read(project, connection, table, source, snapshot.source.get(table.name))
    unknown = [c for c in table.columns if new_rows and c.known == "after" and c.name not in came.columns]
    came = came.select(", ".join(["*", *(f'null::{rules.SQL_TYPES[c.kind]} as "{c.name}"' for c in unknown)]))
    if table.name in snapshot.repair:
        # A repair computes with the values before they are checked: one of another type ends it.
        came = came.select(_casts("cast", came, table)).query(table.name, project.sql(snapshot.repair[table.name]))
    came.create_view(table.name)
    return came


def _read(project: "Workspace", connection: Any, table: Table, source: Path, given: str | None) -> Any:
    """A table as a relation: its Parquet file, else what the source `given` gives, else its CSV file."""
    names, single = [each.name for each in project.contract.tables], source.is_file()
    files = [source] if single else [source / f"{table.name}{suffix}" for suffix in SUFFIXES]
    there, hint = [file for file in files if file.is_file()], "a folder has one file (.parquet or .csv) for each of "
    if len(there) > 1 or (single and len(names) > 1):
        what = f"is one file, of {len(names)} tables" if single else f"holds the table {table.name} twice"
        raise InputError(what, where=source, hint=hint + ", ".join(names))
    if single and (given_sql := read_sql(project, table)):
        came = _delivered(connection, table, source, given_sql)
        if came is not None:
            return came
    # A source may read a CSV file of the folder itself, which has another form then.
    if given and not any(file.suffix == ".parquet" for file in there):
        return connection.from_arrow(snapshots.given_table(project, table, source, given))
    if not there:
        what = f"holds no table {table.name}" if source.is_dir() else "no such file or folder"
        raise InputError(what, where=source, hint=hint + ", ".join(names))
    # As a table: DuckDB would leave casts to its reader of CSV, which ends at a value that does not fit.
    rules.read_file(connection, there[0]).create(f"{table.name} as it came")
    return connection.table(f"{table.name} as it came")


def read_sql(project: "Workspace", table: Table) -> str:
    """The SQL of the project that makes a table of a delivered file; "" where it has none."""
    file = project.definition.sql / f"read_{table.name}.sql"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _delivered(connection: Any, table: Table, source: Path, sql: str) -> Any:
    """A delivered file as the project's SQL reads it; None if it is a table of the contract already.

    What is known only afterwards may be absent.
    """
    raw = f"{table.name} as it was delivered"
    delivery = read_delivery(connection, [source], raw)
    there = set(delivery.columns)
    if {column.name for column in table.columns if column.known == "before"} <= there:
        connection.execute(f'drop table "{raw}"')
        return None
    needed = [c for c in table.columns if c.known == "before" and identifier(c.spelled or c.name) in sql]
    if missing := [c.spelled or c.name for c in needed if (c.spelled or c.name) not in there]:
        near = {name: difflib.get_close_matches(name, delivery.columns, n=1) for name in missing}
        guesses = [f"{found[0]!r} may be {name!r} renamed" for name, found in near.items() if found]
        hint = "; ".join([*guesses, "compare the file with the contract: roadworthy adopt --again FILE"])
        raise InputError(f"columns are missing: {', '.join(missing)}", where=source, hint=hint)
    absent = [c.spelled or c.name for c in table.columns if c.known == "after" and (c.spelled or c.name) not in there]
    nothing = "".join(f", null::varchar as {identifier(name)}" for name in absent)
    connection.execute(f'create or replace temp view delivery as select *{nothing} from "{raw}"')
    connection.execute(f'create table "{table.name} as it came" as {sql}')
    return connection.table(f"{table.name} as it came")


def _expected_of_new_rows(table: Table, empty: set[str], *, few: bool) -> Table:
    """The contract of a table without what it says of unknown values and, of few rows, without shares and weeks."""
    after = {column.name for column in table.columns if column.known == "after"}
    free = after | {column.name for column in table.columns if few and column.nullable}
    kept = replace(
        table,
        columns=tuple(replace(column, max_null=1.0) if column.name in free else column for column in table.columns),
        rules=tuple(rule for rule in table.rules if not (after & empty).intersection(NAME.findall(rule.holds))),
        laws=tuple(law for law in table.laws if not few and not after.intersection(NAME.findall(law.figure))),
    )
    return replace(kept, min_rows=1, time="") if few else kept


def _casts(function: str, came: Any, table: Table, empty: Collection[str] = ()) -> str:
    """SQL: all columns; what came as text, or without any value, has the type of the contract."""
    kinds = {c.name: rules.SQL_TYPES[c.kind] for c in table.columns}
    came_as = zip(came.columns, map(str, came.types), strict=True)
    other = [n for n, kind in came_as if n in empty or (kind == "VARCHAR" and kinds.get(n, kind) != kind)]
    casts = ", ".join(f'{function}("{name}" as {kinds[name]}) as "{name}"' for name in other)
    return f"* replace ({casts})" if casts else "*"
