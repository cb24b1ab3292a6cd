"""The service from outside: start it beside this process, as lessons and tests do, and ask it for many rows."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from ..base.databases import Postgres, postgres_place
from ..base.errors import InputError

START_PATIENCE = 60  # seconds
# An interrupt of the kernel (Ctrl-C) goes to its whole group; the service is not in it.
OWN_GROUP: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if sys.platform == "win32"
    else {"start_new_session": True}
)
TRIES = 20  # of a request that comes too early
ANSWER_PATIENCE = 60  # seconds for one answer
LONGEST_WAIT = 30.0  # seconds that are waited because the service asks for it
Row = dict[str, Any]


@contextmanager
def running_service(
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
        process = start_process(
            registry, alias=alias, host=host, port=port, predictions=predictions, errors=said, **options
        )
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
            stop_process(process)


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
    return Service(running_service(registry, alias=str(version), **options))


def start_process(
    registry: Path, *, errors: Any = None, environment: Mapping[str, str] | None = None, **options: Any
) -> "subprocess.Popen[bytes]":
    """The process of a service; it writes its address to its standard output and stops when its input ends.

    The file descriptor `socket` is inherited, `environment` is added to that of this process.
    """
    given = {"registry": Path(registry).absolute(), **options}
    secret = {}
    if given.get("predictions"):
        log = postgres_place(given["predictions"])
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


def stop_process(process: "subprocess.Popen[bytes]", patience: float = START_PATIENCE) -> int:
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
    deadline = time.monotonic() + START_PATIENCE
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


class Client:
    """A connection to the service at `url`; `key` is an API key. Raises InputError for what cannot be asked."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/")
        headers = {"x-api-key": key} if key else {}
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=ANSWER_PATIENCE)
        except (httpx.InvalidURL, ValueError) as error:
            raise InputError(f"is no address: {error}", where=url, hint="write http://127.0.0.1:8000") from error

    def about(self) -> dict[str, Any]:
        """What the service says about its model."""
        return dict(self._asked("GET", "/v1/model").json())

    def predict(self, rows: Sequence[Row]) -> tuple[int, Counter[str]]:
        """Ask for rows: how many were answered, and how many refused, by the field that was wrong first."""
        refused: Counter[str] = Counter()
        left = list(rows)
        while left:
            answer = self._asked("POST", "/v1/predict", {"rows": left})
            if answer.status_code == 200:
                return len(left), refused
            wrong = {problem["row"]: problem["field"] for problem in reversed(answer.json()["errors"])}
            if not wrong or None in wrong:
                raise InputError(f"refuses the request: {answer.json()['errors'][0]['message']}", where=self.url)
            refused.update(wrong.values())
            left = [row for at, row in enumerate(left) if at not in wrong]
        return 0, refused

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def _asked(self, method: str, path: str, content: dict[str, Any] | None = None) -> httpx.Response:
        body = None if content is None else json.dumps(content, allow_nan=False).encode()
        for _ in range(TRIES):
            answer = self._once(method, path, body)
            if answer.status_code not in {429, 503}:
                break
            time.sleep(min(float(answer.headers.get("retry-after", 1)), LONGEST_WAIT))
        if answer.status_code == 401:
            hint = "set MLE_API_KEY to a key that the service knows; `keys new NAME` makes one"
            raise InputError("the service asks for an API key", where=self.url, hint=hint)
        if answer.status_code not in {200, 422}:
            hint = "is it the online service of this project? its log has more about it"
            raise InputError(f"{path} is answered with {answer.status_code}", where=self.url, hint=hint)
        return answer

    def _once(self, method: str, path: str, body: bytes | None) -> httpx.Response:
        headers = {"content-type": "application/json"} if body else {}
        try:
            return self._http.request(method, path, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = str(error) or type(error).__name__
            raise InputError(f"cannot be reached: {what}", where=self.url, hint="start it with `serve`") from error
