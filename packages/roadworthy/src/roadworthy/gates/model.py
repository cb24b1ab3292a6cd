"""Model 1 to 7: whether it is the reviewed one, tuned, young enough, better than simple ones, good for everybody."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.settings import Limits
from ..data.snapshots import thin_rows
from ..model import evaluation, training
from . import alternatives, specification
from .bench import SAMPLE, Bench, Judgement, NotJudgedError, gate, limited_gate

SHOWN = 2  # differences that are named


def gather_specification(bench: Bench) -> specification.CommittedDifferences:
    """The specification that the version was trained with, compared with the committed one and with the bundle."""
    return replace(specification.compare_committed(bench), foreign=specification.foreign_entries(bench))


@gate("Model 1", "model specs are reviewed and submitted", gather_specification, "data version")
def specification_reviewed(evidence: specification.CommittedDifferences) -> Judgement:
    """The version was trained with the specification, contract and SQL that are committed; no difference is small.

    Its signature and its reference are those of that specification and of the rows it was trained on, exactly.
    """
    if differences := [*evidence.differences, *evidence.foreign]:
        more = f" (and {len(differences) - SHOWN} more)" if len(differences) > SHOWN else ""
        return False, "; ".join(differences[:SHOWN]) + more
    if evidence.uncommitted:
        return False, f"not committed: {', '.join(evidence.uncommitted)}, after {evidence.commit}"
    where = f"commit {evidence.commit}" if evidence.commit else "no git repository to ask for a commit"
    return True, f"{evidence.compared} values of the trained specification are the committed ones; {where}"


# For any data: both ways answer the same rows, so only rounding and a refused row may differ.
MIN_CORRELATION, MAX_DIFFERENCE = 0.9, 0.005
FEWEST_BLOCKS = 3


@gate("Model 2", "offline and online metrics correlate", specification.replay_test_period, "data version")
def offline_online(evidence: specification.Replay) -> Judgement:
    """The AUC or R2 by block, offline and from the log: correlation at least .9, mean distance at most .005."""
    blocks = evidence.blocks
    labelled = f"{evidence.labelled:,} of {evidence.sent:,} answers with their label"
    if not evidence.labelled:
        return False, f"the log holds no answer with its label; {evidence.refused:,} of {evidence.sent:,} rows refused"
    if len(blocks) < FEWEST_BLOCKS or blocks["offline"].isna().any():
        return None, f"{len(blocks)} blocks of days are too few, or one of them has labels of one value only"
    apart = float((blocks["online"] - blocks["offline"]).abs().mean())
    correlation = _correlation(blocks["offline"], blocks["online"])
    words = f"{evidence.quality} of {len(blocks)} blocks: correlation {correlation:.3f}, {apart:.4f} apart on average"
    return bool(correlation >= MIN_CORRELATION and apart <= MAX_DIFFERENCE), f"{words}, {labelled}"


def _correlation(one: pd.Series, other: pd.Series) -> float:
    """Pearson; 0 when one of them does not move at all."""
    if min(one.std(), other.std()) < 1e-9 or other.isna().any():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


@dataclass(frozen=True)
class Tuning:
    """Hyperparameters that no search covers, the quality of the committed ones, and the candidates, the best first.

    `what` is the name of the quality: AUC or R2.
    """

    uncovered: tuple[str, ...]
    committed: float
    candidates: Sequence[training.Candidate]
    what: str = "AUC"


def gather_tuning(bench: Bench) -> Tuning:
    """The committed hyperparameters against candidates, on weeks of the training period."""
    search = bench.project.search
    uncovered = sorted(set(bench.spec.hyperparameters) - set(search.grid))
    _require_features(bench)
    committed, candidates = training.tune_hyperparameters(bench.project, bench.split.train, bench.spec, search.quick)
    return Tuning(tuple(uncovered), committed, candidates, bench.problem.quality)


def _require_features(bench: Bench) -> None:
    """A committed feature that the data do not have is the subject of others."""
    missing = [name for name in bench.spec.features if name not in bench.frame]
    if missing:
        raise NotJudgedError(f"no such feature: {', '.join(missing)}")


@limited_gate("Model 3", "all hyperparameters have been tuned", gather_tuning, "data")
def hyperparameters_tuned(evidence: Tuning, limits: Limits) -> Judgement:
    """Each hyperparameter is in the search space, and no candidate is surely better by more than the margin."""
    if evidence.uncovered:
        return False, f"in no search space (tuning.py): {', '.join(evidence.uncovered)}"
    if not evidence.candidates:
        return None, "there is no candidate to compare with"
    best, margin = evidence.candidates[0], limits.tuning_margin
    gain = f"{best.gain:+.3f} [{best.low:+.3f}, {best.high:+.3f}]"
    words = f"{evidence.what} {evidence.committed:.3f}, with {best.words} {gain}"
    return bool(best.low <= margin), f"{words}, surely over {margin:+.2f} is red"


def gather_ages(bench: Bench) -> alternatives.Ages:
    """The loss of quality by the age of a model."""
    _require_features(bench)
    return alternatives.measure_ages(bench)


@limited_gate("Model 4", "the impact of model staleness is known", gather_ages, "data time")
def staleness_known(evidence: alternatives.Ages, limits: Limits) -> Judgement:
    """The loss of AUC or R2 is measured up to the allowed age, and at none of them surely above `max_age_loss`."""
    measured = int(evidence.table["until"].max())
    if evidence.table["quality"].isna().any():
        return None, "a part of the data has labels of one value only"
    if measured < evidence.allowed:
        return False, f"models may become {evidence.allowed} days old, measured are {measured} days"
    old = evidence.table[(evidence.table["since"] > 0) & (evidence.table["since"] <= evidence.allowed)]
    if old.empty:
        shortest = int(evidence.table["until"].min())
        return None, f"models may become {evidence.allowed} days old, and the shortest part of the data has {shortest}"
    losses = [
        f"{row.since}-{row.until} days {row.loss:+.3f} [{row.low:+.3f}, {row.high:+.3f}]" for row in old.itertuples()
    ]
    words = f"loss of {evidence.what} by age: {', '.join(losses)}; allowed {evidence.allowed}"
    return bool((old["low"] <= limits.max_age_loss).all()), words


@dataclass(frozen=True)
class SimplerModel:
    """Two models on the same rows: quality of the simpler one and of the version, and the paired difference."""

    simple: float
    version: float
    difference: evaluation.Difference | evaluation.NumberDifference
    problem: evaluation.Problem = evaluation.CLASSIFICATION


def gather_simpler(bench: Bench) -> SimplerModel:
    """Logistic (or linear) regression on the features of the version, fitted anew, against the version."""
    _require_features(bench)
    test, answers, spec = bench.test, _answers(bench), bench.spec
    simple = alternatives.fit_simple(bench.project, bench.split.train, spec)
    y, day = test[bench.contract.target], test[bench.contract.day]
    difference = bench.problem.compare(y, training.predict(simple, spec, test), answers, day)
    version = bench.problem.evaluate(y, answers, day, draws=1).quality.value
    return SimplerModel(version + difference.quality.value, version, difference, bench.problem)


def _answers(bench: Bench) -> NDArray[np.float64]:
    """The version's answers to the rows of `bench.test`."""
    return thin_rows(bench.split.test.assign(answer=bench.answers), SAMPLE)["answer"].to_numpy()


