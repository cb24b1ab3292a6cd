"""How good predictions are, with intervals by day blocks, and the tests of a trained model that follow from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..base.errors import InputError, Verdict
from ..base.settings import DEFAULT_LIMITS, FILE, Limits, Tests
from ..contract.schema import Contract
from ..contract.workspace import METRICS

Floats = NDArray[np.float64]
Metrics = Mapping[str, Callable[..., float]]
Predict = Callable[[pd.DataFrame], Floats]
# Days are drawn and never rows, for those of one day are alike: by rows the AUC of a month seemed sure to .008, by days
# it was anything from .62 to .70.
DRAWS = 500  # of the days, for an interval
LEVEL = 0.95
MIN_CLASS = 30  # rows of either class in a slice; with fewer, nothing can be said about it
# Behaviour shows on a few thousand rows; the whole test set would only take longer.
SAMPLE = 4000
# Where [tests] max_auc_alone is not set. The strongest honest feature of the course has .62 alone, one that leaks .87.
MAX_AUC_ALONE = 0.80
UNSEEN = "??"  # stands for a category that training has not seen


@dataclass(frozen=True)
class Evaluation:
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

    def to_dict(self) -> dict[str, float]:
        """The metrics by name, those of the project beside the library's."""
        figures = asdict(self)
        own = figures.pop("own")
        return {**figures, **own}

    @classmethod
    def of(cls, figures: Mapping[str, float]) -> "Evaluation":
        """The evaluation that `to_dict` gave `figures` of."""
        own = {name: value for name, value in figures.items() if name not in METRICS}
        return cls(**{name: figures[name] for name in METRICS}, own=own)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Difference:
    """A paired difference of two models on the same days; it is one only if its interval leaves out 0."""

    auc: float
    auc_low: float
    auc_high: float
    brier: float
    brier_low: float
    brier_high: float

    @property
    def better(self) -> bool:
        """Whether the first model ranks better, beyond chance."""
        return self.auc_low > 0


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
    blocks = _Blocks(y, p, day)
    whole, weights = _resamples(len(blocks.names), draws, seed)
    auc = _interval(blocks.auc(whole), blocks.auc(weights))
    brier = _interval(blocks.mean(blocks.squares, whole), blocks.mean(blocks.squares, weights))
    logs = _interval(blocks.mean(blocks.logs, whole), blocks.mean(blocks.logs, weights))
    return Evaluation(
        int(blocks.rows.sum()),
        len(blocks.names),
        float(blocks.positives.sum() / blocks.rows.sum()),
        float(blocks.scores.sum() / blocks.rows.sum()),
        *auc,
        *brier,
        *logs,
        {name: float(metric(np.asarray(y), np.asarray(p))) for name, metric in (own or {}).items()},
    )


def compare(
    y: ArrayLike, p: ArrayLike, other: ArrayLike, day: ArrayLike, *, draws: int = DRAWS, seed: int = 0
) -> Difference:
    """How much better `p` is than `other` on the same rows: differences p - other, paired by resampled days.

    >>> labels, days = [0, 1, 0, 1], [1, 1, 2, 2]
    >>> compare(labels, [0.1, 0.8, 0.3, 0.9], [0.5, 0.5, 0.5, 0.5], days).auc
    0.5
    """
    return compare_several(y, p, [other], day, draws=draws, seed=seed)[0]


def compare_several(
    y: ArrayLike, p: ArrayLike, others: Iterable[ArrayLike], day: ArrayLike, *, draws: int = DRAWS, seed: int = 0
) -> list[Difference]:
    """`compare` with each of several others; what they share is computed once."""
    blocks = _Blocks(y, p, day)
    whole, weights = _resamples(len(blocks.names), draws, seed)
    auc_whole, auc_draws = blocks.auc(whole), blocks.auc(weights)
    differences = []
    for other in others:
        other_blocks = _Blocks(y, other, day)
        auc = _interval(auc_whole - other_blocks.auc(whole), auc_draws - other_blocks.auc(weights))
        squares = blocks.squares - other_blocks.squares
        differences.append(Difference(*auc, *_interval(blocks.mean(squares, whole), blocks.mean(squares, weights))))
    return differences


