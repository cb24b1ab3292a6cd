"""Several processes answer at one address; the parent only watches them, and replaces one that dies.

All inherit one listening socket. With a socket for each (SO_REUSEPORT) the connections that wait at a worker would be
lost with it; so they belong to none. A worker is this program once more, and ends when its parent does, see client.py.
"""

import logging
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from ..base.errors import InputError
from . import client
from .predictor import SHARED_METRICS

RESTARTS, WITHIN = 5, 30.0  # a worker that dies at once must not be started as fast as the machine can
TICK = 0.05  # seconds
PATIENCE = 30  # seconds beyond the drain, until a worker that does not stop is killed
LOG = logging.getLogger(__package__)


class Workers:
    """The parent of `count` workers that answer at `listener`; `options` are the arguments of their program."""

    def __init__(self, listener: socket.socket, count: int, drain: float, **options: Any) -> None:
        self._listener, self._count, self._drain, self._options = listener, count, drain, options
        self._living: list[subprocess.Popen[bytes]] = []
        self._starts: deque[float] = deque()
        self._signal: int | None = None
        self._orphaned = False

    def run(self, started: Callable[[], object], until: int | None = None) -> None:
        """Start them, and keep their number until SIGTERM, Ctrl-C or the end of the pipe `until`; then stop all.

        `started` is called when the first one answers. Raises InputError when that one does not start, and when none is
        left that lives for long; each has said why by then.
        """
        call_at_end(until, self._orphan)
        with tempfile.TemporaryDirectory(prefix="service-") as shared, self._signals():
            self._options |= {"shared": shared}
            try:
                if self._first_answers():
                    started()
                    self._watch()
            finally:
                self._stop()

    def _first_answers(self) -> bool:
        # The others come after it: it makes the log, and a bundle that is damaged is told once.
        first = self._start()
        assert first.stdout  # noqa: S101 - it is a pipe
        # In ticks: Python waits on after a signal was handled, and would not see that it should stop.
        while not select.select([first.stdout], [], [], TICK)[0]:
            if self._stopping:
                return False
        if not first.stdout.readline():
            raise InputError("no worker could be started", where="serve", hint="see its message above")
        return True

    def _watch(self) -> None:
        while not self._stopping:
            for dead in [process for process in self._living if process.poll() is not None]:
                self._remove(dead)
            while len(self._living) < self._count and self._may_start():
                self._start()
            if not self._living:
                what = f"all workers died, the last of them within {WITHIN:g} seconds of its start"
                raise InputError(what, where="serve", hint="see their messages above")
            time.sleep(TICK)

    def _may_start(self) -> bool:
        now = time.monotonic()
        while self._starts and self._starts[0] < now - WITHIN:
            self._starts.popleft()
        return len(self._starts) < self._count + RESTARTS

    def _start(self) -> "subprocess.Popen[bytes]":
        self._starts.append(time.monotonic())
        environment = {SHARED_METRICS: str(self._options["shared"])}
        inherited = self._listener.fileno()
        process = client.start_process(socket=inherited, drain=self._drain, environment=environment, **self._options)
        self._living.append(process)
        LOG.info("worker starts", extra={"pid": process.pid})
        return process

    def _remove(self, process: "subprocess.Popen[bytes]") -> None:
        self._living.remove(process)
        client.stop_process(process)
        # Its gauges would be summed up with those of the living.
        mark_process_dead(process.pid, str(self._options["shared"]))  # type: ignore[no-untyped-call]
        LOG.error("a worker died", extra={"pid": process.pid, "code": process.returncode})

    @contextmanager
    def _signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def _stopping(self) -> bool:
        return self._signal is not None or self._orphaned

    def _on_signal(self, number: int, _: object) -> None:
        if self._signal is not None:  # asked a second time
            self._send(number)
        self._signal = number

    def _orphan(self) -> None:
        self._orphaned = True

    def _stop(self) -> None:
        """Stop all of them at the same time: they drain, unless nobody is left to wait for."""
        self._send(signal.SIGTERM)
        deadline = time.monotonic() + self._drain + PATIENCE
        while any(process.poll() is None for process in self._living) and time.monotonic() < deadline:
            if self._orphaned:
                break
            time.sleep(TICK)
        for process in self._living:
            client.stop_process(process, max(0.0, deadline - time.monotonic()))

    def _send(self, number: int) -> None:
        for process in self._living:
            if process.poll() is None:
                process.send_signal(number)


def call_at_end(descriptor: int | None, function: Callable[[], object]) -> None:
    """Call a function, from another thread, when a pipe ends: the parent that held its other end is gone."""

    def wait() -> None:
        # Not through sys.stdin: a thread that waits inside of it aborts the interpreter at exit.
        while descriptor is not None and os.read(descriptor, 1):
            pass
        function()

    if descriptor is not None:
        threading.Thread(target=wait, daemon=True).start()
