"""Send load with wrk to a server on this machine, and read what it cost from the operating system."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

PEERS = Path(__file__).resolve().parent / "peers"
CONNECTIONS = 32
PATIENCE = 120  # seconds until a server has to be ready


@dataclass(frozen=True)
class Program:
    """How a server is started: its command, where a row is posted to, where 200 means ready, the row as it wants it."""

    name: str
    command: Sequence[str]
    post: str
    ready: str
    content: object
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Server:
    """A server that runs: where rows are posted to, the body of a request, its process, seconds from start to ready."""

    name: str
    url: str
    body: Path
    process: psutil.Process
    ready: float


@dataclass(frozen=True)
class Load:
    """One round: answered and failed requests, requests a second, latencies in ms, CPU us a request, memory in MB."""

    requests: int
    failed: int
    rate: float
    p50: float
    p99: float
    cpu: float
    memory: float


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(program: Program, scratch: Path) -> Iterator[Server]:
    """A server that runs as long as the block; its log and the body of a request are files in `scratch`."""
    body, log = scratch / f"{program.name}.json", scratch / f"{program.name}.log"
    body.write_text(json.dumps(program.content), encoding="utf-8")
    began = time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **program.environment}
    with log.open("wb") as said:
        process = subprocess.Popen(program.command, stdout=said, stderr=said, env=environment, cwd=scratch)
        try:
            _wait(program.ready, process, log)
            yield Server(program.name, program.post, body, psutil.Process(process.pid), time.monotonic() - began)
        finally:
            _stop(process)


def measure(server: Server, seconds: int) -> Load:
    """Load a server for some seconds, with one request at a time on each connection."""
    wrk = shutil.which("wrk")
    if not wrk:
        sys.exit(
            "the load generator wrk is missing: install it (Debian, Ubuntu: apt install wrk; macOS: brew install wrk)"
        )
    before = _cpu(server.process)
    command = [
        wrk,
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(PEERS / "post.lua"),
        server.url,
    ]
    environment = {**os.environ, "BODY": str(server.body)}
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    after = _cpu(server.process)
    found = re.search(r"^FIGURES (\d+) (\d+) (\d+) (\d+) (\d+)$", told, re.MULTILINE)
    if not found:
        sys.exit(f"{server.name}: wrk said\n{told}")
    requests, microseconds, failed, p50, p99 = map(int, found.groups())
    return Load(
        requests=requests,
        failed=failed,
        rate=requests / microseconds * 1e6,
        p50=p50 / 1000,
        p99=p99 / 1000,
        cpu=(after - before) / max(1, requests) * 1e6,
        memory=sum(each.memory_info().rss for each in _tree(server.process)) / 1e6,
    )


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    times = [each.cpu_times() for each in _tree(process)]
    return float(sum(each.user + each.system for each in times))


def _wait(ready: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(ready, timeout=2) as answer:  # noqa: S310 - it is on this machine
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"{ready}: the server does not become ready; it said\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in family:
            if child.is_running():
                child.kill()
