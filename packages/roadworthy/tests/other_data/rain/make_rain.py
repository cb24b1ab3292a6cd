"""The table of this project: the weather of Seattle on each day from 2012 to 2015 (NOAA, as vega_datasets has it)."""

from importlib.resources import files
from pathlib import Path

import pandas as pd

from roadworthy.data.snapshots import seal_snapshot


def make(folder: Path) -> None:
    """Write the table, as it travels inside vega_datasets, and seal it."""
    # Read as a file: the package is not needed for it, nor does it name its data sets to type checkers.
    with (files("vega_datasets") / "_data" / "seattle-weather.csv").open() as file:
        table = pd.read_csv(file)
    table["date"] = pd.to_datetime(table["date"]).dt.date
    folder.mkdir(parents=True, exist_ok=True)
    table.rename(columns={"date": "day"}).to_parquet(folder / "days.parquet")
    seal_snapshot(folder)
