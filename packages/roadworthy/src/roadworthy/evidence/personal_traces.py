"""Where persons leave traces: text columns of the data, and everything that training and serving wrote.

Private columns (contract: `private`) may stand in raw tables, in the quarantine, which holds whole rows for repair, and
in runs/, where lessons look at raw tables: these stay on this machine. Anywhere else their values are a leak, also in
another column of a raw table. A row with a private value is also sent through the real prediction log, and the log is
read back; the service's own log is read after planted requests.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .. import data
from ..monitoring import reference as monitoring
from ..monitoring.log import PredictionLog
from ..schema import Contract
from ..service.metrics import Metrics
from ..service.recorder import Recorder
from ..signature import Feature, Signature
from . import service_log
from .bench import Bench, NotJudgedError
from .personal import kinds, masked, private_in, searchable

LARGEST = 30_000_000  # bytes that are read of what was written, the newest files first
ROWS = 20_000  # of a table of an SQLite file, the newest
VALUES = 20_000  # of a column
TEXTS = ("category", "text")
PLANTED = "PRIVATE-7F3A9C"
QUARANTINE = "quarantine"  # the folder in which `check` keeps whole rows for repair
SQLITE = b"SQLite format 3\x00"
PARQUET = b"PAR1"
RUN = re.compile(rb"[\x20-\x7e]{16,}")  # text in a binary file: in shorter runs, chance writes an e-mail address


@dataclass(frozen=True)
class Traces:
    """Places with what was found there, values masked.

    personal: texts that look like personal data. private: values of the private columns in any other place. stored:
    where a private value that was sent through the service arrived. columns: the private ones; searched: how many of
    their values were looked for; places: how many tables and files were read.
    """

    personal: dict[str, str]
    private: dict[str, str]
    stored: tuple[str, ...]
    columns: tuple[str, ...]
    searched: int
    places: int


def measure(bench: Bench) -> Traces:
    """Read the text columns of the tables, the features, and all that was written; send a private value through."""
    snapshot = bench.config.snapshot()
    # Anew, because the bench may have taken the quarantined rows out already.
    raw = data.open_snapshot(bench.project, snapshot)
    columns = [
        (table.name, column.name) for table in bench.contract.tables for column in table.columns if column.private
    ]
    values = searchable(value for each in columns for value in _distinct(raw, *each))
    personal: dict[str, str] = {}
    private: dict[str, str] = {}
    places = 0
    for place, text in chain(_tables(bench.contract, raw), _features(bench), written(bench)):
        places += 1
        if found := kinds(text):
            personal[place] = ", ".join(f"{kind} {masked(value)}" for kind, value in found.items())
        if leaked := private_in(text, values):
            private[place] = f"{len(leaked)} values, as {masked(min(leaked))}"
    named = tuple(f"{table}.{column}" for table, column in columns)
    return Traces(personal, private, sent_through(bench), named, len(values), places)


def written(bench: Bench) -> Iterator[tuple[str, str]]:
    """What training, serving and monitoring wrote, the newest first: the bundle, the log, tracking, reports."""
    paths = bench.config.paths
    # A database is not looked into: it may be another's too.
    beside = [path.parent for path in (paths.predictions, paths.tracking) if isinstance(path, Path)]
    folders = (bench.folder, *beside, paths.reports)
    found = {file for folder in folders for file in folder.rglob("*") if file.is_file()}
    files = (file for file in found if file.parent.name != QUARANTINE)
    left = LARGEST
    for file in sorted(files, key=lambda file: (file.parent != bench.folder, -file.stat().st_mtime)):
        size = file.stat().st_size
        if size > left or file.suffix in {".db-wal", ".db-shm"}:
            continue
        left -= size
        yield from _read(file, _name(file, bench.home))


def sent_through(bench: Bench) -> tuple[str, ...]:
    """Where a value of a private feature arrives when a request and a training have it: nowhere, if all is well."""
    feature = Feature(name="private_value", kind="category", private=True, categories=(PLANTED,))
    signature = replace(bench.bundle.signature, features=(*bench.bundle.signature.features, feature))
    rows = [{**record["features"], feature.name: PLANTED} for record in bench.bundle.golden]
    found = [f"prediction log: {said}"] if (said := logged(signature, rows, bench.scratch / "private.db")) else []
    columns = {each.name: _column(each, rows) for each in signature.features}
    described = [asdict(each) for each in signature.features]
    reference = monitoring.make(columns, np.full(len(rows), 0.5), np.arange(len(rows)) % 2, described)
    found += ["reference.json"] if PLANTED in json.dumps(reference) else []
    return (*found, *(f"log of the service: holds {what}" for what in service_log.confided(bench)))


def logged(signature: Signature, rows: list[dict[str, Any]], file: Path) -> str:
    """What is wrong with the log of some rows, written the way the service does it; empty when nothing is."""
    file.unlink(missing_ok=True)
    recorder = Recorder(PredictionLog(file, signature), Metrics(), signature.key)
    recorder.start()
    recorder.put("gate", "0", rows, [0.5] * len(rows), signature.threshold)
    recorder.stop()
    with PredictionLog(file, signature) as log:
        count, _ = log.count()
    if any(PLANTED.encode() in each.read_bytes() for each in file.parent.glob(f"{file.name}*")):
        return "holds the private value"
    return "" if count == len(rows) else f"{count} of {len(rows)} rows arrived"


def _column(feature: Feature, rows: list[dict[str, Any]]) -> NDArray[Any]:
    return np.array([row.get(feature.name) for row in rows], dtype=object if feature.kind == "category" else np.float64)


def _tables(contract: Contract, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    for table in contract.tables:
        for column in table.columns:
            if column.kind in TEXTS and not column.private:
                yield f"{table.name}.{column.name}", "\n".join(_distinct(connection, table.name, column.name))


def _distinct(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> list[str]:
    found = connection.execute(f'select distinct "{column}" from {table} where "{column}" is not null limit {VALUES}')
    return [str(value) for (value,) in found.fetchall()]


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


def _name(file: Path, home: Path) -> str:
    return file.relative_to(home).as_posix() if file.is_relative_to(home) else file.name
