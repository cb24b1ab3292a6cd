"""Trace predictions from raw rows through the model to the probability, each step made again from the one before."""

import json
from collections.abc import Callable, Mapping, Sequence
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
from onnx.reference import ReferenceEvaluator

from ..base import databases
from ..base.errors import InputError
from ..bundle.bundle import Bundle
from ..bundle.signature import TENSORS
from ..contract.schema import Contract
from ..data import snapshots
from ..registry.onnx_graph import BASE, BRANCH, COLUMNS, INPUT, INPUTS, LEAF, OPSET, SCORE, WEIGHTS
from .predictor import Metrics, Predictor
from .request import BadRequestError

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

Indices = NDArray[np.intp]
HINT = "what the command `train` exports can be followed, and nothing else"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Forest:
    """Nodes of all trees in one row of arrays (nodes,); `yes` and `no` are the next nodes, a leaf leads to itself.

    A row goes to `yes` when its value is at most the threshold, and a missing value when `missing_yes`. `weight` is
    what a leaf adds to the sum; `base` is where the sum begins.
    """

    feature: Indices
    threshold: NDArray[np.float32]
    yes: Indices
    no: Indices
    missing_yes: NDArray[np.bool_]
    weight: Floats
    roots: Indices
    base: float

    def leaves(self, inputs: NDArray[np.float32]) -> Indices:
        """The leaf that each row of X reaches in each tree, (rows, trees)."""
        return self._walk(inputs)[-1]

    def margins(self, inputs: NDArray[np.float32]) -> Floats:
        """The sum of each row of X, (rows,): the base and the weights of its leaves."""
        return np.asarray(self.base + self.weight[self.leaves(inputs)].sum(axis=1))

    def steps(self, inputs: NDArray[np.float32]) -> list[tuple[str, float]]:
        """What is added for the one row of X, in words, with how much."""
        (leaves,) = self.leaves(inputs)
        return [(f"tree {tree}, leaf {leaf}", float(self.weight[leaf])) for tree, leaf in enumerate(leaves)]

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
        """How far each feature moved each row's sum, (rows, features), against the background rows.

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
class WeightedInputs:
    """The inputs of a linear model: the column of X that each is made of, its weight; `base` is where the sum begins.

    `make` gives the inputs of rows of X, (rows, inputs): codes as 0 or 1, numbers, 1 for what is missing.
    """

    columns: Indices
    weights: Floats
    base: float
    make: Callable[[NDArray[np.float32]], Floats]

    def margins(self, inputs: NDArray[np.float32]) -> Floats:
        """The sum of each row of X, (rows,): the base and its weighted inputs."""
        return np.asarray(self.base + self.make(inputs) @ self.weights)

    def steps(self, inputs: NDArray[np.float32]) -> list[tuple[str, float]]:
        """What is added for the one row of X, in words, with how much."""
        (row,) = self.make(inputs)
        named = zip(self.columns, row, row * self.weights, strict=True)
        return [(f"x[{column}] as {value:g}", float(adds)) for column, value, adds in named]

    def contributions(self, inputs: NDArray[np.float32], background: NDArray[np.float32]) -> Floats:
        """How far each feature moved each row's sum, (rows, features), against the mean of the background rows."""
        moved = np.zeros(inputs.shape)
        more = (self.make(inputs) - self.make(background).mean(axis=0)) * self.weights
        np.add.at(moved.T, self.columns, more.T)
        return moved


@dataclass(frozen=True)
class Model:
    """A model.onnx taken apart: the sum, and what follows it; `operators` names that, node by node."""

    made_of: Forest | WeightedInputs
    tail: Callable[[NDArray[Any]], NDArray[Any]]
    operators: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "Model":
        """The model in a file; InputError when it holds what the command `train` does not export."""
        model = onnx.load(path)
        graph = model.graph
        ends, trees = [name for node in graph.node for name in node.output], _tree_nodes(graph)
        # The sum of trees has had another name in bundles of earlier releases.
        score = trees[0].output[0] if len(trees) == 1 else SCORE
        answer = next((each.name for each in graph.output if each.name in TENSORS.values()), "")
        if not {score, answer} <= {*ends} or bool(trees) == (INPUTS in ends):
            what = f"holds no sum from which {' or '.join(TENSORS.values())} follow"
            raise InputError(what, where=path, hint=HINT)
        behind = graph.node[ends.index(score) + 1 :]
        made_of = _read_forest(trees[0], path) if trees else _read_weighted(model, ends)
        return cls(made_of, _evaluator(graph, behind, score, answer), tuple(node.op_type for node in behind))

    def answer(self, margins: Floats) -> Floats:
        """The answer for each sum, (rows,)."""
        return self.tail(margins.astype(np.float32)[:, None])[:, 0].astype(np.float64)

    def formula(self, margin: float) -> str:
        """How the answer follows from a sum, in words."""
        if self.operators == ("Sigmoid",):
            return f"1 / (1 + exp({-margin:.4f}))"
        return f"{margin:.4f}" if len(self.operators) == 1 else f"calibration of {margin:.4f}"


