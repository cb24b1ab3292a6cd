"""A canary rehearsed with planted answers: its share of the requests, and that one that answers otherwise is told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .. import canary
from ..bundle import Bundle
from ..service.metrics import Metrics
from ..service.predictor import Listener, Predictor
from ..service.split import Split

SHARE = 0.1
REQUESTS = 5_000  # a tenth of them is enough to judge by, see FEWEST in service/split.py
ASKED = 200  # rows of the comparison: the planted answers are far apart
# What the planted version before answers, whatever it is asked; the planted new one answers 1 - p.
PLANTED = np.linspace(0.1, 0.3, 101)


@dataclass(frozen=True)
class Canaried:
    """What was found out about two versions, and about canaries.

    `share`: of the requests that a canary got that was to get `SHARE` of them. `withdrawn`: why the service takes a
    planted canary away that answers 1 - p; empty if it does not. `apart`: the PSI that a comparison finds there.
    """

    found: canary.Canary
    share: float
    withdrawn: str
    apart: float


def run(before: Bundle, new: Bundle, rows: Sequence[Mapping[str, Any]]) -> Canaried:
    """Compare two versions on rows that clients send, then planted ones in their place."""
    share, withdrawn = _split(before, new)
    few = rows[:: max(1, len(rows) // ASKED)]
    planted = (_Planted(before, PLANTED), _Planted(before, 1 - PLANTED))
    return Canaried(canary.compare(before, new, rows), share, withdrawn, canary.compare(*planted, few).psi)


def _split(before: Bundle, new: Bundle) -> tuple[float, str]:
    champion, other = _Answering(before, PLANTED), _Answering(new, 1 - PLANTED)
    split = Split(cast(Predictor, champion), cast(Predictor, other), SHARE, Metrics())
    for i in range(REQUESTS):
        name = f"rehearsal-{i}"
        split.answer(json.dumps({before.signature.key: name}).encode(), name)
    return other.asked / max(1, other.asked + champion.asked), split.judge()


class _Planted(Bundle):
    """A bundle that takes the rows of another, and gives planted answers in turn."""

    def __init__(self, bundle: Bundle, answers: NDArray[np.float64]) -> None:
        self.folder, self.signature, self._answers = bundle.folder, bundle.signature, cycle(answers.tolist())

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        return np.array([next(self._answers) for _ in rows])


class _Answering:
    """As much of a predictor as is asked for an answer."""

    def __init__(self, bundle: Bundle, answers: NDArray[np.float64]) -> None:
        self.bundle, self.asked = bundle, 0
        self.listeners: tuple[Listener, ...] = ()
        self._answers = cycle(answers.tolist())

    def answer(self, body: bytes, request_id: str) -> bytes:
        self.asked += 1
        answers = [next(self._answers)]
        for listener in self.listeners:
            listener([{}], answers, request_id)
        return body
