"""What an answer costs: seconds of CPU, beside those of the version before and of the bare model, and bytes.

Both versions are measured in turns in one process, and the least of several repeats counts: another process on the
machine then slows both, or neither. The version before runs the same code; so code that has become slow shows in what
it adds to the bare model (ONNX Runtime on inputs that are ready), in times of what Python takes to read a row as JSON.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
import pandas as pd

from .. import data, export, scoring
from ..bundle import Bundle
from ..schema import Contract
from ..service.metrics import Metrics
from ..service.predictor import Predictor
from . import odd_rows
from .bench import Bench

REPEATS = 15  # many short ones: the shorter, the more of them are not disturbed
LONG = 7  # repeats of what takes longer
ALONE = 30  # requests with one row, each repeat
ROWS = 3000  # rows of a file
TOGETHER = 200  # rows of one request
VALUES = 20  # of a row that is read for comparison: part of what an answer costs is the same for any row


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU: of the version, of the one before, and of the bare model of the version.

    `reading` is what the standard library takes to read a row from JSON, of `VALUES` values at least, at the same time:
    how fast Python is here.
    """

    what: str
    now: float
    before: float
    bare: float
    reading: float

    @property
    def added(self) -> float:
        """What the code around the model takes, in times of reading a row."""
        return (self.now - self.bare) / self.reading


@dataclass(frozen=True)
class Speed:
    """The costs of a request with one row, of a row of a file and of loading (bare: the model alone), and sizes.

    `together`: microseconds of CPU for a row of a request with many.
    """

    request: Cost
    row: Cost
    loading: Cost
    together: float
    bytes_now: int
    bytes_before: int
    largest_file: str


def measure(bench: Bench) -> Speed:
    """Answer the same rows with both versions, and load them."""
    now, before = bench.bundle, bench.before
    rows = odd_rows.enough(bench.test, now.signature.features).iloc[:ROWS]
    file = bench.scratch / "speed.parquet"
    rows[[bench.contract.key, *dict.fromkeys([*now.names, *before.names])]].to_parquet(file)
    inputs = now.encode_columns(export.columns(rows, now.names))
    singles = [inputs[i : i + 1] for i in range(ALONE)]
    requests = [_requests(bench.contract, bundle, rows) for bundle in (now, before)]
    reading = partial(_all, [partial(json.loads, body) for body in _to_read(bench.contract, now, rows)])
    session = _bare_load(bench.folder)
    bare: list[Callable[[], object]] = [partial(session.run, ["probabilities"], {"X": one}) for one in singles]
    alone: list[Callable[[], object]] = [partial(_all, calls) for calls in [*requests, bare]]
    batch: list[Callable[[], object]] = [
        *(partial(scoring.score, each, file, file.with_name("s.parquet")) for each in (now, before)),
        partial(session.run, ["probabilities"], {"X": inputs}),
    ]
    load: list[Callable[[], object]] = [
        *(partial(Bundle.load, each.folder) for each in (now, before)),
        partial(_bare_load, bench.folder),
    ]
    many = partial(_predictor(now, TOGETHER).answer, _many(bench.contract, now, rows), "")
    *single, together = least([*alone, reading, many], [ALONE] * 4 + [TOGETHER])
    files = {path: path.stat().st_size for path in bench.folder.rglob("*") if path.is_file()}
    largest = max(files, key=lambda path: files[path])
    return Speed(
        Cost("a request", *single),
        Cost("a row of a file", *least([*batch, reading], [len(inputs)] * 3 + [ALONE], LONG)),
        Cost("loading", *least([*load, reading], [1, 1, 1, ALONE], LONG)),
        together,
        sum(files.values()),
        size(before.folder),
        largest.relative_to(bench.folder).as_posix(),
    )


def size(folder: Path) -> int:
    """The bytes of all files of a bundle."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def least(calls: Sequence[Callable[[], object]], counts: Sequence[int], repeats: int = REPEATS) -> list[float]:
    """Microseconds of CPU of each call, divided by its count: the least of repeats in turns, the first left out."""
    seconds = [[_seconds(call) for call in calls] for _ in range(repeats + 1)][1:]
    return [min(column) / count * 1e6 for column, count in zip(zip(*seconds, strict=True), counts, strict=True)]


def _seconds(call: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    since = clock()
    call()
    return clock() - since


def _all(calls: Sequence[Callable[[], object]]) -> None:
    for call in calls:
        call()


def _requests(contract: Contract, bundle: Bundle, rows: pd.DataFrame) -> list[Callable[[], object]]:
    predictor = _predictor(bundle)
    bodies = [json.dumps(row).encode() for row in _records(contract, bundle, rows, ALONE)]
    return [partial(predictor.answer, body, "") for body in bodies]


def _predictor(bundle: Bundle, max_rows: int = 1) -> Predictor:
    return Predictor(bundle, Metrics(), None, max_rows)


def _to_read(contract: Contract, bundle: Bundle, rows: pd.DataFrame) -> list[bytes]:
    """Rows as JSON; where they have few values, with these again under other names."""
    found = []
    for record in _records(contract, bundle, rows, ALONE):
        values = [(f"{name}{'_' * turn}", value) for turn in range(VALUES) for name, value in record.items()]
        found.append(json.dumps(dict(values[: max(len(record), VALUES + 1)])).encode())  # the key is one more
    return found


def _many(contract: Contract, bundle: Bundle, rows: pd.DataFrame) -> bytes:
    records = _records(contract, bundle, rows, TOGETHER)
    return json.dumps({"rows": (records * TOGETHER)[:TOGETHER]}).encode()


def _records(contract: Contract, bundle: Bundle, rows: pd.DataFrame, count: int) -> list[dict[str, Any]]:
    return data.records(rows.iloc[:count], [contract.key, *bundle.names])


def _bare_load(folder: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = (folder / "model.onnx").read_bytes()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
