"""Unit tests of the model's specification, on invented rows of known answer: whether it is built as it says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline

from .. import export, model, training
from ..schema import Contract
from ..settings import Model
from ..signature import Signature
from . import synthetic

if TYPE_CHECKING:
    from ..project import Project

ROWS = 1500
TREES = (1, 5, 20)
LEAVES = 4
NO_PARAMETER = {"name", "features", "threshold"}  # of the specification, but not of the estimator


@dataclass(frozen=True)
class SpecTests:
    """What came out. `reached`: whether a change of a field of the specification arrives in the estimator.

    `trees` and `leaves` are asked for and found; `losses` on the training rows after 1, 5 and 20 trees; `learned` the
    AUC for each planted rule on new rows; `unusual` the answers to unseen categories and to nothing but missing
    values; `misplaced` the features that the pipeline and the exported signature encode differently.
    """

    reached: Mapping[str, bool]
    trees: tuple[int, int]
    leaves: tuple[int, int]
    losses: tuple[float, ...]
    learned: Mapping[str, float]
    unusual: tuple[float, ...]
    misplaced: tuple[str, ...]


def run(project: "Project", spec: Model) -> SpecTests:
    """Build, fit and ask small models of this specification."""
    categories, numbers = model.inputs(spec, project.contract.features)
    rules = planted(categories, numbers)
    first = next(iter(rules.values()))
    rows = synthetic.table(project.contract, ROWS, first, seed=1)
    fitted = [training.fit(project, rows, _smaller(spec, max_iter=count)) for count in TREES]
    stumps = training.fit(project, rows, _smaller(spec, max_iter=TREES[1], max_leaf_nodes=LEAVES)).named_steps["trees"]
    return SpecTests(
        reached={name: reaches(project, spec, name) for name in type(spec).model_fields if name not in NO_PARAMETER},
        trees=(TREES[1], int(stumps.n_iter_)),
        leaves=(LEAVES, max(int(tree.get_n_leaf_nodes()) for (tree,) in stumps._predictors)),  # noqa: SLF001
        losses=tuple(
            float(log_loss(rows[project.contract.target], training.predict(each, spec, rows))) for each in fitted
        ),
        learned={name: learned(project, spec, rule) for name, rule in rules.items()},
        unusual=unusual(project, fitted[-1], spec, rows),
        misplaced=tuple(misplaced(project.contract, fitted[-1], spec, rows)),
    )


def planted(categories: list[str], numbers: list[str]) -> dict[str, synthetic.Rule]:
    """A rule for each kind of input: a number's size, which category, whether a number or a category is missing."""
    rules: dict[str, synthetic.Rule] = {}
    for name in numbers[:1]:
        rules |= {"a number": partial(_large, name), "a missing number": partial(_missing, name)}
    for name in categories[:1]:
        rules |= {"a category": partial(_every_other, name), "a missing category": partial(_missing, name)}
    return rules


def reaches(project: "Project", spec: Model, name: str) -> bool:
    """Whether other values of a field are found again in a parameter of the estimator."""
    value = getattr(spec, name)
    others = (value / 2, value / 3) if isinstance(value, float) else (value + 1, 2 * value + 3)
    return all(_found(project, spec, name, other) for other in others)


def learned(project: "Project", spec: Model, rule: synthetic.Rule) -> float:
    """The AUC on new rows of a model that saw the rule in others."""
    old, new = (synthetic.table(project.contract, ROWS, rule, seed=seed) for seed in (1, 2))
    small = _smaller(spec, max_iter=TREES[-1])
    return float(
        roc_auc_score(new[project.contract.target], training.predict(training.fit(project, old, small), small, new))
    )


def unusual(project: "Project", pipeline: Pipeline, spec: Model, rows: pd.DataFrame) -> tuple[float, ...]:
    """The answers to a row of unseen categories and to one in which everything is missing."""
    categories, numbers = model.inputs(spec, project.contract.features)
    unseen = rows.iloc[:1].assign(**dict.fromkeys(categories, synthetic.UNSEEN))
    empty = rows.iloc[:1].assign(**dict.fromkeys(categories), **dict.fromkeys(numbers, np.nan))
    return tuple(float(training.predict(pipeline, spec, each)[0]) for each in (unseen, empty))


def misplaced(contract: Contract, pipeline: Pipeline, spec: Model, rows: pd.DataFrame) -> list[str]:
    """The features whose column of X is not what the signature of the export says.

    Columns are handed over in another order than in training: the pipeline takes them by name.
    """
    encoded = np.asarray(pipeline.named_steps["encoder"].transform(rows[list(reversed(spec.features))]))
    described = Signature.parse(json.dumps(export.signature(contract, spec, pipeline))).features
    if len(described) != encoded.shape[1] or {each.name for each in described} != set(spec.features):
        return sorted({*spec.features} ^ {each.name for each in described}) or ["the number of columns"]
    columns = export.columns(rows, [each.name for each in described])
    same = [
        np.array_equal(each.encode(columns[each.name]), encoded[:, i], equal_nan=True)
        for i, each in enumerate(described)
    ]
    return [each.name for each, right in zip(described, same, strict=True) if not right]


def _found(project: "Project", spec: Model, name: str, value: Any) -> bool:
    before, after = (_parameters(project, each) for each in (spec, spec.model_copy(update={name: value})))
    return any(after[each] == value for each in after if repr(after[each]) != repr(before[each]))


def _parameters(project: "Project", spec: Model) -> dict[str, Any]:
    return dict(model.build(project, spec).named_steps["trees"].get_params())


def _smaller(spec: Model, **values: int) -> Model:
    return spec.model_copy(update=values)


def _large(name: str, frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(frame[name] > frame[name].mean())  # of 0 and 1 the median may be 1, and nothing above it


def _missing(name: str, frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(frame[name].isna())


def _every_other(name: str, frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(frame[name].isin(sorted(frame[name].dropna().unique())[::2]))
