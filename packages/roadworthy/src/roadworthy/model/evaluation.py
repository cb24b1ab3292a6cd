"""How good predictions are, with intervals by day blocks, and the tests of a trained model that follow from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..base.errors import InputError, Verdict
from ..base.settings import DEFAULT_LIMITS, FILE, Limits, Tests
from ..bundle.signature import Scale
from ..contract.schema import Contract
from ..contract.workspace import METRICS, OF_CLASSES, OF_NUMBERS

Floats = NDArray[np.float64]
Metrics = Mapping[str, Callable[..., float]]
Predict = Callable[[pd.DataFrame], Floats]
# Days are drawn and never rows, for those of one day are alike: by rows the AUC of a month seemed sure to .008, by days
# it was anything from .62 to .70.
DRAWS = 500  # of the days, for an interval
LEVEL = 0.95
MIN_CLASS = 30  # rows of either class in a slice; with fewer, nothing can be said about it; of numbers as many in all
# Behaviour shows on a few thousand rows; the whole test set would only take longer.
SAMPLE = 4000
# Where [tests] max_auc_alone is not set. The strongest honest feature of the course has .62 alone, one that leaks .87.
MAX_AUC_ALONE = 0.80
# The same for numbers: the share of their ranks' variance that one feature explains (Spearman 1904, squared).
MAX_R2_ALONE = 0.95
SCALED = " of two standard deviations"  # the unit of limits on numbers, see `Scale`
UNSEEN = "??"  # stands for a category that training has not seen


class Interval(NamedTuple):
    """A figure with the bounds of its 95% interval."""

    value: float
    low: float
    high: float


class _Figures:
    """What evaluations and differences of either problem have: `quality`, where more is better, and `error`."""

    QUALITY: ClassVar[str]
    ERROR: ClassVar[str]

    @property
    def quality(self) -> Interval:
        """AUC or R2."""
        return self.interval(self.QUALITY)

    @property
    def error(self) -> Interval:
        """Brier score or mean absolute error."""
        return self.interval(self.ERROR)

    @property
    def better(self) -> bool:
        """Of a difference, whether the first model is better, beyond chance."""
        return self.quality.low > 0

    def interval(self, name: str) -> Interval:
        """The metric of that name."""
        return Interval(*(getattr(self, f"{name}{bound}") for bound in ("", "_low", "_high")))


class _OfClasses(_Figures):
    QUALITY, ERROR = "auc", "brier"


class _OfNumbers(_Figures):
    QUALITY, ERROR = "r2", "mae"


@dataclass(frozen=True)
class Evaluation(_OfClasses):
    """Metrics of probabilities against labels; `_low` and `_high` bound the 95% interval by day blocks."""

    rows: int
    days: int
    base_rate: float
    mean_prediction: float
    auc: float
    auc_low: float
    auc_high: float
    brier: float
    brier_low: float
    brier_high: float
    log_loss: float
    log_loss_low: float
    log_loss_high: float
    own: Mapping[str, float] = field(default_factory=dict)

    @property
    def mean_label(self) -> float:
        """The mean of the labels."""
        return self.base_rate

    def to_dict(self) -> dict[str, float]:
        """The metrics by name, those of the project beside the library's."""
        return _flat(self)


@dataclass(frozen=True)
class NumberEvaluation(_OfNumbers):
    """Metrics of predicted numbers against the true ones, the errors in the unit of the target; intervals as above.

    `r2` is 1 - mean squared error / variance of the labels: 0 says no better than their mean.
    """

    rows: int
    days: int
    mean_target: float
    mean_prediction: float
    r2: float
    r2_low: float
    r2_high: float
    mae: float
    mae_low: float
    mae_high: float
    rmse: float
    rmse_low: float
    rmse_high: float
    own: Mapping[str, float] = field(default_factory=dict)

    @property
    def mean_label(self) -> float:
        """The mean of the labels."""
        return self.mean_target

    def to_dict(self) -> dict[str, float]:
        """The metrics by name, those of the project beside the library's."""
        return _flat(self)


def _flat(evaluation: "Evaluation | NumberEvaluation") -> dict[str, float]:
    figures = asdict(evaluation)
    own = figures.pop("own")
    return {**figures, **own}


