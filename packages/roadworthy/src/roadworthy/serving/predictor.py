"""From the body of a request to the body of its answer, with everything that is counted and logged on the way.

Metrics are of one service each, so that a test can have many. The recorder writes in the background: an answer never
waits for the disk.
"""

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from typing_extensions import TypedDict  # pydantic reads those of `typing` from Python 3.12 only

from ..base.errors import InputError
from ..bundle.bundle import Bundle
from ..bundle.signature import Signature
from ..monitoring.log import PredictionLog, time_text
from . import tensors
from .request import RequestReader, Row

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it when it is imported
APART = (1e-6, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
TENTHS = tuple(tenth / 10 for tenth in range(1, 11))
WIDTHS = tuple(step / 4 for step in range(-6, 7))  # of two standard deviations, around the mean
# A service that is killed loses what came since the last write.
EVERY = 0.25  # seconds between two writes to the log
BATCH = 5_000  # predictions in one transaction
# More are dropped and counted: a disk that is full or a database that is away must not fill the memory.
LIMIT = 50_000  # predictions that may wait
LAST_TRIES = 3
LOG = logging.getLogger(__package__)
Listener = Callable[[list[Row], list[float], str], object]


def number_edges(signature: Signature) -> tuple[float, ...]:
    """The edges of the buckets of predictions, around the mean of training.

    Where the contract knows of nothing below 0 none is negative: Prometheus has no sum of what may fall.
    """
    edges = (signature.center + signature.width * step for step in WIDTHS)
    positive = signature.low is not None and signature.low >= 0
    return tuple(edge for edge in edges if edge > 0 or not positive)


class Metrics:
    """Counters, histograms and gauges of one service; labels have few values, whatever a client sends."""

    def __init__(self, signature: Signature | None = None) -> None:
        """Make them; the buckets of predictions fit the `signature`, without one those of probabilities."""
        self.registry = CollectorRegistry()
        self._shared = SHARED_METRICS in os.environ
        self._followed: list[tuple[Gauge, Callable[[], float]]] = []
        self._served: tuple[str, str] | None = None
        self._created = 0.0
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        if not self._shared:
            ProcessCollector(registry=self.registry)
        new: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("service_requests", "Requests by path and status.", ["path", "status"], **new)
        self.seconds = Histogram(
            "service_request_seconds", "From the request to its answer.", ["path"], buckets=SECONDS, **new
        )
        self.bad_input = Counter("service_bad_input", "Problems in requests, by field.", ["field"], **new)
        numbers = signature is not None and signature.regression
        edges = number_edges(signature) if signature and numbers else TENTHS
        what = "Predicted numbers." if numbers else "Predicted probabilities."
        self.answers = Histogram("model_prediction", what, buckets=edges, **new)
        self.unseen = Counter("model_unseen_categories", "Categories that training has not seen.", ["field"], **new)
        newest, all_workers = {**new, "multiprocess_mode": "livemostrecent"}, {**new, "multiprocess_mode": "livesum"}
        self.model = Gauge("model_info", "Workers that answer with this version.", ["name", "version"], **all_workers)
        self.age = Gauge("model_age_seconds", "Since the export of the version that answers.", **newest)
        self.follow(self.age, lambda: time.time() - self._created)
        self.swaps = Counter("model_swaps", "Changes of the version that answers.", **new)
        self.swap_failures = Counter("model_swap_failures", "Versions that could not be served.", **new)
        self.difference = Histogram(
            "shadow_difference", "Of the shadow's answer; of numbers in two standard deviations.", buckets=APART, **new
        )
        self.shadow_failures = Counter("shadow_failures", "Rows that the shadow cannot answer.", **new)
        self.shadow_dropped = Counter("shadow_dropped", "Requests that the shadow had no time for.", **new)
        self.canary = Counter("canary_requests", "Requests that fell to the canary.", ["outcome"], **new)
        self.canary_withdrawn = Counter("canary_withdrawn", "Canaries that were taken out of service.", **new)
        self.log_queue = Gauge("prediction_log_queue", "Predictions that wait to be written.", **all_workers)
        self.log_written = Counter("prediction_log_written", "Predictions written to the log.", **new)
        self.log_dropped = Counter("prediction_log_dropped", "Predictions that are not in the log.", **new)
        self.log_failures = Counter("prediction_log_failures", "Writes that failed and are tried again.", **new)

    def serving(self, name: str, version: str, created: float) -> None:
        """Say which version answers from now on; `created` is a time in seconds since 1970."""
        if self._served:
            self.model.labels(*self._served).set(0)
        self._served, self._created = (name, version), created
        self.model.labels(name, version).set(1)
        self.refresh()

    def follow(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Let a gauge show a value as it is when it is read; with several workers as it was at the last `refresh`."""
        gauge.set_function(value)
        self._followed.append((gauge, value))

    def refresh(self) -> None:
        """Tell the other workers the values that gauges follow."""
        if self._shared:
            for gauge, value in self._followed:
                gauge.set(value())

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        metrics = self._children.get((path, status))
        if metrics is None:  # looking a label up costs more than counting
            metrics = self._children[path, status] = self.requests.labels(path, status), self.seconds.labels(path)
        metrics[0].inc()
        metrics[1].observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        if not self._shared:
            return generate_latest(self.registry)
        self.refresh()
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


class Recorder:
    """A queue and the thread that empties it into a prediction log.

    `key` names what identifies a row, `time` its prediction time; a row without one is of the time of its request.
    """

    def __init__(self, log: PredictionLog, metrics: Metrics, key: str, limit: int = LIMIT, time: str = "") -> None:
        self._log, self._metrics, self._key, self._limit, self._time = log, metrics, key, limit, time
        self._names = [feature.name for feature in log.features]
        # Without a lock: to append to a deque and to pop from its other end are single steps, whatever the threads do.
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
        now, (served_version, served_answers) = datetime.now(UTC), served
        if len(self._compared) + len(rows) > self._limit:
            self._metrics.log_dropped.inc(len(rows))
            return
        for row, answer, served_answer in zip(rows, answers, served_answers, strict=True):
            moment = time_text(row.get(self._time, now))
            head = (row.get(self._key), moment, request_id, version, answer, int(answer >= threshold))
            self._compared.append((*head, served_version, served_answer))

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
        # After the batch was taken: the features of its rows are announced by now.
        while self._wider:
            self._log.widen(self._wider[0])
            self._wider.popleft()
            self._names = [feature.name for feature in self._log.features]
        self._log.append_rows(map(self._flat, batch))

    def _flat(self, entry: tuple[Any, ...]) -> tuple[Any, ...]:
        moment, request_id, version, answer, decision, row = entry
        head = (row.get(self._key), time_text(moment), request_id, version, answer, int(decision))
        return (*head, *(row.get(name) for name in self._names))


class Prediction(TypedDict):
    """The answer to one row; `key` is the row's, as sent."""

    key: str | None
    probability: float
    decision: bool


class NumberPrediction(TypedDict):
    """The answer to one row; `key` is the row's, as sent."""

    key: str | None
    prediction: float


class NumberAnswer(NumberPrediction):
    """The answer to a request with one row."""

    model: str
    version: str
    request_id: str


class NumberAnswers(TypedDict):
    """The answer to a request with many rows, in their order."""

    predictions: list[NumberPrediction]
    model: str
    version: str
    request_id: str


class Answer(Prediction):
    """The answer to a request with one row."""

    model: str
    version: str
    request_id: str


class Answers(TypedDict):
    """The answer to a request with many rows, in their order."""

    predictions: list[Prediction]
    model: str
    version: str
    request_id: str


class Predictor:
    """One version of the model as the service uses it; `listeners` hear the rows, the answers and the request id.

    Raises ValueError or KeyError for a bundle that does not say when it was made.
    """

    def __init__(
        self, bundle: Bundle, metrics: Metrics, recorder: Recorder | None, max_rows: int, *, given_times: bool = False
    ) -> None:
        self.bundle, self.metrics, self.recorder = bundle, metrics, recorder
        example = bundle.golden[0]["features"]
        self.reader = RequestReader(bundle.signature, max_rows, example, times=given_times)
        self._name, self._version = bundle.signature.name, bundle.version
        self._key, self._regression = bundle.signature.key, bundle.signature.regression
        self._threshold = bundle.threshold
        self.created = datetime.fromisoformat(str(bundle.manifest["created"])).timestamp()
        self.listeners: tuple[Listener, ...] = ()

    def answer(self, body: bytes, request_id: str) -> bytes:
        """The answer as JSON. Raises BadRequestError."""
        rows, many = self.reader.read(body)
        answers = self.predict(rows, request_id)
        pairs = zip(rows, answers, strict=True)
        predictions: list[Any] = (
            [NumberPrediction(key=row.get(self._key), prediction=answer) for row, answer in pairs]
            if self._regression
            else [
                Prediction(key=row.get(self._key), probability=answer, decision=answer >= self._threshold)
                for row, answer in pairs
            ]
        )
        about = {"model": self._name, "version": self._version, "request_id": request_id}
        return json.dumps({"predictions": predictions, **about} if many else {**predictions[0], **about}).encode()

    def infer(self, body: bytes, length: bytes | None, request_id: str) -> tuple[bytes, int | None]:
        """The answer to a request of the Open Inference Protocol, see tensors.py. Raises BadRequestError."""
        inference = tensors.read_tensors(body, length, self.reader)
        answers = self.predict(inference.rows, request_id)
        return tensors.write_tensors(inference, self._name, self._version, answers, self._threshold)

    def predict(self, rows: list[Row], request_id: str) -> list[float]:
        """The answers to rows that were read, counted and logged."""
        answers: list[float] = self.bundle.predict_rows(rows).tolist()
        for row, answer in zip(rows, answers, strict=True):
            self.metrics.answers.observe(answer)
            for name in self.bundle.unseen(row):
                self.metrics.unseen.labels(name).inc()
        if self.recorder:
            self.recorder.put(request_id, self._version, rows, answers, self._threshold)
        for listener in self.listeners:
            listener(rows, answers, request_id)
        return answers
