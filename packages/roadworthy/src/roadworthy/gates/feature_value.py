"""What each feature is worth and what it costs: the quality lost without it; requests, bytes and SQL."""

import json
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from ..base import databases
from ..base.errors import ProjectError
from ..base.settings import Model
from ..bundle import bundle
from ..bundle.signature import Feature, Signature
from ..contract.schema import Contract
from ..contract.workspace import Workspace
from ..data.snapshots import thin_rows
from ..model import evaluation, training
from ..registry import export
from ..serving.request import RequestReader
from .bench import Bench, NotJudgedError, first_line, read_json
from .expectations import count_rows, event_table, takes_row
from .speed import least_micros

# AUC .71 as well, at a third of the time; whatever the specification says, for it is features that are judged here.
FEW = {"max_iter": 60, "learning_rate": 0.15, "max_leaf_nodes": 31}
FITTED = 55_000  # rows
LOOKS = (14_000, 55_000, 170_000)  # rows: most features need only the first look; in doubt, all rows are asked
DRAWS = 200
Rows = NDArray[np.float32]
ROWS = 400  # in a request
REPEATS = 7
DAYS = (5, 20)  # of the snapshot, for the SQL


@dataclass(frozen=True)
class Contributions:
    """By feature: loss (of quality when it is shuffled), low, high, rows judged. `kept`: the reasons of some.

    `what` is the quality: AUC or R2.
    """

    table: pd.DataFrame
    kept: dict[str, str]
    what: str = "AUC"


def measure_contributions(bench: Bench) -> Contributions:
    """The contribution of each feature of the specification that is not kept for another reason."""
    rows = bench.frame[bench.frame[bench.contract.target].notna()]
    # Every second day, so that both halves have all seasons.
    even = rows[bench.contract.day].isin(np.sort(rows[bench.contract.day].unique())[::2])
    reasons = bench.config.gates.kept
    evaluation.require_columns("[gates.kept]", reasons, rows.columns)
    kept = {name: reasons[name] for name in bench.spec.features if reasons.get(name, "").strip()}
    asked = [name for name in bench.spec.features if name not in kept]
    table = contribution_table(bench.project, rows[even], rows[~even], bench.spec, asked)
    return Contributions(table, kept, bench.problem.quality)


def contribution_table(
    project: Workspace, fitted: pd.DataFrame, judged: pd.DataFrame, spec: Model, asked: list[str]
) -> pd.DataFrame:
    """The table of `Contributions`: fit on some rows, look at more and more of the others while there is doubt."""
    few = {name: value for name, value in FEW.items() if name in spec.hyperparameters}
    small = spec.with_hyperparameters(few).model_copy(update={"calibration": "none"})
    try:
        pipeline = training.fit_pipeline(project, thin_rows(fitted, FITTED), small)
    except ProjectError as error:
        raise NotJudgedError(first_line(error)) from error
    options = SessionOptions()
    options.intra_op_num_threads = 1
    # Three times as fast as scikit-learn.
    session = InferenceSession(export.to_onnx(pipeline), options, providers=["CPUExecutionProvider"])
    names = [name for group in training.model_inputs(spec, project.contract.features) for name in group]
    losses: dict[str, dict[str, float]] = {}
    for count in LOOKS:
        rows = thin_rows(judged, count)
        inputs = pipeline.named_steps["encoder"].transform(rows[list(spec.features)]).astype(np.float32)
        doubtful = [name for name in asked if name not in losses or losses[name]["low"] <= 0]
        # As many rows as at the look before: there are no more of them to ask.
        if not doubtful or any(len(rows) == each["rows"] for each in losses.values()):
            break
        places = {name: names.index(name) for name in doubtful}
        losses |= _shuffle_losses(project.contract, session, inputs, rows, places)
    return pd.DataFrame.from_dict(losses, orient="index")


def _shuffle_losses(
    contract: Contract, session: InferenceSession, inputs: Rows, rows: pd.DataFrame, places: dict[str, int]
) -> dict[str, dict[str, float]]:
    """What the quality loses when the column at each place of X is shuffled, by name."""
    draw = np.random.default_rng(0)
    answers, y, day = _answers(session, inputs), rows[contract.target], rows[contract.day]
    shuffled = (_answers(session, _shuffled(inputs, place, draw)) for place in places.values())
    losses = evaluation.problem_of(contract).compare_several(y, answers, shuffled, day, draws=DRAWS)
    return {
        name: {"loss": value, "low": low, "high": high, "rows": len(rows)}
        for name, (value, low, high) in zip(places, (each.quality for each in losses), strict=True)
    }


def _answers(session: InferenceSession, inputs: Rows) -> NDArray[np.float64]:
    answers: NDArray[np.float64] = session.run(None, {"X": inputs})[0][:, 0].astype(np.float64)
    return answers


