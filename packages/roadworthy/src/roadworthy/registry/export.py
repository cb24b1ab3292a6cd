"""Write the bundle of a trained model: signature, estimator as ONNX, golden rows, metrics, reference, manifest.

The reference is what the training data looked like, in a few kilobytes that travel with the model. The exported model
is compared with scikit-learn before anybody can register it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from ..base import errors
from ..base.errors import RedError
from ..base.files import write_atomic
from ..base.settings import Model
from ..bundle.bundle import MANIFEST, MAX_DIFFERENCE, Bundle, frame_columns, manifest_sums, predict_frame, sign_manifest
from ..bundle.signature import Scale
from ..contract.schema import Column, Contract
from ..model.calibration import CalibratedClassifier
from ..model.estimators import read_sum
from ..model.evaluation import edge_cases
from ..model.training import (
    Trained,
    fitted_estimator,
    golden_records,
    held_out_predictions,
    model_inputs,
    seen_categories,
)
from ..monitoring import estimates, traffic
from ..monitoring.distributions import Columns, category_bins, numeric_bins
from ..monitoring.limits import family_size, fit_relations, full_weeks, weekly_limits, weekly_spreads
from .onnx_graph import write_onnx
from .registry import Registry

HELD_OUT = ("probability", "label", "day", "part")  # in the order in which they are given to `fit_estimates`
EDGE_ROWS = 2000


def register_version(trained: Trained, registry: Registry) -> int:
    """Export a trained model into the registry; the number of its version (an old one for the same content)."""
    return registry.add(lambda folder: write_bundle(trained, folder))


def write_bundle(trained: Trained, folder: Path) -> None:
    """Write the bundle of a trained model into an empty folder and verify it.

    Raises RedError when the exported model differs from the fitted one by more than 1e-5 on a row of the test period,
    on one of them with missing values, or on one with unseen categories.
    """
    for name, content in _contents(trained).items():
        write_atomic(folder / name, content)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = {"sha256": manifest_sums(folder), "lineage": trained.lineage, "created": created}
    write_atomic(folder / MANIFEST, _json({**manifest, "packages": trained.lineage.get("packages", {})}))
    sign_manifest(folder)
    verify_parity(Bundle.load(folder), trained)


def _contents(trained: Trained) -> dict[str, str | bytes]:
    """The files of a bundle but its manifest, by name."""
    model = to_onnx(trained.pipeline)
    signature = model_signature(trained)
    golden, held_out = golden_records(trained), held_out_predictions(trained, estimates.MIN_DAYS)
    return {
        "model.onnx": model,
        "signature.json": _json(signature),
        "golden.json": _json(golden),
        "metrics.json": _json(trained.evaluation.to_dict()),
        "reference.json": _json(_reference(trained, signature["features"], held_out)),
        "gates.json": errors.dump_verdicts(trained.verdicts),
    }


def model_signature(trained: Trained) -> dict[str, Any]:
    """What a request must look like and how it becomes a row of X, derived from the contract."""
    return signature_of(trained.project.contract, trained.spec, seen_categories(trained.pipeline), trained.scale)


def signature_of(contract: Contract, spec: Model, seen: Mapping[str, list[str]], scale: Scale) -> dict[str, Any]:
    """The signature of a model that has `seen` these categories of the categorical features."""
    columns = {column.name: column for column in contract.features.columns}
    features = [_feature(columns[name], seen) for group in model_inputs(spec, contract.features) for name in group]
    roles = {"target": contract.target, "key": contract.key, "time": contract.time}
    head = {"name": spec.name, "version_of_contract": contract.sha256, **roles}
    if contract.regression:
        described = {"problem": contract.problem, **scale._asdict(), "low": columns[contract.target].low}
        return {**head, **described, "features": features}
    return {**head, "threshold": spec.threshold, "features": features}


def _feature(column: Column, seen: Mapping[str, list[str]]) -> dict[str, object]:
    feature = {name: getattr(column, name) for name in ("name", "kind", "about", "unit", "nullable", "pattern")}
    feature |= {"allowed": list(column.allowed), "low": column.low, "high": column.high, "private": column.private}
    feature |= {"spelled": column.spelled} if column.spelled else {}
    return feature | ({"categories": seen.get(column.name, [])} if column.kind == "category" else {})


def to_onnx(pipeline: Pipeline) -> bytes:
    """The fitted estimator as ONNX: input X, float32 (rows, features), output P(target) or a number, (rows, 1)."""
    estimator, inputs = fitted_estimator(pipeline), pipeline.named_steps["inputs"]
    last = pipeline.named_steps["estimator"]
    features = (estimator if inputs == "passthrough" else inputs).n_features_in_
    calibrated = last if isinstance(last, CalibratedClassifier) else None
    return write_onnx(read_sum(estimator, inputs), int(features), calibrated)


def _reference(
    trained: Trained, features: Sequence[Mapping[str, Any]], held_out: pd.DataFrame | None
) -> dict[str, object]:
    contract = trained.project.contract
    train = trained.split.train
    return make_reference(
        frame_columns(train, list(trained.spec.features)),
        trained.predict(train),
        train[contract.target].to_numpy(),
        features,
        # How far weeks differ, and how many rows come in one, is not known of rows whose days are drawn.
        day=None if contract.timeless else train[contract.day].to_numpy(),
        every=trained.every,
        waits=_waits(train, contract),
        held_out=held_out,
        scale=trained.scale if contract.regression else None,
    )


def _waits(rows: pd.DataFrame, contract: Contract) -> NDArray[np.timedelta64]:
    """How long after its prediction time each label was known; NaT where it never was."""
    known = rows.loc[rows[contract.target].notna()]
    return (known[contract.known_at] - known[contract.time]).to_numpy(dtype="timedelta64[s]")


def make_reference(
    columns: Columns,
    predictions: ArrayLike,
    labels: ArrayLike,
    features: Sequence[Mapping[str, Any]],
    *,
    day: NDArray[Any] | None = None,
    every: int = 1,
    waits: NDArray[np.timedelta64] | None = None,
    held_out: pd.DataFrame | None = None,
    scale: Scale | None = None,
) -> dict[str, Any]:
    """The content of reference.json, ready for JSON.

    `columns` are the features of the training rows by name: objects with None for a missing category, numbers with
    NaN. `features` are those of signature.json; private ones are left out, for the log does not keep them. `day`
    (datetime64, one for each row) lets the limits know how far weeks differ; without it the conventional ones hold.
    Each row stands for `every` that came. `waits` is how long labels took, NaT where one never came. `held_out` are
    probabilities, labels, days and parts of training rows by models that had not seen them; without them nothing is
    estimated before labels arrive. `scale` is that of numbers.
    """
    p = np.asarray(predictions, dtype=np.float64)
    numbers = [feature["name"] for feature in _public(features) if feature["kind"] != "category"]
    reference: dict[str, Any] = {
        **reference_of_rows(columns, labels, features, scale),
        "prediction": numeric_bins(p),
        "relations": fit_relations(columns, numbers),
        "mean_prediction": float(p.mean()),
    }
    spread = weekly_spreads(reference, [] if day is None else full_weeks({**columns, "prediction": p}, day))
    reference |= {"limits": weekly_limits(spread), "spread": spread, "tests": family_size(spread)}
    reference |= {} if day is None else {"traffic": traffic.describe_traffic(day, every, waits)}
    parts = [] if held_out is None else [held_out[name].to_numpy() for name in HELD_OUT]
    return {**reference, "estimate": estimates.fit_estimates(*parts) if parts else {}}


def reference_of_rows(
    columns: Columns, labels: ArrayLike, features: Sequence[Mapping[str, Any]], scale: Scale | None = None
) -> dict[str, Any]:
    """What of reference.json the rows alone decide: how many, the bins of each public feature, the base rate.

    Of numbers the scale instead of the base rate.
    """
    y = np.asarray(labels, dtype=np.float64)
    bins = {
        feature["name"]: category_bins(columns[feature["name"]], list(feature["categories"]))
        if feature["kind"] == "category"
        else numeric_bins(columns[feature["name"]])
        for feature in _public(features)
    }
    return {"rows": len(y), "features": bins, **({"base_rate": float(y.mean())} if scale is None else scale._asdict())}


def _public(features: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [feature for feature in features if not feature.get("private")]


def verify_parity(bundle: Bundle, trained: Trained) -> None:
    """Raise RedError unless the bundle agrees with the fitted pipeline on every row of the test period.

    To 1e-5; of numbers, to so much of two standard deviations.

    Where these rows lack no value or know every category, copies of some of them do not: without all nullable values,
    without some of them in every combination that chance gives, with categories that training has not seen.
    """
    rows, contract = trained.split.test, trained.project.contract
    edge = rows[list(trained.spec.features)].sample(min(EDGE_ROWS, len(rows)), random_state=0)
    categories, _ = model_inputs(trained.spec, contract.features)
    cases, most = {"the test period": (rows, trained.answers)}, MAX_DIFFERENCE * bundle.signature.width
    cases |= {name: (each, trained.predict(each)) for name, each in edge_cases(contract, edge, categories).items()}
    for name, (sample, expected) in cases.items():
        differ = prediction_difference(bundle, sample, expected)
        if not differ.max() <= most:
            bad = int((~(differ <= most)).sum())
            hint = "the export is refused; compare the versions of the estimator's library with requirements.txt"
            raise RedError(f"{bad:,} of {len(sample):,} predictions differ on {name}", where="export", hint=hint)


def prediction_difference(bundle: Bundle, rows: pd.DataFrame, expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the exported model is from the `expected` answer, for each row."""
    return np.asarray(np.abs(predict_frame(bundle, rows) - expected))


def _json(content: object) -> str:
    return json.dumps(content, indent=1, allow_nan=False)
