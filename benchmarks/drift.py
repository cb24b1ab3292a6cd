"""Drift of 12 features, 3.4 million rows against 336 thousand: time and memory, against NannyML and Evidently.

Each reads the same two Parquet files in a process of its own, in turn, with its imports not counted; the peak is that
of the process, imports included. The large file is ten years made of the days of 2013, drawn with replacement, the
small one as many flights of 2023 as 2013 has. PSI, Jensen-Shannon, and Kolmogorov-Smirnov or chi-square are computed
here for each feature, all but PSI by NannyML, what its preset chooses by Evidently. Ours are compared with SciPy's on
the same bins.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import roadworthy as rw
from environments import PEERS, environment
from peers.drift_ours import parquet_drift
from scipy import stats
from scipy.spatial import distance

YEARS = 10
CATEGORIES = ["carrier", "origin", "dest", "manufacturer"]
NUMBERS = ["minute_of_day", "distance", "temp", "humid", "wind_speed", "pressure", "visib", "plane_age"]
COLUMNS = [*CATEGORIES, *NUMBERS]
CONTESTANTS = ("ours", "nannyml", "evidently")


def measure(project: rw.Project, repetitions: int) -> dict[str, Any]:
    """What each repetition of each contestant took, the medians of the ratios, the largest difference to SciPy."""
    pythons = {name: environment(name) / "python" for name in CONTESTANTS[1:]} | {"ours": Path(sys.executable)}
    with tempfile.TemporaryDirectory() as name:
        before, now = _files(project, Path(name))
        difference = _to_scipy(before, now)
        print(f"largest difference to SciPy on the same bins: {difference:.1e}", flush=True)
        turns: dict[str, list[dict[str, float]]] = {each: [] for each in CONTESTANTS}
        for number in range(repetitions):
            for each, turn in turns.items():
                turn.append(_run(pythons[each], each, before, now))
                print(f"{number + 1} {each}: {turn[-1]}", flush=True)
    return {"difference_to_scipy": difference, **turns, **_ratios(turns)}


def _files(project: rw.Project, scratch: Path) -> tuple[Path, Path]:
    old, new = (project.data.features(name) for name in ("2013", "2023"))
    rows = old.groupby(old["as_of"].dt.date).indices
    draw, days = np.random.default_rng(0), list(rows.values())
    drawn = np.concatenate([days[i] for i in draw.integers(0, len(days), YEARS * len(days))])
    before, now = scratch / "before.parquet", scratch / "now.parquet"
    old.loc[:, COLUMNS].take(drawn).to_parquet(before, index=False, row_group_size=1 << 17)
    new.loc[:, COLUMNS].sample(len(old), random_state=0).to_parquet(now, index=False, row_group_size=1 << 17)
    return before, now


def _to_scipy(before: Path, now: Path) -> float:
    """The largest difference of a statistic or a p-value to SciPy's, relative for those above 1."""
    old, new = (pd.read_parquet(path) for path in (before, now))
    off = [0.0]
    for drift in parquet_drift(before, now, COLUMNS):
        cells = [_cells(drift.name, part, old) for part in (old, new)]
        missing = int(max(each.max() for each in cells)) + 1
        cells = [np.where(each < 0, missing, each) for each in cells]
        counts = [np.bincount(each, minlength=missing + 1) for each in cells]
        expected = [(drift.jensen_shannon, distance.jensenshannon(*counts, base=2))]
        if drift.test == "KS":
            found = stats.ks_2samp(*(each[each < missing] for each in cells), method="asymp")
        else:
            used = np.array(counts)[:, np.sum(counts, axis=0) > 0]
            found = stats.chi2_contingency(used, correction=False)
        expected += [(drift.statistic, found.statistic), (drift.p_value, found.pvalue)]
        off += [abs(ours - theirs) / max(1.0, abs(theirs)) for ours, theirs in expected]
    return float(max(off))


def _cells(name: str, part: pd.DataFrame, old: pd.DataFrame) -> Any:  # noqa: ANN401 - an array of bins
    """The bin of each row by other means than those of the library; -1 for a missing value."""
    if name in CATEGORIES:
        known = pd.Index(sorted(old[name].dropna().unique()))
        codes = known.get_indexer(part[name])
        return np.where(part[name].isna(), -1, np.where(codes < 0, len(known), codes))
    known = np.sort(old[name].dropna().to_numpy(np.float32))
    deciles = [known[len(known) * i // 10] for i in range(1, 10)]
    doubled = {each for each in deciles if deciles.count(each) > 1}
    above = [known[np.searchsorted(known, each, "right")] for each in doubled if each < known[-1]]
    edges = np.array(sorted({*deciles, *above}))
    return np.where(part[name].isna(), -1, np.digitize(part[name].to_numpy(np.float32), edges))


def _run(python: Path, name: str, before: Path, now: Path) -> dict[str, float]:
    command = [python, PEERS / f"drift_{name}.py", before, now, json.dumps(COLUMNS)]
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"} or name == "ours"}
    environ = {**kept, "PYTHONWARNINGS": "ignore", "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
    done = subprocess.run([*map(str, command)], env=environ, check=True, capture_output=True, text=True)
    _, seconds, cpu, peak = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": round(seconds, 3), "cpu_s": round(cpu, 3), "peak_mb": round(peak / 1024)}


def _ratios(turns: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    ratios = {}
    for each in CONTESTANTS[1:]:
        pairs = list(zip(turns[each], turns["ours"], strict=True))
        ratios[f"times_faster_than_{each}"] = statistics.median(a["seconds"] / b["seconds"] for a, b in pairs)
        ratios[f"memory_of_{each}"] = statistics.median(b["peak_mb"] / a["peak_mb"] for a, b in pairs)
    return {name: round(value, 3) for name, value in ratios.items()}
