"""Answers that are functions of pandas tables: call them, and look at what comes back and at what they were given."""

from typing import Any

import numpy as np
import pandas as pd

from .answers import called, require
from .checks import Fault, NotAnsweredError

COPY = "Does it write a column, sort or fill in the table that it got? Begin with a copy, or use assign"
GLOBAL = "Does it read df or sessions of the notebook, where its argument is meant?"


def run(function: object, *given: Any, expected: str, cause: str) -> Any:
    """What the answer returns; Fault with this cause when it stops with an error."""
    try:
        return called(function, *given)
    except (Fault, NotAnsweredError):
        raise
    except Exception as error:
        came = f"{type(error).__name__}: {error}"
        raise Fault(expected=expected, came=came, cause=cause) from error


def shuffled(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rows in another order, with an index that does not begin with 0 and has gaps."""
    mixed = rows.set_axis(1000 + 7 * np.arange(len(rows)), axis=0)
    return mixed.iloc[np.random.default_rng(seed).permutation(len(rows))]


def unchanged(given: pd.DataFrame, kept: pd.DataFrame) -> None:
    """Fault unless the table is as it was."""
    more = [str(name) for name in given.columns if name not in kept.columns]
    came = f"a new column {more[0]} in it" if more else "another table"
    require(given.equals(kept), expected="the table that was given stays as it is", came=came, cause=COPY)


def column(found: object, rows: pd.DataFrame) -> pd.Series:
    """What was returned as numbers in the order of the rows; Fault when it does not belong to them."""
    if isinstance(found, (list, tuple, np.ndarray)) and np.shape(found) == (len(rows),):
        found = pd.Series(found, index=rows.index)
    if not isinstance(found, pd.Series):
        cause = "Return the column itself, not a table, and end with return"
        raise Fault(expected="a Series", came=f"a {type(found).__name__}", cause=cause)
    came = f"{len(found)} rows, index from {found.index.min()} to {found.index.max()}"
    cause = "Was a row left out, or the index made anew by reset_index, merge or sort? Bring it back to rows.index"
    require(
        len(found) == len(rows) and set(found.index) == set(rows.index),
        expected=f"a Series of {len(rows)} rows with the index of the rows that were given",
        came=came,
        cause=GLOBAL if len(found) > len(rows) else cause,
    )
    return pd.to_numeric(found, errors="coerce").astype(float).reindex(rows.index)


def same(left: object, right: object, tolerance: float = 1e-9) -> np.ndarray:
    """Where two columns of numbers are equal; missing ones are."""
    one, other = (np.asarray(each, dtype=float) for each in (left, right))
    equal: np.ndarray = np.isclose(one, other, rtol=0, atol=tolerance, equal_nan=True)
    return equal
