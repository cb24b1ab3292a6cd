"""What may happen in the plant."""

from collections.abc import Mapping
from datetime import datetime

import pandas as pd


def sensor_silent(rows: pd.DataFrame, worlds: Mapping[str, pd.DataFrame], start: datetime) -> pd.DataFrame:
    """The cable of the vibration sensors is cut."""
    del worlds, start
    return rows.assign(vibration=float("nan"))


INCIDENTS = {"sensor-silent": sensor_silent}
