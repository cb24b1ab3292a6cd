"""The checks of exercise 01. Each takes an answer and returns what is wrong with it, or nothing when it is right.

An answer is SQL. It is run on flights that you have not seen: some days of another month, so that a number copied from
an output is no answer.
"""

import duckdb
import pandas as pd

from mle_standin import data
from mle_standin import settings

DAYS = "(month = 2 and day in (3, 4, 11)) or (month = 11 and day in (4, 5)) or (month = 12 and day = 31)"


def q1(answer: object) -> str:
    """One row per carrier: carrier, name, flights, late_share."""
    connection = _opened()
    flights, airlines = data.ask(connection, "from flights"), data.ask(connection, "from airlines")
    right = flights.groupby("carrier")["arr_delay"].agg(
        flights="size", late_share=lambda delay: (delay.dropna() >= 15).mean()
    )
    right = right.join(airlines.set_index("carrier")["name"]).reset_index()
    found, problem = _table(connection, answer, ["carrier", "name", "flights", "late_share"])
    if problem:
        return problem
    if len(found) != len(right):
        return f"expected one row for each of {len(right)} carriers, {len(found)} rows came. Is it grouped by carrier?"
    both = right.merge(found, on="carrier", suffixes=("", "_yours"))
    if (both["flights"] != both["flights_yours"]).any():
        return "the numbers of flights differ. Were flights without an arrival delay left out? They are flights too."
    if (both["name"] != both["name_yours"]).any():
        return "the names are not those of the carriers. Which column joins flights and airlines?"
    off = both["late_share_yours"].astype(float) - both["late_share"]
    if (off.abs() > 1e-9).any():
        where = both.loc[off.abs().idxmax()]
        came = f"{where['carrier']}: expected {where['late_share']:.4f}, {float(where['late_share_yours']):.4f} came."
        if abs(float(where["late_share_yours"])) > 1:
            return f"{came} Is it a count? A share lies between 0 and 1."
        return f"{came} A cancelled flight has no arrival delay and is neither late nor punctual; late is >= 15."
    return ""


def q2(answer: object) -> str:
    """One row per flight with the weather of its hour: carrier, flight, time_hour, temp, wind_speed."""
    connection = _opened()
    expected = len(data.ask(connection, "select 1 from flights"))
    found, problem = _table(connection, answer, ["carrier", "flight", "time_hour", "temp", "wind_speed"])
    if problem:
        return problem
    if len(found) > expected:
        return f"{expected:,} flights became {len(found):,} rows. Three airports report each hour: join by origin too."
    if len(found) < expected:
        return f"{expected:,} flights became {len(found):,} rows. An inner join loses those without weather."
    right = data.ask(connection, "select sum(temp) as t from flights left join weather using (origin, time_hour)")
    if abs(float(found["temp"].sum()) - float(right["t"][0])) > 1e-6:
        return "the rows are as many as the flights, but not with the weather of their own airport and hour."
    return ""


def q3(answer: object) -> str:
    """As q2, with the weather that was known at the scheduled departure: the last full hour's."""
    connection = _opened()
    expected = len(data.ask(connection, "select 1 from flights"))
    found, problem = _table(connection, answer, ["carrier", "flight", "time_hour", "temp", "wind_speed"])
    if problem:
        return problem
    if len(found) != expected:
        return f"{expected:,} flights became {len(found):,} rows. An asof left join keeps each of them once."
    known, same = (data.ask(connection, _as_of(hours))["temp"].sum() for hours in (1, 0))
    if abs(found["temp"].sum() - same) < 1e-6:
        return "this is the weather of the hour of departure, which is complete only when the flight has left: a leak."
    if abs(found["temp"].sum() - known) > 1e-6:
        return "not the last full hour's weather. An observation of 9:00 is known at 10:00; for 10:59 it is the last."
    return ""


def _opened() -> duckdb.DuckDBPyConnection:
    snapshot = settings.load().snapshot("2023")
    connection = data.connect(snapshot.folder, snapshot.repair)
    connection.execute(f"create table chosen as select * from flights where {DAYS}")
    connection.execute("create or replace view flights as select * from chosen")
    return connection


def _table(connection: duckdb.DuckDBPyConnection, answer: object, names: list[str]) -> tuple[pd.DataFrame, str]:
    if not isinstance(answer, str):
        return pd.DataFrame(), f"expected SQL as text, a {type(answer).__name__} came."
    found = data.ask(connection, answer)
    missing = [name for name in names if name not in found]
    return found, f"expected a column {missing[0]!r}, {', '.join(found)} came." if missing else ""


def _as_of(hours: int) -> str:
    known = f"select *, time_hour + interval {hours} hour as known_at from weather"
    join = "f.origin = w.origin and f.time_hour + to_minutes(f.minute) >= w.known_at"
    return f"select w.temp from flights f asof left join ({known}) w on {join}"
