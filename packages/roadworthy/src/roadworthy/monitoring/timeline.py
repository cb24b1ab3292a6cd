"""Windows in the order of time: their readings, the alarms that follow, and one verdict for each monitor."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import Verdict
from ..contract.workspace import MONITORS
from .monitors import OUTCOMES, Reading, Thresholds, Window, input_readings, join_windows, outcome_readings
from .windows import DAY, Period, judged_span, wants_more_labels

if TYPE_CHECKING:
    import pandas as pd

CALIBRATED = "what is predicted comes, in the mean"  # the claim of numbers
MOST_NAMED = 3  # subjects in the evidence of a verdict; the table has all
STATUS = {False: "good", True: "bad", None: "not judged"}


def alarm_rings(history: Sequence[bool | None], n: int = 2, m: int = 3) -> bool:
    """Whether at least `n` of the last `m` judged windows were violated; `history` goes from old to new.

    None stands for a window that could not be judged: it neither raises an alarm nor ends one. Two of three: a
    monitor that is violated once in 1000 quiet windows then rings once in 300,000. ValueError unless 1 <= n <= m.
    """
    if not 1 <= n <= m:
        raise ValueError(f"n of m windows: {n} of {m} is not possible")
    judged = [violated for violated in history if violated is not None]
    return sum(judged[-m:]) >= n


def alarm_history(history: Sequence[bool | None], n: int = 2, m: int = 3) -> list[bool]:
    """Whether the alarm rings after each window of the history."""
    return [alarm_rings(history[: i + 1], n, m) for i in range(len(history))]


class Timeline:
    """The readings of successive windows, from old to new."""

    def __init__(
        self,
        windows: Sequence[Window],
        readings: Sequence[Reading],
        thresholds: Thresholds,
        own: Mapping[str, str] | None = None,
    ) -> None:
        of_numbers = windows[0].scale is not None
        self.claims = {**MONITORS, **({"calibration": CALIBRATED} if of_numbers else {}), **(own or {})}
        self.windows = [window.name for window in windows]
        self.periods = {window.name: window.periods for window in windows}
        self.thresholds = thresholds
        self.readings: list[Reading] = []
        self._by_key: dict[tuple[str, str], dict[str, Reading]] = {}
        self.add(readings)

    def add(self, readings: Iterable[Reading]) -> None:
        """Add readings of these windows."""
        for reading in readings:
            self.readings.append(reading)
            self._by_key.setdefault((reading.monitor, reading.subject), {})[reading.window] = reading

    def alarms(self, monitor: str, subject: str = "") -> dict[str, bool]:
        """Whether the alarm of a monitor rings after each window; a window without a reading was not judged."""
        readings = self._by_key.get((monitor, subject), {})
        history = [readings[window].violated if window in readings else None for window in self.windows]
        return dict(zip(self.windows, alarm_history(history, *self.thresholds.agree(monitor)), strict=True))

    def states(self, monitor: str, subject: str = "") -> list[str]:
        """The state after each window: "alarm", "violated", "quiet" or "not judged"."""
        readings, rung = self._by_key.get((monitor, subject), {}), self.alarms(monitor, subject)
        names = {True: "violated", False: "quiet", None: "not judged"}
        states = [names[readings[window].violated if window in readings else None] for window in self.windows]
        return ["alarm" if rung[window] else state for window, state in zip(self.windows, states, strict=True)]

    def of(self, monitor: str) -> list[Reading]:
        """All readings of a monitor, from old to new."""
        return [reading for reading in self.readings if reading.monitor == monitor]

    def subjects(self, monitor: str) -> list[str]:
        """What a monitor looks at: features, or the empty text for what concerns all rows."""
        return [subject for name, subject in self._by_key if name == monitor]

    def latest(self, monitor: str) -> list[Reading]:
        """The readings of a monitor in the newest window."""
        return [reading for reading in self.of(monitor) if reading.window == self.windows[-1]]

    def verdicts(self) -> tuple[Verdict, ...]:
        """One verdict for each monitor that has a subject: red when an alarm of it rings after the newest window."""
        return tuple(self._verdict(monitor, claim) for monitor, claim in self.claims.items() if self.subjects(monitor))

    def table(self) -> "pd.DataFrame":
        """One row for each reading: window, monitor, subject, value, interval, limit, status, alarm, evidence."""
        import pandas as pd

        rung = {key: self.alarms(*key) for key in self._by_key}
        rows = [
            {**asdict(r), "status": STATUS[r.violated], "alarm": rung[r.monitor, r.subject][r.window]}
            for r in self.readings
        ]
        names = ["window", "monitor", "subject", "value", "low", "high", "limit", "status", "alarm", "evidence"]
        return pd.DataFrame(rows, columns=names)

    def _verdict(self, monitor: str, claim: str) -> Verdict:
        gate, readings = f"{monitor}: {claim}", self.latest(monitor)
        red = [subject for subject in self.subjects(monitor) if self.alarms(monitor, subject)[self.windows[-1]]]
        if red:
            # Not that of the last window, which may be unjudged while the alarm rings on.
            newest = (self._newest(monitor, subject) for subject in red)
            return Verdict(gate, passed=False, evidence=_ringing(sorted(newest, key=_excess)))
        judged = [reading for reading in readings if reading.violated is not None]
        if not judged:
            return Verdict(gate, None, readings[0].evidence if readings else "not judged: nothing to read")
        return Verdict(gate, passed=True, evidence=_quiet(judged, len(readings)))

    def _newest(self, monitor: str, subject: str) -> Reading:
        readings = self._by_key[monitor, subject]
        newest = [readings[window] for window in reversed(self.windows) if window in readings]
        return next((reading for reading in newest if reading.violated is not None), newest[0])


def read_timeline(
    reference: Mapping[str, Any],
    metrics: Mapping[str, Any],
    windows: Sequence[Window],
    *,
    thresholds: Thresholds | None = None,
    judge_over: int = 1,
    more: Sequence[Reading] = (),
    own: Mapping[str, str] | None = None,
) -> Timeline:
    """Read every monitor in every window; what needs labels is judged over the last `judge_over` windows together.

    Of more than one, and where their labels are too few, over more of them.

    `reference` and `metrics` are the contents of reference.json and metrics.json; `more` are readings of these windows
    that need more than their rows, `own` the claims of the project's monitors among them. ValueError without a window.
    """
    if not windows:
        raise ValueError("no window to read")
    limits = thresholds or Thresholds()
    readings = list(more)
    for i, window in enumerate(windows):
        # Drift is judged by the week, and what needs labels is not: the AUC of one week scatters too much.
        together = judged_span(windows, i, judge_over, partial(wants_more_labels, limits=limits))
        judged = join_windows(window.name, windows[together])
        readings += [*input_readings(reference, window, limits), *outcome_readings(metrics, judged, limits)]
    return Timeline(windows, readings, limits, own)


def unjudged_readings(
    timeline: Timeline, periods: Sequence[Period], since: np.datetime64 | None, label_delay: np.timedelta64
) -> list[Reading]:
    """For how many days each monitor has been without a judgement at the end of each window.

    `periods` are those of the windows, `since` is when the first prediction was made, None when there is none. What
    needs labels may wait for them as well. What the season moves further than a fault could has been looked at, and
    freshness is a fact of any log.
    """
    monitors = [monitor for monitor in timeline.claims if monitor != "freshness" and timeline.subjects(monitor)]
    return [each for monitor in monitors for each in _unjudged(timeline, monitor, periods, since, label_delay)]


def _unjudged(
    timeline: Timeline,
    monitor: str,
    periods: Sequence[Period],
    since: np.datetime64 | None,
    label_delay: np.timedelta64,
) -> Iterable[Reading]:
    readings, last = timeline.of(monitor), since
    limit = timeline.thresholds.max_unjudged_days + (float(label_delay / DAY) if monitor in OUTCOMES else 0.0)
    for window, period in zip(timeline.windows, periods, strict=True):
        here = [reading for reading in readings if reading.window == window]
        if last is None:
            yield Reading(window, "judged", monitor, nan, limit, None, "not judged: there is no prediction yet")
            continue
        if any(reading.violated is not None or not isnan(reading.value) for reading in here):
            last = period.end
        days = max(0.0, float((period.end - last) / DAY))
        evidence = f"without a judgement for {days:.0f} days, at most {limit:.0f}"
        reason = f": {here[0].evidence.removeprefix('not judged: ')}" if days and here else ""
        yield Reading(window, "judged", monitor, days, limit, days > limit, evidence + reason)


def _sentence(reading: Reading) -> str:
    return f"{reading.subject}: {reading.evidence}" if reading.subject else reading.evidence


def _excess(reading: Reading) -> float:
    return -abs(reading.value) / reading.limit if reading.limit else 0.0


def _ringing(red: Sequence[Reading]) -> str:
    more = f"; and {len(red) - MOST_NAMED} more" if len(red) > MOST_NAMED else ""
    return "; ".join(map(_sentence, red[:MOST_NAMED])) + more


def _quiet(judged: Sequence[Reading], of: int) -> str:
    nearest = min(judged, key=_excess)
    once = " (violated, but in too few windows for an alarm)" if nearest.violated else ""
    if of == 1:
        return _sentence(nearest) + once
    unjudged = f", {of - len(judged)} cannot be judged" if of > len(judged) else ""
    return f"none of {len(judged)} rings{unjudged}; nearest to its limit is {_sentence(nearest)}{once}"
