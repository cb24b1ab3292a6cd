"""The real service in its own process, over HTTP: start, refusals to start, clean stop, death of the parent."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from roadworthy.base.errors import InputError
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring.log import PredictionLog
from roadworthy.serving import client
from roadworthy.serving.client import start_process, stop_process
from roadworthy.serving.server import listen_at
from small import ROW, SIGNATURE

COMMAND = [sys.executable, "-m", "roadworthy.serving"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can catch")


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def keys(file: Path) -> list[str]:
    with PredictionLog(file, Signature.parse(json.dumps(SIGNATURE))) as log:
        return list(log.read()["key"])


def wait_for(claim: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()


@contextmanager
def started(registry: Path, **options: Any) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """The process and its address; ended by its pid whatever the test does."""
    process = start_process(registry, **{"port": 0, "errors": subprocess.DEVNULL, **options})
    try:
        assert process.stdout
        yield process, process.stdout.readline().decode().strip()
    finally:
        stop_process(process)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def test_it_runs_as_long_as_the_block_and_keeps_every_answer(built_registry: Path, tmp_path: Path) -> None:
    with client.running_service(built_registry, predictions=tmp_path / "log.db") as address:
        assert httpx.get(f"{address}/readyz").status_code == 200
        for i in range(30):
            answer = httpx.post(f"{address}/v1/predict", json={**ROW, "flight_id": f"F{i}"}).json()
            assert 0 < answer["probability"] < 1
    assert not answers(address)
    assert keys(tmp_path / "log.db") == [f"F{i}" for i in range(30)]


def test_two_of_them_run_side_by_side(built_registry: Path) -> None:
    with client.running_service(built_registry) as one, client.running_service(built_registry) as other:
        assert one != other
        assert answers(one)
        assert answers(other)


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(built_registry: Path, tmp_path: Path, number: int) -> None:
    with started(built_registry, predictions=tmp_path / "log.db") as (process, address):
        sent = [httpx.post(f"{address}/v1/predict", json={**ROW, "flight_id": f"F{i}"}).status_code for i in range(5)]
        process.send_signal(number)
        assert process.wait(20) == 0
    assert sent == [200] * 5
    assert keys(tmp_path / "log.db") == [f"F{i}" for i in range(5)]


@posix
def test_while_it_drains_it_is_not_ready_and_still_answers(built_registry: Path) -> None:
    with started(built_registry, drain=1.5) as (process, address):
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: httpx.get(f"{address}/readyz").status_code == 503)
        assert httpx.post(f"{address}/v1/predict", json=ROW).status_code == 200
        assert httpx.get(f"{address}/healthz").status_code == 200
        assert process.wait(20) == 0


@posix
def test_no_accepted_request_is_lost_when_it_stops_under_load(built_registry: Path, tmp_path: Path) -> None:
    told: list[str] = []
    stopping = threading.Event()

    def client(address: str, number: int) -> None:
        with httpx.Client(base_url=address) as http:
            while not stopping.is_set():
                name = f"{number}-{len(told)}"
                assert http.post("/v1/predict", json={**ROW, "flight_id": name}).status_code == 200
                told.append(name)

    log = tmp_path / "log.db"
    with started(built_registry, drain=1, predictions=log) as (process, address), ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client, address, number) for number in range(4)]
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        stopping.set()
        for each in clients:
            each.result()
        assert process.wait(20) == 0
    assert len(told) > 20
    assert sorted(keys(tmp_path / "log.db")) == sorted(told)


@posix
def test_it_ends_when_its_parent_is_killed(built_registry: Path) -> None:
    code = (
        "import sys, time; from roadworthy.serving.client import running_service\n"
        "with running_service(sys.argv[1]) as address:\n"
        "    print(address, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(built_registry)], stdout=subprocess.PIPE)
    assert parent.stdout
    address = parent.stdout.readline().decode().strip()
    assert answers(address)
    parent.kill()
    parent.wait()
    wait_for(lambda: not answers(address), seconds=10)
    parent.stdout.close()


@posix
def test_a_killed_service_loses_at_most_the_last_moment(built_registry: Path, tmp_path: Path) -> None:
    with started(built_registry, predictions=tmp_path / "log.db") as (process, address):
        httpx.post(f"{address}/v1/predict", json={**ROW, "flight_id": "early"})
        time.sleep(1)
        process.kill()
    assert keys(tmp_path / "log.db") == ["early"]


def test_a_busy_port_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        ended = run("--registry", str(tmp_path / "none"), "--port", str(port))
    assert ended.returncode == 2
    assert f"127.0.0.1:{port}: the port is taken" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_two_services_cannot_share_a_port() -> None:
    with listen_at("127.0.0.1", 0) as first, pytest.raises(InputError, match="taken"):
        listen_at("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "port", "says"),
    [
        ("127.0.0.1", -1, "no such port"),
        ("127.0.0.1", 65536, "no such port"),
        ("192.0.2.1", 0, "not an address of this machine"),
        ("no-such-host.invalid", 0, "no such host"),
    ],
)
def test_a_place_that_does_not_exist_is_told(host: str, port: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        listen_at(host, port)


def test_a_registry_without_a_champion_says_which_command_makes_one(registry: Path) -> None:
    (registry / "aliases.json").unlink()
    ended = run("--registry", str(registry), "--port", "0")
    assert ended.returncode == 2
    assert "champion" in ended.stderr
    assert "train" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_broken_bundle_is_never_served(registry: Path) -> None:
    model = registry / "versions/1/model.onnx"
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(InputError, match="did not start") as refusal, client.running_service(registry):
        pass
    assert "model.onnx" in refusal.value.hint
    assert "changed or cut" in refusal.value.hint


def test_its_log_is_one_json_object_a_line(built_registry: Path, tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as said, started(built_registry, errors=said) as (_, address):
        httpx.post(f"{address}/v1/predict", json={**ROW, "maker": 5}, headers={"x-request-id": "wrong-1"})
    lines = [json.loads(line) for line in (tmp_path / "said").read_text().splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    (refused,) = [line for line in lines if line.get("status") == 422]
    assert refused["request_id"] == "wrong-1"
    begun = next(line for line in lines if line["message"] == "service starts")
    assert (begun["model"], begun["version"], begun["address"]) == ("small", "1", address)
