"""Trace predictions from raw rows through the trees to the probability, each step made again from the one before."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ..base import databases
from ..base.errors import InputError
from ..bundle.bundle import Bundle
from ..contract.schema import Contract
from ..data import snapshots
from .predictor import Metrics, Predictor
from .request import BadRequestError

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

Indices = NDArray[np.intp]
HINT = "only gradient boosted trees for two classes, as the command `train` exports them, can be followed"
LEAF = b"LEAF"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Forest:
    """Nodes of all trees in one row of arrays (nodes,); `yes` and `no` are the next nodes, a leaf leads to itself.

    A row goes to `yes` when its value is at most the threshold, and a missing value when `missing_yes`. `weight` is
    what a leaf adds to the sum (log-odds); `base` is where the sum begins.
    """

    feature: Indices
    threshold: NDArray[np.float32]
    yes: Indices
    no: Indices
    missing_yes: NDArray[np.bool_]
    weight: Floats
    roots: Indices
    base: float

    @classmethod
    def read(cls, path: Path) -> "Forest":
        """The trees of a model.onnx; InputError when it holds something else."""
        trees, others = _tree_nodes(path)
        if len(trees) != 1:
            raise InputError(f"holds {len(trees)} tree ensembles", where=path, hint=HINT)
        attributes = _attributes(trees[0])
        # A classifier that skl2onnx converted has the logistic function inside, other models have it behind the trees.
        ends = [attributes.get("post_transform", b"").decode(), *others]
        modes = set(attributes["nodes_modes"])
        known = ends in (["LOGISTIC"], ["", "Sigmoid"]) and modes <= {b"BRANCH_LEQ", LEAF}
        if not known or len(attributes["base_values"]) != 1:
            raise InputError(f"has {ends} of {sorted(modes)}", where=path, hint=HINT)
        return cls(**_arrays(attributes), base=float(attributes["base_values"][0]))

    def leaves(self, inputs: NDArray[np.float32]) -> Indices:
        """The leaf that each row of X reaches in each tree, (rows, trees)."""
        return self._walk(inputs)[-1]

    def margins(self, inputs: NDArray[np.float32]) -> Floats:
        """The sum of each row of X, (rows,): the base and the weights of its leaves, in log-odds."""
        return np.asarray(self.base + self.weight[self.leaves(inputs)].sum(axis=1))

    def values(self, background: NDArray[np.float32]) -> Floats:
        """What a row adds from each node on, on average over the background rows of X that pass it, (nodes,).

        Where none passes, the mean of both ways.
        """
        passed = np.bincount(self.leaves(background).ravel(), minlength=len(self.weight)).astype(float)
        total, value = passed * self.weight, self.weight.copy()
        # A node stands before those that follow it (`read` puts them so), hence from the last to the first.
        for node in range(len(value) - 1, -1, -1):
            yes, no = self.yes[node], self.no[node]
            if yes != node:
                passed[node], total[node] = passed[yes] + passed[no], total[yes] + total[no]
                value[node] = total[node] / passed[node] if passed[node] else (value[yes] + value[no]) / 2
        return value

    def contributions(self, inputs: NDArray[np.float32], background: NDArray[np.float32]) -> Floats:
        """How far each feature moved each row's sum, (rows, features), in log-odds, against the background rows.

        Along the path the expected sum changes from node to node; each change belongs to the feature that was asked
        (Saabas 2014). Together with the mean sum of the background they are the row's sum.
        """
        values, moved = self.values(background), np.zeros(inputs.shape)
        rows = np.arange(len(inputs))[:, None]
        steps = self._walk(inputs)
        for here, there in pairwise(steps):
            # With += a feature that several trees ask at this step would be counted once.
            np.add.at(moved, (rows, self.feature[here]), values[there] - values[here])
        return moved

    def _walk(self, inputs: NDArray[np.float32]) -> list[Indices]:
        rows = np.arange(len(inputs))[:, None]
        steps = [np.tile(self.roots, (len(inputs), 1))]
        while True:
            here = steps[-1]
            values = inputs[rows, self.feature[here]]
            yes = np.where(np.isnan(values), self.missing_yes[here], values <= self.threshold[here])
            there = np.where(yes, self.yes[here], self.no[here])
            if np.array_equal(there, here):
                return steps
            steps.append(there)


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


def prediction_steps(
    project: "Workspace", connection: duckdb.DuckDBPyConnection, bundle: Bundle, key: str
) -> dict[str, Any]:
    """One prediction in all its steps, ready for JSON and for the command `trace`."""
    raw = raw_rows(project, connection, [key])
    traced = trace_predictions(bundle, features_of_keys(project, raw, [key]))
    trees = traced.forest.weight[traced.leaves[0]]
    largest = np.argsort(-np.abs(trees))[:5]
    return {
        "key": key,
        "version": bundle.version,
        "raw": {name: _public(project.contract, name, table) for name, table in raw.items() if table.num_rows},
        "features": [_plain(row) for row in contributions_of(traced, bundle).to_dict("records")],
        "trees": [{"tree": int(i), "leaf": int(traced.leaves[0, i]), "adds": float(trees[i])} for i in largest],
        "count": len(trees),
        "base": traced.forest.base,
        "sum": float(traced.margins[0]),
        "mean": traced.mean,
        "probability": float(traced.probabilities[0]),
        "answer": float(traced.answers[0]),
    }


def raw_rows(project: "Workspace", connection: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> dict[str, pa.Table]:
    """The rows of each table that the features of these keys come from; a table that is not asked has none."""
    tables = {}
    for table in project.contract.tables:
        name = f"trace_{table.name}.sql"
        if (project.definition.sql / name).is_file():
            relation = connection.sql(project.sql(name), params={"keys": list(keys)})
        else:
            relation = connection.sql(f'select * from "{table.name}" limit 0')
        tables[table.name] = relation.to_arrow_table()
    return tables


def features_of_keys(project: "Workspace", raw: Mapping[str, pa.Table], keys: Sequence[str]) -> pd.DataFrame:
    """The features of these keys, in their order, made of some raw rows and nothing else; InputError for a lost key."""
    connection = databases.empty_duckdb()
    for name, table in raw.items():
        connection.register(name, table)
    frame = snapshots.make_features(project, connection).set_index(project.contract.key, drop=False)
    lost = [key for key in keys if key not in frame.index]
    if lost:
        hint = f"a key is a {project.contract.key} of the snapshot; trace_*.sql of the project find its rows"
        raise InputError(f"there is no row {lost[0]!r}", where=project.contract.key, hint=hint)
    return frame.loc[list(keys)].reset_index(drop=True)


def trace_predictions(bundle: Bundle, rows: pd.DataFrame) -> Traced:
    """Follow rows of features through the model, node by node, and ask the service about them.

    InputError when the service refuses one of them.
    """
    records = databases.plain_records(rows, bundle.names)
    forest = Forest.read(bundle.folder / "model.onnx")
    inputs = _encode(bundle, records)
    leaves = forest.leaves(inputs)
    margins = forest.margins(inputs)
    golden = _encode(bundle, [record["features"] for record in bundle.golden])
    mean = float(forest.margins(golden).mean())
    moved = forest.contributions(inputs, golden)
    answers = _answers(bundle, records)
    return Traced(rows, inputs, forest, leaves, margins, sigmoid(margins), answers, mean, moved)


def contributions_of(traced: Traced, bundle: Bundle, row: int = 0) -> pd.DataFrame:
    """The features of one row with their values, what the trees see, and how far each moved it, the farthest first."""
    names = bundle.names
    values = databases.plain_records(traced.features.iloc[[row]], names)[0]
    table = {"feature": names, "value": list(values.values()), "x": traced.inputs[row], "moved": traced.moved[row]}
    return pd.DataFrame(table).sort_values("moved", key=np.abs, ascending=False, ignore_index=True)


def sigmoid(margins: Floats) -> Floats:
    """Probabilities of log-odds."""
    return np.asarray(1 / (1 + np.exp(-margins)))


@dataclass(frozen=True)
class Trees:
    """All nodes of all trees: `thresholds` with the `features` they split, and `leaves`, the steps of the log-odds."""

    features: NDArray[np.int64]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]

    def of(self, feature: int) -> NDArray[np.float32]:
        """The different thresholds of one feature, by its place in the input."""
        return np.unique(self.thresholds[self.features == feature])


def read_trees(file: Path) -> Trees:
    """The trees of a model.onnx that holds one ensemble of them, of any kind; ValueError when it does not."""
    trees, _ = _tree_nodes(file)
    if len(trees) != 1:
        raise ValueError(f"{file.name} holds {len(trees)} ensembles of trees, one is expected")
    attributes = _attributes(trees[0])
    inner = np.array([mode != LEAF for mode in attributes["nodes_modes"]])
    return Trees(
        np.array(attributes["nodes_featureids"])[inner],
        np.array(attributes["nodes_values"], dtype=np.float32)[inner],
        np.array(attributes["target_weights"], dtype=np.float32),
    )


def _tree_nodes(path: Path) -> tuple[list[onnx.NodeProto], list[str]]:
    """The ensembles of trees in a model.onnx, and the kinds of its other nodes."""
    nodes = onnx.load(path).graph.node
    trees = [node for node in nodes if node.op_type.startswith("TreeEnsemble")]
    return trees, [node.op_type for node in nodes if not node.op_type.startswith("TreeEnsemble")]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    # What skl2onnx converts has its leaves under another name.
    return {each.name.replace("class_", "target_"): onnx.helper.get_attribute_value(each) for each in node.attribute}


def _arrays(attributes: Mapping[str, Any]) -> dict[str, Any]:
    names = list(zip(attributes["nodes_treeids"], attributes["nodes_nodeids"], strict=True))
    place = {name: position for position, name in enumerate(names)}
    ways = {way: np.arange(len(names)) for way in ("yes", "no")}
    for way, ids in (("yes", attributes["nodes_truenodeids"]), ("no", attributes["nodes_falsenodeids"])):
        for position, (tree, _) in enumerate(names):
            if attributes["nodes_modes"][position] != LEAF:
                ways[way][position] = place[tree, ids[position]]
    weight = np.zeros(len(names))
    leaves = (attributes[f"target_{name}"] for name in ("treeids", "nodeids", "weights"))
    for tree, node, each in zip(*leaves, strict=True):
        weight[place[tree, node]] = each
    if any((ways[way] < np.arange(len(names))).any() for way in ways):
        raise InputError("a node follows one that stands after it", where="model.onnx", hint=HINT)
    return {
        **ways,
        "feature": np.array(attributes["nodes_featureids"]),
        "threshold": np.array(attributes["nodes_values"], dtype=np.float32),
        "missing_yes": np.array(attributes["nodes_missing_value_tracks_true"], dtype=bool),
        "weight": weight,
        "roots": np.unique([tree for tree, _ in names], return_index=True)[1],
    }


def _encode(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
    """X by the letter of signature.json, not by the code that serves: that one is under judgement."""
    codes = [
        {category: code for code, category in enumerate(f.categories)} if f.kind == "category" else None
        for f in bundle.signature.features
    ]
    table = [[_number(row[name], known) for name, known in zip(bundle.names, codes, strict=True)] for row in rows]
    return np.array(table, dtype=np.float64).reshape(len(rows), len(codes)).astype(np.float32)


def _number(value: Any, codes: Mapping[str, int] | None) -> float:
    if codes is not None:
        value = codes.get(value)
    return float("nan") if value is None else float(value)


def _answers(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> Floats:
    service = Predictor(bundle, Metrics(), None, 1)
    try:
        answers = [json.loads(service.answer(json.dumps(row).encode(), "trace")) for row in rows]
    except BadRequestError as error:
        hint = "the row has features, but no probability"
        raise InputError(f"the service refuses it: {error}", where=f"version {bundle.version}", hint=hint) from error
    return np.array([answer["probability"] for answer in answers])


def _public(contract: Contract, name: str, table: pa.Table) -> list[dict[str, Any]]:
    columns = [column.name for column in contract.table(name).columns if not column.private]
    return [_plain(row) for row in table.select(columns).to_pylist()]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    plain = {name: getattr(value, "item", lambda v=value: v)() for name, value in row.items()}
    texts = {name: value.isoformat() for name, value in plain.items() if hasattr(value, "isoformat")}
    # JSON has no NaN.
    missing = {name: None for name, value in plain.items() if isinstance(value, float) and value != value}  # noqa: PLR0124
    return {**plain, **texts, **missing}
