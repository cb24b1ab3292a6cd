"""Watch a model by what `score --for-monitoring` has written: a Parquet file or folder, or on S3, on a cluster.

Of each partition a worker returns what adds up: counts in the bins of the reference for each window. What ranks rows
(AUC, calibration) needs them together, so of each row answer, label and day come back as well, 20 bytes. The same
functions as for the prediction log make the readings of both; how fresh scored files are is no question.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..base.errors import InputError
from ..bundle.signature import Scale
from ..data.partitions import Place, Progress, spread_work
from . import traffic
from .limits import COUNTED, DAYS, MonitoredCounts, monitored_counts
from .log import naive_utc
from .monitors import Reading, Thresholds, Window, answer_column
from .timeline import read_timeline, unjudged_readings
from .watch import (
    JUDGE_OVER,
    WINDOWS,
    Watched,
    conclude,
    last_periods,
    load_reference,
    require_windows,
    scale_of,
    utc_time,
)
from .windows import Period, fitted, fitted_periods, fitting_spans

BATCH = 1 << 16  # rows at a time
ROW = ("answer", "label", "day", "due", "unseen")
SCORE = "score the rows with `score --for-monitoring`"
Rows = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class CountTask:
    """What a worker needs to count a partition; times are UTC. Windows are numbered from 0, and begin at `starts`."""

    place: Place
    version: str
    time: str
    label: str
    answer: str
    reference: dict[str, Any]
    starts: NDArray[np.datetime64]
    end: np.datetime64
    due: np.datetime64


@dataclass
class WindowPart:
    """The rows of one window in some partitions: counts of all that is monitored, and what of each row is judged."""

    counts: MonitoredCounts = field(default_factory=dict)
    rows: list[Rows] = field(default_factory=list)

    def add(self, more: "WindowPart") -> None:
        """Add other rows of the same window."""
        for key, counts in more.counts.items():
            self.counts[key] = self.counts[key].plus(counts) if key in self.counts else counts
        self.rows += more.rows


def monitor_scored(
    bundle_folder: Path,
    place: str,
    *,
    now: datetime | None = None,
    days: int = DAYS,
    windows: int = WINDOWS,
    thresholds: Thresholds | None = None,
    label_delay: timedelta | None = None,
    report_path: Path | None = None,
    cluster: str = "",
    progress: Progress | None = None,
) -> Watched:
    """`monitor_log` for a file or partitions below `place`, not a log; `cluster` and `progress` as for `spread_work`.

    Without `now`, until the end of the newest day. The time of a row is that of the signature, and every label that is
    there counts as known. Raises InputError for partitions that `score --for-monitoring` has not written.
    """
    bundle, reference = load_reference(bundle_folder)
    limits, log = thresholds or Thresholds(), Place(place)
    require_windows(windows, days, limits)
    names = list(log.partitions())
    end = utc_time(now) if now else _newest(log, names, bundle.signature.time)
    periods = last_periods(end, days, windows)
    starts = np.array([period.start for period in periods])
    columns = (bundle.signature.time, bundle.signature.target, bundle.signature.answer)
    delay = np.timedelta64(traffic.learned_delay(reference) if label_delay is None else label_delay)
    task = CountTask(log, bundle.version, *columns, reference, starts, end, end - delay)
    parts: dict[int, WindowPart] = {}
    for counted in spread_work(_count_partition, task, names, cluster=cluster, progress=progress):
        for number, part in counted.items():
            parts.setdefault(number, WindowPart()).add(part)
    # Without the windows before the first that has rows.
    numbers = range(min(parts, default=windows - 1), windows)
    judged = [_rows(parts.get(number, WindowPart())) for number in numbers]
    single = [
        _window(periods[n].name, parts.get(n, WindowPart()), rows, scale_of(reference))
        for n, rows in zip(numbers, judged, strict=True)
    ]
    spans = fitting_spans(single, limits)
    seen, periods = fitted(single, periods[numbers.start :], spans), fitted_periods(periods[numbers.start :], spans)
    judged = [_joined(judged[span]) for span in spans]
    named = {window.name: period for window, period in zip(seen, periods, strict=True)}
    more = _volume(reference, judged, named, limits)
    timeline = read_timeline(reference, bundle.metrics, seen, thresholds=limits, judge_over=JUDGE_OVER, more=more)
    since = min((rows["day"].min() for rows in judged if len(rows["day"])), default=None)
    timeline.add(unjudged_readings(timeline, periods, since, delay))
    return conclude(bundle, reference, seen, timeline, end, report_path, unseen=[rows["unseen"] for rows in judged])


def _count_partition(task: CountTask, name: str) -> dict[int, WindowPart]:
    """Count one partition, batch by batch: its rows in each window."""
    parts: dict[int, WindowPart] = {}
    with task.place.reading(name) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=_columns(task, file, name)):
            for number, rows in _by_window(task, batch):
                parts.setdefault(number, WindowPart()).add(_counted(task, rows))
    # In one piece, so that a window of many batches is few arrays.
    return {number: WindowPart(part.counts, [_joined(part.rows)]) for number, part in parts.items()}


def _columns(task: CountTask, file: pq.ParquetFile, name: str) -> list[str]:
    needed = [task.answer, "version", task.time, *task.reference["features"]]
    have = file.schema_arrow.names
    missing = [each for each in needed if each not in have]
    if missing:
        raise InputError(
            f"columns are missing: {', '.join(missing)}", where=f"{task.place.name}/{name}".rstrip("/"), hint=SCORE
        )
    return [*needed, *([task.label] if task.label in have else [])]


def _by_window(task: CountTask, batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    moment = _times(batch.column(task.time))
    version = np.asarray(batch.column("version").to_numpy(zero_copy_only=False))
    number = np.searchsorted(task.starts, moment, side="right") - 1
    number[(moment >= task.end) | (version != task.version)] = -1
    for each in np.unique(number[number >= 0]).tolist():
        yield int(each), batch.filter(pa.array(number == each))


def _counted(task: CountTask, rows: pa.RecordBatch) -> WindowPart:
    bins = task.reference["features"]
    columns = {
        name: rows.column(name) if each["kind"] == "category" else _numbers(rows.column(name))
        for name, each in bins.items()
    }
    answer, moment = _numbers(rows.column(task.answer)), _times(rows.column(task.time))
    labelled = task.label in rows.schema.names
    label = _numbers(rows.column(task.label)) if labelled else np.full(len(moment), np.nan)
    day, due = moment.astype("datetime64[D]"), moment <= task.due
    # As small as it can be: 20 bytes of every row travel from the worker to the one that ranks them.
    row = (answer, label.astype(np.float32), day, due, _unseen(bins, rows))
    counts = monitored_counts(task.reference, {**columns, "prediction": answer})
    return WindowPart(counts, [dict(zip(ROW, row, strict=True))])


def _unseen(bins: Mapping[str, Mapping[str, Any]], rows: pa.RecordBatch) -> NDArray[np.bool_]:
    """The rows with a category that training lacks."""
    unseen = np.zeros(rows.num_rows, dtype=np.bool_)
    for name, each in bins.items():
        if each["kind"] == "category":
            column = rows.column(name)
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            known = pc.is_in(column, value_set=pa.array(each["categories"], kind))
            unseen |= np.asarray(pc.and_(column.is_valid(), pc.invert(known)).to_numpy(zero_copy_only=False))
    return unseen


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _times(column: pa.Array) -> NDArray[np.datetime64]:
    # Arrow keeps times with a zone in UTC; those without one are taken as UTC.
    return np.asarray(column.cast(pa.timestamp("us", tz=column.type.tz)).to_numpy(zero_copy_only=False))


def _joined(rows: Sequence[Rows]) -> Rows:
    return {name: np.concatenate([each[name] for each in rows]) for name in ROW}


def _rows(part: WindowPart) -> Rows:
    kinds = (float, float, "datetime64[D]", np.bool_, np.bool_)
    empty = {name: np.empty(0, kind) for name, kind in zip(ROW, kinds, strict=True)}
    return _joined(part.rows) if part.rows else empty


def _volume(
    reference: Mapping[str, Any],
    judged: Sequence[Rows],
    periods: Mapping[str, Period],
    limits: Thresholds,
) -> list[Reading]:
    """What is said of the number of rows; a row is as new as its day is."""
    time = np.sort(np.concatenate([rows["day"] for rows in judged])).astype("datetime64[us]")
    came = traffic.Traffic(time, np.empty(0, "datetime64[us]"), began=False, label_delay=np.timedelta64(0, "us"))
    readings = traffic.traffic_readings(reference, came, periods, limits)
    return [reading for reading in readings if reading.monitor == "volume"]


def _window(name: str, part: WindowPart, rows: Rows, scale: Scale | None) -> Window:
    names = {"drift": "{}", "relation": COUNTED}
    counted = {
        names[monitor].format(subject): counts for (monitor, subject), counts in part.counts.items() if monitor in names
    }
    columns: dict[str, Any] = {**rows, answer_column(scale): rows["answer"], **counted}
    return Window.of(name, columns, scale)


def _newest(place: Place, names: list[str], column: str) -> np.datetime64:
    """The end of the newest day, as the files themselves say it."""
    newest: list[datetime] = []
    for name in names:
        with place.reading(name) as file:
            if column not in file.schema_arrow.names:
                raise InputError(f"there is no column {column!r}", where=f"{place.name}/{name}".rstrip("/"), hint=SCORE)
            at = file.schema_arrow.names.index(column)
            groups = (file.metadata.row_group(i).column(at).statistics for i in range(file.metadata.num_row_groups))
            newest += [each.max for each in groups if each is not None and each.has_min_max]
    if not newest:
        hint = "give the end of the last window, --until"
        raise InputError("no file says how new it is", where=place.name, hint=hint)
    return np.datetime64(max(map(naive_utc, newest)).date() + timedelta(days=1), "us")
