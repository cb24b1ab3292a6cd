"""What an answer costs, way by way: one row over HTTP, many rows in one request, in the same process, a whole file.

What a client waits is not what an answer costs: the processor's time is paid for, so both are measured. Figures are of
this machine and this moment.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pandas as pd

from . import data, scoring
from .bundle import Bundle

Row = dict[str, Any]
Clock = Callable[[], float]
REPEATS = 10  # of the request with many rows: one alone is over before a clock has moved
# How old an answer may be by the time somebody reads it, and when a way is the one to choose.
CHOICE = {
    "online, one row": ("the question", "others ask, one at a time, and cannot wait"),
    "online, many rows": ("the batch of questions", "questions come in bursts"),
    "in process": ("the question", "one program asks, and may hold the model"),
    "batch": ("the last night", "everything to be asked is known the evening before"),
}


@dataclass(frozen=True)
class Cost:
    """Seconds for one row: what who asks waits for it, and what the processor works on it."""

    waited: float
    cpu: float


def compare_ways(
    address: str, bundle: Bundle, rows: pd.DataFrame, file: pd.DataFrame, core_hour: float
) -> pd.DataFrame:
    """Ask the service at `address` and its own `bundle` for the same rows, score `file`: a row for each of four ways.

    `core_hour` is the price of a core for an hour, in dollars. The table has microseconds for a row, dollars for a
    million of them, and in words when a way is the one to choose.
    """
    questions = questions_of(bundle, rows)
    with httpx.Client(base_url=address) as client, TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.parquet", Path(folder) / "scores.parquet"
        file[[bundle.signature.key, *bundle.names]].to_parquet(source)
        cpu = partial(cpu_of_service, client)
        costs = {
            "online, one row": measured(partial(one_by_one, client, questions), len(questions), cpu),
            "online, many rows": measured(partial(together, client, questions), len(questions) * REPEATS, cpu),
            "in process": measured(partial(in_process, bundle, questions), len(questions), time.process_time),
            "batch": measured(partial(scoring.score, bundle, source, target), len(file), time.process_time),
        }
    return table(costs, core_hour)


def questions_of(bundle: Bundle, rows: pd.DataFrame) -> list[Row]:
    """Rows of features as a client writes them into a request: the key and what the model needs, as plain values."""
    return data.records(rows, [bundle.signature.key, *bundle.names])


def measured(ask: Callable[[], object], rows: int, clock: Clock) -> Cost:
    """Ask once, and divide the time by the number of rows; `clock` gives the seconds of the processor so far."""
    since, before = time.perf_counter(), clock()
    ask()
    return Cost((time.perf_counter() - since) / rows, (clock() - before) / rows)


def one_by_one(client: httpx.Client, questions: Sequence[Row]) -> None:
    """A request for each row."""
    for question in questions:
        client.post("/v1/predict", json=question).raise_for_status()


def together(client: httpx.Client, questions: Sequence[Row]) -> None:
    """One request with all rows, some times."""
    for _ in range(REPEATS):
        client.post("/v1/predict", json={"rows": questions}).raise_for_status()


def in_process(bundle: Bundle, questions: Sequence[Row]) -> None:
    """No request at all: the program that asks holds the model."""
    for question in questions:
        bundle.predict_rows([question])


def cpu_of_service(client: httpx.Client) -> float:
    """Seconds of the processor that the service has worked, as it tells Prometheus; elsewhere than on Linux, the clock.

    The clock is too much then: the service waits between two requests.
    """
    told = re.search(r"^process_cpu_seconds_total (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(told[1]) if told else time.perf_counter()


def table(costs: dict[str, Cost], core_hour: float) -> pd.DataFrame:
    """The costs to look at: microseconds for a row, dollars for a million, and when to choose a way."""
    rows = {
        way: {
            "one client waits, µs a row": round(cost.waited * 1e6, 1),
            "CPU, µs a row": round(cost.cpu * 1e6, 1),
            "dollars per million": round(cost.cpu * 1e6 / 3600 * core_hour, 5),
            "the answer is as old as": CHOICE[way][0],
            "choose it when": CHOICE[way][1],
        }
        for way, cost in costs.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")
