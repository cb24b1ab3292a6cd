"""Train a model on a period of a snapshot, evaluate it on a later one, say what it is made of; tune its settings."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from ..base.databases import plain_records
from ..base.errors import InputError, Verdict
from ..base.settings import FILE, Model, Split, Tests
from ..base.source_code import code_of
from ..bundle.signature import ANSWERS, Scale
from ..contract.schema import MODELLED, Contract, Table
from ..contract.workspace import SearchSpace
from ..data import snapshots
from ..data.snapshots import features_lineage, split_features, thin_rows
from . import evaluation
from .calibration import CalibratedClassifier
from .estimators import inputs_of, require_exportable
from .evaluation import Evaluation, Floats, NumberEvaluation, Problem, problem_of, without_values

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

LIBRARIES = ("scikit-learn", "numpy", "pandas", "duckdb", "onnx", "onnxruntime")
# Columns that the prediction log, the monitors and a quarantine have themselves, beside those of the features.
TAKEN = {"key", "time", "request_id", "version", "probability", "prediction", "decision", "label", "known_at"}
TAKEN |= {"day", "due", "row", "reason"}
Lineage = Mapping[str, Any]
GOLDEN_ROWS = 20
HELD_OUT_PARTS, FOLDS = 6, 3
HELD_OUT_ROWS = 160_000  # what half a year has; how sure an estimate is depends on days, not on rows
TUNING_ROWS, TUNING_TEST_ROWS = 30_000, 10_000
BLOCK, EVERY = 7, 3  # days in a block; the last of three blocks judges
DRAWS = 200


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline with its specification, the rows it was made of, and how it did on the test rows."""

    project: "Workspace"
    pipeline: Pipeline
    spec: Model
    split: snapshots.Split
    answers: Floats
    evaluation: Evaluation | NumberEvaluation
    verdicts: tuple[Verdict, ...]
    lineage: Lineage

    @property
    def every(self) -> int:
        """How many rows that came each row of training stands for."""
        return int((self.lineage.get("periods", {}).get("every") or [1])[0])

    @property
    def scale(self) -> Scale:
        """The unit in which limits are kept, by the labels of training."""
        contract = self.project.contract
        return problem_of(contract).scale(self.split.train[contract.target])

    def predict(self, rows: pd.DataFrame) -> Floats:
        """The answer to each row, (rows,): the probability of yes, or a number."""
        return predict(self.pipeline, self.spec, rows)


def train_and_evaluate(project: "Workspace", fitted: Pipeline | None = None) -> Trained:
    """Check, train, evaluate and test a model; nothing is written."""
    spec, tests = project.settings.model, project.settings.tests
    return train_model(project, split_features(project), spec, tests, project_lineage(project), fitted)


def train_model(
    project: "Workspace",
    split: snapshots.Split,
    spec: Model,
    tests: Tests,
    made_of: Lineage | None = None,
    fitted: Pipeline | None = None,
) -> Trained:
    """Fit on the training rows, evaluate and test on the later ones; `made_of` is the lineage to remember.

    A pipeline that is `fitted` on these rows by this specification already need not be fitted again.
    """
    contract = project.contract
    evaluation.require_tested_columns(tests, split.test)  # before the model is fitted, which takes a while
    require_exportable(project.build(spec), classes=not contract.regression)
    pipeline = fitted or fit_pipeline(project, split.train, spec, split.half_life)
    p = predict(pipeline, spec, split.test)
    y, day = split.test[contract.target], split.test[contract.day]
    result = problem_of(contract).evaluate(y, p, day, own=project.metrics)
    verdicts = evaluation.run_model_tests(
        contract,
        lambda rows: predict(pipeline, spec, rows),
        split.train,
        split.test,
        spec.features,
        tests,
        answers=p,
        limits=project.settings.limits,
    )
    return Trained(project, pipeline, spec, split, p, result, tuple(verdicts), made_of or {})