def _read_forest(node: onnx.NodeProto, path: Path) -> Forest:
    attributes = _attributes(node)
    if not {*attributes["nodes_modes"]} <= {BRANCH.encode(), LEAF.encode()}:
        raise InputError("has branches of another kind", where=path, hint=HINT)
    return Forest(**_arrays(attributes), base=float(attributes["base_values"][0]))


def _read_weighted(model: onnx.ModelProto, ends: list[str]) -> WeightedInputs:
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    head = _evaluator(model.graph, model.graph.node[: ends.index(INPUTS) + 1], INPUT, INPUTS)
    said = {each.key: each.value for each in model.metadata_props}
    columns = np.array(json.loads(said[COLUMNS]))
    return WeightedInputs(columns, constants[WEIGHTS][:, 0], float(constants[BASE][0]), head)


def _evaluator(
    graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto], start: str, end: str
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """The function of a part of a graph, by onnx's own evaluator and not by the runtime that serves."""
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in (start, end)]
    part = onnx.helper.make_graph(nodes, "part", ends[:1], ends[1:], graph.initializer)
    evaluator = ReferenceEvaluator(part, opsets=OPSET)

    def evaluate(values: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(over="ignore", invalid="ignore"):  # its logistic function takes both exponentials
            return np.asarray(next(iter(evaluator.run([end], {start: values}))))

    return evaluate


@dataclass(frozen=True)
class Traced:
    """Rows by their keys, step by step: `features` one row each, `inputs` X, `margins` the sums of the `model`.

    `explained` are the answers of the sums, `answers` those of the service. `moved` says how far each feature moved a
    row from the mean sum of the golden rows, which is `mean`.
    """

    features: pd.DataFrame
    inputs: NDArray[np.float32]
    model: Model
    margins: Floats
    explained: Floats
    answers: Floats
    mean: float
    moved: Floats


def prediction_steps(
    project: "Workspace", connection: duckdb.DuckDBPyConnection, bundle: Bundle, key: str
) -> dict[str, Any]:
    """One prediction in all its steps, ready for JSON and for the command `trace`."""
    raw = raw_rows(project, connection, [key])
    traced = trace_predictions(bundle, features_of_keys(project, raw, [key]))
    steps, total = traced.model.made_of.steps(traced.inputs), float(traced.margins[0])
    return {
        "key": key,
        "version": bundle.version,
        "raw": {name: _public(project.contract, name, table) for name, table in raw.items() if table.num_rows},
        "features": [_plain(row) for row in contributions_of(traced, bundle).to_dict("records")],
        "largest": [{"of": of, "adds": adds} for of, adds in sorted(steps, key=lambda step: -abs(step[1]))[:5]],
        "count": len(steps),
        "base": traced.model.made_of.base,
        "sum": total,
        "mean": traced.mean,
        "formula": traced.model.formula(total),
        bundle.signature.answer: float(traced.explained[0]),
        "answer": float(traced.answers[0]),
    }


def raw_rows(project: "Workspace", connection: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> dict[str, pa.Table]:
    """The rows of each table that the features of these keys come from; a table that is not asked has none."""
    tables = {}
    for table in project.contract.tables:
        name = f"trace_{table.name}.sql"
        if (project.definition.sql / name).is_file():
            hint = f"a key is a {project.contract.key} of the snapshot; if it is one, correct the SQL"
            with databases.explain_sql_errors(f"cannot look for {keys[0]!r}", name, hint):
                relation = connection.sql(project.sql(name), params={"keys": list(keys)})
                tables[table.name] = relation.to_arrow_table()
        else:
            tables[table.name] = connection.sql(f'select * from "{table.name}" limit 0').to_arrow_table()
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
    model = Model.read(bundle.folder / "model.onnx")
    inputs, golden = _encode(bundle, records), _encode(bundle, [record["features"] for record in bundle.golden])
    margins, mean = model.made_of.margins(inputs), float(model.made_of.margins(golden).mean())
    moved, answers = model.made_of.contributions(inputs, golden), _answers(bundle, records)
    return Traced(rows, inputs, model, margins, model.answer(margins), answers, mean, moved)


def contributions_of(traced: Traced, bundle: Bundle, row: int = 0) -> pd.DataFrame:
    """The features of one row with their values, what the model sees, and how far each moved it, the farthest first."""
    names = bundle.names
    values = databases.plain_records(traced.features.iloc[[row]], names)[0]
    table = {"feature": names, "value": list(values.values()), "x": traced.inputs[row], "moved": traced.moved[row]}
    return pd.DataFrame(table).sort_values("moved", key=np.abs, ascending=False, ignore_index=True)


@dataclass(frozen=True)
class ModelNumbers:
    """All numbers in a model: `thresholds` of trees with the `features` they split, and `steps`, what a sum adds."""

    features: NDArray[np.int64]
    thresholds: NDArray[np.float32]
    steps: Floats

    def thresholds_of(self, feature: int) -> NDArray[np.float32]:
        """The different thresholds of one feature, by its place in the input."""
        return np.unique(self.thresholds[self.features == feature])


def read_numbers(file: Path) -> ModelNumbers:
    """The numbers of the model in a model.onnx; a linear one has no thresholds. InputError as `Model.read`."""
    made_of = Model.read(file).made_of
    if isinstance(made_of, WeightedInputs):
        return ModelNumbers(np.empty(0, np.int64), np.empty(0, np.float32), np.append(made_of.weights, made_of.base))
    leaf = made_of.yes == np.arange(len(made_of.yes))
    return ModelNumbers(made_of.feature[~leaf], made_of.threshold[~leaf], made_of.weight[leaf])


def largest_step(file: Path, inputs: NDArray[np.float32]) -> float:
    """The largest leaf of the trees in a model.onnx, infinite ones left out.

    Of a linear model, whose weights hang on the unit of their input, the most by which one feature moves the sum of a
    row of X, against the mean of these rows.
    """
    made_of = Model.read(file).made_of
    if isinstance(made_of, WeightedInputs):
        steps = made_of.contributions(inputs, inputs)
    else:
        steps = made_of.weight[made_of.yes == np.arange(len(made_of.yes))]
    return float(np.abs(steps[np.isfinite(steps)]).max(initial=0.0))


def _tree_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type.startswith("TreeEnsemble")]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


def _arrays(attributes: Mapping[str, Any]) -> dict[str, Any]:
    names = list(zip(attributes["nodes_treeids"], attributes["nodes_nodeids"], strict=True))
    place = {name: position for position, name in enumerate(names)}
    ways = {way: np.arange(len(names)) for way in ("yes", "no")}
    for way, ids in (("yes", attributes["nodes_truenodeids"]), ("no", attributes["nodes_falsenodeids"])):
        for position, (tree, _) in enumerate(names):
            if attributes["nodes_modes"][position] != LEAF.encode():
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
        hint = f"the row has features, but no {bundle.signature.answer}"
        raise InputError(f"the service refuses it: {error}", where=f"version {bundle.version}", hint=hint) from error
    return np.array([answer[bundle.signature.answer] for answer in answers])


def _public(contract: Contract, name: str, table: pa.Table) -> list[dict[str, Any]]:
    columns = [column.name for column in contract.table(name).columns if not column.private]
    return [_plain(row) for row in table.select(columns).to_pylist()]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    plain = {name: getattr(value, "item", lambda v=value: v)() for name, value in row.items()}
    texts = {name: value.isoformat() for name, value in plain.items() if hasattr(value, "isoformat")}
    # JSON has no NaN.
    missing = {name: None for name, value in plain.items() if isinstance(value, float) and value != value}  # noqa: PLR0124
    return {**plain, **texts, **missing}
