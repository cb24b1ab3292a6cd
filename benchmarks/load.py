"""Servers and the load on them, on 127.0.0.1 only: start, ask, measure, stop.

The servers share one processor and the load has another, where the system can bind processes to one (Linux).
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil

CONNECTIONS = 32
PATIENCE = 120  # seconds in which a server must answer its first request
REST = 60  # half seconds in which a server must have answered what it was asked
SCRIPT = Path(__file__).with_name("peers") / "post.lua"


@dataclass
class Server:
    """A contestant: how it is started at a port, and how its requests look.

    `body` makes the body of a request of a row, `probability` reads the answer; None where it is a constant.
    """

    name: str
    command: list[str]
    path: str
    body: Callable[[dict[str, Any]], Any] = dict
    probability: Callable[[Any], float] | None = None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """A server that answers."""

    server: Server
    port: int
    process: "subprocess.Popen[bytes]"
    start_seconds: float

    def tree(self) -> list[psutil.Process]:
        """Its processes."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def cpu(self) -> float:
        """Seconds of the processor that it took so far."""
        return sum(sum(each.cpu_times()[:2]) for each in self.tree())

    def memory(self) -> float:
        """Resident MB."""
        return sum(each.memory_info().rss for each in self.tree()) / 2**20

    def ask(self, row: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Its answer to a row."""
        body = json.dumps(self.server.body(row)).encode()
        request = Request(
            f"http://127.0.0.1:{self.port}{self.server.path}", data=body, headers={"content-type": "application/json"}
        )
        with urlopen(request, timeout=30) as response:  # noqa: S310
            return json.load(response)

    def rest(self) -> None:
        """Wait until it does nothing: some still answer when those who asked are gone, at the next one's cost."""
        for _ in range(REST):
            before = self.cpu()
            time.sleep(0.5)
            if self.cpu() - before < 0.05:
                return
        sys.exit(f"Error: {self.server.name} does not come to rest")

    def load(self, rows: Path, seconds: float, pause_ms: float = 0) -> dict[str, float]:
        """Ask it with the bodies in the file `rows`; what each connection waits between two requests is `pause_ms`."""
        before = self.cpu()
        wrk = [program(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "30s", "-s", str(SCRIPT)]
        where = f"http://127.0.0.1:{self.port}{self.server.path}"
        done = subprocess.run([*wrk, where, "--", rows, f"{pause_ms:.3f}"], check=True, capture_output=True, text=True)
        told = next(line for line in done.stdout.splitlines() if line.startswith("JSON "))
        found = json.loads(told.removeprefix("JSON "))
        cpu = (self.cpu() - before) / found["requests"] * 1e6
        self.rest()
        return {
            "requests_s": round(found["requests"] / found["seconds"], 1),
            "p50_ms": found["p50_ms"],
            "p99_ms": found["p99_ms"],
            "cpu_us": round(cpu, 1),
            "memory_mb": round(self.memory(), 1),
            "wrong": found["wrong"],
        }


def program() -> str:
    """Where the load generator is."""
    found = shutil.which("wrk")
    if not found:
        sys.exit("Error: the benchmark of the service needs the load generator wrk: apt-get install wrk")
    return found


@contextmanager
def running(server: Server, row: dict[str, Any], log: Path) -> Iterator[Running]:
    """Start a server, wait until it answers a row, end it with the block; its output goes to the file `log`."""
    port = free_port()
    words = [word.replace("{port}", str(port)) for word in server.command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **server.environment}
    since = time.perf_counter()
    with log.open("wb") as output, _started(words, environment, output) as process:
        found = Running(server, port, process, 0)
        while True:
            try:
                found.ask(row)
                break
            except (URLError, ConnectionError, TimeoutError) as error:
                if process.poll() is not None or time.perf_counter() - since > PATIENCE:
                    told = log.read_text(errors="replace")[-2000:]
                    sys.exit(f"Error: {server.name} does not answer ({error}):\n{told}")
                time.sleep(0.02)
        found.start_seconds = round(time.perf_counter() - since, 2)
        yield found


@contextmanager
def _started(words: list[str], environment: dict[str, str], output: Any) -> Iterator["subprocess.Popen[bytes]"]:  # noqa: ANN401
    # Far from the shell's own folder: a server must not import what lies there.
    process = subprocess.Popen(words, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        for child in psutil.wait_procs(children, timeout=5)[1]:
            child.kill()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def processor(number: int) -> None:
    """Bind this process, and what it starts from now on, to a processor, where there are two and the system can."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {number})


def write_rows(server: Server, rows: list[dict[str, Any]], path: Path) -> Path:
    """The bodies of a server's requests, one a line."""
    path.write_text("".join(json.dumps(server.body(row)) + "\n" for row in rows), encoding="utf-8")
    return path
