"""Holds answers of exercise 07 against what is right, and against what the usual slips give, to name the one made.

What is right is found row by row and without numpy: another way than that of the answers.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from math import floor, isnan, log
from typing import Any

from .checks import Fault

SMALLEST = 0.0001  # share that an empty bin counts as
DUE = 12.0  # hours from the scheduled departure until a label is due
NEAR = 1e-6
Row = dict[str, Any]
Pairs = list[tuple[int, int | None]]


def same_psi(came: object, reference: Sequence[float], window: Sequence[float], what: str) -> None:
    """Fault unless an answer to question 1 is right; `what` says what was compared."""
    cause = "Count the rows in each bin by hand for a small Series; is every row in one bin, missing ones too?"
    _same(came, _psi(reference, window), f"the PSI of {what}", _slips_of_psi(reference, window), cause)


class Known:
    """The labels of some flights as they were known at `as_of`, to hold answers to question 2 against."""

    def __init__(self, flights: Sequence[Row], labels: Sequence[Row], as_of: Any) -> None:
        """Flights and labels as rows, each a dict."""
        self._slips = _slips_of_known(flights, labels, as_of)

    def same(self, key: str, came: object, cause: str) -> None:
        """Fault unless "due", "coverage" or "brier" is right; `cause` is told when no slip gives what came."""
        slips = dict(self._slips[key])
        _same(came, slips.pop(""), key, slips, cause)


def same_alarms(came: Pairs, verdicts: Sequence[bool | None], n: int, m: int, cause: str) -> None:
    """Fault unless an answer to question 4 is right."""
    right = _alarms(verdicts, n, m)
    if came != right:
        raise Fault(expected=f"{right} for {verdicts}, {n} of {m}", came=str(came), cause=cause)


def number(value: object, what: str) -> float:
    """A number, of whatever library; Fault when it is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        came = f"a {type(value).__name__}"
        raise Fault(expected=f"a number: {what}", came=came, cause="Return the figure itself") from None


def nothing(value: object) -> bool:
    """None, or what numpy and pandas have for it."""
    return value is None or value != value or str(value) == "<NA>"  # noqa: PLR0124 - any kind of nan


def _same(came: object, right: float, what: str, slips: Mapping[str, float], cause: str) -> None:
    found = number(came, what)
    if _near(found, right):
        return
    made = [words for words, figure in slips.items() if _near(found, figure)]
    raise Fault(expected=f"{what}: {right:.6g}", came=f"{found:.6g}", cause=(made or [cause])[0])


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= NEAR * max(1, abs(other))


def _deciles(values: Iterable[float]) -> list[float]:
    """The different ones of nine quantiles, by linear interpolation, without what is missing."""
    known = sorted(value for value in values if not isnan(value))
    found = set()
    for tenth in range(1, 10):
        at = tenth * (len(known) - 1) / 10
        low = floor(at)
        found.add(known[low] + (at - low) * (known[min(low + 1, len(known) - 1)] - known[low]))
    return sorted(found)


def _psi(
    reference: Sequence[float],
    window: Sequence[float],
    *,
    edges: Sequence[float] = (),
    below: bool = False,
    missing: bool = True,
    inside: bool = False,
    smallest: float = SMALLEST,
) -> float:
    """The population stability index in the bins of the reference, missing values as one more.

    The rest are slips: other edges, an edge counted below, no missing values, only what is inside the range of the
    reference, another smallest share (0 leaves empty bins out).
    """
    cuts = list(edges) or _deciles(reference)
    number = bisect_left if below else bisect_right
    known = [value for value in reference if not isnan(value)]

    def shares(values: Sequence[float]) -> list[float]:
        used = [v for v in values if (missing or not isnan(v)) and not (inside and (v < min_ or v > max_))]
        bins = Counter(-1 if isnan(v) else number(cuts, v) for v in used)
        return [max(bins[each] / len(used), smallest) for each in range(-1, len(cuts) + 1)]

    min_, max_ = min(known), max(known)
    pairs = zip(shares(reference), shares(window), strict=True)
    return sum((now - was) * log(now / was) for was, now in pairs if was and now)


