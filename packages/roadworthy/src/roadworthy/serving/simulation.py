"""Play months again: into a prediction log in simulated time, or against the running service."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..base import databases
from ..base.databases import Postgres
from ..base.errors import InputError
from ..bundle.bundle import Bundle, frame_columns, predict_frame
from ..contract.schema import Contract
from ..monitoring import watch
from ..monitoring.distributions import Columns
from ..monitoring.limits import DAYS
from ..monitoring.log import PredictionLog
from ..monitoring.monitors import Thresholds
from ..monitoring.timeline import Timeline
from .client import Client, Row, wait_until

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

WEEK = timedelta(days=7)
Progress = Callable[[int, int], object]
BATCH = 500  # rows of a request
PATIENCE = 60.0  # seconds in which the service writes what it has answered


@dataclass(frozen=True)
class Incident:
    """What happens, from when on (UTC), and the project's function that changes the rows."""

    name: str
    start: datetime
    change: Callable[[pd.DataFrame, Mapping[str, pd.DataFrame], datetime], pd.DataFrame]

    @classmethod
    def parse(cls, project: "Workspace", text: str) -> "Incident":
        """An incident of the project, written as NAME@YYYY-MM-DD; InputError for another text."""
        name, _, day = text.partition("@")
        try:
            start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        except ValueError as error:
            raise InputError(f"{day!r} is no date", where=f"incident {text!r}", hint="write NAME@YYYY-MM-DD") from error
        known = project.definition.extensions("incidents")
        if name not in known:
            hint = f"choose from {', '.join(known)}" if known else "the project defines none"
            raise InputError(f"there is no incident {name!r}", where=f"incident {text!r}", hint=hint)
        return cls(name, start, known[name])


@dataclass(frozen=True)
class Alarm:
    """An alarm that begins to ring: for what, after which window (its first day), how many days after `since`."""

    monitor: str
    subject: str
    window: str
    days: int


@dataclass(frozen=True)
class Played:
    """How many rows were answered, how many labels came, and how many rows were refused, by the field at fault."""

    predictions: int
    labels: int
    refused: Counter[str]


def apply_incidents(
    contract: Contract, worlds: Mapping[str, pd.DataFrame], first: str, incidents: Sequence[Incident]
) -> pd.DataFrame:
    """The rows of the world named `first`, in the order of time, changed by what happens to them."""
    time = contract.time
    # Stable, so that rows of one time keep their order and the same months give the same log.
    rows = worlds[first].sort_values(time, kind="stable")
    for incident in sorted(incidents, key=lambda each: each.start):
        quiet = rows[time] < pd.Timestamp(incident.start)
        changed = incident.change(rows[~quiet], worlds, incident.start)
        rows = pd.concat([rows[quiet], changed], ignore_index=True).sort_values(time, kind="stable")
    return rows


