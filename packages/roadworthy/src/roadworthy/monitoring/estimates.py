"""How good the answers are before any label is there: what the probabilities say about themselves.

If a probability is a frequency, the predictions of a window imply their own AUC, Brier score and log loss: each row
counts as positive with its probability and as negative with the rest (Guillory et al. 2021; NannyML calls it CBPE,
confidence-based performance estimation). They need not be frequencies, so they are calibrated first (Platt 1999) on
answers of models that had not seen the rows: six successive parts of training, two left out at a time
(`training.held_out_predictions`).

The interval, whose parts are added as squares:
- days of the window drawn again (bootstrap), for a window of other days would have said something else;
- how far such estimates were off on those held-out parts: their root mean square, times Student's t (97.5%) of as many
  degrees of freedom as there are parts. Over fewer days than a part has it is larger by the square root;
- to the worse side only: a row with a category that training lacks may be a coin toss. Then a pair with one of them is
  ranked right half of the time, its Brier score is 1/4 and its log loss ln 2.
What it cannot know is a world in which the same questions have other answers: only labels tell that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..model.evaluation import MIN_CLASS
from .distributions import Columns, Floats
from .monitors import Thresholds, Window, drawn_days, sums_by_bin
from .windows import judged_span, wants_more_rows

METRICS = ("auc", "brier", "log_loss")
COIN_TOSS = {"auc": 0.5, "brier": 0.25, "log_loss": log(2)}
MIN_DAYS = 21  # of a held-out part
CELLS = 1000  # of equal size into which the probabilities fall: the AUC is exact to 1e-4
SMALLEST = 1e-6  # probability: nearer to 0 and 1 the log loss would have no bound


@dataclass(frozen=True)
class Estimate:
    """A metric of a window by the predictions alone, its 95% interval, and what was realised (NaN: not yet known)."""

    window: str
    metric: str
    value: float
    low: float
    high: float
    realised: float = nan

    @property
    def holds(self) -> bool | None:
        """Whether the realised value is inside the interval; None while it is unknown."""
        return None if np.isnan(self.realised) else bool(self.low <= self.realised <= self.high)


def fit_estimates(probability: ArrayLike, label: ArrayLike, day: NDArray[Any], part: NDArray[Any]) -> dict[str, Any]:
    """The calibration and how far estimates were off, for reference.json, from held-out answers with their labels.

    `part` names the successive parts of the days; {} when the shortest has fewer than three weeks, or one class only.
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(label, dtype=np.float64)
    parts = [part == each for each in np.unique(part)]
    days = min(len(np.unique(day[rows].astype("datetime64[D]"))) for rows in parts)
    if days < MIN_DAYS or any(len(np.unique(y[rows])) < 2 for rows in parts):
        return {}
    intercept, slope = _platt(p, y)
    q = _calibrated(p, intercept, slope)
    errors = np.array([_metrics(y[rows], p[rows]) - _metrics(q[rows], p[rows]) for rows in parts])[:, 0]
    off = dict(zip(METRICS, np.sqrt((errors**2).mean(axis=0)).tolist(), strict=True))
    return {"intercept": intercept, "slope": slope, "parts": len(parts), "days": days, "off": off}


def estimate_windows(
    reference: Mapping[str, Any],
    windows: Sequence[Window],
    judge_over: int = 1,
    *,
    thresholds: Thresholds | None = None,
    unseen: Sequence[NDArray[np.bool_]] | None = None,
) -> list[Estimate]:
    """The estimates of each window together with the `judge_over` - 1 before it; none without `fit_estimates`.

    `unseen` marks the rows with an unseen category, where the windows hold counts instead of columns. Nothing is
    estimated from fewer rows or days than the monitors ask for.
    """
    limits = thresholds or Thresholds()
    if not reference.get("estimate"):
        return []
    unseen = unseen or [unseen_rows(reference, window.columns, len(window.answers)) for window in windows]
    estimates: list[Estimate] = []
    for i, window in enumerate(windows):
        parts = judged_span(windows, i, judge_over, partial(wants_more_rows, limits=limits))
        p, y, day, known = (
            np.concatenate([getattr(w, name) for w in windows[parts]]) for name in ("answers", "label", "day", "judged")
        )
        if len(p) >= limits.min_rows and len(np.unique(day)) >= limits.min_days:
            realised = realised_metrics(p[known], y[known])
            estimated = estimate_metrics(reference["estimate"], p, day, np.concatenate(unseen[parts]))
            estimates += [Estimate(window.name, m, *estimated[m], realised.get(m, nan)) for m in METRICS]
    return estimates


