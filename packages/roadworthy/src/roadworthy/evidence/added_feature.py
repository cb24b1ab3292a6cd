"""Add a feature to a copy of the project's package the way the README describes it, and see where it arrives.

The copy is imported beside the package under a name of its own. Where a feature needs more than a line of SQL, an entry
in the contract and its name in the settings, it is missing then.
"""

import json
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd

from .. import data, evaluation, export, training
from ..bundle import Bundle
from ..monitoring.log import PredictionLog
from ..project import Project
from ..schema import Contract
from ..service.request import BadRequestError, RequestReader
from ..settings import FILE
from .bench import Bench
from .some_days import excerpt

if TYPE_CHECKING:
    from ..signature import Signature

ADDED = "added_feature"
COPY = "package_with_added_feature"
# What is added, and after which place: the last SELECT, the head of the features' columns, the last feature.
STEPS = {
    f"src/{COPY}/features.sql": (r"(?s)\A.*^select\n", f"    row_number() over () % 5 as {ADDED},\n"),
    f"src/{COPY}/contract.py": (
        r'^FEATURES = Table\(\n    name="\w+",\n    columns=\(\n',
        f'        Column(name="{ADDED}", kind="integer", about="added by a gate", low=0, high=4),\n',
    ),
    FILE: (r"^features = \[[^\]]*?(?=,?\s*\])", f', "{ADDED}"'),
}
DAYS = 4  # of events to make features of
TREES = 5


@dataclass(frozen=True)
class Extension:
    """The files that were changed, whether the feature arrived in each place, and CPU seconds."""

    files: tuple[str, ...]
    arrived: dict[str, bool]
    seconds: float


def measure(bench: Bench) -> Extension:
    """Add a feature in a copy in the scratch folder, train a few trees with it, and look for it in all that follows."""
    times = bench.frame[bench.contract.time]
    events = excerpt(bench.contract, bench.connection, times.iloc[len(times) // 2], DAYS)
    home = bench.scratch / "extended"
    shutil.rmtree(home, ignore_errors=True)
    since = time.process_time()
    package = bench.home / "src" / bench.config.project.package
    shutil.copytree(package, home / "src" / COPY, ignore=shutil.ignore_patterns("__pycache__"))
    text = (bench.home / FILE).read_text(encoding="utf-8")
    (home / FILE).write_text(text.replace(f'package = "{package.name}"', f'package = "{COPY}"'), encoding="utf-8")
    for name, (place, text) in STEPS.items():
        insert(home / name, place, text)
    with opened(home) as extended:
        arrived = arrivals(extended, events)
    return Extension(tuple(STEPS), arrived, time.process_time() - since)


def insert(file: Path, place: str, text: str) -> None:
    """Put a text after the place that a regular expression finds; ValueError when there is no such place."""
    content = file.read_text(encoding="utf-8")
    found = re.search(place, content, re.MULTILINE)
    if not found:
        raise ValueError(f"{file.name}: no place for a feature, looked for {place}")
    file.write_text(content[: found.end()] + text + content[found.end() :], encoding="utf-8")


def arrivals(project: Project, events: duckdb.DuckDBPyConnection) -> dict[str, bool]:
    """Whether the feature is in each place of a project: the data, the bundle, the request, the log, the monitors."""
    frame, features = data.features(project, events), project.settings.model.features
    if ADDED not in features or ADDED not in frame:
        return {"settings": ADDED in features, "data": ADDED in frame}
    bundle = _bundle(project, frame)
    row = bundle.golden[0]["features"]
    reference = json.loads((bundle.folder / "reference.json").read_text(encoding="utf-8"))
    with PredictionLog(project.folder / "log.db", bundle.signature) as log:
        logged = ADDED in log.columns
    return {
        "signature": ADDED in bundle.names,
        "golden rows": ADDED in row,
        "request": _needed(bundle.signature, row),
        "monitors": ADDED in reference["features"],
        "log": logged,
    }


@contextmanager
def opened(home: Path) -> Iterator[Project]:
    """The project of the copy; its modules are forgotten afterwards."""
    try:
        yield Project.open(home)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == COPY]:
            del sys.modules[name]


def _bundle(project: Project, frame: pd.DataFrame) -> Bundle:
    spec, contract = project.settings.model.model_copy(update={"max_iter": TREES}), project.contract
    split = data.Split(*parted(contract, frame))
    pipeline = training.fit(project, split.train, spec)
    p = training.predict(pipeline, spec, split.test)
    # All of it as one block: a day of a few rows may lack one of the classes, and an AUC needs both.
    judged = evaluation.evaluate(split.test[contract.target], p, np.zeros(len(p)), draws=2)
    # Without the model tests: so few rows say nothing about slices.
    trained = training.Trained(project, pipeline, spec, split, p, judged, (), {})
    folder = project.folder / "bundle"
    folder.mkdir()
    export.write(trained, folder)
    return Bundle.load(folder)


def parted(contract: Contract, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three quarters of the labelled rows to learn from, and the last quarter to judge on.

    Not the last day: it may begin a minute before the excerpt ends.
    """
    rows = frame[frame[contract.target].notna()]
    cut = len(rows) * 3 // 4
    return rows.iloc[:cut], rows.iloc[cut:]


def _needed(signature: "Signature", row: dict[str, Any]) -> bool:
    """Whether a request with the feature is read and one without it is refused, whatever its other values are."""
    without = {name: value for name, value in row.items() if name != ADDED}
    return ADDED not in _wrong(signature, {**without, ADDED: 3}) and ADDED in _wrong(signature, without)


def _wrong(signature: "Signature", row: dict[str, Any]) -> set[str]:
    try:
        RequestReader(signature, 1).read(json.dumps(row).encode())
    except BadRequestError as error:
        return {problem.field for problem in error.problems}
    return set()