def _slips_of_psi(reference: Sequence[float], window: Sequence[float]) -> dict[str, float]:
    """What the slips of question 1 give, by what to say of them."""
    low, high = (pick(value for value in reference if not isnan(value)) for pick in (min, max))
    wide = [low + (high - low) * tenth / 10 for tenth in range(1, 10)]
    fixed, right = "The bins are fixed by the reference: yours come from", _psi(reference, window)
    return {
        f"{fixed} the window": _psi(reference, window, edges=_deciles(window)),
        f"{fixed} both together": _psi(reference, window, edges=_deciles([*reference, *window])),
        "Nine quantiles, not ten bins of equal width": _psi(reference, window, edges=wide),
        "A value that equals an edge belongs to the bin above: side='right', or right=False in pd.cut": _psi(
            reference, window, below=True
        ),
        "Missing values are a bin, and among all rows by which a share is divided": _psi(
            reference, window, missing=False
        ),
        "Values outside the range of the reference are lost: the first and the last bin have no end": _psi(
            reference, window, inside=True
        ),
        "An empty bin is left out: its share counts as 0.0001": _psi(reference, window, smallest=0),
        "A share below 0.0001 counts as 0.0001: yours has another floor": _psi(reference, window, smallest=1e-6),
        "ln is the natural logarithm: yours has the base 10": right / log(10),
        "ln is the natural logarithm: yours has the base 2": right / log(2),
    }


def _as_known(
    flights: Sequence[Row],
    labels: Sequence[Row],
    as_of: Any,
    *,
    hours: float = DUE,
    future: bool = False,
    first: bool = False,
    on_time: bool = False,
) -> dict[str, float]:
    """due, coverage and brier by the labels that were known at `as_of`; those that there are none of are left out.

    The rest are slips: another number of hours until a flight is due, labels of the future, the first label in place of
    the newest, flights without a label as on time.
    """
    newest: dict[int, Row] = {}
    for label in labels:
        other = newest.get(label["id"])
        if (future or label["known_at"] <= as_of) and (not other or (label["known_at"] < other["known_at"]) == first):
            newest[label["id"]] = label
    due = [each for each in flights if each["scheduled"] + timedelta(hours=hours) <= as_of]
    judged = [(each["probability"], newest[each["id"]]["late"]) for each in due if each["id"] in newest]
    found = {"due": float(len(due))}
    if due:
        found["coverage"] = len(judged) / len(due)
    if on_time:
        judged += [(each["probability"], 0) for each in due if each["id"] not in newest]
    if judged:
        found["brier"] = sum((p - late) ** 2 for p, late in judged) / len(judged)
    return found


def _slips_of_known(flights: Sequence[Row], labels: Sequence[Row], as_of: Any) -> dict[str, dict[str, float]]:
    """What the slips of question 2 give, by the key and by what to say of them; "" is what is right."""
    right, future, soon, every, first, on_time = (
        _as_known(flights, labels, as_of, **slip)
        for slip in ({}, {"future": True}, {"hours": 0}, {"hours": -1000}, {"first": True}, {"on_time": True})
    )
    due = {each["id"] for each in flights if each["scheduled"] + timedelta(hours=DUE) <= as_of}
    rows = [label for label in labels if label["id"] in due]
    found = right["coverage"] * len(due)
    some = sum(label["known_at"] <= as_of for label in rows)
    unripe = "what is not due is judged: of those flights only the short and punctual ones have labels"
    return {
        "due": {
            "": right["due"],
            "A flight is due 12 hours after its departure, not at its departure": soon["due"],
            "All predictions: due are those with scheduled + 12 hours <= as_of": every["due"],
            "due counts the flights whose label should be there, also those that have none": found,
        },
        "coverage": {
            "": right["coverage"],
            "Labels that arrived after as_of are the future: known_at <= as_of": future["coverage"],
            "A corrected label has two rows: the flight counts once, with the newest": some / len(due),
            "A corrected label has two rows, and what arrived after as_of is the future": len(rows) / len(due),
        },
        "brier": {
            "": right["brier"],
            "A flight without a label is not judged: it is not on time": on_time["brier"],
            "Labels that arrived after as_of are the future, corrections too: known_at <= as_of": future["brier"],
            "A corrected label counts as it was first: take the newest that was known": first["brier"],
            f"All predictions: {unripe}": every["brier"],
            f"Due at the departure: {unripe}": soon["brier"],
            "The Brier score is the mean of the squares, without a root": right["brier"] ** 0.5,
        },
    }


def _alarms(verdicts: Sequence[bool | None], n: int, m: int) -> Pairs:
    """Begin and end of each alarm as question 4 has it: first whether it rings after each window, then the changes."""
    states = [False]
    for window in range(1, len(verdicts) + 1):
        last = [each for each in verdicts[:window] if each is not None][-m:]
        states.append(sum(last) >= n or (states[-1] and any(last)))
    begins = [w for w in range(len(verdicts)) if states[w + 1] and not states[w]]
    return [(w, next((x for x in range(w, len(verdicts)) if not states[x + 1]), None)) for w in begins]
