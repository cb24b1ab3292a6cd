"""Where a prediction log is kept: one SQLite file for processes of a machine, or PostgreSQL for several machines."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..base.databases import Postgres
from ..base.errors import InputError
from ..bundle.signature import Feature

if TYPE_CHECKING:
    import psycopg

APPLICATION = 0x4D4C4501  # marks a file as a prediction log
MARK = "prediction log 1"  # so does this comment on the tables of a database
Row = Sequence[Any]
ANSWER = 4  # the place of the answer among the first columns
TABLES = ("predictions", "labels", "shadow")
COUNT = "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM labels)"
SQLITE_TYPES = {"category": "TEXT", "integer": "INTEGER", "number": "REAL"}
SQLITE_HEAD = (
    "key TEXT, time TEXT NOT NULL, request_id TEXT, version TEXT NOT NULL, "
    "{answer} REAL NOT NULL, decision INTEGER NOT NULL"
)
# What a shadow would have answered stands apart, so that nothing that reads the predictions counts a request twice.
SQLITE_COMPARED = f"{SQLITE_HEAD}, served_version TEXT NOT NULL, served_{{answer}} REAL NOT NULL"
# An integer may have been given as 6.0.
POSTGRES_TYPES = {"category": "text", "integer": "double precision", "number": "double precision"}
POSTGRES_HEAD = (
    "key text, time timestamptz NOT NULL, request_id text, version text NOT NULL, "
    "{answer} double precision NOT NULL, decision smallint NOT NULL"
)
POSTGRES_COMPARED = f"{POSTGRES_HEAD}, served_version text NOT NULL, served_{{answer}} double precision"
POSTGRES_TABLES = (
    f"CREATE TABLE IF NOT EXISTS predictions ({POSTGRES_HEAD}, _row bigint GENERATED ALWAYS AS IDENTITY)",
    "CREATE TABLE IF NOT EXISTS labels (key text PRIMARY KEY, label {label}, known_at timestamptz)",
    f"CREATE TABLE IF NOT EXISTS shadow ({POSTGRES_COMPARED})",
    "CREATE INDEX IF NOT EXISTS predictions_time ON predictions (time)",
    *(f"COMMENT ON TABLE {table} IS '{MARK}'" for table in TABLES),
)
TEXT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""  # as `time_text` writes it


# The type of a label in a database, by the name of the answer; SQLite keeps either in a column of integers.
POSTGRES_LABELS = {"probability": "smallint", "prediction": "double precision"}


def head_of(answer: str) -> tuple[str, ...]:
    """The first columns of a prediction; the answer is a probability or the prediction of a number."""
    return ("key", "time", "request_id", "version", answer, "decision")


def require_answer(columns: Collection[str], answer: str, where: Path | str) -> None:
    """Raise InputError for a log of the other kind of answers."""
    if answer not in columns:
        kinds = {"probability": "probabilities", "prediction": "numbers"}
        other = next((words for name, words in kinds.items() if name in columns), "something else")
        hint = "the target of the contract has changed: move the log away, or name another place in [paths] predictions"
        raise InputError(f"is a log of {other}, and the model answers with {kinds[answer]}", where=where, hint=hint)


class Store(Protocol):
    """A place for predictions, labels, and what a shadow would have answered; it raises InputError and nothing else.

    Each call that writes is one transaction: all of its rows are kept, or none.
    """

    def prepare(self, features: Iterable[Feature]) -> None:
        """Make what is missing, columns of these features too; InputError when something else is there."""

    def add_predictions(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """Append predictions whose columns are `names`."""

    def add_compared(self, rows: Iterable[Row]) -> None:
        """Append what a shadow would have answered."""

    def add_labels(self, rows: Iterable[Row]) -> None:
        """Append labels as key, label, known_at; a later one of the same key takes the place of the earlier one."""

    def read(self, names: Sequence[str], limits: Mapping[str, str | None]) -> list[tuple[Any, ...]]:
        """Predictions by the columns `names`, then label and known_at, in the order of time, then of appending.

        `limits` are start, end and known_by: texts of `time_text`, or None.
        """

    def count(self) -> tuple[int, int]:
        """The number of predictions and of labels."""

    def close(self) -> None:
        """Let go of the place."""


def quoted_name(name: str) -> str:
    """A column's name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


