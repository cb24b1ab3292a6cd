"""What Prometheus reads at /metrics. Each service has its own registry, so that a test can have many."""

import time
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client import Counter
from prometheus_client import Gauge
from prometheus_client import Histogram
from prometheus_client import ProcessCollector
from prometheus_client import generate_latest

from ..bundle import Bundle

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
TENTHS = tuple(tenth / 10 for tenth in range(1, 11))


class Metrics:
    """Counters, histograms and gauges of one service; labels have few values, whatever a client sends."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        new: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("service_requests", "Requests by path and status.", ["path", "status"], **new)
        self.seconds = Histogram(
            "service_request_seconds", "From the request to its answer.", ["path"], buckets=SECONDS, **new
        )
        self.bad_input = Counter("service_bad_input", "Problems in requests, by field.", ["field"], **new)
        self.probability = Histogram("model_probability", "Predicted probabilities.", buckets=TENTHS, **new)
        self.unseen = Counter("model_unseen_categories", "Categories that training has not seen.", ["field"], **new)
        self.model = Gauge("model_info", "The version that answers.", ["name", "version"], **new)
        self.age = Gauge("model_age_seconds", "Since the export of the version that answers.", **new)
        self.swaps = Counter("model_swaps", "Changes of the version that answers.", **new)
        self.swap_failures = Counter("model_swap_failures", "Versions that could not be served.", **new)
        self.log_queue = Gauge("prediction_log_queue", "Predictions that wait to be written.", **new)
        self.log_written = Counter("prediction_log_written", "Predictions written to the log.", **new)
        self.log_dropped = Counter("prediction_log_dropped", "Predictions that are not in the log.", **new)
        self.log_failures = Counter("prediction_log_failures", "Writes that failed and are tried again.", **new)

    def serving(self, bundle: Bundle) -> None:
        """Say which version answers from now on."""
        created = datetime.fromisoformat(str(bundle.manifest["created"])).timestamp()
        self.model.clear()
        self.model.labels(bundle.signature.name, bundle.version).set(1)
        self.age.set_function(lambda: time.time() - created)

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self.requests.labels(path, status).inc()
        self.seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