@dataclass(frozen=True)
class Difference(_OfClasses):
    """A paired difference of two models on the same days; it is one only if its interval leaves out 0."""

    auc: float
    auc_low: float
    auc_high: float
    brier: float
    brier_low: float
    brier_high: float


@dataclass(frozen=True)
class NumberDifference(_OfNumbers):
    """The same of two models that predict numbers."""

    r2: float
    r2_low: float
    r2_high: float
    mae: float
    mae_low: float
    mae_high: float


class _Resampled(Protocol):
    """Sums per day of labels and answers, from which a metric of any resample of days follows."""

    @property
    def names(self) -> NDArray[Any]:
        """The days."""

    @property
    def rows(self) -> NDArray[Any]:
        """How many rows there are on each."""

    @property
    def labels(self) -> NDArray[Any]:
        """The sum of their labels."""

    @property
    def scores(self) -> NDArray[Any]:
        """The sum of the answers."""

    def metric(self, name: str, weights: Floats) -> Floats:
        """A metric of each resample; `weights` is (draws, days): how often each day was drawn."""


@dataclass(frozen=True)
class Problem:
    """How answers to one kind of target are judged: yes or no, or a number.

    `quality` and `error` are words for these figures; `no_skill` is the quality of always saying the same.
    """

    metrics: tuple[str, ...]
    quality: str
    error: str
    no_skill: float
    blocks: Callable[[ArrayLike, ArrayLike, ArrayLike], _Resampled]
    evaluation: Callable[..., Evaluation | NumberEvaluation]
    difference: Callable[..., Difference | NumberDifference]
    regression: bool = False

    def evaluate(
        self,
        y: ArrayLike,
        p: ArrayLike,
        day: ArrayLike,
        *,
        draws: int = DRAWS,
        seed: int = 0,
        own: Metrics | None = None,
    ) -> Evaluation | NumberEvaluation:
        """All metrics of answers `p` for labels `y`, each of shape (rows,); `day` names the block of each row.

        `own` are the project's metrics by name, functions of labels and answers. ValueError when there are no rows.
        """
        blocks = self.blocks(y, p, day)
        whole, weights = _resamples(len(blocks.names), draws, seed)
        rows = blocks.rows.sum()
        intervals = [_interval(blocks.metric(name, whole), blocks.metric(name, weights)) for name in self.metrics]
        return self.evaluation(
            int(rows),
            len(blocks.names),
            float(blocks.labels.sum() / rows),
            float(blocks.scores.sum() / rows),
            *(bound for interval in intervals for bound in interval),
            {name: float(metric(np.asarray(y), np.asarray(p))) for name, metric in (own or {}).items()},
        )

    def compare(
        self, y: ArrayLike, p: ArrayLike, other: ArrayLike, day: ArrayLike, *, draws: int = DRAWS, seed: int = 0
    ) -> Difference | NumberDifference:
        """How much better `p` is than `other` on the same rows: differences p - other, paired by resampled days."""
        return self.compare_several(y, p, [other], day, draws=draws, seed=seed)[0]

    def compare_several(
        self,
        y: ArrayLike,
        p: ArrayLike,
        others: Iterable[ArrayLike],
        day: ArrayLike,
        *,
        draws: int = DRAWS,
        seed: int = 0,
    ) -> list[Difference | NumberDifference]:
        """`compare` with each of several others; what they share is computed once."""
        blocks = self.blocks(y, p, day)
        whole, weights = _resamples(len(blocks.names), draws, seed)
        names = self.metrics[:2]
        mine = [(blocks.metric(name, whole), blocks.metric(name, weights)) for name in names]
        differences = []
        for other in others:
            theirs = self.blocks(y, other, day)
            pairs = zip(names, mine, strict=True)
            intervals = [
                _interval(at - theirs.metric(name, whole), draw - theirs.metric(name, weights))
                for name, (at, draw) in pairs
            ]
            differences.append(self.difference(*(bound for interval in intervals for bound in interval)))
        return differences

    @property
    def fewest(self) -> str:
        """What `enough` asks for, in words."""
        return f"{2 * MIN_CLASS} rows" if self.regression else f"{MIN_CLASS} rows of both classes"

    def enough(self, labels: NDArray[Any]) -> bool:
        """Whether something can be said by so many labels, (rows,)."""
        positive = int(labels.sum()) if not self.regression else len(labels) // 2
        return min(positive, len(labels) - positive) >= MIN_CLASS

    def evaluation_of(self, figures: Mapping[str, float]) -> Evaluation | NumberEvaluation:
        """The evaluation whose `to_dict` gave `figures`."""
        own = {name: value for name, value in figures.items() if name not in METRICS}
        return self.evaluation(**{name: value for name, value in figures.items() if name in METRICS}, own=own)

    def scale(self, labels: ArrayLike) -> Scale:
        """The unit in which limits are kept, by the labels of training."""
        return Scale.of(np.asarray(labels, dtype=np.float64)) if self.regression else Scale()


