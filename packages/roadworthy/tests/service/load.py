"""Clients that keep asking while a test does something to the service, and remember what they were told."""

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from small import rows


@dataclass
class Told:
    """The versions that answered, in order, with the keys they answered to, and what went wrong."""

    versions: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def load(address: httpx.URL | str, clients: int = 2, *, fresh: bool = False) -> Iterator[Told]:
    """Ask from some threads as long as the block; with `fresh` connections each request has its own."""
    told, stopping, table = Told(), threading.Event(), rows(500)

    def ask(number: int) -> None:
        kept = httpx.Limits(max_keepalive_connections=0 if fresh else 1)
        with httpx.Client(base_url=address, timeout=20, limits=kept) as http:
            for count in itertools.count():
                if stopping.is_set():
                    return
                key = f"{number}-{count}"
                try:
                    response = http.post("/v1/predict", json={**table[count % len(table)], "flight_id": key})
                except httpx.HTTPError as error:
                    told.wrong.append(repr(error))
                    continue
                if response.status_code == 200:
                    told.keys.append(key)
                    told.versions.append(response.json()["version"])
                else:
                    told.wrong.append(f"{response.status_code}: {response.text}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: len(told.versions) + len(told.wrong) > clients)
        yield told
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def metric(client: httpx.Client, name: str) -> float:
    """A value of /metrics, 0 when it is not there."""
    (value,) = re.findall(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE) or ["0"]
    return float(value)


def wait_for(claim: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until a claim holds; it fails the test after some seconds."""
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()
