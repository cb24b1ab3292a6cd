"""How much the contract expects: which columns it describes, how close to the data, and which bad values it refuses.

A schema can be there and expect nothing: a bound of 1e9, a pattern that was removed, a column that may be missing
everywhere. So bad values are planted in every column of every table, and the checks must refuse each of them.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from ..base import databases
from ..base.errors import ProjectError
from ..base.settings import Settings
from ..bundle.bundle import Bundle
from ..bundle.signature import Feature
from ..contract import rules
from ..contract.schema import NUMBERS, TEXTS, Column, Contract, Table
from ..contract.workspace import Workspace
from ..data import snapshots
from ..serving.request import BadRequestError, RequestReader
from .bench import Bench

NO_TEXT = "<{@;|~}>"  # no name, code or time of any kind
NO_VALUE = "?"  # of no type but text
PART = 20  # of the other snapshots' largest table: every 20th hour says how often a value is missing
GOOD = 100  # rows into which bad values are planted; more than a table has columns
KEYS = ["table", "column"]
Planted = tuple[str, str | None]
STRANGE = ("?", "~!~", "0", "a", "-1.5")  # texts of which one breaks most patterns


@dataclass(frozen=True)
class Expectations:
    """What the contract says of each column, beside what the data say.

    columns: table, column, kind, low, high, rule (a closed set or a pattern), max_null; seen_low, seen_high and nulls
    (the largest share in any snapshot) as they are. accepted: planted values that were not refused, of `planted`.
    unknown: columns that the data or the model have and the contract has not. absent: the other way round.
    """

    columns: pd.DataFrame
    accepted: tuple[str, ...]
    planted: int
    unknown: tuple[str, ...]
    absent: tuple[str, ...]


def measure_expectations(bench: Bench) -> Expectations:
    """Hold the contract against the snapshot of the settings; shares of missing values against all snapshots."""
    known, made = bench.contract.features.names, bench.frame.columns
    unknown = tuple(dict.fromkeys(name for name in (*made, *bench.spec.features) if name not in known))
    absent = tuple(name for name in known if name not in made)
    seen = [_column_table(table, *_seen_in_table(bench.connection, table)) for table in bench.contract.tables]
    good = {
        table: databases.ask(bench.connection, f"select * from {table.name} limit {GOOD}")
        for table in bench.contract.tables
    }
    if not absent:
        seen.append(_column_table(bench.contract.features, *_seen_in_frame(bench.frame, bench.contract.features)))
        good[bench.contract.features] = bench.frame.head(GOOD)
    planted = _plant_all(good)
    accepted = tuple(label for label, refused in planted.items() if not refused)
    return Expectations(
        _with_nulls(seen, _other_nulls(bench.project, bench.config)), accepted, len(planted), unknown, absent
    )


def plant_bad_values(good: pd.DataFrame, table: Table, columns: Sequence[Column]) -> dict[str, bool]:
    """Put each bad value of some columns into a good row of their table: whether the row checks refused it, by name."""
    faults = [(column, *fault) for column in columns for fault in bad_values(column)]
    rows, refused_by_name = _as_text(good, table), {}
    for start in range(0, len(faults), len(rows)):
        part = faults[start : start + len(rows)]
        damaged = rows.head(len(part)).copy()
        for i, (column, _, value) in enumerate(part):
            damaged.loc[i, column.name] = value
        refused = _refused(damaged, table)
        for i, (column, what, _) in enumerate(part, start=1):
            refused_by_name[f"{table.name}.{column.name}: {what}"] = (i, column.name) in refused
    return refused_by_name


def bad_values(column: Column) -> Iterator[Planted]:
    """Values that a column with expectations refuses, as text, each after a word for what is wrong."""
    if not column.nullable:
        yield "missing", None
    if column.kind in NUMBERS:
        yield "too small", _beyond(column.low, -1)
        yield "too large", _beyond(column.high, 1)
    if column.kind in TEXTS:
        yield "any text", NO_TEXT
    else:
        yield f"no {column.kind}", NO_VALUE


def _plant_all(good: dict[Table, pd.DataFrame]) -> dict[str, bool]:
    """Plant in every table; a column that stands in several tables (the same object of the contract) in the first."""
    done: set[Column] = set()
    refused: dict[str, bool] = {}
    for table, rows in good.items():
        refused |= plant_bad_values(rows, table, [column for column in table.columns if column not in done])
        done |= set(table.columns)
    return refused


def _beyond(bound: float | None, sign: int) -> str:
    """Just outside a bound; far out where there is none, which nothing refuses then."""
    return f"{sign * 10**12}" if bound is None else f"{bound + sign:.15g}"


def _as_text(good: pd.DataFrame, table: Table) -> pd.DataFrame:
    casts = (f'cast(cast("{c.name}" as {rules.SQL_TYPES[c.kind]}) as varchar) as "{c.name}"' for c in table.columns)
    with databases.empty_duckdb() as connection:
        connection.register("good", good)
        return databases.ask(connection, f"select {', '.join(casts)} from good")


def _refused(rows: pd.DataFrame, table: Table) -> set[tuple[int, str]]:
    """The places (row from 1, column) that the contract's own schema refuses: its checks, column by column.

    The whole validation would write a report on each of hundreds of values, which takes seconds.
    """
    with databases.empty_duckdb() as connection:
        connection.register(table.name, rows)
        typed, _ = rules.typed_rows(connection, table)
    refused = set()
    for name, expected in rules.pandera_schema(table).columns.items():
        values, has_text = typed[name], rows[name].notna().to_numpy()
        wrong = values.isna() & (has_text | (not expected.nullable))
        for check in expected.checks:
            wrong |= ~check(values.dropna()).check_output.reindex(values.index, fill_value=True)
        refused |= {(row, name) for row in values.index[wrong]}
    return refused


def _seen_in_table(connection: duckdb.DuckDBPyConnection, table: Table) -> tuple[pd.DataFrame, pd.Series]:
    parts = [f"""select '{c.name}' as "column", {_limits(c)} from {table.name}""" for c in table.columns]
    seen = databases.ask(connection, " union all ".join(parts)).set_index("column")
    return seen[["seen_low", "seen_high"]], seen["nulls"]


def _limits(column: Column) -> str:
    limits = [f'{f}("{column.name}")::double' if column.kind in NUMBERS else "null::double" for f in ("min", "max")]
    return f'{limits[0]} as seen_low, {limits[1]} as seen_high, 1 - count("{column.name}") / count(*) as nulls'


def _seen_in_frame(frame: pd.DataFrame, table: Table) -> tuple[pd.DataFrame, pd.Series]:
    numbers = frame[[column.name for column in table.columns if column.kind in NUMBERS]]
    return pd.DataFrame({"seen_low": numbers.min(), "seen_high": numbers.max()}), frame[table.names].isna().mean()


def _column_table(table: Table, limits: pd.DataFrame, nulls: pd.Series) -> pd.DataFrame:
    expected = pd.DataFrame(
        [
            {"column": c.name, "kind": c.kind, "low": c.low, "high": c.high, "max_null": c.max_null}
            | {"table": table.name, "rule": ", ".join(c.allowed) or c.pattern}
            for c in table.columns
        ]
    )
    return expected.join(limits, on="column").join(nulls.rename("nulls"), on="column")


def _other_nulls(project: Workspace, config: Settings) -> Iterator[pd.DataFrame]:
    """Shares of missing values in the snapshots that are not under judgement; those that cannot be read say nothing."""
    for name, snapshot in config.data.snapshots.items():
        if name == config.data.snapshot:
            continue  # it is judged itself
        with suppress(ProjectError, duckdb.Error):
            connection = snapshots.open_snapshot(project, snapshot)
            _thin_events(project.contract, connection)
            for table in project.contract.tables:
                yield _nulls(connection, table, table.name)
            table, made = project.contract.features, snapshots.make_features(project, connection)
            yield pd.DataFrame({"table": table.name, "column": table.names, "nulls": made[table.names].isna().mean()})


def _nulls(connection: duckdb.DuckDBPyConnection, table: Table, source: str) -> pd.DataFrame:
    shares = ", ".join(f'1 - count("{name}") / count(*)' for name in table.names)
    nulls = connection.execute(f"select {shares} from {source}").fetchall()[0]
    return pd.DataFrame({"table": table.name, "column": table.names, "nulls": nulls})


def _thin_events(contract: Contract, connection: duckdb.DuckDBPyConnection) -> None:
    """Keep every 20th hour of the largest table of events, whole, so that what is counted within an hour stays."""
    if not any(table.time for table in contract.tables):
        return
    table = event_table(contract, connection)
    part = f'select * from {table.name} where hash("{table.time}") % {PART} = 0'
    connection.execute(f"create temp table part as {part}")
    connection.execute(f"create or replace view {table.name} as select * from part")


def event_table(contract: Contract, connection: duckdb.DuckDBPyConnection) -> Table:
    """The largest table with a time: that of the events for which features are made."""
    return max((table for table in contract.tables if table.time), key=lambda table: count_rows(connection, table.name))


def count_rows(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    """The rows of a table, or of a query in brackets."""
    return int(connection.execute(f"select count(*) from {source}").fetchall()[0][0])


def _with_nulls(seen: list[pd.DataFrame], others: Iterator[pd.DataFrame]) -> pd.DataFrame:
    columns = pd.concat(seen, ignore_index=True)
    largest = pd.concat([columns[[*KEYS, "nulls"]], *others]).groupby(KEYS)["nulls"].max()
    return columns.drop(columns="nulls").join(largest, on=KEYS)


@dataclass(frozen=True)
class Refusals:
    """How many forbidden values were sent, 0 when no row is known that the version takes; and which it took."""

    tried: int
    taken: tuple[str, ...] = ()


def measure_refusals(contract: Contract, bundle: Bundle) -> Refusals:
    """Put each value that the contract forbids now into the first golden row that a request may hold.

    The signature of a version has the rules of the contract at its training, which may have allowed it.
    """
    reader = RequestReader(bundle.signature, 1)
    sound = next((each["features"] for each in bundle.golden if takes_row(reader, each["features"])), None)
    if sound is None:
        return Refusals(0)
    both = [(bundle.signature.by_name.get(column.name), column) for column in contract.features.columns]
    planted = [
        (column.name, value) for feature, column in both if feature for value in forbidden_values(column, feature)
    ]
    taken = [f"{name} {json.dumps(value)}" for name, value in planted if takes_row(reader, {**sound, name: value})]
    return Refusals(len(planted), tuple(taken))


def forbidden_values(column: Column, feature: Feature) -> Iterator[Any]:
    """Values that break a rule of a column, those that its feature names among them."""
    if not column.nullable:
        yield None
    if column.kind == "category":
        yield from [text for text in STRANGE if not _fits(column, text)][:1]
        yield from [text for text in dict.fromkeys([*feature.allowed, *feature.categories]) if not _fits(column, text)]
        return
    if column.low is not None:
        yield column.low - max(1, abs(column.low) / 1000)
    if column.high is not None:
        yield column.high + max(1, abs(column.high) / 1000)
    if column.kind == "integer":
        yield math.floor(column.low or 0) + 0.5


def _fits(column: Column, text: str) -> bool:
    return text in column.allowed if column.allowed else re.search(column.pattern, text) is not None


def takes_row(reader: RequestReader, row: Mapping[str, Any]) -> bool:
    """Whether a row is read as a request, and not refused."""
    try:
        reader.read(json.dumps(row).encode())
    except BadRequestError:
        return False
    return True
