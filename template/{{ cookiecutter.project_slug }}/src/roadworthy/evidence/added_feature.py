"""Add a feature to a copy of the package the way the README describes it, and see where it arrives.

The copy is imported beside the package under a name of its own, so that the libraries are not loaded twice. Where a
feature needs more than a line of SQL, an entry in the contract and its name in the settings, it is missing then.
"""

import importlib
import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from ..contract import CONTRACT
from ..settings import FILE
from .bench import Bench
from .some_days import excerpt

ADDED = "added_feature"
COPY = "package_with_added_feature"
# What is added, and after which place: the last SELECT, the head of the features' columns, the last feature.
STEPS = {
    f"{COPY}/sql/features.sql": (r"(?s)\A.*^select\n", f"    row_number() over () % 5 as {ADDED},\n"),
    f"{COPY}/contract.py": (
        r'^FEATURES = Table\(\n    name="\w+",\n    columns=\(\n',
        f'        Column(name="{ADDED}", kind="integer", about="added by a gate", low=0, high=4),\n',
    ),
    FILE: (r"^features = \[[^\]]*?(?=,?\s*\])", f', "{ADDED}"'),
}
DAYS = 4  # of events to make features of
TREES = 5
Part = Callable[[str], Any]


@dataclass(frozen=True)
class Extension:
    """The files that were changed, whether the feature arrived in each place, and CPU seconds."""

    files: tuple[str, ...]
    arrived: dict[str, bool]
    seconds: float


def measure(bench: Bench) -> Extension:
    """Add a feature in a copy in the scratch folder, train a few trees with it, and look for it in all that follows."""
    times = bench.frame[CONTRACT.time]
    events = excerpt(bench.connection, times.iloc[len(times) // 2], DAYS)
    home = bench.scratch / "extended"
    shutil.rmtree(home, ignore_errors=True)
    since = time.process_time()
    shutil.copytree(Path(__file__).parents[1], home / COPY, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(bench.home / FILE, home / FILE)
    for name, (place, text) in STEPS.items():
        insert(home / name, place, text)
    with imported(home) as part:
        arrived = arrivals(part, home, events)
    return Extension(tuple(STEPS), arrived, time.process_time() - since)


def insert(file: Path, place: str, text: str) -> None:
    """Put a text after the place that a regular expression finds; ValueError when there is no such place."""
    content = file.read_text(encoding="utf-8")
    found = re.search(place, content, re.MULTILINE)
    if not found:
        raise ValueError(f"{file.name}: no place for a feature, looked for {place}")
    file.write_text(content[: found.end()] + text + content[found.end() :], encoding="utf-8")


def arrivals(part: Part, home: Path, events: duckdb.DuckDBPyConnection) -> dict[str, bool]:
    """Whether the feature is in each place of a project: the data, the bundle, the request, the log, the monitors."""
    config = part("settings").load(home)
    frame = part("data").features(events)
    if ADDED not in config.model.features or ADDED not in frame:
        return {"settings": ADDED in config.model.features, "data": ADDED in frame}
    bundle = _bundle(part, home, config, frame)
    row = bundle.golden[0]["features"]
    reference = json.loads((bundle.folder / "reference.json").read_text(encoding="utf-8"))
    with part("monitoring.log").PredictionLog(home / "log.db", bundle.signature) as log:
        logged = ADDED in log.columns
    return {
        "signature": ADDED in bundle.names,
        "golden rows": ADDED in row,
        "request": _needed(part, bundle.signature, row),
        "monitors": ADDED in reference["features"],
        "log": logged,
    }


@contextmanager
def imported(home: Path) -> Iterator[Part]:
    """The modules of the copy, by their names; it is forgotten afterwards."""
    sys.path.insert(0, str(home))
    importlib.invalidate_caches()
    try:
        yield lambda name: importlib.import_module(f"{COPY}.{name}")
    finally:
        sys.path.remove(str(home))
        for name in [name for name in sys.modules if name.partition(".")[0] == COPY]:
            del sys.modules[name]


def _bundle(part: Part, home: Path, config: Any, frame: Any) -> Any:
    spec = config.model.model_copy(update={"max_iter": TREES})
    split, training = part("data").Split(*parted(frame)), part("training")
    pipeline = training.fit(split.train, spec)
    p = training.predict(pipeline, spec, split.test)
    # All of it as one block: a day of a few flights may lack one of the classes, and an AUC needs both.
    judged = part("evaluation").evaluate(split.test[CONTRACT.target], p, np.zeros(len(p)), draws=2)
    # Without the model tests: so few rows say nothing about slices.
    trained = training.Trained(pipeline, spec, split, p, judged, (), {})
    folder = home / "bundle"
    folder.mkdir()
    part("export").write(trained, folder)
    return part("bundle").Bundle.load(folder)


def parted(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three quarters of the labelled rows to learn from, and the last quarter to judge on.

    Not the last day: it may begin a minute before the excerpt ends.
    """
    rows = frame[frame[CONTRACT.target].notna()]
    cut = len(rows) * 3 // 4
    return rows.iloc[:cut], rows.iloc[cut:]


def _needed(part: Part, signature: Any, row: dict[str, Any]) -> bool:
    """Whether a request with the feature is read and one without it is refused, whatever its other values are."""
    without = {name: value for name, value in row.items() if name != ADDED}
    return ADDED not in _wrong(part, signature, {**without, ADDED: 3}) and ADDED in _wrong(part, signature, without)


def _wrong(part: Part, signature: Any, row: dict[str, Any]) -> set[str]:
    request = part("service.request")
    try:
        request.RequestReader(signature, 1).read(json.dumps(row).encode())
    except request.BadRequestError as error:
        return {problem.field for problem in error.problems}
    return set()
