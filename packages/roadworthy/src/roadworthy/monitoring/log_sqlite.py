"""A prediction log in one SQLite file: written and read by different processes at the same time (write-ahead log)."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..signature import Feature
from .log_store import APPLICATION, Row, quoted

TYPES = {"category": "TEXT", "integer": "INTEGER", "number": "REAL"}
HEAD = (
    "key TEXT, time TEXT NOT NULL, request_id TEXT, version TEXT NOT NULL, "
    "probability REAL NOT NULL, decision INTEGER NOT NULL"
)
# What a shadow would have answered stands apart, so that nothing that reads the predictions counts a request twice.
COMPARED = f"{HEAD}, served_version TEXT NOT NULL, served_probability REAL NOT NULL"
COMPARED_COLUMNS = 8


class SqliteStore:
    """A log in the file `path`; made when it is not there yet. InputError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._sentences():
            path.parent.mkdir(parents=True, exist_ok=True)
            # One thread at a time uses it; the service hands it to its writer.
            self.connection = sqlite3.connect(path, timeout=10, check_same_thread=False)

    def prepare(self, features: Iterable[Feature]) -> None:
        """See Store."""
        with self._sentences():
            marked = self.connection.execute("PRAGMA application_id").fetchone()[0]
            if marked != APPLICATION and self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                what = "is an SQLite file, but not a prediction log"
                raise InputError(what, where=self.path, hint="choose another file")
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = NORMAL")
            with self._changing():
                self._make(features)
                if marked != APPLICATION:
                    self.connection.execute(f"PRAGMA application_id = {APPLICATION}")

    def add_predictions(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """See Store."""
        columns, marks = ", ".join(map(quoted, names)), ", ".join("?" * len(names))
        with self._sentences(), self.connection:
            self.connection.executemany(f"INSERT INTO predictions ({columns}) VALUES ({marks})", rows)

    def add_compared(self, rows: Iterable[Row]) -> None:
        """See Store. The table `shadow` is made with the first of them."""
        marks = ", ".join("?" * COMPARED_COLUMNS)
        with self._sentences(), self._changing():
            self.connection.execute(f"CREATE TABLE IF NOT EXISTS shadow ({COMPARED})")
            self.connection.executemany(f"INSERT INTO shadow VALUES ({marks})", rows)

    def add_labels(self, rows: Iterable[Row]) -> None:
        """See Store."""
        with self._sentences(), self.connection:
            self.connection.executemany("INSERT OR REPLACE INTO labels (key, label, known_at) VALUES (?, ?, ?)", rows)

    def read(self, names: Sequence[str], limits: Mapping[str, str | None]) -> list[tuple[Any, ...]]:
        """See Store."""
        columns = ", ".join(f"p.{quoted(name)}" for name in names)
        query = (
            f"SELECT {columns}, l.label, l.known_at FROM predictions AS p "
            "LEFT JOIN labels AS l ON p.key = l.key AND (:known_by IS NULL OR l.known_at <= :known_by) "
            "WHERE (:start IS NULL OR p.time >= :start) AND (:end IS NULL OR p.time < :end) ORDER BY p.time, p.rowid"
        )
        with self._sentences():
            return self.connection.execute(query, dict(limits)).fetchall()

    def count(self) -> tuple[int, int]:
        """See Store."""
        query = "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM labels)"
        with self._sentences():
            predictions, labels = self.connection.execute(query).fetchone()
        return int(predictions), int(labels)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _make(self, features: Iterable[Feature]) -> None:
        run = self.connection.execute
        run(f"CREATE TABLE IF NOT EXISTS predictions ({HEAD})")
        run("CREATE TABLE IF NOT EXISTS labels (key TEXT PRIMARY KEY, label INTEGER, known_at TEXT)")
        run("CREATE INDEX IF NOT EXISTS predictions_time ON predictions (time)")
        # A newer contract may have features that the file has not; its older rows have no value there.
        have = {row[1] for row in run("PRAGMA table_info(predictions)")}
        for feature in features:
            if feature.name not in have:
                run(f"ALTER TABLE predictions ADD COLUMN {quoted(feature.name)} {TYPES[feature.kind]}")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        # Two workers that look for the same missing column at the same time must not both add it.
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            hint = "if it is no prediction log, choose another file; if it is one and damaged, move it away"
            raise InputError(f"cannot be used as a prediction log: {error}", where=self.path, hint=hint) from error
        except OSError as error:
            hint = "choose another place for the log"
            raise InputError(f"cannot be made: {error.strerror}", where=self.path, hint=hint) from error
