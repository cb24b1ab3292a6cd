"""What the rows of a log say beside their probabilities: how many, how old, and whether the batch path has the same.

volume: the predictions of a window against those of its weekdays in the last half year of training, as the logarithm of
their ratio. The limit is what blocks of as many days of training differ from that, at the family's share of chance, and
at least `max_volume`. freshness: hours since the newest prediction, and since the newest label, at the end of the
window. That is a fact and no sample, so it rings at once. All versions count: what is watched is the service.

skew: the share of values of a feature that differ from what the batch path has for the same keys.

How late labels are, which says when one is due, is learned from training as well.

Latency and errors are not in the prediction log. Prometheus has them: deploy/prometheus/ has the rules.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .distributions import Columns
from .limits import MIN_BLOCKS, Spread, share_of_family
from .monitors import Reading, Thresholds, Window
from .windows import DAY, Period

REMEMBERED = 182  # days of training: what was usual ten years ago is not
HOUR = np.timedelta64(1, "h")
KNOWN = 0.999  # share of the labels of training that were known when one counts as due: the last ones may take for ever
LABEL_DELAY = 1  # days, at least, and where a reference does not say; of the course's labels, KNOWN are after 11 hours
Times = NDArray[np.datetime64]


class Traffic(NamedTuple):
    """When predictions were made (in order) and their labels became known (NaT: not yet), in UTC, of all versions.

    `began` says that the log holds predictions from before the first window; `label_delay` is when a label is due.
    """

    time: Times
    known_at: Times
    began: bool
    label_delay: np.timedelta64


def describe_traffic(day: NDArray[Any], every: int = 1, waits: NDArray[Any] | None = None) -> dict[str, Any]:
    """The rows of each of the last days of training, for reference.json; every n-th row stands for n.

    `waits` (timedelta64, NaT: never known) is how long after its prediction time each label was known.
    """
    days = day.astype("datetime64[D]")
    first = max(days.min(), days.max() - np.timedelta64(REMEMBERED - 1, "D"))
    counts = np.bincount((days[days >= first] - first).astype(int)) * every
    late = {} if waits is None else {"label_delay_days": _label_delay_days(waits)}
    return {"since": str(first), "per_day": counts.tolist(), **late}


def learned_delay(reference: Mapping[str, Any]) -> timedelta:
    """After how long a label is due, by reference.json; older ones do not say."""
    return timedelta(days=reference.get("traffic", {}).get("label_delay_days", LABEL_DELAY))


def _label_delay_days(waits: NDArray[Any]) -> int:
    known = waits[~np.isnat(waits)] / DAY
    return max(LABEL_DELAY, int(np.ceil(np.quantile(known, KNOWN)))) if len(known) else LABEL_DELAY


def traffic_readings(
    reference: Mapping[str, Any], traffic: Traffic, periods: Mapping[str, Period], thresholds: Thresholds
) -> list[Reading]:
    """Volume and freshness of the windows of these names, from old to new."""
    readings = []
    for at, (name, period) in enumerate(periods.items()):
        if "traffic" in reference:
            first = at == 0 and not traffic.began
            readings.append(_volume(name, reference, traffic.time, period, thresholds, first=first))
        readings += [age(name, traffic, period, thresholds) for age in (_age_of_predictions, _age_of_labels)]
    return readings


def usual_volume(described: Mapping[str, Any], first: np.datetime64, days: int) -> tuple[float, Spread | None]:
    """The predictions to expect in so many days, and by how much (as a logarithm) blocks of training differed."""
    counts = np.asarray(described["per_day"], dtype=np.float64)
    weekday = (np.arange(len(counts)) + date.fromisoformat(described["since"]).weekday()) % 7
    of_weekday = np.array([(counts[weekday == each] if each in weekday else counts).mean() for each in range(7)])
    ahead = (first.astype("datetime64[D]").astype(object).weekday() + np.arange(days)) % 7
    blocks = len(counts) // days
    if blocks < MIN_BLOCKS:
        return float(of_weekday[ahead].sum()), None
    came, expected = (
        values[: blocks * days].reshape(blocks, days).sum(axis=1) for values in (counts, of_weekday[weekday])
    )
    return float(of_weekday[ahead].sum()), Spread.of(np.log((came + 0.5) / (expected + 0.5)))


def _volume(
    name: str,
    reference: Mapping[str, Any],
    time: Times,
    period: Period,
    thresholds: Thresholds,
    *,
    first: bool,
) -> Reading:
    start, days = period
    rows = int(np.subtract(*np.searchsorted(time, [period.end, start])))
    expected, spread = usual_volume(reference["traffic"], start, days)
    volume = f"{rows:,} predictions in {days} days, {expected:,.0f} in training"
    limit = float(np.log1p(thresholds.max_volume))
    if spread:
        away = spread.bound(share_of_family(reference.get("tests", 1))) - spread.mean
        limit = max(limit, abs(spread.mean) + away)
    # As a logarithm, half and twice are equally far off; half a row more, or a window without any would be at infinity.
    value = float(np.log((rows + 0.5) / (expected + 0.5)))
    if first:
        reason = f"not judged: {volume}; the log begins in this window"
        return Reading(name, "volume", "", value, limit, None, reason)
    evidence = f"{volume}: {np.exp(value):.2f} times, limits {np.exp(-limit):.2f} and {np.exp(limit):.2f}"
    return Reading(name, "volume", "", value, limit, abs(value) > limit, evidence)


def _age_of_predictions(name: str, traffic: Traffic, period: Period, thresholds: Thresholds) -> Reading:
    before = traffic.time[: np.searchsorted(traffic.time, period.end)]
    if not (len(before) or traffic.began):
        return _unjudged(name, "predictions", "there is no prediction yet")
    # Nothing in the windows at all, but before them: it is at least as old as they are long.
    newest = before[-1] if len(before) else period.start
    return _age(name, "predictions", period.end - newest, thresholds.max_silence, least=not len(before))


def _age_of_labels(name: str, traffic: Traffic, period: Period, thresholds: Thresholds) -> Reading:
    end = period.end
    known = traffic.known_at[traffic.known_at < end]
    due = traffic.time[: np.searchsorted(traffic.time, end - traffic.label_delay)]
    newest = known.max() if len(known) else None
    waiting = due if newest is None else due[due > newest - traffic.label_delay]
    if not len(waiting):
        return _unjudged(name, "labels", "no label is due since the newest one")
    limit = thresholds.max_silence + float(traffic.label_delay / HOUR)
    return _age(name, "labels", end - (waiting[0] if newest is None else newest), limit, least=newest is None)


def _age(name: str, subject: str, age: np.timedelta64, limit: float, *, least: bool) -> Reading:
    hours = float(age / HOUR)
    newest = f"none for at least {hours:.0f} hours" if least else f"the newest is {hours:.0f} hours old"
    evidence = f"{newest}, at most {limit:.0f}"
    return Reading(name, "freshness", subject, hours, limit, hours > limit, evidence)


def _unjudged(name: str, subject: str, reason: str) -> Reading:
    return Reading(name, "freshness", subject, np.nan, np.nan, None, f"not judged: {reason}")


def skew_readings(
    names: Sequence[str], windows: Sequence[Window], batch: Columns, thresholds: Thresholds
) -> list[Reading]:
    """The share of differing values of each feature in each window; `batch` holds the features and "key" as arrays."""
    index = {key: row for row, key in enumerate(batch["key"].tolist())}
    return [reading for window in windows for reading in _skew(names, window, batch, index, thresholds)]


def values_differ(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two arrays of one shape have another value; NaN is equal to NaN, None to None."""
    if one.dtype == object:
        return np.array([a != b and not (_missing(a) and _missing(b)) for a, b in zip(one, other, strict=True)], bool)
    a, b = (np.asarray(values, dtype=np.float32) for values in (one, other))
    return np.asarray((a != b) & ~(np.isnan(a) & np.isnan(b)))