def estimate_metrics(
    fitted: Mapping[str, Any], probability: Floats, day: NDArray[Any], unseen: NDArray[np.bool_]
) -> dict[str, tuple[float, float, float]]:
    """Each metric with the bounds of its interval; `unseen` marks the rows that have an unseen category."""
    from scipy.special import stdtrit

    days, of_day = np.unique(day.astype("datetime64[D]"), return_inverse=True)
    q = _calibrated(probability, fitted["intercept"], fitted["slope"])
    values = _metrics(q, probability, of_day, drawn_days(len(days)))
    seen = 1 - float(unseen.mean())
    t = float(stdtrit(fitted["parts"], 0.975)) * max(1.0, fitted["days"] / len(days)) ** 0.5
    estimated = {}
    for metric, of_draws in zip(METRICS, values.T, strict=True):
        value, scatter = float(of_draws[0]), float(of_draws[1:].std())
        half_width = float(np.hypot(1.96 * scatter, t * fitted["off"][metric]))
        # A pair is ranked as before only if both of its rows are of known categories.
        worse = (value - COIN_TOSS[metric]) * (1 - seen ** (2 if metric == "auc" else 1))
        wider = float(np.hypot(half_width, worse))
        low = value - (wider if worse > 0 else half_width)
        estimated[metric] = (value, low, value + (wider if worse < 0 else half_width))
    return estimated


def realised_metrics(probability: Floats, label: Floats) -> dict[str, float]:
    """The metrics by known labels; empty with too few of a class."""
    positives = int(label.sum())
    if min(positives, len(label) - positives) < MIN_CLASS:
        return {}
    return dict(zip(METRICS, _metrics(label, probability)[0].tolist(), strict=True))


def unseen_rows(reference: Mapping[str, Any], columns: Columns, rows: int) -> NDArray[np.bool_]:
    """The rows with a category that training lacks."""
    unseen = np.zeros(rows, dtype=np.bool_)
    for name, bins in reference["features"].items():
        if bins["kind"] == "category" and name in columns:
            known = set(bins["categories"])
            unseen |= np.array([isinstance(value, str) and value not in known for value in columns[name]], dtype=bool)
    return unseen


def _metrics(q: Floats, p: Floats, of_day: NDArray[np.intp] | None = None, weights: Floats | None = None) -> Floats:
    """The metrics (draws, 3) when row i is positive with q[i], for each weighting (draws, days) of the days.

    Without them, the metrics of all rows as they are, (1, 3).
    """
    of_day = np.zeros(len(p), dtype=np.intp) if of_day is None else of_day
    weights = np.ones((1, 1)) if weights is None else weights
    edges = np.unique(np.quantile(p, np.linspace(0, 1, CELLS + 1)[1:-1]))
    positives, negatives = sums_by_bin((q, 1 - q), np.searchsorted(edges, p, side="right"), of_day, weights)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    auc = (positives * below).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1))
    inside = np.clip(p, SMALLEST, 1 - SMALLEST)
    losses = (q * (1 - p) ** 2 + (1 - q) * p**2, -q * np.log(inside) - (1 - q) * np.log(1 - inside))
    days = weights.shape[1]
    rows = weights @ np.bincount(of_day, minlength=days)
    means = [weights @ np.bincount(of_day, loss, days) / rows for loss in losses]
    return np.column_stack([auc, *means])


def _calibrated(p: Floats, intercept: float, slope: float) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(intercept + slope * _log_odds(p)))))


def _log_odds(p: Floats) -> Floats:
    inside = np.clip(p, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(inside / (1 - inside)))


def _platt(p: Floats, y: Floats) -> tuple[float, float]:
    """Logistic regression of the label on the log odds."""
    from sklearn.linear_model import LogisticRegression  # in training only

    # By default scikit-learn penalises the slope, which would pull every probability to the base rate.
    fitted = LogisticRegression(C=1e6).fit(_log_odds(p)[:, None], y)
    return float(fitted.intercept_[0]), float(fitted.coef_[0, 0])
