"""What Prometheus reads at /metrics. Each service has its own registry, so that a test can have many.

Several workers keep their numbers together in files (prometheus_client's multiprocess mode), and whichever is asked
tells those of all: a scrape reaches one worker only, and by a label for each the counters of the others would have
gaps. The memory and the CPU of a process are left out then: they would be those of whichever was asked.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it when it is imported
APART = (1e-6, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
TENTHS = tuple(tenth / 10 for tenth in range(1, 11))


class Metrics:
    """Counters, histograms and gauges of one service; labels have few values, whatever a client sends."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._shared = SHARED_METRICS in os.environ
        self._followed: list[tuple[Gauge, Callable[[], float]]] = []
        self._served: tuple[str, str] | None = None
        self._created = 0.0
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        if not self._shared:
            ProcessCollector(registry=self.registry)
        new: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("service_requests", "Requests by path and status.", ["path", "status"], **new)
        self.seconds = Histogram(
            "service_request_seconds", "From the request to its answer.", ["path"], buckets=SECONDS, **new
        )
        self.bad_input = Counter("service_bad_input", "Problems in requests, by field.", ["field"], **new)
        self.probability = Histogram("model_probability", "Predicted probabilities.", buckets=TENTHS, **new)
        self.unseen = Counter("model_unseen_categories", "Categories that training has not seen.", ["field"], **new)
        newest, all_workers = {**new, "multiprocess_mode": "livemostrecent"}, {**new, "multiprocess_mode": "livesum"}
        self.model = Gauge("model_info", "Workers that answer with this version.", ["name", "version"], **all_workers)
        self.age = Gauge("model_age_seconds", "Since the export of the version that answers.", **newest)
        self.follow(self.age, lambda: time.time() - self._created)
        self.swaps = Counter("model_swaps", "Changes of the version that answers.", **new)
        self.swap_failures = Counter("model_swap_failures", "Versions that could not be served.", **new)
        self.difference = Histogram(
            "shadow_difference", "Of the probabilities of the shadow and of what was answered.", buckets=APART, **new
        )
        self.shadow_failures = Counter("shadow_failures", "Rows that the shadow cannot answer.", **new)
        self.shadow_dropped = Counter("shadow_dropped", "Requests that the shadow had no time for.", **new)
        self.canary = Counter("canary_requests", "Requests that fell to the canary.", ["outcome"], **new)
        self.canary_withdrawn = Counter("canary_withdrawn", "Canaries that were taken out of service.", **new)
        self.log_queue = Gauge("prediction_log_queue", "Predictions that wait to be written.", **all_workers)
        self.log_written = Counter("prediction_log_written", "Predictions written to the log.", **new)
        self.log_dropped = Counter("prediction_log_dropped", "Predictions that are not in the log.", **new)
        self.log_failures = Counter("prediction_log_failures", "Writes that failed and are tried again.", **new)

    def serving(self, name: str, version: str, created: float) -> None:
        """Say which version answers from now on; `created` is a time in seconds since 1970."""
        if self._served:
            self.model.labels(*self._served).set(0)
        self._served, self._created = (name, version), created
        self.model.labels(name, version).set(1)
        self.refresh()

    def follow(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Let a gauge show a value as it is when it is read; with several workers as it was at the last `refresh`."""
        gauge.set_function(value)
        self._followed.append((gauge, value))

    def refresh(self) -> None:
        """Tell the other workers the values that gauges follow."""
        if self._shared:
            for gauge, value in self._followed:
                gauge.set(value())

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        found = self._children.get((path, status))
        if found is None:  # looking a label up costs more than counting
            found = self._children[path, status] = self.requests.labels(path, status), self.seconds.labels(path)
        found[0].inc()
        found[1].observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        if not self._shared:
            return generate_latest(self.registry)
        self.refresh()
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
