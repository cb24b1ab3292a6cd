"""Rows as a client sends them: as tensors of the Open Inference Protocol, in JSON or as bytes, and as a file."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from ..service.tensors import NUMBERS, datatype
from ..signature import Signature

Rows = Sequence[Mapping[str, Any]]
MISSING = float("nan")


def tensors(signature: Signature, rows: Rows, *, binary: bool = False) -> tuple[bytes, bytes | None]:
    """The body of a request with a tensor for each name of the first row, and the size of its JSON before bytes."""
    inputs, rest = [], b""
    for name in rows[0]:
        feature = signature.by_name.get(name)
        kind = datatype(feature) if feature else "BYTES"
        tensor: dict[str, Any] = {"name": name, "datatype": kind, "shape": [len(rows)]}
        values = [row[name] for row in rows]
        if binary:
            part = _bytes(kind, values)
            tensor["parameters"] = {"binary_data_size": len(part)}
            rest += part
        else:
            tensor["data"] = values
        inputs.append(tensor)
    text = json.dumps({"inputs": inputs}).encode()
    return text + rest, str(len(text)).encode() if binary else None


def write(signature: Signature, rows: Rows, file: Path) -> Path:
    """A Parquet or CSV file of rows whose keys are their positions."""
    keys = pa.array([str(i) for i in range(len(rows))])
    parquet = file.suffix == ".parquet"
    columns = {signature.key: keys}
    for feature in signature.features:
        values = [row[feature.name] for row in rows]
        if parquet and feature.kind != "category":
            columns[feature.name] = pa.array([None if v is None else float(v) for v in values], pa.float64())
        else:
            columns[feature.name] = pa.array([None if v is None else str(v) for v in values], pa.string())
    table = pa.table(columns)
    if parquet:
        pq.write_table(table, file)
    else:
        pc.write_csv(table, file)
    return file


def numbers(signature: Signature, scored: Path) -> set[int]:
    """The positions of the rows that stand in a scored file."""
    return set(map(int, pq.read_table(scored, columns=[signature.key])[signature.key].to_pylist()))


def _bytes(kind: str, values: Sequence[Any]) -> bytes:
    if kind == "BYTES":
        texts = [(value or "").encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.array([MISSING if value is None else value for value in values], dtype=NUMBERS[kind]).tobytes()
