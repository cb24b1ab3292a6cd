"""Watch a model: from its prediction log, window by window, to readings, verdicts and a report."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..definition import claim_of
from ..errors import InputError
from ..gates import Verdict
from ..postgres import Postgres
from . import estimates, report, skew, traffic
from .counts import Columns
from .estimates import Estimate
from .log import PredictionLog, exists
from .monitors import Reading, Thresholds, Window
from .timeline import Timeline, read

if TYPE_CHECKING:
    import pandas as pd

DAYS = 7  # of a window: the limits of the reference were measured on weeks
WINDOWS = 13  # a quarter of a year
JUDGE_OVER = 4  # windows: the AUC of one week scatters by .07, that of four by .04
SILENT = timedelta(days=365)  # for longer, a log counts as one that has not begun
LABEL_DELAY = timedelta(days=1)  # of the course's labels, 99.9% are known after 11 hours
Monitor = Callable[[Mapping[str, Any], Window], Reading]  # of a project: a reading of one window


@dataclass(frozen=True)
class Watched:
    """What `monitor` found: a verdict for each monitor, the readings behind them, and the page to look at.

    `estimates` say for each window what its AUC, Brier score and log loss are by the predictions alone.
    """

    verdicts: tuple[Verdict, ...]
    timeline: Timeline
    report: Path | None
    estimates: tuple[Estimate, ...] = ()

    @property
    def passed(self) -> bool | None:
        """False when an alarm rings, True when every monitor is quiet, None when one of them could not judge."""
        return report.passed(self.verdicts)


def monitor(
    bundle_folder: Path,
    log_path: Path | Postgres,
    *,
    now: datetime | None = None,
    days: int = DAYS,
    windows: int = WINDOWS,
    thresholds: Thresholds | None = None,
    label_delay: timedelta = LABEL_DELAY,
    report_path: Path | None = None,
    batch: Columns | None = None,
    monitors: Mapping[str, Monitor] | None = None,
) -> Watched:
    """Watch the model of a bundle over the last `windows` windows of `days` days until `now`, and write a report.

    Only answers of this version of the model count. A label is due `label_delay` after the prediction time, and what
    came later than `now` (in UTC, if it names no zone) is not known yet. A log that does not exist yet is an empty one.
    With `batch`, what the batch path gives (the features by name, and "key"), the rows of the log are compared with it.
    `monitors` are those of the project: each gives a reading of a window.
    Raises InputError for a bundle or a log that cannot be read, and for windows that are too short.
    """
    bundle, reference = load(bundle_folder)
    limits = thresholds or Thresholds()
    if days < limits.min_days or windows < 1:
        what = f"{windows} windows of {days} days cannot be judged"
        raise InputError(what, where="monitor", hint=f"take at least one window of at least {limits.min_days} days")
    end = _in_utc(now or datetime.now(UTC))
    start = end - timedelta(days=days * windows)
    rows = _rows(log_path, bundle, start - timedelta(days=days), end)
    due = rows["time"] <= _utc(end - label_delay)
    own = (rows["version"] == bundle.version) & (rows["time"] >= _utc(start))
    # The log does not know local time: the blocks of the intervals are days in UTC.
    columns = {**rows, "day": rows["time"].astype("datetime64[D]"), "due": due}
    parts, starts = _windows({name: values[own] for name, values in columns.items()}, end, days, windows)
    came = traffic.Traffic(
        rows["time"], rows["known_at"], bool((rows["time"] < starts[0]).any()), np.timedelta64(label_delay)
    )
    more = traffic.readings(reference, came, starts, days, limits)
    more += skew.readings(list(reference["features"]), parts, batch, limits) if batch else []
    watched = monitors or {}
    claims = {name: claim_of(monitor) for name, monitor in watched.items()}
    more += [
        replace(watched[name](reference, part), monitor=name, window=part.name) for name in claims for part in parts
    ]
    timeline = read(reference, bundle.metrics, parts, thresholds=limits, judge_over=JUDGE_OVER, more=more, own=claims)
    guesses = estimates.by_window(reference, parts, JUDGE_OVER)
    if report_path is not None:
        about = f"Model {bundle.signature.name}, version {bundle.version}, until {end:%Y-%m-%d %H:%M} UTC"
        report.write(report_path, about, reference, parts, timeline, judge_over=JUDGE_OVER, guesses=guesses)
    return Watched(timeline.verdicts(), timeline, report_path, tuple(guesses))


def by_window(
    reference: Mapping[str, Any],
    metrics: Mapping[str, Any],
    windows: Mapping[str, Columns],
    *,
    thresholds: Thresholds | None = None,
) -> "pd.DataFrame":
    """The readings of windows that are at hand, such as past months: one row per window, monitor and subject.

    `reference` and `metrics` are the contents of reference.json and metrics.json; each window holds the features,
    "probability", "label" (NaN: never known) and "day" as arrays.
    """
    parts = [Window.of(name, columns) for name, columns in windows.items()]
    return read(reference, metrics, parts, thresholds=thresholds).table()


def load(bundle_folder: Path) -> tuple[Bundle, dict[str, Any]]:
    """A verified bundle and the content of its reference.json; InputError when it has none."""
    bundle, file = Bundle.load(bundle_folder), Path(bundle_folder) / "reference.json"
    if not file.is_file():
        raise InputError("no such file", where=file, hint="train the model again: the reference is made in training")
    return bundle, json.loads(file.read_text(encoding="utf-8"))


def _rows(path: Path | Postgres, bundle: Bundle, start: datetime, end: datetime) -> Columns:
    """The log from `start` on; where that is empty, the newest of the year before, to tell silence from a new log."""
    if not exists(path):
        times, numbers, texts = np.empty(0, "datetime64[us]"), np.empty(0), np.empty(0, object)
        return {"time": times, "known_at": times, "version": texts, "probability": numbers, "label": numbers}
    with PredictionLog(path, bundle.signature) as log:
        rows = log.read(start, end, known_by=end)
        return rows if len(rows["time"]) else log.read(start - SILENT, start, known_by=end)


def _windows(rows: Columns, end: datetime, days: int, windows: int) -> tuple[list[Window], NDArray[np.datetime64]]:
    """The last `windows` periods before `end` and their starts, without those before the first row.

    A window is named after its first day.
    """
    starts = _utc(end) - np.arange(windows, 0, -1) * np.timedelta64(days, "D")
    number = np.searchsorted(starts, rows["time"], side="right") - 1
    first = int(number.min()) if len(number) else windows - 1
    found = [
        Window.of(str(starts[i])[:10], {name: values[number == i] for name, values in rows.items()})
        for i in range(first, windows)
    ]
    return found, starts[first:]


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _utc(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "us")