def fit_pipeline(project: "Workspace", rows: pd.DataFrame, spec: Model, half_life: int = 0) -> Pipeline:
    """A pipeline fitted on labelled rows; InputError when a feature or one of the two classes is missing.

    With a `half_life` in days, a row weighs half as much as one that is so much younger.
    """
    contract = project.contract
    missing = [name for name in spec.features if name not in rows]
    if missing:
        hint = f"the columns are made in features.sql: {', '.join(rows.columns)}"
        raise InputError(f"no such feature: {', '.join(missing)}", where="[model] features", hint=hint)
    _require_features(contract, spec)
    if empty := [name for name in spec.features if rows[name].isna().all()]:
        what, hint = f"{empty[0]!r} has no value in the training period", "leave it out, or choose another period"
        raise InputError(what, where="[model] features", hint=hint)
    if rows[contract.target].nunique() < 2:
        raise InputError("only one value in the training period", where="[split] train", hint="choose a longer period")
    target = rows[contract.target].astype(float if contract.regression else int)
    weights = weights_by_age(rows[contract.day], half_life) if half_life else None
    days = {"estimator__day": rows[contract.day].to_numpy()} if spec.calibration != "none" else {}
    with _explained():
        pipeline = build_pipeline(project, spec)
        return pipeline.fit(rows[list(spec.features)], target, estimator__sample_weight=weights, **days)


@contextmanager
def _explained() -> Iterator[None]:
    """Raise what an estimator says of parameters or values that it does not take as InputError, in a line."""
    try:
        yield
    except (ValueError, TypeError) as error:
        hint = "look at build() of model.py, at [model] of config.toml, and at the values of the features"
        what = f"the estimator refuses: {str(error).strip().splitlines()[0]}"
        raise InputError(what, where="model", hint=hint) from error


def _require_features(contract: Contract, spec: Model) -> None:
    kinds = {column.name: column.kind for column in contract.features.columns}
    unknown = [name for name in spec.features if kinds.get(name) not in MODELLED]
    if unknown:
        hint = f"a feature has an entry in FEATURES of contract.py, of the kind {' or '.join(MODELLED)}"
        raise InputError(f"the contract has no such feature: {', '.join(unknown)}", where="[model] features", hint=hint)
    if taken := [name for name in spec.features if name in TAKEN]:
        hint = "rename it in features.sql and in contract.py"
        raise InputError(f"the library has a column {taken[0]!r} of its own", where="[model] features", hint=hint)


def weights_by_age(day: pd.Series, half_life: int) -> Floats:
    """The weight of each row by its day, (rows,): 1 on the newest day, half of it `half_life` days before."""
    age = (day.max() - day).dt.days.to_numpy()
    return np.asarray(0.5 ** (age / half_life))


def predict(pipeline: Pipeline, spec: Model, rows: pd.DataFrame) -> Floats:
    """The answer of a fitted pipeline to each row, shape (rows,): the probability of yes, or a number."""
    inputs = rows[list(spec.features)]
    with _explained():
        made = pipeline.predict_proba(inputs)[:, 1] if is_classifier(pipeline) else pipeline.predict(inputs)
    return np.asarray(made, dtype=np.float64)


def build_pipeline(project: "Workspace", spec: Model) -> Pipeline:
    """An unfitted pipeline: categories to ordinal codes, everything to float32, then the project's estimator.

    The estimator gets float32 in training already, so that a float32 runtime agrees with it. Linear models have a step
    `inputs` before them. With a calibration, the step `estimator` is a `CalibratedClassifier` of it.
    """
    estimator = project.build(spec)
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, dtype=np.float32
    )
    categories, numbers = model_inputs(spec, project.contract.features)
    encoder = ColumnTransformer([("category", codes, categories), ("number", FunctionTransformer(_float32), numbers)])
    inputs = inputs_of(estimator, len(categories), len(numbers))
    if spec.calibration != "none" and project.contract.regression:
        what = f"calibration is {spec.calibration!r}, and the target is a number: there is no probability to calibrate"
        raise InputError(what, where=f"{FILE}: [model]", hint="leave it out")
    last = estimator if spec.calibration == "none" else CalibratedClassifier(estimator, spec.calibration)
    return Pipeline([("encoder", encoder), ("inputs", inputs), ("estimator", last)])


