"""The monitors: each reads what happened in a window and says whether it is still normal, with its evidence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bundle.signature import ANSWERS, Scale
from ..model.evaluation import (
    CLASSIFICATION,
    LEVEL,
    MIN_CLASS,
    REGRESSION,
    Evaluation,
    Interval,
    NumberEvaluation,
    Problem,
)
from .distributions import Columns, Counts, Floats, expected_counts, largest_psi, psi, psi_noise
from .limits import monitored_bins, monitored_counts, widened_interval

if TYPE_CHECKING:
    from ..base.settings import Monitoring

DRAWS = 200  # of the days, for an interval
BINS = 10  # of the calibration curve
# Standard errors that are exceeded once in 1000 by chance, to both sides, if rows were independent, which those of one
# day are not: it only raises the limits of small windows and rings nothing by itself.
CHANCE = 3.29
INPUTS = ("drift", "relation", "prediction", "nulls", "unseen")
CERTAIN = ("freshness", "skew", "judged")
# What labels are needed for: of yes/no targets, and of numbers.
OF_CLASSES = ("labels", "auc", "skill", "base rate", "calibration")
OF_NUMBERS = ("labels", "error", "skill", "mean", "calibration")
OUTCOMES = tuple(dict.fromkeys((*OF_CLASSES, *OF_NUMBERS)))
WIDENED = "(99.5%, as one of four)"


@dataclass(frozen=True)
class Thresholds:
    """When a monitor is violated, and how many windows must agree.

    max_psi: a convention (Siddiqi 2006); where the season moves a feature further, its own limit holds instead.
    max_unseen: share of rows with a category that training lacks; in July to December 2013 it stays below 0.002. Of
    numbers, max_gap and max_ece are shares of two standard deviations.
    max_nulls: change of the share of missing values. max_gap: mean prediction against base rate; max_ece: expected
    calibration error; the first half of a year predicts the second to .03 on the whole, single months to .09.
    min_coverage: share of labels that arrive; the worst weeks of the course's data have .83.
    min_rows: of a window; with fewer, chance alone exceeds the limits. min_days: of a window, and of the labels that
    are judged; fewer days are no sample, and of one day the interval by days has no width.
    max_volume: by how much there may be more predictions (or, as the inverse, fewer); the weeks of 2013 stay within .05
    of their weekdays. max_silence: hours without a prediction, or with labels due and none coming; the longest night of
    the course's data has 7. max_skew: share of values that differ from the batch path; of the same code and data none
    do. max_unjudged_days: for which a monitor may be without
    a judgement; six weeks, in which seven rows a day make a window. Labels may take as much longer as they are late.

    An alarm rings when n of the last m windows are violated; that of a monitor in CERTAIN with the first: it reads a
    fact and no sample.
    """

    max_psi: float = 0.2
    max_unseen: float = 0.01
    max_nulls: float = 0.05
    max_gap: float = 0.05
    max_ece: float = 0.05
    min_coverage: float = 0.75
    min_rows: int = 300
    min_days: int = 5
    max_volume: float = 0.25
    max_silence: float = 24
    max_skew: float = 0.01
    max_unjudged_days: float = 42
    n: int = 2
    m: int = 3

    @classmethod
    def of(cls, settings: "Monitoring") -> Self:
        """Those of the settings; what they leave out is as here."""
        given = settings.model_dump(exclude={"notify"}, exclude_none=True)
        return cls(**given)

    def agree(self, monitor: str) -> tuple[int, int]:
        """How many windows (n of the last m) must be violated for the alarm of a monitor."""
        return (1, 1) if monitor in CERTAIN else (self.n, self.m)


def answer_column(scale: Scale | None) -> str:
    """What the answers are called among the columns of a window."""
    return ANSWERS["classification" if scale is None else "regression"]


@dataclass(frozen=True)
class Window:
    """The predictions of a period: features by name, and for each row answer, label, day, and whether it is due.

    A label is NaN while it is unknown. Only rows whose label is `due` are judged: among the others, those known
    already are those that take least time. `periods` is how many windows of the configured length it joins. `scale` is
    that of numbers, None where the target is yes or no.
    """

    name: str
    columns: Columns
    answers: Floats
    label: Floats
    day: NDArray[Any]
    due: NDArray[np.bool_]
    periods: int = 1
    scale: Scale | None = None

    @classmethod
    def of(cls, name: str, columns: Columns, scale: Scale | None = None) -> "Window":
        """A window of columns: the features, "probability", "label" and "day"; "due" too, else every label is due.

        Of numbers, which have a `scale`, "prediction" instead of "probability".
        """
        answer = answer_column(scale)
        p, label = (columns[each].astype(np.float64) for each in (answer, "label"))
        due = columns["due"] if "due" in columns else np.ones(len(p), dtype=np.bool_)
        return cls(name, columns, p, label, columns["day"].astype("datetime64[D]"), due, scale=scale)

    @property
    def probability(self) -> Floats:
        """The answers to a yes/no question, for the monitors of a project."""
        return self.answers

    @property
    def days(self) -> int:
        """The number of days with predictions."""
        return len(np.unique(self.day))

    @property
    def judged(self) -> NDArray[np.bool_]:
        """The rows whose label is due and known."""
        return self.due & ~np.isnan(self.label)

    @property
    def problem(self) -> Problem:
        """How the answers are judged."""
        return CLASSIFICATION if self.scale is None else REGRESSION

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The monitors that need labels."""
        return OF_CLASSES if self.scale is None else OF_NUMBERS


