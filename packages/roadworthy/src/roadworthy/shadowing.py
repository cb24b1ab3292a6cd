"""The challenger in the shadow, before it serves: it answers what the champion was asked last, and is compared.

What it is asked is the newest part of the prediction log; without a log, the days on which both were compared. This
looks for a challenger that is broken, not for one that is better: limits are wide.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bundle import Bundle
from .errors import InputError
from .gates import Verdict
from .monitoring.log import PredictionLog, exists
from .postgres import Postgres

DAYS = 28  # of the log
MOST, FEWEST = 20_000, 300  # rows; with fewer, nothing can be said
REPEATS = 5  # of the measurement of time; the fastest counts
# The gates Monitoring 6 and 7 are the narrow ones: twice the time, and a mean prediction .10 apart on labelled days.
MAX_SHIFT, MAX_FACTOR, MAX_SLOWER, FEWEST_VALUES = 0.20, 10.0, 5.0, 10
Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Shadowed:
    """Both versions on the same rows: means, shares of decisions, correlation, largest difference, relative time.

    `source` says which rows; `error` why the challenger could not answer.
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

    def to_dict(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


def asked(log: Path | Postgres, champion: Bundle, until: datetime) -> tuple[str, Columns] | None:
    """The newest rows that the champion was asked until then, and a sentence on them; None when they are too few."""
    if not exists(log):
        return None
    with PredictionLog(log, champion.signature) as opened:
        rows = opened.read(until - timedelta(days=DAYS), until)
    own = np.flatnonzero(rows["version"] == champion.version)[-MOST:]
    if len(own) < FEWEST:
        return None
    first, last = (str(rows["time"][own[i]])[:10] for i in (0, -1))
    columns = {name: rows[name][own] for name in champion.names if name in rows}
    return f"the prediction log, {first} to {last}", columns


def shadow(champion: Bundle, challenger: Bundle, source: str, columns: Columns) -> Shadowed:
    """Let both answer the same rows, given by columns."""
    rows = len(next(iter(columns.values())))
    try:
        new, new_time = _answers(challenger, columns)
    except InputError as error:
        return Shadowed(source, rows, error=f"{error.where}: {error.what}")
    old, old_time = _answers(champion, columns)
    varies = min(float(np.std(old)), float(np.std(new))) > 1e-9
    return Shadowed(
        source,
        rows,
        float(old.mean()),
        float(new.mean()),
        float((old >= champion.threshold).mean()),
        float((new >= challenger.threshold).mean()),
        float(np.corrcoef(old, new)[0, 1]) if varies else 0.0,
        float(np.abs(new - old).max()),
        len(np.unique(new)),
        int((~((new > 0) & (new < 1))).sum()),
        round(new_time / max(old_time, 1e-9), 2),
    )


def sound(found: Shadowed) -> Verdict:
    """The challenger answers every row, with probabilities that vary, and not beyond all proportion otherwise."""
    name = "sound in the shadow"
    if found.error:
        return Verdict(name, passed=False, evidence=f"it cannot answer: {found.error}")
    if found.rows < FEWEST:
        return Verdict(name, None, f"not judged: {found.rows} rows of {found.source} are too few")
    least = found.champion_decisions / MAX_FACTOR
    most = max(found.champion_decisions * MAX_FACTOR, 1 / MAX_FACTOR**2)
    shift = found.challenger_mean - found.champion_mean
    wrong = [f"{found.invalid:,} answers are no probabilities"] if found.invalid else []
    wrong += [f"only {found.values} different answers"] if found.values < FEWEST_VALUES else []
    wrong += ["the mean prediction moves too far"] if not abs(shift) <= MAX_SHIFT else []
    wrong += ["it decides otherwise"] if not least <= found.challenger_decisions <= most else []
    wrong += ["it is too slow"] if found.slower > MAX_SLOWER else []
    words = f"{found.rows:,} rows of {found.source}: mean prediction {found.challenger_mean:.3f} beside "
    words += f"{found.champion_mean:.3f}, decisions {found.challenger_decisions:.1%} beside "
    words += f"{found.champion_decisions:.1%}, correlation {found.correlation:.2f}, {found.slower:.1f} times as long"
    return Verdict(name, not wrong, "; ".join([*wrong, words]))


def _answers(bundle: Bundle, columns: Columns) -> tuple[NDArray[np.float64], float]:
    """The answers and the CPU seconds of the fastest of some repetitions."""
    seconds = []
    for _ in range(REPEATS):
        since = time.process_time()
        answers = bundle.predict(bundle.encode_columns(columns))
        seconds.append(time.process_time() - since)
    return answers, min(seconds)
