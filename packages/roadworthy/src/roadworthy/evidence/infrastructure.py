"""Evidence for the gates of the infrastructure: trainings, promotions, requests and rollbacks that really happen."""

from dataclasses import dataclass

from .. import data, export, training
from ..canary import Canary, compare
from . import again, going_back, spec_tests, traces, whole
from . import validation as validated
from .bench import Bench, NotJudgedError
from .excerpt import excerpt, periods

THREADS = (1, 4)  # of DuckDB, in the first training and the second
REFIT_ROWS = 10_000
CANARY_ROWS = 2_000


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
    refit_rows: int
    refit_gap: float | None


def trainings(bench: Bench) -> Trainings:
    """Train twice from the tables, and refit the version in between: a clock has moved on by then."""
    snapshot, (period, _) = excerpt(bench), periods(bench)
    one = again.make(bench.project, snapshot, period, bench.spec, THREADS[0])
    refit = _refit_gap(bench)
    two = again.make(bench.project, snapshot, period, bench.spec, THREADS[1])
    gap = again.difference(one.answers, two.answers)
    return Trainings(len(one.rows), again.changed_rows(one, two), len(one.answers), gap, REFIT_ROWS, refit)


def specification(bench: Bench) -> spec_tests.SpecTests:
    """The unit tests of the specification, on invented rows."""
    return spec_tests.run(bench.project, bench.spec)


def pipeline(bench: Bench) -> whole.Whole:
    """The whole pipeline on a few weeks."""
    folder = bench.scratch / "whole"
    folder.mkdir()
    return whole.run(bench, folder)


def validation(bench: Bench) -> validated.Validation:
    """The version, its verdicts, and promotions that must be refused."""
    return validated.run(bench)


def trace(bench: Bench) -> traces.Traces:
    """Predictions from the tables to the service, step by step."""
    return traces.run(bench)


def canary(bench: Bench) -> Canary:
    """Requests as clients of the version before send them, answered by both versions."""
    new, before = bench.bundle, bench.before
    missing = [name for name in before.names if name not in bench.test]
    if missing:
        raise NotJudgedError(f"the features have no column {missing[0]!r} that clients send today")
    rows = bench.test.iloc[:: max(1, len(bench.test) // CANARY_ROWS)]
    return compare(before, new, data.records(rows, before.names))


def rollback(bench: Bench) -> going_back.GoingBack:
    """A rollback rehearsed, and the one that the real registry would do."""
    found = going_back.look_up(bench.registry, bench.scratch / "registry")
    try:
        rehearsed = going_back.rehearse(bench, bench.scratch / "rollback")
    except NotJudgedError:
        if not found[-1] and found[0] == found[1]:
            raise
        rehearsed = None  # the real registry is broken, and that is what this gate says
    return going_back.GoingBack(rehearsed, *found)


def _refit_gap(bench: Bench) -> float | None:
    if not validated.of_the_present(bench):
        return None
    rows = bench.test.iloc[:: max(1, len(bench.test) // REFIT_ROWS)]
    try:
        answers = training.predict(bench.pipeline, bench.spec, rows)
    except ValueError as error:
        raise NotJudgedError(f"the refitted model cannot answer, see Infrastructure 2: {error}") from error
    return again.difference(answers, export.predict(bench.bundle, rows))
