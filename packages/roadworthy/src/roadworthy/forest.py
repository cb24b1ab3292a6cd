"""The trees of an exported model as arrays, to follow a row through them: which leaf it reaches in each, and why.

ONNX Runtime gives a probability only. Here the same file is read node by node, so that the sum can be explained.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
HINT = "only gradient boosted trees for two classes, as the command `train` exports them, can be followed"


@dataclass(frozen=True)
class Forest:
    """Nodes of all trees in one row of arrays (nodes,); `yes` and `no` are the next nodes, a leaf leads to itself.

    A row goes to `yes` when its value is at most the threshold, and a missing value when `missing_yes`. `weight` is
    what a leaf adds to the sum (log-odds); `base` is where the sum begins.
    """

    tree: Indices
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
        import onnx

        nodes = onnx.load(path).graph.node
        trees = [node for node in nodes if node.op_type.startswith("TreeEnsemble")]
        if len(trees) != 1:
            raise InputError(f"holds {len(trees)} tree ensembles", where=path, hint=HINT)
        # A classifier that skl2onnx converted has its leaves under another name and the logistic function inside.
        held = {each.name: onnx.helper.get_attribute_value(each) for each in trees[0].attribute}
        held = {name.replace("class_", "target_"): value for name, value in held.items()}
        ends = [held.get("post_transform", b"").decode(), *(node.op_type for node in nodes if node is not trees[0])]
        modes = set(held["nodes_modes"])
        known = ends in (["LOGISTIC"], ["", "Sigmoid"]) and modes <= {b"BRANCH_LEQ", b"LEAF"}
        if not known or len(held["base_values"]) != 1:
            raise InputError(f"has {ends} of {sorted(modes)}", where=path, hint=HINT)
        return cls(**_arrays(held), base=float(held["base_values"][0]))

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
            np.add.at(moved, (rows, self.feature[here]), values[there] - values[here])
        return moved

    def _walk(self, inputs: NDArray[np.float32]) -> list[Indices]:
        rows = np.arange(len(inputs))[:, None]
        steps = [np.tile(self.roots, (len(inputs), 1))]
        while True:
            here = steps[-1]
            asked = inputs[rows, self.feature[here]]
            yes = np.where(np.isnan(asked), self.missing_yes[here], asked <= self.threshold[here])
            there = np.where(yes, self.yes[here], self.no[here])
            if np.array_equal(there, here):
                return steps
            steps.append(there)


def sigmoid(margins: Floats) -> Floats:
    """Probabilities of log-odds."""
    return np.asarray(1 / (1 + np.exp(-margins)))


def _arrays(held: Mapping[str, Any]) -> dict[str, Any]:
    names = list(zip(held["nodes_treeids"], held["nodes_nodeids"], strict=True))
    place = {name: position for position, name in enumerate(names)}
    ways = {way: np.arange(len(names)) for way in ("yes", "no")}
    for way, ids in (("yes", held["nodes_truenodeids"]), ("no", held["nodes_falsenodeids"])):
        for position, (tree, _) in enumerate(names):
            if held["nodes_modes"][position] != b"LEAF":
                ways[way][position] = place[tree, ids[position]]
    weight = np.zeros(len(names))
    for tree, node, each in zip(held["target_treeids"], held["target_nodeids"], held["target_weights"], strict=True):
        weight[place[tree, node]] = each
    trees = np.array([tree for tree, _ in names])
    if any((ways[way] < np.arange(len(names))).any() for way in ways):
        raise InputError("a node follows one that stands after it", where="model.onnx", hint=HINT)
    return {
        **ways,
        "tree": trees,
        "feature": np.array(held["nodes_featureids"]),
        "threshold": np.array(held["nodes_values"], dtype=np.float32),
        "missing_yes": np.array(held["nodes_missing_value_tracks_true"], dtype=bool),
        "weight": weight,
        "roots": np.unique(trees, return_index=True)[1],
    }
