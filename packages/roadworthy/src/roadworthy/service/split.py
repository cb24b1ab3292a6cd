"""A canary: a new version answers a share of the requests until it is promoted, or departs from the one in service.

Which request falls to it depends on the key of the row alone, so that the same row always meets the same version.
What the canary cannot answer, the version in service answers: a bad one costs time, and no request.
"""

import re
from collections import deque
from hashlib import blake2b
from time import thread_time
from typing import Any

import numpy as np

from ..departure import MAX_CPU, MAX_PSI, by_chance, distance
from .metrics import Metrics
from .predictor import Predictor
from .request import BadRequestError, Row

WINDOW = 2_000  # rows of each version, the newest
FEWEST = 300  # rows of each: with them the PSI is below .19 by chance
# A single failure may be one of the machine; the gate Infrastructure 6 allows none of those it can repeat.
MAX_FAILED, FEWEST_FAILED = 0.01, 3


class Split:
    """What answers while there is a canary; for everything but the answers it stands for the version in service."""

    def __init__(self, champion: Predictor, canary: Predictor, share: float, metrics: Metrics) -> None:
        self.champion, self.canary, self.share, self.metrics = champion, canary, share, metrics
        self.before, self.new = _Side(), _Side()
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
        apart, limit = distance(before, new), MAX_PSI + by_chance(len(before), len(new))
        if not apart <= limit:
            return (
                f"PSI of the answers {apart:.2f}, at most {limit:.2f}, mean {new.mean():.3f} after {before.mean():.3f}"
            )
        ratio = self.new.median / max(self.before.median, 1e-9)
        return f"{ratio:.1f} times the CPU of the version in service, at most {MAX_CPU:g}" if ratio > MAX_CPU else ""


class _Side:
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
