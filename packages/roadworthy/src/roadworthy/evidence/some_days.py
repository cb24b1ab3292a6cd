"""A few days of a snapshot in a database of their own, where the SQL of the features can be tried again and again."""

import duckdb
import pandas as pd

from .. import database
from ..schema import Contract


def excerpt(
    contract: Contract, connection: duckdb.DuckDBPyConnection, start: pd.Timestamp, days: float
) -> duckdb.DuckDBPyConnection:
    """A database of one thread with all tables of the contract; of those with a time, the days from `start` on."""
    copy = database.empty()
    copy.execute("set threads = 1")
    end = start + pd.Timedelta(days=days)
    for table in contract.tables:
        part = f" where \"{table.time}\" >= '{start}' and \"{table.time}\" < '{end}'" if table.time else ""
        copy.register("given", connection.sql(f"select * from {table.name}{part}").to_arrow_table())
        copy.execute(f"create table {table.name} as select * from given")
        copy.unregister("given")
    return copy