@dataclass(frozen=True)
class Reading:
    """What a monitor read: `violated` is None when it could not judge. `low` and `high` bound the 95% interval.

    >>> Reading("2024-05-06", "idle", "", value=0.12, limit=0.1, violated=True, evidence="12% of the sessions").violated
    True
    """

    window: str
    monitor: str
    subject: str
    value: float
    limit: float
    violated: bool | None
    evidence: str
    low: float = nan
    high: float = nan


def join_windows(name: str, windows: Sequence[Window]) -> Window:
    """One window of several, for what needs more rows; the features are left out."""
    p, label, day, due = (
        np.concatenate([getattr(window, each) for window in windows]) for each in ("answers", "label", "day", "due")
    )
    return Window(name, {}, p, label, day, due, sum(window.periods for window in windows), windows[0].scale)


def input_readings(reference: Mapping[str, Any], window: Window, thresholds: Thresholds) -> list[Reading]:
    """What can be said without labels: drift of features, of their relations, of predictions; nulls, unseen values."""
    if len(window.answers) < thresholds.min_rows or window.days < thresholds.min_days:
        days, least = f"{window.days} of at least {thresholds.min_days} days", f"at least {thresholds.min_rows}"
        reason = f"not judged: {len(window.answers):,} rows of {least}, {days}"
        return _unjudged(window, _input_monitors(reference), reason)
    limits, readings = reference.get("limits", {}), []
    counts = monitored_counts(reference, {**window.columns, "prediction": window.answers})
    for key, bins in monitored_bins(reference):
        if key in counts:
            (monitor, subject), before, now = key, expected_counts(bins), counts[key]
            limit = max(thresholds.max_psi, limits.get(monitor, {}).get(subject, 0.0))
            readings.append(_psi_reading(window.name, key, before, now, limit))
            if monitor == "drift":
                limit = max(thresholds.max_nulls, limits.get("nulls", {}).get(subject, 0.0))
                readings.append(_nulls_reading(window.name, subject, before, now, limit))
            if bins["kind"] == "category":
                readings.append(_unseen_reading(window.name, subject, now, thresholds.max_unseen))
    return readings


def _input_monitors(reference: Mapping[str, Any]) -> list[str]:
    """The monitors of inputs that have a subject: without categories nothing can be unseen."""
    has_subject = {
        "relation": bool(reference.get("relations")),
        "unseen": any(bins["kind"] == "category" for bins in reference["features"].values()),
    }
    return [monitor for monitor in INPUTS if has_subject.get(monitor, True)]


def _psi_reading(window: str, key: tuple[str, str], before: Counts, now: Counts, limit: float) -> Reading:
    value, most = psi(before.vector, now.vector), largest_psi(before)
    limit = max(limit, psi_noise(before.vector, now.vector))
    if limit >= most:
        evidence = f"not judged: PSI {value:.2f}; the season moves it up to {limit:.1f}, a fault by {most:.1f} at most"
        return Reading(window, *key, value, limit, None, evidence)
    return Reading(window, *key, value, limit, value > limit, f"PSI {value:.2f}, limit {limit:.2f}")


def _nulls_reading(window: str, subject: str, before: Counts, now: Counts, limit: float) -> Reading:
    was, share = (counts.nulls / counts.rows for counts in (before, now))
    limit = max(limit, CHANCE * sqrt(was * (1 - was) / now.rows))
    evidence = f"missing {share:.1%}, was {was:.1%}, may change by {limit:.1%}"
    return Reading(window, "nulls", subject, share - was, limit, abs(share - was) > limit, evidence)


