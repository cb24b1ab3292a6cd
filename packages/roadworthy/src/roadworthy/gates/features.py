"""The SQL of the features: no knowledge of the future, a feature added as the README says, and worked examples."""

import json
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base import databases
from ..base.settings import FILE
from ..bundle.bundle import Bundle
from ..bundle.signature import Signature
from ..contract import rules
from ..contract.schema import MODELLED, Contract, Table
from ..contract.workspace import Workspace
from ..data import snapshots
from ..model import evaluation, training
from ..monitoring.log import PredictionLog
from ..registry import export
from ..serving.request import BadRequestError, RequestReader
from .bench import Bench, read_json
from .feature_value import excerpt_database

FOLDER = Path("tests", "feature_examples")
EXPECTED = "expected.csv"
MOMENTS = 4
BEFORE, AFTER = 3, 2  # days; a longer memory is cut in both
RECENT = pd.Timedelta(minutes=30)  # of older events, what came after them may have been known by the moment
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
DAYS = 4  # of events to make features of, or as many as hold both classes
TREES = 5


@dataclass
class FutureLeakage:
    """How many recent events were compared (`rows`), how many are missing, and by feature how many differ."""

    rows: int = 0
    missing: int = 0
    changed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Requirements:
    """Why features may not be features, by name; raw columns that are known afterwards, without saying since when."""

    features: int
    wrong: dict[str, str]
    undated: tuple[str, ...]
    leakage: FutureLeakage


