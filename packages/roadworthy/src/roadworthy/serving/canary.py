"""A canary: a new version answers a share of the requests until it is promoted, or departs from the one in service.

`compare_versions` asks both on rows of the past, before any client is answered by the new one.
"""

import json
import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from time import thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bundle.bundle import Bundle
from ..monitoring.distributions import MAX_CPU, MAX_PSI, prediction_shift, shift_by_chance
from .predictor import Metrics, Predictor
from .request import BadRequestError, RequestReader, Row

TIMED = 300  # requests
ROUNDS = 3
Floats = NDArray[np.float64]
WINDOW = 2_000  # rows of each version, the newest
FEWEST = 300  # rows of each: with them the PSI is below .19 by chance
# A single failure may be one of the machine; the gate Infrastructure 6 allows none of those it can repeat.
MAX_FAILED, FEWEST_FAILED = 0.01, 3


@dataclass(frozen=True)
class CanaryComparison:
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


def compare_versions(before: Bundle, new: Bundle, rows: Sequence[Mapping[str, Any]]) -> CanaryComparison:
    """Send each row as a request of its own to both versions; the rows are what clients send today."""
    bodies = [json.dumps(row).encode() for row in rows]
    old, candidate = _Side(before), _Side(new)
    answers, answers_before = candidate.all(bodies), old.all(bodies)
    both = ~np.isnan(answers) & ~np.isnan(answers_before)
    own = [each for i, each in candidate.unanswered.items() if i not in old.unanswered]
    seconds, seconds_before = _timed(candidate, old, bodies[:TIMED])
    some = bool(both.any())
    return CanaryComparison(
        requests=len(bodies),
        refused=sum(isinstance(error, BadRequestError) for error in own),
        failed=sum(not isinstance(error, BadRequestError) for error in own),
        reason=_told(own[0]) if own else "",
        mean=float(answers[both].mean()) if some else float("nan"),
        mean_before=float(answers_before[both].mean()) if some else float("nan"),
        psi=prediction_shift(answers_before[both], answers[both]) if some else float("nan"),
        seconds=seconds,
        seconds_before=seconds_before,
    )


def rows_taken(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
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


class CanaryTraffic:
    """What answers while there is a canary; for everything but the answers it stands for the version in service."""

    def __init__(self, champion: Predictor, canary: Predictor, share: float, metrics: Metrics) -> None:
        self.champion, self.canary, self.share, self.metrics = champion, canary, share, metrics
        self.before, self.new = _SideOfSplit(), _SideOfSplit()
        champion.listeners = (*champion.listeners, self.before.hear)
        canary.listeners = (self.new.hear,)
        key = re.escape(champion.bundle.signature.key.encode())
        self._key = re.compile(rb'"' + key + rb'"\s*:\s*"([^"]*)"')
        self._salt = canary.bundle.version.encode()  # so that not always the same keys are the first to be tried on

    def __getattr__(self, name: str) -> Any:
        return getattr(self.champion, name)

    def answer(self, body: bytes, request_id: str) -> bytes:
        """The answer as JSON. Raises BadRequestError when the version in service does."""
        if not self.falls(body, request_id):
            return self.before.timed(self.champion, body, request_id)
        try:
            answer = self.new.timed(self.canary, body, request_id)
        except Exception as error:  # noqa: BLE001 - whatever breaks, the client gets an answer
            answer = self.champion.answer(body, request_id)
            self.new.fail(error)
            self.metrics.canary.labels("failed").inc()
        else:
            self.metrics.canary.labels("answered").inc()
        return answer

    def falls(self, body: bytes, request_id: str) -> bool:
        """Whether the canary answers: by the key of the first row, or the id of a request that names none."""
        found = self._key.search(body)
        chosen = blake2b(self._salt + (found[1] if found else request_id.encode()), digest_size=8)
        return int.from_bytes(chosen.digest()) < self.share * 2**64

    def judge(self) -> str:
        """Why the canary must not go on; empty while it may."""
        failed, requests = self.new.failed, self.new.requests
        if failed >= FEWEST_FAILED and failed > MAX_FAILED * requests:
            return f"{failed:,} of {requests:,} requests failed, the last: {self.new.reason}"
        before, new = (np.array(side.answers.copy(), dtype=np.float64) for side in (self.before, self.new))
        if min(len(before), len(new)) < FEWEST:
            return ""
        apart, limit = prediction_shift(before, new), MAX_PSI + shift_by_chance(len(before), len(new))
        if not apart <= limit:
            return (
                f"PSI of the answers {apart:.2f}, at most {limit:.2f}, mean {new.mean():.3f} after {before.mean():.3f}"
            )
        ratio = self.new.median / max(self.before.median, 1e-9)
        return f"{ratio:.1f} times the CPU of the version in service, at most {MAX_CPU:g}" if ratio > MAX_CPU else ""


class _SideOfSplit:
    """What one of the two versions did lately: answers, CPU seconds for each row, failures."""

    def __init__(self) -> None:
        self.answers: deque[float] = deque(maxlen=WINDOW)
        self.seconds: deque[float] = deque(maxlen=WINDOW)
        self.requests, self.failed, self.reason = 0, 0, ""
        self._rows = 1

    @property
    def median(self) -> float:
        return float(np.median(self.seconds.copy()))

    def hear(self, rows: list[Row], answers: list[float], request_id: str) -> None:
        del request_id
        self.answers.extend(answers)
        self._rows = len(rows)

    def timed(self, predictor: Predictor, body: bytes, request_id: str) -> bytes:
        begun = thread_time()
        answer = predictor.answer(body, request_id)
        self.seconds.append((thread_time() - begun) / self._rows)
        self.requests += 1
        return answer

    def fail(self, error: Exception) -> None:
        # The values of a request do not belong into the history of the registry.
        fields = sorted({each.field for each in error.problems}) if isinstance(error, BadRequestError) else []
        self.reason = " ".join([type(error).__name__, *fields])
        self.requests, self.failed = self.requests + 1, self.failed + 1
