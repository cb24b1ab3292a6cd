"""Rows of invented features, as the contract names them, with a label that follows a rule we know."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..schema import Column, Contract

CATEGORIES = ("AA", "BB", "CC", "DD")
NULLS = 0.2
UNSEEN = "??"
DAYS = 60
Rule = Callable[[pd.DataFrame], NDArray[np.bool_]]


def table(contract: Contract, rows: int, rule: Rule, seed: int) -> pd.DataFrame:
    """Every column of the features, drawn evenly and independently, a fifth of the values missing; the label by `rule`.

    Rows stand in the order of time. Numbers lie within the contract's limits, categories are the allowed ones or
    `CATEGORIES`.
    """
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({column.name: _column(column, rows, draw) for column in contract.features.columns})
    return frame.assign(**{contract.target: rule(frame).astype(float)})


def _column(column: Column, rows: int, draw: np.random.Generator) -> object:
    if column.kind in {"date", "time"}:
        days = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.sort(draw.integers(0, DAYS, rows)), unit="D")
        return days if column.kind == "date" else days.tz_localize("UTC")
    if column.kind == "text":
        return [f"{column.name} {i}" for i in range(rows)]
    missing = draw.random(rows) < NULLS
    if column.kind == "category":
        values = draw.choice(np.array(column.allowed or CATEGORIES, dtype=object), rows)
        return pd.Series(values, dtype="str").mask(missing)
    low, high = column.low or 0.0, 100.0 if column.high is None else column.high
    # Of whole numbers the highest is one too: of 0 and 1, both.
    numbers = np.floor(draw.uniform(low, high + 1, rows)) if column.kind == "integer" else draw.uniform(low, high, rows)
    return np.where(missing, np.nan, numbers)
