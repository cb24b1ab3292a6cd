"""What may happen to the bookings of a hotel."""

from collections.abc import Mapping
from datetime import datetime

import pandas as pd


def euros_as_cents(rows: pd.DataFrame, _: Mapping[str, pd.DataFrame], start: datetime) -> pd.DataFrame:
    """The usual price comes in hundreds of euros from then on."""
    late = rows["asked_at"] >= start
    return rows.assign(usual_price=rows["usual_price"].where(~late, rows["usual_price"] / 100))
