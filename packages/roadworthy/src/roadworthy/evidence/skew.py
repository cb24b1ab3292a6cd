"""The same rows by every way to an answer: the notebook's, the exported model's, a file's, a request's."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .. import export, row_rules, scoring, steps, tables, training
from ..bundle import MAX_DIFFERENCE, Bundle, manifest_sums
from ..monitoring.skew import differs
from ..schema import Contract
from ..service.metrics import Metrics
from ..service.predictor import Predictor
from ..service.request import BadRequestError
from ..signature import Signature
from . import odd_rows, trees
from .bench import Bench, NotJudgedError

Floats = NDArray[np.float64]
SINGLE = 20  # rows that are sent alone as well, not in a list


@dataclass(frozen=True)
class Way:
    """How one way differs from the reference: rows with other inputs of the trees, rows with another answer."""

    name: str
    inputs: int
    answers: int
    largest: float
    example: str = ""


@dataclass(frozen=True)
class Paths:
    """All ways, compared on `rows`. `notebook` is false for a model that cannot be fitted again from these data."""

    rows: int
    notebook: bool
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class _Result:
    """X (rows, features) and the answers (rows,); NaN where a row was refused."""

    inputs: NDArray[np.float32]
    answers: Floats
    error: str = ""


def measure(bench: Bench) -> Paths:
    """Send real rows and odd ones every way. A bundle whose golden answers are wrong is measured all the same."""
    bundle, refused = _bundle(bench)
    features = bundle.signature.features
    rows, real = odd_rows.rows(bench.contract, bench.test, features, trees.read(bundle.folder / "model.onnx"))
    exported = _Result(bundle.encode_columns(export.columns(rows, bundle.names)), export.predict(bundle, rows))
    notebook = _notebook(bench, rows) if _made_of_these(bench) else None
    if notebook and np.mean(_far(notebook, exported)[:real]) > 0.5 and not _other_inputs(notebook, exported).any():
        notebook = None  # the same rows made another model: training is not reproducible, Infrastructure 1 says so
    reference = notebook or exported
    ways = [_way(bench.contract, "exported", exported, reference, rows)] if notebook else []
    ways += [
        _way(bench.contract, name, result, reference, rows)
        for name, result in _serving(bench.contract, bundle, rows, bench.scratch)
    ]
    if refused and not any(way.inputs or way.answers for way in ways):
        raise refused
    return Paths(len(rows), notebook is not None, tuple(ways))


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
    lineage, now = bench.manifest["lineage"], json.loads(json.dumps(steps.lineage(bench.project)))
    trained, periods = ({**made["periods"], "test": None} for made in (lineage, now))
    return trained == periods and lineage["data"] == now["data"] and bench.trained_spec == bench.spec


def _notebook(bench: Bench, rows: pd.DataFrame) -> _Result:
    encoder = bench.pipeline.named_steps["encoder"]
    inputs = np.asarray(encoder.transform(rows[list(bench.spec.features)]), dtype=np.float32)
    return _Result(inputs, training.predict(bench.pipeline, bench.spec, rows))


def _serving(contract: Contract, bundle: Bundle, rows: pd.DataFrame, scratch: Path) -> Iterator[tuple[str, _Result]]:
    table = rows[[contract.key, *bundle.names]]
    table.to_parquet(scratch / "rows.parquet")
    table.to_csv(scratch / "rows.csv", index=False)
    yield "Parquet file", _batch(bundle, scratch / "rows.parquet", len(rows))
    yield "CSV file", _batch(bundle, scratch / "rows.csv", len(rows))
    records = [{str(name): plain(value) for name, value in row.items()} for row in table.to_dict("records")]
    yield "request", _online(bundle, records)


def _batch(bundle: Bundle, file: Path, count: int) -> _Result:
    needed = [bundle.signature.key, *bundle.names]
    chunks = list(tables.open_source(file, needed).chunks(scoring.CHUNK_ROWS))
    checked = [row_rules.check(chunk.batch, bundle.signature) for chunk in chunks]
    inputs = np.concatenate([np.where(each.good[:, None], each.inputs, np.inf) for each in checked])
    target = file.with_name(f"scored-{file.suffix[1:]}.parquet")
    summary = scoring.score(bundle, file, target)
    scored = pq.read_table(target, columns=[bundle.signature.key, "probability"]).to_pydict()
    answers = dict(zip(scored[bundle.signature.key], scored["probability"], strict=True))
    error = "; ".join(f"{reason} ({rows} rows)" for reason, rows in summary.reasons.most_common(2))
    return _Result(inputs, np.array([answers.get(f"row-{i}", np.nan) for i in range(count)]), error)


def _online(bundle: Bundle, records: list[dict[str, Any]]) -> _Result:
    """All rows as one list, and the first ones alone as well."""
    predictor = Predictor(bundle, Metrics(), None, max_rows=len(records))
    body = json.dumps({"rows": records}).encode()
    try:
        read, _ = predictor.reader.read(body)
        many = [each["probability"] for each in json.loads(predictor.answer(body, ""))["predictions"]]
        alone = [json.loads(predictor.answer(json.dumps(row).encode(), ""))["probability"] for row in records[:SINGLE]]
    except BadRequestError as error:
        nothing = np.full((len(records), len(bundle.names)), np.inf, dtype=np.float32)
        return _Result(nothing, np.full(len(records), np.nan), error.problems[0].message)
    answers = np.array(many)
    # A row alone must have the answer that it has in a list: the one that is farther off counts.
    answers[:SINGLE] = np.where(np.abs(answers[:SINGLE] - alone) > MAX_DIFFERENCE, alone, answers[:SINGLE])
    return _Result(bundle.encode(read), answers)


def _way(contract: Contract, name: str, result: _Result, reference: _Result, rows: pd.DataFrame) -> Way:
    inputs, answers = _other_inputs(result, reference), _far(result, reference)
    distance = np.nan_to_num(np.abs(result.answers - reference.answers), nan=1.0)
    example = result.error
    if not example and answers.any():
        worst = int(np.argmax(distance))
        example = f"{rows[contract.key].iloc[worst]}: {result.answers[worst]:.4f}, not {reference.answers[worst]:.4f}"
    return Way(name, int(inputs.sum()), int(answers.sum()), float(distance.max()), example)


def _far(one: _Result, other: _Result) -> NDArray[np.bool_]:
    return np.asarray(~(np.abs(one.answers - other.answers) <= MAX_DIFFERENCE))


def _other_inputs(one: _Result, other: _Result) -> NDArray[np.bool_]:
    return np.asarray(differs(one.inputs, other.inputs).any(axis=1))


def plain(value: Any) -> Any:
    """A value of a table as JSON has it: null for what is missing."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is the value that differs from itself
        return None
    return value.item() if hasattr(value, "item") else value
