"""Scoring a file: rows per second and memory of `score`, against scikit-learn on pandas, on the same Parquet file.

Both read the file; `score` checks every row, writes the result and can be killed at any moment, scikit-learn's answers
are only held. Each runs in a process of its own, in turn; imports and loading the model are not counted. The peak is
that of the process, imports and model included. The file is 2013 once and ten times over, for the memory of `score`
thirty times as well. Where other work is done on the machine, the CPU time of a row is the steadier figure.

The largest difference between the bundle and scikit-learn over all rows of both years is found as well.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import joblib
import pyarrow as pa
import pyarrow.parquet as pq
import roadworthy as rw
from roadworthy.bundle.bundle import Bundle
from roadworthy.registry import export

# On Linux, ru_maxrss of a process that was forked is at least what its parent had; VmHWM begins with the program.
PEAK = """
import pathlib, resource, sys

def peak():
    if sys.platform == "linux":
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)

"""
SCORE = """
import json, sys, time
from pathlib import Path
from roadworthy.bundle.bundle import Bundle
from roadworthy.serving import batch

folder, source, target, threads = sys.argv[1:]
loaded = Bundle.load(Path(folder))
since, cpu = time.perf_counter(), time.process_time()
rows = batch.score_file(loaded, Path(source), Path(target), threads=int(threads) or batch.threads_here()).scored
print(json.dumps([rows, time.perf_counter() - since, time.process_time() - cpu, peak()]))
"""
PANDAS = """
import json, sys, time
import joblib, pandas

folder, source, *_ = sys.argv[1:]
pipeline = joblib.load(f"{folder}/pipeline.joblib")
since, cpu = time.perf_counter(), time.process_time()
frame = pandas.read_parquet(source, columns=list(pipeline.feature_names_in_))
rows = len(pipeline.predict_proba(frame)[:, 1])
print(json.dumps([rows, time.perf_counter() - since, time.process_time() - cpu, peak()]))
"""


def measure(project: rw.Project, repetitions: int) -> dict[str, object]:
    """Rows per second, CPU per row and memory of each contestant, the median of the ratios; the largest difference."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        difference = _prepare(project, scratch)
        print(f"largest difference to scikit-learn: {difference}", flush=True)
        return {
            "largest_difference": difference,
            "rows_336k": _compare(scratch, scratch / "x1.parquet", repetitions),
            "rows_3m": _compare(scratch, scratch / "x10.parquet", repetitions),
            "score_10m": _run(SCORE, scratch, scratch / "x30.parquet"),
        }


def _prepare(project: rw.Project, scratch: Path) -> dict[str, float]:
    """A model of the settings as a bundle and as scikit-learn has it, the files with the rows of 2013; differences."""
    years = {name: project.data.features(name) for name in project.settings.data.snapshots}
    features = years[project.settings.data.snapshot]
    trained = project.model.train(project.data.split(features))
    (scratch / "1").mkdir()
    export.write_bundle(trained, scratch / "1")
    joblib.dump(trained.pipeline, scratch / "pipeline.joblib")
    table = pa.Table.from_pandas(features, preserve_index=False)
    for times in (1, 10, 30):
        with pq.ParquetWriter(scratch / f"x{times}.parquet", table.schema) as writer:
            for _ in range(times):
                writer.write_table(table, row_group_size=1 << 17)
    loaded = Bundle.load(scratch / "1")
    return {
        name: float(export.prediction_difference(loaded, rows, trained.predict(rows)).max())
        for name, rows in years.items()
    }


def _compare(scratch: Path, source: Path, repetitions: int) -> dict[str, Any]:
    """`score` on all cores and on one, scikit-learn with its threads and with one, in turn."""
    turns: dict[str, list[dict[str, float]]] = {"score": [], "score_1": [], "pandas": [], "pandas_1": []}
    for number in range(repetitions):
        for name, turn in turns.items():
            code = SCORE if name.startswith("score") else PANDAS
            turn.append(_run(code, scratch, source, threads=1 if name.endswith("_1") else 0))
        best = max(turns["pandas"][-1]["rows_s"], turns["pandas_1"][-1]["rows_s"])
        told = ", ".join(f"{name} {turn[-1]['rows_s']:,.0f}" for name, turn in turns.items())
        print(f"{source.stem} {number + 1}: rows/s {told}; ratio {turns['score'][-1]['rows_s'] / best:.2f}", flush=True)
    ratios = [
        ours["rows_s"] / max(one["rows_s"], many["rows_s"])
        for ours, one, many in zip(turns["score"], turns["pandas_1"], turns["pandas"], strict=True)
    ]
    return {**turns, "median_ratio": round(statistics.median(ratios), 3)}


def _run(code: str, scratch: Path, source: Path, threads: int = 0) -> dict[str, float]:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"OMP_NUM_THREADS": "1"} if threads else {}
    command = [sys.executable, "-c", PEAK + code, scratch / "1", source, scratch / "out.parquet", threads]
    if code is PANDAS:
        command[3] = scratch
    done = subprocess.run([*map(str, command)], env=environment, check=True, capture_output=True, text=True)
    rows, seconds, cpu, peak = json.loads(done.stdout)
    return {
        "rows": rows,
        "rows_s": round(rows / seconds),
        "cpu_us_row": round(cpu / rows * 1e6, 3),
        "peak_mb": round(peak / 1024),
    }