def fitted_estimator(pipeline: Pipeline) -> Any:
    """The project's estimator as it was fitted, without its calibration."""
    last = pipeline.named_steps["estimator"]
    return last.estimator_ if isinstance(last, CalibratedClassifier) else last


def model_inputs(spec: Model, table: Table) -> tuple[list[str], list[str]]:
    """The names of the features in the order in which the trees see them: first the categories, then the numbers."""
    kinds = {column.name: column.kind for column in table.columns}
    categories = [name for name in spec.features if kinds[name] == "category"]
    return categories, [name for name in spec.features if kinds[name] != "category"]


def seen_categories(pipeline: Pipeline) -> dict[str, list[str]]:
    """The categories that training has seen, by feature; the place in the list is the code."""
    _, codes, names = pipeline.named_steps["encoder"].transformers_[0]
    # Without a feature that is a category, scikit-learn leaves the encoder unfitted.
    seen = zip(names, codes.categories_, strict=True) if len(names) else ()
    return {name: [value for value in values if isinstance(value, str)] for name, values in seen}


def _float32(frame: pd.DataFrame) -> np.ndarray:
    return frame.to_numpy(dtype=np.float32, na_value=np.nan)


def project_lineage(project: "Workspace") -> Lineage:
    """What a model of the present data and settings is made of."""
    config = project.settings
    return lineage_of(project, [*config.data.earlier, config.data.snapshot], config.split, config.model, config.tests)


def lineage_periods(split: Split) -> dict[str, list[str]]:
    """The periods of a split as lineage remembers them."""
    every = {"every": (split.every,)} if split.every > 1 else {}
    weighted = {"half_life": (split.half_life,)} if split.half_life else {}
    drawn = {"seed": (split.seed,)} if split.test_share else {}
    periods = {"train": split.train, "test": split.test, **every, **weighted, **drawn}
    return {name: [str(value) for value in period] for name, period in periods.items()}


def lineage_of(project: "Workspace", names: Sequence[str], split: Split, spec: Model, tests: Tests) -> Lineage:
    """What a model is made of: sums of these snapshots, the contract and the code, periods, specification, versions.

    The same lineage gives the same model, so a model that exists need not be trained again.
    """
    periods = lineage_periods(split)
    return {
        **features_lineage(project, {name: project.settings.snapshot(name) for name in names}),
        "model": code_of(project.build),
        "periods": periods,
        # What is not set is left out: versions of before it was a setting have the same lineage.
        "spec": spec.model_dump(mode="json", exclude_defaults=True),
        "tests": {**tests.model_dump(mode="json", exclude_none=True), **project.settings.limits.of_training()},
        "packages": {name: version(name) for name in LIBRARIES},
    }


def golden_records(trained: Trained) -> list[dict[str, object]]:
    """Rows with scikit-learn's answer: real ones, one without nullable values, one of unseen categories."""
    test, contract, names = trained.split.test, trained.project.contract, list(trained.spec.features)
    rows = test.sample(min(GOLDEN_ROWS, len(test)), random_state=0)[names]
    categories, _ = model_inputs(trained.spec, contract.features)
    lacking, unseen = without_values(contract, rows.iloc[:1]), dict.fromkeys(categories, evaluation.UNSEEN)
    rows = pd.concat([rows, lacking, rows.iloc[1:2].assign(**unseen)])
    answers, answer = zip(plain_records(rows, names), trained.predict(rows), strict=True), ANSWERS[contract.problem]
    return [{"features": row, answer: float(p)} for row, p in answers]


