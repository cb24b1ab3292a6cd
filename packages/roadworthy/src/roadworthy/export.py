"""Hand a trained model to serving: a bundle of data files that cannot execute code, verified row by row.

skl2onnx writes float32 thresholds, rounded to nearest; a value between the two roundings takes the other branch.
For a float32 x and a float64 threshold t, `x <= t` equals `x <= t rounded down to float32`: so the thresholds are
rounded down first. Then 0 of 336,776 rows differ by more than 1e-6 (largest difference 6e-7, float32 sums of leaves).
"""

import json
import warnings
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from . import gates, model, training
from .bundle import Bundle, manifest_sums, sign
from .errors import RedError
from .files import write_atomic
from .model_tests import without_values
from .monitoring import estimates, reference
from .registry import Registry
from .schema import Column, Contract
from .settings import Model
from .training import Trained

OPSET = {"": 18, "ai.onnx.ml": 3}
MAX_DIFFERENCE = 1e-6
GOLDEN_ROWS = 20
EDGE_ROWS = 2000
UNSEEN = "??"


def register(trained: Trained, registry: Registry) -> int:
    """Export a trained model into the registry; the number of its version (an old one for the same content)."""
    return registry.add(lambda folder: write(trained, folder))


def write(trained: Trained, folder: Path) -> None:
    """Write the bundle of a trained model into an empty folder and verify it.

    Raises RedError when the exported model differs from scikit-learn by more than 1e-6 on a row of the test period,
    on one of them with missing values, or on one with unseen categories.
    """
    _write_json(folder / "signature.json", signature(trained.project.contract, trained.spec, trained.pipeline))
    write_atomic(folder / "model.onnx", to_onnx(trained.pipeline))
    _write_json(folder / "golden.json", golden(trained))
    _write_json(folder / "metrics.json", trained.evaluation.to_dict())
    _write_json(folder / "reference.json", _reference(trained))
    write_atomic(folder / "gates.json", gates.dump(trained.verdicts))
    created = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = {"sha256": manifest_sums(folder), "lineage": trained.lineage, "created": created}
    _write_json(folder / "manifest.json", {**manifest, "packages": trained.lineage.get("packages", {})})
    sign(folder)
    verify_parity(Bundle.load(folder), trained)


def to_onnx(pipeline: Pipeline) -> bytes:
    """The trees as ONNX: input X, float32 (rows, features), output P(target), float32 (rows, 1)."""
    trees = deepcopy(pipeline.named_steps["trees"])
    if isinstance(trees, HistGradientBoostingClassifier):
        # The converter knows scikit-learn's own class only. One that the project derives from it may fit otherwise; if
        # it answered otherwise, `verify_parity` would refuse it.
        trees.__class__ = HistGradientBoostingClassifier
    for (tree,) in trees._predictors:  # noqa: SLF001 - there is no public way to the thresholds
        tree.nodes["num_threshold"] = _round_down(tree.nodes["num_threshold"])
    inputs = [("X", FloatTensorType([None, trees.n_features_in_]))]
    with warnings.catch_warnings():
        # skl2onnx hands NumPy integers to protobuf, which deprecates them; the result is verified on every row.
        warnings.simplefilter("ignore", DeprecationWarning)
        converted = convert_sklearn(trees, "model", inputs, options={"zipmap": False}, target_opset=OPSET)
    return bytes(_one_sum(converted).SerializeToString())


def signature(contract: Contract, spec: Model, pipeline: Pipeline) -> dict[str, Any]:
    """What a request must look like and how it becomes a row of X, derived from the contract."""
    categories, _ = model.inputs(spec, contract.features)
    return signature_of(contract, spec, dict(zip(categories, model.categories(pipeline), strict=True)))


def signature_of(contract: Contract, spec: Model, seen: Mapping[str, list[str]]) -> dict[str, Any]:
    """The signature of a model that has `seen` these categories of the categorical features."""
    categories, numbers = model.inputs(spec, contract.features)
    features = [
        *[_feature(contract.features.column(name), seen.get(name, [])) for name in categories],
        *[_feature(contract.features.column(name), None) for name in numbers],
    ]
    roles = {"target": contract.target, "key": contract.key, "time": contract.time}
    head = {"name": spec.name, "version_of_contract": contract.sha256, **roles, "threshold": spec.threshold}
    return {**head, "features": features}


def golden(trained: Trained) -> list[dict[str, object]]:
    """Rows with scikit-learn's answer: real ones, one without nullable values, one of unseen categories."""
    test = trained.split.test
    rows = test.sample(min(GOLDEN_ROWS, len(test)), random_state=0)[list(trained.spec.features)]
    contract = trained.project.contract
    rows = pd.concat([rows, without_values(contract, rows.iloc[:1]), _unseen(contract, rows.iloc[1:2], trained.spec)])
    answers = trained.predict(rows)
    records = [{name: _plain(value) for name, value in row.items()} for row in rows.to_dict("records")]
    return [{"features": row, "probability": float(p)} for row, p in zip(records, answers, strict=True)]


