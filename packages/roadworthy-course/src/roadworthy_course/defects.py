"""Faults planted into clean charging sessions, and ways to hold sessions against a learner's part of a contract."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from roadworthy.contract import checks
from roadworthy.contract.checks import Report
from roadworthy.contract.schema import Column, Law, Rule, Table

from .answers import arrow, opened

TWICE = 6  # sessions that are sent twice
KEY = ("site", "session")
COLUMNS = (
    Column(name="session", kind="integer", about="number, counted by each site", low=1, high=100_000),
    Column(name="site", kind="category", about="where"),
    Column(name="driver", kind="text", about="who", private=True),
    Column(name="plug", kind="category", about="which plug"),
    Column(name="started", kind="time", about="plugged in"),
    Column(name="ended", kind="time", about="unplugged", known="after", max_null=1),
    Column(name="kwh", kind="number", about="energy", unit="kWh", max_null=1),
    Column(name="dollars", kind="number", about="the fee", low=0, high=100),
)


def table(columns: Sequence[Column] = (), rules: Sequence[Rule] = (), laws: Sequence[Law] = ()) -> Table:
    """The contract of `sessions` with these columns in place of those that expect nothing, these rules and laws."""
    own = {column.name: column for column in columns}
    every = tuple(own.get(column.name, column) for column in COLUMNS)
    return Table(name="sessions", columns=every, key=KEY, rules=tuple(rules), laws=tuple(laws))


def judged(sessions: pd.DataFrame, contract: Table, max_quarantined: float = 1.0) -> Report:
    """What the checks of the project say of these sessions; row numbers begin with 1."""
    report = Report()
    with opened({"sessions": arrow(sessions)}) as connection:
        checks.check_table(connection, contract, report, max_quarantined=max_quarantined)
    return report


def broken_laws(sessions: pd.DataFrame, laws: Sequence[Law]) -> list[str]:
    """What the laws that do not hold say."""
    with opened({"sessions": arrow(sessions)}) as connection:
        found = [connection.execute(f"select {law.figure} from sessions").fetchall() for law in laws]
    figures = [float(rows[0][0]) for rows in found]
    return [
        f"{law.name}: {figure:.4g}, not in {law.low:g} to {law.high:g}"
        for law, figure in zip(laws, figures, strict=True)
        if not law.low <= figure <= law.high
    ]


def sent_twice(rows: pd.DataFrame) -> pd.DataFrame:
    """Some sessions again, with more energy and a later end."""
    again = rows[rows["ended"].notna()].iloc[10 : 10 + TWICE]
    again = again.assign(kwh=again["kwh"] + 0.5, ended=again["ended"] + pd.Timedelta(minutes=3))
    return pd.concat([rows, again], ignore_index=True)


def swapped(rows: pd.DataFrame) -> pd.DataFrame:
    """Start and end of some sessions swapped."""
    at = _ended(rows).index[20:25]
    planted = rows.copy()
    planted.loc[at, "started"], planted.loc[at, "ended"] = rows.loc[at, "ended"], rows.loc[at, "started"]
    return planted


def too_fast(rows: pd.DataFrame) -> pd.DataFrame:
    """Sessions of an hour and a half, more or less, with 30 kW."""
    hours = _hours(rows)
    at = rows[(hours > 0.3) & (hours < 3)].index[:6]
    planted = rows.copy()
    planted.loc[at, "kwh"] = (30 * hours[at]).round(2)
    return planted


def no_fee(rows: pd.DataFrame) -> pd.DataFrame:
    """No fee for sessions of more than five hours."""
    at = rows[_hours(rows) > 5].index[:5]
    planted = rows.copy()
    planted.loc[at, "dollars"] = 0.0
    return planted


def fee_from_start(rows: pd.DataFrame) -> pd.DataFrame:
    """A fee for the free hours."""
    hours = _hours(rows)
    at = rows[(hours > 1) & (hours < 3.5)].index[:5]
    planted = rows.copy()
    planted.loc[at, "dollars"] = hours[at].round(2)
    return planted


def mixed(rows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, dict[tuple[str, int], list[str]]]:
    """Some rows with one fault, some with two; and by site and session which columns are wrong in which row."""
    chosen = np.random.default_rng(seed).choice(_ended(rows).index, 14, replace=False)
    planted, reasons = rows.copy(), {}
    for number, at in enumerate(chosen):
        wrong = [["kwh"], ["plug"], ["ended"], ["kwh", "plug"], ["plug", "ended"]][number % 5]
        if "kwh" in wrong:
            planted.loc[at, "kwh"] = [-3.0, 250.0, np.nan][number % 3]
        if "plug" in wrong:
            planted.loc[at, "plug"] = "schuko"
        if "ended" in wrong:
            planted.loc[at, "ended"] = planted.loc[at, "started"] - pd.Timedelta(hours=1)
        reasons[str(rows.loc[at, "site"]), int(rows.loc[at, "session"])] = wrong
    return planted.set_index(planted.index + 1000), reasons


def local_as_utc(rows: pd.DataFrame) -> pd.DataFrame:
    """All times eight hours early."""
    early = pd.Timedelta(hours=8)
    return rows.assign(started=rows["started"] - early, ended=rows["ended"] - early)


def late_clock(rows: pd.DataFrame) -> pd.DataFrame:
    """All times five hours late."""
    late = pd.Timedelta(hours=5)
    return rows.assign(started=rows["started"] + late, ended=rows["ended"] + late)


def silent_site(rows: pd.DataFrame) -> pd.DataFrame:
    """A site sends nothing."""
    kept: pd.DataFrame = rows[rows["site"] != rows["site"].max()].reset_index(drop=True)
    return kept


def in_watt_hours(rows: pd.DataFrame) -> pd.DataFrame:
    """A site sends Wh."""
    return rows.assign(kwh=rows["kwh"].where(rows["site"] != rows["site"].min(), rows["kwh"] * 1000))


def frozen(rows: pd.DataFrame) -> pd.DataFrame:
    """A site always sends the same energy."""
    return rows.assign(kwh=rows["kwh"].where(rows["site"] != rows["site"].min(), 11.4))


def ends_missing(rows: pd.DataFrame) -> pd.DataFrame:
    """The end of three sessions in ten is missing."""
    return rows.assign(ended=rows["ended"].where(np.arange(len(rows)) % 10 > 2))


def _ended(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["ended"].notna()]


def _hours(rows: pd.DataFrame) -> "pd.Series[float]":
    return (rows["ended"] - rows["started"]).dt.total_seconds() / 3600
