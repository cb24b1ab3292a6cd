"""What each feature is worth and what it costs: the AUC lost without it; requests, bytes and SQL."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ..base import databases
from ..base.errors import ProjectError
from ..base.settings import Model
from ..bundle import bundle
from ..bundle.signature import Feature, Signature
from ..contract.schema import Contract, Table
from ..data.snapshots import thin_rows
from ..model import evaluation, training
from ..registry import export
from ..serving.request import BadRequestError, RequestReader
from .bench import Bench, NotJudgedError

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

# AUC .71 as well, at a third of the time; whatever the specification says, for it is features that are judged here.
TREES = {"max_iter": 60, "learning_rate": 0.15, "max_leaf_nodes": 31}
FITTED = 55_000  # rows
LOOKS = (14_000, 55_000, 170_000)  # rows: most features need only the first look; in doubt, all rows are asked
DRAWS = 200
Rows = NDArray[np.float32]
ROWS = 400  # in a request
REPEATS = 7
DAYS = (5, 20)  # of the snapshot, for the SQL
MICRO = 1e6


def excerpt_database(
    contract: Contract, connection: duckdb.DuckDBPyConnection, start: pd.Timestamp, days: float
) -> duckdb.DuckDBPyConnection:
    """A database of one thread with all tables of the contract; of those with a time, the days from `start` on."""
    copy = databases.empty_duckdb()
    copy.execute("set threads = 1")
    end = start + pd.Timedelta(days=days)
    for table in contract.tables:
        part = f" where \"{table.time}\" >= '{start}' and \"{table.time}\" < '{end}'" if table.time else ""
        copy.register("given", connection.sql(f"select * from {table.name}{part}").to_arrow_table())
        copy.execute(f"create table {table.name} as select * from given")
        copy.unregister("given")
    return copy


@dataclass(frozen=True)
class Contributions:
    """By feature: auc (the loss when it is shuffled), auc_low, auc_high, rows judged. `kept`: the reasons of some."""

    table: pd.DataFrame
    kept: dict[str, str]


def measure_contributions(bench: Bench) -> Contributions:
    """The contribution of each feature of the specification that is not kept for another reason."""
    rows = bench.frame[bench.frame[bench.contract.target].notna()]
    even = rows[bench.contract.day].isin(np.sort(rows[bench.contract.day].unique())[::2])
    reasons = bench.config.gates.kept
    kept = {name: reasons[name] for name in bench.spec.features if reasons.get(name, "").strip()}
    asked = [name for name in bench.spec.features if name not in kept]
    return Contributions(contribution_table(bench.project, rows[even], rows[~even], bench.spec, asked), kept)


def contribution_table(
    project: "Workspace", fitted: pd.DataFrame, judged: pd.DataFrame, spec: Model, asked: list[str]
) -> pd.DataFrame:
    """The table of `Contributions`: fit on some rows, look at more and more of the others while there is doubt."""
    small = spec.model_copy(update=TREES)
    try:
        pipeline = training.fit_pipeline(project, thin_rows(fitted, FITTED), small)
    except ProjectError as error:
        raise NotJudgedError(str(error).splitlines()[0]) from error
    answer = _runtime(pipeline)
    names = [name for group in training.model_inputs(spec, project.contract.features) for name in group]
    found: dict[str, dict[str, float]] = {}
    for look in LOOKS:
        rows = thin_rows(judged, look)
        inputs = pipeline.named_steps["encoder"].transform(rows[list(spec.features)]).astype(np.float32)
        doubtful = [name for name in asked if name not in found or found[name]["auc_low"] <= 0]
        if not doubtful or any(len(rows) == each["rows"] for each in found.values()):
            break
        found |= _look(project.contract, answer, inputs, rows, {name: names.index(name) for name in doubtful})
    return pd.DataFrame.from_dict(found, orient="index")


def _look(
    contract: Contract,
    answer: Callable[[Rows], NDArray[np.float64]],
    inputs: Rows,
    rows: pd.DataFrame,
    places: dict[str, int],
) -> dict[str, dict[str, float]]:
    draw = np.random.default_rng(0)
    shuffled = (answer(_shuffled(inputs, place, draw)) for place in places.values())
    losses = evaluation.compare_several(
        rows[contract.target], answer(inputs), shuffled, rows[contract.day], draws=DRAWS
    )
    return {
        name: {"auc": loss.auc, "auc_low": loss.auc_low, "auc_high": loss.auc_high, "rows": len(rows)}
        for name, loss in zip(places, losses, strict=True)
    }


def _shuffled(inputs: Rows, place: int, draw: np.random.Generator) -> Rows:
    changed = inputs.copy()
    changed[:, place] = draw.permutation(changed[:, place])
    return changed


def _runtime(pipeline: Pipeline) -> Callable[[Rows], NDArray[np.float64]]:
    """The trees as serving runs them: three times as fast as scikit-learn."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(export.to_onnx(pipeline), options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(["probabilities"], {"X": inputs})[0][:, 0].astype(np.float64)


