"""What happens to a service in its own process when something breaks: bundles, the disk, the process itself."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from load import load, metric, wait_for

from roadworthy.registry.registry import Registry
from roadworthy.serving.client import start_process, stop_process
from small import ROW

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither SIGKILL nor prlimit")


@contextmanager
def started(registry: Path, **options: Any) -> Iterator[tuple["subprocess.Popen[bytes]", httpx.Client]]:
    process = start_process(registry, port=0, every=0.02, **{"errors": subprocess.DEVNULL, **options})
    try:
        assert process.stdout
        address = process.stdout.readline().decode().strip()
        with httpx.Client(base_url=address, timeout=20) as client:
            yield process, client
    finally:
        stop_process(process)


def keys(log: Path) -> list[str]:
    with sqlite3.connect(log) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        found = [row[0] for row in connection.execute("select key from predictions order by rowid")]
    connection.close()
    return found


def command(registry: Path, *words: str) -> None:
    environment = {**os.environ, "MLE_PATHS__REGISTRY": str(registry)}
    program = [sys.executable, "-m", "roadworthy"]
    subprocess.run([*program, *words], env=environment, check=True, capture_output=True)


def test_one_command_promotes_and_one_rolls_back_under_load(versions: Path) -> None:
    with started(versions) as (_, client), load(client.base_url, fresh=True) as told:
        command(versions, "registry", "promote", "3")
        wait_for(lambda: told.versions[-1] == "3")
        command(versions, "registry", "rollback")
        wait_for(lambda: told.versions[-1] == "1")
    assert told.wrong == []
    assert set(told.versions) == {"1", "3"}


def test_a_damaged_version_that_is_promoted_under_load_never_answers(versions: Path) -> None:
    model = versions / "versions/2/model.onnx"
    model.write_bytes(model.read_bytes()[:-100])
    with started(versions) as (_, client), load(client.base_url) as told:
        Registry(versions).promote(2)
        wait_for(lambda: metric(client, "model_swap_failures_total") == 1)
        answered = len(told.versions)
        wait_for(lambda: len(told.versions) > answered + 20)
        Registry(versions).promote(3)
        wait_for(lambda: told.versions[-1] == "3")
    assert told.wrong == []
    assert set(told.versions) == {"1", "3"}


@posix
def test_a_kill_in_the_middle_of_the_log_keeps_what_was_told_to_be_written(versions: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    for attempt in range(3):
        before = len(keys(log)) if attempt else 0
        with started(versions, predictions=log) as (process, client), load(client.base_url, clients=1) as told:
            wait_for(lambda: metric(client, "prediction_log_written_total") > 20)
            written = int(metric(client, "prediction_log_written_total"))
            process.kill()
            process.wait()
        found = keys(log)[before:]
        assert len(found) >= written
        # The one client asks in this order: nothing is missing in between. The last answer may have been on its way.
        assert found == [f"0-{i}" for i in range(len(found))]
        assert len(found) <= len(told.keys) + 1


@posix
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prlimit")
def test_a_full_disk_costs_no_answer_and_the_log_catches_up(versions: Path, tmp_path: Path) -> None:
    import resource

    log = tmp_path / "log.db"
    with started(versions, predictions=log) as (process, client):

        def ask(key: str) -> str:
            assert client.post("/v1/predict", json={**ROW, "flight_id": key}).status_code == 200
            return key

        sent = [ask(f"before-{i}") for i in range(5)]
        wait_for(lambda: metric(client, "prediction_log_written_total") == 5)
        no_limit = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        size = (tmp_path / "log.db-wal").stat().st_size
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, no_limit[1]))
        sent += [ask(f"full-{i}") for i in range(50)]
        wait_for(lambda: metric(client, "prediction_log_failures_total") >= 2)
        sent += [ask(f"still-full-{i}") for i in range(50)]
        assert metric(client, "prediction_log_dropped_total") == 0
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, no_limit)
        wait_for(lambda: metric(client, "prediction_log_written_total") == 105)
    assert keys(log) == sent


@posix
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prlimit")
def test_a_disk_that_stays_full_ends_in_a_clean_stop_that_tells_what_is_lost(versions: Path, tmp_path: Path) -> None:
    import resource

    log, said = tmp_path / "log.db", tmp_path / "said"
    with said.open("wb") as errors, started(versions, predictions=log, errors=errors) as (process, client):
        size = (tmp_path / "log.db-wal").stat().st_size
        hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))
        for _ in range(10):
            assert client.post("/v1/predict", json=ROW).status_code == 200
    assert process.returncode == 0
    assert keys(log) == []
    assert '"lost": 10' in said.read_text()
