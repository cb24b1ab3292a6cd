"""What a month of age costs: models whose training ended earlier and earlier, judged on the same days.

A model is never younger than the last day it has seen, and a challenger learns from everything labelled so far (see
[retraining]); so the fresh model of a period has seen all data before it, the older ones end earlier.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import evaluation, steps, training
from ..data import thinned
from ..schema import Contract
from ..settings import Model
from .bench import Bench

if TYPE_CHECKING:
    from ..project import Project

PARTS = 6  # of the labelled days; two months of a year
LEARNED = 2  # parts that the first model has seen
ROWS, JUDGED = 8_000, 3_000
DRAWS = 100
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ages:
    """A table by age, and the age that config.toml allows.

    `table`: since and until (days from the end of training to the days judged), periods (how many were judged), auc,
    loss against the fresh models on the same days, low and high of its 95% interval.
    """

    table: pd.DataFrame
    allowed: int


def measure(bench: Bench) -> Ages:
    """Train on the first two parts of the data, on the first three, and so on; judge each on every later part.

    Earlier snapshots are looked at as well where the newest is too short to show the allowed age.
    """
    allowed, earlier, frame = bench.config.gates.max_age_days, bench.config.data.earlier, bench.frame
    if earlier and _days(frame[bench.contract.day]) * (PARTS - LEARNED) / PARTS < allowed:
        frame = pd.concat([steps.features(bench.project, *earlier), frame], ignore_index=True)
    rows = frame[frame[bench.contract.target].notna()].iloc[:: bench.config.split.every]
    return Ages(by_age(bench.project, rows, bench.spec), allowed)


def by_age(project: "Project", rows: pd.DataFrame, spec: Model) -> pd.DataFrame:
    """The loss of AUC by age, as `Ages.table`."""
    day = rows[project.contract.day]
    start, days = day.min(), _days(day)
    edges = [start + pd.Timedelta(days=round(days * part / PARTS)) for part in range(PARTS + 1)]
    ends = range(LEARNED, PARTS)
    models = {end: training.fit(project, thinned(rows[day < edges[end]], ROWS), spec) for end in ends}
    judged = {end: thinned(rows[(day >= edges[end]) & (day < edges[end + 1])], JUDGED) for end in ends}
    answers = {
        (end, part): training.predict(models[end], spec, judged[part]) for end in ends for part in ends if part >= end
    }
    length = days / PARTS
    found = []
    for age in range(PARTS - LEARNED):
        losses = [
            _loss(project.contract, judged[part], answers[part, part], answers[part - age, part])
            for part in ends
            if part - age in ends
        ]
        found.append({"since": round(age * length), "until": round((age + 1) * length), **_mean(losses)})
    return pd.DataFrame(found)


def _days(day: pd.Series) -> int:
    return int((day.max() - day.min()).days) + 1


def _loss(contract: Contract, rows: pd.DataFrame, fresh: Floats, old: Floats) -> tuple[float, evaluation.Difference]:
    y, day = rows[contract.target], rows[contract.day]
    return evaluation.evaluate(y, old, day, draws=1).auc, evaluation.compare(y, fresh, old, day, draws=DRAWS)


def _mean(losses: list[tuple[float, evaluation.Difference]]) -> dict[str, float]:
    """The mean over periods, whose days are different ones: the squares of their half widths add up."""
    half = np.sqrt(sum(((loss.auc_high - loss.auc_low) / 2) ** 2 for _, loss in losses)) / len(losses)
    mean = float(np.mean([loss.auc for _, loss in losses]))
    auc = float(np.mean([auc for auc, _ in losses]))
    return {"periods": len(losses), "auc": auc, "loss": mean, "low": mean - float(half), "high": mean + float(half)}
