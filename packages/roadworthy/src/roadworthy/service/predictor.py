"""From the body of a request to the body of its answer, with everything that is counted and logged on the way."""

import json
from collections.abc import Callable
from datetime import datetime

from typing_extensions import TypedDict  # pydantic reads those of `typing` from Python 3.12 only

from ..bundle import Bundle
from . import tensors
from .metrics import Metrics
from .recorder import Recorder
from .request import RequestReader, Row

Listener = Callable[[list[Row], list[float], str], object]


class Prediction(TypedDict):
    """The answer to one row; `key` is the row's, as sent."""

    key: str | None
    probability: float
    decision: bool


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
        self._key, self._threshold = bundle.signature.key, bundle.threshold
        self.created = datetime.fromisoformat(str(bundle.manifest["created"])).timestamp()
        self.listeners: tuple[Listener, ...] = ()

    def answer(self, body: bytes, request_id: str) -> bytes:
        """The answer as JSON. Raises BadRequestError."""
        rows, many = self.reader.read(body)
        answers = self.predict(rows, request_id)
        predictions = [
            Prediction(key=row.get(self._key), probability=answer, decision=answer >= self._threshold)
            for row, answer in zip(rows, answers, strict=True)
        ]
        about = {"model": self._name, "version": self._version, "request_id": request_id}
        return json.dumps({"predictions": predictions, **about} if many else {**predictions[0], **about}).encode()

    def infer(self, body: bytes, length: bytes | None, request_id: str) -> tuple[bytes, int | None]:
        """The answer to a request of the Open Inference Protocol, see tensors.py. Raises BadRequestError."""
        inference = tensors.read(body, length, self.reader)
        answers = self.predict(inference.rows, request_id)
        return tensors.write(inference, self._name, self._version, answers, self._threshold)

    def predict(self, rows: list[Row], request_id: str) -> list[float]:
        """The probabilities of rows that were read, counted and logged."""
        answers: list[float] = self.bundle.predict_rows(rows).tolist()
        for row, answer in zip(rows, answers, strict=True):
            self.metrics.probability.observe(answer)
            for name in self.bundle.unseen(row):
                self.metrics.unseen.labels(name).inc()
        if self.recorder:
            self.recorder.put(request_id, self._version, rows, answers, self._threshold)
        for listener in self.listeners:
            listener(rows, answers, request_id)
        return answers
