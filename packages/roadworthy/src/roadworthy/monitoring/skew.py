"""Skew between training and serving: what the service was given, against what the batch path gives for the same keys.

The batch path is the SQL over the snapshot that training learned from. Where both speak of the same row they must
say the same: another value is a fault of one of them, in every season, and no statistic of one column can be as sure.
So one window rings. Values are compared as float32, as the model sees them; missing equals missing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .counts import Columns
from .monitors import MIN_ROWS, Reading, Thresholds, Window

Index = Mapping[object, int]


def readings(names: Sequence[str], windows: Sequence[Window], batch: Columns, thresholds: Thresholds) -> list[Reading]:
    """The share of differing values of each feature in each window; `batch` holds the features and "key" as arrays."""
    index = {key: row for row, key in enumerate(batch["key"].tolist())}
    return [reading for window in windows for reading in _window(names, window, (batch, index), thresholds)]


def differs(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two arrays of one shape have another value; NaN is equal to NaN, None to None."""
    if one.dtype == object:
        return np.array([a != b and not (_missing(a) and _missing(b)) for a, b in zip(one, other, strict=True)], bool)
    a, b = (np.asarray(values, dtype=np.float32) for values in (one, other))
    return np.asarray((a != b) & ~(np.isnan(a) & np.isnan(b)))


def _window(
    names: Sequence[str], window: Window, batch: tuple[Columns, Index], thresholds: Thresholds
) -> list[Reading]:
    keys = window.columns["key"].tolist() if "key" in window.columns else []
    own, theirs = _both(keys, batch[1])
    if len(own) < MIN_ROWS:
        reason = f"not judged: the batch path knows {len(own):,} of {len(keys):,} keys, at least {MIN_ROWS}"
        return [Reading(window.name, "skew", name, np.nan, thresholds.max_skew, None, reason) for name in names]
    found = []
    for name in names:
        logged, made = window.columns[name][own], batch[0][name][theirs]
        bad = differs(logged, made)
        share = float(bad.mean())
        evidence = f"{share:.1%} of {len(own):,} values differ from the batch path, limit {thresholds.max_skew:.1%}"
        if bad.any():
            at = int(np.argmax(bad))
            evidence += f"; {keys[own[at]]}: {_told(logged[at])}, not {_told(made[at])}"
        violated = share > thresholds.max_skew
        found.append(Reading(window.name, "skew", name, share, thresholds.max_skew, violated, evidence))
    return found


def _both(keys: Sequence[object], index: Index) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    pairs = [(row, index[key]) for row, key in enumerate(keys) if key in index]
    own, theirs = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(own, dtype=np.intp), np.array(theirs, dtype=np.intp)


def _missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN is the value that differs from itself


def _told(value: Any) -> str:
    if _missing(value):
        return "nothing"
    return value if isinstance(value, str) else f"{float(value):.5g}"
