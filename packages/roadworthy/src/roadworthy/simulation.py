"""Play months again in simulated time: what the service would have answered, and which alarm would have rung when.

Each row is answered at its prediction time, by the bundle and not over HTTP, so that a year takes seconds. A label is
known when it was known then, and never for what was cancelled. An incident changes everything from its date on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import export
from .bundle import Bundle
from .errors import InputError
from .monitoring import watch
from .monitoring.counts import Columns
from .monitoring.log import PredictionLog
from .monitoring.timeline import Timeline
from .schema import Contract

if TYPE_CHECKING:
    from .project import Project

CHUNK = timedelta(days=7)
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Incident:
    """What happens, from when on (UTC), and the project's function that changes the rows."""

    name: str
    start: datetime
    change: Callable[[pd.DataFrame, Mapping[str, pd.DataFrame], datetime], pd.DataFrame]

    @classmethod
    def parse(cls, project: "Project", text: str) -> "Incident":
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


def happen(
    contract: Contract, worlds: Mapping[str, pd.DataFrame], first: str, incidents: Sequence[Incident]
) -> pd.DataFrame:
    """The rows of the world named `first`, in the order of time, changed by what happens to them."""
    time = contract.time
    rows = worlds[first].sort_values(time, kind="stable")
    for incident in sorted(incidents, key=lambda each: each.start):
        quiet = rows[time] < pd.Timestamp(incident.start)
        changed = incident.change(rows[~quiet], worlds, incident.start)
        rows = pd.concat([rows[quiet], changed], ignore_index=True).sort_values(time, kind="stable")
    return rows


def play(
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
    within = played(contract, rows, period)
    if log.exists():
        raise InputError("there is such a file already", where=log, hint="choose another name, or remove it")
    log.parent.mkdir(parents=True, exist_ok=True)
    unfinished = log.with_name(f"{log.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    weeks = (within[contract.time] - pd.Timestamp(period[0])) // CHUNK
    labels = 0
    with PredictionLog(unfinished, bundle.signature) as written:
        for at, (_, part) in enumerate(within.groupby(weeks), start=1):
            labels += _answer(contract, part, bundle, written)
            if progress:
                progress(at, weeks.nunique())
    unfinished.replace(log)
    return len(within), labels


def played(contract: Contract, rows: pd.DataFrame, period: tuple[datetime, datetime]) -> pd.DataFrame:
    """The rows of a period, in their order. Raises InputError when there are none."""
    start, end = (pd.Timestamp(each) for each in period)
    within: pd.DataFrame = rows[(rows[contract.time] >= start) & (rows[contract.time] < end)]
    if within.empty:
        have = f"there are rows from {rows[contract.time].min():%Y-%m-%d} to {rows[contract.time].max():%Y-%m-%d}"
        raise InputError("no rows", where=f"{start:%Y-%m-%d} to {end:%Y-%m-%d}", hint=have)
    return within


def rehearse(
    contract: Contract,
    rows: pd.DataFrame,
    folder: Path,
    period: tuple[datetime, datetime],
    *,
    days: int = watch.DAYS,
    batch: Columns | None = None,
    report_path: Path | None = None,
) -> watch.Watched:
    """Play the rows of a period into a log that is thrown away: what the monitors say of its windows at its end."""
    with TemporaryDirectory() as scratch:
        log = Path(scratch) / "log.db"
        play(contract, rows, Bundle.load(folder), log, period)
        windows = max((period[1] - period[0]).days // days, 1)
        return watch.monitor(
            folder, log, now=period[1], days=days, windows=windows, batch=batch, report_path=report_path
        )


def rung(timeline: Timeline, days: int, since: datetime) -> list[Alarm]:
    """The alarms that begin to ring in windows of `days` days that end after `since`, the first one first."""
    found = []
    for monitor, subject in dict.fromkeys((reading.monitor, reading.subject) for reading in timeline.readings):
        before = False
        for window, rings in timeline.alarms(monitor, subject).items():
            end = datetime.fromisoformat(window).replace(tzinfo=UTC) + timedelta(days=days)
            if rings and not before and end > since:
                found.append(Alarm(monitor, subject, window, (end - since).days))
            before = rings
    return sorted(found, key=lambda alarm: (alarm.window, alarm.monitor, alarm.subject))


def _answer(contract: Contract, rows: pd.DataFrame, bundle: Bundle, log: PredictionLog) -> int:
    answers = export.predict(bundle, rows)
    given = {feature.name: rows[feature.name] for feature in log.features}
    columns = export.columns(rows, list(given))
    about = {"key": rows[contract.key].to_numpy(dtype=object), "time": rows[contract.time].to_numpy()}
    decision = np.asarray(answers >= bundle.threshold)
    log.append({**columns, **about, "version": bundle.version, "probability": answers, "decision": decision})
    known = rows[rows[contract.target].notna() & rows[contract.known_at].notna()]
    return log.append_labels(known[contract.key], known[contract.target], known[contract.known_at].to_numpy())
