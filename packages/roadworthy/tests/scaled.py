"""Partitions to score, and a local S3 server, for the tests of what a user does who outgrows one machine."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster
from moto.server import ThreadedMotoServer
from pyarrow import fs

from small import CARRIERS, MAKERS, ORIGINS

BUCKET = "flights"
START = np.datetime64("2013-07-01T00:00:00", "us")


def table(rows: int, seed: int) -> pa.Table:
    """Rows of the small model with time and label; the second is not allowed, every tenth has no label yet."""
    draw = np.random.default_rng(seed)
    hour = draw.integers(0, 24, rows)
    temp = np.where(draw.random(rows) < 0.1, np.nan, draw.uniform(10, 100, rows))
    late = draw.random(rows) < 0.2 + 0.02 * hour
    columns: dict[str, Any] = {
        "flight_id": [f"F{seed}-{i}" for i in range(rows)],
        "carrier": np.array([*CARRIERS, "ZZ"], dtype=object)[draw.integers(0, 4, rows)],
        "origin": np.array(ORIGINS, dtype=object)[draw.integers(0, 3, rows)],
        "maker": np.array([*MAKERS, None], dtype=object)[draw.integers(0, 3, rows)],
        "hour": hour,
        "temp": pa.array(np.where(np.arange(rows) == 1, 999, temp), from_pandas=True),
        "distance": draw.integers(80, 5000, rows).astype(float),
        "as_of": START + np.sort(draw.integers(0, 21 * 24, rows)).astype("timedelta64[h]"),
        "late": pa.array(late, mask=np.arange(rows) % 10 == 0),
        "note": ["not needed"] * rows,
    }
    return pa.table(columns)


def write(folder: Path, partitions: int, rows: int) -> Path:
    """Partitions of different sizes in two folders."""
    for number in range(partitions):
        file = folder / f"part={number % 2}" / f"{number}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(rows + number, number), file, row_group_size=1000)
    return folder


@contextmanager
def mortal_workers(folder: Path) -> Iterator[tuple[str, Callable[[int, int | None], None]]]:
    """The address of two workers, and what kills one of them once the first result is there: for `progress`.

    At the end one must have been killed and replaced.
    """
    killed: list[int] = []
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    with (
        LocalCluster(local_directory=str(folder), **options) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster, set_as_default=False) as client,  # type: ignore[no-untyped-call]
    ):

        def kill(done: int, _: int | None) -> None:
            if done == 1:
                killed.append(min(client.run(os.getpid).values()))
                os.kill(killed[0], signal.SIGKILL)

        yield cluster.scheduler_address, kill
        client.wait_for_workers(2, timeout=60)
        assert killed
        assert killed[0] not in client.run(os.getpid).values()


@contextmanager
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on this machine with one bucket; its address. The keys are those of nobody."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        known = {"ENDPOINT_URL": f"http://{host}:{port}", "ACCESS_KEY_ID": "dummy", "SECRET_ACCESS_KEY": "dummy"}
        for name, value in {**known, "DEFAULT_REGION": "us-east-1"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        files(allow_bucket_creation=True).create_dir(BUCKET)
        yield known["ENDPOINT_URL"]
    finally:
        server.stop()


def files(**options: bool) -> fs.FileSystem:
    """The server's files."""
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    return fs.S3FileSystem(endpoint_override=endpoint, scheme="http", **options)


def upload(folder: Path, prefix: str) -> str:
    """The partitions of a folder in the bucket; their place."""
    fs.copy_files(str(folder), f"{BUCKET}/{prefix}", fs.LocalFileSystem(), files())
    return f"s3://{BUCKET}/{prefix}"
