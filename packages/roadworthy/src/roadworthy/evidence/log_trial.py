"""The log on a bad day: a shadow answers beside the service, and the first write fails, as on a full disk."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle import Bundle
from ..errors import InputError
from ..monitoring.log import PredictionLog
from ..service.metrics import Metrics
from ..service.predictor import Predictor
from ..service.recorder import LOG, Recorder
from ..service.shadow import Shadow
from ..signature import Signature


@dataclass(frozen=True)
class LogTrial:
    """`asked` rows were answered, `kept` of these answers are in the log, with `foreign` ones of the shadow.

    `off` is by how many seconds a time in the log is outside the time of the request, at most.
    """

    asked: int
    kept: int
    foreign: int
    off: float


class _FullOnce(PredictionLog):
    """A log whose first write fails."""

    def __init__(self, path: Path, signature: Signature) -> None:
        super().__init__(path, signature)
        self.failed = False

    def append_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Fail once, then append."""
        if not self.failed:
            self.failed = True
            raise InputError("the disk is full for a moment", where=str(self.path))
        super().append_rows(rows)


def run(bundle: Bundle, other: Bundle, rows: Sequence[Mapping[str, Any]], file: Path) -> LogTrial:
    """Answer rows by `bundle` with `other` as its shadow, stop in order, and read the log."""
    metrics = Metrics()
    recorder = Recorder(_FullOnce(file, bundle.signature), metrics, bundle.signature.key)
    shadow = Shadow(metrics, recorder)
    serving = Predictor(bundle, metrics, recorder, max_rows=len(rows))
    serving.listeners = (shadow.of(serving, Predictor(other, metrics, None, max_rows=len(rows))),)
    body = json.dumps({"rows": list(rows)}).encode()
    with _quiet():
        recorder.start()
        shadow.start()
        since = datetime.now(UTC)
        serving.answer(body, "trial")
        until = datetime.now(UTC)
        shadow.stop()
        recorder.stop()
    with PredictionLog(file, bundle.signature) as log:
        found = log.read()
    own = found["version"] == bundle.version
    return LogTrial(len(rows), int(own.sum()), int((~own).sum()), _off(found["time"][own], since, until))


@contextmanager
def _quiet() -> Iterator[None]:
    """Tell nobody of the failure that is made here."""
    silent = logging.Filter("nothing")
    LOG.addFilter(silent)
    try:
        yield
    finally:
        LOG.removeFilter(silent)


def _off(times: Any, since: datetime, until: datetime) -> float:
    if not len(times):
        return 0.0
    first, last = (np.datetime64(each.replace(tzinfo=None)) for each in (since, until))
    return float(max((first - times.min()) / np.timedelta64(1, "s"), (times.max() - last) / np.timedelta64(1, "s"), 0))
