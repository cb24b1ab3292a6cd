"""This library on two Parquet files: PSI, Jensen-Shannon, and Kolmogorov-Smirnov or chi-square of each column."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.stats  # noqa: F401 - the peers import it too; nobody's imports are counted
from roadworthy.monitoring.distributions import Drift, category_bins, compare_column, count_values, numeric_bins

BATCH = 1 << 17  # rows


def parquet_drift(before: Path, now: Path, names: Sequence[str]) -> list[Drift]:
    """The drift of each column from one file to the other: texts are categories, numbers get bins at the deciles."""
    # As codes: a text that occurs a million times is read, and told apart from others, once.
    texts = [field.name for field in pq.read_schema(before) if _is_text(field.type)]
    files = [pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False) for path in (before, now)]
    with files[0], files[1]:
        return [_drift(name, *(_column(file, name, text=name in texts) for file in files)) for name in names]


def _drift(name: str, before: Any, now: Any) -> Drift:  # noqa: ANN401 - a column of Arrow or NumPy
    if isinstance(before, pa.ChunkedArray):
        bins = category_bins(before, sorted(value for value in before.unique().to_pylist() if value is not None))
    else:
        bins = numeric_bins(before)
    return compare_column(name, bins, count_values(now, bins))


def _column(file: pq.ParquetFile, name: str, *, text: bool) -> Any:  # noqa: ANN401 - see `_drift`
    if text:
        return file.read(columns=[name]).column(0)
    # As the model sees numbers, which are half as large as those of the file.
    batches = (batch.column(0) for batch in file.iter_batches(BATCH, columns=[name]))
    return np.concatenate([np.asarray(each.to_numpy(zero_copy_only=False), dtype=np.float32) for each in batches])


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


if __name__ == "__main__":
    from memory import peak

    before, now, columns = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    since, cpu = time.perf_counter(), time.process_time()
    found = parquet_drift(Path(before), Path(now), columns)
    print(json.dumps([len(found), time.perf_counter() - since, time.process_time() - cpu, peak()]))
