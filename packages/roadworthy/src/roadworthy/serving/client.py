"""The service from outside: start it beside this process, as lessons and tests do, and ask it for many rows."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from ..base.databases import Postgres, postgres_place
from ..base.errors import InputError

if TYPE_CHECKING:
    import httpx

START_PATIENCE = 60  # seconds
PAUSE = 0.02  # seconds between two looks at what is waited for
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
def running_service(registry: Path, **options: Any) -> Iterator[str]:
    """The address of a service that runs in its own process as long as the block; it is ready when the block begins.

    `options` are those of the program by name, such as alias, predictions and workers; without a port it takes a free
    one. The process ends with the block, and with this process, however that one ends: it reads a pipe of which only
    this process holds the other end. Raises InputError with what the service said when it does not start.
    """
    with tempfile.TemporaryFile() as log:
        process = start_process(registry, errors=log, **{"port": 0, **options})
        try:
            assert process.stdout  # noqa: S101 - it is a pipe
            address = process.stdout.readline().decode().strip()
            if not address:
                process.wait()
                log.seek(0)
                raise InputError("the service did not start", where=str(registry), hint=log.read().decode().strip())
            unready = InputError("the service does not become ready", where=address, hint="its log says why")
            wait_until(partial(_is_ready, address), START_PATIENCE, unready)
            yield address
        finally:
            stop_process(process)


class Service:
    """A service that runs beside this process: its address, until `stop()` or the end of a `with` block."""

    def __init__(self, registry: Path, version: int | str = "champion", **options: Any) -> None:
        """Start it on a free port and wait until it takes traffic; `options` as for `running_service`."""
        self._running = ExitStack()
        self.address = self._running.enter_context(running_service(registry, alias=str(version), **options))

    def stop(self) -> None:
        """Stop it as a deployment does: requests that it has taken are answered and logged. Once is enough."""
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_process(
    registry: Path, *, errors: Any = None, environment: Mapping[str, str] | None = None, **options: Any
) -> "subprocess.Popen[bytes]":
    """The process of a service; it writes its address to its standard output and stops when its input ends.

    The file descriptor `socket` is inherited, `environment` is added to that of this process.
    """
    options["registry"] = Path(registry).absolute()
    secret = {}
    if options.get("predictions"):
        log = postgres_place(options["predictions"])
        # Everyone on the machine can read a command line, but not an environment.
        secret = {"PGPASSWORD": log.password} if isinstance(log, Postgres) and log.password else {}
        options["predictions"] = log.without_password if isinstance(log, Postgres) else log.absolute()
    flags = {f"--{name.replace('_', '-')}": str(value) for name, value in options.items() if value is not None}
    command = [sys.executable, "-m", str(__package__), *chain(*flags.items()), "--with-parent"]
    pipe, inherited = subprocess.PIPE, {"pass_fds": [options["socket"]]} if "socket" in options else {}
    more = {"env": {**os.environ, **(environment or {}), **secret}, **inherited, **OWN_GROUP}
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, **more)  # noqa: S603


def stop_process(process: "subprocess.Popen[bytes]", patience: float = START_PATIENCE) -> int:
    """End a service that `start_process` made, cleanly if it can; its exit code."""
    assert process.stdin  # noqa: S101
    assert process.stdout  # noqa: S101
    # The end of its input and no signal: that asks for a clean stop on Windows as well.
    process.stdin.close()
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
    finally:
        process.stdout.close()


def wait_until(holds: Callable[[], bool], seconds: float, error: InputError) -> None:
    """Wait until something holds; raises `error` when it does not within some seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise error
        time.sleep(PAUSE)


def _is_ready(address: str) -> bool:
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Client:
    """A connection to the service at `url`; `key` is an API key. Raises InputError for what cannot be asked."""

    def __init__(self, url: str, key: str = "") -> None:
        import httpx  # here, because workers start each other with this module, where httpx is not installed

        self.url = url.rstrip("/")
        headers = {"x-api-key": key} if key else {}
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=ANSWER_PATIENCE)
        except (httpx.InvalidURL, ValueError) as error:
            raise InputError(f"is no address: {error}", where=url, hint="write http://127.0.0.1:8000") from error

    def about(self) -> dict[str, Any]:
        """What the service says about its model."""
        return dict(self._ask("GET", "/v1/model").json())

    def predict(self, rows: Sequence[Row]) -> tuple[int, Counter[str]]:
        """Ask for rows: how many were answered, and how many refused, by the field that was wrong first."""
        refused: Counter[str] = Counter()
        remaining = list(rows)
        while remaining:
            answer = self._ask("POST", "/v1/predict", {"rows": remaining})
            if answer.status_code == 200:
                return len(remaining), refused
            wrong = {problem["row"]: problem["field"] for problem in reversed(answer.json()["errors"])}
            if not wrong or None in wrong:
                raise InputError(f"refuses the request: {answer.json()['errors'][0]['message']}", where=self.url)
            refused.update(wrong.values())
            remaining = [row for at, row in enumerate(remaining) if at not in wrong]
        return 0, refused

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> "httpx.Response":
        body = None if content is None else json.dumps(content, allow_nan=False).encode()
        for _ in range(TRIES):
            answer = self._send(method, path, body)
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

    def _send(self, method: str, path: str, body: bytes | None) -> "httpx.Response":
        import httpx

        headers = {"content-type": "application/json"} if body else {}
        try:
            return self._http.request(method, path, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = str(error) or type(error).__name__
            raise InputError(f"cannot be reached: {what}", where=self.url, hint="start it with `serve`") from error
