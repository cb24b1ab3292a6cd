"""An empty DuckDB database in memory: times are UTC, and it writes nothing to standard output."""

from contextlib import suppress

import duckdb


def empty() -> duckdb.DuckDBPyConnection:
    """A new database. DuckDB's progress bar would stand in the JSON of a command and in the outputs of a lesson."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    with suppress(duckdb.InvalidInputException):  # in a notebook without ipywidgets it can be neither on nor off
        connection.execute("set enable_progress_bar = false")
    return connection
