"""Windows that fit the traffic: one of too few rows or days is joined with those before it until it holds enough.

A week is a sample in a busy service, and none at 24 rows a day. Counted is from the newest window on, so that it can be
judged as soon as there are enough rows at all; what is left over is the oldest, and stays as it is.

So does a window that holds enough by itself, even beside one that does not: where weeks are full, a thin one is an
outage or the first of a log, and not the traffic. So does one without any row, if it is the newest: rows of before
would hide that nothing came.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .distributions import Counts
from .monitors import Thresholds, Window, join_windows

DAY, INSTANT = np.timedelta64(1, "D"), np.timedelta64(1, "us")


class Period(NamedTuple):
    """The days of a window, in UTC."""

    start: np.datetime64
    days: int

    @property
    def end(self) -> np.datetime64:
        """The moment after its last one."""
        return self.start + self.days * DAY

    @property
    def name(self) -> str:
        """Its first day: what a window is named after."""
        return str(self.start)[:10]


def fitting_spans(windows: Sequence[Window], limits: Thresholds) -> list[slice]:
    """Which successive windows are joined, from old to new, so that each holds enough rows and days."""
    spans: list[slice] = []
    end = len(windows)
    while end:
        spans.append(_newest_span(windows[:end], limits))
        end = spans[-1].start
    return spans[::-1]


def fitted(windows: Sequence[Window], periods: Sequence[Period], spans: Sequence[slice]) -> list[Window]:
    """The windows joined by `spans`, features as well; a joined one is named after its first and its last day."""
    return [
        windows[span.start]
        if span.stop - span.start == 1
        else _joined(f"{periods[span.start].name} to {str(periods[span.stop - 1].end - INSTANT)[:10]}", windows[span])
        for span in spans
    ]


def fitted_periods(periods: Sequence[Period], spans: Sequence[slice]) -> list[Period]:
    """The periods of the windows that `spans` join."""
    return [Period(periods[span.start].start, sum(each.days for each in periods[span])) for span in spans]


def judged_span(windows: Sequence[Window], at: int, judge_over: int, wants_more: Callable[[Window], bool]) -> slice:
    """The windows that are judged together with window `at`: so many periods, and more while they hold too little.

    With `judge_over` of 1 each window stands for itself.
    """
    start, end = at, at + 1
    while start and sum(window.periods for window in windows[start:end]) < judge_over:
        start -= 1
    while judge_over > 1 and start and wants_more(join_windows("", windows[start:end])):
        start -= 1
    return slice(start, end)


def wants_more_rows(window: Window, limits: Thresholds) -> bool:
    """Whether there are rows, but too few of them, or of too few days."""
    rows = len(window.answers)
    return rows > 0 and (rows < limits.min_rows or window.days < limits.min_days)


def wants_more_labels(window: Window, limits: Thresholds) -> bool:
    """Whether there are labels due, but too few, or of too few days, or too few of a class among those that came.

    Where labels do not arrive, older ones would only hide that.
    """
    due, known = int(window.due.sum()), window.judged
    if due and (due < limits.min_rows or len(np.unique(window.day[window.due])) < limits.min_days):
        return True
    return due > 0 and bool(known.sum() >= limits.min_coverage * due) and not window.problem.enough(window.label[known])


def _newest_span(windows: Sequence[Window], limits: Thresholds) -> slice:
    """The newest window with those before it that it needs; alone, if they are not enough or hold enough themselves."""
    end = len(windows)
    start = end - 1
    while start and wants_more_rows(join_windows("", windows[start:end]), limits):
        if _holds_enough(windows[start - 1], limits):
            break
        start -= 1
    enough = _holds_enough(join_windows("", windows[start:end]), limits)
    return slice(start if enough else end - 1, end)


def _holds_enough(window: Window, limits: Thresholds) -> bool:
    return len(window.answers) > 0 and not wants_more_rows(window, limits)


def _joined(name: str, windows: Sequence[Window]) -> Window:
    # Windows without rows have no counts of what is monitored.
    filled = [window.columns for window in windows if len(window.answers)]
    columns = {each: _together([part[each] for part in filled]) for each in (filled[0] if filled else {})}
    return replace(join_windows(name, windows), columns=columns)


def _together(parts: Sequence[Any]) -> Any:
    if not isinstance(parts[0], Counts):
        return np.concatenate(parts)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.plus(part)
    return whole
