"""Train a model on a period of a snapshot and evaluate it on a later one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from . import data, model, model_tests
from .errors import InputError
from .evaluation import Evaluation, evaluate
from .gates import Verdict
from .settings import Model, Tests
from .sources import code_of

if TYPE_CHECKING:
    from .project import Project

LIBRARIES = ("scikit-learn", "numpy", "pandas", "duckdb", "skl2onnx", "onnxruntime")
MODELLED = ("category", "integer", "number")
# Columns that the prediction log, the monitors and a quarantine have themselves, beside those of the features.
TAKEN = {"key", "time", "request_id", "version", "probability", "decision", "label", "known_at"}
TAKEN |= {"day", "due", "prediction", "row", "reason"}
PARTS, FOLDS = 6, 3
ENOUGH = 160_000  # rows to hold out: what half a year has; how sure an estimate is depends on days, not on rows
Lineage = Mapping[str, Any]


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline with its specification, the rows it was made of, and how it did on the test rows."""

    project: "Project"
    pipeline: Pipeline
    spec: Model
    split: data.Split
    probabilities: NDArray[np.float64]
    evaluation: Evaluation
    verdicts: tuple[Verdict, ...]
    lineage: Lineage

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """The probability of the target for each row."""
        return predict(self.pipeline, self.spec, rows)


def fit(project: "Project", rows: pd.DataFrame, spec: Model, half_life: int = 0) -> Pipeline:
    """A pipeline fitted on labelled rows; InputError when a feature or one of the two classes is missing.

    With a `half_life` in days, a row weighs half as much as one that is so much younger.
    """
    contract = project.contract
    missing = [name for name in spec.features if name not in rows]
    if missing:
        hint = f"the columns are made in features.sql: {', '.join(rows.columns)}"
        raise InputError(f"no such feature: {', '.join(missing)}", where="[model] features", hint=hint)
    kinds = {column.name: column.kind for column in contract.features.columns}
    strange = [name for name in spec.features if kinds.get(name) not in MODELLED]
    if strange:
        hint = f"a feature has an entry in FEATURES of contract.py, of the kind {' or '.join(MODELLED)}"
        raise InputError(f"the contract has no such feature: {', '.join(strange)}", where="[model] features", hint=hint)
    if taken := [name for name in spec.features if name in TAKEN]:
        hint = "rename it in features.sql and in contract.py"
        raise InputError(f"the library has a column {taken[0]!r} of its own", where="[model] features", hint=hint)
    if rows[contract.target].nunique() < 2:
        raise InputError("only one class in the training period", where="[split] train", hint="choose a longer period")
    target = rows[contract.target].astype(int)
    weights = weigh(rows[contract.day], half_life) if half_life else None
    return model.build(project, spec).fit(rows[list(spec.features)], target, trees__sample_weight=weights)


def weigh(day: pd.Series, half_life: int) -> NDArray[np.float64]:
    """The weight of each row by its day, (rows,): 1 on the newest day, half of it `half_life` days before."""
    age = (day.max() - day).dt.days.to_numpy()
    return np.asarray(0.5 ** (age / half_life))


def predict(pipeline: Pipeline, spec: Model, rows: pd.DataFrame) -> NDArray[np.float64]:
    """The probability of the target for each row, shape (rows,)."""
    return np.asarray(pipeline.predict_proba(rows[list(spec.features)])[:, 1])


def held_out(project: "Project", rows: pd.DataFrame, spec: Model) -> pd.DataFrame:
    """Rows of training with their probability by a model that has not seen their part: day, target, probability, part.

    The days are cut into six successive parts, months of half a year, of which two are left out at a time (block
    cross-validation; Roberts et al. 2017): a day left out alone would be answered by its neighbours. The three
    models have two thirds of the rows each, so they cost two trainings. Of far more than `ENOUGH` rows every n-th
    is taken.
    """
    rows = data.thinned(rows, ENOUGH)
    day, target = project.contract.day, project.contract.target
    days = np.sort(rows[day].unique())
    part = np.searchsorted(days, rows[day]) * PARTS // len(days)
    answered = rows[[day, target]].assign(probability=np.nan, part=part)
    for fold in range(FOLDS):
        out = part % FOLDS == fold
        answered.loc[out, "probability"] = predict(fit(project, rows[~out], spec), spec, rows[out])
    return answered


def train(
    project: "Project",
    split: data.Split,
    spec: Model,
    tests: Tests,
    made_of: Lineage | None = None,
    fitted: Pipeline | None = None,
) -> Trained:
    """Fit on the training rows, evaluate and test on the later ones; `made_of` is the lineage to remember.

    A pipeline that is `fitted` on these rows by this specification already need not be fitted again.
    """
    contract = project.contract
    pipeline = fitted or fit(project, split.train, spec, split.half_life)
    p = predict(pipeline, spec, split.test)
    result = evaluate(split.test[contract.target], p, split.test[contract.day], own=project.metrics)
    verdicts = model_tests.run(
        contract, lambda rows: predict(pipeline, spec, rows), split.train, split.test, spec.features, tests, answers=p
    )
    return Trained(project, pipeline, spec, split, p, result, tuple(verdicts), made_of or {})


def lineage(
    project: "Project",
    sums: Mapping[str, Mapping[str, str]],
    periods: Mapping[str, tuple[object, ...]],
    spec: Model,
    tests: Tests,
) -> Lineage:
    """What a model is made of: sums of the data, the contract and the code, periods, specification, versions.

    The same lineage gives the same model, so a model that exists need not be trained again.
    """
    return {
        "data": {name: dict(files) for name, files in sums.items()},
        "contract": project.contract.sha256,
        "features_sql": _sum(project.sql("features.sql")),
        "feature_steps": {name: code_of(step) for name, step in project.definition.extensions("feature_steps").items()},
        "model": code_of(project.build),
        "periods": {name: [str(day) for day in period] for name, period in periods.items()},
        "spec": spec.model_dump(mode="json"),
        "tests": tests.model_dump(mode="json"),
        "packages": {name: version(name) for name in LIBRARIES},
    }


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
