"""Start the service in this process, and stop it cleanly; its protocol has limits, its log one JSON object per line."""

import asyncio
import errno
import json
import logging
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..base import settings
from ..base.databases import Postgres
from ..base.errors import InputError
from .access import warn_if_open
from .app import DEFAULT_LIMITS, create_app
from .rollout import Rollout, first_version
from .workers import Workers, call_at_end

STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
LARGEST_HEAD = 1 << 16  # bytes of the request line and all headers
LINGER = 1  # seconds in which a client that still sends can read why it is refused
GRACE = 10  # seconds that open requests get when a stop began
BACKLOG = 2048
LOG = logging.getLogger(__package__)
REASONS = {
    errno.EADDRINUSE: ("the port is taken", "stop the other program, or choose another port; 0 takes a free one"),
    errno.EACCES: ("the port may not be used", "choose one above 1023"),
    errno.EADDRNOTAVAIL: ("is not an address of this machine", "use 127.0.0.1 for this machine only, 0.0.0.0 for all"),
}


def serve_model(
    rollout: Rollout,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    started: Callable[[str], None] | None = None,
    **options: Any,
) -> None:
    """Serve a model until SIGTERM or Ctrl-C, in this process or in some `workers`.

    `options` are those of `answer_requests`. `started` is called with the address once requests are answered. Raises
    InputError for a port that cannot be used, before anything is loaded, and whatever `answer_requests` raises.
    """
    if workers > 1 and sys.platform == "win32":
        what = "processes cannot share a port on Windows"
        raise InputError(what, where=f"{workers} workers", hint="use 1, or start more services on ports of their own")
    with listen_at(host, port) as listener:
        if workers == 1:
            answer_requests(listener, rollout, started=started, **options)
            return
        until, address = options.pop("until", None), socket_address(listener)
        LOG.info("service starts", extra={"address": address, "workers": workers})
        options["limits"] = options.get("limits", DEFAULT_LIMITS).model_dump_json()
        parent = Workers(listener, workers, options.pop("drain", 0), **vars(rollout), **options)
        parent.run(lambda: started and started(address), until)
        LOG.info("service stopped", extra={"address": address})


def answer_requests(
    listener: socket.socket,
    rollout: Rollout,
    *,
    predictions: Path | Postgres | None = None,
    drain: float = 0,
    started: Callable[[str], None] | None = None,
    until: int | None = None,
    limits: settings.Service = DEFAULT_LIMITS,
) -> None:
    """Answer at a socket until SIGTERM or Ctrl-C; every accepted request is answered, the log written.

    After the signal, /readyz says 503 for `drain` seconds while requests are still answered, so that a load balancer
    can turn away. The service also stops when the pipe with the file descriptor `until` ends: a parent that dies closes
    it. Raises InputError for a registry without the alias of the rollout, and for a bundle that is damaged.
    """
    app = create_app(first_version(rollout), predictions=predictions, rollout=rollout, limits=limits)
    address = socket_address(listener)
    server = Server(app, drain, lambda: started and started(address), limits.patience)
    warn_if_open(listener, limits.keys_file)
    call_at_end(until, server.stop_at_once)
    LOG.info("service starts", extra=_about(app, address))
    server.run(sockets=[listener])
    LOG.info("service stopped", extra=_about(app, address))
    if server.orphaned and rollout.shared:
        shutil.rmtree(rollout.shared, ignore_errors=True)  # a parent that was killed has left it behind


def listen_at(host: str, port: int) -> socket.socket:
    """A socket that listens, on a free port for 0; InputError says why it cannot."""
    if not 0 <= port <= 65535:
        raise InputError("there is no such port", where=f"port {port}", hint="choose one from 1024 to 65535")
    where = f"{host}:{port}"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # On Windows, reuse would let two programs share one port.
        return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=False)
    except socket.gaierror as error:
        raise InputError("there is no such host", where=where, hint="use 127.0.0.1 for this machine") from error
    except OSError as error:
        what, hint = REASONS.get(error.errno or 0, (error.strerror or str(error), "choose another host or port"))
        raise InputError(what, where=where, hint=hint) from error


