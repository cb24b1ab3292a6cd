"""Count the values of a column in the bins of the reference: the only step of drift that touches rows."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]


class Counts(NamedTuple):
    """Rows per bin of the reference, rows without a value, rows with a category that the reference lacks."""

    bins: NDArray[np.int64]
    nulls: int
    unseen: int

    @property
    def vector(self) -> NDArray[np.int64]:
        """All rows as one vector (bins + 2,): null and unseen are bins of their own at its end."""
        return np.append(self.bins, [self.nulls, self.unseen])

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.vector.sum())


def count(values: NDArray[Any], bins: Mapping[str, Any]) -> Counts:
    """Count a column in the bins of reference.json.

    Categories are strings, None or NaN when missing. Numbers are compared as float32, as the model sees them, NaN
    when missing; bin i holds edges[i - 1] <= x < edges[i].
    """
    if bins["kind"] == "category":
        return _categories(values, bins["categories"])
    edges = np.asarray(bins["edges"], dtype=np.float32)
    numbers = np.asarray(values, dtype=np.float32)
    known = numbers[~np.isnan(numbers)]
    inside = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return Counts(inside.astype(np.int64), len(numbers) - len(known), 0)


def expected(bins: Mapping[str, Any]) -> Counts:
    """The counts of the reference itself."""
    return Counts(np.asarray(bins["counts"], dtype=np.int64), int(bins["nulls"]), 0)


def numeric_bins(values: NDArray[Any]) -> dict[str, Any]:
    """Bins of a number for reference.json: edges at the deciles, and the counts in them.

    A value that holds more than a decile (no precipitation, two engines) gets a bin of its own; without that, most
    of such a column would fall into one bin and no change of it would be seen.
    """
    numbers = np.asarray(values, dtype=np.float32)
    known = np.sort(numbers[~np.isnan(numbers)])
    bins: dict[str, Any] = {"kind": "number", "edges": [float(edge) for edge in _edges(known)]}
    found = count(numbers, bins)
    return {**bins, "counts": found.bins.tolist(), "nulls": found.nulls}


def category_bins(values: NDArray[Any], categories: list[str]) -> dict[str, Any]:
    """Bins of a category for reference.json: one for each category that training knows, in the order of the codes."""
    found = _categories(values, categories)
    bins = {"kind": "category", "categories": list(categories)}
    return {**bins, "counts": found.bins.tolist(), "nulls": found.nulls}


def _categories(values: NDArray[Any], categories: list[str]) -> Counts:
    found = Counter(values.tolist())
    nulls = sum(n for value, n in found.items() if value is None or value != value)  # noqa: PLR0124 (NaN)
    bins = np.array([found[category] for category in categories], dtype=np.int64)
    return Counts(bins, nulls, len(values) - nulls - int(bins.sum()))


def _edges(known: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(known):
        return known
    deciles = known[(len(known) * np.arange(1, 10)) // 10]
    edges, times = np.unique(deciles, return_counts=True)
    after = np.searchsorted(known, edges[times > 1], side="right")
    return np.unique(np.append(edges, known[after[after < len(known)]]))
