"""How long a request waits on its way through the service, the network left out, with a disk that is slow."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.types import Message, Scope

from ..bundle import Bundle
from ..errors import InputError
from ..monitoring.log import PredictionLog
from ..service.body import BodyReader
from ..service.front import PREDICT, Front
from ..service.metrics import Metrics
from ..service.predictor import Predictor
from ..service.recorder import Recorder
from . import loops

DISK = 0.02  # seconds that a write to the log takes
LARGEST = 1_000_000  # bytes of a body


class SlowLog(PredictionLog):
    """A prediction log on a disk that is slow."""

    def append_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Wait, then write."""
        time.sleep(DISK)
        super().append_rows(rows)


def shortest(bundle: Bundle, bodies: Sequence[bytes], file: Path) -> float:
    """The least time in microseconds, by the clock, that one of the requests takes; `file` is for their log.

    The least, because another process may take the machine away for any other. Raises InputError when none is answered.
    """
    metrics = Metrics()
    with SlowLog(file, bundle.signature) as log:
        recorder = Recorder(log, metrics, bundle.signature.key)  # not started: what waits for it waits in `put`
        predictor = Predictor(bundle, metrics, recorder, max_rows=1)
        front = Front(_nobody, metrics, BodyReader(LARGEST, 1), None)
        app = Starlette()
        app.state.predictor = predictor
        return min(loops.run(_all(front, app, bodies))) * 1e6


async def _all(front: Front, app: Starlette, bodies: Sequence[bytes]) -> list[float]:
    return [await _seconds(front, app, body) for body in bodies]


async def _seconds(front: Front, app: Starlette, body: bytes) -> float:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "POST", "path": PREDICT, "headers": [], "app": app}
    since = time.perf_counter()
    await front(scope, receive, send)
    seconds = time.perf_counter() - since
    if sent[0]["status"] != 200:
        raise InputError(f"a request is answered with {sent[0]['status']}", where=PREDICT)
    return seconds


async def _nobody(scope: Scope, *_: object) -> None:
    raise InputError("no other path is asked", where=scope["path"])
