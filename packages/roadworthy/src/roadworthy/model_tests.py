"""Tests of a trained model, each a verdict: it learned something, nothing leaks, it behaves as the world does.

The kinds are those of Ribeiro et al., "Beyond Accuracy" (2020): invariance, directional expectation, minimum
functionality. A model is handed over as a function from a table of features to probabilities.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import evaluation
from .gates import Verdict
from .schema import Contract
from .settings import Tests

Predict = Callable[[pd.DataFrame], NDArray[np.float64]]
# Behaviour shows on a few thousand rows; the whole test set would only take longer.
MAX_LOSS = 0.01  # of the Brier score
MAX_REVERSAL = 0.01  # of the mean probability: drawing days again moves an effect by .01 to .03, one time in three
SAMPLE = 4000
# The strongest honest feature of the course has .62 alone, the one that leaks .87.
MAX_AUC_ALONE = 0.80


def run(
    contract: Contract,
    predict: Predict,
    train: pd.DataFrame,
    test: pd.DataFrame,
    features: Sequence[str],
    config: Tests,
    *,
    answers: NDArray[np.float64],
) -> list[Verdict]:
    """Every test of the model on labelled rows it has not seen (`test`), in a fixed order.

    `answers` are what `predict` says about the test rows: whoever evaluates the model has them already.
    """
    target = contract.target
    y, day = test[target].to_numpy(), test[contract.day].to_numpy()
    sample = test.sample(min(SAMPLE, len(test)), random_state=0)
    return [
        learned(evaluation.evaluate(y, answers, day), y, base_rate=float(train[target].mean())),
        known_in_time(contract, features),
        no_leak(contract, test, features),
        every_slice(evaluation.slices(test, config.slices, y, answers, day), config.min_auc_slice),
        *[invariant(predict, sample, name, config.max_invariance) for name in config.invariant],
        *[directed(predict, sample, name, *ends, sign=1) for name, ends in config.rises_with.items()],
        *[directed(predict, sample, name, *ends, sign=-1) for name, ends in config.falls_with.items()],
        minimum(contract, predict, sample),
    ]


def learned(result: evaluation.Evaluation, y: NDArray[np.float64], base_rate: float) -> Verdict:
    """The AUC is above .5 beyond chance, and the Brier score not above that of always saying training's base rate.

    When the base rate has moved (2023: from .25 to .20), every honest model loses by it, up to .004 on days drawn
    again: the monitors of calibration are the ones to ring. A model that has learned nothing loses by its AUC.
    """
    gain = result.brier - float(np.mean((base_rate - y) ** 2))
    evidence = f"AUC {result.auc:.3f} [{result.auc_low:.3f}, {result.auc_high:.3f}], Brier score {gain:+.4f}"
    passed = result.auc_low > 0.5 and gain < MAX_LOSS
    return Verdict("better than the base rate", passed, f"{evidence} against the base rate")


def known_in_time(contract: Contract, features: Sequence[str]) -> Verdict:
    """No feature is one that the contract marks as known only afterwards."""
    late = [name for name in features if contract.features.column(name).known == "after"]
    evidence = f"known only afterwards: {', '.join(late)}" if late else f"{len(features)} features, all known before"
    return Verdict("known at the prediction time", not late, evidence)


def no_leak(contract: Contract, test: pd.DataFrame, features: Sequence[str], limit: float = MAX_AUC_ALONE) -> Verdict:
    """No numeric feature alone ranks the rows better than an honest one can."""
    alone = {name: _auc_alone(contract, test, name) for name in features if pd.api.types.is_numeric_dtype(test[name])}
    strongest = max(alone, key=lambda name: alone[name], default="")
    value = alone.get(strongest, 0.5)
    evidence = f"the strongest feature alone is {strongest} with AUC {value:.2f}, at most {limit:.2f} is credible"
    return Verdict("no feature gives the answer away", value <= limit, evidence)


def every_slice(slices: pd.DataFrame, floor: float) -> Verdict:
    """The weakest slice reaches the floor; judged by its interval's upper end, so that none is failed for its size."""
    if slices.empty:
        return Verdict("quality on every slice", None, "no slice has enough rows of both classes")
    worst = slices.iloc[0]
    evidence = f"{worst['slice']}: AUC {worst.auc:.3f} [{worst.auc_low:.3f}, {worst.auc_high:.3f}], floor {floor:.2f}"
    return Verdict("quality on every slice", bool(worst.auc_high >= floor), evidence)


def invariant(predict: Predict, rows: pd.DataFrame, name: str, limit: float) -> Verdict:
    """Shuffling a feature that should hardly matter hardly changes the prediction (median absolute change)."""
    shuffled = rows.assign(**{name: rows[name].sample(frac=1, random_state=1).to_numpy()})
    change = float(np.median(np.abs(predict(shuffled) - predict(rows))))
    return Verdict(f"invariant to {name}", change <= limit, f"median change {change:.4f}, at most {limit:g}")


def directed(predict: Predict, rows: pd.DataFrame, name: str, low: float, high: float, *, sign: int) -> Verdict:
    """Moving a feature from `low` to `high`, all else equal, moves the mean prediction up (`sign` 1) or down (-1).

    Red when it does nothing, or when it goes the other way by more than chance. A range that half of the year has seen
    tells more than the extremes, which a few days decide.
    """
    change = float(np.mean(predict(rows.assign(**{name: high})) - predict(rows.assign(**{name: low}))))
    word = "rises" if sign > 0 else "falls"
    passed = change != 0 and change * sign > -MAX_REVERSAL
    return Verdict(f"{word} with {name}", passed, f"mean change {change:+.3f} from {low:g} to {high:g}")


def minimum(contract: Contract, predict: Predict, rows: pd.DataFrame) -> Verdict:
    """Finite probabilities, inside [0, 1], for rows as they come and for rows with every nullable value missing."""
    both = np.concatenate([predict(rows), predict(without_values(contract, rows))])
    passed = bool(np.isfinite(both).all() and both.min() >= 0 and both.max() <= 1)
    evidence = f"{len(both):,} probabilities from {both.min():.3f} to {both.max():.3f}, missing values included"
    return Verdict("minimum functionality", passed, evidence)


def without_values(contract: Contract, rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows with every value missing that may be missing."""
    nullable = [column.name for column in contract.features.columns if column.nullable and column.name in rows]
    return rows.assign(**{name: rows[name].mask(rows[name].notna()) for name in nullable})


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
