"""Clean variants of the project's own history, and the figures that [limits] judge, measured on each.

A variant learns from the days before a part of the history and is judged on that part, both drawn again by days, with a
seed of its own. Nothing is wrong with any of them: what a limit says about them are false alarms.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ..base.errors import InputError
from ..base.settings import Model
from ..bundle.signature import Scale
from ..contract.workspace import Workspace
from ..data.snapshots import split_features, thin_rows
from ..model import evaluation, training
from ..monitoring.distributions import prediction_shift
from ..registry import export
from ..serving import tracing
from ..serving.shadow import RARE
from . import alarms, alternatives, specification
from .alternatives import PARTS
from .model import upper_ends
from .speed import CERTAIN, STABILITY_ROWS

Floats = NDArray[np.float64]
Figures = dict[str, float]
ROWS, JUDGED = 60_000, 15_000  # of the whole history to learn from, of a part to judge; days count, not rows
# Parts that every variant has learned from: with two of six months, effects of weather turned round one time in three.
HALF = PARTS // 2
MIN_DAYS = 60  # of the history; a sixth of it is judged, and shows nothing when it is shorter than ten days


@dataclass(frozen=True)
class CleanVariant:
    """Rows to learn from, later rows to be judged on with their groups, and the specification with its own seed.

    `history` are rows of all days, for what looks at months together.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    groups: pd.DataFrame
    history: pd.DataFrame
    spec: Model


