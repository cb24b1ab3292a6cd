"""The numbers inside an exported model: thresholds, the features they belong to, and leaves."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

LEAF = b"LEAF"


@dataclass(frozen=True)
class Trees:
    """All nodes of all trees: `thresholds` with the `features` they split, and `leaves`, the steps of the log-odds."""

    features: NDArray[np.int64]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]

    def of(self, feature: int) -> NDArray[np.float32]:
        """The different thresholds of one feature, by its place in the input."""
        return np.unique(self.thresholds[self.features == feature])


def read(file: Path) -> Trees:
    """The trees of a model.onnx that holds one ensemble of them; ValueError when it does not."""
    nodes = [node for node in onnx.load(file).graph.node if node.op_type.startswith("TreeEnsemble")]
    if len(nodes) != 1:
        raise ValueError(f"{file.name} holds {len(nodes)} ensembles of trees, one is expected")
    values = {each.name: each for each in nodes[0].attribute}
    inner = np.array([mode != LEAF for mode in values["nodes_modes"].strings])
    leaves = values["class_weights" if "class_weights" in values else "target_weights"].floats
    return Trees(
        np.array(values["nodes_featureids"].ints)[inner],
        np.array(values["nodes_values"].floats, dtype=np.float32)[inner],
        np.array(leaves, dtype=np.float32),
    )