def evaluate(
    y: ArrayLike, p: ArrayLike, day: ArrayLike, *, draws: int = DRAWS, seed: int = 0, own: Metrics | None = None
) -> Evaluation:
    """ROC AUC, Brier score and log loss of probabilities `p` for labels `y` (0 or 1), each of shape (rows,).

    `day` names the block of each row. `own` are the project's metrics by name, functions of labels and probabilities.
    ValueError when there are no rows. The AUC is NaN when one class is missing.

    >>> evaluation = evaluate([0, 1, 0, 1], [0.1, 0.8, 0.3, 0.2], day=[1, 1, 2, 2])
    >>> evaluation.auc, round(evaluation.brier, 3)
    (0.75, 0.195)
    """
    result = CLASSIFICATION.evaluate(y, p, day, draws=draws, seed=seed, own=own)
    assert isinstance(result, Evaluation)  # noqa: S101 - for the type checker
    return result


def compare(
    y: ArrayLike, p: ArrayLike, other: ArrayLike, day: ArrayLike, *, draws: int = DRAWS, seed: int = 0
) -> Difference:
    """How much better `p` is than `other` on the same rows: differences p - other, paired by resampled days.

    >>> labels, days = [0, 1, 0, 1], [1, 1, 2, 2]
    >>> compare(labels, [0.1, 0.8, 0.3, 0.9], [0.5, 0.5, 0.5, 0.5], days).auc
    0.5
    """
    result = CLASSIFICATION.compare(y, p, other, day, draws=draws, seed=seed)
    assert isinstance(result, Difference)  # noqa: S101 - for the type checker
    return result


def slices(
    frame: pd.DataFrame,
    names: Iterable[str],
    y: ArrayLike,
    p: ArrayLike,
    day: ArrayLike,
    problem: Problem | None = None,
) -> pd.DataFrame:
    """One evaluation for each value of each named column, the weakest upper bound of the quality first.

    Slices with fewer than 30 rows of either class are left out, of numbers those with fewer than 60. Without a
    `problem` the labels are yes or no.

    >>> frame = pd.DataFrame({"site": ["A"] * 80 + ["B"] * 10})
    >>> labels = [0, 1] * 45
    >>> table = slices(frame, ["site"], labels, labels, day=[1, 1, 2, 2, 3, 3] * 15)
    >>> table[["slice", "rows", "auc"]].to_dict("records")
    [{'slice': 'site = A', 'rows': 80, 'auc': 1.0}]
    """
    labels, scores, days, judge = np.asarray(y), np.asarray(p), np.asarray(day), problem or CLASSIFICATION
    rows = [
        {"slice": name, **judge.evaluate(labels[mask], scores[mask], days[mask]).to_dict()}
        for name, mask in slice_masks(frame, names, labels, judge)
    ]
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=["slice", *METRICS])
    return table.sort_values(f"{judge.metrics[0]}_high", ignore_index=True)


