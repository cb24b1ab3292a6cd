"""Start the real service beside this process, for lessons and tests; it never lives longer than its parent."""

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from ..errors import InputError
from ..postgres import Postgres, place

PATIENCE = 60  # seconds
# An interrupt of the kernel (Ctrl-C) goes to its whole group; the service is not in it.
OWN_GROUP: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if sys.platform == "win32"
    else {"start_new_session": True}
)


@contextmanager
def running(
    registry: Path,
    *,
    alias: str = "champion",
    host: str = "127.0.0.1",
    port: int = 0,
    predictions: Path | Postgres | None = None,
    **options: Any,
) -> Iterator[str]:
    """The address of a service that runs in its own process as long as the block; it is ready when the block begins.

    `options` are those of the program by name, such as `workers`.

    The process ends with the block, and with this process, however that one ends: it reads a pipe of which only this
    process holds the other end. Raises InputError with what the service said when it does not start.
    """
    with tempfile.TemporaryFile() as said:
        process = start(registry, alias=alias, host=host, port=port, predictions=predictions, errors=said, **options)
        try:
            assert process.stdout  # noqa: S101 - it is a pipe
            line = process.stdout.readline().decode().strip()
            if not line:
                process.wait()
                said.seek(0)
                raise InputError("the service did not start", where=str(registry), hint=said.read().decode().strip())
            _wait_until_ready(line)
            yield line
        finally:
            stop(process)


class Service:
    """A service that runs beside this process: its address, until `stop()` or the end of a `with` block."""

    def __init__(self, running: "AbstractContextManager[str]") -> None:
        """Enter what runs it."""
        self._running = ExitStack()
        self.address = self._running.enter_context(running)

    def stop(self) -> None:
        """Stop it as a deployment does: requests that it has taken are answered and logged. Once is enough."""
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_ready(registry: Path, version: int | str = "champion", **options: Any) -> Service:
    """Start a service on a free port and wait until it takes traffic; `options` as for `running`."""
    return Service(running(registry, alias=str(version), **options))


def start(
    registry: Path, *, errors: Any = None, environment: Mapping[str, str] | None = None, **options: Any
) -> "subprocess.Popen[bytes]":
    """The process of a service; it writes its address to its standard output and stops when its input ends.

    The file descriptor `socket` is inherited, `environment` is added to that of this process.
    """
    given = {"registry": Path(registry).absolute(), **options}
    secret = {}
    if given.get("predictions"):
        log = place(given["predictions"])
        # Everyone on the machine can read a command line, but not an environment.
        secret = {"PGPASSWORD": log.password} if isinstance(log, Postgres) and log.password else {}
        given["predictions"] = log.without_password if isinstance(log, Postgres) else log.absolute()
    flags = [text for name, value in given.items() if value is not None for text in (_flag(name), str(value))]
    command = [sys.executable, "-m", str(__package__), *flags, "--with-parent"]
    pipe, inherited = subprocess.PIPE, {"pass_fds": [given["socket"]]} if "socket" in given else {}
    more = {"env": {**os.environ, **(environment or {}), **secret}, **inherited, **OWN_GROUP}
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, **more)  # noqa: S603


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def stop(process: "subprocess.Popen[bytes]", patience: float = PATIENCE) -> int:
    """End a service that `start` made, cleanly if it can; its exit code."""
    assert process.stdin  # noqa: S101
    assert process.stdout  # noqa: S101
    process.stdin.close()
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
    finally:
        process.stdout.close()


def _wait_until_ready(address: str) -> None:
    place = urlsplit(address)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise InputError("the service does not become ready", where=address, hint="its log says why")
