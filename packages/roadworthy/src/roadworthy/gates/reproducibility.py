"""Small models trained again: from an excerpt, and from invented rows of known answer; nothing may differ."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score
from sklearn.pipeline import Pipeline

from ..base.settings import Model
from ..bundle import bundle
from ..bundle.signature import Scale, Signature
from ..contract.schema import Column, Contract
from ..contract.workspace import Workspace
from ..data import snapshots
from ..model import estimators, training
from ..registry import export
from .bench import Bench

TRAINING_ROWS = 15_000
FEW_TREES = 40  # what depends on chance does so from the first tree on
TRAIN_DAYS, TEST_DAYS = 28, 14
ENOUGH = 700  # rows that each period should hold: as many as are asked, and some without a label
CATEGORIES = ("AA", "BB", "CC", "DD")
NULLS = 0.2
UNSEEN = "??"
DAYS = 60
Rule = Callable[[pd.DataFrame], NDArray[np.bool_]]
INVENTED_ROWS = 1500
SPEC_TREES = (1, 5, 20)
LEAVES = 4


@dataclass(frozen=True)
class SmallTraining:
    """What one training made: a sum over each row of features in their order, and an answer for each row it took."""

    rows: NDArray[np.uint64]
    answers: NDArray[np.float64]


def train_small(
    project: Workspace, snapshot: Path, period: snapshots.Period, spec: Model, threads: int
) -> SmallTraining:
    """Features by a number of DuckDB's threads, a training on about `TRAINING_ROWS` of them, its answers.

    More threads may give rows in another order, unless the SQL says which.
    """
    connection = snapshots.connect_snapshot(project, snapshot)
    connection.execute(f"set threads = {threads}")
    frame = snapshots.make_features(project, connection)
    rows = snapshots.labelled_rows(project.contract, frame, period)
    rows = snapshots.thin_rows(rows, TRAINING_ROWS)
    small = spec.with_fewer_trees(FEW_TREES)
    answers = training.predict(training.fit_pipeline(project, rows, small), small, rows)
    return SmallTraining(np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64), answers)


def changed_rows(one: SmallTraining, two: SmallTraining) -> int:
    """How many rows of features differ, or stand elsewhere."""
    shorter, longer = sorted((len(one.rows), len(two.rows)))
    return int((one.rows[:shorter] != two.rows[:shorter]).sum()) + longer - shorter


def answer_difference(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """The largest difference of answers; infinite when there are more of one than of the other."""
    return float(np.abs(one - two).max()) if len(one) == len(two) else float("inf")


def excerpt_periods(bench: Bench) -> tuple[snapshots.Period, snapshots.Period]:
    """The last four weeks of the training period that have rows, and the first two of the test period.

    Where so few days hold less than `ENOUGH` rows, as many days as hold them.
    """
    settings = bench.config.split
    train, test = bench.split.train[bench.contract.day], bench.split.test[bench.contract.day]
    end, start = (
        min(settings.train[1], _date(train.max()) + timedelta(days=1)),
        max(settings.test[0], _date(test.min())),
    )
    first, last = train.sort_values().iloc[-ENOUGH:].iloc[0], test.sort_values().iloc[:ENOUGH].iloc[-1]
    since = min(end - timedelta(days=TRAIN_DAYS), _date(first))
    until = max(start + timedelta(days=TEST_DAYS), _date(last) + timedelta(days=1))
    return (since, end), (start, until)


def excerpt_folder(bench: Bench) -> Path:
    """The folder of the excerpt, made once: repaired tables without the quarantined rows, with their sums.

    Tables with a time hold the days of both periods, those before that go into features, and one more after them; the
    others are whole.
    """
    folder = bench.scratch / "excerpt"
    if not folder.exists():
        history = timedelta(days=max(1, bench.config.gates.history_days))
        spans = [(start - history, end + timedelta(days=1)) for start, end in excerpt_periods(bench)]
        folder.mkdir(parents=True)
        for table in bench.contract.tables:
            inside = " or ".join(f"\"{table.time}\" >= '{a}' and \"{table.time}\" < '{b}'" for a, b in spans)
            where = f"where {inside}" if table.time else ""
            target = (folder / f"{table.name}.parquet").as_posix().replace("'", "''")
            bench.connection.execute(f"copy (select * from \"{table.name}\" {where}) to '{target}' (format parquet)")
        snapshots.seal_snapshot(folder)
    return folder


def _date(moment: pd.Timestamp) -> date:
    return moment.date()


@dataclass(frozen=True)
class SpecTests:
    """What came out. `reached`: whether a change of a field of the specification arrives in the estimator.

    `sizes` are asked for and found, of trees and leaves, where they are settings; `losses` on the training rows: those
    of `learning_losses`; `learned` the AUC for each planted rule on new rows; `unusual` the answers to unseen
    categories and to nothing but missing values; `misplaced` the features that the pipeline and the exported signature
    encode differently.
    """

    reached: Mapping[str, bool]
    sizes: Mapping[str, tuple[int, int]]
    losses: tuple[float, ...]
    learned: Mapping[str, float]
    unusual: tuple[float, ...]
    misplaced: tuple[str, ...]
    regression: bool = False


def run_spec_tests(project: Workspace, spec: Model) -> SpecTests:
    """Build, fit and ask small models of this specification."""
    categories, numbers = training.model_inputs(spec, project.contract.features)
    rules = planted_rules(categories, numbers)
    first = next(iter(rules.values()))
    rows = invented_rows(project.contract, INVENTED_ROWS, first, seed=1)
    y = rows[project.contract.target]
    # The invented rules have no noise: a curve on top of the score has nothing to correct.
    plain = spec.model_copy(update={"calibration": "none"})
    fitted = [training.fit_pipeline(project, rows, each) for each in growing(plain)]
    return SpecTests(
        reached={name: field_reaches(project, spec, name) for name in ("seed", *spec.hyperparameters)},
        sizes=tree_sizes(project, rows, plain),
        losses=learning_losses(
            project.contract,
            y,
            [training.predict(each, spec, rows) for each in fitted],
            averaged=_is_average(fitted[-1]),
        ),
        learned={name: learned_auc(project, spec, rule) for name, rule in rules.items()},
        unusual=unusual_answers(project, fitted[-1], spec, rows),
        misplaced=tuple(misplaced_features(project.contract, fitted[-1], spec, rows)),
        regression=project.contract.regression,
    )


def growing(spec: Model) -> list[Model]:
    """The specification with more and more trees; as it is where their number is no setting."""
    return [spec.with_hyperparameters({"max_iter": count}) for count in SPEC_TREES] if spec.max_iter else [spec]


def learning_losses(
    contract: Contract, y: ArrayLike, answers: Sequence[NDArray[np.float64]], *, averaged: bool
) -> tuple[float, ...]:
    """The log losses, of numbers squared errors, that must fall: of boosting after each number of trees.

    Of trees that are averaged that of the base rate and that of all trees: one tree may be better by luck than twenty.
    """
    labels = np.asarray(y, dtype=np.float64)
    compared = [np.full(len(labels), labels.mean()), answers[-1]] if averaged and len(answers) > 1 else answers
    loss = mean_squared_error if contract.regression else log_loss
    return tuple(float(loss(labels, each)) for each in compared)


def _is_average(fitted: Pipeline) -> bool:
    # By name: the class itself is a private one of scikit-learn, of classifiers and of regressors.
    return any(kind.__name__ == "BaseForest" for kind in type(training.fitted_estimator(fitted)).__mro__)


def tree_sizes(project: Workspace, rows: pd.DataFrame, spec: Model) -> dict[str, tuple[int, int]]:
    """How many trees and leaves a small model is asked for and has; nothing for a model without such settings."""
    asked = {"max_iter": SPEC_TREES[1], "max_leaf_nodes": LEAVES}
    asked = {name: value for name, value in asked.items() if name in spec.hyperparameters}
    pipeline = training.fit_pipeline(project, rows, spec.with_hyperparameters(asked))
    made_of = estimators.read_sum(training.fitted_estimator(pipeline), pipeline.named_steps["inputs"])
    if not isinstance(made_of, estimators.TreeSum):
        return {}
    found = {"max_iter": len(made_of.trees), "max_leaf_nodes": max(int(tree.leaf.sum()) for tree in made_of.trees)}
    return {name: (value, found[name]) for name, value in asked.items()}


def invented_rows(contract: Contract, rows: int, rule: Rule, seed: int) -> pd.DataFrame:
    """Every column of the features, drawn evenly and independently, a fifth of the values missing; the label by `rule`.

    Rows stand in the order of time. Numbers lie within the contract's limits, categories are the allowed ones or
    `CATEGORIES`.
    """
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({column.name: _column(column, rows, draw) for column in contract.features.columns})
    return frame.assign(**{contract.target: rule(frame).astype(float)})


def _column(column: Column, rows: int, draw: np.random.Generator) -> object:
    if column.kind in {"date", "time"}:
        days = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.sort(draw.integers(0, DAYS, rows)), unit="D")
        return days if column.kind == "date" else days.tz_localize("UTC")
    if column.kind == "text":
        return [f"{column.name} {i}" for i in range(rows)]
    missing = draw.random(rows) < NULLS
    if column.kind == "category":
        values = draw.choice(np.array(column.allowed or CATEGORIES, dtype=object), rows)
        return pd.Series(values, dtype="str").mask(missing)
    low, high = column.low or 0.0, 100.0 if column.high is None else column.high
    # Of whole numbers the highest is one too: of 0 and 1, both.
    numbers = np.floor(draw.uniform(low, high + 1, rows)) if column.kind == "integer" else draw.uniform(low, high, rows)
    return np.where(missing, np.nan, numbers)


def planted_rules(categories: list[str], numbers: list[str]) -> dict[str, Rule]:
    """A rule for each kind of input: a number's size, which category, whether a number or a category is missing."""
    rules: dict[str, Rule] = {}
    for name in numbers[:1]:
        rules |= {"a number": partial(_large, name), "a missing number": partial(_missing, name)}
    for name in categories[:1]:
        rules |= {"a category": partial(_every_other, name), "a missing category": partial(_missing, name)}
    return rules


