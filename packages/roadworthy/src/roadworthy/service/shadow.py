"""A shadow: the challenger answers the same rows beside the version in service; it is compared and never returned.

It works in a thread of its own, behind a bounded queue: what it has no time for is dropped and counted. What it would
have answered is logged apart from the predictions, with what was answered instead.
"""

import logging
import queue
import threading
from typing import NamedTuple

from .metrics import Metrics
from .predictor import Listener, Predictor
from .recorder import Recorder
from .request import Row

LIMIT = 1_000  # requests that may wait
LOG = logging.getLogger(__package__)


class _Answered(NamedTuple):
    shadow: Predictor
    version: str
    rows: list[Row]
    answers: list[float]
    request_id: str


class Shadow:
    """The thread in which shadows answer, whichever version is one at the time."""

    def __init__(self, metrics: Metrics, recorder: Recorder | None, limit: int = LIMIT) -> None:
        self._metrics, self._recorder, self._limit = metrics, recorder, limit
        self._queue: queue.SimpleQueue[_Answered | None] = queue.SimpleQueue()
        self._told: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Compare what waits, then stop."""
        self._queue.put(None)
        self._thread.join()

    def of(self, serving: Predictor, shadow: Predictor) -> Listener:
        """What `serving` has to tell its answers to, so that `shadow` answers as well; never waits."""
        version = serving.bundle.version

        def listener(rows: list[Row], answers: list[float], request_id: str) -> None:
            if self._queue.qsize() < self._limit:
                self._queue.put(_Answered(shadow, version, rows, answers, request_id))
            else:
                self._metrics.shadow_dropped.inc()

        return listener

    def _run(self) -> None:
        while (asked := self._queue.get()) is not None:
            try:
                self._compare(asked)
            except Exception as error:  # noqa: BLE001 - whatever breaks, it is the shadow's failure and nobody else's
                self._failed(asked, f"{type(error).__name__}")

    def _compare(self, asked: _Answered) -> None:
        bundle, (row, *_) = asked.shadow.bundle, asked.rows
        # A row was read by the rules of the version in service, so it never has what only the shadow knows.
        lacking = [each.name for each in bundle.signature.features if not each.nullable and each.name not in row]
        if lacking:
            self._failed(asked, f"the requests lack {', '.join(lacking)}")
            return
        answers = bundle.predict_rows(asked.rows).tolist()
        for answer, given in zip(answers, asked.answers, strict=True):
            self._metrics.difference.observe(abs(answer - given))
        if self._recorder:
            served = asked.version, asked.answers
            self._recorder.put_compared(
                asked.request_id, bundle.version, asked.rows, answers, bundle.threshold, served=served
            )

    def _failed(self, asked: _Answered, reason: str) -> None:
        self._metrics.shadow_failures.inc(len(asked.rows))
        told = asked.shadow.bundle.version, reason
        if told not in self._told:  # the first of its kind: the counter has the rest
            self._told.add(told)
            LOG.warning("the shadow cannot answer", extra={"version": told[0], "reason": reason})
