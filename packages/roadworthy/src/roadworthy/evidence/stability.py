"""Numbers that must stay numbers: of the features, in the model, of its answers to ordinary and extreme rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import export
from ..bundle import Bundle
from ..model_tests import without_values
from ..schema import Contract
from ..signature import LARGEST
from . import trees
from .bench import Bench, NotJudgedError

Floats = NDArray[np.float64]
ROWS = 8  # ordinary rows whose values are then made extreme
BATCHES = (1, 7, 64)
ARITHMETIC = "out of range"  # how DuckDB begins when a calculation has no result: the logarithm of 0, a sum too large
CERTAIN = 1e-3  # a probability closer than this to 0 or 1 claims to be certain


@dataclass(frozen=True)
class Numbers:
    """Counts of what is no number or out of bounds, each with how many there are in all.

    `infinite` names features with infinite values. `leaves` are steps of the log-odds, `largest` the largest of them.
    `outside` counts answers that are not strictly between 0 and 1, `extremes` the same for extreme rows. `certain` is
    the share of answers that claim certainty, `batches` the largest difference between answers in batches of any size.
    `error` says that the features could not even be calculated.
    """

    infinite: tuple[str, ...]
    inner: int
    inner_bad: int
    largest: float
    answers: int
    outside: int
    certain: float
    extreme: int
    extreme_outside: int
    batches: float
    error: str = ""


def measure(bench: Bench) -> Numbers:
    """Look at every feature, node and answer of the version under judgement."""
    try:
        _ = bench.frame
    except NotJudgedError as reason:
        if ARITHMETIC not in str(reason).lower():
            raise
        return Numbers((), 0, 0, 0.0, 0, 0, 0.0, 0, 0, 0.0, error=str(reason))
    answers = bench.answers  # first: a file that is damaged is not for this gate to find
    inside = trees.read(bench.folder / "model.onnx")
    steps, thresholds = inside.leaves, inside.thresholds
    base = bench.test.iloc[:: max(1, len(bench.test) // ROWS)]
    inputs = np.concatenate(list(extremes(bench.contract, bench.bundle, base)))
    finite = steps[np.isfinite(steps)]
    return Numbers(
        infinite=infinite(bench.frame, bench.bundle.names),
        inner=len(steps) + len(thresholds),
        # A threshold of +inf is right: it parts what is missing from every number.
        inner_bad=int((~np.isfinite(steps)).sum() + (~(thresholds > -np.inf)).sum()),
        largest=float(np.abs(finite).max(initial=0.0)),
        answers=len(answers),
        outside=outside(answers),
        certain=float(np.mean((answers < CERTAIN) | (answers > 1 - CERTAIN))),
        extreme=len(inputs),
        extreme_outside=outside(bench.bundle.predict(inputs)),
        batches=by_batches(bench.bundle, inputs),
    )


def infinite(frame: pd.DataFrame, names: list[str]) -> tuple[str, ...]:
    """The features with an infinite value, or one that float32 cannot hold."""
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(frame[name])]
    return tuple(name for name in numbers if (frame[name].abs() > LARGEST).any())


def extremes(contract: Contract, bundle: Bundle, base: pd.DataFrame) -> Iterator[NDArray[np.float32]]:
    """X of ordinary rows: as they are, without values, every number at its bounds and at the ends of float32."""
    encoded = bundle.encode_columns(export.columns(base, bundle.names))
    yield encoded
    yield bundle.encode_columns(export.columns(without_values(contract, base), bundle.names))
    yield np.full((1, encoded.shape[1]), np.nan, dtype=np.float32)
    tiny = float(np.finfo(np.float32).smallest_subnormal)
    for i, feature in enumerate(bundle.signature.features):
        if feature.kind != "category":
            for value in (*feature.bounds, -LARGEST, LARGEST, tiny, 0.0):
                changed = encoded.copy()
                changed[:, i] = value
                yield changed


def outside(answers: Floats) -> int:
    """How many answers are not strictly between 0 and 1; NaN is none."""
    return int((~((answers > 0) & (answers < 1))).sum())


def by_batches(bundle: Bundle, inputs: NDArray[np.float32]) -> float:
    """The largest difference between the answers to all rows at once and in batches of several sizes."""
    whole = bundle.predict(inputs)
    differences = [
        np.abs(np.concatenate([bundle.predict(part) for part in parts]) - whole)
        for parts in ([inputs[at : at + size] for at in range(0, len(inputs), size)] for size in BATCHES)
    ]
    return float(np.nan_to_num(np.max(differences), nan=1.0))
