"""Each estimator that may stand in model.py: exported, answered alike on every row, followed, explained, calibrated."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from numpy.typing import NDArray
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

from roadworthy.base.errors import InputError
from roadworthy.model.calibration import CalibratedClassifier
from roadworthy.model.estimators import inputs_of, require_exportable
from roadworthy.registry import export
from roadworthy.serving import tracing

CLASSIFIERS = {
    "boosting": HistGradientBoostingClassifier(max_iter=60),
    "forest": RandomForestClassifier(n_estimators=25, random_state=0),
    "extra trees": ExtraTreesClassifier(n_estimators=25, random_state=0),
    "logistic": LogisticRegression(max_iter=1000),
    "lightgbm": LGBMClassifier(n_estimators=60, verbose=-1),
    "xgboost": XGBClassifier(n_estimators=60),
    "isotonic": CalibratedClassifier(HistGradientBoostingClassifier(max_iter=60), "isotonic"),
    "isotonic forest": CalibratedClassifier(RandomForestClassifier(n_estimators=25, random_state=0), "isotonic"),
    "sigmoid": CalibratedClassifier(LGBMClassifier(n_estimators=60, verbose=-1), "sigmoid"),
    "sigmoid xgboost": CalibratedClassifier(XGBClassifier(n_estimators=60), "sigmoid"),
    "sigmoid logistic": CalibratedClassifier(LogisticRegression(max_iter=1000), "sigmoid"),
}
REGRESSORS = {
    "boosting": HistGradientBoostingRegressor(max_iter=60),
    "forest": RandomForestRegressor(n_estimators=25, random_state=0),
    "extra trees": ExtraTreesRegressor(n_estimators=25, random_state=0),
    "ridge": Ridge(),
    "lightgbm": LGBMRegressor(n_estimators=60, verbose=-1),
    "xgboost": XGBRegressor(n_estimators=60),
}
CATEGORIES, NUMBERS, ROWS = 2, 4, 3000
LARGEST_DIFFERENCE = 1e-5


@pytest.fixture(autouse=True)
def _their_own_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        # LightGBM names the columns of an array, and scikit-learn then misses the names.
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        yield


def table(seed: int, *, missing: float = 0.1) -> NDArray[np.float32]:
    """X: codes, a large number, a small one, whole numbers, values a rounding apart; some of all missing."""
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, 5, (ROWS, CATEGORIES))
    near = np.float32(1) + draw.integers(0, 40, ROWS).astype(np.float32) * np.finfo(np.float32).eps
    numbers = [draw.normal(2e5, 30, ROWS), draw.normal(0, 1e-3, ROWS), draw.integers(0, 9, ROWS), near]
    x = np.column_stack([codes, *numbers]).astype(np.float32)
    x[draw.random(x.shape) < missing] = np.nan
    return x


def target(x: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """A number of some noise that follows from the columns."""
    codes, large, small = np.nan_to_num(x[:, 0]), np.nan_to_num(x[:, 2], nan=2e5), np.nan_to_num(x[:, 3])
    draw = np.random.default_rng(seed).normal(0, 1, len(x))
    return np.asarray(codes + (large - 2e5) / 30 + 1e3 * small * np.isnan(x[:, 4]) + draw)


def fitted(estimator: Any, y: NDArray[Any], x: NDArray[np.float32]) -> Pipeline:
    """The estimator behind its inputs, as a training makes it; X is encoded already."""
    calibrated = isinstance(estimator, CalibratedClassifier)
    inputs = inputs_of(estimator.estimator if calibrated else estimator, CATEGORIES, NUMBERS)
    days = {"estimator__day": np.arange(len(y)) // 50} if calibrated else {}
    return Pipeline([("encoder", "passthrough"), ("inputs", inputs), ("estimator", estimator)]).fit(x, y, **days)


def rows_to_ask() -> NDArray[np.float32]:
    """New rows, rows without any value, with codes that training has not seen, with numbers far outside."""
    x = table(2)
    odd = table(3)[:400].copy()
    odd[:100] = np.nan
    odd[100:200, :CATEGORIES] = np.nan
    odd[200:300, CATEGORIES:] *= 50
    odd[300:, CATEGORIES:] *= -1
    return np.concatenate([x, odd])


def served(model: bytes, x: NDArray[np.float32]) -> NDArray[np.float64]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"X": x})[0][:, 0], dtype=np.float64)


@pytest.mark.parametrize("seen_missing", [0.1, 0.0], ids=["missing in training", "nothing missing in training"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_is_exported_as_it_answers_and_can_be_followed(
    name: str, seen_missing: float, tmp_path: Path
) -> None:
    x = table(1, missing=seen_missing)
    pipeline = fitted(CLASSIFIERS[name], (target(x, 1) > 2).astype(int), x)
    model, asked = export.to_onnx(pipeline), rows_to_ask()
    expected = pipeline.predict_proba(asked)[:, 1]
    np.testing.assert_allclose(served(model, asked), expected, rtol=0, atol=LARGEST_DIFFERENCE)
    assert expected.std() > 0.1, "it has learned something, or any constant would agree"
    assert_followed(model, asked[-500:], expected[-500:], tmp_path)


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_is_exported_as_it_answers_and_can_be_followed(name: str, tmp_path: Path) -> None:
    x = table(1)
    pipeline = fitted(REGRESSORS[name], target(x, 1), x)
    model, asked = export.to_onnx(pipeline), rows_to_ask()
    expected = pipeline.predict(asked)
    # Of a number the difference counts beside the number, or what it is measured in would decide.
    scale = np.maximum(1, np.abs(expected))
    assert (np.abs(served(model, asked) - expected) / scale).max() <= LARGEST_DIFFERENCE
    assert_followed(model, asked[-500:], expected[-500:], tmp_path)


def assert_followed(model: bytes, x: NDArray[np.float32], expected: NDArray[np.float64], folder: Path) -> None:
    """Fail unless the steps through the model lead to the answers, and the shares of the features are the sum."""
    (folder / "model.onnx").write_bytes(model)
    read = tracing.Model.read(folder / "model.onnx")
    margins = read.made_of.margins(x)
    scale = np.maximum(1, np.abs(expected))
    assert (np.abs(read.answer(margins) - expected) / scale).max() <= LARGEST_DIFFERENCE
    background = table(4)[:200]
    moved = read.made_of.contributions(x, background)
    assert moved.shape == x.shape
    np.testing.assert_allclose(
        read.made_of.margins(background).mean() + moved.sum(axis=1), margins, rtol=1e-6, atol=1e-6
    )
    steps = read.made_of.steps(x[:1])
    assert sum(adds for _, adds in steps) + read.made_of.base == pytest.approx(margins[0])
    assert np.isfinite(tracing.read_numbers(folder / "model.onnx").steps).all()


def test_weights_reach_the_classifier_and_its_curve() -> None:
    x = table(1)
    y, weights = (target(x, 1) > 2).astype(int), np.where(np.arange(ROWS) % 2, 1.0, 0.0)
    turned = np.where(weights > 0, y, 1 - y)
    for method in ("sigmoid", "isotonic"):
        model = CalibratedClassifier(HistGradientBoostingClassifier(max_iter=30), method)
        one = model.fit(x, turned, sample_weight=weights).predict_proba(x)[:, 1]
        assert one[y == 1].mean() > one[y == 0].mean() + 0.3


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_a_calibrated_probability_is_a_frequency_on_new_rows(method: Any) -> None:
    x, new = table(1), table(5)
    y, later = ((target(each, seed) > 2).astype(int) for each, seed in ((x, 1), (new, 5)))
    # Trees that are fitted far too long are far too sure.
    sure = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.3)
    days = np.arange(ROWS) // 50

    def off(answers: NDArray[np.float64]) -> float:
        parts = np.array_split(answers.argsort(), 10)
        return float(np.mean([abs(answers[part].mean() - later[part].mean()) for part in parts]))

    plain = off(sure.fit(x, y).predict_proba(new)[:, 1])
    model = CalibratedClassifier(sure, method).fit(x, y, day=days)
    assert off(model.predict_proba(new)[:, 1]) < plain / 2
    assert (model.predict(new) == (model.predict_proba(new)[:, 1] > 0.5)).all()


@pytest.mark.parametrize(
    ("estimator", "nearest"),
    [
        (GaussianNB(), "LogisticRegression"),
        (GradientBoostingClassifier(), "HistGradientBoostingClassifier"),
        (AdaBoostClassifier(), "HistGradientBoostingClassifier"),
        (DecisionTreeClassifier(), "RandomForestClassifier"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "return the last step of it alone"),
        (object(), "LogisticRegression"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_has_no_export_is_refused_before_training_with_the_nearest_that_has(estimator: Any, nearest: str) -> None:
    with pytest.raises(InputError, match="has no export") as error:
        require_exportable(estimator)
    assert nearest in error.value.hint


def test_a_regressor_is_no_model_for_yes_or_no_and_a_classifier_none_for_numbers() -> None:
    with pytest.raises(InputError, match="the target is yes or no"):
        require_exportable(Ridge())
    with pytest.raises(InputError, match="the target is a number"):
        require_exportable(LogisticRegression(), classes=False)


@pytest.mark.parametrize(
    ("estimator", "says"),
    [
        (HistGradientBoostingClassifier(categorical_features=[0]), "sets of categories"),
        (HistGradientBoostingRegressor(loss="poisson"), "poisson"),
        (LGBMRegressor(objective="poisson", verbose=-1), "poisson"),
        (LGBMClassifier(boosting_type="rf", subsample=0.5, subsample_freq=1, verbose=-1), "averages its trees"),
        (XGBClassifier(booster="gblinear"), "gblinear"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_what_an_estimator_does_in_a_way_that_has_no_export_is_refused(estimator: Any, says: str) -> None:
    x = table(1, missing=0)
    y = (target(x, 1) > 2).astype(int)
    with pytest.raises(InputError, match=says):
        export.to_onnx(fitted(estimator, y, x))