def measure_requirements(bench: Bench) -> Requirements:
    """Judge the specification by the contract, and what features know at moments all over the snapshot."""
    undated = (
        f"{t.name}.{c.name}" for t in bench.contract.tables for c in t.columns if c.known == "after" and not c.known_at
    )
    wrong = {name: why for name in bench.spec.features if (why := why_forbidden(bench.contract, name))}
    times, leakage = bench.frame[bench.contract.time], FutureLeakage()
    for i in range(MOMENTS):
        # In the order of time: where there are more events, there are more moments.
        moment = times.iloc[len(times) * (2 * i + 1) // (2 * MOMENTS)]
        add_leakage(bench.project, bench.connection, moment, leakage)
    return Requirements(len(bench.spec.features), wrong, tuple(undated), leakage)


def why_forbidden(contract: Contract, name: str) -> str:
    """Why a column may not be a feature, by the contract; empty when it may."""
    column = {each.name: each for each in contract.features.columns}.get(name)
    if not column:
        return "not in the contract"
    if name in {contract.key, contract.time, contract.day, contract.target, contract.known_at}:
        return "identifies or labels a row"
    if column.private:
        return "private"
    if column.known == "after":
        return "known only afterwards"
    return "" if column.kind in MODELLED else f"of kind {column.kind}"


def add_leakage(
    project: Workspace, connection: duckdb.DuckDBPyConnection, moment: pd.Timestamp, leakage: FutureLeakage
) -> None:
    """Add to `leakage` what the features of the events just before a moment have seen of what came after it."""
    before = max(BEFORE, project.settings.gates.history_days)
    tables = excerpt_database(project.contract, connection, moment, AFTER, before)
    later = _recent(project, tables, moment)
    for table in project.contract.tables:
        forget_later(tables, table, moment)
    then = _recent(project, tables, moment)
    leakage.missing += len(later.index.difference(then.index)) + len(then) - then.index.nunique()
    both = later.index.intersection(then.index[~then.index.duplicated()])
    leakage.rows += len(both)
    for name in later.columns:
        leakage.changed[name] += int((~_equal(later.loc[both, name], then.loc[both, name])).sum())


def forget_later(tables: duckdb.DuckDBPyConnection, table: Table, moment: pd.Timestamp) -> None:
    """Take out of a table what was not known at a moment: rows that came later, values of columns that came later."""
    known = f"<= '{moment}'"
    hidden = (
        f'case when ({c.known_at}) {known} then "{c.name}" end as "{c.name}"' for c in table.columns if c.known_at
    )
    changes = ", ".join(hidden)
    replaced = f" replace ({changes})" if changes else ""
    where = f" where ({table.known_at}) {known}" if table.known_at else ""
    tables.execute(f"create or replace table {table.name} as select *{replaced} from {table.name}{where}")


def _recent(project: Workspace, tables: duckdb.DuckDBPyConnection, moment: pd.Timestamp) -> pd.DataFrame:
    """The features of the events just before a moment that are known before by the contract, by the key."""
    time = project.contract.time
    within = {"moment": moment.to_pydatetime(), "since": (moment - RECENT).to_pydatetime()}
    made = snapshots.make_features(project, tables, f"{time} <= $moment and {time} > $since", **within)
    after = {column.name for column in project.contract.features.columns if column.known == "after"}
    return made.set_index(project.contract.key).drop(columns=after & set(made.columns))


def _equal(one: pd.Series, two: pd.Series) -> NDArray[np.bool_]:
    """Where two columns of the same rows are equal, (rows,); missing is equal to missing."""
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(two):
        return np.isclose(one.astype("float64"), two.astype("float64"), equal_nan=True)
    return ((one.astype(object) == two.astype(object)) | (one.isna() & two.isna())).to_numpy(dtype=bool)


@dataclass(frozen=True)
class AddedFeature:
    """The files that were changed, whether the feature arrived in each place, and CPU seconds."""

    files: tuple[str, ...]
    arrived: dict[str, bool]
    seconds: float


def measure_added_feature(bench: Bench) -> AddedFeature:
    """Add a feature in a copy in the scratch folder, train a few trees with it, and look for it in all that follows."""
    times = bench.frame[bench.contract.time]
    start = times.iloc[len(times) // 2]
    days, history = days_of_both_classes(bench, start), bench.config.gates.history_days
    events = excerpt_database(bench.contract, bench.connection, start, days, history)
    home = bench.scratch / "extended"
    shutil.rmtree(home, ignore_errors=True)
    since = time.process_time()
    package = bench.home / "src" / bench.config.project.package
    shutil.copytree(package, home / "src" / COPY, ignore=shutil.ignore_patterns("__pycache__"))
    text = (bench.home / FILE).read_text(encoding="utf-8")
    (home / FILE).write_text(text.replace(f'package = "{package.name}"', f'package = "{COPY}"'), encoding="utf-8")
    for name, (place, text) in STEPS.items():
        insert_text(home / name, place, text)
    with open_copy(home) as extended:
        arrived = feature_arrivals(extended, events)
    return AddedFeature(tuple(STEPS), arrived, time.process_time() - since)


def days_of_both_classes(bench: Bench, start: pd.Timestamp) -> int:
    """How many days from `start` on hold both classes to learn from and to judge on; all that there are, if none do."""
    frame, days = bench.frame, DAYS
    times = frame[bench.contract.time]
    while start + pd.Timedelta(days=days) <= times.max():
        events = frame[(times >= start) & (times < start + pd.Timedelta(days=days))]
        if all(len(part[bench.contract.target].unique()) > 1 for part in split_labelled(bench.contract, events)):
            break
        days *= 2
    return days


def insert_text(file: Path, place: str, text: str) -> None:
    """Put a text after the place that a regular expression finds; ValueError when there is no such place."""
    content = file.read_text(encoding="utf-8")
    match = re.search(place, content, re.MULTILINE)
    if not match:
        raise ValueError(f"{file.name}: no place for a feature, looked for {place}")
    file.write_text(content[: match.end()] + text + content[match.end() :], encoding="utf-8")


def feature_arrivals(project: Workspace, events: duckdb.DuckDBPyConnection) -> dict[str, bool]:
    """Whether the feature is in each place of a project: the data, the bundle, the request, the log, the monitors."""
    frame, features = snapshots.make_features(project, events), project.settings.model.features
    if ADDED not in features or ADDED not in frame:
        return {"settings": ADDED in features, "data": ADDED in frame}
    bundle = _small_bundle(project, frame)
    row = bundle.golden[0]["features"]
    with PredictionLog(project.folder / "log.db", bundle.signature) as log:
        logged = ADDED in log.columns
    return {
        "signature": ADDED in bundle.names,
        "golden rows": ADDED in row,
        "request": _required(bundle.signature, row),
        "monitors": ADDED in read_json(bundle.folder / "reference.json")["features"],
        "log": logged,
    }


@contextmanager
def open_copy(home: Path) -> Iterator[Workspace]:
    """The project of the copy; its modules are forgotten afterwards."""
    try:
        yield Workspace.open(home)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == COPY]:
            del sys.modules[name]


def _small_bundle(project: Workspace, frame: pd.DataFrame) -> Bundle:
    spec, contract = project.settings.model.with_fewer_trees(TREES), project.contract
    split = snapshots.Split(*split_labelled(contract, frame))
    pipeline = training.fit_pipeline(project, split.train, spec)
    p = training.predict(pipeline, spec, split.test)
    # All of it as one block: a day of a few rows may lack one of the classes, and an AUC needs both.
    judged = evaluation.problem_of(contract).evaluate(split.test[contract.target], p, np.zeros(len(p)), draws=2)
    # Without the model tests: so few rows say nothing about slices.
    trained = training.Trained(project, pipeline, spec, split, p, judged, (), {})
    folder = project.folder / "bundle"
    folder.mkdir()
    export.write_bundle(trained, folder)
    return Bundle.load(folder)


def split_labelled(contract: Contract, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three quarters of the labelled rows to learn from, and the last quarter to judge on.

    Not the last day: it may begin a minute before the excerpt ends.
    """
    rows = frame[frame[contract.target].notna()]
    cut = len(rows) * 3 // 4
    return rows.iloc[:cut], rows.iloc[cut:]


def _required(signature: Signature, row: dict[str, Any]) -> bool:
    """Whether a request with the feature is read and one without it is refused, whatever its other values are."""
    without = {name: value for name, value in row.items() if name != ADDED}
    return ADDED not in _refused_fields(signature, {**without, ADDED: 3}) and ADDED in _refused_fields(
        signature, without
    )


def _refused_fields(signature: Signature, row: dict[str, Any]) -> set[str]:
    try:
        RequestReader(signature, 1).read(json.dumps(row).encode())
    except BadRequestError as error:
        return {problem.field for problem in error.problems}
    return set()


@dataclass(frozen=True)
class WorkedExamples:
    """How many examples there are, and what is wrong.

    untested: features (and the target) that the examples do not show with two different values. different: by column,
    the first example that comes out otherwise. missing, extra: rows that do not come out, rows that should not.
    """

    rows: int
    columns: int
    untested: tuple[str, ...]
    different: dict[str, str]
    missing: int
    extra: int


def measure_worked_examples(bench: Bench) -> WorkedExamples:
    """Run features.sql on the examples of the project."""
    folder = bench.home / FOLDER
    expected = read_example(folder / EXPECTED, bench.contract.features)
    made = example_features(bench.project, folder)
    names = [*bench.spec.features, bench.contract.target]
    shown = [name for name in expected.columns if len(expected[name].dropna().unique()) > 1]
    return compare_worked_examples(bench.contract, made, expected, tuple(name for name in names if name not in shown))


def compare_worked_examples(
    contract: Contract, made: pd.DataFrame, expected: pd.DataFrame, untested: tuple[str, ...] = ()
) -> WorkedExamples:
    """Every value of every expected column, row by row: rows are matched by the key."""
    expected, made = (rows.set_index(contract.key) for rows in (expected, made))
    missing = expected.index.difference(made.index)
    extra = len(made) - len(expected.index.intersection(made.index))
    both = [key for key in expected.index if key in made.index]
    once = made[~made.index.duplicated()]
    differences = {str(name): _first_difference(expected.loc[both], once.loc[both], str(name)) for name in expected}
    different = {name: difference for name, difference in differences.items() if difference}
    return WorkedExamples(len(expected), len(expected.columns), untested, different, len(missing), extra)


def read_example(file: Path, table: Table) -> pd.DataFrame:
    """A CSV file as the table of the contract, empty values missing; columns that it has not are left out."""
    with databases.empty_duckdb() as connection:
        return databases.to_frame(_typed(connection, file, table))


def example_features(project: Workspace, folder: Path) -> pd.DataFrame:
    """The features of the tables in a folder of CSV files."""
    with databases.empty_duckdb() as connection:
        for table in project.contract.tables:
            _typed(connection, folder / f"{table.name}.csv", table).create(table.name)
        return snapshots.with_steps(project, databases.to_frame(connection.sql(project.sql("features.sql"))))


def _typed(connection: duckdb.DuckDBPyConnection, file: Path, table: Table) -> duckdb.DuckDBPyRelation:
    relation = connection.read_csv(str(file), all_varchar=True, header=True)
    columns = [column for column in table.columns if column.name in relation.columns]
    return relation.project(", ".join(f'cast("{c.name}" as {rules.SQL_TYPES[c.kind]}) as "{c.name}"' for c in columns))


def _first_difference(expected: pd.DataFrame, made: pd.DataFrame, name: str) -> str:
    """The first row in which a column differs, in words; empty when there is none."""
    if name not in made:
        return "not made"
    different = np.flatnonzero(~_equal(expected[name], made[name]))
    if not len(different):
        return ""
    row = int(different[0])
    return f"{expected.index[row]} is {made[name].iloc[row]}, expected {expected[name].iloc[row]}"
