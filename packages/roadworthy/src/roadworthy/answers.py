"""The answers to the chunks of a file, several at a time: a probability for each allowed row, the others refused.

Each chunk is answered by a thread of its own. ONNX Runtime's own threads would add up the leaves in another order for
many rows than for few: of 20,011 rows 3,000 then differ in the last bit from the same row alone.
"""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pyarrow as pa

from . import row_rules, tables
from .bundle import Bundle
from .row_rules import Checked


@dataclass
class Counts:
    """What became of some rows.

    `decisions` counts the probabilities from the threshold on; `reasons` why rows are in quarantine, `unseen` the
    categories that training has not seen, by feature.
    """

    rows: int = 0
    scored: int = 0
    decisions: int = 0
    quarantined: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)

    def add(self, more: Mapping[str, Any]) -> None:
        """Add the counts of other rows, given by name."""
        for each in fields(Counts):
            counted = getattr(self, each.name)
            setattr(self, each.name, counted + type(counted)(more[each.name]))


@dataclass
class Answered:
    """The result of one chunk, whose first row is number `at` (from 0) of the file: rows `scored` and `refused`."""

    at: int
    counts: Counts
    scored: pa.RecordBatch
    refused: pa.RecordBatch


def ahead(
    answer: Callable[[tables.Chunk], Answered], chunks: Iterable[tables.Chunk], threads: int
) -> Generator[Answered]:
    """The answers in the order of the chunks, with so few of them under way that the memory stays small."""
    under_way: deque[Future[Answered]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for chunk in chunks:
            under_way.append(pool.submit(answer, chunk))
            if len(under_way) > threads + 1:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def answer(bundle: Bundle, schemas: tuple[pa.Schema, pa.Schema], chunk: tables.Chunk) -> Answered:
    """Judge the rows of a chunk and answer those that are allowed; `schemas`: of the answers, and of the others."""
    checked = row_rules.check(chunk.batch, bundle.signature)
    scored = _predict(bundle, chunk.batch, checked, schemas[0])
    first = min([*chunk.numbers[:1].tolist(), *chunk.rejected])
    return Answered(first - 1, _counts(chunk, checked, scored), scored, _refused(chunk, checked, schemas[1]))


def _predict(bundle: Bundle, batch: pa.RecordBatch, checked: Checked, schema: pa.Schema) -> pa.RecordBatch:
    inputs = checked.inputs
    if checked.reasons:
        good = checked.good
        inputs, batch = inputs[good], batch.filter(pa.array(good))
    probability = bundle.predict(inputs)
    version = pa.repeat(bundle.version, len(probability))
    key = batch.column(bundle.signature.key).cast(pa.string())
    answered = [key, pa.array(probability), pa.array(probability >= bundle.threshold), version]
    kept = [_as(batch.column(field.name), field.type) for field in list(schema)[len(answered) :]]
    return pa.RecordBatch.from_arrays([*answered, *kept], schema=schema)


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _refused(chunk: tables.Chunk, checked: Checked, schema: pa.Schema) -> pa.RecordBatch:
    positions = sorted(checked.reasons)
    reasons = pa.array(["; ".join(checked.reasons[position]) for position in positions], pa.string())
    rows = chunk.batch.take(pa.array(positions, pa.int64()))
    told = [pa.array(chunk.numbers[positions]), reasons, *rows.columns]
    cast = [_as(each, kind) for each, kind in zip(told, schema.types, strict=True)]
    judged = pa.RecordBatch.from_arrays(cast, schema=schema)
    lines = [{"row": number, "reason": reason} for number, reason in chunk.rejected.items()]
    return pa.concat_batches([judged, pa.RecordBatch.from_pylist(lines, schema=schema)])


def _counts(chunk: tables.Chunk, checked: Checked, scored: pa.RecordBatch) -> Counts:
    lines = len(chunk.rejected)
    return Counts(
        rows=len(checked.inputs) + lines,
        scored=scored.num_rows,
        decisions=int(np.sum(scored.column("decision").to_numpy(zero_copy_only=False))),
        quarantined=len(checked.reasons) + lines,
        reasons=checked.counts + Counter({"line has another number of values": lines}),
        unseen=Counter({name: int((rows & checked.good).sum()) for name, rows in checked.unseen.items()}),
    )


def result_schema(bundle: Bundle, kept: Sequence[pa.Field] = ()) -> pa.Schema:
    """The columns of a result: the key, probability, decision and version, then what is kept of the source."""
    answer = [("probability", pa.float64()), ("decision", pa.bool_()), ("version", pa.string())]
    return pa.schema([(bundle.signature.key, pa.string()), *answer, *kept])


def refused_schema(source: tables.Source) -> pa.Schema:
    """The columns of a quarantine: the number of the row, the reason, what was read."""
    return pa.schema([("row", pa.int64()), ("reason", pa.string()), *source.schema])