@limited_gate("Model 5", "a simpler model is not better", gather_simpler, "data version")
def no_simpler(evidence: SimplerModel, limits: Limits) -> Judgement:
    """Logistic regression, and no model at all (AUC .5), are not better than the version, beyond chance by a margin.

    Of numbers: linear regression, and always saying the mean (R2 0).
    """
    gain, problem = evidence.difference.quality, evidence.problem
    kind = "linear" if problem.regression else "logistic"
    words = f"{kind} regression {evidence.simple:.3f}, the model {evidence.version:.3f}: "
    words += f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    return bool(gain.low <= limits.simpler_margin and evidence.version > problem.no_skill), words


# Standard errors to the upper end of simultaneous 95% intervals for about 40 slices (Bonferroni, 1 - .05 / 40).
SURE = 3.02
HALF = 1.96  # half of a 95% interval, in standard errors


@dataclass(frozen=True)
class Slices:
    """An evaluation of each slice, the floor of the settings, the quality of all rows; calibration in training.

    seen: the mean answer less the share of the target on training rows, first of all, then of each slice.
    """

    table: pd.DataFrame
    floor: float
    whole: float
    seen: pd.DataFrame = field(default_factory=pd.DataFrame)
    problem: evaluation.Problem = evaluation.CLASSIFICATION