def verify_parity(bundle: Bundle, trained: Trained) -> None:
    """Raise RedError unless the bundle agrees with scikit-learn on every row of the test period.

    Where these rows lack no value or know every category, copies of some of them do not: without all nullable values,
    without some of them in every combination that chance gives, with categories that training has not seen.
    """
    rows, contract = trained.split.test, trained.project.contract
    edge = rows[list(trained.spec.features)].sample(min(EDGE_ROWS, len(rows)), random_state=0)
    for name, sample, expected in (
        ("the test period", rows, trained.probabilities),
        ("rows without nullable values", without_values(contract, edge), None),
        ("rows without some nullable values", _mixed(edge, without_values(contract, edge)), None),
        ("rows with unseen categories", _unseen(contract, edge, trained.spec), None),
        ("rows with some unseen categories", _mixed(edge, _unseen(contract, edge, trained.spec)), None),
    ):
        differ = difference(bundle, sample, trained.predict(sample) if expected is None else expected)
        if not differ.max() <= MAX_DIFFERENCE:
            bad = int((~(differ <= MAX_DIFFERENCE)).sum())
            hint = "the export is refused; compare the versions of scikit-learn and skl2onnx with requirements.txt"
            raise RedError(f"{bad:,} of {len(sample):,} predictions differ on {name}", where="export", hint=hint)


def difference(bundle: Bundle, rows: pd.DataFrame, expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the exported model is from the `expected` answer, for each row."""
    return np.asarray(np.abs(predict(bundle, rows) - expected))


def predict(bundle: Bundle, rows: pd.DataFrame) -> NDArray[np.float64]:
    """The probability of the target for each row of a table of features, by the exported model.

    With a `bundle` and `rows` that have its features:

    >>> answers = predict(bundle, rows)
    >>> answers.shape == (len(rows),) and bool((answers >= 0).all() and (answers <= 1).all())
    True
    """
    return np.asarray(bundle.predict(bundle.encode_columns(columns(rows, bundle.names))), dtype=np.float64)


def columns(rows: pd.DataFrame, names: list[str]) -> Mapping[str, NDArray[np.generic]]:
    """The named columns of a table as arrays: text with None, numbers as float64 with NaN for what is missing."""
    return {name: _array(rows[name]) for name in names}


def _array(values: pd.Series) -> NDArray[np.generic]:
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    return values.astype(object).where(values.notna(), None).to_numpy()


def _one_sum(converted: ModelProto) -> ModelProto:
    """The same trees with one sum for each row and the logistic function of it.

    For a classifier ONNX Runtime keeps a sum for each class, though two classes need one: that takes a third longer.
    """
    (trees,) = (node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier")
    held = {each.name: helper.get_attribute_value(each) for each in trees.attribute}
    nodes = {name: value for name, value in held.items() if name.startswith("nodes_")}
    leaves = {name: held[f"class_{name}"] for name in ("treeids", "nodeids", "weights")}
    total = helper.make_node(
        "TreeEnsembleRegressor",
        ["X"],
        ["log_odds"],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=held["base_values"],
        target_ids=[0] * len(leaves["weights"]),
        **{f"target_{name}": values for name, values in leaves.items()},
        **nodes,
    )
    graph = helper.make_graph(
        [total, helper.make_node("Sigmoid", ["log_odds"], ["probabilities"])],
        converted.graph.name,
        list(converted.graph.input),
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 1])],
    )
    opset = [helper.make_opsetid(domain, version) for domain, version in OPSET.items()]
    return helper.make_model(graph, opset_imports=opset, ir_version=converted.ir_version)


def _round_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    nearest = values.astype(np.float32)
    return np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def _feature(column: Column, categories: list[str] | None) -> dict[str, object]:
    described = {name: getattr(column, name) for name in ("name", "kind", "about", "unit", "nullable", "pattern")}
    limits = {"allowed": list(column.allowed), "low": column.low, "high": column.high, "private": column.private}
    return {**described, **limits, **({} if categories is None else {"categories": categories})}


def _reference(trained: Trained) -> dict[str, object]:
    train = trained.split.train
    described = signature(trained.project.contract, trained.spec, trained.pipeline)["features"]
    names = list(trained.spec.features)
    given = columns(train, names), trained.predict(train), train[trained.project.contract.target].to_numpy(), described
    every = int((trained.lineage.get("periods", {}).get("every") or [1])[0])
    return reference.make(
        *given, day=train[trained.project.contract.day].to_numpy(), every=every, held_out=_held_out(trained, every)
    )


def _held_out(trained: Trained, every: int) -> reference.HeldOut | None:
    """What models that had not seen them say about the rows of training; None where there are too few days.

    Nor for a model of every n-th row, with which gates are practised: it costs three more trainings.
    """
    train = trained.split.train
    if every > 1 or train[trained.project.contract.day].nunique() < estimates.MIN_DAYS * training.PARTS:
        return None
    later = training.held_out(trained.project, train, trained.spec)
    names = ("probability", trained.project.contract.target, trained.project.contract.day, "part")
    probability, label, day, part = (later[name].to_numpy() for name in names)
    return probability, label, day, part


def _unseen(contract: Contract, rows: pd.DataFrame, spec: Model) -> pd.DataFrame:
    categories, _ = model.inputs(spec, contract.features)
    return rows.assign(**dict.fromkeys(categories, UNSEEN))


def _mixed(rows: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Each value from `rows` or from the same place in `other`, by chance."""
    draw = np.random.default_rng(0)
    return pd.DataFrame({name: rows[name].where(draw.random(len(rows)) < 0.5, other[name]) for name in rows})


def _plain(value: object) -> object:
    if value is None or value != value:  # noqa: PLR0124 - NaN is the value that differs from itself
        return None
    item = getattr(value, "item", None)
    return item() if item else value


def _write_json(path: Path, content: object) -> None:
    write_atomic(path, json.dumps(content, indent=1, allow_nan=False))