def _large(name: str, frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(frame[name] > frame[name].mean())  # of 0 and 1 the median may be 1, and nothing above it


def _missing(name: str, frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(frame[name].isna())


def _every_other(name: str, frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(frame[name].isin(sorted(frame[name].dropna().unique())[::2]))


def field_reaches(project: Workspace, spec: Model, name: str) -> bool:
    """Whether other values of a field are found again in a parameter of the estimator."""
    value, before = spec.hyperparameters.get(name, spec.seed), _parameters(project, spec)
    for other in (value / 2, value / 3) if isinstance(value, float) else (value + 1, 2 * value + 3):
        changed = spec.model_copy(update={name: other}) if name == "seed" else spec.with_hyperparameters({name: other})
        after = _parameters(project, changed)
        if not any(after[each] == other for each in after if repr(after[each]) != repr(before[each])):
            return False
    return True


def _parameters(project: Workspace, spec: Model) -> dict[str, Any]:
    return dict(training.build_pipeline(project, spec).named_steps["estimator"].get_params())


def learned_auc(project: Workspace, spec: Model, rule: Rule) -> float:
    """The AUC on new rows of a model that saw the rule in others."""
    old, new = (invented_rows(project.contract, INVENTED_ROWS, rule, seed=seed) for seed in (1, 2))
    small = growing(spec.model_copy(update={"calibration": "none"}))[-1]
    answers = training.predict(training.fit_pipeline(project, old, small), small, new)
    return float(roc_auc_score(new[project.contract.target], answers))


def unusual_answers(project: Workspace, pipeline: Pipeline, spec: Model, rows: pd.DataFrame) -> tuple[float, ...]:
    """The answers to a row of unseen categories and to one in which everything is missing."""
    categories, numbers = training.model_inputs(spec, project.contract.features)
    unseen = rows.iloc[:1].assign(**dict.fromkeys(categories, UNSEEN))
    empty = rows.iloc[:1].assign(**dict.fromkeys(categories), **dict.fromkeys(numbers, np.nan))
    return tuple(float(training.predict(pipeline, spec, each)[0]) for each in (unseen, empty))


def misplaced_features(contract: Contract, pipeline: Pipeline, spec: Model, rows: pd.DataFrame) -> list[str]:
    """The features whose column of X is not what the signature of the export says.

    Columns are handed over in another order than in training: the pipeline takes them by name.
    """
    encoded = np.asarray(pipeline.named_steps["encoder"].transform(rows[list(reversed(spec.features))]))
    signature = export.signature_of(contract, spec, training.seen_categories(pipeline), Scale())
    described = Signature.parse(json.dumps(signature)).features
    if len(described) != encoded.shape[1] or {each.name for each in described} != set(spec.features):
        return sorted({*spec.features} ^ {each.name for each in described}) or ["the number of columns"]
    columns = bundle.frame_columns(rows, [each.name for each in described])
    same = [
        np.array_equal(each.encode(columns[each.name]), encoded[:, i], equal_nan=True)
        for i, each in enumerate(described)
    ]
    return [each.name for each, right in zip(described, same, strict=True) if not right]
