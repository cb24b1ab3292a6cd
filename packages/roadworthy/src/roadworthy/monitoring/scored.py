"""Watch a model by what `score --for-monitoring` has written: partitioned Parquet, in a folder or on S3, on a cluster.

Of each partition a worker returns what adds up: counts in the bins of the reference for each window. What ranks rows
(AUC, calibration) needs them together, so of each row probability, label and day come back as well, 20 bytes. The same
functions as for the prediction log make the readings of both; how fresh scored files are is no question.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..base.errors import InputError
from ..data.partitions import Place, Progress, spread_work
from . import estimates, report, traffic
from .limits import COUNTED, Found, monitored_counts
from .monitors import Reading, Thresholds, Window
from .timeline import read_timeline
from .watch import DAYS, JUDGE_OVER, LABEL_DELAY, WINDOWS, Watched, load_reference

BATCH = 1 << 16  # rows at a time
ROW = ("probability", "label", "day", "due", "strange")
Rows = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Question:
    """What is asked of each partition; times are UTC. Windows are numbered from 0, and begin at `starts`."""

    place: Place
    version: str
    time: str
    label: str
    reference: dict[str, Any]
    starts: NDArray[np.datetime64]
    end: np.datetime64
    due: np.datetime64


@dataclass
class WindowPart:
    """The answer for one window: counts of all that is monitored, and the rows that are judged when labels are due."""

    found: Found = field(default_factory=dict)
    rows: list[Rows] = field(default_factory=list)

    def add(self, more: "WindowPart") -> None:
        """Add the answer for other rows of the same window."""
        for key, counts in more.found.items():
            self.found[key] = self.found[key].plus(counts) if key in self.found else counts
        self.rows += more.rows


def monitor_scored(
    bundle_folder: Path,
    place: str,
    *,
    now: datetime | None = None,
    days: int = DAYS,
    windows: int = WINDOWS,
    thresholds: Thresholds | None = None,
    label_delay: timedelta = LABEL_DELAY,
    report_path: Path | None = None,
    cluster: str = "",
    progress: Progress | None = None,
) -> Watched:
    """`watch.monitor` for the partitions below `place` instead of a log; `cluster` and `progress` as for `spread`.

    Without `now`, until the end of the newest day. The time of a row is that of the signature, and every label that is
    there counts as known. Raises InputError for partitions that `score --for-monitoring` has not written.
    """
    bundle, reference = load_reference(bundle_folder)
    limits = thresholds or Thresholds()
    if days < limits.min_days or windows < 1:
        what = f"{windows} windows of {days} days cannot be judged"
        raise InputError(what, where="monitor", hint=f"take at least one window of at least {limits.min_days} days")
    here = Place(place)
    names = list(here.partitions())
    end = _utc(now) if now else _newest(here, names, bundle.signature.time)
    starts = end - np.arange(windows, 0, -1) * np.timedelta64(days, "D")
    columns = (bundle.signature.time, bundle.signature.target)
    question = Question(here, bundle.version, *columns, reference, starts, end, end - np.timedelta64(label_delay))
    parts: dict[int, WindowPart] = {}
    for answer in spread_work(_answer, question, names, cluster=cluster, progress=progress):
        for number, part in answer.items():
            parts.setdefault(number, WindowPart()).add(part)
    numbers = _numbers(parts, windows)
    asked = [_rows(parts.get(number, WindowPart())) for number in numbers]
    seen = [_window(question, n, parts.get(n, WindowPart()), rows) for n, rows in zip(numbers, asked, strict=True)]
    more = _volume(reference, asked, starts[numbers.start :], days, limits)
    timeline = read_timeline(reference, bundle.metrics, seen, thresholds=limits, judge_over=JUDGE_OVER, more=more)
    guesses = estimates.by_window(reference, seen, JUDGE_OVER, strange=[rows["strange"] for rows in asked])
    if report_path is not None:
        about = f"Model {bundle.signature.name}, version {bundle.version}, until {str(end)[:16].replace('T', ' ')} UTC"
        report.write_report(report_path, about, reference, seen, timeline, judge_over=JUDGE_OVER, guesses=guesses)
    return Watched(timeline.verdicts(), timeline, report_path, tuple(guesses))


def _answer(question: Question, name: str) -> dict[int, WindowPart]:
    """Count one partition, row group by row group; what it has to say about each window."""
    answer: dict[int, WindowPart] = {}
    with question.place.reading(name) as file:
        columns = _columns(question, file, name)
        for batch in file.iter_batches(batch_size=BATCH, columns=columns):
            for number, rows in _by_window(question, batch):
                answer.setdefault(number, WindowPart()).add(_counted(question, rows))
    # In one piece, so that a window of many batches is few arrays.
    return {number: WindowPart(part.found, [_joined(part.rows)]) for number, part in answer.items()}


def _columns(question: Question, file: pq.ParquetFile, name: str) -> list[str]:
    needed = ["probability", "version", question.time, *question.reference["features"]]
    have = file.schema_arrow.names
    missing = [each for each in needed if each not in have]
    if missing:
        hint = "score the rows with `score --for-monitoring`"
        raise InputError(f"columns are missing: {', '.join(missing)}", where=f"{question.place.name}/{name}", hint=hint)
    return [*needed, *([question.label] if question.label in have else [])]


def _by_window(question: Question, batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    moment = _times(batch.column(question.time))
    version = np.asarray(batch.column("version").to_numpy(zero_copy_only=False))
    number = np.searchsorted(question.starts, moment, side="right") - 1
    number[(moment >= question.end) | (version != question.version)] = -1
    for each in np.unique(number[number >= 0]).tolist():
        yield int(each), batch.filter(pa.array(number == each))


def _counted(question: Question, rows: pa.RecordBatch) -> WindowPart:
    bins = question.reference["features"]
    columns = {
        name: rows.column(name) if each["kind"] == "category" else _numbers_of(rows.column(name))
        for name, each in bins.items()
    }
    probability = _numbers_of(rows.column("probability"))
    moment = _times(rows.column(question.time))
    has = question.label in rows.schema.names
    label = _numbers_of(rows.column(question.label)) if has else np.full(len(moment), np.nan)
    day, due = moment.astype("datetime64[D]"), moment <= question.due
    row = (probability, label.astype(np.float32), day, due, _strange(bins, rows))
    found = monitored_counts(question.reference, {**columns, "prediction": probability})
    return WindowPart(found, [dict(zip(ROW, row, strict=True))])


def _strange(bins: Mapping[str, Mapping[str, Any]], rows: pa.RecordBatch) -> NDArray[np.bool_]:
    """The rows with a category that training lacks."""
    strange = np.zeros(rows.num_rows, dtype=np.bool_)
    for name, each in bins.items():
        if each["kind"] == "category":
            column = rows.column(name)
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            known = pc.is_in(column, value_set=pa.array(each["categories"], kind))
            strange |= np.asarray(pc.and_(column.is_valid(), pc.invert(known)).to_numpy(zero_copy_only=False))
    return strange


def _numbers_of(column: pa.Array) -> NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _times(column: pa.Array) -> NDArray[np.datetime64]:
    # Arrow keeps times with a zone in UTC; those without one are taken as UTC.
    return np.asarray(column.cast(pa.timestamp("us", tz=column.type.tz)).to_numpy(zero_copy_only=False))


def _joined(rows: list[Rows]) -> Rows:
    return {name: np.concatenate([each[name] for each in rows]) for name in ROW}


def _rows(part: WindowPart) -> Rows:
    kinds = (float, float, "datetime64[D]", np.bool_, np.bool_)
    empty = {name: np.empty(0, kind) for name, kind in zip(ROW, kinds, strict=True)}
    return _joined(part.rows) if part.rows else empty


def _volume(
    reference: Mapping[str, Any],
    asked: Sequence[Rows],
    starts: NDArray[np.datetime64],
    days: int,
    limits: Thresholds,
) -> list[Reading]:
    """What is said of the number of rows; a row is as new as its day is."""
    time = np.sort(np.concatenate([rows["day"] for rows in asked])).astype("datetime64[us]")
    came = traffic.Traffic(time, np.empty(0, "datetime64[us]"), began=False, label_delay=np.timedelta64(0, "us"))
    found = traffic.traffic_readings(reference, came, starts, days, limits)
    return [reading for reading in found if reading.monitor == "volume"]


def _window(question: Question, number: int, part: WindowPart, rows: Rows) -> Window:
    names = {"drift": "{}", "relation": COUNTED}
    counted = {
        names[monitor].format(subject): counts for (monitor, subject), counts in part.found.items() if monitor in names
    }
    columns: dict[str, Any] = {**rows, **counted}
    return Window.of(str(question.starts[number])[:10], columns)


def _numbers(parts: dict[int, WindowPart], windows: int) -> range:
    """Without those before the first that has rows."""
    return range(min(parts, default=windows - 1), windows)


def _newest(place: Place, names: list[str], column: str) -> np.datetime64:
    """The end of the newest day, as the files themselves say it."""
    newest: list[datetime] = []
    for name in names:
        with place.reading(name) as file:
            if column not in file.schema_arrow.names:
                what = f"there is no column {column!r}"
                raise InputError(
                    what, where=f"{place.name}/{name}", hint="score the rows with `score --for-monitoring`"
                )
            at = file.schema_arrow.names.index(column)
            groups = (file.metadata.row_group(i).column(at).statistics for i in range(file.metadata.num_row_groups))
            newest += [each.max for each in groups if each is not None and each.has_min_max]
    if not newest:
        raise InputError(
            "no file says how new it is", where=place.name, hint="give the end of the last window, --until"
        )
    latest = max(each if each.tzinfo is None else each.astimezone(UTC).replace(tzinfo=None) for each in newest)
    return _utc(datetime.combine(latest.date() + timedelta(days=1), time.min))


def _utc(moment: datetime) -> np.datetime64:
    plain = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(plain, "us")
