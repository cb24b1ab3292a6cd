"""The ASGI layer around the application: bounded bodies, request ids, keys and limits, counts, log, predictions."""

import json
import logging
import re
import secrets
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access import AccessControl, DisconnectedError, RefusedError
from .predictor import Metrics, Predictor
from .request import BadRequestError

JSON = re.compile(rb"application/([\w.-]+\+)?json\s*(;.*)?", re.IGNORECASE)
TENSORS = re.compile(rb"application/(([\w.-]+\+)?json|octet-stream)\s*(;.*)?", re.IGNORECASE)
Headers = dict[bytes, bytes]
PREDICT = "/v1/predict"
INFER = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
LENGTH = "inference-header-content-length"
PATHS = {PREDICT, "/v1/model", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"}
PATHS |= {"/v2", "/v2/health/live", "/v2/health/ready"}
# What a client names its request stands in our log and in a header of the answer: no line break may get there.
ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
LOG = logging.getLogger(__package__)


class BodyReader:
    """Reads bodies of at most `largest` bytes, of at most `clients` at a time: what waits in memory is bounded."""

    def __init__(self, largest: int, clients: int) -> None:
        self.largest, self.clients = largest, clients
        self._open = 0

    async def read(self, receive: Receive, headers: Headers, kinds: re.Pattern[bytes] = JSON) -> bytes:
        """The whole body. Raises RefusedError, and DisconnectedError when it does not come."""
        kind = headers.get(b"content-type")
        if kind is not None and kind != b"application/json" and not kinds.fullmatch(kind):
            text = kind[:60].decode("ascii", "backslashreplace")
            raise RefusedError(415, f"the content type is {text}; send application/json")
        if b"content-encoding" in headers and headers[b"content-encoding"] != b"identity":
            raise RefusedError(415, "the body is compressed; send it without a content-encoding")
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit():
            raise RefusedError(400, "the content length is not a whole number")
        # Python refuses to read thousands of digits; no limit has twenty.
        if len(announced) > 19 or int(announced) > self.largest:
            raise self._too_large()
        if self._open >= self.clients:
            raise RefusedError(503, f"{self.clients} requests are being read; try again", after=1)
        # No lock: nothing is awaited between the look and this line, so no other request can come in between.
        self._open += 1
        parts, size, more = [], 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise DisconnectedError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > self.largest:
                    raise self._too_large()
                more = message.get("more_body", False)
        finally:
            self._open -= 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> RefusedError:
        return RefusedError(413, f"the body is larger than {self.largest:,} bytes; send fewer rows in a request")


class Exchange:
    """One request and its answer: the id that the answer carries, the status once it was sent, the time."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        sent = self.headers.get(b"x-request-id", b"")
        self.id = sent.decode() if ID.fullmatch(sent) else secrets.token_hex(8)
        self.status = 0
        self._send, self._start = send, perf_counter()

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.id.encode())]
        await self._send(message)

    async def answer(
        self, status: int, content: bytes, more: dict[str, str] | None = None, kind: bytes = b"application/json"
    ) -> None:
        """Send a whole answer, with `more` headers."""
        headers = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
        if more:
            headers = [*headers, *((name.encode(), value.encode()) for name, value in more.items())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": content})

    async def refuse(self, status: int, reason: str, more: dict[str, str] | None = None) -> None:
        """Send the reason why there is no answer, in the form of the protocol that was spoken."""
        own_form = {"errors": [{"message": reason}], "count": 1, "request_id": self.id}
        content = {"error": reason} if self.path.startswith("/v2") else own_form
        await self.answer(status, json.dumps(content).encode(), more)

    def done(self, metrics: Metrics) -> None:
        """Count the exchange, and log it unless it went well."""
        seconds = perf_counter() - self._start
        path = self.path if self.path in PATHS else "/v2/infer" if INFER.fullmatch(self.path) else "other"
        metrics.observe(path, self.status, seconds)
        if self.status >= 400:
            about = {"request_id": self.id, "path": self.path[:100], "status": self.status}
            LOG.warning("request not answered well", extra={**about, "seconds": round(seconds, 6)})


class PredictionMiddleware:
    """Wraps the application `app`, whose state names the predictor; it may be replaced between two requests."""

    def __init__(self, app: ASGIApp, metrics: Metrics, bodies: BodyReader, access: AccessControl | None) -> None:
        self.app, self.metrics, self.bodies, self.access = app, metrics, bodies, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; no error of ours leaves without a log entry and a status of 500."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(scope, send)
        try:
            if self.access:
                self.access.admit(scope, exchange.headers)
            if exchange.path == PREDICT:
                await self._predict(scope, receive, exchange)
            elif (match := INFER.fullmatch(exchange.path)) is not None:
                await self._infer(scope, receive, exchange, match)
            else:
                await self.app(scope, receive, exchange.send)
        except RefusedError as refusal:
            await exchange.refuse(refusal.status, str(refusal), refusal.headers)
        except DisconnectedError:
            # As nginx counts those who went away: no answer was sent, and it was not our fault.
            exchange.status = 499
        except Exception:
            LOG.exception("request failed", extra={"request_id": exchange.id, "path": exchange.path[:100]})
            if exchange.status:  # the answer has begun, so it cannot be replaced
                raise
            await exchange.refuse(500, "the service failed; its log says why, under this request id")
        finally:
            exchange.done(self.metrics)

    async def _predict(self, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        _refuse_other_methods(scope)
        body = await self.bodies.read(receive, exchange.headers)
        predictor: Predictor = scope["app"].state.predictor
        try:
            answer = predictor.answer(body, exchange.id)
        except BadRequestError as error:
            self._count(error, predictor)
            problems = [vars(problem) for problem in error.problems]
            content = {"errors": problems, "count": error.count, "request_id": exchange.id}
            await exchange.answer(422, json.dumps(content).encode())
        else:
            await exchange.answer(200, answer)

    async def _infer(self, scope: Scope, receive: Receive, exchange: Exchange, match: re.Match[str]) -> None:
        _refuse_other_methods(scope)
        body = await self.bodies.read(receive, exchange.headers, TENSORS)
        predictor: Predictor = scope["app"].state.predictor
        require_model(predictor, match[1], match[2])
        try:
            answer, length = predictor.infer(body, exchange.headers.get(LENGTH.encode()), exchange.id)
        except BadRequestError as error:
            self._count(error, predictor)
            more = f" (and {error.count - len(error.problems)} more)" if error.count > len(error.problems) else ""
            raise RefusedError(400, f"{error}{more}") from error
        if length is None:
            await exchange.answer(200, answer)
        else:
            await exchange.answer(200, answer, {LENGTH: str(length)}, b"application/octet-stream")

    def _count(self, error: BadRequestError, predictor: Predictor) -> None:
        for problem in error.problems:
            self.metrics.bad_input.labels(_field_label(problem.field, predictor)).inc()


def require_model(predictor: Predictor, name: str, version: str | None) -> None:
    """Raise RefusedError unless it is this model that answers, in this version if one is named."""
    signature, current = predictor.bundle.signature, predictor.bundle.version
    if name != signature.name:
        raise RefusedError(404, f"there is no model {name[:60]!r} here; there is {signature.name}")
    if version is not None and version != current:
        raise RefusedError(404, f"version {version[:60]!r} does not answer; version {current} does")


def _refuse_other_methods(scope: Scope) -> None:
    if scope["method"] != "POST":
        reason = f"{scope['method'][:20]} is not allowed here, send POST"
        raise RefusedError(405, reason, headers={"allow": "POST"})


def _field_label(field: str, predictor: Predictor) -> str:
    # A client must not be able to invent labels: each one costs memory for good.
    signature = predictor.bundle.signature
    return field if field in signature.by_name or field == signature.key else "unknown" if field else "body"