class SqliteStore:
    """A log in the file `path`; made when it is not there yet. InputError when it cannot be opened."""

    def __init__(self, path: Path, answer: str) -> None:
        self.path, self.answer = path, answer
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
            # Monitors read while the service writes: with SQLite's usual journal each would wait for the other. With
            # WAL, NORMAL never damages the file; when power fails the last transactions may be gone.
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = NORMAL")
            with self._changing():
                self._make_tables(features)
                if marked != APPLICATION:
                    self.connection.execute(f"PRAGMA application_id = {APPLICATION}")

    def add_predictions(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """See Store."""
        columns, marks = ", ".join(map(quoted_name, names)), ", ".join("?" * len(names))
        with self._sentences(), self.connection:
            self.connection.executemany(f"INSERT INTO predictions ({columns}) VALUES ({marks})", rows)

    def add_compared(self, rows: Iterable[Row]) -> None:
        """See Store. The table `shadow` is made with the first of them."""
        marks = ", ".join("?" * len(_compared(self.answer)))
        with self._sentences(), self._changing():
            self.connection.execute(f"CREATE TABLE IF NOT EXISTS shadow ({SQLITE_COMPARED.format(answer=self.answer)})")
            self.connection.executemany(f"INSERT INTO shadow VALUES ({marks})", rows)

    def add_labels(self, rows: Iterable[Row]) -> None:
        """See Store."""
        with self._sentences(), self.connection:
            self.connection.executemany("INSERT OR REPLACE INTO labels (key, label, known_at) VALUES (?, ?, ?)", rows)

    def read(self, names: Sequence[str], limits: Mapping[str, str | None]) -> list[tuple[Any, ...]]:
        """See Store."""
        columns = ", ".join(f"p.{quoted_name(name)}" for name in names)
        query = (
            f"SELECT {columns}, l.label, l.known_at FROM predictions AS p "
            "LEFT JOIN labels AS l ON p.key = l.key AND (:known_by IS NULL OR l.known_at <= :known_by) "
            "WHERE (:start IS NULL OR p.time >= :start) AND (:end IS NULL OR p.time < :end) ORDER BY p.time, p.rowid"
        )
        with self._sentences():
            return self.connection.execute(query, dict(limits)).fetchall()

    def count(self) -> tuple[int, int]:
        """See Store."""
        with self._sentences():
            predictions, labels = self.connection.execute(COUNT).fetchone()
        return int(predictions), int(labels)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _make_tables(self, features: Iterable[Feature]) -> None:
        run = self.connection.execute
        run(f"CREATE TABLE IF NOT EXISTS predictions ({SQLITE_HEAD.format(answer=self.answer)})")
        run("CREATE TABLE IF NOT EXISTS labels (key TEXT PRIMARY KEY, label INTEGER, known_at TEXT)")
        run("CREATE INDEX IF NOT EXISTS predictions_time ON predictions (time)")
        # A newer contract may have features that the file has not; its older rows have no value there.
        have = {row[1] for row in run("PRAGMA table_info(predictions)")}
        require_answer(have, self.answer, self.path)
        for feature in features:
            if feature.name not in have:
                run(f"ALTER TABLE predictions ADD COLUMN {quoted_name(feature.name)} {SQLITE_TYPES[feature.kind]}")

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


class PostgresStore:
    """A log in the tables predictions, labels and shadow of a database; InputError when it cannot be reached."""

    def __init__(self, place: Postgres, answer: str) -> None:
        self.place, self.answer = place, answer
        self.connection = place.connect()

    def exists(self) -> bool:
        """Whether the database holds a log; InputError when tables of these names are of something else."""
        with self._connected() as connection:
            return self._marked(connection)

    def prepare(self, features: Iterable[Feature]) -> None:
        """See Store. Of a log that has all columns nothing but SELECT is asked, so that a reader may have no more."""
        wanted = {feature.name: POSTGRES_TYPES[feature.kind] for feature in features}
        with self._connected() as connection, connection.transaction():
            # Workers start at the same time, and IF NOT EXISTS does not see what is not committed.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [APPLICATION])
            if not self._marked(connection):
                for statement in POSTGRES_TABLES:
                    made = statement.format(answer=self.answer, label=POSTGRES_LABELS[self.answer])
                    connection.execute(_sql(made))
            have = self._columns(connection)
            require_answer(have, self.answer, str(self.place))
            for name in wanted.keys() - have:
                connection.execute(_sql(f"ALTER TABLE predictions ADD COLUMN {quoted_name(name)} {wanted[name]}"))

    def add_predictions(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """See Store."""
        self._copy("predictions", names, rows)

    def add_compared(self, rows: Iterable[Row]) -> None:
        """See Store."""
        self._copy("shadow", _compared(self.answer), rows)

    def add_labels(self, rows: Iterable[Row]) -> None:
        """See Store."""
        query = (
            "INSERT INTO labels (key, label, known_at) VALUES (%s, %s, %s) "
            "ON CONFLICT (key) DO UPDATE SET label = excluded.label, known_at = excluded.known_at"
        )
        with self._connected() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(query, [tuple(map(_storable, row)) for row in rows])

    def read(self, names: Sequence[str], limits: Mapping[str, str | None]) -> list[tuple[Any, ...]]:
        """See Store."""
        columns = ", ".join(TEXT.format("p.time") if name == "time" else f"p.{quoted_name(name)}" for name in names)
        # psycopg takes a % in the name of a feature for a parameter.
        columns = columns.replace("%", "%%")
        query = (
            f"SELECT {columns}, l.label, {TEXT.format('l.known_at')} FROM predictions AS p "
            "LEFT JOIN labels AS l ON p.key = l.key "
            "AND (%(known_by)s::timestamptz IS NULL OR l.known_at <= %(known_by)s::timestamptz) "
            "WHERE (%(start)s::timestamptz IS NULL OR p.time >= %(start)s::timestamptz) "
            "AND (%(end)s::timestamptz IS NULL OR p.time < %(end)s::timestamptz) ORDER BY p.time, p._row"
        )
        with self._connected() as connection:
            return connection.execute(_sql(query), dict(limits)).fetchall()

    def count(self) -> tuple[int, int]:
        """See Store."""
        with self._connected() as connection:
            predictions, labels = connection.execute(COUNT).fetchall()[0]
        return int(predictions), int(labels)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _copy(self, table: str, names: Sequence[str], rows: Iterable[Row]) -> None:
        columns = ", ".join(map(quoted_name, names))
        statement = _sql(f"COPY {table} ({columns}) FROM STDIN")
        with self._connected() as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([_storable(value) for value in row])

    @contextmanager
    def _connected(self) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
        with self.place.explain_errors():
            # A connection that broke stays closed: psycopg opens none by itself.
            if self.connection.closed:
                self.connection = self.place.connect()
            yield self.connection

    def _marked(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> bool:
        query = "SELECT to_regclass(name) IS NOT NULL, obj_description(to_regclass(name)) FROM unnest(%s::text[]) name"
        tables = connection.execute(query, [list(TABLES)]).fetchall()
        foreign = [table for table, (there, mark) in zip(TABLES, tables, strict=True) if there and mark != MARK]
        if foreign:
            what = f"holds a table {foreign[0]!r} that is not of a prediction log"
            raise InputError(what, where=str(self.place), hint="choose another database, or a schema of its own")
        return all(there for there, _ in tables)

    def _columns(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> set[str]:
        query = "SELECT attname FROM pg_attribute WHERE attrelid = 'predictions'::regclass AND NOT attisdropped"
        return {str(name) for (name,) in connection.execute(query)}


def _compared(answer: str) -> tuple[str, ...]:
    """The columns of what a shadow would have answered."""
    return (*head_of(answer), "served_version", f"served_{answer}")


def _storable(value: Any) -> Any:
    """A value as the database takes it: no NaN for a number that is missing, no NUL in a text."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in value else value
    return None if value != value else value  # noqa: PLR0124 (NaN)


def _sql(text: str) -> bytes:
    return text.encode()
