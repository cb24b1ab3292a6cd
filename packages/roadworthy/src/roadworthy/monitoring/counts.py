"""Count the values of a column in the bins of the reference: the only step of drift that touches rows."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

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

    def plus(self, more: "Counts") -> "Counts":
        """The counts of these rows and of others, in the same bins."""
        return Counts(self.bins + more.bins, self.nulls + more.nulls, self.unseen + more.unseen)


def count(values: Any, bins: Mapping[str, Any]) -> Counts:
    """Count a column (rows,) of NumPy or Arrow in the bins of reference.json.

    Categories are strings, None or NaN when missing. Numbers are compared as float32, as the model sees them, NaN
    when missing; bin i holds edges[i - 1] <= x < edges[i]. A column that was counted elsewhere, part by part, is
    given as its Counts.
    """
    if isinstance(values, Counts):
        return values
    if bins["kind"] == "category":
        return _categories(values, bins["categories"])
    numbers = float32(values)
    known = len(numbers) - int(np.count_nonzero(np.isnan(numbers)))
    # Comparing all rows with one edge after the other is many times faster than a search for each row.
    edges = np.asarray(bins["edges"], dtype=np.float32)
    from_edge = [known, *(int(np.count_nonzero(numbers >= edge)) for edge in edges), 0]
    inside = np.array(from_edge[:-1], dtype=np.int64) - np.array(from_edge[1:], dtype=np.int64)
    return Counts(inside, len(numbers) - known, 0)


def expected(bins: Mapping[str, Any]) -> Counts:
    """The counts of the reference itself."""
    return Counts(np.asarray(bins["counts"], dtype=np.int64), int(bins["nulls"]), 0)


def numeric_bins(values: Any) -> dict[str, Any]:
    """Bins of a number for reference.json: edges at the deciles, and the counts in them.

    A value that holds more than a decile (no precipitation, two engines) gets a bin of its own; without that, most
    of such a column would fall into one bin and no change of it would be seen.
    """
    numbers = float32(values)
    known = np.sort(numbers[~np.isnan(numbers)])
    edges = _edges(known)
    below = np.concatenate([[0], np.searchsorted(known, edges, side="left"), [len(known)]])
    bins: dict[str, Any] = {"kind": "number", "edges": [float(edge) for edge in edges]}
    return {**bins, "counts": np.diff(below).tolist(), "nulls": len(numbers) - len(known)}


def category_bins(values: Any, categories: list[str] | None = None) -> dict[str, Any]:
    """Bins of a category for reference.json: one for each category that training knows, in the order of the codes.

    Without `categories`, those that the column has, in the order of the alphabet.
    """
    times = _times(values)
    known = sorted(each for each in times if each is not None) if categories is None else list(categories)
    found = _in(times, known)
    return {"kind": "category", "categories": known, "counts": found.bins.tolist(), "nulls": found.nulls}


def _categories(values: Any, categories: list[str]) -> Counts:
    return _in(_times(values), categories)


def _in(times: Mapping[Any, int], categories: list[str]) -> Counts:
    bins = np.array([times.get(category, 0) for category in categories], dtype=np.int64)
    nulls = times.get(None, 0)
    return Counts(bins, nulls, sum(times.values()) - nulls - int(bins.sum()))


def _times(values: Any) -> dict[Any, int]:
    """How often each value occurs; None for the missing ones."""
    times: Counter[Any] = Counter()
    if _is_arrow(values):
        # By the codes of a dictionary, without a Python object for each row.
        counted = values.value_counts()
        for value, rows in zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True):
            times[value] += rows
        return dict(times)
    for value, rows in Counter(values.tolist()).items():
        times[None if value is None or value != value else value] += rows  # noqa: PLR0124 (NaN)
    return dict(times)


def float32(values: Any) -> NDArray[np.float32]:
    """A column of numbers, of NumPy or Arrow, as the model sees it; NaN for a missing one."""
    if _is_arrow(values):
        values = values.to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float32)


def _is_arrow(values: Any) -> bool:
    # The service counts too, and has no Arrow.
    return hasattr(values, "dictionary_encode")


def _edges(known: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(known):
        return known
    deciles = known[(len(known) * np.arange(1, 10)) // 10]
    edges, times = np.unique(deciles, return_counts=True)
    after = np.searchsorted(known, edges[times > 1], side="right")
    return np.unique(np.append(edges, known[after[after < len(known)]]))