def draw_variants(project: Workspace, count: int, seed: int = 0) -> Iterator[CleanVariant]:
    """`count` variants of the labelled rows of both periods of [split]; InputError when these have too few days.

    Another `seed` draws others: what was derived from some is tried on those.
    """
    split, day, spec = split_features(project), project.contract.day, project.settings.model
    rows = pd.concat([split.train, split.test], ignore_index=True)
    days = np.sort(rows[day].unique())
    if len(days) < MIN_DAYS:
        hint = "choose longer periods: a variant holds a sixth of the days out"
        raise InputError(f"has {len(days)} labelled days, at least {MIN_DAYS} are needed", where="[split]", hint=hint)
    # Over all rows: what is a small community does not depend on a sample.
    groups = alternatives.assign_groups(project.contract, rows, project.settings.gates.groups)
    few, more = thin_rows(rows, ROWS), thin_rows(rows, JUDGED * PARTS)
    for number in range(count):
        part, order = HALF + number % (PARTS - HALF), np.random.default_rng([number, seed] if seed else number)
        start, end = (len(days) * edge // PARTS for edge in (part, part + 1))
        train, test = _days_drawn(few, day, days[:start], order), _days_drawn(more, day, days[start:end], order)
        yield CleanVariant(
            train.reset_index(drop=True),
            test.reset_index(drop=True),
            groups.loc[test.index].reset_index(drop=True),
            _days_drawn(few, day, days, order).reset_index(drop=True),
            spec.model_copy(update={"seed": _seed_of_model(spec.seed, number, seed)}),
        )


def _seed_of_model(own: int, number: int, seed: int) -> int:
    # Estimators take 32 bits, and a seed of the command may have more.
    return int(np.random.default_rng([seed, number]).integers(2**31)) if seed else own + number


def _days_drawn(rows: pd.DataFrame, name: str, days: NDArray[np.generic], order: np.random.Generator) -> pd.DataFrame:
    """All rows of as many days, some of them several times, in the order of time."""
    places = rows.groupby(name).indices
    drawn = pd.to_datetime(np.sort(order.choice(days, len(days))))
    return rows.iloc[np.concatenate([places[day] for day in drawn if day in places])]


@dataclass(frozen=True)
class FittedVariant:
    """A model of a variant, and one that has not seen the last sixth of its days: the version before it."""

    project: Workspace
    variant: CleanVariant

    @property
    def y(self) -> Floats:
        """The labels of the rows to be judged on, (rows,)."""
        return self.variant.test[self.project.contract.target].to_numpy(dtype=np.float64)

    @property
    def day(self) -> "pd.Series":
        """The day of each of these rows."""
        return self.variant.test[self.project.contract.day]

    @property
    def problem(self) -> evaluation.Problem:
        """How answers to the target are judged."""
        return evaluation.problem_of(self.project.contract)

    @cached_property
    def scale(self) -> Scale:
        """The unit in which limits are kept."""
        return self.problem.scale(self.variant.train[self.project.contract.target])

    @cached_property
    def pipeline(self) -> Pipeline:
        """The fitted model."""
        return self._fitted(self.variant.train)

    @cached_property
    def now(self) -> Floats:
        """Its answers to the rows to be judged on, (rows,)."""
        return self.predict(self.variant.test)

    @cached_property
    def before(self) -> Floats:
        """The answers of the version before it, (rows,)."""
        train = self.variant.train
        older = self._fitted(train.iloc[: len(train) * (PARTS - 1) // PARTS])
        return training.predict(older, self.variant.spec, self.variant.test)

    def predict(self, rows: pd.DataFrame) -> Floats:
        """The answers of the model to other rows."""
        return training.predict(self.pipeline, self.variant.spec, rows)

    def _fitted(self, rows: pd.DataFrame) -> Pipeline:
        return training.fit_pipeline(self.project, rows, self.variant.spec, self.project.settings.split.half_life)


def measure_variant(project: Workspace, variant: CleanVariant) -> Figures:
    """The figure of each limit that can be measured on this variant, by the limit's name."""
    fitted = FittedVariant(project, variant)
    return {name: value for measure in MEASURED for name, value in measure(fitted).items()}


def figures_of_training(fitted: FittedVariant) -> Figures:
    """The error against always saying the same; the largest move of an expected direction the wrong way."""
    tests, rows = fitted.project.settings.tests, fitted.variant.test
    trained = fitted.variant.train[fitted.project.contract.target]
    loss = evaluation.error_loss(fitted.problem, fitted.scale, fitted.y, fitted.now, trained)
    sample = thin_rows(rows, evaluation.SAMPLE)
    in_unit = evaluation.Unit(fitted.predict, fitted.scale)
    wrong = [
        -sign * evaluation.mean_change(in_unit, sample, name, *ends)
        for sign, expected in ((1, tests.rises_with), (-1, tests.falls_with))
        for name, ends in expected.items()
    ]
    return {"max_error_loss": loss, **({"max_reversal": max(wrong)} if wrong else {})}


def figures_of_alternatives(fitted: FittedVariant) -> Figures:
    """The loss by age, the sure gain of a simpler model, and that of the candidates of tuning."""
    project, train, spec = fitted.project, fitted.variant.train, fitted.variant.spec
    ages = alternatives.losses_by_age(project, fitted.variant.history, spec)
    old = ages[(ages["since"] > 0) & (ages["since"] <= project.settings.gates.max_age_days)]
    simple = alternatives.fit_simple(project, train, spec)
    answers = training.predict(simple, spec, fitted.variant.test)
    gain = fitted.problem.compare(fitted.y, answers, fitted.now, fitted.day).quality
    _, candidates = training.tune_hyperparameters(project, train, spec, project.search.quick)
    return {
        **({"max_age_loss": float(old["low"].max())} if len(old) else {}),
        "simpler_margin": gain.low,
        **({"tuning_margin": candidates[0].low} if candidates else {}),
    }


def figures_of_slices(fitted: FittedVariant) -> Figures:
    """How far the weakest slice is below all rows, and how far answers are off in a slice of the training rows."""
    contract, names, train = fitted.project.contract, fitted.project.settings.tests.slices, fitted.variant.train
    problem, unit = fitted.problem, fitted.scale.apply
    table = evaluation.slices(fitted.variant.test, names, fitted.y, fitted.now, fitted.day, problem)
    whole = problem.evaluate(fitted.y, fitted.now, fitted.day, draws=1).quality.value
    drop = {} if table.empty else {"max_slice_drop": float(whole - upper_ends(table, problem).min())}
    off = unit(fitted.predict(train)) - unit(train[contract.target])
    seen = specification.calibration_by_slice(contract, train, names, off, np.ones(len(train)))
    return {**drop, "max_slice_off": float(seen["gap"].iloc[1:].abs().max())}


def figures_of_groups(fitted: FittedVariant) -> Figures:
    """How far a group is surely above and below all rows."""
    threshold, least = fitted.variant.spec.threshold, fitted.project.settings.gates.min_group_size
    labels, answers = (fitted.scale.apply(values) for values in (fitted.y, fitted.now))
    y, groups = pd.Series(labels), fitted.variant.groups
    table = alternatives.measure_by_group(groups, y, answers, fitted.day, threshold, least)
    if table.empty:
        return {}
    missed = {} if fitted.problem.regression else {"max_group_missed": float(-table["recall_high"].min())}
    return {
        "max_group_over": float(table["gap_low"].max()),
        "max_group_under": float(-table["gap_high"].min()),
        **missed,
    }


def figures_of_versions(fitted: FittedVariant) -> Figures:
    """The model beside the version before it: quality, distribution of the answers, decisions."""
    labels, of_now, of_before = map(fitted.scale.apply, (fitted.y, fitted.now, fitted.before))
    change, threshold = fitted.problem.compare(labels, of_now, of_before, fitted.day), fitted.variant.spec.threshold
    decides = np.inf if threshold is None else threshold
    now, before = (alarms.version_side(labels, answers, decides) for answers in (of_now, of_before))
    factor = {} if threshold is None else {"max_decision_factor": decision_factor(now.decisions, before.decisions)}
    return {
        "max_quality_worse": -change.quality.high,
        "max_error_worse": change.error.low,
        "max_gap_worse": abs(now.gap) - abs(before.gap),
        **factor,
        "max_version_psi": prediction_shift(fitted.before, fitted.now),
        "max_shadow_shift": abs(float(of_now.mean() - of_before.mean())),
    }


def decision_factor(now: float, before: float) -> float:
    """The least factor by which the shares of decisions may differ so that Monitoring 7 does not say so."""
    if now <= max(before, RARE):
        return 1.0 if now >= before else before / now if now else float("inf")
    return now / before if before else float("inf")


def figures_of_numbers(fitted: FittedVariant) -> Figures:
    """The largest step of the model's sum, and the share of its answers that claim certainty."""
    names = list(fitted.variant.spec.features)
    inputs = fitted.pipeline.named_steps["encoder"].transform(thin_rows(fitted.variant.test, STABILITY_ROWS)[names])
    with TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        file.write_bytes(export.to_onnx(fitted.pipeline))
        largest = {"max_step": tracing.largest_step(file, np.asarray(inputs, dtype=np.float32)) / fitted.scale.width}
    if fitted.problem.regression:
        return largest
    sure = (fitted.now < CERTAIN) | (fitted.now > 1 - CERTAIN)
    return {**largest, "max_certain": float(sure.mean())}


MEASURED: tuple[Callable[[FittedVariant], Mapping[str, float]], ...] = (
    figures_of_training,
    figures_of_alternatives,
    figures_of_slices,
    figures_of_groups,
    figures_of_versions,
    figures_of_numbers,
)