def held_out_predictions(trained: Trained, min_days: int = 1) -> pd.DataFrame | None:
    """Rows of training by models that have not seen their part: probability, label, day, part.

    None where a part has fewer than `min_days` days, and for numbers, which say nothing about how good they are. Nor
    for a model of every n-th row, with which gates are practised: it costs three more trainings.

    The days are cut into six successive parts, months of half a year, of which two are left out at a time (block
    cross-validation; Roberts et al. 2017): a day left out alone would be answered by its neighbours. The three
    models have two thirds of the rows each, so they cost two trainings. Of far more than `HELD_OUT_ROWS` rows every
    n-th is taken.
    """
    rows, contract = thin_rows(trained.split.train, HELD_OUT_ROWS), trained.project.contract
    days = np.sort(rows[contract.day].unique())
    if contract.regression or trained.every > 1 or len(days) < min_days * HELD_OUT_PARTS:
        return None
    part, probability = np.searchsorted(days, rows[contract.day]) * HELD_OUT_PARTS // len(days), np.empty(len(rows))
    for fold in range(FOLDS):
        out = part % FOLDS == fold
        probability[out] = _fit_and_predict(trained.project, rows[~out], rows[out], trained.spec)
    columns = {"probability": probability, "label": rows[contract.target], "day": rows[contract.day], "part": part}
    return pd.DataFrame(columns, index=rows.index)


def _fit_and_predict(project: "Workspace", train: pd.DataFrame, test: pd.DataFrame, spec: Model) -> Floats:
    return predict(fit_pipeline(project, train, spec), spec, test)


@dataclass(frozen=True)
class Candidate:
    """A choice of hyperparameters: its AUC or R2, and how much better than the committed ones, with the interval."""

    chosen: Mapping[str, float]
    quality: float
    gain: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """The hyperparameters as config.toml has them."""
        return ", ".join(f"{name} = {value:g}" for name, value in self.chosen.items())


def search_grid(search: SearchSpace) -> list[dict[str, float]]:
    """Every combination of the search space."""
    return [dict(zip(search.grid, values, strict=True)) for values in product(*search.grid.values())]


def tuning_weeks(contract: Contract, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of two weeks of three to learn from, and those of the third to judge by; both thinned evenly."""
    day = rows[contract.day]
    in_test = (day - day.min()).dt.days // BLOCK % EVERY == EVERY - 1
    return thin_rows(rows[~in_test], TUNING_ROWS), thin_rows(rows[in_test], TUNING_TEST_ROWS)


def tune_hyperparameters(
    project: "Workspace", rows: pd.DataFrame, spec: Model, candidates: Sequence[Mapping[str, float]]
) -> tuple[float, list[Candidate]]:
    """The AUC or R2 of the committed specification, and every candidate compared with it, the surest gain first."""
    problem = problem_of(project.contract)
    train, test = tuning_weeks(project.contract, rows)
    y, day = test[project.contract.target], test[project.contract.day]
    committed, committed_values = _fit_and_predict(project, train, test, spec), spec.hyperparameters
    base = problem.evaluate(y, committed, day, draws=1).quality.value
    compared = []
    for values in candidates:
        if {**committed_values, **values} != committed_values:
            answers = _fit_and_predict(project, train, test, spec.with_hyperparameters(values))
            gain = problem.compare(y, answers, committed, day, draws=DRAWS).quality
            compared.append(Candidate(values, base + gain.value, *gain))
    return base, sorted(compared, key=lambda candidate: -candidate.low)


def candidate_table(candidates: Sequence[Candidate], problem: Problem) -> pd.DataFrame:
    """The candidates to look at: hyperparameters, AUC or R2, gain over the committed ones with its interval."""
    name = problem.metrics[0]
    rows = [{**c.chosen, name: c.quality, "gain": c.gain, "low": c.low, "high": c.high} for c in candidates]
    return pd.DataFrame(rows).round(4)


def tuning_advice(base: float, candidates: Sequence[Candidate], margin: float, problem: Problem) -> str:
    """What to write into config.toml: the surest gain, if one is surely more than `margin`."""
    best = candidates[0] if candidates else None
    if best is None or best.low <= margin:
        committed = f"The committed hyperparameters have {problem.quality} {base:.3f}"
        return f"{committed}; no candidate is surely better by {margin:g}: keep them"
    gain = f"{best.gain:+.3f} {problem.quality} [{best.low:+.3f}, {best.high:+.3f}] over the committed {base:.3f}"
    return f"Write into [model] of config.toml: {best.words} ({gain}); then train"
