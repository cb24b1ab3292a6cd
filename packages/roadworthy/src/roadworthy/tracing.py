"""Trace predictions from the raw rows to the probability, each step made again from the one before it.

    raw rows -> features -> the row of X -> a leaf of each tree -> sum -> probability = the answer of the service

Which raw rows a feature comes from is domain knowledge: `trace_TABLE.sql` of the project finds them by `$keys`. The SQL
of the features is then run on these rows alone: a feature that they do not explain differs from the one that was used.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from . import data, database
from .bundle import Bundle
from .errors import InputError
from .forest import Forest, sigmoid
from .schema import Contract

if TYPE_CHECKING:
    from .project import Project

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Traced:
    """Rows by their keys, step by step: `features` one row each, `inputs` X, `leaves` (rows, trees) as node numbers.

    `probabilities` are those of the sums of the leaves, `answers` those of the service. `moved` says in log-odds how
    far each feature moved a row from the mean sum of the golden rows, which is `mean`.
    """

    features: pd.DataFrame
    inputs: NDArray[np.float32]
    forest: Forest
    leaves: NDArray[np.intp]
    margins: Floats
    probabilities: Floats
    answers: Floats
    mean: float
    moved: Floats


def raw_rows(project: "Project", connection: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> dict[str, pa.Table]:
    """The rows of each table that the features of these keys come from; a table that is not asked has none."""
    found = {}
    for table in project.contract.tables:
        name = f"trace_{table.name}.sql"
        if (project.definition.sql / name).is_file():
            relation = connection.sql(project.sql(name), params={"keys": list(keys)})
        else:
            relation = connection.sql(f'select * from "{table.name}" limit 0')
        found[table.name] = relation.to_arrow_table()
    return found


def features(project: "Project", raw: Mapping[str, pa.Table], keys: Sequence[str]) -> pd.DataFrame:
    """The features of these keys, in their order, made of some raw rows and nothing else; InputError for a lost key."""
    connection = database.empty()
    for name, table in raw.items():
        connection.register(name, table)
    frame = data.features(project, connection).set_index(project.contract.key, drop=False)
    lost = [key for key in keys if key not in frame.index]
    if lost:
        hint = f"a key is a {project.contract.key} of the snapshot; trace_*.sql of the project find its rows"
        raise InputError(f"there is no row {lost[0]!r}", where=project.contract.key, hint=hint)
    return frame.loc[list(keys)].reset_index(drop=True)


def trace(bundle: Bundle, rows: pd.DataFrame) -> Traced:
    """Follow rows of features through the model, node by node, and ask the service about them.

    InputError when the service refuses one of them.
    """
    asked = data.records(rows, bundle.names)
    forest = Forest.read(bundle.folder / "model.onnx")
    inputs = _encode(bundle, asked)
    leaves = forest.leaves(inputs)
    margins = np.asarray(forest.base + forest.weight[leaves].sum(axis=1))
    golden = _encode(bundle, [record["features"] for record in bundle.golden])
    mean = float(forest.margins(golden).mean())
    moved = forest.contributions(inputs, golden)
    answers = _ask(bundle, asked)
    return Traced(rows, inputs, forest, leaves, margins, sigmoid(margins), answers, mean, moved)


def contributions(traced: Traced, bundle: Bundle, row: int = 0) -> pd.DataFrame:
    """The features of one row with their values, what the trees see, and how far each moved it, the farthest first."""
    names = bundle.names
    values = data.records(traced.features.iloc[[row]], names)[0]
    table = {"feature": names, "value": list(values.values()), "x": traced.inputs[row], "moved": traced.moved[row]}
    return pd.DataFrame(table).sort_values("moved", key=np.abs, ascending=False, ignore_index=True)


def steps(project: "Project", connection: duckdb.DuckDBPyConnection, bundle: Bundle, key: str) -> dict[str, Any]:
    """One prediction in all its steps, ready for JSON and for the command `trace`."""
    raw = raw_rows(project, connection, [key])
    traced = trace(bundle, features(project, raw, [key]))
    trees = traced.forest.weight[traced.leaves[0]]
    loudest = np.argsort(-np.abs(trees))[:5]
    return {
        "key": key,
        "version": bundle.version,
        "raw": {name: _public(project.contract, name, table) for name, table in raw.items() if table.num_rows},
        "features": [_plain(row) for row in contributions(traced, bundle).to_dict("records")],
        "trees": [{"tree": int(i), "leaf": int(traced.leaves[0, i]), "adds": float(trees[i])} for i in loudest],
        "count": len(trees),
        "base": traced.forest.base,
        "sum": float(traced.margins[0]),
        "mean": traced.mean,
        "probability": float(traced.probabilities[0]),
        "answer": float(traced.answers[0]),
    }


def _public(contract: Contract, name: str, table: pa.Table) -> list[dict[str, Any]]:
    columns = [column.name for column in contract.table(name).columns if not column.private]
    return [_plain(row) for row in table.select(columns).to_pylist()]


def _encode(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
    """X by the letter of signature.json, not by the code that serves: that one is under judgement."""
    places = [
        {category: place for place, category in enumerate(f.categories)} if f.kind == "category" else None
        for f in bundle.signature.features
    ]
    table = [[_number(row[name], seen) for name, seen in zip(bundle.names, places, strict=True)] for row in rows]
    return np.array(table, dtype=np.float64).reshape(len(rows), len(places)).astype(np.float32)


def _number(value: Any, seen: Mapping[str, int] | None) -> float:
    if value is None or (seen is not None and value not in seen):
        return float("nan")
    return float(value if seen is None else seen[value])


def _ask(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> Floats:
    from .service.metrics import Metrics
    from .service.predictor import Predictor
    from .service.request import BadRequestError

    service = Predictor(bundle, Metrics(), None, 1)
    try:
        answers = [json.loads(service.answer(json.dumps(row).encode(), "trace")) for row in rows]
    except BadRequestError as error:
        hint = "the row has features, but no probability"
        raise InputError(f"the service refuses it: {error}", where=f"version {bundle.version}", hint=hint) from error
    return np.array([answer["probability"] for answer in answers])


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    plain = {name: getattr(value, "item", lambda v=value: v)() for name, value in row.items()}
    texts = {name: value.isoformat() for name, value in plain.items() if hasattr(value, "isoformat")}
    # JSON has no NaN.
    missing = {name: None for name, value in plain.items() if isinstance(value, float) and value != value}  # noqa: PLR0124
    return {**plain, **texts, **missing}
