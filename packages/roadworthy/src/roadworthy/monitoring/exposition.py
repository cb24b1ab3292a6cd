"""What Prometheus reads about the monitors: which alarm rings, the newest values and limits, when they last ran.

A look at the monitors replaces everything that the one before said, at once: a scrape never meets half of it. The same
text is served over HTTP, and written to a file for the textfile collector of node_exporter.
"""

import threading
import time
from collections.abc import Callable, Iterator
from math import isnan
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..files import write_atomic
from .monitors import Reading
from .timeline import Timeline

ABOUT = ["monitor", "subject"]


class Exposition(Collector):
    """The metrics of the monitors; `every` says how many seconds are meant to lie between two looks."""

    def __init__(self, every: float, clock: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._every, self._clock = every, clock
        self._lock = threading.Lock()
        self._readings: list[tuple[Reading, str]] = []
        self._looked, self._took, self._failures = 0.0, 0.0, 0
        self.registry.register(self)

    def show(self, timeline: Timeline, took: float) -> None:
        """Show what a look found that took so many seconds."""
        found = [(reading, timeline.states(*key)[-1]) for key, reading in newest(timeline).items()]
        # What an earlier window said and no later one repeats counts as long as it rings.
        last = timeline.windows[-1]
        found = [(reading, state) for reading, state in found if state == "alarm" or reading.window == last]
        with self._lock:
            self._readings, self._looked, self._took = found, self._clock(), took

    def fail(self) -> None:
        """Count a look that found nothing out; what was known before stays, and its age tells."""
        with self._lock:
            self._failures += 1

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now; before the first look, their names only."""
        with self._lock:
            readings, looked, took, failures = self._readings, self._looked, self._took, self._failures
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
        if looked:
            last.add_metric([], looked)
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


def newest(timeline: Timeline) -> dict[tuple[str, str], Reading]:
    """The last reading of each monitor and subject."""
    return {(reading.monitor, reading.subject): reading for reading in timeline.readings}
