"""Write a fitted estimator as ONNX, which cannot execute code: a graph from X to the answer for each row.

On its way stands the value `score`, the sum before its link or calibration, for whoever follows a prediction. Trees add
float32, as ONNX Runtime does it fastest; all else is float64, so that no large number loses its digits.
"""

import json
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ..bundle.signature import TENSORS
from ..model.calibration import CalibratedClassifier
from ..model.estimators import Sum, TreeSum, WeightedSum

OPSET = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 8  # of opset 18
INPUT, INPUTS, WEIGHTS, BASE = "X", "inputs", "weights", "base"
COLUMNS = "columns"  # of X, which the inputs are made of
SCORE = "score"
BRANCH, LEAF = "BRANCH_LEQ", "LEAF"


class Graph:
    """The nodes and constants of a graph, in the order in which they are added.

    `said`: what no node needs, but whoever explains an answer.
    """

    def __init__(self, answer: str) -> None:
        """Begin with nothing; `answer` is the name of the output."""
        self.answer = answer
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.said: dict[str, str] = {}

    def constant(self, values: Any, name: str = "") -> str:
        """Add a constant; its name."""
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def call(self, operator: str, *inputs: str | NDArray[Any] | np.float32, name: str = "", **attributes: Any) -> str:
        """Add a node, whose inputs are names of values or constants; the name of its value."""
        names = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        name = name or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [name], **attributes))
        return name

    def serialized(self, features: int) -> bytes:
        """The model, with X of so many features."""
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])
            for name, width in ((INPUT, features), (self.answer, 1))
        ]
        graph = helper.make_graph(self.nodes, "model", ends[:1], ends[1:], self.constants)
        opset = [helper.make_opsetid(domain, version) for domain, version in OPSET.items()]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        helper.set_model_props(model, self.said)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def write_onnx(made_of: Sum, features: int, calibrated: CalibratedClassifier | None = None) -> bytes:
    """The ONNX model of a sum and of the calibration behind it; X has so many features."""
    graph = Graph(TENSORS["regression" if made_of.link == "identity" else "classification"])
    if isinstance(made_of, TreeSum):
        _add_trees(graph, made_of)
    else:
        _add_weighted(graph, made_of)
    if calibrated is not None:
        _add_calibration(graph, calibrated)
    elif made_of.link == "logistic":
        graph.call("Sigmoid", SCORE, name=graph.answer)
    elif made_of.link == "share":
        # The sum of some hundred float32 shares may be a rounding above 1.
        graph.call("Clip", SCORE, np.float32(0), np.float32(1), name=graph.answer)
    else:
        graph.call("Identity", SCORE, name=graph.answer)
    return graph.serialized(features)


def _add_trees(graph: Graph, made_of: TreeSum) -> None:
    """One sum for each row."""
    trees = made_of.trees
    of_tree = np.repeat(np.arange(len(trees)), [len(tree.leaf) for tree in trees])
    of_node = np.concatenate([np.arange(len(tree.leaf)) for tree in trees])
    leaf, weight = (np.concatenate([getattr(tree, name) for tree in trees]) for name in ("leaf", "weight"))
    attributes = {
        "nodes_treeids": of_tree,
        "nodes_nodeids": of_node,
        "nodes_modes": [LEAF if each else BRANCH for each in leaf],
        "nodes_featureids": np.concatenate([tree.feature for tree in trees]),
        "nodes_values": np.concatenate([np.where(tree.leaf, 0, tree.threshold) for tree in trees]),
        "nodes_truenodeids": np.concatenate([tree.yes for tree in trees]),
        "nodes_falsenodeids": np.concatenate([tree.no for tree in trees]),
        "nodes_missing_value_tracks_true": np.concatenate([tree.missing_yes for tree in trees]).astype(int),
        "target_treeids": of_tree[leaf],
        "target_nodeids": of_node[leaf],
        "target_ids": np.zeros(leaf.sum(), dtype=int),
        "target_weights": weight[leaf],
        "base_values": [made_of.base],
    }
    plain = {name: np.asarray(values).tolist() for name, values in attributes.items()}
    graph.call("TreeEnsembleRegressor", INPUT, name=SCORE, domain="ai.onnx.ml", n_targets=1, **plain)


def _add_weighted(graph: Graph, made_of: WeightedSum) -> None:
    """Codes, numbers and what is missing, side by side, times their weights."""
    x = graph.call("Cast", INPUT, to=TensorProto.DOUBLE)
    parts = []
    seen = ~np.isnan(made_of.codes)
    if len(made_of.codes):
        column = graph.call("Gather", x, made_of.code_columns, axis=1)
        equal = graph.call("Equal", column, np.where(seen, made_of.codes, -1.0))
        absent = graph.call("And", graph.call("IsNaN", column), ~seen)
        parts.append(graph.call("Cast", graph.call("Or", equal, absent), to=TensorProto.DOUBLE))
    if len(made_of.numbers):
        column = graph.call("Gather", x, made_of.numbers, axis=1)
        parts.append(graph.call("Where", graph.call("IsNaN", column), made_of.fill, column))
    if len(made_of.missing):
        absent = graph.call("IsNaN", graph.call("Gather", x, made_of.missing, axis=1))
        parts.append(graph.call("Cast", absent, to=TensorProto.DOUBLE))
    inputs = graph.call("Concat", *parts, name=INPUTS, axis=1)
    graph.said[COLUMNS] = json.dumps(made_of.columns.tolist())
    weights, base = graph.constant(made_of.weights[:, None], WEIGHTS), graph.constant([made_of.base], BASE)
    total = graph.call("Add", graph.call("MatMul", inputs, weights), base)
    graph.call("Cast", total, name=SCORE, to=TensorProto.FLOAT)


def _add_calibration(graph: Graph, calibrated: CalibratedClassifier) -> None:
    """The curve of a calibration: a logistic one, or straight pieces between knots."""
    score = graph.call("Cast", SCORE, to=TensorProto.DOUBLE)
    if calibrated.method == "sigmoid":
        slope, start = (np.array([value]) for value in calibrated.curve_)
        answer = graph.call("Sigmoid", graph.call("Add", graph.call("Mul", score, slope), start))
    else:
        knots, curve = calibrated.knots_, calibrated.curve_
        # How far the score has come on each piece, times how steep the piece is.
        inside = graph.call("Min", graph.call("Max", score, knots[None, :-1]), knots[None, 1:])
        come = graph.call("Sub", inside, knots[None, :-1])
        rise = graph.call("MatMul", come, (np.diff(curve) / np.diff(knots))[:, None])
        answer = graph.call("Add", rise, curve[:1])
    graph.call("Cast", answer, name=graph.answer, to=TensorProto.FLOAT)
