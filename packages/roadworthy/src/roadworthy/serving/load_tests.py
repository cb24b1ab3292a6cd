"""Load tests: what an answer costs online, in process and as a batch, and what clients get while versions change."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pandas as pd

from ..base import databases
from ..base.errors import InputError
from ..bundle.bundle import Bundle
from ..registry import releases
from ..registry.registry import Registry
from . import batch
from .client import Row, running_service, wait_until

Clock = Callable[[], float]
REPEATS = 10  # of the request with many rows: one alone is over before a clock has moved
# How old an answer may be by the time somebody reads it, and when a way is the one to choose.
CHOICE = {
    "online, one row": ("the question", "others ask, one at a time, and cannot wait"),
    "online, many rows": ("the batch of questions", "questions come in bursts"),
    "in process": ("the question", "one program asks, and may hold the model"),
    "batch": ("the last night", "everything to be asked is known the evening before"),
}
EVERY = 0.02  # seconds between two looks of the service at its registry
SWAP_PATIENCE = 60.0  # seconds for a version to answer
UNANSWERED = 0  # in the place of a status: the connection broke
HINT = "its log says why"


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
            "online, one row": measure_once(partial(one_by_one, client, questions), len(questions), cpu),
            "online, many rows": measure_once(partial(ask_together, client, questions), len(questions) * REPEATS, cpu),
            "in process": measure_once(partial(in_process, bundle, questions), len(questions), time.process_time),
            "batch": measure_once(partial(batch.score_file, bundle, source, target), len(file), time.process_time),
        }
    return cost_table(costs, core_hour)


def questions_of(bundle: Bundle, rows: pd.DataFrame) -> list[Row]:
    """Rows of features as a client writes them into a request: the key and what the model needs, as plain values."""
    return databases.plain_records(rows, [bundle.signature.key, *bundle.names])


def measure_once(ask: Callable[[], object], rows: int, clock: Clock) -> Cost:
    """Ask once, and divide the time by the number of rows; `clock` gives the seconds of the processor so far."""
    since, before = time.perf_counter(), clock()
    ask()
    return Cost((time.perf_counter() - since) / rows, (clock() - before) / rows)


def one_by_one(client: httpx.Client, questions: Sequence[Row]) -> None:
    """A request for each row."""
    for question in questions:
        client.post("/v1/predict", json=question).raise_for_status()


def ask_together(client: httpx.Client, questions: Sequence[Row]) -> None:
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
    metric = re.search(r"^process_cpu_seconds_total (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(metric[1]) if metric else time.perf_counter()


def cost_table(costs: dict[str, Cost], core_hour: float) -> pd.DataFrame:
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


@dataclass(frozen=True)
class AnswerCounts:
    """What a client was told: how many answers by status (0: none came) and version."""

    counts: Mapping[tuple[int, str], int]

    @property
    def statuses(self) -> list[int]:
        """Every status that there was."""
        return sorted({status for status, _ in self.counts})

    @property
    def versions(self) -> list[str]:
        """Every version that answered."""
        return sorted({version for status, version in self.counts if status == 200})


@dataclass(frozen=True)
class DamagedRelease:
    """A damaged version that was promoted: its number, why it cannot be loaded, and which one the rollback led to.

    `answers` are those of the time from before the promotion until after the rollback.
    """

    version: int
    reason: str
    back_to: int
    answers: AnswerCounts


def swap_under_load(registry: Registry, versions: Sequence[int], question: Mapping[str, Any]) -> AnswerCounts:
    """Make the versions the champion, one after the other, while a client asks: each until it has answered.

    The registry has a champion before. Raises InputError when a version does not answer within a minute.
    """
    with running_service(registry.folder, every=EVERY) as address, asking_client(address, question) as counts:
        for version in versions:
            before = counts[200, str(version)]
            registry.promote(version)
            _wait_for_answer(counts, version, before, address)
    return AnswerCounts(dict(counts))


def promote_damaged(registry: Registry, question: Mapping[str, Any]) -> DamagedRelease:
    """Promote a copy of the champion in which one byte is another, while a client asks, and roll it back.

    The service is given the time to notice it, and to say so in its metrics. Raises InputError when it does not.
    """
    with running_service(registry.folder, every=EVERY) as address, asking_client(address, question) as counts:
        broken = releases.damaged_copy(registry, "champion")
        registry.promote(broken)
        unnoticed = InputError("the service does not notice the damaged version", where=address, hint=HINT)
        failure = "model_swap_failures_total 1.0"
        wait_until(lambda: failure in httpx.get(f"{address}/metrics").text, SWAP_PATIENCE, unnoticed)
        back_to = registry.rollback("damaged")
        before = counts[200, str(back_to)]
        _wait_for_answer(counts, back_to, before, address)
    return DamagedRelease(broken, releases.load_refusal(registry.path(broken)), back_to, AnswerCounts(dict(counts)))


@contextmanager
def asking_client(address: str, question: Mapping[str, Any]) -> Iterator[Counter[tuple[int, str]]]:
    """Ask the same question without a pause as long as the block: the number of answers by status and version."""
    counts: Counter[tuple[int, str]] = Counter()
    stopping = threading.Event()
    client = threading.Thread(target=_ask, args=(address, question, counts, stopping))
    client.start()
    try:
        yield counts
    finally:
        stopping.set()
        client.join()


def _ask(
    address: str, question: Mapping[str, Any], counts: Counter[tuple[int, str]], stopping: threading.Event
) -> None:
    with httpx.Client(base_url=address) as client:
        while not stopping.is_set():
            try:
                answer = client.post("/v1/predict", json=dict(question))
                counts[answer.status_code, str(answer.json().get("version", ""))] += 1
            except (httpx.HTTPError, ValueError):
                counts[UNANSWERED, ""] += 1


def _wait_for_answer(counts: Counter[tuple[int, str]], version: int, before: int, address: str) -> None:
    """Wait until a version has answered more than `before` times."""
    silent = InputError(f"version {version} does not answer", where=address, hint=HINT)
    wait_until(lambda: counts[200, str(version)] > before, SWAP_PATIENCE, silent)
