"""Answers that are numbers: take them in whatever holds them, name the known mistake behind a wrong one."""

import sys
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .answers import require
from .checks import Fault

Floats = NDArray[np.float64]


def kind(found: object) -> str:
    """What came, when it is not what was asked for."""
    return "None" if found is None else f"a {type(found).__name__}"


def number(found: object, what: str) -> float:
    """The answer as a number, which may be NaN; Fault when it is something else."""
    try:
        return float(np.asarray(found, dtype=float).item())
    except (TypeError, ValueError):
        cause = "Is something else returned, or a whole array?"
        raise Fault(expected=f"{what}: a number", came=kind(found), cause=cause) from None


def pair(found: object, names: str) -> tuple[float, float]:
    """Two numbers, in a tuple, list or array; `names` such as "low, high"."""
    if not isinstance(found, (tuple, list, np.ndarray)) or len(found) != 2:
        raise Fault(expected=f"two numbers, {names}", came=kind(found), cause=f"End with: return {names}")
    first, second = names.split(", ")
    return number(found[0], first), number(found[1], second)


def column(found: object, rows: pd.DataFrame) -> Floats:
    """One number for each of the rows, in their order, whatever holds them."""
    try:
        values = np.asarray(found, dtype=float).squeeze()
    except (TypeError, ValueError):
        values = np.zeros(0)
    came = f"{values.size} of them" if values.size > 1 else kind(found)
    cause = "Does a merge or a filter lose rows, or is it one number for each driver? map keeps the rows as they are"
    expected = f"{len(rows)} numbers, one for each row of test"
    require(values.shape == (len(rows),), expected=expected, came=came, cause=cause)
    return values


def named(value: float, mistakes: Mapping[str, float], otherwise: str, within: float = 1e-6) -> str:
    """The cause whose own value is nearest to the one that came, if it is `within` reach."""
    nearest = min(mistakes, key=lambda cause: abs(mistakes[cause] - value), default=otherwise)
    return nearest if abs(mistakes.get(nearest, np.inf) - value) <= within else otherwise


def interval(values: ArrayLike, day: ArrayLike, draws: int = 2000) -> tuple[float, float]:
    """The 95% interval of the mean of all values, shape (rows,), by drawing whole days with replacement."""
    code = np.unique(np.asarray(day), return_inverse=True)[1]
    sums, counts = np.bincount(code, np.asarray(values, dtype=float)), np.bincount(code)
    drawn = np.random.default_rng(0).integers(0, len(counts), (draws, len(counts)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def modules(call: Callable[[], object]) -> set[str]:
    """The modules whose Python functions are called."""
    used: set[str] = set()
    before = sys.getprofile()
    sys.setprofile(lambda frame, *_: used.add(str(frame.f_globals.get("__name__", ""))))
    try:
        call()
    finally:
        sys.setprofile(before)
    return used
