"""Train a model on a period of a snapshot and evaluate it on a later one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from . import data
from . import model
from . import model_tests
from .contract import CONTRACT
from .errors import InputError
from .evaluation import Evaluation
from .evaluation import evaluate
from .gates import Verdict
from .settings import Model
from .settings import Tests

LIBRARIES = ("scikit-learn", "numpy", "pandas", "duckdb", "skl2onnx", "onnxruntime")


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline with its specification, the rows it was made of, and how it did on the test rows."""

    pipeline: Pipeline
    spec: Model
    split: data.Split
    probabilities: NDArray[np.float64]
    evaluation: Evaluation
    verdicts: tuple[Verdict, ...]
    lineage: Mapping[str, object]

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """The probability of the target for each row."""
        return predict(self.pipeline, self.spec, rows)


def fit(rows: pd.DataFrame, spec: Model) -> Pipeline:
    """A pipeline fitted on labelled rows; InputError when a feature or one of the two classes is missing."""
    missing = [name for name in spec.features if name not in rows]
    if missing:
        hint = f"the columns are made in sql/features.sql: {', '.join(rows.columns)}"
        raise InputError(f"no such feature: {', '.join(missing)}", where="[model] features", hint=hint)
    if rows[CONTRACT.target].nunique() < 2:
        raise InputError("only one class in the training period", where="[split] train", hint="choose a longer period")
    target = rows[CONTRACT.target].astype(int)
    return model.build(spec, CONTRACT.features).fit(rows[list(spec.features)], target)


def predict(pipeline: Pipeline, spec: Model, rows: pd.DataFrame) -> NDArray[np.float64]:
    """The probability of the target for each row, shape (rows,)."""
    return np.asarray(pipeline.predict_proba(rows[list(spec.features)])[:, 1])


def train(split: data.Split, spec: Model, tests: Tests, sums: Mapping[str, str] | None = None) -> Trained:
    """Fit on the training rows, evaluate and test on the later ones; `sums` are those of the snapshot."""
    pipeline = fit(split.train, spec)
    p = predict(pipeline, spec, split.test)
    result = evaluate(split.test[CONTRACT.target], p, split.test[CONTRACT.day])
    verdicts = model_tests.run(
        lambda rows: predict(pipeline, spec, rows), split.train, split.test, spec.features, tests
    )
    return Trained(pipeline, spec, split, p, result, tuple(verdicts), lineage(split, spec, sums or {}))


def lineage(split: data.Split, spec: Model, sums: Mapping[str, str]) -> dict[str, object]:
    """What the model was made of: sums of the data, of the contract and of the SQL, periods, specification, versions."""
    day = CONTRACT.day
    periods = {
        name: [f"{rows[day].min():%Y-%m-%d}", f"{rows[day].max():%Y-%m-%d}", len(rows)]
        for name, rows in (("train", split.train), ("test", split.test))
    }
    return {
        "data": dict(sums),
        "contract": CONTRACT.sha256,
        "features_sql": hashlib.sha256(data.query("features.sql").encode()).hexdigest(),
        "periods": periods,
        "spec": spec.model_dump(mode="json"),
        "packages": {name: version(name) for name in LIBRARIES},
    }
