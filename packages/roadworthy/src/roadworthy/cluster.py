"""Spread a function over partitions: in this process, on workers of this machine, or on a Dask cluster.

What a worker that dies was doing is done again by another one, so the work must give the same when it is done twice.
Workers need this package installed, and the partitions within their reach.
"""

import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from .errors import InputError

if TYPE_CHECKING:
    from distributed import Client

MEMORY = "1GB"  # of a worker on this machine; one that needs more is replaced
LOCAL = re.compile(r"local:([1-9]\d?)")
PATIENCE = 10  # seconds
AHEAD = 4  # tasks that are handed out for each worker
Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int | None], None]


def spread(
    work: Callable[[Shared, Item], Result],
    shared: Shared,
    items: Sequence[Item],
    *,
    cluster: str = "",
    progress: Progress | None = None,
) -> Iterator[Result]:
    """`work(shared, item)` for each item, as they are finished; `progress` is told how many are, and of how many.

    `cluster` is empty for this process, "local:2" for two workers of this machine, or the address of a scheduler.
    Raises InputError for a cluster that cannot be reached and when workers die over the same item again and again.
    """
    results = _on_cluster(work, shared, items, cluster) if cluster else (work(shared, item) for item in items)
    for done, result in enumerate(results, start=1):
        if progress:
            progress(done, len(items))
        yield result


def _on_cluster(
    work: Callable[[Shared, Item], Result], shared: Shared, items: Sequence[Item], cluster: str
) -> Iterator[Result]:
    from distributed import KilledWorker, as_completed

    waiting = iter(items)
    with _client(cluster) as client:
        # Each task has all it needs, so that none waits for what was on a worker that died; therefore few at a time.
        first = islice(waiting, AHEAD * max(len(client.scheduler_info(n_workers=-1)["workers"]), 1))
        futures = [client.submit(work, shared, item, pure=False) for item in first]
        running = as_completed(futures, loop=client.loop)  # type: ignore[no-untyped-call]
        for future in running:
            try:
                yield future.result()
            except KilledWorker as error:
                hint = f"a worker of this machine has {MEMORY}; write smaller row groups, or give the workers more"
                raise InputError("a partition killed several workers", where=cluster, hint=hint) from error
            future.release()
            for item in islice(waiting, 1):
                running.add(client.submit(work, shared, item, pure=False))  # type: ignore[no-untyped-call]


@contextmanager
def _client(cluster: str) -> "Iterator[Client]":
    from distributed import Client, LocalCluster

    if local := LOCAL.fullmatch(cluster):
        # Port 0, whatever is free: without an address Dask warns when another cluster of this machine has its port.
        page = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
        options = {"threads_per_worker": 1, "memory_limit": MEMORY, **page}
        with (
            tempfile.TemporaryDirectory() as scratch,
            LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=int(local[1]), local_directory=scratch, silence_logs=logging.CRITICAL, **options
            ) as started,
            Client(started, set_as_default=False) as client,  # type: ignore[no-untyped-call]
        ):
            yield client
        return
    try:
        client = Client(cluster, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        hint = 'give "local:2" for two workers of this machine, or the address of a scheduler, tcp://HOST:8786'
        raise InputError("no scheduler answers there", where=f"cluster {cluster}", hint=hint) from error
    with client:
        yield client