def _unseen_reading(window: str, subject: str, now: Counts, limit: float) -> Reading:
    share = now.unseen / now.rows
    limit += CHANCE * sqrt(limit * (1 - limit) / now.rows)
    evidence = f"{share:.1%} of the rows have a value that training lacks, limit {limit:.1%}"
    return Reading(window, "unseen", subject, share, limit, share > limit, evidence)


def outcome_readings(metrics: Mapping[str, Any], window: Window, thresholds: Thresholds) -> list[Reading]:
    """What can be said when labels are there: their coverage, ranking or errors, skill, mean, calibration.

    `metrics` is the metrics.json of the bundle.
    """
    due, known = int(window.due.sum()), window.judged
    if due < thresholds.min_rows:
        reason = f"not judged: the labels of {due:,} rows are due, at least {thresholds.min_rows}"
        return _unjudged(window, window.outcomes, reason)
    if _too_few_days(window.day[window.due], thresholds):
        return _unjudged(window, window.outcomes, _of_days(window.day[window.due], "labels that are due", thresholds))
    coverage = float(known.sum() / due)
    evidence = f"{coverage:.1%} of {due:,} labels that are due, at least {thresholds.min_coverage:.0%}"
    arrived = coverage >= thresholds.min_coverage
    labels = Reading(window.name, "labels", "", coverage, thresholds.min_coverage, not arrived, evidence)
    if not window.problem.enough(window.label[known]):
        count, positive = int(known.sum()), int(window.label[known].sum())
        of_classes = f"{positive:,} positive of {count:,} known labels, at least {MIN_CLASS} of each class"
        reason = of_classes if window.scale is None else f"{count:,} known labels, at least {2 * MIN_CLASS}"
        return [labels, *_unjudged(window, window.outcomes[1:], f"not judged: {reason}")]
    # A day with many labels is one observation: its interval by days would have no width, and would ring.
    if _too_few_days(window.day[known], thresholds):
        reason = _of_days(window.day[known], "known labels", thresholds)
        return [labels, *_unjudged(window, window.outcomes[1:], reason)]
    return [labels, *_performance_readings(metrics, window, thresholds)]


def _too_few_days(day: NDArray[Any], thresholds: Thresholds) -> bool:
    return len(np.unique(day)) < thresholds.min_days


def _of_days(day: NDArray[Any], what: str, thresholds: Thresholds) -> str:
    return f"not judged: {what} of {len(np.unique(day))} of at least {thresholds.min_days} days"


def _performance_readings(metrics: Mapping[str, Any], window: Window, thresholds: Thresholds) -> Iterable[Reading]:
    known = window.judged
    performance = judge_performance(window.label[known], window.answers[known], window.day[known], window.scale)
    evaluation, skill, gap, ece = performance.evaluation, performance.skill, performance.gap, performance.ece
    below, above = f"alarm when all of the interval {WIDENED} is below", f"alarm when all of it {WIDENED} is above"
    # Interval against interval: a month of 2013 scatters by .04 around the whole.
    if window.scale is None:
        floor, auc = float(metrics.get("auc_low", 0.5)), evaluation.quality
        yield _reading(window, "auc", auc, floor, violated=_bounds(auc)[1] < floor, words=below)
    else:
        most, error = float(metrics.get("mae_high", inf)), evaluation.error
        yield _reading(window, "error", error, most, violated=_bounds(error)[0] > most, words=f"mean absolute, {above}")
    yield _reading(window, "skill", skill, 0, violated=_bounds(skill)[1] < 0, words=below)
    low, high = _bounds(gap)
    off = abs(gap.value) > thresholds.max_gap and (low > 0 or high < 0)
    mean, of_labels = ("base rate", "base rate") if window.scale is None else ("mean", "mean label")
    unit = "" if window.scale is None else "of two standard deviations, "
    above = f"{unit}{above}"
    rates = f"{unit}mean prediction {evaluation.mean_prediction:.3f}, {of_labels} {evaluation.mean_label:.3f}"
    yield _reading(window, mean, gap, thresholds.max_gap, violated=off, words=rates)
    broken = _bounds(ece)[0] > thresholds.max_ece
    yield _reading(window, "calibration", ece, thresholds.max_ece, violated=broken, words=above)


def _bounds(interval: tuple[float, float, float]) -> tuple[float, float]:
    """The interval by days at the level of one of the four monitors that judge the same labels."""
    return widened_interval(*interval, len(OF_CLASSES) - 1)


def _reading(
    window: Window, monitor: str, interval: tuple[float, float, float], limit: float, *, violated: bool, words: str
) -> Reading:
    value, low, high = interval
    evidence = f"{value:.3f} [{low:.3f}, {high:.3f}], limit {limit:.3g}, {words}"
    return Reading(window.name, monitor, "", value, limit, violated, evidence, low, high)


