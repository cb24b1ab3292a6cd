"""Rows asked by the Open Inference Protocol: what the model reads of their tensors, the answers and the decisions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..service import tensors
from ..service.metrics import Metrics
from ..service.predictor import Predictor
from . import sendings

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Asked:
    """X (rows, features), the answers (rows,), and which rows were decided otherwise than by the threshold."""

    inputs: NDArray[np.float32]
    answers: NDArray[np.float64]
    decided: NDArray[np.bool_]


def ask(bundle: Bundle, rows: Rows, *, binary: bool) -> Asked:
    """All rows in one request, as JSON or as bytes. Raises BadRequestError."""
    predictor = Predictor(bundle, Metrics(), None, max_rows=len(rows))
    body, length = sendings.tensors(bundle.signature, rows, binary=binary)
    read = tensors.read(body, length, predictor.reader)
    said, size = predictor.infer(body, length, "")
    outputs = {each["name"]: each["data"] for each in json.loads(said[:size])["outputs"]}
    answers = np.array(outputs["probability"], dtype=np.float64)
    decided = np.array(outputs["decision"], dtype=bool) != (answers >= bundle.threshold)
    return Asked(bundle.encode(read.rows), answers, decided)
