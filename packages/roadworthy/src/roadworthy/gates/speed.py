"""What an answer costs beside the version before; and whether its numbers stay numbers."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base import databases
from ..bundle.bundle import Bundle, frame_columns
from ..bundle.signature import LARGEST, Signature
from ..contract.schema import Contract
from ..model.evaluation import without_values
from ..serving import tracing
from ..serving.batch import score_file
from ..serving.predictor import Metrics, Predictor
from . import skew
from .bench import Bench, NotJudgedError

Floats = NDArray[np.float64]
FINITE = "finite"
STABILITY_ROWS = 8  # ordinary rows whose values are then made extreme
BATCHES = (1, 7, 64)
ARITHMETIC = "out of range"  # how DuckDB begins when a calculation has no result: the logarithm of 0, a sum too large
CERTAIN = 1e-3  # a probability closer than this to 0 or 1 claims to be certain
REPEATS = 15  # many short ones: the shorter, the more of them are not disturbed
LONG = 7  # repeats of what takes longer
ALONE = 30  # requests with one row, each repeat
ROWS = 3000  # rows of a file


@dataclass(frozen=True)
class Stability:
    """Counts of what is no number or out of bounds, each with how many there are in all.

    `infinite` names features with infinite values. `inner` counts the numbers in the model, `largest` is the largest
    step of its sum. `outside` counts answers that are no probability, `extremes` the same for extreme rows. `certain`
    is the share of answers that claim certainty, `batches` the largest difference between answers in batches of any
    size. `error` says that the features could not even be calculated, `right` what an answer must be.
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
    right: str = "between 0 and 1"