def socket_address(listener: socket.socket) -> str:
    """Where a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _about(app: FastAPI, address: str) -> dict[str, str]:
    bundle = app.state.predictor.bundle
    return {"model": bundle.signature.name, "version": bundle.version, "address": address}


class Server(uvicorn.Server):
    """Uvicorn with a pause between the signal and the stop, in which the service is alive but not ready."""

    def __init__(self, app: FastAPI, drain: float, started: Callable[[], None], patience: float) -> None:
        # uvicorn's own log has lines that are no JSON, and one for each request; ours tells of what did not go well.
        options: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
        options["http"] = partial(PatientProtocol, patience=patience)
        super().__init__(uvicorn.Config(app, lifespan="on", timeout_graceful_shutdown=GRACE, **options))
        self._state, self._drain, self._announce = app.state, drain, started
        self._stop_at: float | None = None
        self.orphaned = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the stop; at once when asked a second time."""
        del frame
        if self._stop_at is not None:
            self.force_exit = sig == signal.SIGINT
            self.should_exit = True
        self._state.ready = False
        self._stop_at = time.monotonic() + self._drain

    async def on_tick(self, counter: int) -> bool:
        """Stop when the pause is over."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)

    def stop_at_once(self) -> None:
        """Stop without a pause: nobody is left to wait for."""
        self._drain, self.orphaned = 0, True
        self.handle_exit(signal.SIGTERM, None)


class PatientProtocol(HttpToolsProtocol):
    """One connection: cut off when a request takes longer than `patience` seconds to come, or its answer to go."""

    def __init__(self, *args: Any, patience: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience = patience
        self._since: float | None = None  # when the request that is not complete began to come
        self._stuck: float | None = None  # since when the client does not read
        self._head: int | None = None  # bytes of the head so far
        self._asked = self._refused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._since = self.loop.time()
        # One timer for the life of a connection; a timer for each request would cost more.
        self._timer = self.loop.call_later(self._patience, self._cut_off_if_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse a head that does not end."""
        if self._refused:
            return
        self._asked = True
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > LARGEST_HEAD and not self._refused:
                self._refuse(431, f"the head of the request is larger than {LARGEST_HEAD:,} bytes")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._since, self._head = self.loop.time(), 0

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        super().on_headers_complete()
        self._head = None

    def on_message_complete(self) -> None:
        """All of it has come."""
        super().on_message_complete()
        self._since = None

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._stuck = self.loop.time()

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._stuck = None

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP at all is refused like everything else."""
        self._refuse(400, msg)

    def _cut_off_if_late(self) -> None:
        now = self.loop.time()
        late = now - self._patience
        if self._stuck is not None and self._stuck <= late:
            LOG.warning("client cut off", extra={"reason": "it does not read its answer"})
            self.transport.abort()
        elif self._since is not None and self._since <= late:
            self._refuse(408, f"the request was not complete within {self._patience:g} seconds")
        else:
            since = min((at for at in (self._since, self._stuck) if at is not None), default=now)
            self._timer = self.loop.call_at(since + self._patience, self._cut_off_if_late)

    def _refuse(self, status: int, reason: str) -> None:
        LOG.warning("client cut off", extra={"status": status, "reason": reason})
        if self._may_answer():
            content = json.dumps({"errors": [{"message": reason}], "count": 1, "request_id": ""}).encode()
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            head += f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
            self.transport.write(head.encode() + content)
        self._refused = True
        if self.cycle and not self.cycle.response_complete:
            # The application must not write behind the end.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        # Closed at once, with bytes unread, the connection would be reset and the reason lost.
        if not self.transport.is_closing():
            self.transport.write_eof()
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(LINGER, self.transport.close)

    def _may_answer(self) -> bool:
        # No second answer to one request, and none to a client that never asked.
        if self.cycle is None or not self.cycle.response_started:
            return self._asked
        return self.cycle.response_complete and (self._since is None or self._head is not None)


def to_standard_error() -> None:
    """Let all loggers of this process write JSON lines; only the start of a service does that."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class JsonLines(logging.Formatter):
    """Formats a record and whatever was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line: time in UTC, level, logger, message, then the extra fields."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        extra = {name: value for name, value in vars(record).items() if name not in STANDARD}
        error = {"error": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps({**line, **extra, **error}, default=str)
