"""Read a snapshot: verify its sums, open its tables in DuckDB, make the features, split in time."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import duckdb
import pandas as pd

from . import database
from .errors import InputError
from .files import sha256
from .files import write_atomic
from .schema import Contract

if TYPE_CHECKING:
    from .project import Project

SUMS = "SHA256SUMS"
Period = tuple[date, date]


@dataclass(frozen=True)
class Split:
    """Labelled rows of two periods: training ends before the test begins.

    half_life: days after which a training row weighs half as much; 0: all of them weigh the same.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    half_life: int = 0


def sums(folder: Path) -> dict[str, str]:
    """The recorded SHA-256 sum of each file of a snapshot; InputError when there is no record."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        hint = "restore the file, or record the sums of new data with the command `seal`"
        raise InputError("no such file", where=folder / SUMS, hint=hint) from error
    return {name: total for total, name in (line.split() for line in lines)}


def seal(folder: Path) -> Path:
    """Record the sums of the Parquet files in `folder`: from now on, a change of them is noticed."""
    tables = sorted(folder.glob("*.parquet"))
    if not tables:
        raise InputError("holds no Parquet file", where=folder, hint="put the tables there first")
    return write_atomic(folder / SUMS, "".join(f"{sha256(table)}  {table.name}\n" for table in tables))


def verify(contract: Contract, folder: Path) -> dict[str, str]:
    """The sums of a snapshot, after each file was compared with its own; InputError names the file that differs."""
    recorded = sums(folder)
    for table in contract.tables:
        file = folder / f"{table.name}.parquet"
        if not file.is_file():
            raise InputError("no such file", where=file, hint="restore it from version control")
        if sha256(file) != recorded.get(file.name):
            hint = "restore it from version control; or, if the change is meant, record it with the command `seal`"
            raise InputError(f"its SHA-256 sum is not the one in {SUMS}: the file was changed", where=file, hint=hint)
    return recorded


def connect(project: "Project", folder: Path, repair: Mapping[str, str] | None = None) -> duckdb.DuckDBPyConnection:
    """Verify a snapshot and open it: one view per table of the contract, in UTC.

    `repair` maps a table to the SQL file of the project that reads it as it should have been written. Raises
    InputError for a file that is missing, was changed or is no Parquet.
    """
    verify(project.contract, folder)
    connection = database.empty()
    for table in project.contract.tables:
        file = str(folder / f"{table.name}.parquet")
        source = _open(connection, file)
        if table.name in (repair or {}):
            source = source.query(table.name, project.sql((repair or {})[table.name]))
        source.create_view(table.name)
    return connection


def features(
    project: "Project", connection: duckdb.DuckDBPyConnection, where: str = "true", **parameters: object
) -> pd.DataFrame:
    """One row per entity with its features and its label, in the order of the prediction time.

    Made by features.sql, then by the feature steps of the project in Python. `where` (SQL over the features, with
    `$name` for a parameter) leaves rows out. Numbers that may be missing are float64 with NaN; the label is float64 0,
    1 or NaN (not known).
    """
    made = connection.sql(f"select * from ({project.sql('features.sql')}) where {where}", params=parameters or None)
    booleans = {column.name for column in project.contract.features.columns if column.kind == "boolean"}
    flags = [f'"{name}"::DOUBLE as "{name}"' for name in made.columns if name in booleans]
    return with_steps(project, to_frame(made.select(f"* replace ({', '.join(flags)})") if flags else made))


def with_steps(project: "Project", frame: pd.DataFrame) -> pd.DataFrame:
    """What features.sql gives, and the columns that the project's feature steps add to it in Python.

    InputError when a step loses or doubles rows.
    """
    for name, step in project.definition.extensions("feature_steps").items():
        rows, frame = len(frame), step(frame)
        if len(frame) != rows:
            hint = "a step adds columns to the rows that features.sql gives, and keeps all of them"
            raise InputError(f"makes {len(frame):,} rows of {rows:,}", where=f"feature step {name!r}", hint=hint)
    return frame


def ask(connection: duckdb.DuckDBPyConnection, sql: str, **parameters: object) -> pd.DataFrame:
    """The answer to an SQL query as a table; `$name` in it stands for a parameter, which is never read as SQL."""
    return to_frame(connection.sql(sql, params=parameters or None))


def to_frame(relation: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """A relation as a table: text as str, whole numbers with missing values as float64, dates and times as datetime64.

    By way of Arrow: DuckDB's own `df()` still calls what pandas 3.1 deprecates.
    """
    table: pd.DataFrame = relation.to_arrow_table().to_pandas(date_as_object=False)
    return table


def records(frame: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a table as a client writes them into JSON: plain values by name, None for what is missing."""
    plain = frame[list(names)].astype(object)
    return [dict(zip(plain.columns, row, strict=True)) for row in plain.where(plain.notna(), None).to_numpy().tolist()]


def labelled(contract: Contract, frame: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The rows of a period (its end not included) whose label is known; InputError when there are none."""
    day = frame[contract.day]
    start, end = (pd.Timestamp(limit) for limit in period)
    rows = frame[(day >= start) & (day < end) & frame[contract.target].notna()]
    if rows.empty:
        hint = f"the data run from {day.min():%Y-%m-%d} to {day.max():%Y-%m-%d}" if len(frame) else "the table is empty"
        raise InputError(f"no labelled rows from {start:%Y-%m-%d} to {end:%Y-%m-%d}", where="[split]", hint=hint)
    return rows


def split(contract: Contract, frame: pd.DataFrame, train: Period, test: Period, every: int = 1) -> Split:
    """Two periods of labelled rows, every n-th of them; InputError when the test begins before training ends."""
    if test[0] < train[1]:
        hint = "a test on days that training has seen says nothing about the next months"
        what = f"the test begins on {test[0]}, before training ends on {train[1]}"
        raise InputError(what, where="[split]", hint=hint)
    return Split(labelled(contract, frame, train).iloc[::every], labelled(contract, frame, test).iloc[::every])


def thinned(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """About `count` rows: every n-th one, so that all days stay; a model learns more from days than from rows."""
    return rows.iloc[:: max(1, round(len(rows) / count))]


def _open(connection: duckdb.DuckDBPyConnection, file: str) -> Any:
    try:
        return connection.sql(f"select * from {_literal(file)}")
    except duckdb.Error as error:
        hint = "write the file again and record its sum with the command `seal`"
        raise InputError(f"cannot be read as Parquet: {error}", where=file, hint=hint) from error


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
