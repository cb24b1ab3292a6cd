"""Evidence about the model: its specification, its tuning, its age, simpler ones, slices and groups."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import evaluation
from .. import tuning as tuner
from ..data import thinned
from . import ageing, belongs, committed, plain, seen
from . import groups as grouped
from . import replay as replayed
from .bench import SAMPLE, Bench, NotJudgedError

ANSWER = "answer"


@dataclass(frozen=True)
class Tuning:
    """Hyperparameters that no search covers, the AUC of the committed ones, and the candidates, the best first."""

    uncovered: tuple[str, ...]
    committed: float
    candidates: Sequence[tuner.Candidate]
    margin: float = tuner.MARGIN


@dataclass(frozen=True)
class Simpler:
    """Two models on the same rows: AUC of the simpler one and of the version, and the paired difference."""

    simple: float
    version: float
    difference: evaluation.Difference


@dataclass(frozen=True)
class Slices:
    """An evaluation of each slice, the floor of config.toml, the AUC of all rows; and calibration where it was trained.

    seen: the mean answer less the share of the target on training rows, first of all, then of each slice.
    """

    table: pd.DataFrame
    floor: float
    whole: float
    seen: pd.DataFrame = field(default_factory=pd.DataFrame)


def specification(bench: Bench) -> committed.Committed:
    """The specification that the version was trained with, compared with the committed one and with the bundle."""
    return replace(committed.compare(bench), strangers=belongs.strangers(bench))


def replay(bench: Bench) -> replayed.Replay:
    """The test period answered offline and online."""
    return replayed.replay(bench)


def tuning(bench: Bench) -> Tuning:
    """The committed hyperparameters against candidates, on weeks of the training period."""
    uncovered = sorted(set(tuner.hyperparameters(bench.spec)) - set(bench.project.search.grid))
    _require_features(bench)
    base, candidates = tuner.tune(bench.project, bench.split.train, bench.spec, bench.project.search.quick)
    return Tuning(tuple(uncovered), base, candidates)


def ages(bench: Bench) -> ageing.Ages:
    """The loss of AUC by the age of a model."""
    _require_features(bench)
    return ageing.measure(bench)


def simpler(bench: Bench) -> Simpler:
    """Logistic regression on the features of the version, fitted anew, against the version."""
    _require_features(bench)
    test, answers = bench.test, _answers(bench)
    spec = bench.spec
    plainly = plain.fit(bench.project, bench.split.train, spec).predict_proba(test[list(spec.features)])[:, 1]
    y, day = test[bench.contract.target], test[bench.contract.day]
    difference = evaluation.compare(y, plainly, answers, day)
    version = evaluation.evaluate(y, answers, day, draws=1).auc
    return Simpler(version + difference.auc, version, difference)


def slices(bench: Bench) -> Slices:
    """The version on every slice of config.toml that has enough rows of both classes."""
    test, answers, tests = bench.test, _answers(bench), bench.config.tests
    y, day = test[bench.contract.target], test[bench.contract.day]
    whole = evaluation.evaluate(y, answers, day, draws=1).auc
    table = evaluation.slices(test, tests.slices, y, answers, day)
    return Slices(table, tests.min_auc_slice, whole, seen.measure(bench))


def groups(bench: Bench) -> pd.DataFrame:
    """The version on every group of config.toml."""
    return grouped.measure(bench)


def _answers(bench: Bench) -> NDArray[np.float64]:
    """What the version says about the rows of `bench.test`."""
    return thinned(bench.split.test.assign(**{ANSWER: bench.answers}), SAMPLE)[ANSWER].to_numpy()


def _require_features(bench: Bench) -> None:
    """A committed feature that the data do not have is the subject of others."""
    missing = [name for name in bench.spec.features if name not in bench.frame]
    if missing:
        raise NotJudgedError(f"no such feature: {', '.join(missing)}")
