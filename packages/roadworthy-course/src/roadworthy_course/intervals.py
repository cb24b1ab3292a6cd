"""What goes wrong with a paired difference and its interval by days, recognised by its figures."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .answers import require
from .contenders import Interval, Meeting, by_rows, gains

NARROW, WIDE = 0.87, 1.17  # of the width; a bootstrap of 1000 draws varies by .03, one by t is .05 wider
TAIL = 0.25  # of half the width: how far one end may lie from where it is expected
Floats = NDArray[np.float64]


def three(answer: object) -> Interval:
    """(difference, low, high) as numbers; Fault when the answer is something else."""
    came = f"a {type(answer).__name__}"
    try:
        found = [float(each) for each in answer]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        found = []
    cause = "End with: return difference, low, high"
    require(len(found) == 3, expected="three numbers: (difference, low, high)", came=came, cause=cause)
    names = [name for name, each in zip(("difference", "low", "high"), found, strict=True) if not np.isfinite(each)]
    missing = "Cancelled flights have no label: leave them out before anything is calculated"
    require(not names, expected="three finite numbers", came=f"no number for {', '.join(names)}", cause=missing)
    return found[0], found[1], found[2]


def as_wide(yours: Interval, right: Interval) -> bool:
    """Whether an interval is that of `right`, but for chance; its sign and its middle do not matter here."""
    ends, other = _arms(yours), _arms(right)
    half = sum(other) / 2
    swapped = ends[::-1]
    near = any(all(abs(a - b) < TAIL * half for a, b in zip(each, other, strict=True)) for each in (ends, swapped))
    return near and NARROW < sum(ends) / sum(other) < WIDE


def why_difference(meeting: Meeting, yours: float) -> str:
    """What an answer that is not the difference is instead."""
    rows, fair = meeting.rows, meeting.judged
    from_last = rows[(rows["day"] >= meeting.learned_until) & rows["late"].notna()]
    new = rows[rows["day"] > meeting.learned_until]
    days = pd.Series(gains(fair)).groupby(fair["day"]).mean()
    late = fair["late"]
    errors = {name: (fair[name] - late).abs() for name in ("champion", "challenger")}
    known: dict[str, float] = {
        "The days that the challenger has learned from are among them, and it knows those by heart": _mean(rows),
        "The day learned_until itself is among them: the challenger has learned from it": _mean(from_last),
        "A cancelled flight is neither late nor punctual: leave out missing labels": _mean(new.fillna({"late": 0.0})),
        "That is the mean of the days' means: each flight counts once, so large days count more": float(days.mean()),
        "That is the difference of the AUC; the Brier score is the mean of (p - late)²": _aucs(fair),
        "Without the square it is no Brier score": float((errors["champion"] - errors["challenger"]).mean()),
        "That is the difference of the roots; the Brier score is the mean of the squares": _roots(errors),
        "The sum of the gains; the Brier score is a mean": float(gains(fair).sum()),
        "That is relative to the champion's score": _mean(fair) / float((errors["champion"] ** 2).mean()),
    }
    named = [cause for cause, value in known.items() if abs(abs(value) - abs(yours)) < 2e-6]
    usual = "The mean of (champion - late)² - (challenger - late)² over the labelled flights after learned_until"
    return named[0] if named else usual


def why_width(meeting: Meeting, yours: Interval, right: Interval) -> str:
    """What an interval that is not that of whole days is instead."""
    fair = meeting.judged
    ratio = sum(_arms(yours)) / sum(_arms(right))
    rows = by_rows(gains(fair))
    unpaired = _unpaired(fair)
    known = {
        "That is about as narrow as an interval by flights: draw whole days": (rows[2] - rows[1]) / sum(_arms(right)),
        "It is wide as if the two models had met on different days: draw the days once and use them for both": unpaired,
        "A day that is drawn twice has to count twice: isin() keeps it once": 0.77,
        "That is one standard error to each side; 95% are about two": 0.51,
    }
    cause, nearest = min(known.items(), key=lambda pair: abs(np.log(max(ratio, 1e-9) / pair[1])))
    if abs(np.log(max(ratio, 1e-9) / nearest)) < 0.12:
        return cause
    if abs(yours[1]) > 10 * max(abs(right[1]), abs(right[2])):
        return "low and high are the ends of the difference, not of a score or of a single flight"
    direction = "narrow" if ratio < 1 else "wide"
    return f"It is too {direction}: take the quantiles .025 and .975 over draws of whole days, with replacement"


def _arms(interval: Interval) -> tuple[float, float]:
    middle, low, high = interval
    return middle - low, high - middle


def _mean(rows: pd.DataFrame) -> float:
    return float(np.nanmean(gains(rows)))


def _aucs(rows: pd.DataFrame) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(rows["late"], rows["challenger"]) - roc_auc_score(rows["late"], rows["champion"]))


def _roots(errors: dict[str, Any]) -> float:
    roots = {name: float((each**2).mean()) ** 0.5 for name, each in errors.items()}
    return float(roots["champion"] - roots["challenger"])


def _unpaired(rows: pd.DataFrame) -> float:
    """How wide the interval is, of the right one, when days are drawn for each model by itself."""
    late = rows["late"].to_numpy()
    code = pd.factorize(rows["day"])[0]
    squares = {name: (rows[name].to_numpy() - late) ** 2 for name in ("champion", "challenger")}
    spread = {name: _spread(each, code) for name, each in squares.items()}
    paired = _spread(squares["champion"] - squares["challenger"], code)
    return float((spread["champion"] ** 2 + spread["challenger"] ** 2) ** 0.5 / paired)


def _spread(values: Floats, code: NDArray[np.intp]) -> float:
    """The standard error of a mean over whole days (of a ratio of sums)."""
    return float(np.sqrt((np.bincount(code, values - values.mean()) ** 2).sum()) / len(values))
