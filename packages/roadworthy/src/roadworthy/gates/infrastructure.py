"""Infrastructure 1 to 7: what makes a model, carries it to service and takes it back."""

from dataclasses import dataclass, replace

import numpy as np

from ..base import databases
from ..base.settings import Limits
from ..bundle import bundle
from ..bundle.bundle import MAX_DIFFERENCE
from ..model import training
from ..monitoring.distributions import MAX_CPU
from ..serving.canary import CanaryComparison, compare_versions
from . import promotion, reproducibility, whole_pipeline
from .bench import Bench, Judgement, NotJudgedError, gate, limited_gate, of_the_present

# Between sums in float32 and in float64; a real difference is larger. Judges ask `not gap <= SAME` and never
# `gap > SAME`: a gap that is NaN must be red.
SAME = MAX_DIFFERENCE
THREADS = (1, 4)  # of DuckDB, in the first training and the second
REFIT_ROWS = 10_000


@dataclass(frozen=True)
class Trainings:
    """Two trainings on the same rows, and the version's training done again.

    `changed`: rows of features that differ or stand elsewhere; `gap`: largest difference of the two models' answers.
    `refit_gap`: of the version's answers from those of a refit on the rows that it took; None when the version is
    made of other data or settings than the present ones.
    """

    features: int
    changed: int
    rows: int
    gap: float
    refit_gap: float | None


def gather_trainings(bench: Bench) -> Trainings:
    """Train twice from the tables, and refit the version in between: a clock has moved on by then."""
    folder, (period, _) = reproducibility.excerpt_folder(bench), reproducibility.excerpt_periods(bench)
    first = reproducibility.train_small(bench.project, folder, period, bench.spec, THREADS[0])
    refit_gap = _refit_gap(bench)
    second = reproducibility.train_small(bench.project, folder, period, bench.spec, THREADS[1])
    gap = reproducibility.answer_difference(first.answers, second.answers)
    return Trainings(len(first.rows), reproducibility.changed_rows(first, second), len(first.answers), gap, refit_gap)