def measure_stability(bench: Bench) -> Stability:
    """Look at every feature, node and answer of the version under judgement."""
    try:
        _ = bench.frame
    except NotJudgedError as reason:
        if ARITHMETIC not in str(reason).lower():
            raise
        return Stability((), 0, 0, 0.0, 0, 0, 0.0, 0, 0, 0.0, error=str(reason))
    answers = bench.answers  # first: a file that is damaged is not for this gate to find
    numbers = tracing.read_numbers(bench.folder / "model.onnx")
    steps, thresholds = numbers.steps, numbers.thresholds
    signature = bench.bundle.signature
    base = bench.test.iloc[:: max(1, len(bench.test) // STABILITY_ROWS)]
    inputs = np.concatenate(list(extreme_inputs(bench.contract, bench.bundle, base)))
    return Stability(
        infinite=infinite_features(bench.frame, bench.bundle.names),
        inner=len(steps) + len(thresholds),
        # A threshold of +inf is right: it parts what is missing from every number.
        inner_bad=int((~np.isfinite(steps)).sum() + (~(thresholds > -np.inf)).sum()),
        # Of numbers in the unit of limits.
        largest=tracing.largest_step(bench.folder / "model.onnx", inputs[: len(base)]) / signature.width,
        answers=len(answers),
        outside=answers_outside(answers, signature),
        certain=0.0 if signature.regression else float(np.mean((answers < CERTAIN) | (answers > 1 - CERTAIN))),
        extreme=len(inputs),
        extreme_outside=answers_outside(bench.bundle.predict(inputs), signature),
        batches=batch_difference(bench.bundle, inputs) / signature.width,
        right=FINITE if signature.regression else Stability.right,
    )


def infinite_features(frame: pd.DataFrame, names: list[str]) -> tuple[str, ...]:
    """The features with an infinite value, or one that float32 cannot hold."""
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(frame[name])]
    return tuple(name for name in numbers if (frame[name].abs() > LARGEST).any())


def extreme_inputs(contract: Contract, bundle: Bundle, base: pd.DataFrame) -> Iterator[NDArray[np.float32]]:
    """X of ordinary rows: as they are, without values, every number at its bounds and at the ends of float32."""
    encoded = bundle.encode_columns(frame_columns(base, bundle.names))
    yield encoded
    yield bundle.encode_columns(frame_columns(without_values(contract, base), bundle.names))
    yield np.full((1, encoded.shape[1]), np.nan, dtype=np.float32)
    tiny = float(np.finfo(np.float32).smallest_subnormal)
    for i, feature in enumerate(bundle.signature.features):
        if feature.kind != "category":
            # The service takes nothing beyond the bounds. A probability stands even that; a weighted number cannot.
            ends = () if bundle.signature.regression else (-LARGEST, LARGEST)
            for value in (*feature.bounds, *ends, tiny, 0.0):
                changed = encoded.copy()
                changed[:, i] = value
                yield changed


def answers_outside(answers: Floats, signature: Signature) -> int:
    """How many answers are no probability, or no number where that is the target; NaN is neither."""
    right = np.isfinite(answers) if signature.regression else (answers >= 0) & (answers <= 1)
    return int((~right).sum())


def batch_difference(bundle: Bundle, inputs: NDArray[np.float32]) -> float:
    """The largest difference between the answers to all rows at once and in batches of several sizes."""
    whole = bundle.predict(inputs)
    differences = [
        np.abs(np.concatenate([bundle.predict(part) for part in parts]) - whole)
        for parts in ([inputs[at : at + size] for at in range(0, len(inputs), size)] for size in BATCHES)
    ]
    return float(np.nan_to_num(np.max(differences), nan=1.0))


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU: of the version, and of the one before."""

    what: str
    now: float
    before: float


@dataclass(frozen=True)
class Speed:
    """The costs of a request with one row, of a row of a file and of loading, and the bytes of the bundles."""

    request: Cost
    row: Cost
    loading: Cost
    bytes_now: int
    bytes_before: int
    largest_file: str


def measure_speed(bench: Bench) -> Speed:
    """Answer the same rows with both versions, and load them."""
    now, before = both = bench.bundle, bench.before
    rows = skew.enough_allowed(bench.test, now.signature.features).iloc[:ROWS]
    file = bench.scratch / "speed.parquet"
    rows[[bench.contract.key, *dict.fromkeys([*now.names, *before.names])]].to_parquet(file)
    requests = [partial(_all, _requests(each, rows)) for each in both]
    batch = [partial(score_file, each, file, file.with_name("s.parquet")) for each in both]
    load = [partial(Bundle.load, each.folder) for each in both]
    sizes = _sizes(bench.folder)
    return Speed(
        Cost("a request", *least_micros(requests, [ALONE] * 2)),
        Cost("a row of a file", *least_micros(batch, [len(rows)] * 2, LONG)),
        Cost("loading", *least_micros(load, [1, 1], LONG)),
        sum(sizes.values()),
        sum(_sizes(before.folder).values()),
        max(sizes, key=lambda name: sizes[name]),
    )


def _sizes(folder: Path) -> dict[str, int]:
    """The bytes of each file of a bundle."""
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def least_micros(calls: Sequence[Callable[[], object]], counts: Sequence[int], repeats: int = REPEATS) -> list[float]:
    """Microseconds of CPU of each call, divided by its count: the least of repeats in turns, the first left out."""
    seconds = [[_seconds(call) for call in calls] for _ in range(repeats + 1)][1:]
    return [min(column) / count * 1e6 for column, count in zip(zip(*seconds, strict=True), counts, strict=True)]


def _seconds(call: Callable[[], object]) -> float:
    since = time.process_time()
    call()
    return time.process_time() - since


def _all(calls: Sequence[Callable[[], object]]) -> None:
    for call in calls:
        call()


def _requests(bundle: Bundle, rows: pd.DataFrame) -> list[Callable[[], object]]:
    predictor = Predictor(bundle, Metrics(), None, max_rows=1)
    records = databases.plain_records(rows.iloc[:ALONE], [bundle.signature.key, *bundle.names])
    return [partial(predictor.answer, json.dumps(record).encode(), "") for record in records]
