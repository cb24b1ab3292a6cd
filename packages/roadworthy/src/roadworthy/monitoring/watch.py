"""Watch a model: from its prediction log, window by window, to readings, verdicts and a report."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..base.databases import Postgres
from ..base.errors import InputError, Verdict
from ..bundle.bundle import Bundle, frame_columns
from ..bundle.signature import ANSWERS, Scale, Signature
from ..contract.schema import Contract
from ..contract.workspace import claim_of
from . import estimates, report, traffic
from .distributions import Columns
from .estimates import Estimate
from .limits import DAYS
from .log import PredictionLog, log_exists, naive_utc
from .monitors import Reading, Thresholds, Window
from .timeline import Timeline, read_timeline, unjudged_readings
from .windows import Period, fitted, fitted_periods, fitting_spans

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

WINDOWS = 13  # a quarter of a year
JUDGE_OVER = 4  # windows: the AUC of one week scatters by .07, that of four by .04
SILENT = timedelta(days=365)  # for longer, a log counts as one that has not begun
Monitor = Callable[[Mapping[str, Any], Window], Reading]  # of a project: a reading of one window


@dataclass(frozen=True)
class Watched:
    """What the monitors found: a verdict for each monitor, the readings behind them, and the page to look at.

    `estimates` say for each window what its AUC, Brier score and log loss are by the predictions alone.
    """

    verdicts: tuple[Verdict, ...]
    timeline: Timeline
    report: Path | None
    estimates: tuple[Estimate, ...] = ()

    @property
    def passed(self) -> bool | None:
        """False when an alarm rings, True when every monitor is quiet, None when one of them could not judge."""
        return report.verdicts_passed(self.verdicts)


def monitor_log(
    bundle_folder: Path,
    log_path: Path | Postgres,
    *,
    now: datetime | None = None,
    days: int = DAYS,
    windows: int = WINDOWS,
    thresholds: Thresholds | None = None,
    label_delay: timedelta | None = None,
    report_path: Path | None = None,
    batch: Columns | None = None,
    monitors: Mapping[str, Monitor] | None = None,
) -> Watched:
    """Watch the model of a bundle over the last `windows` windows of `days` days until `now`, and write a report.

    Only answers of this version of the model count. Windows that hold too few rows or days are joined, see `windows`;
    where all of them hold too few for an alarm, a year is looked at. A label is due `label_delay` after the prediction
    time, as late as labels were in training without it, and what came later than `now` (in UTC, if it names no zone) is
    not known yet. A log that does not exist yet is an empty one.
    With `batch`, what the batch path gives (the features by name, and "key"), the rows of the log are compared with it.
    `monitors` are those of the project: each gives a reading of a window.
    Raises InputError for a bundle or a log that cannot be read, and for windows that are too short.
    """
    bundle, reference = load_reference(bundle_folder)
    limits, end = thresholds or Thresholds(), now or datetime.now(UTC)
    require_windows(windows, days, limits)
    delay = traffic.learned_delay(reference) if label_delay is None else label_delay
    rows, windows = _enough_rows(log_path, bundle, end, days, windows, least=limits.m * limits.min_rows)
    start = end - timedelta(days=days * windows)
    of_version = (rows["version"] == bundle.version) & (rows["time"] >= utc_time(start))
    # The log does not know local time: the blocks of the intervals are days in UTC.
    columns = {**rows, "day": rows["time"].astype("datetime64[D]"), "due": rows["time"] <= utc_time(end - delay)}
    own_rows = {name: each[of_version] for name, each in columns.items()}
    parts, periods = _windows(own_rows, end, days, windows, scale_of(reference))
    spans = fitting_spans(parts, limits)
    parts, periods = fitted(parts, periods, spans), fitted_periods(periods, spans)
    began = bool((rows["time"] < periods[0].start).any())
    came = traffic.Traffic(rows["time"], rows["known_at"], began, np.timedelta64(delay))
    named = {part.name: period for part, period in zip(parts, periods, strict=True)}
    more = traffic.traffic_readings(reference, came, named, limits)
    more += traffic.skew_readings(list(reference["features"]), parts, batch, limits) if batch else []
    more += _own_readings(monitors or {}, reference, parts)
    own = {name: claim_of(monitor) for name, monitor in (monitors or {}).items()}
    timeline = read_timeline(
        reference, bundle.metrics, parts, thresholds=limits, judge_over=JUDGE_OVER, more=more, own=own
    )
    since = rows["time"][of_version].min() if of_version.any() else periods[0].start if began else None
    timeline.add(unjudged_readings(timeline, periods, since, came.label_delay))
    return conclude(bundle, reference, parts, timeline, utc_time(end), report_path)


def _own_readings(
    monitors: Mapping[str, Monitor], reference: Mapping[str, Any], windows: Sequence[Window]
) -> list[Reading]:
    return [
        replace(monitor(reference, window), monitor=name, window=window.name)
        for name, monitor in monitors.items()
        for window in windows
    ]


def require_windows(windows: int, days: int, limits: Thresholds) -> None:
    """Raise InputError for so many windows of so many days, unless they can be judged."""
    if days < limits.min_days or windows < 1:
        what = f"{windows} windows of {days} days cannot be judged"
        raise InputError(what, where="monitor", hint=f"take at least one window of at least {limits.min_days} days")


def conclude(
    bundle: Bundle,
    reference: Mapping[str, Any],
    windows: Sequence[Window],
    timeline: Timeline,
    end: np.datetime64,
    report_path: Path | None,
    *,
    unseen: Sequence[NDArray[np.bool_]] | None = None,
) -> Watched:
    """What the readings of windows until `end` come to; the report is written if it has a place.

    `unseen` marks the rows with an unseen category, where the windows hold counts instead of columns.
    """
    limits = timeline.thresholds
    estimated = estimates.estimate_windows(reference, windows, JUDGE_OVER, thresholds=limits, unseen=unseen)
    if report_path is not None:
        until = str(end)[:16].replace("T", " ")
        about = f"Model {bundle.signature.name}, version {bundle.version}, until {until} UTC"
        report.write_report(
            report_path, about, reference, windows, timeline, judge_over=JUDGE_OVER, estimates=estimated
        )
    return Watched(timeline.verdicts(), timeline, report_path, tuple(estimated))


def load_reference(bundle_folder: Path) -> tuple[Bundle, dict[str, Any]]:
    """A verified bundle and the content of its reference.json; InputError when it has none."""
    bundle, file = Bundle.load(bundle_folder), Path(bundle_folder) / "reference.json"
    if not file.is_file():
        raise InputError("no such file", where=file, hint="train the model again: the reference is made in training")
    return bundle, json.loads(file.read_text(encoding="utf-8"))


def utc_time(moment: datetime) -> np.datetime64:
    """A time as the columns of a log have it; one that names no zone is taken as UTC."""
    return np.datetime64(naive_utc(moment), "us")


def _enough_rows(
    path: Path | Postgres, bundle: Bundle, end: datetime, days: int, windows: int, *, least: int
) -> tuple[Columns, int]:
    """The rows of so many windows; where fewer than `least` came in them, of a year; and the number of windows.

    One window more is read, to tell a log that begins now from one that has begun before.
    """
    rows = _rows(path, bundle, end - timedelta(days=days * (windows + 1)), end)
    came = np.count_nonzero(rows["time"] >= utc_time(end - timedelta(days=days * windows)))
    year = SILENT.days // days
    if windows >= year or not 0 < came < least:
        return rows, windows
    return _rows(path, bundle, end - timedelta(days=days * (year + 1)), end), year


def _rows(path: Path | Postgres, bundle: Bundle, start: datetime, end: datetime) -> Columns:
    """The log from `start` on; where that is empty, the newest of the year before, to tell silence from a new log."""
    if not log_exists(path):
        times, numbers, texts = np.empty(0, "datetime64[us]"), np.empty(0), np.empty(0, object)
        answers = {bundle.signature.answer: numbers, "label": numbers}
        return {"time": times, "known_at": times, "version": texts, **answers}
    with PredictionLog(path, bundle.signature) as log:
        rows = log.read(start, end, known_by=end)
        return rows if len(rows["time"]) else log.read(start - SILENT, start, known_by=end)


def scale_of(reference: Mapping[str, Any]) -> Scale | None:
    """The scale of a target that is a number, by reference.json; None where it is yes or no."""
    return Scale(reference["center"], reference["width"]) if "width" in reference else None


def _windows(
    rows: Columns, end: datetime, days: int, windows: int, scale: Scale | None
) -> tuple[list[Window], list[Period]]:
    """The last `windows` windows before `end` and their periods, without those before the first row.

    A window is named after its first day.
    """
    periods = last_periods(utc_time(end), days, windows)
    starts = np.array([period.start for period in periods])
    number = np.searchsorted(starts, rows["time"], side="right") - 1
    first = int(number.min()) if len(number) else windows - 1
    parts = [
        Window.of(periods[i].name, {name: values[number == i] for name, values in rows.items()}, scale)
        for i in range(first, windows)
    ]
    return parts, periods[first:]


def last_periods(end: np.datetime64, days: int, windows: int) -> list[Period]:
    """The last `windows` periods of `days` days before `end`, from old to new."""
    return [Period(start, days) for start in end - np.arange(windows, 0, -1) * np.timedelta64(days, "D")]


def window_readings(
    reference: Mapping[str, Any],
    metrics: Mapping[str, Any],
    windows: Mapping[str, Columns],
    *,
    thresholds: Thresholds | None = None,
) -> "pd.DataFrame":
    """The readings of windows that are at hand, such as past months: one row per window, monitor and subject.

    `reference` and `metrics` are the contents of reference.json and metrics.json; each window holds the features,
    "probability" (of numbers "prediction"), "label" (NaN: never known) and "day" as arrays.
    """
    parts = [Window.of(name, columns, scale_of(reference)) for name, columns in windows.items()]
    return read_timeline(reference, metrics, parts, thresholds=thresholds).table()


def read_windows(
    bundle_folder: Path, windows: Mapping[str, Columns], thresholds: Thresholds | None = None
) -> pd.DataFrame:
    """The readings of windows against the reference of a bundle: one row per window, monitor and subject."""
    bundle, reference = load_reference(bundle_folder)
    return window_readings(reference, bundle.metrics, windows, thresholds=thresholds)


def estimates_of(
    bundle_folder: Path, windows: Mapping[str, Columns], thresholds: Thresholds | None = None
) -> tuple[Estimate, ...]:
    """How good a bundle's model is in each window, estimated before the labels from its answers alone."""
    _, reference = load_reference(bundle_folder)
    parts = [Window.of(name, columns, scale_of(reference)) for name, columns in windows.items()]
    return tuple(estimates.estimate_windows(reference, parts, thresholds=thresholds))