def slices(frame: pd.DataFrame, names: Iterable[str], y: ArrayLike, p: ArrayLike, day: ArrayLike) -> pd.DataFrame:
    """One evaluation for each value of each named column, the weakest upper bound of the AUC first.

    Slices with fewer than 30 rows of either class are left out.

    >>> frame = pd.DataFrame({"site": ["A"] * 80 + ["B"] * 10})
    >>> labels = [0, 1] * 45
    >>> table = slices(frame, ["site"], labels, labels, day=[1, 1, 2, 2, 3, 3] * 15)
    >>> table[["slice", "rows", "auc"]].to_dict("records")
    [{'slice': 'site = A', 'rows': 80, 'auc': 1.0}]
    """
    labels, scores, days = np.asarray(y), np.asarray(p), np.asarray(day)
    rows = [
        {"slice": name, **evaluate(labels[mask], scores[mask], days[mask]).to_dict()}
        for name, mask in slice_masks(frame, names, labels)
    ]
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=["slice", *METRICS])
    return table.sort_values("auc_high", ignore_index=True)


def slice_masks(
    frame: pd.DataFrame, names: Iterable[str], labels: NDArray[np.generic]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each slice that has enough rows of both classes: a column with its value as text, and which rows are in it."""
    names = tuple(names)
    require_columns("[tests] slices", names, frame.columns)
    for name in names:
        column = frame[name].to_numpy()
        for value in pd.unique(frame[name].dropna()):
            mask = np.asarray(column == value)
            if min(labels[mask].sum(), (1 - labels[mask]).sum()) >= MIN_CLASS:
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
    target = contract.target
    y, day = test[target].to_numpy(), test[contract.day].to_numpy()
    sample = test.sample(min(SAMPLE, len(test)), random_state=0)
    return [
        has_learned(evaluate(y, answers, day), y, float(train[target].mean()), limits.max_brier_loss),
        known_in_time(contract, features),
        no_leak(contract, test, features, config.max_auc_alone or MAX_AUC_ALONE),
        # Without one it is no test of the training; the gate Model 6 asks why there is none.
        *([every_slice(slices(test, config.slices, y, answers, day), config.min_auc_slice)] if config.slices else []),
        *[is_invariant(predict, sample, name, config.max_invariance) for name in config.invariant],
        *_directions(predict, sample, config, limits.max_reversal),
        minimal_functionality(contract, predict, sample),
    ]


def _directions(predict: Predict, rows: pd.DataFrame, config: Tests, limit: float) -> Iterator[Verdict]:
    for sign, expected in ((1, config.rises_with), (-1, config.falls_with)):
        for name, ends in expected.items():
            yield moves_as_expected(predict, rows, name, *ends, sign=sign, limit=limit)


def has_learned(result: Evaluation, y: Floats, base_rate: float, limit: float) -> Verdict:
    """The AUC is above .5 beyond chance, the Brier score less than `limit` above that of always saying the base rate.

    When the base rate has moved (2023: from .25 to .20), every honest model loses by it, up to .004 on days drawn
    again: the monitors of calibration are the ones to ring. A model that has learned nothing loses by its AUC.
    """
    gain = brier_loss(result, y, base_rate)
    evidence = f"AUC {result.auc:.3f} [{result.auc_low:.3f}, {result.auc_high:.3f}], Brier score {gain:+.4f}"
    passed = result.auc_low > 0.5 and gain < limit
    return Verdict("better than the base rate", passed, f"{evidence} against the base rate")


def brier_loss(result: Evaluation, y: Floats, base_rate: float) -> float:
    """The Brier score less that of always saying the base rate; negative where the model is better."""
    return result.brier - float(np.mean((base_rate - y) ** 2))


def known_in_time(contract: Contract, features: Sequence[str]) -> Verdict:
    """No feature is one that the contract marks as known only afterwards."""
    after = [column.name for column in contract.features.columns if column.name in features and column.known == "after"]
    evidence = f"known only afterwards: {', '.join(after)}" if after else f"{len(features)} features, all known before"
    return Verdict("known at the prediction time", not after, evidence)


def no_leak(contract: Contract, test: pd.DataFrame, features: Sequence[str], limit: float = MAX_AUC_ALONE) -> Verdict:
    """No numeric feature alone ranks the rows better than an honest one can."""
    alone = {name: _auc_alone(contract, test, name) for name in features if pd.api.types.is_numeric_dtype(test[name])}
    strongest = max(alone, key=lambda name: alone[name], default="")
    value = alone.get(strongest, 0.5)
    highest = f"at most {limit:.2f} is credible"
    evidence = f"the strongest feature alone is {strongest} with AUC {value:.2f}, {highest}"
    return Verdict("no feature gives the answer away", value <= limit, evidence)


def every_slice(slices: pd.DataFrame, floor: float) -> Verdict:
    """The weakest slice reaches the floor; judged by its interval's upper end, so that none is failed for its size."""
    if slices.empty:
        return Verdict(
            "quality on every slice", None, f"no slice by [tests] slices has {MIN_CLASS} rows of both classes"
        )
    worst = slices.iloc[0]
    evidence = f"{worst['slice']}: AUC {worst.auc:.3f} [{worst.auc_low:.3f}, {worst.auc_high:.3f}], floor {floor:.2f}"
    return Verdict("quality on every slice", bool(worst.auc_high >= floor), evidence)


def is_invariant(predict: Predict, rows: pd.DataFrame, name: str, limit: float) -> Verdict:
    """Shuffling a feature that should hardly matter hardly changes the prediction (median absolute change)."""
    shuffled = rows.assign(**{name: rows[name].sample(frac=1, random_state=1).to_numpy()})
    change = float(np.median(np.abs(predict(shuffled) - predict(rows))))
    return Verdict(f"invariant to {name}", change <= limit, f"median change {change:.4f}, at most {limit:g}")


def moves_as_expected(
    predict: Predict, rows: pd.DataFrame, name: str, low: float, high: float, *, sign: int, limit: float
) -> Verdict:
    """Moving a feature from `low` to `high`, all else equal, moves the mean prediction up (`sign` 1) or down (-1).

    Red when it does nothing, or when it goes the other way by `limit`, that is by more than chance. A range that half
    of the year has seen tells more than the extremes, which a few days decide.
    """
    change = mean_change(predict, rows, name, low, high)
    word = "rises" if sign > 0 else "falls"
    passed = change != 0 and change * sign > -limit
    return Verdict(f"{word} with {name}", passed, f"mean change {change:+.3f} from {low:g} to {high:g}")


def mean_change(predict: Predict, rows: pd.DataFrame, name: str, low: float, high: float) -> float:
    """By how much the mean prediction moves when a feature goes from `low` to `high` in all rows."""
    return float(np.mean(predict(rows.assign(**{name: high})) - predict(rows.assign(**{name: low}))))


def minimal_functionality(contract: Contract, predict: Predict, rows: pd.DataFrame) -> Verdict:
    """Finite probabilities, inside [0, 1], for rows as they come and for rows with every nullable value missing."""
    both = np.concatenate([predict(rows), predict(without_values(contract, rows))])
    passed = bool(np.isfinite(both).all() and both.min() >= 0 and both.max() <= 1)
    evidence = f"{len(both):,} probabilities from {both.min():.3f} to {both.max():.3f}, missing values included"
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
        self.positives = np.bincount(code, labels)
        self.squares = np.bincount(code, (scores - labels) ** 2).astype(float)
        # One answer of exactly 0 or 1 that is wrong would make the log loss infinite.
        inside = np.clip(scores, 1e-15, 1 - 1e-15)
        self.logs = np.bincount(code, -np.log(np.where(labels, inside, 1 - inside))).astype(float)
        self.scores = np.bincount(code, scores)
        self.wins = _wins(labels, scores, code, len(self.names))

    def auc(self, weights: Floats) -> Floats:
        """AUC of each resample; `weights` is (draws, days): how often each day was drawn."""
        negatives = self.rows - self.positives
        pairs = (weights @ self.positives) * (weights @ negatives)
        won = np.einsum("bi,ij,bj->b", weights, self.wins, weights, optimize=True)
        return np.asarray(np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0))

    def mean(self, sums: Floats, weights: Floats) -> Floats:
        """Mean over the rows of each resample."""
        return np.asarray((weights @ sums) / (weights @ self.rows))


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