def gather_slices(bench: Bench) -> Slices:
    """The version on every slice of config.toml that has enough rows of both classes."""
    test, answers, tests = bench.test, _answers(bench), bench.config.tests
    y, day = test[bench.contract.target], test[bench.contract.day]
    problem = bench.problem
    whole, floor = problem.evaluate(y, answers, day, draws=1).quality.value, evaluation.least_of_slice(problem, tests)
    table = evaluation.slices(test, tests.slices, y, answers, day, problem)
    return Slices(table, floor, whole, specification.mean_answers_by_slice(bench), problem)


@limited_gate("Model 6", "model quality is sufficient on important data slices", gather_slices, "data version")
def slices_sufficient(evidence: Slices, limits: Limits) -> Judgement:
    """The weakest slice reaches the floor, or is `max_slice_drop` below all rows at most; training saw all slices.

    Judged by the upper end of simultaneous intervals: of forty slices, one is below its own interval by chance. A slice
    may be below the floor as all rows are: the hours of the morning are in every month, for within an hour the hour
    says nothing. A model that is weak everywhere is the subject of other gates.
    """
    table, problem = evidence.table, evidence.problem
    if table.empty:
        return None, f"no slice by [tests] slices has {problem.fewest}"
    upper = upper_ends(table, problem)
    worst = table.iloc[int(upper.to_numpy().argmin())]
    quality = f"{problem.quality} {worst[problem.metrics[0]]:.3f}"
    weakest = f"{worst['slice']}: {quality}, at most {upper.min():.3f} ({worst['rows']:,} rows)"
    floor = min(evidence.floor, evidence.whole - limits.max_slice_drop)
    words = f"weakest of {len(table)} slices is {weakest}, floor {floor:.2f}"
    unseen = _unseen_slice(evidence.seen, limits.max_slice_off)
    return bool(upper.min() >= floor and not unseen), "; ".join([*unseen, words])


def upper_ends(table: pd.DataFrame, problem: evaluation.Problem) -> pd.Series:
    """The upper end of the simultaneous interval of each slice's AUC or R2."""
    name = problem.metrics[0]
    return table[name] + (table[f"{name}_high"] - table[f"{name}_low"]) / 2 / HALF * SURE


def _unseen_slice(seen: pd.DataFrame, most: float) -> list[str]:
    """The slice of the training rows in which the version is off most, if it is; the first row is of all rows.

    A model that is off by as much on all rows is the subject of other gates.
    """
    if seen.empty or abs(seen["gap"].iloc[0]) > most:
        return []
    worst = seen.iloc[int(np.abs(seen["gap"].to_numpy()).argmax())]
    words = f"training has not seen {worst['slice']} as it is: answers off by {worst['gap']:+.3f} on its own rows"
    return [f"{words}, at most {most:.2f}"] if abs(worst["gap"]) > most else []


@limited_gate(
    "Model 7", "the model is tested for considerations of inclusion", alternatives.measure_groups, "data version"
)
def groups_treated_alike(evidence: pd.DataFrame, limits: Limits) -> Judgement:
    """No group of [gates.groups] surely has probabilities too far above or below those of all, or too low a recall.

    The side that harms has the stricter limit: below, people are not warned.
    """
    if evidence.empty:
        return (
            None,
            "no group of [gates.groups] has as many positives, of numbers rows, as [gates] min_group_size asks for",
        )
    most = {
        "gap_low": limits.max_group_over,
        "gap_high": -limits.max_group_under,
        "recall_high": -limits.max_group_missed,
    }
    # How much of each limit is used up; more than 1 is beyond it.
    used = pd.DataFrame({name: evidence[name] / limit for name, limit in most.items()}).max(axis=1)
    worst = evidence.iloc[int(used.to_numpy().argmax())]
    words = f"worst of {len(evidence)} groups is {worst['group']}: answers {_interval(worst, 'gap')} against all"
    # A number has no decision, and no recall.
    words += evaluation.SCALED if pd.isna(worst["recall"]) else f", recall {_interval(worst, 'recall')}"
    return bool((used <= 1).all()), words


def _interval(row: pd.Series, name: str) -> str:
    return f"{row[f'{name}_more']:+.3f} [{row[f'{name}_low']:+.3f}, {row[f'{name}_high']:+.3f}]"
