"""Where persons leave traces: text columns of the data, everything that training and serving wrote, the log."""

import ipaddress
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..contract.schema import TEXTS, Contract
from ..data import snapshots
from .bench import Bench, NotJudgedError

# Only at the start of a run, without going back: the picture in a report is one run of half a million characters, and
# a search that begins again at each of them takes a minute.
E_MAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]++@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b")
TELEPHONE = re.compile(
    r"(?<![\w.+-])(?:\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]\d{2,4}){2,4}|\+[1-9]\d{9,13}"
    r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})(?![\w.-])"
)
CARD = re.compile(r"(?<![\w.+-])(?:4\d{3}|5[1-5]\d{2}|6011|65\d{2}|3[47]\d{2})(?:[ -]?\d{4}){2}[ -]?\d{3,4}(?![\w.-])")
# US social security: no area 000, 666 or from 900 on, no group 00, no number 0000.
SOCIAL = re.compile(r"(?<![\w.+-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w.-])")
ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
TOKEN = re.compile(r"[0-9A-Za-z_]+")
SHORTEST = 5  # characters of a private value that is looked for; a shorter one stands anywhere by chance
LARGEST = 30_000_000  # bytes that are read of what was written, the newest files first
ROWS = 20_000  # of a table of an SQLite file, the newest
VALUES = 20_000  # of a column
QUARANTINE = "quarantine"  # the folder in which `check` keeps whole rows for repair
SQLITE = b"SQLite format 3\x00"
PARQUET = b"PAR1"
RUN = re.compile(rb"[\x20-\x7e]{16,}")  # text in a binary file: in shorter runs, chance writes an e-mail address


@dataclass(frozen=True)
class PrivacyFindings:
    """Places with what was found there, values masked.

    personal: texts that look like personal data. private: values of the private columns in any other place. columns:
    the private ones; searched: how many of their values were looked for; places: how many tables and files were read;
    none: why no column is private, by the settings.
    """

    personal: dict[str, str]
    private: dict[str, str]
    columns: tuple[str, ...]
    searched: int
    places: int
    none: str = ""


def measure_privacy(bench: Bench) -> PrivacyFindings:
    """Read the text columns of the tables, the features, and all that was written."""
    # Anew, because the bench may have taken the quarantined rows out already.
    raw = snapshots.open_snapshot(bench.project, bench.config.snapshot())
    columns = [
        (table.name, column.name) for table in bench.contract.tables for column in table.columns if column.private
    ]
    values = searchable_values(value for each in columns for value in _distinct(raw, *each))
    personal: dict[str, str] = {}
    private: dict[str, str] = {}
    places = 0
    for place, text in chain(_tables(bench.contract, raw), _features(bench), written_files(bench)):
        places += 1
        if examples := personal_kinds(text):
            personal[place] = ", ".join(f"{kind} {masked_value(value)}" for kind, value in examples.items())
        if leaked := private_in(text, values):
            private[place] = f"{len(leaked)} values, as {masked_value(min(leaked))}"
    named = tuple(f"{table}.{column}" for table, column in columns)
    return PrivacyFindings(personal, private, named, len(values), places, bench.config.gates.no_private_columns.strip())


def _tables(contract: Contract, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    for table in contract.tables:
        for column in table.columns:
            if column.kind in TEXTS and not column.private:
                yield f"{table.name}.{column.name}", "\n".join(_distinct(connection, table.name, column.name))


def _distinct(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> list[str]:
    sql = f'select distinct "{column}" from {table} where "{column}" is not null limit {VALUES}'
    return [str(value) for (value,) in connection.execute(sql).fetchall()]


def _features(bench: Bench) -> Iterator[tuple[str, str]]:
    try:
        frame = bench.frame
    except NotJudgedError:  # the raw tables and the files can be read nevertheless
        return
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_datetime64_any_dtype(frame[name]):
            values = frame[name].dropna().unique()
            some = values[:: max(1, len(values) // VALUES)]
            yield f"{bench.contract.features.name}.{name}", "\n".join(map(str, some))


def written_files(bench: Bench) -> Iterator[tuple[str, str]]:
    """What training, serving and monitoring wrote, the newest first: the bundle, the log, tracking, reports."""
    paths = bench.config.paths
    # A database is not looked into: it may be another's too.
    beside = [path.parent for path in (paths.predictions, paths.tracking) if isinstance(path, Path)]
    folders = (bench.folder, *beside, paths.reports)
    files = {file for folder in folders for file in folder.rglob("*") if file.is_file()}
    left = LARGEST
    for file in sorted(files, key=lambda file: (file.parent != bench.folder, -file.stat().st_mtime)):
        size = file.stat().st_size
        if file.parent.name == QUARANTINE or size > left or file.suffix in {".db-wal", ".db-shm"}:
            continue
        left -= size
        name = file.relative_to(bench.home).as_posix() if file.is_relative_to(bench.home) else file.name
        yield from _read(file, name)


def _read(file: Path, name: str) -> Iterator[tuple[str, str]]:
    content = file.read_bytes()
    if content.startswith(SQLITE):
        yield from _sqlite(file, name)
    elif content.startswith(PARQUET):
        yield name, _texts(file)
    else:
        try:
            yield name, content.decode("utf-8")
        except UnicodeDecodeError:
            yield name, "\n".join(run.decode("ascii") for run in RUN.findall(content))


def _texts(file: Path) -> str:
    """All different texts of a Parquet file; its name where it cannot be read, so that it counts as a place."""
    try:
        table = pq.read_table(file)
    except pa.ArrowException:
        return file.name
    columns = [column for column in table.columns if not pa.types.is_primitive(column.type)]
    return "\n".join(str(value) for column in columns for value in column.unique().to_pylist() if value is not None)


def _sqlite(file: Path, name: str) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{file.as_posix()}?mode=ro", uri=True)) as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            rows = connection.execute(f'select * from "{table}" order by rowid desc limit {ROWS}')
            texts = "\n".join(value for row in rows for value in row if isinstance(value, str))
            yield f"{name}: {table}", texts


def personal_kinds(text: str) -> dict[str, str]:
    """What in a text tells of a person: an example of each kind that is there."""
    matches = {
        "e-mail": E_MAIL.search(text) if "@" in text else None,
        "telephone": TELEPHONE.search(text),
        "social security number": SOCIAL.search(text),
    }
    matches["card"] = next((match for match in CARD.finditer(text) if _luhn(match.group())), None)
    matches["network address"] = next((match for match in ADDRESS.finditer(text) if _public(match.group())), None)
    return {kind: match.group() for kind, match in matches.items() if match}


def searchable_values(values: Iterable[object]) -> frozenset[str]:
    """The private values that can be looked for: one token, not too short, with a digit, so that it is no word."""
    return frozenset(
        text
        for text in map(str, values)
        if len(text) >= SHORTEST and TOKEN.fullmatch(text) and any(map(str.isdigit, text)) and not text.isdigit()
    )


def private_in(text: str, values: frozenset[str]) -> set[str]:
    """Which of the private values stand in a text as a token of their own."""
    return set(TOKEN.findall(text)) & values


def masked_value(value: str) -> str:
    """A value that may be shown: its first two characters."""
    return f"{value[:2]}{'*' * (len(value) - 2)}"


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in text if digit.isdigit()][::-1]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _public(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False
