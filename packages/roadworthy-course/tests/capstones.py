"""A small project of somebody else's data in which every automatic item of the capstone is right, for planting faults.

What the commands would have written is written here by hand, in the form in which they write it.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.base import errors
from roadworthy.bundle.signature import Signature
from roadworthy.data import snapshots
from roadworthy.gates.run import GATES
from roadworthy.monitoring.log import PredictionLog
from roadworthy.registry.registry import Registry
from roadworthy.retraining.decisions import Decisions
from roadworthy_course.project import NOTE, Project
from small import SIGNATURE, rows, write_bundle

CONFIG = """
[project]
package = "shop"
[data]
snapshot = "year"
[data.snapshots.year]
folder = "data/year"
[data.checks]
max_quarantined = 0.01
[split]
train = ["2024-01-01", "2024-07-01"]
test = ["2024-07-01", "2025-01-01"]
[retraining]
snapshots = ["year"]
train = ["2024-01-01", "2024-10-01"]
test = ["2024-10-01", "2025-01-01"]
[model]
name = "shop"
features = ["shelf"]
max_iter = 10
learning_rate = 0.1
max_leaf_nodes = 4
seed = 0
threshold = 0.5
[tests]
slices = ["shelf"]
min_auc_slice = 0.5
max_invariance = 0.1
[gates]
max_age_days = 100
[service]
[monitoring]
max_psi = 0.2
max_unseen = 0.01
[paths]
registry = "registry"
runs = "runs"
reports = "reports"
tracking = "tracking/mlflow.db"
predictions = "monitoring/predictions.db"
cache = "cache"
"""
PACKAGE = """
from pathlib import Path

import roadworthy as rw

from .contract import CONTRACT

PROJECT = rw.Definition(
    contract=CONTRACT, sql=Path(__file__).parent, model="shop.model:build", search="shop.model:SEARCH"
)
"""
CONTRACT = """
from roadworthy import Column, Contract, Table

