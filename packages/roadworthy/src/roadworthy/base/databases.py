"""DuckDB in memory for tables; PostgreSQL by a URL that stands in the settings where a path may stand."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from .errors import InputError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import psycopg

SCHEMES = ("postgresql", "postgres")
FORM = "postgresql://USER@HOST:PORT/DATABASE; the password may come from PGPASSWORD or ~/.pgpass"
# Seconds or milliseconds until a server that does not answer counts as gone; what the URL says wins.
# PostgreSQL itself waits for a lock without end, and Linux sends for a quarter of an hour to a server whose cable is
# out.
LIMITS = {"connect_timeout": "3", "tcp_user_timeout": "10000", "options": "-c lock_timeout=10s -c TimeZone=UTC"}
ENCODED = "write / ? # @ in a password as %2F %3F %23 %40"


@dataclass(frozen=True, repr=False)
class Postgres:
    """A database by its URL; str and repr of it hold no password."""

    url: str

    def __post_init__(self) -> None:
        """InputError, which does not repeat the URL, for one that cannot be taken apart safely."""
        parts = urlsplit(self.url)
        if parts.scheme not in SCHEMES:
            what = f"there is no support for {parts.scheme!r}"
            raise InputError(what, where="database URL", hint=f"give a path, or {FORM}")
        # An unquoted / ? or # in the password ends the host before the @: the rest of it would be shown as a path.
        if "@" in self.url and "@" not in parts.netloc:
            raise InputError("its user and password cannot be told apart", where="database URL", hint=ENCODED)
        if re.search(r"password=", parts.query, re.IGNORECASE):
            what = "a password behind the question mark would be shown"
            raise InputError(what, where="database URL", hint=f"write {FORM}")

    def __str__(self) -> str:
        """The URL with stars for the password."""
        return self._with_password(":***")

    __repr__ = __str__

    @property
    def password(self) -> str:
        """The password that the URL holds; empty without one."""
        return unquote(self._quoted_password)

    @property
    def without_password(self) -> str:
        """The URL for a command line, which others on the machine can read; the password goes into PGPASSWORD."""
        return self._with_password("")

    def masked(self, text: str) -> str:
        """A message with stars for the password."""
        # Messages of the server hold the password as it was decoded, those of the driver the whole URL.
        for secret in filter(None, (self.url, self._quoted_password, self.password)):
            text = text.replace(secret, "***")
        return text

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection that commits each statement, or each block `transaction()`; InputError says why there is none.

        Times are UTC. Nothing waits longer than some seconds for a server that is gone.
        """
        with self.explain_errors():
            import psycopg
            from psycopg.conninfo import conninfo_to_dict

            in_url = conninfo_to_dict(self.url)
            limits: dict[str, Any] = {name: value for name, value in LIMITS.items() if name not in in_url}
            return psycopg.connect(self.url, autocommit=True, prepare_threshold=None, **limits)

    @contextmanager
    def explain_errors(self) -> Iterator[None]:
        """Turn what psycopg raises into an InputError that says what to do, without the password."""
        try:
            import psycopg
        except ImportError as error:
            hint = "install the package psycopg[binary]"
            raise InputError("needs psycopg, which is not installed", where=str(self), hint=hint) from error
        try:
            yield
        except psycopg.errors.InsufficientPrivilege as error:
            hint = "grant CREATE on the schema, or INSERT, UPDATE and SELECT on its tables; reading needs SELECT"
            raise self._error("the user may not do this", error, hint) from None
        except psycopg.OperationalError as error:
            hint = "start the server, or correct host, port, user, database and password"
            raise self._error("the database cannot be reached", error, hint) from None
        except psycopg.ProgrammingError as error:
            raise self._error("cannot be used", error, f"the form is {FORM}") from None
        except psycopg.Error as error:
            raise self._error("cannot be used", error, "see the log of the server") from None

    def _error(self, what: str, error: Exception, hint: str) -> InputError:
        # The cause is left out of a traceback: its text may hold what is masked here.
        return InputError(f"{what}: {self.masked(' '.join(str(error).split()))}", where=str(self), hint=hint)

    @property
    def _quoted_password(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[0].partition(":")[2]

    def _with_password(self, text: str) -> str:
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        name, colon, _ = user.partition(":")
        return parts._replace(netloc=f"{name}{text if colon else ''}{at}{host}").geturl()


def postgres_place(value: str | Path | Postgres) -> Path | Postgres:
    """A path, or the database that a URL names; InputError for another kind of URL."""
    if isinstance(value, Postgres):
        return value
    return Postgres(value) if isinstance(value, str) and "://" in value else Path(value)


def empty_duckdb(file: Path | None = None) -> "duckdb.DuckDBPyConnection":
    """A new database in memory, or in a file. DuckDB's progress bar would stand in the JSON of a command."""
    import duckdb  # here, because the service reads settings of databases too, and must start fast

    connection = duckdb.connect(file or ":memory:")
    # Else the zone of the machine decides on which day a time falls.
    connection.execute("set timezone = 'UTC'")
    with suppress(duckdb.InvalidInputException):  # in a notebook without ipywidgets it can be neither on nor off
        connection.execute("set enable_progress_bar = false")
    return connection


@contextmanager
def explain_sql_errors(what: str, where: object, hint: str) -> "Iterator[None]":
    """Raise what DuckDB says inside `with` as InputError, in a line."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise InputError(f"{what}: {str(error).splitlines()[0]}", where=str(where), hint=hint) from error


def ask(connection: "duckdb.DuckDBPyConnection", sql: str, **parameters: object) -> "pd.DataFrame":
    """The answer to an SQL query as a table; `$name` in it stands for a parameter, which is never read as SQL.

    >>> ask(empty_duckdb(), "select 40 + $more as answer", more=2).to_dict("records")
    [{'answer': 42}]
    """
    return to_frame(connection.sql(sql, params=parameters or None))


def to_frame(relation: "duckdb.DuckDBPyRelation") -> "pd.DataFrame":
    """A relation as a table: text as str, whole numbers with missing values as float64, dates and times as datetime64.

    By way of Arrow: DuckDB's own `df()` still calls what pandas 3.1 deprecates.
    """
    table: pd.DataFrame = relation.to_arrow_table().to_pandas(date_as_object=False)
    return table


def plain_records(frame: "pd.DataFrame", names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a table as a client writes them into JSON: plain values by name, None for what is missing."""
    # Objects first: in a column of numbers pandas turns None into NaN again, which is no JSON.
    plain = frame[list(names)].astype(object)
    return [dict(zip(plain.columns, row, strict=True)) for row in plain.where(plain.notna(), None).to_numpy().tolist()]
