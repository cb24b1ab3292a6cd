"""What stands in for a model, a stream and a service in the exercise on deployment, and counts what is done to it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .checks import Fault


class EnoughError(BaseException):
    """An answer has done too much; no exception of the usual kind, for `except Exception` would go on for ever."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@contextmanager
def watched() -> Iterator[None]:
    """Tell what was too much as a fault of the answer."""
    try:
        yield
    except EnoughError as error:
        raise error.fault from error


class Store:
    """Where a model is loaded from; `loads` counts how often, `packs` holds the rows of each call of predict."""

    def __init__(self, seed: int) -> None:
        self.weights = np.random.default_rng(seed).uniform(0.2, 1.0, 3)
        self.loads = 0
        self.packs: list[int] = []

    def load(self) -> "Model":
        """The model, read anew."""
        self.loads += 1
        return Model(self)

    def answer(self, hours: NDArray[np.float64], price: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the model says, without being counted."""
        a, b, c = self.weights
        return np.asarray(1 / (1 + np.exp(a + b * hours / 4 - 5 * c * price)), dtype=np.float64)


class Model:
    """A model of two features, hours and price, that refuses missing values and, as scikit-learn does, no rows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def predict(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """A probability for each row of a table with the columns hours and price."""
        self._store.packs.append(len(table))
        given = [np.asarray(table[name], dtype=np.float64) for name in ("hours", "price")]
        if not len(table):
            raise ValueError("predict was called with 0 rows; a minimum of 1 is required")
        if any(np.isnan(values).any() for values in given):
            raise ValueError("predict was called with missing values")
        return self._store.answer(*given)


def calls(run: Callable[[], Any]) -> tuple[Any, int]:
    """What `run` returns, and how many Python functions were called meanwhile: work, counted without a clock."""
    count = 0

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        return run(), count
    finally:
        sys.setprofile(before)


class Row(dict[str, Any]):
    """A row of a stream, which knows when it is forgotten."""

    def __init__(self, stream: "Stream", key: str, value: float) -> None:
        super().__init__(key=key, value=value)
        self.stream = stream
        stream.alive += 1

    def __del__(self) -> None:
        """Nothing holds the row any more."""
        self.stream.alive -= 1


class Stream:
    """Rows that come in batches of any size, what is asked of the model, what is written, and how much waited.

    `most` is the largest number of rows that were in memory when the next batch was asked for, `ahead` that of rows
    read and not yet written. With `patience`, the stream stops a reader that is further ahead than that; with `breaks`,
    the connection is lost after so many batches.
    """

    def __init__(self, seed: int, sizes: list[int], patience: int = 10**9, breaks: int | None = None) -> None:
        self.values = np.random.default_rng(seed).uniform(0, 1, sum(sizes)).round(6).tolist()
        self.sizes, self.patience, self.breaks = sizes, patience, breaks
        self.alive = self.most = self.ahead = self.read = 0
        self.packs: list[int] = []
        self.written: list[tuple[Any, Any]] = []

    @property
    def right(self) -> list[tuple[str, float]]:
        """The answers to all rows, in order."""
        return [(f"r{at}", value / 2) for at, value in enumerate(self.values)]

    def batches(self) -> Iterator[list[Row]]:
        """The batches, each a list of rows with a key and a value."""
        for number, size in enumerate(self.sizes):
            self.most, self.ahead = max(self.most, self.alive), max(self.ahead, self.read - len(self.written))
            if self.ahead > self.patience:
                what = f"at most {self.patience} rows read and not yet written"
                cause = (
                    "The stream never ends, and memory does: score and write as soon as a pack is full. A list of all "
                    "batches, or of all answers, is as large as the stream"
                )
                raise EnoughError(Fault(expected=what, came=f"{self.ahead}", cause=cause))
            if number == self.breaks:
                raise ConnectionError("the stream broke")
            batch = [Row(self, f"r{at}", self.values[at]) for at in range(self.read, self.read + size)]
            self.read += size
            yield batch
            del batch

    def predict(self, rows: Any) -> list[float]:
        """An answer for each row of a list."""
        given = list(rows)
        self.packs.append(len(given))
        return [row["value"] / 2 for row in given]

    def write(self, pairs: Any) -> None:
        """Take pairs of a key and an answer."""
        self.written.extend((key, value) for key, value in pairs)


@dataclass
class Server:
    """A service that answers as the script says: a status, or an exception; its last entry is repeated.

    Each try is noted: the row as it came, the key, the time that the client is ready to wait; and each pause.
    """

    script: tuple[Any, ...]
    probability: float = 0.5
    rows: list[Any] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)
    timeouts: list[Any] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def send(self, row: Any, key: Any, timeout: Any) -> tuple[int, Any]:
        """The status and the content of the answer. Raises what the script says, such as TimeoutError."""
        if len(self.keys) >= 50:
            cause = "Does the loop end? for _ in range(4)"
            raise EnoughError(Fault(expected="at most 4 tries", came="50", cause=cause))
        outcome = self.script[min(len(self.keys), len(self.script) - 1)]
        self.rows.append(dict(row))
        self.keys.append(key)
        self.timeouts.append(timeout)
        self.order.append("try")
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome, {"probability": self.probability} if outcome == 200 else {"error": f"status {outcome}"}

    def sleep(self, seconds: float) -> None:
        """Note a pause instead of making one."""
        self.pauses.append(float(seconds))
        self.order.append("pause")