def _shuffled(inputs: Rows, place: int, draw: np.random.Generator) -> Rows:
    changed = inputs.copy()
    changed[:, place] = draw.permutation(changed[:, place])
    return changed


@dataclass(frozen=True)
class Costs:
    """By feature: micros (CPU to check and encode a value), request and bundle (bytes); and all of them in SQL."""

    table: pd.DataFrame
    sql: "SqlCosts"


@dataclass(frozen=True)
class SqlCosts:
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
    reference, described = (read_json(bench.folder / f"{name}.json")["features"] for name in ("reference", "signature"))
    costs = {}
    for feature, entry in zip(signature.features, described, strict=True):
        values = [_plain(value, feature) for value in columns[feature.name].tolist()]
        sizes = {"request": _size(values) / len(values), "bundle": _size(entry) + _size(reference.get(feature.name))}
        costs[feature.name] = {"micros": serving_costs(feature, signature, values), **sizes}
    return Costs(pd.DataFrame.from_dict(costs, orient="index"), sql_costs(bench))


def serving_costs(feature: Feature, signature: Signature, values: list[object]) -> float:
    """CPU microseconds to check one value in a request and to encode it for the model, on both ways to it."""
    reader = RequestReader(replace(signature, features=(feature,)), len(values))
    values = [value for value in values if takes_row(reader, {feature.name: value})]
    if not values:
        return float("nan")  # what serving refuses costs nothing; another gate says so
    body = json.dumps({"rows": [{feature.name: value} for value in values]}).encode()
    column = np.array(values, dtype=object if feature.kind == "category" else np.float64)
    both = (lambda: reader.read(body), lambda: feature.encode(column))
    return sum(least_micros(both, [len(values)] * 2, REPEATS))


def sql_costs(bench: Bench) -> SqlCosts:
    """What it takes to make the features of a few days, and of four times as many."""
    times = bench.frame[bench.contract.time]
    start, history = times.iloc[len(times) // 2], bench.config.gates.history_days
    few, more = (excerpt_database(bench.contract, bench.connection, start, days, history) for days in DAYS)
    touched = [_touched(bench.project, connection) for connection in (few, more)]
    table = event_table(bench.contract, more)
    join = f"select count(b) from {table.name} as a asof join {table.name} as b on a.{table.time} >= b.{table.time}"
    features = _all_features(bench.project, more)
    queries = (lambda: more.execute(features).fetchall(), lambda: more.execute(join).fetchall())
    of_features, of_join = least_micros(queries, [1, 1], 2)
    return SqlCosts(touched[1], touched[1] / touched[0], of_features / of_join)


def excerpt_database(
    contract: Contract, connection: duckdb.DuckDBPyConnection, start: pd.Timestamp, days: float, history: int
) -> duckdb.DuckDBPyConnection:
    """A database of one thread with all tables of the contract.

    Of those with a time, the days from `start` on, and as many before it as go into features.
    """
    copy = databases.empty_duckdb()
    copy.execute("set threads = 1")
    first, end = start - pd.Timedelta(days=history), start + pd.Timedelta(days=days)
    for table in contract.tables:
        where = f" where \"{table.time}\" >= '{first}' and \"{table.time}\" < '{end}'" if table.time else ""
        copy.register("part", connection.sql(f"select * from {table.name}{where}").to_arrow_table())
        copy.execute(f"create table {table.name} as select * from part")
        copy.unregister("part")
    return copy


def _all_features(project: Workspace, connection: duckdb.DuckDBPyConnection) -> str:
    made = connection.sql(project.sql("features.sql"))
    # As text, under an aggregate, so that no column can be left out.
    columns = ", ".join(f'max("{name}"::varchar)' for name in made.columns)
    return f"select {columns} from ({project.sql('features.sql')})"


def _touched(project: Workspace, connection: duckdb.DuckDBPyConnection) -> float:
    """Rows that all operators of the query hand on, for each row of its result; exact, whatever the machine does."""
    plan = json.loads(
        connection.execute(f"explain (analyze, format json) {_all_features(project, connection)}").fetchall()[0][1]
    )
    made = count_rows(connection, f"({project.sql('features.sql')})")
    return plan_rows(plan[0] if isinstance(plan, list) else plan) / max(made, 1)


def plan_rows(step: dict[str, Any]) -> int:
    """The rows that an operator of DuckDB's plan and all below it hand on."""
    below = sum(plan_rows(each) for name in ("operator", "children") for each in step.get(name, []))
    return int(step.get("intermediate_rows", step.get("operator_cardinality", 0))) + below


def _size(value: object) -> int:
    return len(json.dumps(value).encode())


def _plain(value: Any, feature: Feature) -> object:
    if value is None or value != value:  # noqa: PLR0124 - NaN is the value that differs from itself
        return None
    return int(value) if feature.kind == "integer" else value
