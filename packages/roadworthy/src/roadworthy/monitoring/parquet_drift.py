"""How far one Parquet file is from another: column by column, so that neither of them is ever in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError
from .counts import category_bins, count, float32, numeric_bins
from .drift import Drift, compare

BATCH = 1 << 17  # rows


def between(before: Path, now: Path, names: Sequence[str] = ()) -> list[Drift]:
    """The drift of each column `names` from the file `before` to the file `now`, the largest PSI first.

    Texts are categories, numbers get bins at the deciles of `before`; without names, all columns of these types that
    both files have. Raises InputError for a file that cannot be read, that has no rows, or lacks a column.
    """
    first, second = _open(before), _open(now)
    with first, second:
        wanted = list(names) or [name for name in _columns(first) if name in _columns(second)]
        found = [_drift(name, _column(first, before, name), _column(second, now, name)) for name in wanted]
    return sorted(found, key=lambda drift: -drift.psi)


def _drift(name: str, before: Any, now: Any) -> Drift:
    bins = category_bins(before) if isinstance(before, pa.ChunkedArray) else numeric_bins(before)
    return compare(name, bins, count(now, bins))


def _open(path: Path) -> pq.ParquetFile:
    try:
        # As codes: a text that occurs a million times is read, and told apart from others, once.
        texts = [field.name for field in pq.read_schema(path) if _is_text(field.type)]
        file = pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        what = f"cannot be read: {(str(error).splitlines() or ['damaged'])[0]}"
        raise InputError(what, where=path, hint="give a Parquet file") from error
    if not file.metadata.num_rows:
        raise InputError("has no rows", where=path, hint="there is nothing to compare")
    return file


def _column(file: pq.ParquetFile, path: Path, name: str) -> Any:
    """The codes of texts, or numbers as the model sees them, which are half as large as those of the file."""
    if name not in _columns(file):
        raise InputError(f"there is no column {name!r} of texts or numbers", where=path, hint="check the names")
    if _is_text(file.schema_arrow.field(name).type):
        return file.read(columns=[name]).column(0)
    return np.concatenate([float32(batch.column(0)) for batch in file.iter_batches(BATCH, columns=[name])])


def _columns(file: pq.ParquetFile) -> list[str]:
    return [field.name for field in file.schema_arrow if _is_text(field.type) or _is_number(field.type)]


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
