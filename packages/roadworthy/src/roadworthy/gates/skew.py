"""The same rows, real and odd ones, by every way to an answer: notebook, exported model, file, request."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..base import databases
from ..bundle import row_rules
from ..bundle.bundle import MAX_DIFFERENCE, Bundle, frame_columns, manifest_sums, predict_frame
from ..bundle.signature import Feature, Signature
from ..contract.schema import Contract
from ..data import tables
from ..model import training
from ..model.evaluation import without_values
from ..monitoring.traffic import values_differ
from ..serving import batch, tracing
from ..serving.predictor import Metrics, Predictor
from ..serving.request import BadRequestError
from ..serving.tracing import ModelNumbers
from .bench import Bench, NotJudgedError

REAL = 300
EACH = 3  # rows with a feature missing, or with one unseen category
# Rows on each side of each threshold: one row passes a node of a certain threshold in some tree in most cases.
EDGE = 1
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LIKE_MISSING = ("NA", "NaN", "null")  # texts that a reader of CSV files may take for a missing value
Floats = NDArray[np.float64]
SINGLE = 20  # rows that are sent alone as well, not in a list


@dataclass(frozen=True)
class WayDifference:
    """How one way differs from the reference: rows with other inputs of the trees, rows with another answer."""

    name: str
    inputs: int
    answers: int
    largest: float
    example: str = ""


@dataclass(frozen=True)
class ComparedWays:
    """All ways, compared on `rows`. `notebook` is false for a model that cannot be fitted again from these data."""

    rows: int
    notebook: bool
    ways: tuple[WayDifference, ...]


@dataclass(frozen=True)
class _Result:
    """X (rows, features) and the answers (rows,); NaN where a row was refused."""

    inputs: NDArray[np.float32]
    answers: Floats
    error: str = ""


def compare_ways(bench: Bench) -> ComparedWays:
    """Send real rows and odd ones every way. A bundle whose golden answers are wrong is measured all the same."""
    bundle, refused = _bundle(bench)
    features = bundle.signature.features
    rows, real = odd_rows(bench.contract, bench.test, features, tracing.read_numbers(bundle.folder / "model.onnx"))
    unit = bundle.signature.scale.apply
    exported = _Result(bundle.encode_columns(frame_columns(rows, bundle.names)), unit(predict_frame(bundle, rows)))
    notebook = _notebook(bench, rows) if _made_of_these(bench) else None
    if notebook and np.mean(_far(notebook, exported)[:real]) > 0.5 and not _other_inputs(notebook, exported).any():
        notebook = None  # the same rows made another model: training is not reproducible, Infrastructure 1 says so
    reference = notebook or exported
    keys = rows[bench.contract.key]
    ways = [_way("exported", exported, reference, keys)] if notebook else []
    ways += [_way(name, result, reference, keys) for name, result in _serving(bundle, rows, bench.scratch)]
    if refused and not any(way.inputs or way.answers for way in ways):
        raise refused
    return ComparedWays(len(rows), notebook is not None, tuple(ways))


def odd_rows(
    contract: Contract, test: pd.DataFrame, features: Sequence[Feature], numbers: ModelNumbers
) -> tuple[pd.DataFrame, int]:
    """The rows, each with a key of its own, and how many of them are real ones, which come first."""
    sound = enough_allowed(test, features)
    real = sound.iloc[:: max(1, len(sound) // REAL)]
    some = real.sample(EACH, random_state=0, replace=True)
    nulls = [some.assign(**{feature.name: None}) for feature in features if feature.nullable]
    unseen = [some.iloc[:1].assign(**{f.name: text}) for f in features for text in unseen_categories(f)]
    edges = [
        rows_at_thresholds(sound, f, numbers.thresholds_of(i)) for i, f in enumerate(features) if f.kind == "number"
    ]
    parts = chain([real, without_values(contract, some)], nulls, unseen, edges)
    together = pd.concat([part.astype(_types(contract, test)) for part in parts], ignore_index=True)
    return together.assign(**{contract.key: [f"row-{i}" for i in range(len(together))]}), len(real)


def _types(contract: Contract, test: pd.DataFrame) -> dict[Any, Any]:
    """The types of the columns; a whole number that is missing nowhere in `test` may be missing here."""
    nullable = {column.name for column in contract.features.columns if column.nullable}
    types = test.dtypes.to_dict()
    return {n: "float64" if n in nullable and pd.api.types.is_integer_dtype(t) else t for n, t in types.items()}


def allowed_rows(rows: pd.DataFrame, features: Sequence[Feature]) -> "pd.Series[bool]":
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


def enough_allowed(rows: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """The allowed rows; NotJudgedError when less than half are: what every way refuses says nothing about any."""
    sound = rows[allowed_rows(rows, features)]
    if len(sound) < len(rows) / 2:
        raise NotJudgedError(
            f"{len(rows) - len(sound):,} of {len(rows):,} rows are outside the limits of the signature"
        )
    return sound


def unseen_categories(feature: Feature) -> list[str]:
    """Texts that the rule of a category allows and that training has not seen; none for a closed set."""
    if feature.kind != "category" or feature.allowed:
        return []
    varied = [f"{known[:-1]}{letter}" for known in feature.categories[:EACH] for letter in LETTERS]
    fits = [text for text in varied if text not in feature.categories and re.search(feature.pattern, text)]
    named = [text for text in LIKE_MISSING if text not in feature.categories and re.search(feature.pattern, text)]
    return [*fits[:EACH], *named]


def rows_at_thresholds(test: pd.DataFrame, feature: Feature, thresholds: np.ndarray) -> pd.DataFrame:
    """Rows whose value is a threshold as the exported model has it, and the next larger number of 32 bits."""
    low, high = feature.bounds
    beside = np.concatenate([thresholds, np.nextafter(thresholds, np.float32(np.inf))]).astype(np.float64)
    values = np.repeat(beside[(beside >= low) & (beside <= high)], EDGE)
    sampled = test.sample(len(values), random_state=1, replace=True)
    return sampled.assign(**{feature.name: values})


def _bundle(bench: Bench) -> tuple[Bundle, NotJudgedError | None]:
    try:
        return bench.bundle, None
    except NotJudgedError as refused:
        if manifest_sums(bench.folder) != bench.manifest["sha256"]:
            raise  # damaged on the way: not for this gate to find
        # Its answers may be wrong because serving reads rows in another way: that is what is asked here.
        signature = Signature.parse((bench.folder / "signature.json").read_text(encoding="utf-8"))
        session = onnxruntime.InferenceSession(str(bench.folder / "model.onnx"), providers=["CPUExecutionProvider"])
        return Bundle(bench.folder, signature, session), refused


def _made_of_these(bench: Bench) -> bool:
    """Whether the version was trained on the rows and with the specification that a fit would take now."""
    lineage, now = bench.manifest["lineage"], json.loads(json.dumps(training.project_lineage(bench.project)))
    trained, periods = ({**made["periods"], "test": None} for made in (lineage, now))
    return trained == periods and lineage["data"] == now["data"] and bench.trained_spec == bench.spec


def _notebook(bench: Bench, rows: pd.DataFrame) -> _Result:
    encoder = bench.pipeline.named_steps["encoder"]
    inputs = np.asarray(encoder.transform(rows[list(bench.spec.features)]), dtype=np.float32)
    return _Result(inputs, bench.bundle.signature.scale.apply(training.predict(bench.pipeline, bench.spec, rows)))


def _serving(bundle: Bundle, rows: pd.DataFrame, scratch: Path) -> Iterator[tuple[str, _Result]]:
    table = rows[[bundle.signature.key, *bundle.names]]
    table.to_parquet(scratch / "rows.parquet")
    table.to_csv(scratch / "rows.csv", index=False)
    yield "Parquet file", _batch(bundle, scratch / "rows.parquet", len(rows))
    yield "CSV file", _batch(bundle, scratch / "rows.csv", len(rows))
    yield "request", _online(bundle, databases.plain_records(table, list(table.columns)))


def _batch(bundle: Bundle, file: Path, count: int) -> _Result:
    needed = [bundle.signature.key, *bundle.names]
    chunks = list(tables.open_source(file, needed).chunks(batch.CHUNK_ROWS))
    checked = [row_rules.check_chunk(chunk.batch, bundle.signature) for chunk in chunks]
    # Infinite where a row is refused: NaN would be equal to a missing value, and the refusal would not be seen.
    inputs = np.concatenate([np.where(each.good[:, None], each.inputs, np.inf) for each in checked])
    target = file.with_name(f"scored-{file.suffix[1:]}.parquet")
    summary = batch.score_file(bundle, file, target)
    scored = pq.read_table(target, columns=[bundle.signature.key, bundle.signature.answer]).to_pydict()
    answers = dict(zip(scored[bundle.signature.key], scored[bundle.signature.answer], strict=True))
    error = "; ".join(f"{reason} ({rows} rows)" for reason, rows in summary.reasons.most_common(2))
    found = np.array([answers.get(f"row-{i}", np.nan) for i in range(count)])
    return _Result(inputs, bundle.signature.scale.apply(found), error)


def _online(bundle: Bundle, records: list[dict[str, Any]]) -> _Result:
    """All rows as one list, and the first ones alone as well."""
    predictor = Predictor(bundle, Metrics(), None, max_rows=len(records))
    body = json.dumps({"rows": records}).encode()
    try:
        read, _ = predictor.reader.read(body)
        name, unit = bundle.signature.answer, bundle.signature.scale.apply
        many = unit([each[name] for each in json.loads(predictor.answer(body, ""))["predictions"]])
        alone = unit([json.loads(predictor.answer(json.dumps(row).encode(), ""))[name] for row in records[:SINGLE]])
    except BadRequestError as error:
        nothing = np.full((len(records), len(bundle.names)), np.inf, dtype=np.float32)
        return _Result(nothing, np.full(len(records), np.nan), error.problems[0].message)
    answers = many.copy()
    # A row alone must have the answer that it has in a list: the one that is farther off counts.
    answers[:SINGLE] = np.where(np.abs(answers[:SINGLE] - alone) > MAX_DIFFERENCE, alone, answers[:SINGLE])
    return _Result(bundle.encode(read), answers)


def _way(name: str, result: _Result, reference: _Result, keys: pd.Series) -> WayDifference:
    inputs, answers = _other_inputs(result, reference), _far(result, reference)
    distance = np.nan_to_num(np.abs(result.answers - reference.answers), nan=1.0)
    example = result.error
    if not example and answers.any():
        worst = int(np.argmax(distance))
        example = f"{keys.iloc[worst]}: {result.answers[worst]:.4f}, not {reference.answers[worst]:.4f}"
    return WayDifference(name, int(inputs.sum()), int(answers.sum()), float(distance.max()), example)


def _far(one: _Result, other: _Result) -> NDArray[np.bool_]:
    return np.asarray(~(np.abs(one.answers - other.answers) <= MAX_DIFFERENCE))


def _other_inputs(one: _Result, other: _Result) -> NDArray[np.bool_]:
    return np.asarray(values_differ(one.inputs, other.inputs).any(axis=1))
