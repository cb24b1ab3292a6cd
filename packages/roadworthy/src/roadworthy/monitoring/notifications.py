"""Tell of alarms: metrics for Prometheus, and mail or chat to people, once when one begins and once when it ends."""

import json
import logging
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..base.errors import InputError
from ..base.files import write_atomic
from .monitors import Reading
from .timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

ABOUT = ["monitor", "subject"]
RUNBOOK = "deploy/runbooks/MonitorAlarm.md"
HINT = 'write the URLs of Apprise into a file, one a line, and name it: [monitoring] notify = "people.txt"'
Notified = dict[str, list[str]]  # the alarms that each person knows of


class Exposition(Collector):
    """The metrics of the monitors; `every` says how many seconds are meant to lie between two runs."""

    # The clock of the calendar, because Prometheus compares it with its own.
    def __init__(self, every: float, clock: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._every, self._clock = every, clock
        self._lock = threading.Lock()
        self._readings: list[tuple[Reading, str]] = []
        self._ended, self._took, self._failures = 0.0, 0.0, 0
        self.registry.register(self)

    def show(self, timeline: Timeline, took: float) -> None:
        """Show the readings of a run that took so many seconds."""
        states = [(reading, timeline.states(*key)[-1]) for key, reading in newest_readings(timeline).items()]
        # What an earlier window said and no later one repeats counts as long as it rings.
        last = timeline.windows[-1]
        readings = [(reading, state) for reading, state in states if state == "alarm" or reading.window == last]
        with self._lock:
            self._readings, self._ended, self._took = readings, self._clock(), took

    def fail(self) -> None:
        """Count a run that could not be made; what was known before stays, and its age tells."""
        with self._lock:
            self._failures += 1

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now; before the first run, their names only."""
        with self._lock:
            readings, ended, took, failures = self._readings, self._ended, self._took, self._failures
        alarm = GaugeMetricFamily("monitor_alarm", "1 while the alarm of a monitor rings, 0 when not.", labels=ABOUT)
        judged = GaugeMetricFamily("monitor_judged", "0 when the newest window cannot be judged.", labels=ABOUT)
        value = GaugeMetricFamily("monitor_value", "What a monitor read in the newest window.", labels=ABOUT)
        limit = GaugeMetricFamily("monitor_limit", "The limit of that value.", labels=ABOUT)
        for reading, state in readings:
            labels = [reading.monitor, reading.subject]
            alarm.add_metric(labels, state == "alarm")
            judged.add_metric(labels, reading.violated is not None)
            for family, number in ((value, reading.value), (limit, reading.limit)):
                if not isnan(number):
                    family.add_metric(labels, number)
        yield from (alarm, judged, value, limit)
        last = GaugeMetricFamily("monitor_last_run_timestamp_seconds", "When the monitors last came to an end.")
        seconds = GaugeMetricFamily("monitor_run_seconds", "How long that took.")
        if ended:
            last.add_metric([], ended)
            seconds.add_metric([], took)
        yield from (last, seconds)
        yield GaugeMetricFamily("monitor_every_seconds", "Meant to lie between two runs.", value=self._every)
        yield CounterMetricFamily("monitor_failures", "Runs that could not be made.", value=failures)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def write(self, path: Path) -> None:
        """Write it to a file, whole or not at all. Raises InputError when the place cannot be written."""
        write_atomic(path, self.text())
        path.chmod(0o644)  # node_exporter runs under another user


def newest_readings(timeline: Timeline) -> dict[tuple[str, str], Reading]:
    """The last reading of each monitor and subject."""
    return {(reading.monitor, reading.subject): reading for reading in timeline.readings}


class Person(Protocol):
    """Whom Apprise reaches."""

    def notify(self, body: str, title: str = "") -> bool | None:
        """Send a message; whether it went."""

    def url(self, *, privacy: bool = False) -> str:
        """The URL; with `privacy` without what is secret in it."""


def people_reached(setting: str) -> dict[str, Person]:
    """Those whom the setting reaches, by the name that may be shown.

    `setting` is one or more URLs with blanks between them, or a file with one on each line. Raises InputError without
    any, for a file that cannot be read, and for a URL that Apprise does not understand, which is not shown.
    """
    import apprise

    lines = setting.split() if "://" in setting else _lines(setting)
    if not lines:
        raise InputError("nobody is named whom to tell", where="[monitoring] notify", hint=HINT)
    people: dict[str, Person] = {}
    repeated: Counter[str] = Counter()
    for number, line in enumerate(lines, start=1):
        with _silent_apprise():
            person: Any = apprise.Apprise.instantiate(line)
        if person is None:
            start = line.partition("://")[0][:20]
            hint = f"it begins with {start}; apprise's documentation has the form of each service"
            raise InputError(f"URL {number} is not understood", where="[monitoring] notify", hint=hint)
        name = person.url(privacy=True).partition("?")[0]
        repeated[name] += 1
        people[name if repeated[name] == 1 else f"{name} #{repeated[name]}"] = person
    return people


def memory_file(log: object, folder: Path) -> Path:
    """The file that keeps who was told what: beside a prediction log that is a file, else in `folder`."""
    return log.with_name(f"{log.name}.told.json") if isinstance(log, Path) else folder / "told.json"


def notify_people(timeline: Timeline, people: Mapping[str, Person], model: str, memory: Path) -> list[str]:
    """Tell each person what has begun to ring and what has ended since they were told last; what went wrong.

    Nobody is told twice, and whoever could not be reached is told the next time. What cannot be judged any more has
    not ended. Raises InputError when the file `memory` cannot be read or written.
    """
    last = {_name(reading): reading for reading in newest_readings(timeline).values()}
    ringing = {name for name, each in last.items() if timeline.states(each.monitor, each.subject)[-1] == "alarm"}
    notified, failures = _read(memory), []
    for name, person in people.items():
        known = set(notified.get(name, []))
        begun, ended = ringing - known, (known & last.keys()) - ringing
        if not begun and not ended:
            continue
        title, body = _message(model, last, begun, ended)
        with _silent_apprise():
            sent = person.notify(body=body, title=title)
        if sent:
            # After each person: whoever was told is not told again when the next one cannot be reached.
            notified[name] = sorted((known | begun) - ended)
            write_atomic(memory, json.dumps(notified, indent=1))
        else:
            failures.append(f"{name} could not be told: {title}; the next run tries again")
    return failures


def _message(
    model: str, last: Mapping[str, Reading], begun: "AbstractSet[str]", ended: "AbstractSet[str]"
) -> tuple[str, str]:
    words = [f"{', '.join(sorted(begun))} {'ring' if len(begun) > 1 else 'rings'}"] if begun else []
    words += [f"{', '.join(sorted(ended))} ended"] if ended else []
    lines = [f"ALARM {name}: {_evidence(last[name])}" for name in sorted(begun)]
    lines += [f"ended {name}: {_evidence(last[name])}" for name in sorted(ended)]
    return f"{model}: {'; '.join(words)}", "\n".join([*lines, f"What to do: {RUNBOOK}"])


def _evidence(reading: Reading) -> str:
    return f"value {reading.value:.4g}, limit {reading.limit:.4g}, window of {reading.window}; {reading.evidence}"


def _name(reading: Reading) -> str:
    return f"{reading.monitor} of {reading.subject}" if reading.subject else reading.monitor


@contextmanager
def _silent_apprise() -> Iterator[None]:
    # Apprise's log names hosts, users and whole URLs; and it loads plugins that nobody asked for, which warn.
    logger = logging.getLogger("apprise")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.disabled = before


def _lines(name: str) -> list[str]:
    if not name:
        return []
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = (error.strerror if isinstance(error, OSError) else "") or "is not a text in UTF-8"
        raise InputError(f"cannot be read: {what}", where=name, hint=HINT) from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _read(memory: Path) -> Notified:
    if not memory.is_file():
        return {}
    try:
        notified = json.loads(memory.read_text(encoding="utf-8"))
        return {str(name): list(map(str, alarms)) for name, alarms in notified.items()}
    except (ValueError, AttributeError, TypeError) as error:
        hint = "remove it; what rings is then told once more"
        raise InputError("is not what `monitor --notify` keeps", where=memory, hint=hint) from error
