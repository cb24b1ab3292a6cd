"""A prediction log in a PostgreSQL database: for services and monitors on several machines.

A connection that breaks is made anew with the next call. A call that fails has kept nothing, with one exception: when
the server dies between its commit and its answer, the rows are there, and will be there twice if they are sent again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..postgres import Postgres
from ..signature import Feature
from .log_store import APPLICATION, Row, quoted

if TYPE_CHECKING:
    import psycopg

MARK = "prediction log 1"  # comment of our tables
TABLES = ("predictions", "labels", "shadow")
# An integer may have been given as 6.0.
TYPES = {"category": "text", "integer": "double precision", "number": "double precision"}
HEAD = (
    "key text, time timestamptz NOT NULL, request_id text, version text NOT NULL, "
    "probability double precision NOT NULL, decision smallint NOT NULL"
)
NUMBER = "_row bigint GENERATED ALWAYS AS IDENTITY"
COMPARED = ("key", "time", "request_id", "version", "probability", "decision", "served_version", "served_probability")
MAKE = (
    f"CREATE TABLE IF NOT EXISTS predictions ({HEAD}, {NUMBER})",
    "CREATE TABLE IF NOT EXISTS labels (key text PRIMARY KEY, label smallint, known_at timestamptz)",
    f"CREATE TABLE IF NOT EXISTS shadow ({HEAD}, served_version text NOT NULL, served_probability double precision)",
    "CREATE INDEX IF NOT EXISTS predictions_time ON predictions (time)",
    *(f"COMMENT ON TABLE {table} IS '{MARK}'" for table in TABLES),
)
TEXT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""  # as `time_text` writes it


class PostgresStore:
    """A log in the tables predictions, labels and shadow of a database; InputError when it cannot be reached."""

    def __init__(self, place: Postgres) -> None:
        self.place = place
        self.connection = place.connect()

    def exists(self) -> bool:
        """Whether the database holds a log; InputError when it holds tables of these names that are none of ours."""
        with self._connected() as connection:
            return self._marked(connection)

    def prepare(self, features: Iterable[Feature]) -> None:
        """See Store. Of a log that has all columns nothing but SELECT is asked, so that a reader may have no more."""
        wanted = {feature.name: TYPES[feature.kind] for feature in features}
        with self._connected() as connection, connection.transaction():
            # Workers start at the same time, and IF NOT EXISTS does not see what is not committed.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [APPLICATION])
            if not self._marked(connection):
                for statement in MAKE:
                    connection.execute(statement)
            for name in wanted.keys() - self._columns(connection):
                connection.execute(_sql(f"ALTER TABLE predictions ADD COLUMN {quoted(name)} {wanted[name]}"))

    def add_predictions(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """See Store."""
        self._copy("predictions", names, rows)

    def add_compared(self, rows: Iterable[Row]) -> None:
        """See Store."""
        self._copy("shadow", COMPARED, rows)

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
        columns = ", ".join(TEXT.format("p.time") if name == "time" else f"p.{quoted(name)}" for name in names)
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
            found = connection.execute("SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM labels)")
            predictions, labels = found.fetchall()[0]
        return int(predictions), int(labels)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _copy(self, table: str, names: Sequence[str], rows: Iterable[Row]) -> None:
        columns = ", ".join(map(quoted, names))
        statement = _sql(f"COPY {table} ({columns}) FROM STDIN")
        with self._connected() as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([_storable(value) for value in row])

    @contextmanager
    def _connected(self) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
        with self.place.sentences():
            if self.connection.closed:
                self.connection = self.place.connect()
            yield self.connection

    def _marked(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> bool:
        query = "SELECT to_regclass(name) IS NOT NULL, obj_description(to_regclass(name)) FROM unnest(%s::text[]) name"
        found = connection.execute(query, [list(TABLES)]).fetchall()
        foreign = [table for table, (there, mark) in zip(TABLES, found, strict=True) if there and mark != MARK]
        if foreign:
            what = f"holds a table {foreign[0]!r} that is not of a prediction log"
            raise InputError(what, where=str(self.place), hint="choose another database, or a schema of its own")
        return all(there for there, _ in found)

    def _columns(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> set[str]:
        query = "SELECT attname FROM pg_attribute WHERE attrelid = 'predictions'::regclass AND NOT attisdropped"
        return {str(name) for (name,) in connection.execute(query)}


def _storable(value: Any) -> Any:
    """A value as the database takes it: no NaN for a number that is missing, no NUL in a text."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in value else value
    return None if value != value else value  # noqa: PLR0124 (NaN)


def _sql(text: str) -> bytes:
    return text.encode()