def _refit_gap(bench: Bench) -> float | None:
    if not of_the_present(bench):
        return None
    rows = bench.test.iloc[:: max(1, len(bench.test) // REFIT_ROWS)]
    try:
        answers = bench.scale.apply(training.predict(bench.pipeline, bench.spec, rows))
    except ValueError as error:
        raise NotJudgedError(f"the refitted model cannot answer, see Infrastructure 2: {error}") from error
    return reproducibility.answer_difference(answers, bench.scale.apply(bundle.predict_frame(bench.bundle, rows)))


@gate("Infrastructure 1", "training is reproducible", gather_trainings, "data version")
def training_reproducible(evidence: Trainings) -> Judgement:
    """Two trainings from the tables agree bit for bit, and a refit of the version with its answers to 1e-5.

    The second half is claimed only for a version of the present data and settings: see Model 1 for another one.
    """
    refit = evidence.refit_gap
    passed = not evidence.changed and evidence.gap == 0 and (refit is None or refit <= SAME)
    again = f"two trainings: {evidence.changed:,} of {evidence.features:,} rows of features differ"
    answers = f"answers by {evidence.gap:.1g} on {evidence.rows:,} rows"
    of_version = "the version is of other data or settings" if refit is None else f"the version refitted: {refit:.1g}"
    return passed, f"{again}, {answers}; {of_version}"


def gather_spec_tests(bench: Bench) -> reproducibility.SpecTests:
    """The unit tests of the specification, on invented rows."""
    return reproducibility.run_spec_tests(bench.project, bench.spec)


# The invented rules have no noise: 20 trees reach an AUC of 1.000, chance .5 with a standard error of .015.
LEARNED = 0.95


@gate("Infrastructure 2", "model specs are unit tested", gather_spec_tests)
def spec_tested(evidence: reproducibility.SpecTests) -> Judgement:
    """Every field of the specification arrives, the loss falls, planted rules are learned, odd rows are answered."""
    problems = [f"{name} does not reach the estimator" for name, reached in evidence.reached.items() if not reached]
    for name, (asked, built) in evidence.sizes.items():
        what = {"max_iter": "trees", "max_leaf_nodes": "leaves"}[name]
        # Where a few leaves part all rows, some estimators grow no more of them.
        other = built > asked if name == "max_leaf_nodes" else built != asked
        problems += [f"{built} {what} instead of {asked}"] if other else []
    if not all(later < sooner for sooner, later in zip(evidence.losses, evidence.losses[1:], strict=False)):
        problems.append(f"the loss does not fall: {', '.join(f'{loss:.3f}' for loss in evidence.losses)}")
    weak = {name: auc for name, auc in evidence.learned.items() if not auc >= LEARNED}
    problems += [f"{name} is not learned, AUC {auc:.2f}" for name, auc in weak.items()]
    right = np.isfinite if evidence.regression else lambda answer: 0 <= answer <= 1
    if not all(right(answer) for answer in evidence.unusual):
        problems.append(f"unseen and missing values get {evidence.unusual}")
    if evidence.misplaced:
        problems.append(
            f"the signature encodes {len(evidence.misplaced)} otherwise: {', '.join(evidence.misplaced[:3])}"
        )
    if problems:
        return False, "; ".join(problems)
    losses = " > ".join(f"{loss:.2f}" for loss in evidence.losses)
    return True, f"{len(evidence.reached)} fields arrive, loss {losses}, {len(evidence.learned)} planted rules learned"


# A correction of a probability on one way only is skew, which Monitoring 3 guards; another column or class is farther.
SAME_MODEL = 0.1


@gate("Infrastructure 3", "the ML pipeline is integration tested", whole_pipeline.run_pipeline, "data")
def pipeline_integrated(evidence: whole_pipeline.PipelineRun) -> Judgement:
    """Every row arrives at every stage, each names the champion's version, a row's answer is the same everywhere."""
    rows = evidence.rows
    asked = {name: count for name, count in rows.items() if name not in {"expected", "features", "asked"}}
    problems = [
        f"{count} rows {name}, {rows['asked']} were asked" for name, count in asked.items() if count != rows["asked"]
    ]
    if rows["features"] != rows["expected"]:
        problems.append(f"{rows['features']:,} rows of features instead of {rows['expected']:,}")
    champion = evidence.versions["champion"]
    problems += [
        f"{name} says version {v!r} for {champion!r}" for name, v in evidence.versions.items() if v != champion
    ]
    if evidence.log_gap != 0:
        problems.append(f"the log differs from the answers by {evidence.log_gap:.1g}")
    if not evidence.batch_gap <= SAME_MODEL:
        problems.append(f"the batch differs from the answers by {evidence.batch_gap:.1g}")
    if evidence.decisions:
        problems.append(f"{evidence.decisions} decisions differ between answer, log and batch")
    if not evidence.monitor_gap <= SAME:
        problems.append(f"the monitor's mean prediction less base rate is off by {evidence.monitor_gap:.1g}")
    stages = (
        f"{rows['features']:,} rows of features, {rows['asked']} asked, answered, logged, labelled, scored, watched"
    )
    return not problems, "; ".join(problems) or f"{stages}; version {champion} at each, the same answers"


@limited_gate(
    "Infrastructure 4",
    "model quality is validated before serving",
    promotion.measure_validation,
    "data version registry",
)
def version_validated(evidence: promotion.Validation, limits: Limits) -> Judgement:
    """The bundle is whole, its figures are those of later days and can be had again, and the champion was green.

    A red verdict on a candidate is validation at work: the registry never promotes it.
    """
    if evidence.broken:
        return False, f"the bundle cannot be loaded: {evidence.broken}"
    problems = [evidence.alias] if evidence.alias else []
    problems += [] if evidence.tests else ["nothing was tested in its training"]
    if evidence.gap < 1 or evidence.shared:
        problems.append(f"tested {evidence.gap:+d} days after training, {evidence.shared:,} rows are in both")
    if evidence.days < limits.min_test_days:
        problems.append(f"tested on {evidence.days} days, at least {limits.min_test_days} are needed")
    if evidence.metrics_gap is not None and not evidence.metrics_gap <= SAME:
        problems.append(f"metrics.json differs from what is computed now by {evidence.metrics_gap:.2g}")
    if problems:
        return False, "; ".join(problems)
    tests = f"{evidence.tests - len(evidence.red)} of {evidence.tests} tests of its training green"
    refused = f" ({', '.join(evidence.red)} red: never to be promoted)" if evidence.red else ""
    of_now = "of other data or settings" if evidence.metrics_gap is None else "the same again"
    which = "other rows, drawn at random" if evidence.drawn else "later days"
    return True, f"{tests}{refused}, on {which}; metrics.json {of_now}"


@gate("Infrastructure 5", "the model is debuggable", whole_pipeline.trace_rows, "data version")
def predictions_debuggable(evidence: whole_pipeline.Traces) -> Judgement:
    """Raw rows give the features, they give X, its leaves the sum, and that the service's answer, to 1e-5 each.

    Of numbers: to so much of two standard deviations.
    """
    problems = [f"raw rows do not explain {', '.join(evidence.unexplained)}"] if evidence.unexplained else []
    problems += [f"the encoding differs from the signature by {evidence.encoding:.2g}"] if evidence.encoding else []
    if not evidence.model <= SAME:
        problems.append(f"the leaves differ from the model by {evidence.model:.2g}")
    if not evidence.service <= SAME:
        problems.append(f"the service answers otherwise than the leaves by {evidence.service:.2g}: {evidence.worst}")
    if not evidence.moved <= SAME:
        problems.append(f"the features' shares differ from the sum by {evidence.moved:.2g}")
    tables = f"{evidence.sources} raw rows give {evidence.from_tables} rows of features"
    leaves = f"leaves of {evidence.rows} rows ({evidence.values} categories) the answers to {evidence.service:.0e}"
    return not problems, "; ".join(problems) or f"{tables}, {leaves}; moved most by {evidence.moved_most}"


CANARY_ROWS = 2_000


def gather_canary(bench: Bench) -> CanaryComparison:
    """Requests as clients of the version before send them, answered by both versions."""
    new, before = bench.bundle, bench.before
    missing = [name for name in before.names if name not in bench.test]
    if missing:
        raise NotJudgedError(f"the features have no column {missing[0]!r} that clients send today")
    rows = bench.test.iloc[:: max(1, len(bench.test) // CANARY_ROWS)]
    return compare_versions(before, new, databases.plain_records(rows, before.names))


@limited_gate("Infrastructure 6", "models are canaried before serving", gather_canary, "data version before")
def canary_passed(evidence: CanaryComparison, limits: Limits) -> Judgement:
    """Requests of today are all answered, the answers are distributed much as before, and none costs much more CPU."""
    problems = []
    if evidence.refused or evidence.failed:
        lost = f"{evidence.refused:,} refused and {evidence.failed:,} failed of {evidence.requests:,}"
        problems.append(f"{lost}, the first: {evidence.reason}")
    if not evidence.psi <= limits.max_version_psi:
        means = f"mean {evidence.mean:.3f} after {evidence.mean_before:.3f}"
        problems.append(f"PSI of the answers {evidence.psi:.2f}, at most {limits.max_version_psi}, {means}")
    ratio = evidence.seconds / max(evidence.seconds_before, 1e-9)
    if ratio > MAX_CPU:
        problems.append(f"{ratio:.1f} times the CPU, at most {MAX_CPU:g}")
    words = f"{evidence.requests:,} requests answered, PSI {evidence.psi:.3f}, mean {evidence.mean:.3f}"
    return not problems, "; ".join(problems) or f"{words} after {evidence.mean_before:.3f}, {ratio:.1f} times the CPU"


def gather_rollback(bench: Bench) -> promotion.RollbackEvidence:
    """A rollback rehearsed, and the one that the real registry would do."""
    evidence = promotion.examine_history(bench.registry, bench.scratch / "registry")
    try:
        return replace(evidence, rehearsed=promotion.rehearse_rollback(bench, bench.scratch / "rollback"))
    except NotJudgedError:
        if not evidence.problem and evidence.champion == evidence.by_history:
            raise
        return evidence  # the real registry is broken, and that is what this gate says


@gate("Infrastructure 7", "serving models can be rolled back", gather_rollback, "data version before registry")
def rolled_back(evidence: promotion.RollbackEvidence) -> Judgement:
    """A rollback brings the old answers back, rehearsed with copies, and the real registry has where to go back to."""
    problems = [evidence.problem] if evidence.problem else []
    if evidence.champion != evidence.by_history:
        problems.append(
            f"the champion is version {evidence.champion}, the history tells of {evidence.by_history or 'none'}"
        )
    rehearsed = evidence.rehearsed
    if rehearsed and (rehearsed.after != rehearsed.before or rehearsed.promoted == rehearsed.before):
        problems.append(
            f"rehearsed: from version {rehearsed.promoted} back to {rehearsed.after} instead of {rehearsed.before}"
        )
    if rehearsed and not (rehearsed.answers and rehearsed.untouched):
        problems.append("rehearsed: the version before does not answer as it did")
    if rehearsed and not rehearsed.recorded:
        problems.append("rehearsed: the history does not tell the rollback")
    if rehearsed is None and not problems:
        return None, "not judged: there is no second version to rehearse with"
    there = f"version {evidence.target} is whole" if evidence.target else "the first version has none before it"
    return not problems, "; ".join(problems) or f"rehearsed: the same answers after a rollback; in the registry {there}"
