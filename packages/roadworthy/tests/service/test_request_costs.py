"""What requests leave behind in memory, and how long they wait when the disk of the log is slow."""

import gc
import json
import time
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest
from threaded import served

from roadworthy.bundle.bundle import Bundle
from roadworthy.monitoring.log import PredictionLog
from roadworthy.serving import app
from roadworthy.serving.app import champion_bundle, create_app
from roadworthy.serving.predictor import Metrics, Predictor
from small import ROW, rows

ROUNDS = 4
DISK = 0.1  # seconds that a write to the log takes


def kept(predictor: Predictor, bodies: Sequence[bytes]) -> float:
    """Bytes that stay in memory for each request: the median of all rounds but the first.

    What libraries keep for later comes and goes in one round or another; what is kept of each request grows in all of
    them. Only what Python and NumPy allocate is seen.
    """
    size = len(bodies) // ROUNDS
    for body in bodies:
        predictor.reader.read(body)  # pydantic keeps the newest 16,384 texts
    levels = []
    tracemalloc.start()
    try:
        for turn in range(ROUNDS):
            for number in range(turn * size, (turn + 1) * size):
                predictor.answer(bodies[number], f"request-{number}")
            gc.collect()
            levels.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return median(later - before for before, later in pairwise(levels)) / size


@pytest.fixture
def predictor(built_registry: Path) -> Predictor:
    return Predictor(app.champion_bundle(built_registry), Metrics(), None, max_rows=1)


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    return [json.dumps(row).encode() for row in rows(800)]


def test_a_request_gives_its_memory_back(predictor: Predictor, bodies: list[bytes]) -> None:
    assert abs(kept(predictor, bodies)) < 100


@pytest.mark.parametrize("size", [200, 1000])
def test_what_is_kept_of_each_request_would_be_seen(predictor: Predictor, bodies: list[bytes], size: int) -> None:
    seen: dict[str, object] = {}

    def keep(_rows: object, _answers: object, request_id: str) -> None:
        seen[request_id] = b"x" * size

    predictor.listeners = (keep,)
    assert size < kept(predictor, bodies) < size + 300


def test_the_model_is_loaded_before_the_first_request_and_never_again(
    predictor: Predictor, bodies: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bundle, "load", lambda *_: pytest.fail("it is loaded again"))
    for body in bodies[:3]:
        predictor.answer(body, "request")


def test_no_request_waits_for_a_slow_disk(
    built_registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = PredictionLog.append_rows

    def slowly(log: PredictionLog, some: Any) -> None:
        time.sleep(DISK)
        append(log, some)

    monkeypatch.setattr(PredictionLog, "append_rows", slowly)
    app = create_app(champion_bundle(built_registry), predictions=tmp_path / "log.db")
    with served(app) as client:
        assert median(seconds(client) for _ in range(20)) < DISK / 2


def seconds(client: httpx.Client) -> float:
    since = time.perf_counter()
    assert client.post("/v1/predict", json=ROW).status_code == 200
    return time.perf_counter() - since
