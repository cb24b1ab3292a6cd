"""What may happen to the chargers in production."""

from collections.abc import Mapping
from datetime import datetime

import pandas as pd


def tariff_in_cents(rows: pd.DataFrame, worlds: Mapping[str, pd.DataFrame], start: datetime) -> pd.DataFrame:
    """The price comes in dollars of another currency: a third of what it was."""
    del worlds, start
    return rows.assign(price=rows["price"] / 3)


def site_closed(rows: pd.DataFrame, worlds: Mapping[str, pd.DataFrame], start: datetime) -> pd.DataFrame:
    """The busiest site has no electricity."""
    del worlds, start
    kept: pd.DataFrame = rows[rows["site"] != rows["site"].mode()[0]]
    return kept


INCIDENTS = {"tariff-in-cents": tariff_in_cents, "site-closed": site_closed}
