"""The log is written in the background: bounded, lossless on a clean stop, and no answer waits for it."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from roadworthy.base.errors import InputError
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring.log import PredictionLog
from roadworthy.serving import predictor as service_recorder
from roadworthy.serving.predictor import Metrics, Recorder
from small import ROW, SIGNATURE


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    return PredictionLog(tmp_path / "log.db", Signature.parse(json.dumps(SIGNATURE)))


def recorder(log: PredictionLog, limit: int = 1000) -> Recorder:
    return Recorder(log, Metrics(), "flight_id", limit)


def put(to: Recorder, name: str) -> None:
    to.put(name, "1", [{**ROW, "flight_id": name}], [0.5], 0.35)


def kept(log: PredictionLog) -> list[str]:
    with sqlite3.connect(str(log.path)) as connection:
        found = [row[0] for row in connection.execute("select key from predictions order by rowid")]
    connection.close()
    return found


def counted(of: Recorder, name: str) -> float | None:
    return of._metrics.registry.get_sample_value(f"prediction_log_{name}")


def wait_for(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()


def test_a_clean_stop_loses_nothing_and_keeps_the_order(log: PredictionLog) -> None:
    writer = recorder(log)
    writer.start()
    names = [f"r{i}" for i in range(500)]
    for name in names:
        put(writer, name)
    writer.stop()
    assert kept(log) == names
    assert counted(writer, "written_total") == 500


def test_it_writes_without_being_stopped(log: PredictionLog) -> None:
    writer = recorder(log)
    writer.start()
    put(writer, "a")
    wait_for(lambda: kept(log) == ["a"])
    writer.stop()


def test_the_time_in_the_log_is_that_of_the_request_in_utc(log: PredictionLog) -> None:
    writer = recorder(log)
    writer.start()
    since = datetime.now(UTC)
    put(writer, "a")
    until = datetime.now(UTC)
    writer.stop()
    with sqlite3.connect(str(log.path)) as connection:
        ((text,),) = connection.execute("select time from predictions")
    connection.close()
    assert text.endswith("Z")
    assert since <= datetime.fromisoformat(text) <= until


def test_a_full_queue_drops_and_counts(log: PredictionLog) -> None:
    writer = recorder(log, limit=3)
    for name in "abcde":
        put(writer, name)
    assert counted(writer, "queue") == 3
    assert counted(writer, "dropped_total") == 2
    writer.start()
    writer.stop()
    assert kept(log) == ["a", "b", "c"]


def test_a_write_that_fails_is_tried_again(log: PredictionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = recorder(log)
    healthy, full = log.append_rows, threading.Event()
    full.set()

    def append_rows(rows: object) -> None:
        if full.is_set():
            raise InputError("database or disk is full")
        healthy(rows)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "append_rows", append_rows)
    monkeypatch.setattr(service_recorder, "BATCH", 2)
    writer.start()
    for name in "abc":
        put(writer, name)
    wait_for(lambda: (counted(writer, "failures_total") or 0) >= 1)
    full.clear()
    writer.stop()
    assert kept(log) == ["a", "b", "c"]
    assert counted(writer, "dropped_total") == 0


def test_what_cannot_be_written_at_the_stop_is_counted_as_lost(
    log: PredictionLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: object) -> None:
        raise InputError("database or disk is full")

    monkeypatch.setattr(log, "append_rows", refuse)
    writer = recorder(log)
    writer.start()
    put(writer, "a")
    writer.stop()
    assert counted(writer, "dropped_total") == 1
    assert [record.__dict__["lost"] for record in caplog.records if "lost" in record.__dict__] == [1]


def test_an_answer_does_not_wait_for_the_disk(log: PredictionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = threading.Event()
    monkeypatch.setattr(log, "append_rows", lambda rows: (slow.wait(10), list(rows)))
    writer = recorder(log)
    writer.start()
    put(writer, "a")
    time.sleep(0.4)  # the thread sits in the write now
    start = time.perf_counter()
    for name in "bcd":
        put(writer, name)
    assert time.perf_counter() - start < 0.2
    slow.set()
    writer.stop()