def slice_masks(
    frame: pd.DataFrame, names: Iterable[str], labels: NDArray[np.generic], problem: Problem
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each slice with enough rows, of both classes too: a column with its value as text, and which rows are in it."""
    names = tuple(names)
    require_columns("[tests] slices", names, frame.columns)
    for name in names:
        column = frame[name].to_numpy()
        for value in pd.unique(frame[name].dropna()):
            mask = np.asarray(column == value)
            if problem.enough(labels[mask]):
                yield f"{name} = {value}", mask


def require_columns(setting: str, names: Iterable[str], there: Iterable[str], what: str = "column") -> None:
    """Raise InputError for a name in a setting that is none of those that are there."""
    known = list(there)
    if unknown := [name for name in names if name not in known]:
        hint = f"features.sql and the feature steps make: {', '.join(known)}"
        raise InputError(f"there is no {what} {unknown[0]!r}", where=f"{FILE}: {setting}", hint=hint)


def require_tested_columns(config: Tests, rows: pd.DataFrame) -> None:
    """Raise InputError when a model test names a column that the rows do not have, or one that cannot rise."""
    numbers = [str(name) for name in rows if pd.api.types.is_numeric_dtype(rows[name])]
    require_columns("[tests] slices", config.slices, rows.columns)
    require_columns("[tests] invariant", config.invariant, rows.columns)
    require_columns("[tests.rises_with]", config.rises_with, numbers, "column of numbers")
    require_columns("[tests.falls_with]", config.falls_with, numbers, "column of numbers")


def run_model_tests(
    contract: Contract,
    predict: Predict,
    train: pd.DataFrame,
    test: pd.DataFrame,
    features: Sequence[str],
    config: Tests,
    *,
    answers: Floats,
    limits: Limits = DEFAULT_LIMITS,
) -> list[Verdict]:
    """Every test of the model on labelled rows it has not seen (`test`), in a fixed order.

    `answers` are what `predict` says about the test rows: whoever evaluates the model has them already. Raises
    InputError when the settings name a column that is not there.
    """
    require_tested_columns(config, test)
    target, problem = contract.target, problem_of(contract)
    y, day = test[target].to_numpy(), test[contract.day].to_numpy()
    sample = test.sample(min(SAMPLE, len(test)), random_state=0)
    scale = problem.scale(train[target])
    in_unit, unit = Unit(predict, scale), SCALED * problem.regression
    loss = error_loss(problem, scale, y, answers, train[target])
    by_slice = slices(test, config.slices, y, answers, day, problem)
    return [
        has_learned(problem, problem.evaluate(y, answers, day), loss, limits.max_error_loss),
        known_in_time(contract, features),
        no_leak(contract, test, features, most_alone(problem, config)),
        # Without one it is no test of the training; the gate Model 6 asks why there is none.
        *([every_slice(by_slice, least_of_slice(problem, config), problem)] if config.slices else []),
        *[is_invariant(in_unit, sample, name, config.max_invariance, unit) for name in config.invariant],
        *_directions(in_unit, sample, config, limits.max_reversal, unit),
        minimal_functionality(contract, predict, sample),
    ]


@dataclass(frozen=True)
class Unit:
    """A prediction in the unit in which limits are kept."""

    predict: Predict
    scale: Scale

    def __call__(self, rows: pd.DataFrame) -> Floats:
        """The scaled answers to rows, (rows,)."""
        return self.scale.apply(self.predict(rows))


def most_alone(problem: Problem, config: Tests) -> float:
    """What one feature may say alone: an AUC, or a share of the variance."""
    chosen, default = (
        (config.max_r2_alone, MAX_R2_ALONE) if problem.regression else (config.max_auc_alone, MAX_AUC_ALONE)
    )
    return default if chosen is None else chosen


def least_of_slice(problem: Problem, config: Tests) -> float:
    """The floor of the quality of a slice."""
    chosen = config.min_r2_slice if problem.regression else config.min_auc_slice
    return problem.no_skill if chosen is None else chosen


def _directions(predict: Predict, rows: pd.DataFrame, config: Tests, limit: float, unit: str) -> Iterator[Verdict]:
    for sign, expected in ((1, config.rises_with), (-1, config.falls_with)):
        for name, ends in expected.items():
            yield moves_as_expected(predict, rows, name, *ends, sign=sign, limit=limit, unit=unit)


def has_learned(problem: Problem, result: Evaluation | NumberEvaluation, loss: float, limit: float) -> Verdict:
    """The AUC is above .5 beyond chance, the Brier score less than `limit` above that of always saying the base rate.

    Of numbers: R2 is above 0, and the mean absolute error not so much above that of always saying the median.
    When the base rate has moved (2023: from .25 to .20), every honest model loses by it, up to .004 on days drawn
    again: the monitors of calibration are the ones to ring. A model that has learned nothing loses by its AUC.
    """
    value, low, high = result.quality
    passed = low > problem.no_skill and loss < limit
    what = "the median" if problem.regression else "the base rate"
    evidence = f"{problem.quality} {value:.3f} [{low:.3f}, {high:.3f}], {problem.error} {loss:+.4f}"
    return Verdict(f"better than {what}", passed, f"{evidence}{SCALED * problem.regression} against {what}")


def error_loss(problem: Problem, scale: Scale, y: Floats, p: Floats, trained: ArrayLike) -> float:
    """The Brier score less that of always saying the base rate of training; negative where the model is better.

    Of numbers the mean absolute error less that of always saying their median, in the unit of limits.
    """
    if problem.regression:
        constant = np.full(len(y), np.median(np.asarray(trained, dtype=np.float64)))
        errors = [float(np.abs(scale.apply(each) - scale.apply(y)).mean()) for each in (p, constant)]
    else:
        errors = [float(np.mean((each - y) ** 2)) for each in (p, np.full(len(y), np.mean(np.asarray(trained))))]
    return errors[0] - errors[1]


def known_in_time(contract: Contract, features: Sequence[str]) -> Verdict:
    """No feature is one that the contract marks as known only afterwards."""
    after = [column.name for column in contract.features.columns if column.name in features and column.known == "after"]
    evidence = f"known only afterwards: {', '.join(after)}" if after else f"{len(features)} features, all known before"
    return Verdict("known at the prediction time", not after, evidence)


def no_leak(contract: Contract, test: pd.DataFrame, features: Sequence[str], limit: float = MAX_AUC_ALONE) -> Verdict:
    """No numeric feature alone ranks the rows better than an honest one can."""
    problem = problem_of(contract)
    strongest, value = strongest_alone(contract, test, features)
    highest, what = f"at most {limit:.2f} is credible", "R2 of ranks" if problem.regression else "AUC"
    evidence = f"the strongest feature alone is {strongest} with {what} {value:.2f}, {highest}"
    return Verdict("no feature gives the answer away", value <= limit, evidence)


def strongest_alone(contract: Contract, rows: pd.DataFrame, features: Sequence[str]) -> tuple[str, float]:
    """The number among the features that ranks the rows best by itself, and how well; "" where there is none."""
    problem = problem_of(contract)
    ranked = _r2_alone if problem.regression else _auc_alone
    alone = {name: ranked(contract, rows, name) for name in features if pd.api.types.is_numeric_dtype(rows[name])}
    strongest = max(alone, key=lambda name: alone[name], default="")
    return strongest, alone.get(strongest, problem.no_skill)


def every_slice(slices: pd.DataFrame, floor: float, problem: Problem) -> Verdict:
    """The weakest slice reaches the floor; judged by its interval's upper end, so that none is failed for its size."""
    if slices.empty:
        return Verdict("quality on every slice", None, f"no slice by [tests] slices has {problem.fewest}")
    worst, name = slices.iloc[0], problem.metrics[0]
    value, low, high = (worst[f"{name}{bound}"] for bound in ("", "_low", "_high"))
    evidence = f"{worst['slice']}: {problem.quality} {value:.3f} [{low:.3f}, {high:.3f}], floor {floor:.2f}"
    return Verdict("quality on every slice", bool(high >= floor), evidence)


def is_invariant(predict: Predict, rows: pd.DataFrame, name: str, limit: float, unit: str = "") -> Verdict:
    """Shuffling a feature that should hardly matter hardly changes the prediction (median absolute change)."""
    shuffled = rows.assign(**{name: rows[name].sample(frac=1, random_state=1).to_numpy()})
    change = float(np.median(np.abs(predict(shuffled) - predict(rows))))
    return Verdict(f"invariant to {name}", change <= limit, f"median change {change:.4f}{unit}, at most {limit:g}")


def moves_as_expected(
    predict: Predict, rows: pd.DataFrame, name: str, low: float, high: float, *, sign: int, limit: float, unit: str = ""
) -> Verdict:
    """Moving a feature from `low` to `high`, all else equal, moves the mean prediction up (`sign` 1) or down (-1).

    Red when it does nothing, or when it goes the other way by `limit`, that is by more than chance. A range that half
    of the year has seen tells more than the extremes, which a few days decide.
    """
    change = mean_change(predict, rows, name, low, high)
    word = "rises" if sign > 0 else "falls"
    passed = change != 0 and change * sign > -limit
    return Verdict(f"{word} with {name}", passed, f"mean change {change:+.3f}{unit} from {low:g} to {high:g}")


def mean_change(predict: Predict, rows: pd.DataFrame, name: str, low: float, high: float) -> float:
    """By how much the mean prediction moves when a feature goes from `low` to `high` in all rows."""
    return float(np.mean(predict(rows.assign(**{name: high})) - predict(rows.assign(**{name: low}))))


def minimal_functionality(contract: Contract, predict: Predict, rows: pd.DataFrame) -> Verdict:
    """Finite answers, probabilities inside [0, 1], for rows as they come and with every nullable value missing."""
    both = np.concatenate([predict(rows), predict(without_values(contract, rows))])
    inside = contract.regression or (both.min() >= 0 and both.max() <= 1)
    what = "predictions" if contract.regression else "probabilities"
    evidence = f"{len(both):,} {what} from {both.min():.3f} to {both.max():.3f}, missing values included"
    passed = bool(np.isfinite(both).all() and inside)
    return Verdict("minimum functionality", passed, evidence)


def without_values(contract: Contract, rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows with every value missing that may be missing."""
    nullable = [column.name for column in contract.features.columns if column.nullable and column.name in rows]
    return rows.assign(**{name: rows[name].mask(rows[name].notna()) for name in nullable})


def edge_cases(contract: Contract, rows: pd.DataFrame, categories: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Copies of rows, by what they lack: all or some nullable values, all or some categories that training knows."""
    lacking, unseen = without_values(contract, rows), rows.assign(**dict.fromkeys(categories, UNSEEN))
    return {
        "rows without nullable values": lacking,
        "rows without some nullable values": _mixed(rows, lacking),
        "rows with unseen categories": unseen,
        "rows with some unseen categories": _mixed(rows, unseen),
    }


def _mixed(rows: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Each value from `rows` or from the same place in `other`, by chance."""
    draw = np.random.default_rng(0)
    return pd.DataFrame({name: rows[name].where(draw.random(len(rows)) < 0.5, other[name]) for name in rows})


class _Blocks:
    """Sums per day from which a metric of any resample of days follows without touching the rows again."""

    def __init__(self, y: ArrayLike, p: ArrayLike, day: ArrayLike) -> None:
        labels, scores = np.asarray(y, dtype=bool), np.asarray(p, dtype=np.float64)
        if not len(labels):
            raise ValueError("no rows to evaluate")
        self.names, code = np.unique(np.asarray(day), return_inverse=True)
        self.rows = np.bincount(code).astype(float)
        self.labels = np.bincount(code, labels)
        self.squares = np.bincount(code, (scores - labels) ** 2).astype(float)
        # One answer of exactly 0 or 1 that is wrong would make the log loss infinite.
        inside = np.clip(scores, 1e-15, 1 - 1e-15)
        self.logs = np.bincount(code, -np.log(np.where(labels, inside, 1 - inside))).astype(float)
        self.scores = np.bincount(code, scores)
        self.wins = _wins(labels, scores, code, len(self.names))

    def metric(self, name: str, weights: Floats) -> Floats:
        """See `_Resampled`."""
        if name == "auc":
            return self._auc(weights)
        return np.asarray((weights @ {"brier": self.squares, "log_loss": self.logs}[name]) / (weights @ self.rows))

    def _auc(self, weights: Floats) -> Floats:
        negatives = self.rows - self.labels
        pairs = (weights @ self.labels) * (weights @ negatives)
        won = np.einsum("bi,ij,bj->b", weights, self.wins, weights, optimize=True)
        return np.asarray(np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0))


class _NumberBlocks:
    """The same for numbers."""

    def __init__(self, y: ArrayLike, p: ArrayLike, day: ArrayLike) -> None:
        labels, scores = (np.asarray(values, dtype=np.float64) for values in (y, p))
        if not len(labels):
            raise ValueError("no rows to evaluate")
        self.names, code = np.unique(np.asarray(day), return_inverse=True)
        # Around their mean: squares of large numbers would lose the digits that tell them apart.
        middle = labels.mean()
        columns = (np.ones(len(labels)), labels, scores, np.abs(scores - labels), (scores - labels) ** 2)
        self.rows, self.labels, self.scores, self.errors, self.squares = (np.bincount(code, each) for each in columns)
        self.centered, self.variation = (np.bincount(code, (labels - middle) ** power) for power in (1, 2))

    def metric(self, name: str, weights: Floats) -> Floats:
        """See `_Resampled`."""
        rows = weights @ self.rows
        if name == "mae":
            return np.asarray((weights @ self.errors) / rows)
        squares = weights @ self.squares
        if name == "rmse":
            return np.asarray(np.sqrt(squares / rows))
        varies = weights @ self.variation - (weights @ self.centered) ** 2 / rows
        lost = np.divide(squares, varies, out=np.full(len(weights), np.nan), where=varies > 0)
        return np.asarray(1 - lost)


def _wins(labels: NDArray[np.bool_], scores: Floats, code: NDArray[np.intp], days: int) -> Floats:
    """(days, days): how many positives of day i are ranked above negatives of day j, ties count one half."""
    # In order, so that the search below walks through memory instead of jumping: a third of the time.
    rising = np.argsort(scores[labels])
    above, of_day = scores[labels][rising], code[labels][rising]
    order = np.argsort(code[~labels], kind="stable")
    below = np.split(scores[~labels][order], np.cumsum(np.bincount(code[~labels], minlength=days))[:-1])
    wins = np.zeros((days, days))
    for j, negatives in enumerate(below):
        ranked = np.sort(negatives)
        won = np.searchsorted(ranked, above, "left") + np.searchsorted(ranked, above, "right")
        wins[:, j] = np.bincount(of_day, won / 2, minlength=days)
    return wins


def _resamples(days: int, draws: int, seed: int) -> tuple[Floats, Floats]:
    drawn = np.random.default_rng(seed).integers(0, days, (draws, days))
    weights = np.stack([np.bincount(row, minlength=days) for row in drawn]).astype(float)
    return np.ones((1, days)), weights


def _interval(whole: Floats, draws: Floats) -> tuple[float, float, float]:
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if np.isfinite(draws).any() else (np.nan,) * 2
    return float(whole[0]), float(low), float(high)


def _r2_alone(contract: Contract, rows: pd.DataFrame, name: str) -> float:
    ranks = rows[[name, contract.target]].dropna().rank().to_numpy()
    if len(ranks) < 2 or (ranks == ranks[0]).all(axis=0).any():
        return 0.0
    return float(np.corrcoef(ranks, rowvar=False)[0, 1] ** 2)


def _auc_alone(contract: Contract, rows: pd.DataFrame, name: str) -> float:
    known = rows[[name, contract.target]].dropna()
    if known[contract.target].nunique() < 2:
        return 0.5
    ranks = known[name].rank()
    positive = known[contract.target] == 1
    n, m = int(positive.sum()), int((~positive).sum())
    # Mann-Whitney: the AUC from the mean rank of the positives.
    auc = float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))
    return max(auc, 1 - auc)


CLASSIFICATION = Problem(OF_CLASSES, "AUC", "Brier score", 0.5, _Blocks, Evaluation, Difference)
REGRESSION = Problem(
    OF_NUMBERS, "R2", "mean absolute error", 0.0, _NumberBlocks, NumberEvaluation, NumberDifference, regression=True
)


def problem_of(contract: Contract) -> Problem:
    """How answers to the contract's target are judged."""
    return REGRESSION if contract.regression else CLASSIFICATION
