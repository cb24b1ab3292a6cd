"""Score a file: every row that the signature allows gets a probability, every other one a place in quarantine.

The same bundle and the same rules as the online service, column by column: the answers are the same to the last bit.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from . import tables
from .bundle import Bundle
from .errors import InputError
from .files import writing
from .row_rules import Checked
from .row_rules import check
from .row_rules import check_types

CHUNK_ROWS = 65_536
Progress = Callable[[int, int | None], None]


@dataclass
class Summary:
    """What became of the rows of a file.

    `decisions` counts the probabilities from the threshold on; `reasons` why rows are in quarantine, `unseen` the
    categories that training has not seen, by feature. `quarantine` is None when no row is in it.
    """

    version: str
    target: Path
    quarantine: Path | None = None
    rows: int = 0
    scored: int = 0
    decisions: int = 0
    quarantined: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)


def score(
    bundle: Bundle,
    source: Path,
    target: Path,
    *,
    quarantine: Path | None = None,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress | None = None,
) -> Summary:
    """Score the Parquet or CSV file `source` into `target`, in constant memory.

    `target` gets the key, probability, decision and version of each allowed row, in the order of the file. Rows that
    are not allowed go to `quarantine` (Parquet; without a path, beside the target) with their number and the reasons.
    Both appear only when all is done. `progress` is called with the rows done and, if known, the rows in all.
    Raises InputError for a file that cannot be read or written and for missing columns.
    """
    source, target = Path(source), Path(target)
    tables.check_suffix(target)
    quarantine = quarantine or target.with_name(f"{target.stem}.quarantine.parquet")
    if source.resolve() in {target.resolve(), quarantine.resolve()}:
        raise InputError("would be written over by its own result", where=source, hint="choose another name")
    signature = bundle.signature
    opened = tables.open_source(source, [signature.key, *signature.names])
    if source.suffix == ".parquet":
        check_types(opened.schema, signature, source)
    summary = Summary(bundle.version, target, quarantine)
    with _beside(target) as results, _beside(quarantine) as aside:
        with _writer(results, _result_schema(bundle)) as writer, _writer(aside, _refused_schema(opened)) as refuse:
            for scored, refused in _score(bundle, opened, summary, chunk_rows):
                writer.write_batch(scored)
                refuse.write_batch(refused)
                if progress:
                    progress(summary.rows, opened.rows)
        _settle(aside, quarantine, keep=summary.quarantined > 0)
        _settle(results, target, keep=True)
    summary.quarantine = quarantine if summary.quarantined else None
    return summary


def _score(
    bundle: Bundle, source: tables.Source, summary: Summary, chunk_rows: int
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    schema = _refused_schema(source)
    for chunk in source.chunks(chunk_rows):
        checked = check(chunk.batch, bundle.signature)
        scored = _predict(bundle, chunk.batch, checked)
        _count(summary, chunk, checked, scored)
        yield scored, _refused(chunk, checked, schema)


def _predict(bundle: Bundle, batch: pa.RecordBatch, checked: Checked) -> pa.RecordBatch:
    good = checked.good
    probability = bundle.predict(checked.inputs[good])
    key = batch.column(bundle.signature.key).filter(pa.array(good)).cast(pa.string())
    version = pa.repeat(bundle.version, len(probability))
    columns = [key, pa.array(probability), pa.array(probability >= bundle.threshold), version]
    return pa.RecordBatch.from_arrays(columns, schema=_result_schema(bundle))


def _refused(chunk: tables.Chunk, checked: Checked, schema: pa.Schema) -> pa.RecordBatch:
    positions = sorted(checked.reasons)
    reasons = pa.array(["; ".join(checked.reasons[position]) for position in positions], pa.string())
    rows = chunk.batch.take(pa.array(positions, pa.int64()))
    judged = pa.RecordBatch.from_arrays([pa.array(chunk.numbers[positions]), reasons, *rows.columns], schema=schema)
    lines = [{"row": number, "reason": reason} for number, reason in chunk.rejected.items()]
    return pa.concat_batches([judged, pa.RecordBatch.from_pylist(lines, schema=schema)]).sort_by("row")


def _count(summary: Summary, chunk: tables.Chunk, checked: Checked, scored: pa.RecordBatch) -> None:
    lines = len(chunk.rejected)
    summary.rows += len(checked.inputs) + lines
    summary.scored += scored.num_rows
    summary.decisions += int(np.sum(scored.column("decision").to_numpy(zero_copy_only=False)))
    summary.quarantined += len(checked.reasons) + lines
    summary.reasons += checked.counts + Counter({"line has another number of values": lines})
    summary.unseen += Counter({name: int((rows & checked.good).sum()) for name, rows in checked.unseen.items()})


def _result_schema(bundle: Bundle) -> pa.Schema:
    answer = [("probability", pa.float64()), ("decision", pa.bool_()), ("version", pa.string())]
    return pa.schema([(bundle.signature.key, pa.string()), *answer])


def _refused_schema(source: tables.Source) -> pa.Schema:
    return pa.schema([("row", pa.int64()), ("reason", pa.string()), *source.schema])


def _writer(path: Path, schema: pa.Schema) -> Any:
    if path.suffix == ".csv":
        return pc.CSVWriter(path, schema)
    return pq.ParquetWriter(path, schema, compression="zstd")


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as scratch:
            yield Path(scratch) / path.name


def _settle(scratch: Path, path: Path, *, keep: bool) -> None:
    if not keep:
        # One of an earlier run would be taken for this one's.
        path.unlink(missing_ok=True)
        return
    with scratch.open("rb+") as file:
        os.fsync(file.fileno())
    scratch.replace(path)
