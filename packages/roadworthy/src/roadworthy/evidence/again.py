"""Train a small model from the tables, to do it again and compare: nothing may differ."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import data, training
from ..settings import Model

if TYPE_CHECKING:
    from ..project import Project

ROWS = 15_000
TREES = 40  # what depends on chance does so from the first tree on


@dataclass(frozen=True)
class Made:
    """What one training made: a sum over each row of features in their order, and an answer for each row it took."""

    rows: NDArray[np.uint64]
    answers: NDArray[np.float64]


def make(project: "Project", snapshot: Path, period: data.Period, spec: Model, threads: int) -> Made:
    """Features by the given number of DuckDB's threads, a training on about `ROWS` of them, its answers.

    More threads may give rows in another order, unless the SQL says which.
    """
    connection = data.connect(project, snapshot)
    connection.execute(f"set threads = {threads}")
    frame = data.features(project, connection)
    rows = data.labelled(project.contract, frame, period)
    rows = data.thinned(rows, ROWS)
    small = spec.model_copy(update={"max_iter": min(spec.max_iter, TREES)})
    answers = training.predict(training.fit(project, rows, small), small, rows)
    return Made(np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64), answers)


def changed_rows(one: Made, two: Made) -> int:
    """How many rows of features differ, or stand elsewhere."""
    shorter, longer = sorted((len(one.rows), len(two.rows)))
    return int((one.rows[:shorter] != two.rows[:shorter]).sum()) + longer - shorter


def difference(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """The largest difference of answers; infinite when there are more of one than of the other."""
    return float(np.abs(one - two).max()) if len(one) == len(two) else float("inf")