def play_into_log(
    contract: Contract,
    rows: pd.DataFrame,
    bundle: Bundle,
    log: Path,
    period: tuple[datetime, datetime],
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Answer the rows of a period into a new prediction log: how many there are, and how many labels.

    The period is in UTC, its end not included. Raises InputError for a period without rows, and when the log exists:
    what was simulated must not be mixed with what happened.
    """
    within = played_rows(contract, rows, period)
    if log.exists():
        raise InputError("there is such a file already", where=log, hint="choose another name, or remove it")
    log.parent.mkdir(parents=True, exist_ok=True)
    unfinished = log.with_name(f"{log.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with PredictionLog(unfinished, bundle.signature) as written:
        weeks = _weeks(contract, within, period[0], progress)
        labels = sum(_answer(contract, week, bundle, written) for week in weeks)
    unfinished.replace(log)
    return len(within), labels


def play_live(
    contract: Contract,
    rows: pd.DataFrame,
    bundle: Bundle,
    client: Client,
    log: Path | Postgres,
    period: tuple[datetime, datetime],
    *,
    progress: Progress | None = None,
) -> Played:
    """Ask the service for the rows of a period, and write labels into its prediction log as they become known.

    `bundle` is the version that is watched, `log` the file that the service writes. What is known after the end of the
    period has no label yet. Raises InputError when the service answers with something else, when the log holds
    predictions already, and when the service did not log what it answered.
    """
    within = played_rows(contract, rows, period)
    most = _require_same_model(client, bundle)
    waiting, answered, refused = _AwaitedLabels(contract, within), 0, Counter[str]()
    with PredictionLog(log, bundle.signature) as written:
        if written.count()[0]:
            hint = "start the service with a new one: MLE_PATHS__PREDICTIONS=simulated.db; what happened stays apart"
            raise InputError("there are predictions in it already", where=str(log), hint=hint)
        for week in _weeks(contract, within, period[0], progress):
            for _, day in week.groupby(week[contract.time].dt.floor("D")):
                waiting.append_known(written, day[contract.time].iloc[0])
                for start in range(0, len(day), most):
                    good, bad = client.predict(_rows(contract, day[start : start + most], bundle))
                    answered, refused = answered + good, refused + bad
        waiting.append_known(written, pd.Timestamp(period[1]))
        hint = "is it the log of this service? its metrics prediction_log_dropped and prediction_log_failures say more"
        lost = InputError("what the service answered is not in the log", where=str(log), hint=hint)
        wait_until(lambda: written.count()[0] >= answered, PATIENCE, lost)
        return Played(answered, written.count()[1], refused)


def rehearse_period(
    contract: Contract,
    rows: pd.DataFrame,
    folder: Path,
    period: tuple[datetime, datetime],
    *,
    days: int = DAYS,
    thresholds: Thresholds | None = None,
    batch: Columns | None = None,
    report_path: Path | None = None,
) -> watch.Watched:
    """Play the rows of a period into a log that is thrown away: what the monitors say of its windows at its end."""
    with TemporaryDirectory() as scratch:
        log = Path(scratch) / "log.db"
        play_into_log(contract, rows, Bundle.load(folder), log, period)
        windows = max((period[1] - period[0]).days // days, 1)
        options: dict[str, Any] = {"thresholds": thresholds, "batch": batch, "report_path": report_path}
        return watch.monitor_log(folder, log, now=period[1], days=days, windows=windows, **options)


def begun_alarms(timeline: Timeline, days: int, since: datetime) -> list[Alarm]:
    """The alarms that begin to ring in windows of `days` days that end after `since`, the first one first."""
    alarms = []
    for monitor, subject in dict.fromkeys((reading.monitor, reading.subject) for reading in timeline.readings):
        before = False
        for window, rings in timeline.alarms(monitor, subject).items():
            # A window of several joined ones is named after its first and its last day.
            first = datetime.fromisoformat(window[:10]).replace(tzinfo=UTC)
            end = first + timedelta(days=days * timeline.periods[window])
            if rings and not before and end > since:
                alarms.append(Alarm(monitor, subject, window, (end - since).days))
            before = rings
    return sorted(alarms, key=lambda alarm: (alarm.window, alarm.monitor, alarm.subject))


def played_rows(contract: Contract, rows: pd.DataFrame, period: tuple[datetime, datetime]) -> pd.DataFrame:
    """The rows of a period, in their order. Raises InputError when there are none."""
    start, end = (pd.Timestamp(each) for each in period)
    within: pd.DataFrame = rows[(rows[contract.time] >= start) & (rows[contract.time] < end)]
    if within.empty:
        have = f"there are rows from {rows[contract.time].min():%Y-%m-%d} to {rows[contract.time].max():%Y-%m-%d}"
        raise InputError("no rows", where=f"{start:%Y-%m-%d} to {end:%Y-%m-%d}", hint=have)
    return within


def _weeks(
    contract: Contract, rows: pd.DataFrame, start: datetime, progress: Progress | None
) -> Iterator[pd.DataFrame]:
    """The rows week by week from `start` on; `progress` is called after each with its number and that of all weeks."""
    weeks = (rows[contract.time] - pd.Timestamp(start)) // WEEK
    for number, (_, week) in enumerate(rows.groupby(weeks), start=1):
        yield week
        if progress:
            progress(number, weeks.nunique())


def _answer(contract: Contract, rows: pd.DataFrame, bundle: Bundle, log: PredictionLog) -> int:
    answers = predict_frame(bundle, rows)
    columns = frame_columns(rows, [feature.name for feature in log.features])
    about = {"key": rows[contract.key].to_numpy(dtype=object), "time": rows[contract.time].to_numpy()}
    answered = {bundle.signature.answer: answers, "decision": bundle.decide(answers)}
    log.append({**columns, **about, "version": bundle.version, **answered})
    return _append_labels(contract, _with_label(contract, rows), log)


def _with_label(contract: Contract, rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows[contract.target].notna() & rows[contract.known_at].notna()]


def _append_labels(contract: Contract, rows: pd.DataFrame, log: PredictionLog) -> int:
    return log.append_labels(rows[contract.key], rows[contract.target], rows[contract.known_at].to_numpy())


class _AwaitedLabels:
    """Rows whose label is still to come, in the order in which it does; one without any is never among them."""

    def __init__(self, contract: Contract, rows: pd.DataFrame) -> None:
        self._contract = contract
        self._rows = _with_label(contract, rows).sort_values(contract.known_at, kind="stable")
        self._at = self._rows[contract.known_at]
        self._done = 0

    def append_known(self, log: PredictionLog, now: pd.Timestamp) -> None:
        """Write the labels that are known by now."""
        end = int(self._at.searchsorted(now, side="right"))
        new, self._done = self._rows[self._done : end], max(end, self._done)
        _append_labels(self._contract, new, log)


def _require_same_model(client: Client, bundle: Bundle) -> int:
    """The number of rows of a request. Raises InputError unless the service is the one that is watched."""
    about, signature = client.about(), bundle.signature
    if about.get("contract") != signature.version_of_contract or about.get("name") != signature.name:
        hint = "start the service of this project, with the registry of this project"
        raise InputError("the service has another contract or another model", where=client.url, hint=hint)
    if about["version"] != bundle.version:
        what = f"version {about['version']} answers, and version {bundle.version} is to be watched"
        raise InputError(what, where=client.url, hint=f"give --version {about['version']}, or promote the other one")
    if about.get("time") != signature.time:
        hint = "start it with MLE_SERVICE__GIVEN_TIMES=true, and with a log of its own"
        raise InputError("the service takes the time of the clock, not that of a row", where=client.url, hint=hint)
    return min(BATCH, int(about["max_rows"]))


def _rows(contract: Contract, rows: pd.DataFrame, bundle: Bundle) -> list[Row]:
    """The rows as a client sends them: the features that the model asks for, the key, the prediction time."""
    times = [moment.isoformat() for moment in rows[contract.time].dt.tz_convert("UTC")]
    columns = {**frame_columns(rows, bundle.names), contract.key: rows[contract.key].to_numpy(), contract.time: times}
    return databases.plain_records(pd.DataFrame(columns), list(columns))
