"""The prediction log: every answer the model gave, and the labels that come later, in one SQLite file.

The service appends, the monitors read, from different processes at the same time (write-ahead log). Columns are
derived from the signature; private features never get one. Needs NumPy only.
"""

import sqlite3
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..signature import Feature
from ..signature import Signature

APPLICATION = 0x4D4C4501  # marks the file as ours: PRAGMA application_id
HEAD = ("key", "time", "request_id", "version", "probability", "decision")
LABELS = ("label", "known_at")
SQL_TYPES = {"category": "TEXT", "integer": "INTEGER", "number": "REAL"}
HEAD_SQL = (
    "key TEXT, time TEXT NOT NULL, request_id TEXT, version TEXT NOT NULL, "
    "probability REAL NOT NULL, decision INTEGER NOT NULL"
)
# What a shadow would have answered stands apart, so that nothing that reads the predictions counts a request twice.
COMPARED_SQL = f"{HEAD_SQL}, served_version TEXT NOT NULL, served_probability REAL NOT NULL"
Columns = dict[str, NDArray[Any]]


class PredictionLog:
    """The log in the file `path`, for the features of one signature; made when it is not there yet.

    Times are UTC, a naive time is taken as UTC. Raises InputError for a file that is not such a log.
    """

    def __init__(self, path: Path, signature: Signature) -> None:
        self.path = Path(path)
        self.features = _kept(signature)
        self.refuse_taken(signature)
        with self._sentences():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One thread at a time uses it; the service hands it to its writer.
            self._connection = sqlite3.connect(self.path, timeout=10, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def refuse_taken(self, signature: Signature) -> None:
        """Raise InputError when a feature has the name of a column that the log needs itself."""
        taken = [feature.name for feature in _kept(signature) if feature.name in {*HEAD, *LABELS}]
        if taken:
            what = f"the log has a column {taken[0]!r} of its own"
            raise InputError(what, where=self.path, hint="rename the feature in the contract")

    def widen(self, signature: Signature) -> None:
        """Keep the features of another version too, one of the same contract: the same name is the same feature."""
        have = {feature.name for feature in self.features}
        new = [feature for feature in _kept(signature) if feature.name not in have]
        if new:
            with self._sentences(), self._changing():
                self._add_columns(new)
            self.features = [*self.features, *new]

    @property
    def columns(self) -> list[str]:
        """The columns of a prediction, in the order in which `append_rows` takes them."""
        return [*HEAD, *(feature.name for feature in self.features)]

    def append(self, predictions: Mapping[str, Any]) -> int:
        """Append predictions given by columns; the number of rows.

        Needed are `key`, `time`, `version`, `probability`, `decision` and every feature; `request_id` may be left
        out. A scalar stands for all rows. Columns that the log does not keep are ignored.
        """
        rows = len(predictions["probability"])
        given = {"request_id": None, **predictions}
        self.append_rows(zip(*(self._column(name, given[name], rows) for name in self.columns), strict=True))
        return rows

    def append_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Append predictions as tuples in the order of `columns`, in one transaction; times as `time_text` gives."""
        names = ", ".join(map(_quoted, self.columns))
        marks = ", ".join("?" * len(self.columns))
        with self._sentences(), self._connection:
            self._connection.executemany(f"INSERT INTO predictions ({names}) VALUES ({marks})", rows)

    def append_compared(self, rows: Sequence[Sequence[Any]]) -> None:
        """Append what a shadow would have answered, as tuples: HEAD, then the version that answered, its probability.

        The table `shadow` is made with the first of them.
        """
        marks = ", ".join("?" * (len(HEAD) + 2))
        with self._sentences(), self._changing():
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS shadow ({COMPARED_SQL})")
            self._connection.executemany(f"INSERT INTO shadow VALUES ({marks})", rows)

    def append_labels(self, keys: Iterable[Any], labels: Iterable[Any], known_at: Iterable[Any]) -> int:
        """Append what turned out to be true, and since when it is known; the number of labels."""
        rows = list(zip(map(str, keys), (int(label) for label in labels), _times(known_at), strict=True))
        with self._sentences(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO labels (key, label, known_at) VALUES (?, ?, ?)", rows)
        return len(rows)

    def read(
        self, start: datetime | None = None, end: datetime | None = None, known_by: datetime | None = None
    ) -> Columns:
        """The predictions of a period (its end not included) by columns, in the order of time, with their labels.

        Numbers are float64 with NaN, categories and texts objects with None, times datetime64[us] in UTC, decisions
        bool. `label` is NaN and `known_at` NaT where no label is known, or none was known by `known_by`.
        """
        names = ", ".join(f"p.{_quoted(name)}" for name in self.columns)
        query = (
            f"SELECT {names}, l.label, l.known_at FROM predictions AS p "
            "LEFT JOIN labels AS l ON p.key = l.key AND (:known_by IS NULL OR l.known_at <= :known_by) "
            "WHERE (:start IS NULL OR p.time >= :start) AND (:end IS NULL OR p.time < :end) ORDER BY p.time, p.rowid"
        )
        limits = {"start": start, "end": end, "known_by": known_by}
        with self._sentences():
            rows = self._connection.execute(query, {k: v and time_text(v) for k, v in limits.items()}).fetchall()
        names_read = [*self.columns, *LABELS]
        columns = zip(*rows, strict=True) if rows else [()] * len(names_read)
        return {name: self._array(name, values) for name, values in zip(names_read, columns, strict=True)}

    def count(self) -> tuple[int, int]:
        """The number of predictions and of labels."""
        query = "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM labels)"
        with self._sentences():
            predictions, labels = self._connection.execute(query).fetchone()
        return int(predictions), int(labels)

    def close(self) -> None:
        """Close the file. What was appended is in it already."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        connection = self._connection
        marked = connection.execute("PRAGMA application_id").fetchone()[0]
        if marked != APPLICATION and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise InputError("is an SQLite file, but not a prediction log", where=self.path, hint="choose another file")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        with self._changing():
            connection.execute(f"CREATE TABLE IF NOT EXISTS predictions ({HEAD_SQL})")
            connection.execute("CREATE TABLE IF NOT EXISTS labels (key TEXT PRIMARY KEY, label INTEGER, known_at TEXT)")
            connection.execute("CREATE INDEX IF NOT EXISTS predictions_time ON predictions (time)")
            self._add_columns(self.features)
            if marked != APPLICATION:
                connection.execute(f"PRAGMA application_id = {APPLICATION}")

    def _add_columns(self, features: Iterable[Feature]) -> None:
        # A newer contract may have features that the file has not; its older rows have no value there.
        have = {row[1] for row in self._connection.execute("PRAGMA table_info(predictions)")}
        for feature in features:
            if feature.name not in have:
                kind = SQL_TYPES[feature.kind]
                self._connection.execute(f"ALTER TABLE predictions ADD COLUMN {_quoted(feature.name)} {kind}")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        # Two workers that look for the same missing column at the same time must not both add it.
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def _column(self, name: str, values: Any, rows: int) -> list[Any]:
        if values is None or isinstance(values, (str, int, float, datetime)):
            values = [values] * rows
        if name == "time":
            return _times(values)
        if name in HEAD:
            kind = {"probability": float, "decision": int}.get(name, str)
            return [None if value is None else kind(value) for value in values]
        return _plain(values, self._feature(name))

    def _feature(self, name: str) -> Feature:
        return next(feature for feature in self.features if feature.name == name)

    def _array(self, name: str, values: Sequence[Any]) -> NDArray[Any]:
        if name in {"time", "known_at"}:
            return np.array([value and value.rstrip("Z") for value in values], dtype="datetime64[us]")
        if name in {"key", "request_id", "version"}:
            return np.array(values, dtype=object)
        if name == "decision":
            return np.array(values, dtype=bool)
        number = name in {"probability", "label"} or self._feature(name).kind != "category"
        return np.array(values, dtype=np.float64 if number else object)

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


def _kept(signature: Signature) -> list[Feature]:
    return [feature for feature in signature.features if not feature.private]


def time_text(moment: datetime) -> str:
    """A time as the log keeps it: UTC, ISO 8601, always 27 characters, so that text sorts like time."""
    utc = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds") + "Z"


def _times(values: Any) -> list[str]:
    # Columns of NumPy and of pandas, with a time zone as well, go the fast way.
    if str(getattr(values, "dtype", "")).startswith("datetime64"):
        return [f"{text}Z" for text in np.datetime_as_string(np.asarray(values, dtype="datetime64[us]")).tolist()]
    return [time_text(value) for value in values]


def _plain(values: Any, feature: Feature) -> list[Any]:
    if feature.kind == "category":
        return [item if isinstance(item, str) else None for item in np.asarray(values, dtype=object).tolist()]
    # SQLite keeps NaN as NULL, and 5.0 as 5 in a column of integers.
    return list(np.asarray(values, dtype=np.float64).tolist())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