def _skew(
    names: Sequence[str], window: Window, batch: Columns, index: Mapping[object, int], thresholds: Thresholds
) -> list[Reading]:
    keys = window.columns["key"].tolist() if "key" in window.columns else []
    pairs = np.array([(row, index[key]) for row, key in enumerate(keys) if key in index], dtype=np.intp)
    if len(pairs) < thresholds.min_rows:
        least = f"at least {thresholds.min_rows}"
        reason = f"not judged: the batch path knows {len(pairs):,} of {len(keys):,} keys, {least}"
        return [Reading(window.name, "skew", name, np.nan, thresholds.max_skew, None, reason) for name in names]
    log_rows, batch_rows = pairs.T
    readings = []
    for name in names:
        logged, made = window.columns[name][log_rows], batch[name][batch_rows]
        differs = values_differ(logged, made)
        share = float(differs.mean())
        evidence = f"{share:.1%} of {len(pairs):,} values differ from the batch path, limit {thresholds.max_skew:.1%}"
        if differs.any():
            at = int(np.argmax(differs))
            evidence += f"; {keys[log_rows[at]]}: {_in_words(logged[at])}, not {_in_words(made[at])}"
        violated = share > thresholds.max_skew
        readings.append(Reading(window.name, "skew", name, share, thresholds.max_skew, violated, evidence))
    return readings


def _missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN is the value that differs from itself


def _in_words(value: Any) -> str:
    if _missing(value):
        return "nothing"
    return value if isinstance(value, str) else f"{float(value):.5g}"
