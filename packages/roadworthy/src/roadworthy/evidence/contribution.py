"""What each feature contributes: the AUC that is lost when its values are shuffled among the rows.

A model is fitted on every other day of the snapshot and judged on the days between: the question is whether a feature
carries information, not whether the world has changed since. (Breiman 2001: permutation importance.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from .. import evaluation, export, model, training
from ..data import thinned
from ..errors import ProjectError
from ..schema import Contract
from ..settings import Model
from .bench import Bench, NotJudgedError

if TYPE_CHECKING:
    from ..project import Project

# AUC .71 as well, at a third of the time; whatever the specification says, for it is features that are judged here.
TREES = {"max_iter": 60, "learning_rate": 0.15, "max_leaf_nodes": 31}
FITTED = 55_000  # rows
LOOKS = (14_000, 55_000, 170_000)  # rows: most features need only the first look; in doubt, all rows are asked
DRAWS = 200
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Contributions:
    """By feature: auc (the loss when it is shuffled), auc_low, auc_high, rows judged. `kept`: the reasons of some."""

    table: pd.DataFrame
    kept: dict[str, str]


def measure(bench: Bench) -> Contributions:
    """The contribution of each feature of the specification that is not kept for another reason."""
    rows = bench.frame[bench.frame[bench.contract.target].notna()]
    even = rows[bench.contract.day].isin(np.sort(rows[bench.contract.day].unique())[::2])
    reasons = bench.config.gates.kept
    kept = {name: reasons[name] for name in bench.spec.features if reasons.get(name, "").strip()}
    asked = [name for name in bench.spec.features if name not in kept]
    return Contributions(contributions(bench.project, rows[even], rows[~even], bench.spec, asked), kept)


def contributions(
    project: "Project", fitted: pd.DataFrame, judged: pd.DataFrame, spec: Model, asked: list[str]
) -> pd.DataFrame:
    """The table of `Contributions`: fit on some rows, look at more and more of the others while there is doubt."""
    small = spec.model_copy(update=TREES)
    try:
        pipeline = training.fit(project, thinned(fitted, FITTED), small)
    except ProjectError as error:
        raise NotJudgedError(str(error).splitlines()[0]) from error
    answer = _runtime(pipeline)
    names = [name for group in model.inputs(spec, project.contract.features) for name in group]
    found: dict[str, dict[str, float]] = {}
    for look in LOOKS:
        rows = thinned(judged, look)
        inputs = pipeline.named_steps["encoder"].transform(rows[list(spec.features)]).astype(np.float32)
        doubtful = [name for name in asked if name not in found or found[name]["auc_low"] <= 0]
        if not doubtful or any(len(rows) == each["rows"] for each in found.values()):
            break
        found |= _look(project.contract, answer, inputs, rows, {name: names.index(name) for name in doubtful})
    return pd.DataFrame.from_dict(found, orient="index")


def _look(
    contract: Contract,
    answer: Callable[[Rows], NDArray[np.float64]],
    inputs: Rows,
    rows: pd.DataFrame,
    places: dict[str, int],
) -> dict[str, dict[str, float]]:
    draw = np.random.default_rng(0)
    shuffled = (answer(_shuffled(inputs, place, draw)) for place in places.values())
    losses = evaluation.rivals(rows[contract.target], answer(inputs), shuffled, rows[contract.day], draws=DRAWS)
    return {
        name: {"auc": loss.auc, "auc_low": loss.auc_low, "auc_high": loss.auc_high, "rows": len(rows)}
        for name, loss in zip(places, losses, strict=True)
    }


def _shuffled(inputs: Rows, place: int, draw: np.random.Generator) -> Rows:
    changed = inputs.copy()
    changed[:, place] = draw.permutation(changed[:, place])
    return changed


def _runtime(pipeline: Pipeline) -> Callable[[Rows], NDArray[np.float64]]:
    """The trees as serving runs them: three times as fast as scikit-learn."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(export.to_onnx(pipeline), options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(["probabilities"], {"X": inputs})[0][:, 0].astype(np.float64)
