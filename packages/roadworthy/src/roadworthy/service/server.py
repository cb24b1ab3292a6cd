"""Start the service in this process, and stop it cleanly."""

import errno
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from .. import settings
from ..errors import InputError
from ..postgres import Postgres
from .app import OPEN, create_app
from .door import warn_if_open
from .protocol import PatientProtocol
from .versions import Rollout, first
from .workers import Workers

GRACE = 10  # seconds that open requests get when a stop began
BACKLOG = 2048
LOG = logging.getLogger(__package__)
REASONS = {
    errno.EADDRINUSE: ("the port is taken", "stop the other program, or choose another port; 0 takes a free one"),
    errno.EACCES: ("the port may not be used", "choose one above 1023"),
    errno.EADDRNOTAVAIL: ("is not an address of this machine", "use 127.0.0.1 for this machine only, 0.0.0.0 for all"),
}


def serve(
    rollout: Rollout,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    started: Callable[[str], None] | None = None,
    **options: Any,
) -> None:
    """Serve a model until SIGTERM or Ctrl-C, in this process or in some `workers`; `options` are those of `answer`.

    `started` is called with the address once requests are answered. Raises InputError for a port that cannot be used,
    before anything is loaded, and whatever `answer` raises.
    """
    if workers > 1 and sys.platform == "win32":
        what = "processes cannot share a port on Windows"
        raise InputError(what, where=f"{workers} workers", hint="use 1, or start more services on ports of their own")
    with listen(host, port) as listener:
        if workers == 1:
            answer(listener, rollout, started=started, **options)
            return
        until, place = options.pop("until", None), address(listener)
        LOG.info("service starts", extra={"address": place, "workers": workers})
        options["limits"] = options.get("limits", OPEN).model_dump_json()
        parent = Workers(listener, workers, options.pop("drain", 0), **vars(rollout), **options)
        parent.run(lambda: started and started(place), until)
        LOG.info("service stopped", extra={"address": place})


def answer(
    listener: socket.socket,
    rollout: Rollout,
    *,
    predictions: Path | Postgres | None = None,
    drain: float = 0,
    started: Callable[[str], None] | None = None,
    until: int | None = None,
    limits: settings.Service = OPEN,
) -> None:
    """Answer at a socket until SIGTERM or Ctrl-C; every accepted request is answered, the log written.

    After the signal, /readyz says 503 for `drain` seconds while requests are still answered, so that a load balancer
    can turn away. The service also stops when the pipe with the file descriptor `until` ends: a parent that dies closes
    it. Raises InputError for a registry without the alias of the rollout, and for a bundle that is damaged.
    """
    app = create_app(first(rollout), predictions=predictions, rollout=rollout, limits=limits)
    place = address(listener)
    server = Server(app, drain, lambda: started and started(place), limits.patience)
    warn_if_open(listener, limits.keys_file)
    if until is not None:
        threading.Thread(target=server.stop_after, args=(until,), daemon=True).start()
    LOG.info("service starts", extra=_about(app, place))
    server.run(sockets=[listener])
    LOG.info("service stopped", extra=_about(app, place))
    if server.orphaned and rollout.shared:
        shutil.rmtree(rollout.shared, ignore_errors=True)  # a parent that was killed has left it behind


def listen(host: str, port: int) -> socket.socket:
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


def address(listener: socket.socket) -> str:
    """Where a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _about(app: FastAPI, place: str) -> dict[str, str]:
    bundle = app.state.predictor.bundle
    return {"model": bundle.signature.name, "version": bundle.version, "address": place}


class Server(uvicorn.Server):
    """Uvicorn with a pause between the signal and the stop, in which the service is alive but not ready."""

    def __init__(self, app: FastAPI, drain: float, started: Callable[[], None], patience: float) -> None:
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

    def stop_after(self, descriptor: int) -> None:
        """Wait for the end of a pipe, then stop without a pause: nobody is left to wait for."""
        # Not through sys.stdin: a thread that waits inside of it aborts the interpreter at exit.
        while os.read(descriptor, 1):
            pass
        self._drain, self.orphaned = 0, True
        self.handle_exit(signal.SIGTERM, None)