def _unjudged(window: Window, monitors: Iterable[str], reason: str) -> list[Reading]:
    return [Reading(window.name, monitor, "", nan, nan, None, reason) for monitor in monitors]


@dataclass(frozen=True)
class Performance:
    """The metrics of `evaluation`, and how far probabilities are from frequencies.

    `gap` is the mean prediction minus the base rate. `skill` is 1 - Brier score / Brier score of the base rate
    (Murphy 1973): 0 says no better than one constant, and unlike the Brier score it does not move with the base rate.
    Of numbers: 1 - mean squared error / that of always saying the mean of training; `gap` and `ece` are shares of two
    standard deviations, the bins in the unit of the target.
    `ece` is the expected calibration error: mean distance of probability and frequency over bins of equal size
    (Naeini et al. 2015). Chance alone makes it larger, and each draw of days once more: its interval is mirrored at the
    estimate (basic bootstrap; Davison and Hinkley 1997, 5.2). `bins` is the calibration curve.
    """

    evaluation: Evaluation | NumberEvaluation
    gap: Interval
    skill: Interval
    ece: Interval
    bins: tuple["Bin", ...]


class Bin(NamedTuple):
    """One point of the calibration curve: mean prediction, mean label (a frequency) with its interval, rows."""

    predicted: float
    observed: float
    low: float
    high: float
    rows: float


def judge_performance(
    labels: ArrayLike, answers: ArrayLike, day: NDArray[Any], scale: Scale | None = None
) -> Performance:
    """Judge answers by known labels (0 or 1, or numbers of this `scale`), (rows,); ValueError when there are none."""
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    if not len(y):
        raise ValueError("no rows to judge")
    evaluation = (CLASSIFICATION if scale is None else REGRESSION).evaluate(y, p, day, draws=DRAWS)
    names, of_day = np.unique(day, return_inverse=True)
    constant = (y - (scale.center if scale else 0.0)) ** 2
    columns = (np.ones(len(y)), y, p, (p - y) ** 2, constant)
    sums = sums_by_bin(columns, _bin(p), of_day, drawn_days(len(names)))
    rows, total, predicted, squares, of_constant = (table.sum(axis=1) for table in sums)
    mean, width = total / rows, scale.width if scale else 1.0
    ece = np.abs(sums[2] - sums[1]).sum(axis=1) / rows / width
    with np.errstate(divide="ignore", invalid="ignore"):  # one class only: there is no skill
        skill = 1 - squares / rows / (mean * (1 - mean) if scale is None else of_constant / rows)
    gap = _interval((predicted / rows - mean) / width)
    return Performance(evaluation, gap, _interval(skill), _mirrored(_interval(ece)), _curve(*sums[:3]))


def drawn_days(days: int) -> Floats:
    """How often each day counts, (1 + draws, days): once at first, then as often as it is drawn with replacement."""
    return np.vstack([np.ones(days), np.random.default_rng(0).multinomial(days, np.full(days, 1 / days), DRAWS)])


def sums_by_bin(
    columns: Iterable[Floats], bins: NDArray[np.intp], of_day: NDArray[np.intp], weights: Floats
) -> list[Floats]:
    """The sums of each column in each bin, (draws, bins), for each weighting (draws, days) of the days.

    A column is (rows,); `bins` and `of_day` number the bin and the day of each row.
    """
    shape = (weights.shape[1], bins.max() + 1)
    cell = np.ravel_multi_index((of_day, bins), shape)
    return [weights @ np.bincount(cell, column, shape[0] * shape[1]).reshape(shape) for column in columns]


def _bin(p: Floats) -> NDArray[np.intp]:
    edges = np.unique(np.quantile(p, np.arange(1, BINS) / BINS))
    return np.unique(np.searchsorted(edges, p, side="right"), return_inverse=True)[1]


def _curve(rows: Floats, labels: Floats, answers: Floats) -> tuple[Bin, ...]:
    with np.errstate(invalid="ignore"):  # a draw may leave a bin empty
        low, high = np.nanquantile(labels / rows, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    columns = (answers[0] / rows[0], labels[0] / rows[0], low, high, rows[0])
    return tuple(Bin(*values) for values in zip(*(column.tolist() for column in columns), strict=True))


def _interval(draws: Floats) -> Interval:
    finite = draws[np.isfinite(draws)]
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if len(finite) else (np.nan, np.nan)
    return Interval(float(draws[0]), float(low), float(high))


def _mirrored(interval: Interval) -> Interval:
    value, low, high = interval
    return Interval(value, max(0.0, 2 * value - high), max(0.0, 2 * value - low))
