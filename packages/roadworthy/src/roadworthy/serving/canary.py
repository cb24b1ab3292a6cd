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

Floats = NDArray[np.float64]
TIMED, ROUNDS = 300, 3  # requests whose time is taken, and how often
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
    old, candidate = _Version(before), _Version(new)
    answers, answers_before = candidate.answer(bodies), old.answer(bodies)
    both = ~np.isnan(answers) & ~np.isnan(answers_before)
    errors = [error for number, error in candidate.errors.items() if number not in old.errors]
    # In turn, and the least of several: what else runs on the machine only ever adds.
    seconds = [(candidate.seconds(bodies[:TIMED]), old.seconds(bodies[:TIMED])) for _ in range(ROUNDS)]
    some = bool(both.any())
    return CanaryComparison(
        requests=len(bodies),
        refused=sum(isinstance(error, BadRequestError) for error in errors),
        failed=sum(not isinstance(error, BadRequestError) for error in errors),
        reason=f"{type(errors[0]).__name__}: {''.join(str(errors[0]).splitlines()[:1])}" if errors else "",
        mean=float(answers[both].mean()) if some else float("nan"),
        mean_before=float(answers_before[both].mean()) if some else float("nan"),
        psi=prediction_shift(answers_before[both], answers[both]) if some else float("nan"),
        seconds=min(new for new, _ in seconds),
        seconds_before=min(old for _, old in seconds),
    )


def rows_taken(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """Which rows the version takes as a request, (rows,)."""
    reader, taken = RequestReader(bundle.signature, 1), np.ones(len(rows), dtype=bool)
    for number, row in enumerate(rows):
        try:
            reader.read(json.dumps(row).encode())
        except BadRequestError:
            taken[number] = False
    return taken


class CanaryTraffic:
    """What answers while there is a canary; for everything but the answers it stands for the version in service."""

    def __init__(
        self, champion: Predictor, canary: Predictor, share: float, metrics: Metrics, max_psi: float = MAX_PSI
    ) -> None:
        self.champion, self.canary, self.share, self.metrics = champion, canary, share, metrics
        self.max_psi = max_psi
        self.before, self.new = _Recent(), _Recent()
        champion.listeners = (*champion.listeners, self.before.record)
        canary.listeners = (self.new.record,)
        key = re.escape(champion.bundle.signature.key.encode())
        # In the raw bytes, because whichever version is chosen reads the body itself, by its own rules.
        self._key = re.compile(rb'"' + key + rb'"\s*:\s*"([^"]*)"')
        self._salt = canary.bundle.version.encode()  # so that not always the same keys are the first to be tried on

    def __getattr__(self, name: str) -> Any:
        return getattr(self.champion, name)

    def answer(self, body: bytes, request_id: str) -> bytes:
        """The answer as JSON. Raises BadRequestError when the version in service does."""
        if not self.chooses_canary(body, request_id):
            return self.before.answer(self.champion, body, request_id)
        try:
            answer = self.new.answer(self.canary, body, request_id)
        except Exception as error:  # noqa: BLE001 - whatever breaks, the client gets an answer
            answer = self.champion.answer(body, request_id)
            self.new.fail(error)
            self.metrics.canary.labels("failed").inc()
        else:
            self.metrics.canary.labels("answered").inc()
        return answer

    def chooses_canary(self, body: bytes, request_id: str) -> bool:
        """Whether the canary answers: by the key of the first row, or the id of a request that names none."""
        key = self._key.search(body)
        chosen = blake2b(self._salt + (key[1] if key else request_id.encode()), digest_size=8)
        return int.from_bytes(chosen.digest()) < self.share * 2**64

    def judge(self) -> str:
        """Why the canary must not go on; empty while it may."""
        failed, requests = self.new.failed, self.new.requests
        if failed >= FEWEST_FAILED and failed > MAX_FAILED * requests:
            return f"{failed:,} of {requests:,} requests failed, the last: {self.new.reason}"
        # Copied in one step: another thread appends meanwhile, and to walk through a deque that changes is an error.
        before, new = (np.array(side.answers.copy(), dtype=np.float64) for side in (self.before, self.new))
        if min(len(before), len(new)) < FEWEST:
            return ""
        psi, limit = prediction_shift(before, new), self.max_psi + shift_by_chance(len(before), len(new))
        if not psi <= limit:
            return f"PSI of the answers {psi:.2f}, at most {limit:.2f}, mean {new.mean():.3f} after {before.mean():.3f}"
        ratio = self.new.median / max(self.before.median, 1e-9)
        return f"{ratio:.1f} times the CPU of the version in service, at most {MAX_CPU:g}" if ratio > MAX_CPU else ""


class _Version:
    """One version as the service runs it: read the request, encode, predict."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.reader = bundle, RequestReader(bundle.signature, 1)
        self.errors: dict[int, Exception] = {}

    def answer(self, bodies: Sequence[bytes]) -> Floats:
        """The answers, NaN where there is none; `errors` has then what happened, by the number of the request."""
        answers = np.full(len(bodies), np.nan)
        for number, body in enumerate(bodies):
            try:
                rows, _ = self.reader.read(body)
                answers[number] = self.bundle.predict_rows(rows)[0]
                if np.isnan(answers[number]):
                    self.errors[number] = ValueError("the answer is no number")
            except Exception as error:  # noqa: BLE001 - whatever breaks, the client has no answer
                self.errors[number] = error
        return answers

    def seconds(self, bodies: Sequence[bytes]) -> float:
        since = time.process_time()
        self.answer(bodies)
        return (time.process_time() - since) / max(1, len(bodies))


class _Recent:
    """What one of the two versions did lately: answers, CPU seconds for each row, failures."""

    def __init__(self) -> None:
        self.answers: deque[float] = deque(maxlen=WINDOW)
        self.seconds: deque[float] = deque(maxlen=WINDOW)
        self.requests, self.failed, self.reason = 0, 0, ""
        self._rows = 1

    @property
    def median(self) -> float:
        return float(np.median(self.seconds.copy()))

    def record(self, rows: list[Row], answers: list[float], request_id: str) -> None:
        del request_id
        self.answers.extend(answers)
        self._rows = len(rows)

    def answer(self, predictor: Predictor, body: bytes, request_id: str) -> bytes:
        begun = thread_time()
        answer = predictor.answer(body, request_id)
        self.seconds.append((thread_time() - begun) / self._rows)
        self.requests += 1
        return answer

    def fail(self, error: Exception) -> None:
        # The values of a request do not belong into the history of the registry.
        fields = sorted({problem.field for problem in error.problems}) if isinstance(error, BadRequestError) else []
        self.reason = " ".join([type(error).__name__, *fields])
        self.requests, self.failed = self.requests + 1, self.failed + 1
