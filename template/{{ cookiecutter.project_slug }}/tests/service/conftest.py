"""More versions of the small model: the same trees under another number, and one with a feature more."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier
from small import ROW
from small import SIGNATURE
from small import by_hand
from small import rows
from small import write_bundle

WIND: dict[str, Any] = {"name": "wind", "kind": "number", "low": 0, "nullable": True}


@pytest.fixture(scope="session")
def wider_files() -> dict[str, bytes]:
    """A model with the feature `wind` besides, which is what it goes by."""
    table = rows(400, seed=4)
    wind = np.random.default_rng(4).uniform(0, 40, len(table)).astype(np.float32)
    inputs = np.column_stack([by_hand(table), wind])
    trees = HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=5, random_state=0).fit(inputs, wind > 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        shape = [("X", FloatTensorType([None, inputs.shape[1]]))]
        opset = {"": 18, "ai.onnx.ml": 3}
        model = convert_sklearn(trees, "wider", shape, options={"zipmap": False}, target_opset=opset)
    probability = float(trees.predict_proba(np.column_stack([by_hand([ROW]), [30.0]]))[0, 1])
    golden = [{"features": {**ROW, "wind": 30.0}, "probability": probability}]
    signature = {**SIGNATURE, "features": [*SIGNATURE["features"], WIND]}
    texts = {"signature.json": signature, "golden.json": golden, "metrics.json": {"auc": 0.9}}
    files = {name: json.dumps(text).encode() for name, text in texts.items()}
    return {"model.onnx": bytes(model.SerializeToString()), **files}


@pytest.fixture(scope="session")
def built_versions(
    tmp_path_factory: pytest.TempPathFactory, small_files: dict[str, bytes], wider_files: dict[str, bytes]
) -> Path:
    """A registry whose gates are green: 1 the champion, 2 the same trees, 3 a wider model; read only."""
    registry = tmp_path_factory.mktemp("versions") / "registry"
    again = {**small_files, "metrics.json": b'{"auc": 0.71}'}
    for number, files in enumerate((small_files, again, wider_files), start=1):
        verdicts = json.dumps([{"gate": "sound", "passed": True, "evidence": "yes"}]).encode()
        write_bundle(registry / "versions" / str(number), {**files, "gates.json": verdicts})
    (registry / "aliases.json").write_text('{"champion": 1}')
    return registry


@pytest.fixture
def versions(built_versions: Path, tmp_path: Path) -> Path:
    """A copy of that registry that a test may break."""
    return Path(shutil.copytree(built_versions, tmp_path / "registry"))
