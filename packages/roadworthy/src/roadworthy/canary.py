"""A canary: a new version answers a share of the requests beside the version that it is to replace.

It is told by what can be seen before any label comes: requests that it refuses or fails on, the distribution of its
answers, and the CPU that it takes.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bundle import Bundle
from .departure import distance
from .service.request import BadRequestError, RequestReader

TIMED = 300  # requests
ROUNDS = 3
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Canary:
    """How two versions answered the same requests.

    `refused` and `failed` count requests that only the new version did not answer, `reason` is the first of them.
    `mean`, `mean_before` and `psi` compare the answers to requests that both answered; `seconds` are CPU for each.
    """

    requests: int
    refused: int
    failed: int
    reason: str
    mean: float
    mean_before: float
    psi: float
    seconds: float
    seconds_before: float


def compare(before: Bundle, new: Bundle, rows: Sequence[Mapping[str, Any]]) -> Canary:
    """Send each row as a request of its own to both versions; the rows are what clients send today."""
    bodies = [json.dumps(row).encode() for row in rows]
    old, candidate = _Side(before), _Side(new)
    answers, answers_before = candidate.all(bodies), old.all(bodies)
    both = ~np.isnan(answers) & ~np.isnan(answers_before)
    own = [each for i, each in candidate.unanswered.items() if i not in old.unanswered]
    seconds, seconds_before = _timed(candidate, old, bodies[:TIMED])
    some = bool(both.any())
    return Canary(
        requests=len(bodies),
        refused=sum(isinstance(error, BadRequestError) for error in own),
        failed=sum(not isinstance(error, BadRequestError) for error in own),
        reason=_told(own[0]) if own else "",
        mean=float(answers[both].mean()) if some else float("nan"),
        mean_before=float(answers_before[both].mean()) if some else float("nan"),
        psi=distance(answers_before[both], answers[both]) if some else float("nan"),
        seconds=seconds,
        seconds_before=seconds_before,
    )


def taken(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """Which rows the version takes as a request, (rows,)."""
    side = _Side(bundle)
    return np.array([side.takes(json.dumps(row).encode()) for row in rows], dtype=bool)


class _Side:
    """One version as the service runs it: read the request, encode, predict."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.reader = bundle, RequestReader(bundle.signature, 1)
        self.unanswered: dict[int, Exception] = {}

    def answer(self, body: bytes) -> float:
        rows, _ = self.reader.read(body)
        return float(self.bundle.predict_rows(rows)[0])

    def takes(self, body: bytes) -> bool:
        try:
            self.reader.read(body)
        except BadRequestError:
            return False
        return True

    def all(self, bodies: Sequence[bytes]) -> Floats:
        """The answers, NaN where there is none."""
        found = np.full(len(bodies), np.nan)
        for i, body in enumerate(bodies):
            try:
                found[i] = self.answer(body)
                if np.isnan(found[i]):
                    self.unanswered[i] = ValueError("the answer is no number")
            except Exception as error:  # noqa: BLE001 - whatever breaks, the client has no answer
                self.unanswered[i] = error
        return found

    def seconds(self, bodies: Sequence[bytes]) -> float:
        since = time.process_time()
        self.all(bodies)
        return (time.process_time() - since) / max(1, len(bodies))


def _timed(one: _Side, two: _Side, bodies: Sequence[bytes]) -> tuple[float, float]:
    # In turn, and the least of several: what else runs on the machine only ever adds.
    rounds = [(one.seconds(bodies), two.seconds(bodies)) for _ in range(ROUNDS)]
    return min(each[0] for each in rounds), min(each[1] for each in rounds)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
