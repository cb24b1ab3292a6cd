"""The answers of a version beside those of the version before it, on the same rows with known labels."""

from dataclasses import dataclass

import numpy as np

from .. import evaluation, export
from . import alarms
from .alarms import Alarms
from .bench import Bench

UNSEEN = Alarms()


@dataclass(frozen=True)
class Side:
    """One version on the test rows: mean prediction minus base rate, share of decisions, calibration by tenths."""

    gap: float
    decisions: float
    calibration_error: float


@dataclass(frozen=True)
class Regression:
    """The paired difference, positive AUC and negative Brier score being better, and each version by itself.

    alarms: whether the monitors of the version would tell it in service.
    """

    rows: int
    days: int
    difference: evaluation.Difference
    now: Side
    before: Side
    alarms: Alarms = UNSEEN


def measure(bench: Bench) -> Regression:
    """Both versions answer about 40,000 test rows, from every day."""
    test = bench.test
    labels, day = test[bench.contract.target].to_numpy(), test[bench.contract.day].to_numpy()
    bundle, older = bench.bundle, bench.before
    now, before = export.predict(bundle, test), export.predict(older, test)
    difference = evaluation.compare(labels, now, before, day)
    sides = side(labels, now, bundle.threshold), side(labels, before, older.threshold)
    return Regression(len(test), len(np.unique(day)), difference, *sides, alarms=alarms.measure(bench))


def side(labels: np.ndarray, answers: np.ndarray, threshold: float) -> Side:
    """What one version says about these rows, (rows,), and how often it decides with its own threshold."""
    tenth = np.argsort(np.argsort(answers, kind="stable"), kind="stable") * 10 // len(answers)
    off = np.abs(np.bincount(tenth, answers - labels))
    return Side(
        float(answers.mean() - labels.mean()), float((answers >= threshold).mean()), float(off.sum() / len(answers))
    )
