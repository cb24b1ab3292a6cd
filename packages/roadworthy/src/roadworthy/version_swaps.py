"""Versions that are swapped under load: what a client is told that asks without a pause, and of a damaged version.

Both trials move the alias `champion` of the registry that they are given: give them one that is made for it.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from .errors import InputError
from .evidence import loading, rehearsal
from .registry import Registry
from .service import child

LOOK = 0.02  # seconds between two looks of the service at its registry
PATIENCE = 60.0  # seconds for a version to answer
UNANSWERED = 0  # in the place of a status: the connection broke


@dataclass(frozen=True)
class Answers:
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
class Refused:
    """A damaged version that was promoted: its number, why it cannot be loaded, and which one the rollback led to.

    `answers` are those of the time from before the promotion until after the rollback.
    """

    version: int
    reason: str
    back_to: int
    answers: Answers


def swap_under_load(registry: Registry, versions: Sequence[int], question: Mapping[str, Any]) -> Answers:
    """Make the versions the champion, one after the other, while a client asks: each until it has answered.

    The registry has a champion before. Raises InputError when a version does not answer within a minute.
    """
    with child.running(registry.folder, every=LOOK) as address, asking(address, question) as counts:
        for version in versions:
            before = counts[200, str(version)]
            registry.promote(version)
            _wait(partial(_more, counts, version, before), f"version {version} does not answer", address)
    return Answers(dict(counts))


def promote_damaged(registry: Registry, question: Mapping[str, Any]) -> Refused:
    """Promote a copy of the champion in which one byte is another, while a client asks, and roll it back.

    The service is given the time to notice it, and to say so in its metrics. Raises InputError when it does not.
    """
    with child.running(registry.folder, every=LOOK) as address, asking(address, question) as counts:
        broken = rehearsal.damaged(registry, "champion")
        registry.promote(broken)
        _wait(partial(_told_of_failure, address), "the service does not notice the damaged version", address)
        back_to = registry.rollback("damaged")
        before = counts[200, str(back_to)]
        _wait(partial(_more, counts, back_to, before), f"version {back_to} does not answer", address)
    return Refused(broken, loading.refusal(registry.path(broken)), back_to, Answers(dict(counts)))


@contextmanager
def asking(address: str, question: Mapping[str, Any]) -> Iterator[Counter[tuple[int, str]]]:
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


def _more(counts: Counter[tuple[int, str]], version: int, before: int) -> bool:
    return counts[200, str(version)] > before


def _told_of_failure(address: str) -> bool:
    return "model_swap_failures_total 1.0" in httpx.get(f"{address}/metrics").text


def _wait(claim: Callable[[], bool], otherwise: str, address: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not claim():
        if time.monotonic() > deadline:
            raise InputError(otherwise, where=address, hint="its log says why")
        time.sleep(0.01)
