"""Scoring and watching ten million rows in partitions: one process against two Dask workers, one of which is killed.

The rows are those of 2013 thirty times over, a partition each. The same figures must come out: the scored files are
compared byte by byte, the readings of all monitors in all weeks of the year by their largest difference. The memory of
a worker is its peak, imports included; more than 1 GB and Dask would end it.
"""

import hashlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import roadworthy as rw
from distributed import LocalCluster
from roadworthy.monitoring import scored
from roadworthy.registry import export
from roadworthy.serving import batch_partitions

PARTITIONS = 30
WORKERS = 2
LIMIT = "1GB"
NOW = pd.Timestamp("2014-01-01", tz="UTC").to_pydatetime()
WEEKS = 52


def measure(project: rw.Project) -> dict[str, Any]:
    """Seconds of one process and of the workers, their peak memory, the largest difference of a figure."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        bundle = _prepare(project, scratch)

        def work(place: str, **how: Any) -> dict[str, Any]:  # noqa: ANN401
            since = time.perf_counter()
            source, target = str(scratch / "in"), str(scratch / place)
            summary = batch_partitions.score_partitions(bundle, source, target, for_monitoring=True, **how)
            between = time.perf_counter()
            how.pop("progress", None)
            watched = scored.monitor_scored(bundle, target, now=NOW, windows=WEEKS, **how)
            told = {"score_s": round(between - since, 1), "monitor_s": round(time.perf_counter() - between, 1)}
            print(f"{place}: {summary.rows:,} rows, {told}", flush=True)
            return {**told, "rows": summary.rows, "readings": watched.timeline.table()}

        one = work("one")
        with _workers(scratch) as (address, kill, peaks):
            many = work("many", cluster=address, progress=kill)
        difference = _difference(one.pop("readings"), many.pop("readings"))
        same = _sums(scratch / "one") == _sums(scratch / "many")
    peaks = {str(number): round(peak / 1e6) for number, peak in enumerate(peaks.values())}
    return {
        "one_process": one,
        "two_workers": many,
        "killed": len(peaks) - WORKERS,
        "peak_mb_of_workers": peaks,
        "largest_difference": difference,
        "scored_files_are_the_same": same,
    }


def _prepare(project: rw.Project, scratch: Path) -> Path:
    features = project.data.features()
    trained = project.model.train(project.data.split(features))
    (scratch / "1").mkdir()
    export.write_bundle(trained, scratch / "1")
    (scratch / "in").mkdir()
    table = pa.Table.from_pandas(features, preserve_index=False)
    for number in range(PARTITIONS):
        pq.write_table(table, scratch / "in" / f"{number:02}.parquet", row_group_size=1 << 16)
    return scratch / "1"


@contextmanager
def _workers(scratch: Path) -> Iterator[tuple[str, Any, dict[int, int]]]:
    """The address of a scheduler, what kills a worker when a third is done, and the peak memory of each by its pid."""
    options = {"threads_per_worker": 1, "memory_limit": LIMIT, "dashboard_address": None, "host": "127.0.0.1"}
    peaks: dict[int, int] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.2):
            for pid in _pids():
                try:
                    peaks[pid] = max(peaks.get(pid, 0), _peak(pid))
                except (psutil.Error, OSError, StopIteration):
                    continue

    def kill(done: int, of: int | None) -> None:
        if done == (of or 0) // 3:
            os.kill(min(_pids()), signal.SIGKILL)
            print(f"killed a worker after {done} of {of} partitions", flush=True)

    watching = threading.Thread(target=look, daemon=True)
    with LocalCluster(n_workers=WORKERS, local_directory=scratch / "dask", **options) as cluster:
        watching.start()
        try:
            yield cluster.scheduler_address, kill, peaks
        finally:
            ended.set()
            watching.join()


def _pids() -> list[int]:
    """The processes of the workers; asking the cluster for them would be work for it."""
    return [child.pid for child in psutil.Process().children(recursive=True) if _is_worker(child)]


def _is_worker(child: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(child.cmdline())
    except psutil.Error:  # it has just been killed
        return False


def _peak(pid: int) -> int:
    if sys.platform != "linux":
        return int(psutil.Process(pid).memory_info().rss)
    # A peak between two looks is not missed.
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _difference(one: pd.DataFrame, many: pd.DataFrame) -> float:
    columns, names = ["value", "low", "high", "limit"], ["window", "monitor", "subject", "status", "alarm"]
    if not one[names].equals(many[names]):
        return float("inf")
    a, b = one[columns].to_numpy(), many[columns].to_numpy()
    if not (np.isnan(a) == np.isnan(b)).all():
        return float("inf")
    return float(np.nanmax(np.abs(a - b)))


def _sums(folder: Path) -> dict[str, str]:
    files = sorted(folder.rglob("*.parquet"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
