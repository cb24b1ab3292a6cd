"""A file scored in small parts, interrupted twice: once by another version that had begun it, once by itself."""

from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .. import scoring
from ..bundle import Bundle

CHUNK_ROWS, PART_CHUNKS = 50, 2
RESULT = ("probability", "decision", "version")


class _InterruptedError(Exception):
    """The run ends here, as if somebody had stopped it."""


def scored(bundle: Bundle, other: Bundle, rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """What `bundle` says about each row, by key: its run finds a part of `other`, and later one of its own."""
    source, target = folder / "rows.parquet", folder / "scores.parquet"
    key = bundle.signature.key
    names = dict.fromkeys([key, *bundle.names, *other.names])
    pq.write_table(pa.Table.from_pandas(rows[list(names)], preserve_index=False), source)
    for each in (other, bundle):
        with suppress(_InterruptedError):
            scoring.score(each, source, target, chunk_rows=CHUNK_ROWS, part_chunks=PART_CHUNKS, progress=_stop)
    scoring.score(bundle, source, target, chunk_rows=CHUNK_ROWS, part_chunks=PART_CHUNKS)
    found: pd.DataFrame = pq.read_table(target).to_pandas().set_index(key)
    return found[list(RESULT)]


def _stop(done: int, _expected: int | None) -> None:
    if done > CHUNK_ROWS * PART_CHUNKS:  # the first part is finished
        raise _InterruptedError
