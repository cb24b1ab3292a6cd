"""Tune the hyperparameters: fit each candidate on weeks of the training period, judge it on the weeks between.

The weeks that judge come from the whole period. The last sixth alone is one season: on June of the course's data,
2023, three trees rank better than two hundred by .028 AUC. Rows matter as well: with 15,000 of them simpler models
look better, beyond chance by up to .013, than the one that is best with all 160,000; with 30,000 rows hardly any more
(by up to .0075, once in 24 parts of 2013 and 2023).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import evaluation, training
from .data import thinned
from .definition import SearchSpace
from .schema import Contract
from .settings import Model

if TYPE_CHECKING:
    from .project import Project

NOT_TUNED = {"name", "features", "seed", "threshold"}  # what the model is for, not how well it learns
ROWS = 30_000
JUDGED = 10_000
BLOCK, EVERY = 7, 3  # days in a block; the last of three blocks judges
DRAWS = 200
# A gain that is worth a change, in AUC: simple models have up to .0075 for nothing, for the few rows; three trees
# instead of 200 lose .015 to .028, a learning rate of 1 at least .043 (lower ends of intervals, 2013 and 2023).
MARGIN = 0.01


@dataclass(frozen=True)
class Candidate:
    """A choice of hyperparameters: its AUC, and how much better than the committed ones, with the interval by days."""

    chosen: Mapping[str, float]
    auc: float
    gain: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """The hyperparameters as config.toml has them."""
        return ", ".join(f"{name} = {value:g}" for name, value in self.chosen.items())


def hyperparameters(spec: Model) -> dict[str, float]:
    """What of a specification can be tuned, by name."""
    return {name: value for name, value in spec.model_dump().items() if name not in NOT_TUNED}


def grid(search: SearchSpace) -> list[dict[str, float]]:
    """Every combination of the search space."""
    return [dict(zip(search.grid, values, strict=True)) for values in product(*search.grid.values())]


def weeks(contract: Contract, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of two weeks of three to learn from, and those of the third to judge by; both thinned evenly."""
    day = rows[contract.day]
    judging = (day - day.min()).dt.days // BLOCK % EVERY == EVERY - 1
    return thinned(rows[~judging], ROWS), thinned(rows[judging], JUDGED)


def tune(
    project: "Project", rows: pd.DataFrame, spec: Model, candidates: Sequence[Mapping[str, float]]
) -> tuple[float, list[Candidate]]:
    """The AUC of the committed specification, and every candidate compared with it, the surest gain first."""
    learned, judged = weeks(project.contract, rows)
    y, day = judged[project.contract.target], judged[project.contract.day]
    committed = _answers(project, learned, judged, spec)
    base = evaluation.evaluate(y, committed, day, draws=1).auc
    found = []
    for values, answers in _tried(project, learned, judged, spec, candidates):
        gain = evaluation.compare(y, answers, committed, day, draws=DRAWS)
        found.append(Candidate(values, base + gain.auc, gain.auc, gain.auc_low, gain.auc_high))
    return base, sorted(found, key=lambda candidate: -candidate.low)


def table(candidates: Sequence[Candidate]) -> pd.DataFrame:
    """The candidates to look at: hyperparameters, AUC, gain over the committed ones with its interval."""
    rows = [{**c.chosen, "auc": c.auc, "gain": c.gain, "low": c.low, "high": c.high} for c in candidates]
    return pd.DataFrame(rows).round(4)


def advice(base: float, candidates: Sequence[Candidate]) -> str:
    """What to write into config.toml: the surest gain, if one is surely more than `MARGIN`."""
    best = candidates[0] if candidates else None
    if best is None or best.low <= MARGIN:
        return (
            f"The committed hyperparameters have AUC {base:.3f}; no candidate is surely better by {MARGIN:g}: keep them"
        )
    told = f"{best.gain:+.3f} AUC [{best.low:+.3f}, {best.high:+.3f}] over the committed {base:.3f}"
    return f"Write into [model] of config.toml: {best.words} ({told}); then train"


def _tried(
    project: "Project",
    learned: pd.DataFrame,
    judged: pd.DataFrame,
    spec: Model,
    candidates: Sequence[Mapping[str, float]],
) -> Iterator[tuple[Mapping[str, float], NDArray[np.float64]]]:
    for values in candidates:
        if {**hyperparameters(spec), **values} != hyperparameters(spec):
            yield values, _answers(project, learned, judged, spec.model_copy(update=dict(values)))


def _answers(project: "Project", learned: pd.DataFrame, judged: pd.DataFrame, spec: Model) -> NDArray[np.float64]:
    return training.predict(training.fit(project, learned, spec), spec, judged)