SHELF = Column(name="shelf", kind="category", about="where it stands", pattern="^[A-Z][0-9]$")
SALES = Table(
    name="sales",
    columns=(
        SHELF,
        Column(name="price", kind="number", about="on the label", unit="EUR", low=0, high=1000),
        Column(name="at", kind="time", about="of the sale"),
        Column(name="back", kind="boolean", about="returned", known="after", known_at="at + interval 14 day"),
    ),
    key=("at",),
)
FEATURES = Table(
    name="features",
    columns=(
        Column(name="sale", kind="text", about="number of the sale", pattern="^[0-9]+$"),
        Column(name="as_of", kind="time", about="of the sale"),
        Column(name="day", kind="date", about="of the sale"),
        SHELF,
        Column(name="returned", kind="boolean", about="brought back within two weeks", known="after"),
        Column(name="known_at", kind="time", about="two weeks later", known="after"),
    ),
    key=("sale",),
)
CONTRACT = Contract(
    tables=(SALES,), features=FEATURES, key="sale", time="as_of", day="day", target="returned", known_at="known_at"
)
"""
METRICS = {"days": 180, "base_rate": 0.2, "auc": 0.7, "auc_low": 0.66, "auc_high": 0.74}
METRICS |= {"brier": 0.14, "brier_low": 0.13, "brier_high": 0.15}
ALARM = {"gate": "nulls: shelf", "passed": False, "evidence": "3%"}
SECTION = "## {}\n\nIt is said so that whoever was not there understands what was done, in which order, and why.\n\n"
HEADINGS = ("The question", "Red gates and alarms")
TESTS = '<testsuites><testsuite name="pytest" errors="0" failures="0" skipped="1" tests="12"></testsuite></testsuites>'
SALES = pa.table(
    {
        "shelf": ["A1", "B2"],
        "price": [1.0, 2.0],
        "at": pa.array([datetime(2024, 1, 1), datetime(2024, 1, 2)]),  # noqa: DTZ001 - a column without a zone
        "back": [True, False],
    }
)


def complete(home: Path, bundle: dict[str, bytes]) -> Path:
    """Write a project into `home` that lacks nothing; `bundle` are the files of a bundle that answers."""
    write(home / "config.toml", CONFIG)
    write(home / "src" / "shop" / "__init__.py", PACKAGE)
    write(home / "src" / "shop" / "contract.py", CONTRACT)
    write(home / "README.md", "Which sale is brought back, from the sales of a year.")
    write(home / NOTE, "# Note\n\n" + "".join(map(SECTION.format, HEADINGS)) + "Model 5 is red, and nulls ring.\n")
    snapshot(home)
    project = Project(home)
    registered(home, project, bundle)
    reported(home, project)
    return home


def snapshot(home: Path, table: pa.Table = SALES) -> None:
    """Write and seal the data."""
    folder = home / "data" / "year"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "sales.parquet")
    snapshots.seal_snapshot(folder)


def registered(home: Path, project: Project, bundle: dict[str, bytes]) -> None:
    """Write a version, what the gates said of it, a decision with its card, and answers of the service."""
    files = {**bundle, "metrics.json": json.dumps(METRICS).encode()}
    write_bundle(home / "registry" / "versions" / "1", files)
    periods = {"train": ["2024-01-01", "2024-07-01"], "test": ["2024-07-01", "2025-01-01"]}
    sums = {"year": snapshots.recorded_sums(home / "data" / "year")}
    change(
        home / "registry" / "versions" / "1" / "manifest.json",
        lineage={"data": sums, "contract": project.contract["sha256"], "periods": periods},
    )
    registry = Registry(home / "registry")
    registry.judge(1, [errors.Verdict(gate.name, gate.name != "Model 5", "") for gate in GATES])
    record = Decisions(registry.folder).begin({"champion": 1})
    record.finish("gates", {"by": "all_gates", "verdicts": []})
    record.close(promoted=False, reason="no better")
    write(record.folder / "card.json", json.dumps({"version": 1, "use": {"limits": ["until spring"]}}))
    answered(home)


def answered(home: Path, count: int = 120, labels: int = 30) -> None:
    """Write a prediction log of version 1."""
    table, signature = rows(count), Signature.parse(json.dumps(SIGNATURE))
    keys = list(map(str, range(count)))
    columns: dict[str, Any] = {name: [row.get(name) for row in table] for name in signature.names}
    when = datetime(2024, 8, 1)  # noqa: DTZ001 - the log takes it as UTC
    head = {"key": keys, "time": when, "version": "1", "probability": [0.5] * count}
    place = home / "monitoring" / "predictions.db"
    place.parent.mkdir(parents=True, exist_ok=True)
    with PredictionLog(place, signature) as log:
        log.append({**columns, **head, "decision": [1] * count})
        log.append_labels(keys[:labels], [1] * labels, [when] * labels)


def reported(home: Path, project: Project) -> None:
    """Write the reports of `check`, `monitor`, `drill` and of the tests."""
    finding = {"table": "sales", "check": "rows", "passed": True, "rows": 0, "evidence": ""}
    checked = {"name": "year", "contract": project.contract["sha256"], "passed": True, "findings": [finding]}
    folder = home / "reports"
    write(folder / "data" / "year" / "index.json", json.dumps(checked))
    verdicts = [ALARM, {**ALARM, "gate": "auc", "passed": None}]
    write(folder / "monitoring" / "index.json", json.dumps({"about": "", "passed": False, "verdicts": verdicts}))
    write(folder / "scorecard" / "drills.json", json.dumps([{"fault": "shelves renamed", "caught": 1}]))
    write(folder / "tests.xml", TESTS)


def write(path: Path, text: str) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def change(path: Path, **values: object) -> None:
    """Change values of a JSON file."""
    write(path, json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}))


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text that stands in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    write(path, text.replace(old, new))
