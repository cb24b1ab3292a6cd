"""Write predictions to the log in the background: an answer never waits for the disk.

The queue is bounded: when the disk cannot follow, predictions are dropped and counted. A clean stop loses none, a
killed process at most those of the last quarter of a second.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..errors import InputError
from ..monitoring.log import PredictionLog, time_text
from ..signature import Signature
from .metrics import Metrics

EVERY = 0.25  # seconds
BATCH = 5_000  # predictions in one transaction
LIMIT = 50_000  # predictions that may wait
LAST_TRIES = 3
LOG = logging.getLogger(__package__)


class Recorder:
    """A queue and the thread that empties it into a prediction log.

    `key` names what identifies a row, `time` its prediction time; a row without one is of the time of its request.
    """

    def __init__(self, log: PredictionLog, metrics: Metrics, key: str, limit: int = LIMIT, time: str = "") -> None:
        self._log, self._metrics, self._key, self._limit, self._time = log, metrics, key, limit, time
        self._names = [feature.name for feature in log.features]
        self._queue: deque[tuple[Any, ...]] = deque()
        self._compared: deque[tuple[Any, ...]] = deque()
        self._wider: deque[Signature] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        metrics.follow(metrics.log_queue, lambda: len(self._queue))

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def follow(self, signature: Signature) -> None:
        """Keep the features of another version of the same contract too; called before its first prediction.

        Raises InputError when the log needs the name of one of them itself.
        """
        self._log.refuse_taken(signature)
        self._wider.append(signature)

    def put(
        self, request_id: str, version: str, rows: list[dict[str, Any]], answers: list[float], threshold: float
    ) -> None:
        """Queue the answers to one request; never waits."""
        now = datetime.now(UTC)
        if len(self._queue) + len(rows) > self._limit:
            self._metrics.log_dropped.inc(len(rows))
            return
        for row, answer in zip(rows, answers, strict=True):
            self._queue.append((row.get(self._time, now), request_id, version, answer, answer >= threshold, row))

    def put_compared(
        self,
        request_id: str,
        version: str,
        rows: list[dict[str, Any]],
        answers: list[float],
        threshold: float,
        *,
        served: tuple[str, list[float]],
    ) -> None:
        """Queue what a shadow would have answered; `served` is the version that did, with its answers."""
        now, (other, given) = datetime.now(UTC), served
        if len(self._compared) + len(rows) > self._limit:
            self._metrics.log_dropped.inc(len(rows))
            return
        for row, answer, theirs in zip(rows, answers, given, strict=True):
            moment = time_text(row.get(self._time, now))
            head = (row.get(self._key), moment, request_id, version, answer, int(answer >= threshold))
            self._compared.append((*head, other, theirs))

    def stop(self) -> None:
        """Write what waits, then close the log; says how many predictions could not be written."""
        self._stopping.set()
        self._thread.join()
        for _ in range(LAST_TRIES):
            self._empty()
        lost = len(self._queue) + len(self._compared)
        if lost:
            self._metrics.log_dropped.inc(lost)
            LOG.error("predictions could not be written to the log", extra={"lost": lost})
        self._log.close()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY):
            self._empty()

    def _empty(self) -> None:
        while self._queue and self._write(self._queue, self._append):
            pass
        while self._compared and self._write(self._compared, self._log.append_compared):
            pass

    def _write(self, queue: deque[tuple[Any, ...]], append: Callable[[list[tuple[Any, ...]]], None]) -> bool:
        batch = [queue.popleft() for _ in range(min(len(queue), BATCH))]
        try:
            append(batch)
        except InputError as error:
            # They keep their place in the queue; the next round tries again.
            queue.extendleft(reversed(batch))
            self._metrics.log_failures.inc()
            LOG.error("the prediction log cannot be written", extra={"reason": str(error), "waiting": len(batch)})  # noqa: TRY400
            return False
        self._metrics.log_written.inc(len(batch))
        return True

    def _append(self, batch: list[tuple[Any, ...]]) -> None:
        self._widen()
        self._log.append_rows(map(self._flat, batch))

    def _widen(self) -> None:
        # After the batch was taken: the features of its rows are announced by now.
        while self._wider:
            self._log.widen(self._wider[0])
            self._wider.popleft()
            self._names = [feature.name for feature in self._log.features]

    def _flat(self, entry: tuple[Any, ...]) -> tuple[Any, ...]:
        moment, request_id, version, answer, decision, row = entry
        head = (row.get(self._key), time_text(moment), request_id, version, answer, int(decision))
        return (*head, *(row.get(name) for name in self._names))
