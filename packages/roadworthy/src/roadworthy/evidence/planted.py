"""Windows of predictions that are planted: as the reference of a version has them, or broken in a known way.

They come from reference.json alone and not from the data, so that they say something about the monitors only.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..monitoring.counts import Columns, expected
from ..monitoring.drift import largest_psi
from ..monitoring.monitors import MIN_ROWS
from ..monitoring.watch import DAYS

END = datetime(2001, 1, 1, tzinfo=UTC)
DELAY = timedelta(days=1)  # after which a label is due
ROWS = max(1400, 2 * MIN_ROWS)  # of a window
UNSEEN = "planted, never seen"
TELLING = 1.0  # PSI; .25 is another population by convention, so no limit should be beyond that


def usual(reference: Mapping[str, Any], windows: int, seed: int = 0) -> dict[str, Any]:
    """Predictions of some windows before `END` with each feature as in training, and labels that bear them out."""
    order = np.random.default_rng(seed)
    bins = {**reference["features"], "probability": reference["prediction"]}
    columns = {name: [order.permutation(_drawn(each)) for _ in range(windows)] for name, each in bins.items()}
    found: dict[str, Any] = {name: np.concatenate(parts) for name, parts in columns.items()}
    found["probability"] = np.clip(found["probability"].astype(np.float64), 0, 1)
    return {**_about(windows * ROWS), **found, "label": _borne_out(found["probability"])}


def broken(reference: Mapping[str, Any], windows: int) -> dict[str, Any]:
    """The same with nothing as in training: categories unseen, numbers all in their rarest bin, ranks upside down."""
    found = usual(reference, windows)
    for name, bins in reference["features"].items():
        found[name] = np.full(windows * ROWS, UNSEEN if bins["kind"] == "category" else _rarest(bins), dtype=object)
    parts = found["probability"].reshape(windows, ROWS)
    return {**found, "label": (np.argsort(np.argsort(parts, axis=1), axis=1) < ROWS // 2).astype(int).ravel()}


def must_ring(reference: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The monitors and subjects that what is broken concerns, without numbers that the season moves as far."""
    found = [("auc", ""), ("skill", ""), ("calibration", "")]
    seasonal = reference.get("limits", {}).get("drift", {})
    for name, bins in reference["features"].items():
        if bins["kind"] == "category":
            found.append(("unseen", name))
        elif largest_psi(expected(bins)) > max(TELLING, 2 * seasonal.get(name, 0.0)):
            found.append(("drift", name))
    return found


def _about(rows: int) -> dict[str, Any]:
    """Keys and times, evenly over the windows."""
    step = timedelta(days=DAYS) / ROWS
    times = [END - (rows - at - 0.5) * step for at in range(rows)]
    return {"key": [f"planted {at}" for at in range(rows)], "time": times}


def _drawn(bins: Mapping[str, Any]) -> NDArray[Any]:
    """As many values as a window has rows, in the bins as in training; a number is the least of its bin."""
    counts = expected(bins).vector
    share = np.cumsum(counts) / counts.sum()
    at = np.searchsorted(share, (np.arange(ROWS) + 0.5) / ROWS)
    values: Columns = {"values": np.array([*_values(bins), None, UNSEEN], dtype=object)}
    return values["values"][at]


def _values(bins: Mapping[str, Any]) -> list[Any]:
    if bins["kind"] == "category":
        return list(bins["categories"])
    edges = [float(edge) for edge in bins["edges"]]
    return [float(np.nextafter(np.float32(edges[0]), np.float32(-np.inf))) if edges else 0.0, *edges]


def _rarest(bins: Mapping[str, Any]) -> Any:
    counts = np.asarray(bins["counts"], dtype=np.float64)
    return _values(bins)[int(np.argmin(np.where(counts > 0, counts, np.inf)))]


def _borne_out(probability: NDArray[np.float64]) -> NDArray[np.int64]:
    """Labels (0 or 1) that are as frequent as each probability says, evenly over the rows that have it."""
    label = np.zeros(len(probability), dtype=np.int64)
    for each in np.unique(probability):
        rows = np.flatnonzero(probability == each)
        label[rows] = np.diff(np.floor(np.arange(len(rows) + 1) * each + 0.5)).astype(np.int64)
    return label
