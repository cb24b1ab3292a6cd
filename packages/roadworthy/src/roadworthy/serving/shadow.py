"""A shadow: the challenger answers the same rows beside the version in service; it is compared and never returned."""

import logging
import queue
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..base.databases import Postgres
from ..base.errors import InputError, Verdict
from ..base.settings import DEFAULT_LIMITS, Limits
from ..bundle.bundle import Bundle
from ..monitoring.distributions import Columns
from ..monitoring.log import PredictionLog, log_exists
from .predictor import Listener, Metrics, Predictor, Recorder
from .request import Row

LIMIT = 1_000  # requests that may wait
LOG = logging.getLogger(__package__)
DAYS = 28  # of the log
MOST, FEWEST = 20_000, 200  # rows; with fewer, no verdict: a test period has as many at least
REPEATS = 5  # of the measurement of time; the fastest counts
MAX_SLOWER = 5.0  # times; the gate Monitoring 6 is the narrow one, with twice the time
RARE = 0.01  # share of decisions that a version may come to, if the other one decides hardly ever


class _Answered(NamedTuple):
    shadow: Predictor
    version: str
    rows: list[Row]
    answers: list[float]
    request_id: str


class Shadow:
    """The thread in which shadows answer, whichever version is one at the time."""

    def __init__(self, metrics: Metrics, recorder: Recorder | None) -> None:
        self._metrics, self._recorder, self._limit = metrics, recorder, LIMIT
        self._queue: queue.SimpleQueue[_Answered | None] = queue.SimpleQueue()
        self._logged: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Compare what waits, then stop."""
        self._queue.put(None)
        self._thread.join()

    def of(self, serving: Predictor, shadow: Predictor) -> Listener:
        """What `serving` has to tell its answers to, so that `shadow` answers as well; never waits."""
        version = serving.bundle.version

        def listener(rows: list[Row], answers: list[float], request_id: str) -> None:
            if self._queue.qsize() < self._limit:
                self._queue.put(_Answered(shadow, version, rows, answers, request_id))
            else:
                self._metrics.shadow_dropped.inc()

        return listener

    def _run(self) -> None:
        while (asked := self._queue.get()) is not None:
            try:
                self._compare(asked)
            except Exception as error:  # noqa: BLE001 - whatever breaks, it is the shadow's failure and nobody else's
                self._count_failure(asked, f"{type(error).__name__}")

    def _compare(self, asked: _Answered) -> None:
        bundle, (row, *_) = asked.shadow.bundle, asked.rows
        # A row was read by the rules of the version in service, so it never has what only the shadow knows.
        lacking = [each.name for each in bundle.signature.features if not each.nullable and each.name not in row]
        if lacking:
            self._count_failure(asked, f"the requests lack {', '.join(lacking)}")
            return
        answers = bundle.predict_rows(asked.rows).tolist()
        for answer, served_answer in zip(answers, asked.answers, strict=True):
            self._metrics.difference.observe(abs(answer - served_answer) / bundle.signature.width)
        if self._recorder:
            served = asked.version, asked.answers
            self._recorder.put_compared(
                asked.request_id, bundle.version, asked.rows, answers, bundle.threshold, served=served
            )

    def _count_failure(self, asked: _Answered, reason: str) -> None:
        self._metrics.shadow_failures.inc(len(asked.rows))
        version = asked.shadow.bundle.version
        if (version, reason) not in self._logged:  # the first of its kind: the counter has the rest
            self._logged.add((version, reason))
            LOG.warning("the shadow cannot answer", extra={"version": version, "reason": reason})


@dataclass(frozen=True)
class ShadowComparison:
    """Both versions on the same rows: means, shares of decisions, correlation, largest difference, relative time.

    `source` says which rows; `error` why the challenger could not answer. `width` is the unit of limits: two standard
    deviations of numbers.
    """

    source: str
    rows: int
    champion_mean: float = 0.0
    challenger_mean: float = 0.0
    champion_decisions: float = 0.0
    challenger_decisions: float = 0.0
    correlation: float = 0.0
    largest: float = 0.0
    values: int = 0
    invalid: int = 0
    slower: float = 1.0
    error: str = ""
    width: float = 1.0
    regression: bool = False


def newest_requests(log: Path | Postgres, champion: Bundle, until: datetime) -> tuple[str, Columns] | None:
    """The newest rows that the champion was asked until then, and a sentence on them; None when they are too few."""
    if not log_exists(log):
        return None
    with PredictionLog(log, champion.signature) as opened:
        rows = opened.read(until - timedelta(days=DAYS), until)
    own = np.flatnonzero(rows["version"] == champion.version)[-MOST:]
    if len(own) < FEWEST:
        return None
    first, last = (str(rows["time"][own[i]])[:10] for i in (0, -1))
    columns = {name: rows[name][own] for name in champion.names if name in rows}
    return f"the prediction log, {first} to {last}", columns


def compare_in_shadow(champion: Bundle, challenger: Bundle, source: str, columns: Columns) -> ShadowComparison:
    """Let both answer the same rows, given by columns."""
    rows = len(next(iter(columns.values())))
    try:
        new, new_time = _answers(challenger, columns)
    except InputError as error:
        return ShadowComparison(source, rows, error=f"{error.where}: {error.what}")
    old, old_time = _answers(champion, columns)
    regression = champion.signature.regression
    varies = min(float(np.std(old)), float(np.std(new))) > 1e-9
    return ShadowComparison(
        source,
        rows,
        float(old.mean()),
        float(new.mean()),
        float(champion.decide(old).mean()),
        float(challenger.decide(new).mean()),
        float(np.corrcoef(old, new)[0, 1]) if varies else 0.0,
        float(np.abs(new - old).max()),
        len(np.unique(new)),
        # 0 and 1 are probabilities: float32 rounds what is nearly certain.
        int((~(np.isfinite(new) if regression else (new >= 0) & (new <= 1))).sum()),
        round(new_time / max(old_time, 1e-9), 2),
        width=champion.signature.width,
        regression=regression,
    )


def shadow_is_sound(compared: ShadowComparison, limits: Limits = DEFAULT_LIMITS) -> Verdict:
    """The challenger answers every row, with answers that vary, and not beyond all proportion otherwise."""
    name = "sound in the shadow"
    if compared.error:
        return Verdict(name, passed=False, evidence=f"it cannot answer: {compared.error}")
    if compared.rows < FEWEST:
        return Verdict(name, None, f"not judged: {compared.rows} rows of {compared.source} are too few")
    least = compared.champion_decisions / limits.max_decision_factor
    most = max(compared.champion_decisions * limits.max_decision_factor, RARE)
    shift = (compared.challenger_mean - compared.champion_mean) / compared.width
    kind = "numbers" if compared.regression else "probabilities"
    wrong = [f"{compared.invalid:,} answers are no {kind}"] if compared.invalid else []
    wrong += [f"only {compared.values} different answers"] if compared.values < limits.min_shadow_values else []
    wrong += ["the mean prediction moves too far"] if not abs(shift) <= limits.max_shadow_shift else []
    wrong += ["it decides otherwise"] if not least <= compared.challenger_decisions <= most else []
    wrong += ["it is too slow"] if compared.slower > MAX_SLOWER else []
    figures = f"{compared.rows:,} rows of {compared.source}: mean prediction {compared.challenger_mean:.3f} beside "
    decided = f"decisions {compared.challenger_decisions:.1%} beside {compared.champion_decisions:.1%}, "
    figures += f"{compared.champion_mean:.3f}, {'' if compared.regression else decided}"
    figures += f"correlation {compared.correlation:.2f}, {compared.slower:.1f} times as long"
    return Verdict(name, not wrong, "; ".join([*wrong, figures]))


def _answers(bundle: Bundle, columns: Columns) -> tuple[NDArray[np.float64], float]:
    """The answers and the CPU seconds of the fastest of some repetitions."""
    seconds = []
    for _ in range(REPEATS):
        since = time.process_time()
        answers = bundle.predict(bundle.encode_columns(columns))
        seconds.append(time.process_time() - since)
    return answers, min(seconds)
