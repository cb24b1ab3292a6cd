"""Real rows and odd ones: every value missing once, categories that training has not seen, values on a threshold."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from ..model_tests import without_values
from ..schema import Contract
from ..signature import Feature
from .bench import NotJudgedError
from .trees import Trees

REAL = 300
EACH = 3  # rows with a feature missing, or with one unseen category
# Rows on each side of each threshold: one row passes a node of a certain threshold in some tree in most cases.
EDGE = 1
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LIKE_MISSING = ("NA", "NaN", "null")  # texts that a reader of CSV files may take for a missing value


def rows(contract: Contract, test: pd.DataFrame, features: Sequence[Feature], trees: Trees) -> tuple[pd.DataFrame, int]:
    """The rows, each with a key of its own, and how many of them are real ones, which come first."""
    sound = enough(test, features)
    real = sound.iloc[:: max(1, len(sound) // REAL)]
    some = real.sample(EACH, random_state=0, replace=True)
    nulls = [some.assign(**{feature.name: None}) for feature in features if feature.nullable]
    unseen = [some.iloc[:1].assign(**{f.name: text}) for f in features if f.kind == "category" for text in unseen_of(f)]
    edges = [on_edges(sound, f, trees.of(i)) for i, f in enumerate(features) if f.kind == "number"]
    parts = chain([real, without_values(contract, some)], nulls, unseen, edges)
    together = pd.concat([part.astype(_types(contract, test)) for part in parts], ignore_index=True)
    return together.assign(**{contract.key: [f"row-{i}" for i in range(len(together))]}), len(real)


def _types(contract: Contract, test: pd.DataFrame) -> dict[Any, Any]:
    """The types of the columns; a whole number that is missing nowhere in `test` may be missing here."""
    nullable = {column.name for column in contract.features.columns if column.nullable}
    types = test.dtypes.to_dict()
    return {n: "float64" if n in nullable and pd.api.types.is_integer_dtype(t) else t for n, t in types.items()}


def allowed(rows: pd.DataFrame, features: Sequence[Feature]) -> "pd.Series[bool]":
    """Which rows have every number inside its bounds and whole where it must be, or none where it may be missing."""
    inside = pd.Series(data=True, index=rows.index)
    for feature in features:
        values = rows[feature.name]
        if feature.kind != "category":
            whole = feature.kind == "number" or values.mod(1).eq(0)
            inside &= values.between(*feature.bounds) & whole | values.isna()
        if not feature.nullable:
            inside &= values.notna()
    return inside


def enough(rows: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """The allowed rows; NotJudgedError when less than half are: what every way refuses says nothing about any."""
    sound = rows[allowed(rows, features)]
    if len(sound) < len(rows) / 2:
        raise NotJudgedError(
            f"{len(rows) - len(sound):,} of {len(rows):,} rows are outside the limits of the signature"
        )
    return sound


def unseen_of(feature: Feature) -> list[str]:
    """Texts that the rule of a category allows and that training has not seen; none for a closed set."""
    if feature.allowed:
        return []
    varied = [f"{known[:-1]}{letter}" for known in feature.categories[:EACH] for letter in LETTERS]
    fits = [text for text in varied if text not in feature.categories and re.search(feature.pattern, text)]
    named = [text for text in LIKE_MISSING if text not in feature.categories and re.search(feature.pattern, text)]
    return [*fits[:EACH], *named]


def on_edges(test: pd.DataFrame, feature: Feature, thresholds: np.ndarray) -> pd.DataFrame:
    """Rows whose value is a threshold as the exported model has it, and the next larger number of 32 bits."""
    low, high = feature.bounds
    beside = np.concatenate([thresholds, np.nextafter(thresholds, np.float32(np.inf))]).astype(np.float64)
    values = np.repeat(beside[(beside >= low) & (beside <= high)], EDGE)
    sampled = test.sample(len(values), random_state=1, replace=True)
    return sampled.assign(**{feature.name: values})
