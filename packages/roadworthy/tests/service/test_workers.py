"""Several processes at one address: they agree on the version, one that dies is replaced, none outlives the parent."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from load import load, metric, wait_for

from roadworthy.base.errors import InputError
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring.log import PredictionLog
from roadworthy.registry.registry import Registry
from roadworthy.serving import client, rollout, server, workers
from roadworthy.serving.server import listen_at
from small import ROW, SIGNATURE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes cannot share a port on Windows")


@contextmanager
def started(registry: Path, count: int = 2, **options: Any) -> Iterator[tuple[psutil.Process, str]]:
    """The parent of some workers that all answer, and their address."""
    process = client.start_process(
        registry, port=0, workers=count, every=0.02, **{"errors": subprocess.DEVNULL, **options}
    )
    parent = psutil.Process(process.pid)
    try:
        assert process.stdout
        address = process.stdout.readline().decode().strip()
        wait_for(lambda: answering(address) == count)
        yield parent, address
    finally:
        client.stop_process(process)


def answering(address: str, version: int = 1) -> float:
    """How many workers answer with a version, as /metrics says."""
    with httpx.Client(base_url=address, timeout=20) as client:
        about = ",".join(f'{name}="{value}"' for name, value in {"name": "small", "version": version}.items())
        return metric(client, "model_info{" + about + "}")


def keys(file: Path) -> list[str]:
    with PredictionLog(file, Signature.parse(json.dumps(SIGNATURE))) as log:
        return list(log.read()["key"])


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_they_agree_on_the_version_that_is_promoted_under_load(versions: Path, tmp_path: Path) -> None:
    with (
        started(versions, predictions=tmp_path / "log.db") as (parent, address),
        load(address, clients=4, fresh=True) as told,
    ):
        assert len(parent.children()) == 2
        Registry(versions).promote(3)
        wait_for(lambda: answering(address, 3) == 2)
        assert answering(address, 1) == 0
        Registry(versions).rollback()
        wait_for(lambda: answering(address, 1) == 2)
        with httpx.Client(base_url=address, timeout=20) as client:
            assert metric(client, "model_swaps_total") == 4
            assert metric(client, "model_age_seconds") > 0
            counted = metric(client, 'service_requests_total{path="/v1/predict",status="200"}')
            assert counted == pytest.approx(len(told.keys), abs=20)  # those of both, while they go on
    assert told.wrong == []
    assert set(told.versions) == {"1", "3"}
    assert sorted(keys(tmp_path / "log.db")) == sorted(told.keys)


def test_a_worker_that_is_killed_is_replaced_and_only_its_open_requests_are_lost(
    versions: Path, tmp_path: Path
) -> None:
    with (
        started(versions, predictions=tmp_path / "log.db") as (parent, address),
        load(address, clients=4) as told,
    ):
        victim = parent.children()[0]
        victim.kill()
        wait_for(lambda: victim not in alive(parent.children()) and len(alive(parent.children())) == 2)
        wait_for(lambda: answering(address) == 2)
        answered = len(told.keys)
        wait_for(lambda: len(told.keys) > answered + 20)
    assert len(told.wrong) <= 4, told.wrong  # one for each client
    assert not [wrong for wrong in told.wrong if wrong[0].isdigit()], told.wrong  # broken connections, no bad answers
    lost = set(told.keys) - set(keys(tmp_path / "log.db"))
    assert len(lost) < len(told.keys) / 2


def test_when_the_parent_is_killed_no_worker_is_left_and_the_log_is_whole(versions: Path, tmp_path: Path) -> None:
    with started(versions, predictions=tmp_path / "log.db") as (parent, address):
        processes, sent = parent.children(), [f"F{i}" for i in range(20)]
        (shared,) = {part for each in processes for part in each.cmdline() if "service-" in part}
        for key in sent:
            assert httpx.post(f"{address}/v1/predict", json={**ROW, "flight_id": key}).status_code == 200
        parent.kill()
        wait_for(lambda: not alive(processes))
    with listen_at("127.0.0.1", int(address.rpartition(":")[2])):
        pass  # the port is free
    assert sorted(keys(tmp_path / "log.db")) == sorted(sent)
    assert not Path(shared).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_of_them_cleanly(versions: Path, tmp_path: Path, number: int) -> None:
    with started(versions, predictions=tmp_path / "log.db") as (parent, address):
        processes = parent.children()
        with load(address, clients=4) as told:
            wait_for(lambda: len(told.keys) > 100)
        parent.send_signal(number)
        assert parent.wait(30) == 0
        assert alive(processes) == []
    assert sorted(keys(tmp_path / "log.db")) == sorted(told.keys)


def test_while_they_drain_they_still_answer(versions: Path) -> None:
    with started(versions, drain=1.5) as (parent, address):
        parent.terminate()
        wait_for(lambda: httpx.get(f"{address}/readyz").status_code == 503)
        assert httpx.post(f"{address}/v1/predict", json=ROW).status_code == 200
        assert parent.wait(30) == 0


def test_a_replacement_answers_as_the_others_when_what_was_promoted_is_damaged(versions: Path) -> None:
    model = versions / "versions/2/model.onnx"
    model.write_bytes(model.read_bytes()[:-100])
    with started(versions) as (parent, address), load(address) as told:
        Registry(versions).promote(2)
        with httpx.Client(base_url=address, timeout=20) as client:
            wait_for(lambda: metric(client, "model_swap_failures_total") == 2)
        victim = parent.children()[0]
        victim.kill()
        wait_for(lambda: len(set(alive(parent.children())) - {victim}) == 2)
        wait_for(lambda: answering(address) == 2)
    assert set(told.versions) == {"1"}


def test_a_canary_that_departs_is_taken_out_of_all_of_them_without_a_failed_request(versions: Path) -> None:
    Registry(versions).promote(3, "canary")
    with started(versions, canary_share=0.5) as (_, address), load(address, clients=4, fresh=True) as told:
        wait_for(lambda: "canary" not in Registry(versions).aliases(), seconds=60)
        answered = len(told.versions) + 20
        wait_for(lambda: len(told.versions) > answered and "3" not in told.versions[-20:])
    assert told.wrong == []
    assert set(told.versions) == {"1", "3"}
    last = Registry(versions).history()[-1]
    assert (last["alias"], last["from"], last["to"]) == ("canary", 3, None)
    assert "PSI of the answers" in str(last["reason"])


def test_a_damaged_version_stops_the_start_with_a_sentence(versions: Path) -> None:
    (versions / "versions/1/model.onnx").write_bytes(b"")
    with pytest.raises(InputError, match="did not start") as refusal, client.running_service(versions, workers=2):
        pass
    assert "changed or cut" in refusal.value.hint
    assert "no worker could be started" in refusal.value.hint
    assert "Traceback" not in refusal.value.hint


def test_workers_that_die_at_once_are_not_started_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []

    def die(**_: object) -> "subprocess.Popen[bytes]":
        starts.append(time.monotonic())
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-Ic", "print('ready')"], stdin=pipe, stdout=pipe)

    monkeypatch.setattr(client, "start_process", die)
    with listen_at("127.0.0.1", 0) as listener, pytest.raises(InputError, match="all workers died"):
        workers.Workers(listener, 2, drain=0).run(lambda: None)
    assert len(starts) == 2 + workers.RESTARTS


def test_after_a_while_a_worker_may_be_replaced_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen_at("127.0.0.1", 0) as listener:
        parent = workers.Workers(listener, 2, drain=0)
        now = time.monotonic()
        parent._starts.extend([now] * (2 + workers.RESTARTS))
        assert not parent._may_start()
        monkeypatch.setattr(time, "monotonic", lambda: now + workers.WITHIN + 1)
        assert parent._may_start()


def test_on_windows_there_is_one_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(InputError, match="Windows"):
        server.serve_model(rollout.Rollout(tmp_path), workers=2)
