"""The ASGI layer around the application: request ids, counting, logging, and the answers to /v1/predict.

Predictions do not pass through the framework's routing: it costs several times what the model does. Everything else
about the service is ordinary FastAPI.
"""

import json
import logging
import re
import secrets
from time import perf_counter

from starlette.types import ASGIApp
from starlette.types import Message
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

from .metrics import Metrics
from .predictor import Predictor
from .request import BadRequestError

PREDICT = "/v1/predict"
PATHS = {PREDICT, "/v1/model", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"}
ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
LOG = logging.getLogger(__package__)


class TooLargeError(Exception):
    """The body of a request is larger than the service accepts."""


class DisconnectedError(Exception):
    """The client went away before its request was complete."""


class Exchange:
    """One request and its answer: the id that the answer carries, the status once it was sent, the time."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.path: str = scope["path"]
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        self.id = given.decode() if ID.fullmatch(given) else secrets.token_hex(8)
        self.status = 0
        self._send, self._start = send, perf_counter()

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.id.encode())]
        await self._send(message)

    async def answer(self, status: int, body: bytes) -> None:
        """Send a whole answer in JSON."""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def refuse(self, status: int, message: str) -> None:
        """Send the reason why there is no answer."""
        content = {"errors": [{"message": message}], "count": 1, "request_id": self.id}
        await self.answer(status, json.dumps(content).encode())

    def done(self, metrics: Metrics) -> None:
        """Count the exchange, and log it unless it went well."""
        seconds = perf_counter() - self._start
        metrics.observe(self.path if self.path in PATHS else "other", self.status, seconds)
        if self.status >= 400:
            about = {"request_id": self.id, "path": self.path[:100], "status": self.status}
            LOG.warning("request not answered well", extra={**about, "seconds": round(seconds, 6)})


class Front:
    """Wraps the application `app`, whose state names the predictor; it may be replaced between two requests."""

    def __init__(self, app: ASGIApp, metrics: Metrics, max_body: int) -> None:
        self.app, self.metrics, self.max_body = app, metrics, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; no error of ours leaves without a log entry and a status of 500."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(scope, send)
        try:
            if exchange.path == PREDICT:
                await self._predict(scope, receive, exchange)
            else:
                await self.app(scope, receive, exchange.send)
        except DisconnectedError:
            exchange.status = 499
        except Exception:
            LOG.exception("request failed", extra={"request_id": exchange.id, "path": exchange.path[:100]})
            if exchange.status:  # the answer has begun, so it cannot be replaced
                raise
            await exchange.refuse(500, "the service failed; its log says why, under this request id")
        finally:
            exchange.done(self.metrics)

    async def _predict(self, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        predictor: Predictor = scope["app"].state.predictor
        if scope["method"] != "POST":
            await exchange.refuse(405, f"{scope['method']} is not allowed here, send POST")
            return
        try:
            answer = predictor.answer(await self._body(scope, receive), exchange.id)
        except TooLargeError:
            what = f"the body is larger than {self.max_body:,} bytes; send fewer rows in a request"
            await exchange.refuse(413, what)
        except BadRequestError as error:
            for problem in error.problems:
                self.metrics.bad_input.labels(_known(problem.field, predictor)).inc()
            problems = [vars(problem) for problem in error.problems]
            content = {"errors": problems, "count": error.count, "request_id": exchange.id}
            await exchange.answer(422, json.dumps(content).encode())
        else:
            await exchange.answer(200, answer)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(announced) > self.max_body:
            raise TooLargeError
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise DisconnectedError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.max_body:
                raise TooLargeError
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _known(field: str, predictor: Predictor) -> str:
    # A client must not be able to invent labels: each one costs memory for good.
    signature = predictor.bundle.signature
    return field if field in signature.by_name or field == signature.key else "unknown" if field else "body"
