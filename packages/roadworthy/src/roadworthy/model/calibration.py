"""Calibration: what makes a frequency of a classifier's score, learned on rows that the classifier has not seen."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from .estimators import scores

Floats = NDArray[np.float64]
Method = Literal["sigmoid", "isotonic"]
FOLDS, BLOCKS = 3, 9  # successive blocks of days; every third one is left out at a time
# Between them the curve is straight, so that a score that is off by a rounding of float32 gives almost the same answer:
# the steps of an isotonic regression itself may be as steep as a cliff.
KNOTS = 50


class CalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose score becomes a probability by a curve: a logistic one (Platt 1999) or any that rises.

    The curve is learned on answers to rows that were left out, block by block of days: neighbours of a row would make
    it too sure. The classifier itself is fitted on all rows. scikit-learn's own class draws rows.
    """

    def __init__(self, estimator: Any, method: Method) -> None:
        """Remember both, as scikit-learn wants it: nothing is changed or checked here."""
        self.estimator, self.method = estimator, method

    def fit(self, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, day: Any = None) -> Self:
        """Fit the classifier and the curve; `day`, one for each row, says which rows are neighbours."""
        rows, labels = np.asarray(x), np.asarray(y)
        weights = None if sample_weight is None else np.asarray(sample_weight)
        names, of_block = np.unique(np.arange(len(labels)) if day is None else np.asarray(day), return_inverse=True)
        if len(names) < BLOCKS:  # days of a short trial
            names, of_block = labels, np.arange(len(labels))
        fold = of_block * BLOCKS // len(names) % FOLDS
        unseen = np.empty(len(labels))
        for out in range(FOLDS):
            kept = fold != out
            fitted = self._fitted(rows[kept], labels[kept], None if weights is None else weights[kept])
            unseen[~kept] = scores(fitted, rows[~kept])
        self.estimator_ = self._fitted(rows, labels, weights)
        self.classes_ = self.estimator_.classes_
        self.knots_, self.curve_ = _curve(unseen, labels, weights, self.method)
        return self

    def predict_proba(self, x: ArrayLike) -> Floats:
        """The probability of either class, (rows, 2)."""
        yes = self.calibrated(scores(self.estimator_, np.asarray(x)))
        return np.column_stack([1 - yes, yes])

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """The class that is more probable, (rows,)."""
        return np.asarray(self.classes_[(self.predict_proba(x)[:, 1] > 0.5).astype(int)])

    def calibrated(self, score: Floats) -> Floats:
        """The probability for each score, (rows,)."""
        if self.method == "sigmoid":
            slope, start = self.curve_
            return np.asarray(expit(slope * score + start))
        return np.asarray(np.interp(score, self.knots_, self.curve_))

    def _fitted(self, x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None) -> Any:
        return clone(self.estimator).fit(x, y, sample_weight=weights)


def _curve(score: Floats, y: NDArray[Any], weights: NDArray[Any] | None, method: Method) -> tuple[Floats, Floats]:
    """The knots with the probability at each; of a logistic curve no knots, its slope and its start."""
    if method == "sigmoid":
        # Without a penalty: two numbers of thousands of rows.
        fitted = LogisticRegression(C=np.inf).fit(score[:, None], y, sample_weight=weights)
        return np.empty(0), np.array([fitted.coef_[0, 0], fitted.intercept_[0]])
    rising = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, y, sample_weight=weights)
    low, high = np.quantile(score, [0.005, 0.995])
    knots = np.linspace(low, high, KNOTS) if high > low else np.array([low, low + 1])
    return knots, np.asarray(rising.predict(knots), dtype=np.float64)
