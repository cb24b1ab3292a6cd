"""What the training data looked like, in a few kilobytes that travel with the model: reference.json of the bundle."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import estimates, traffic
from .counts import Columns, category_bins, numeric_bins
from .relations import fit
from .season import limits, spreads, tests, weeks

HeldOut = tuple[ArrayLike, ArrayLike, NDArray[Any], NDArray[Any]]


def make(
    columns: Columns,
    predictions: ArrayLike,
    labels: ArrayLike,
    features: Sequence[Mapping[str, Any]],
    *,
    day: NDArray[Any] | None = None,
    months: Mapping[str, Columns] | None = None,
    every: int = 1,
    held_out: HeldOut | None = None,
) -> dict[str, Any]:
    """The content of reference.json, ready for JSON.

    `columns` are the features of the training rows by name: objects with None for a missing category, numbers with
    NaN. `features` are those of signature.json; private ones are left out, for the log does not keep them. `day`
    (datetime64, one for each row) lets the limits know how far weeks differ; without it the conventional ones hold.
    Each row stands for `every` that came. `held_out` are probabilities, labels, days and parts of training rows by
    models that had not seen them; without them nothing is estimated before labels arrive.
    """
    p = np.asarray(predictions, dtype=np.float64)
    numbers = [feature["name"] for feature in _public(features) if feature["kind"] != "category"]
    reference: dict[str, Any] = {
        **of_rows(columns, labels, features),
        "prediction": numeric_bins(p),
        "relations": fit(columns, numbers),
        "mean_prediction": float(p.mean()),
    }
    blocks = list((months or {}).values()) if day is None else weeks({**columns, "prediction": p}, day)
    spread = spreads(reference, blocks)
    reference |= {"limits": limits(spread), "spread": spread, "tests": tests(spread)}
    reference |= {} if day is None else {"traffic": traffic.describe(day, every)}
    return {**reference, "estimate": estimates.fit(*held_out) if held_out else {}}


def of_rows(columns: Columns, labels: ArrayLike, features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What of reference.json the rows alone decide: how many, the bins of each public feature, the base rate."""
    y = np.asarray(labels, dtype=np.float64)
    bins = {feature["name"]: _bins(columns[feature["name"]], feature) for feature in _public(features)}
    return {"rows": len(y), "features": bins, "base_rate": float(y.mean())}


def _public(features: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [feature for feature in features if not feature.get("private")]


def _bins(values: NDArray[Any], feature: Mapping[str, Any]) -> dict[str, Any]:
    if feature["kind"] == "category":
        return category_bins(values, list(feature["categories"]))
    return numeric_bins(values)