def window_of_rows(project: "Workspace", rows: pd.DataFrame, answers: ArrayLike) -> Columns:
    """Rows of features with their answers as the monitors read them: features, probability, label, day.

    Of numbers "prediction" instead of "probability". The label is NaN where it is never known.
    """
    contract = project.contract
    names = [name for name in project.settings.model.features if name in rows]
    judged = {
        ANSWERS[contract.problem]: np.asarray(answers, dtype=np.float64),
        "label": rows[contract.target].to_numpy(dtype=np.float64),
        "day": rows[contract.day].to_numpy(dtype="datetime64[D]"),
    }
    return {**frame_columns(rows, names), **judged}


def logged_counts(place: Path | Postgres, signature: Signature) -> tuple[int, int]:
    """How many answers and labels a prediction log holds; InputError when it is not one of this signature."""
    if not log_exists(place):
        return 0, 0
    with PredictionLog(place, signature) as log:
        return log.count()


def batch_columns(contract: Contract, names: list[str], rows: Iterable[pd.DataFrame]) -> dict[str, NDArray[np.generic]]:
    """The named features and the "key" of tables of features as arrays: what the monitor of skew compares with."""
    whole = pd.concat([each[[contract.key, *names]] for each in rows], ignore_index=True)
    return {**frame_columns(whole, names), "key": whole[contract.key].to_numpy(dtype=object)}