@dataclass(frozen=True)
class Costs:
    """By feature: micros (CPU to check and encode a value), request and bundle (bytes); and all of them in SQL."""

    table: pd.DataFrame
    making: "Making"


@dataclass(frozen=True)
class Making:
    """What the SQL of all features costs, for each event.

    touched: rows that its operators hand on; growth: by how much more that is with four times the data; joins: CPU time
    in as-of joins of the events with themselves.
    """

    touched: float
    growth: float
    joins: float


def measure_feature_costs(bench: Bench) -> Costs:
    """Costs of the version under judgement, on rows of the test period."""
    signature = bench.bundle.signature
    rows = thin_rows(bench.test, ROWS).head(ROWS)
    columns = bundle.frame_columns(rows, signature.names)
    reference = json.loads((bench.folder / "reference.json").read_text(encoding="utf-8"))["features"]
    described = json.loads((bench.folder / "signature.json").read_text(encoding="utf-8"))["features"]
    found = {}
    for feature, said in zip(signature.features, described, strict=True):
        values = [_plain(value, feature) for value in columns[feature.name].tolist()]
        sizes = {"request": _size(values) / len(values), "bundle": _size(said) + _size(reference.get(feature.name))}
        found[feature.name] = {"micros": serving_costs(feature, signature, values), **sizes}
    return Costs(pd.DataFrame.from_dict(found, orient="index"), sql_costs(bench))


def serving_costs(feature: Feature, signature: Signature, values: list[object]) -> float:
    """CPU microseconds to check one value in a request and to encode it for the model, on both ways to it."""
    reader = RequestReader(replace(signature, features=(feature,)), len(values))
    values = [value for value in values if _readable(reader, {feature.name: value})]
    if not values:
        return float("nan")  # what serving refuses costs nothing; another gate says so
    body = json.dumps({"rows": [{feature.name: value} for value in values]}).encode()
    column = np.array(values, dtype=object if feature.kind == "category" else np.float64)
    return (
        (least_seconds(lambda: reader.read(body)) + least_seconds(lambda: feature.encode(column))) / len(values) * MICRO
    )


def _readable(reader: RequestReader, row: dict[str, object]) -> bool:
    try:
        reader.read(json.dumps(row).encode())
    except BadRequestError:
        return False
    return True


def sql_costs(bench: Bench) -> Making:
    """What it takes to make the features of a few days, and of four times as many."""
    times = bench.frame[bench.contract.time]
    few, more = (excerpt_database(bench.contract, bench.connection, times.iloc[len(times) // 2], days) for days in DAYS)
    touched = [_touched(bench.project, connection) for connection in (few, more)]
    table = _events(bench.contract, more)
    join = f"select count(b) from {table.name} as a asof join {table.name} as b on a.{table.time} >= b.{table.time}"
    joins = least_seconds(lambda: more.execute(_all_features(bench.project, more)).fetchall(), 2) / least_seconds(
        lambda: more.execute(join).fetchall(), 3
    )
    return Making(touched[1], touched[1] / touched[0], joins)


def _events(contract: Contract, connection: duckdb.DuckDBPyConnection) -> Table:
    """The largest table: that of the events for which features are made."""
    return max(contract.tables, key=lambda table: _count(connection, table.name))


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    return int(connection.execute(f"select count(*) from {name}").fetchall()[0][0])


def _all_features(project: "Workspace", connection: duckdb.DuckDBPyConnection) -> str:
    made = connection.sql(project.sql("features.sql"))
    # As text, under an aggregate, so that no column can be left out.
    columns = ", ".join(f'max("{name}"::varchar)' for name in made.columns)
    return f"select {columns} from ({project.sql('features.sql')})"


def _touched(project: "Workspace", connection: duckdb.DuckDBPyConnection) -> float:
    """Rows that all operators of the query hand on, for each row of its result; exact, whatever the machine does."""
    plan = json.loads(
        connection.execute(f"explain (analyze, format json) {_all_features(project, connection)}").fetchall()[0][1]
    )
    made = _count(connection, f"({project.sql('features.sql')})")
    return rows_of(plan[0] if isinstance(plan, list) else plan) / max(made, 1)


def rows_of(step: dict[str, Any]) -> int:
    """The rows that an operator of DuckDB's plan and all below it hand on."""
    below = sum(rows_of(each) for name in ("operator", "children") for each in step.get(name, []))
    return int(step.get("intermediate_rows", step.get("operator_cardinality", 0))) + below


def _size(value: object) -> int:
    return len(json.dumps(value).encode())


def _plain(value: Any, feature: Feature) -> object:
    if value is None or value != value:  # noqa: PLR0124 - NaN is the value that differs from itself
        return None
    return int(value) if feature.kind == "integer" else value


def least_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """CPU seconds of the fastest of several repeats: what it costs when nothing else disturbs."""
    times = []
    for _ in range(repeats):
        since = time.process_time()
        work()
        times.append(time.process_time() - since)
    return min(times)
