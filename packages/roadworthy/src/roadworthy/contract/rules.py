"""Which rows of a table break the contract, and why; and what must hold of a table as a whole."""

import difflib
from dataclasses import dataclass
from datetime import date, datetime
from math import inf
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from ..base.databases import explain_sql_errors, to_frame
from ..base.errors import InputError
from ..base.settings import Limits
from .schema import Column, Contract, Table

SQL_TYPES = {
    "category": "VARCHAR",
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMPTZ",
    "date": "DATE",
}
# Weeks are judged in tables of at least so many whole ones: fewer say nothing about what is usual.
MIN_WEEKS = 4
# The share of the rows of a category or day that are lost: its column, its value, how many rows are lost, of how many.
Lost = tuple[float, str, Any, int, int]
NO_FAILURES = pd.DataFrame({"row": [], "check": [], "column": [], "reason": []})


@dataclass(frozen=True)
class Finding:
    """One check of one table: what was checked, whether it holds, how many rows it names, and the evidence."""

    table: str
    check: str
    passed: bool
    rows: int
    evidence: str


def read_file(connection: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    """A CSV or Parquet file as a relation, CSV values as text; InputError when it cannot be read."""
    if not path.is_file():
        raise InputError("no such file", where=path, hint="check the name; a CSV or Parquet file is expected")
    with explain_sql_errors("cannot be read", path, "a CSV file (.csv) with a header, or a Parquet file, is expected"):
        if path.suffix == ".csv":
            # DuckDB would guess types from the first rows: a later row would then fail where nobody catches it.
            return connection.read_csv(str(path), all_varchar=True, na_values=["", "NA"], header=True)
        return connection.read_parquet(str(path))


def require_columns(names: list[str], table: Table, where: str) -> None:
    """Raise InputError when a column is missing or unknown; it guesses which one was renamed."""
    missing = [name for name in table.names if name not in names]
    extra = [name for name in names if name not in table.names]
    if missing or extra:
        parts = [f"column {name!r} is missing" for name in missing] + [f"column {name!r} is unknown" for name in extra]
        near = {name: difflib.get_close_matches(name, extra, n=1, cutoff=0.5) for name in missing}
        renamed = [f"{matches[0]!r} may be {name!r} renamed" for name, matches in near.items() if matches]
        hint = "; ".join([*renamed, f"the contract of {table.name} is in contract.py"])
        raise InputError(", ".join(parts), where=where, hint=hint)


def typed_rows(connection: duckdb.DuckDBPyConnection, table: Table) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with the types of the contract and its row numbers as index; and the failures that SQL finds in it.

    What has another type is missing. Leaves the rows as the temporary table `typed` in the connection.
    """
    casts = ", ".join(f'try_cast("{c.name}" as {SQL_TYPES[c.kind]}) as "{c.name}"' for c in table.columns)
    connection.execute(f"create or replace temp table typed as select row, {casts} from ({numbered_query(table.name)})")
    failures = " union all ".join([*_wrong_types(connection, table), *_broken_rules(table)])
    typed = to_frame(connection.sql("select * from typed order by row")).set_index("row")
    return typed, to_frame(connection.sql(failures)) if failures else NO_FAILURES


def numbered_query(name: str) -> str:
    """The query that adds the number of each row of a table, from 1 and in its order."""
    # No order is named: DuckDB keeps that of the file, and a person who looks for row 17 counts there.
    return f"select row_number() over () as row, * from {name}"


def row_failures(typed: pd.DataFrame, failures: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Every failure of every row, from what `typed_rows` gives: types, then values, then rules."""
    of_type = failures["check"] == "type"
    frames = [failures[of_type], _wrong_values(typed, table), failures[~of_type]]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def pandera_schema(table: Table) -> pa.DataFrameSchema:
    """The contract of one table as a pandera schema: ranges, allowed values, patterns, missing values, the key."""
    columns = {c.name: pa.Column(None, _column_checks(c), nullable=c.nullable) for c in table.columns}
    return pa.DataFrameSchema(columns, unique=list(table.key))


def _column_checks(column: Column) -> list[pa.Check]:
    checks = []
    low, high = (-inf if column.low is None else column.low), (inf if column.high is None else column.high)
    if (low, high) != (-inf, inf):
        checks.append(pa.Check.in_range(low, high, error=f"not in {low:g} to {high:g}"))
    if column.allowed:
        checks.append(pa.Check.isin(column.allowed, error=f"not one of {', '.join(column.allowed)}"))
    if column.pattern:
        checks.append(pa.Check.str_matches(column.pattern, error=f"does not match {column.pattern}"))
    return checks


def _wrong_values(typed: pd.DataFrame, table: Table) -> pd.DataFrame:
    try:
        pandera_schema(table).validate(typed, lazy=True)
    except SchemaErrors as errors:
        return _failures(errors.failure_cases, table)
    return NO_FAILURES


def _failures(cases: pd.DataFrame, table: Table) -> pd.DataFrame:
    check = cases["check"].astype("str")
    doubled = check.str.startswith("multiple_fields_uniqueness") | (check == "field_uniqueness")
    check = check.mask(doubled, "is doubled").replace("not_nullable", "is missing")
    column = cases["column"].astype("str").mask(doubled, f"key ({', '.join(table.key)})")
    # A reason is shown in reports and messages: a private value is not named in it.
    private = column.isin([each.name for each in table.columns if each.private])
    shown = cases["failure_case"].map(lambda v: "" if pd.isna(v) else f"{v} ").astype("str")
    value = shown.mask(doubled | private, "")
    reason = column + ": " + value + check
    failures = pd.DataFrame({"row": cases["index"], "check": check, "column": column, "reason": reason})
    return failures.drop_duplicates(["row", "column", "check"])


def _wrong_types(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    relation = connection.table(table.name)
    text = {name for name, kind in zip(relation.columns, relation.types, strict=True) if str(kind) == "VARCHAR"}
    return [
        f"select row, 'type' as \"check\", '{c.name}' as \"column\", "
        f"'{c.name}: ' || \"{c.name}\" || ' is not of type {c.kind}' as reason from ({numbered_query(table.name)}) "
        f'where "{c.name}" is not null and try_cast("{c.name}" as {SQL_TYPES[c.kind]}) is null'
        for c in table.columns
        if c.name in text and SQL_TYPES[c.kind] != "VARCHAR"
    ]


def _broken_rules(table: Table) -> list[str]:
    # A rule over a missing value is not broken: that the value is missing is said elsewhere.
    return [
        f"select row, 'rule {rule.name}' as \"check\", '' as \"column\", 'rule {rule.name}: {rule.about}: not so' as "
        f"reason from typed where not coalesce(({rule.holds}), true)"
        for rule in table.rules
    ]


def table_findings(connection: duckdb.DuckDBPyConnection, table: Table, limits: Limits) -> list[Finding]:
    """The laws and the weeks of a table, whose rows stand in `typed` with the types of the contract."""
    findings = _laws(connection, table)
    if table.time and _whole_weeks(connection, table) >= MIN_WEEKS:
        findings += [*_weeks(connection, table, limits), _longest_gap(connection, table, limits)]
    return findings


def _laws(connection: duckdb.DuckDBPyConnection, table: Table) -> list[Finding]:
    if not table.laws:
        return []
    figures = connection.execute(f"select {', '.join(law.figure for law in table.laws)} from typed").fetchall()[0]
    findings = []
    for law, figure in zip(table.laws, figures, strict=True):
        # Without a value there is nothing to break; that values are missing is said elsewhere.
        passed = figure is None or law.low <= figure <= law.high
        shown = "none" if figure is None else f"{figure:.3g}"
        evidence = f"{law.about}: {shown}, normal {law.low:g} to {law.high:g}"
        findings.append(Finding(table.name, f"law {law.name}", passed, 0, evidence))
    return findings


def _whole_weeks(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Make `weeks`, the rows of whole weeks with the number of their `day_number`; how many weeks there are."""
    # By the second: a cast to a date asks for the time zone of every row and takes five times as long.
    day = f'floor(epoch("{table.time}") / 86400)::integer'
    first, last = connection.execute(f"select min({day}), max({day}) from typed").fetchall()[0]
    count = (last - first + 1) // 7 if first is not None else 0
    inside = f"where day_number < {7 * count}"
    numbered = f"select *, {day} - {first or 0} as day_number from typed"
    connection.execute(f"create or replace temp view weeks as select * from ({numbered}) {inside}")
    return int(count)


def _weeks(connection: duckdb.DuckDBPyConnection, table: Table, limits: Limits) -> list[Finding]:
    columns = [column for column in table.columns if column.nullable]
    shares = "".join(f', avg(("{column.name}" is null)::integer)' for column in columns)
    figures = f'min("{table.time}")::date, count(*){shares}'
    weeks = connection.execute(f"select {figures} from weeks group by day_number // 7 order by 1").fetchall()
    most = {column.name: limits.null_times * column.max_null + limits.null_more for column in columns}
    missing = [
        (week[i], most[column.name], column.name, week[0])
        for week in weeks
        for i, column in enumerate(columns, start=2)
    ]
    thin = _thin_week(table, [(week[0], week[1]) for week in weeks], limits.min_week_rows)
    return [thin, _lacking_week(table, *max(missing, key=_used_up))] if missing else [thin]


def _used_up(lacking: tuple[float, float, str, date]) -> float:
    """How much of its limit a week has used up; a limit of 0 is used up by any value that is missing."""
    share, most, *_ = lacking
    return share / most if most else float(share > 0) * inf


def _thin_week(table: Table, weeks: list[tuple[date, int]], least: float) -> Finding:
    usual = sorted(count for _, count in weeks)[len(weeks) // 2]
    first, fewest = min(weeks, key=lambda week: week[1])
    evidence = f"{fewest:,} rows in the week of {first}, {usual:,} in the median week, at least {least:.0%} of it"
    return Finding(table.name, "no week is thin", fewest >= least * usual, 0, evidence)


def _lacking_week(table: Table, share: float, most: float, name: str, week: date) -> Finding:
    evidence = f"{name}: {share:.0%} missing in the week of {week}, at most {most:.0%} is normal"
    return Finding(table.name, "no week lacks values", share <= most, 0, evidence)


def _longest_gap(connection: duckdb.DuckDBPyConnection, table: Table, limits: Limits) -> Finding:
    """The longest time without a row of any category that is frequent otherwise."""
    names = [column.name for column in table.columns if column.kind == "category"]
    gaps = [gap for name in names for gap in connection.execute(_gap_query(table, name, limits.often)).fetchall()]
    # Of a place and all that happened only there, the place: it has more rows.
    most = limits.max_gap
    if not gaps:
        evidence = f"none is frequent: at least {limits.often} rows a week"
        return Finding(table.name, "no category disappears", passed=True, rows=0, evidence=evidence)
    days, _, what, since = max(gaps)
    evidence = f"{what}: no row for {days} days from {since} on, at most {most} are normal for what is frequent"
    return Finding(table.name, "no category disappears", days <= most, 0, evidence)


def _gap_query(table: Table, name: str, often: int) -> str:
    """SQL: the longest gap between the days of each frequent category, the first and last day of the table included."""
    return f"""
        with counts as (select "{name}" as c, day_number as d, count(*) as n from weeks group by all),
        ends as (select min(d) - 1 as first, max(d) + 1 as last, max(d) // 7 + 1 as weeks from counts),
        frequent as (select c, sum(n) as n from counts where c is not null group by c
            having sum(n) >= {often} * (select weeks from ends)),
        days as (select c, d from counts semi join frequent using (c)
            union all select c, unnest([first, last]) from frequent, ends),
        gaps as (select c, d, d - lag(d) over (partition by c order by d) - 1 as gap from days)
        select gap, n, '{name} ' || c, (select min("{table.time}")::date from weeks) + (d - gap)
        from gaps join frequent using (c) where gap > 0 order by gap desc, n desc limit 1
    """


def lost_parts(table: Table, rows: pd.DataFrame, lost: pd.Index, limits: Limits) -> list[Finding]:
    """No frequent category and no day may have too large a share of its rows in quarantine (`lost`, of the index).

    Few rows of the table, and all of one place: nothing else says that these are gone.
    """
    weeks = (rows[table.time].max() - rows[table.time].min()).days // 7 if table.time else 0
    if weeks < MIN_WEEKS:
        return []
    parts = {c.name: (rows[c.name], limits.often * weeks) for c in table.columns if c.kind == "category"}
    parts["day"] = (rows[table.time].dt.floor("D"), limits.often)
    shares = [part for name, (values, often) in parts.items() for part in _lost_shares(name, values, lost, often)]
    most = limits.max_lost
    share, name, value, gone, count = max(shares, default=(0.0, "any", "day", 0, len(rows)))
    # Only one day becomes a text: all of them would cost as much as the checks of a table.
    what = f"{name} {value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else f"{name} {value}"
    evidence = f"{what}: {gone:,} of {count:,} rows in quarantine, at most {most:.0%} of a day or what is frequent"
    return [Finding(table.name, "no part is in quarantine", share <= most, gone, evidence)]


def _lost_shares(name: str, values: "pd.Series[Any]", lost: pd.Index, often: int) -> list[Lost]:
    counts, gone = values.value_counts(), values.loc[lost].value_counts()
    frequent = [value for value in gone.index if counts[value] >= often]
    return [(gone[v] / counts[v], name, v, int(gone[v]), int(counts[v])) for v in frequent]


def same_period(connection: duckdb.DuckDBPyConnection, contract: Contract, max_apart: float) -> list[Finding]:
    """All tables with a time begin and end within a few days: a stale one would silently be joined to nothing."""
    parts = [
        f"select '{table.name}' as name, {_moment('min', table.time)}, {_moment('max', table.time)} from {table.name}"
        for table in contract.tables
        if table.time
    ]
    # Without a time in one of them there is nothing to compare; the check of that table says so.
    asked = connection.execute(" union all ".join(parts)).fetchall() if parts else []
    spans = [span for span in asked if None not in span]
    if len(spans) < 2:
        return []
    firsts, lasts = [(name, first) for name, first, _ in spans], [(name, last) for name, _, last in spans]
    return [_distance("begin", firsts, max_apart), _distance("end", lasts, max_apart)]


def _moment(end: str, name: str) -> str:
    # By way of a text: of a column that is no time, some types have no cast to one.
    return f'try_cast({end}("{name}")::varchar as timestamp)'


def _distance(what: str, times: list[tuple[str, datetime]], most: float) -> Finding:
    early, late = min(times, key=lambda each: each[1]), max(times, key=lambda each: each[1])
    days = (late[1] - early[1]).total_seconds() / 86400
    spans = f"{early[0]} {what}s on {early[1]:%Y-%m-%d}, {late[0]} on {late[1]:%Y-%m-%d}"
    evidence = f"{spans}, at most {most:g} days apart"
    return Finding(early[0], f"tables {what} together", days <= most, 0, evidence)
