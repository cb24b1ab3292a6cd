"""Monitoring 1 to 7: what changes around a model after its training, and how far that may go."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from ..base.settings import Limits
from ..contract.rules import Finding
from ..contract.schema import Contract
from ..model import training
from ..registry.registry import CHAMPION
from ..serving.shadow import RARE
from . import alarms, dependencies, expectations, skew, speed
from .bench import Bench, Judgement, NotJudgedError, first_problems, gate, judge_problems, limited_gate
from .speed import FINITE


def gather_dependencies(bench: Bench) -> dependencies.Dependencies:
    """The installed packages against the lock and against those of the version, the tables against the contract."""
    packages, changes = dependencies.package_changes(bench.home)
    recorded: dict[str, str] = bench.manifest["lineage"].get("packages", {})
    unknown = [f"the version does not say its {name}" for name in training.LIBRARIES if name not in recorded]
    try:
        tables = dependencies.table_changes(bench.connection, bench.contract)
        columns = sum(len(table.columns) for table in bench.contract.tables)
    except NotJudgedError:  # Monitoring 2 says so
        tables, columns = [], 0
    changes += [*unknown, *dependencies.library_changes(recorded), *tables]
    return dependencies.Dependencies(packages, len(recorded), columns, tuple(changes))


@gate("Monitoring 1", "dependency changes result in notification", gather_dependencies, "data version lock")
def dependencies_unchanged(evidence: dependencies.Dependencies) -> Judgement:
    """Nothing that the model depends on is other than written down: any change is red, however small it looks.

    Packages: what is installed is what is locked, and the libraries are those that the version was made with. Data:
    the tables have the columns and types of the contract.
    """
    tables = f"{evidence.columns} columns" if evidence.columns else "tables not compared, see Monitoring 2"
    good = f"unchanged: {evidence.packages} locked packages, {evidence.libraries} libraries of the version, {tables}"
    return judge_problems(evidence.changes, good)


@dataclass(frozen=True)
class Invariants:
    """What the data checks found in a snapshot; `error` says why they could not even be made.

    `served` is what the version takes that the contract forbids; None when it cannot be loaded.
    """

    snapshot: str
    findings: tuple[Finding, ...] = ()
    rows: int = 0
    quarantined: int = 0
    error: str = ""
    served: expectations.Refusals | None = None


def gather_invariants(bench: Bench) -> Invariants:
    """The findings of the data checks, or why the snapshot cannot be read; and what the version refuses."""
    snapshot = bench.config.data.snapshot
    try:
        report = bench.report
    except NotJudgedError as reason:
        return Invariants(snapshot, error=str(reason))
    lost = sum(len(rows) for rows in report.quarantine.values())
    return Invariants(snapshot, tuple(report.findings), sum(report.rows.values()), lost, served=_refusals(bench))


def _refusals(bench: Bench) -> expectations.Refusals | None:
    try:
        bundle = bench.bundle
    except NotJudgedError:  # Infrastructure 4 says so
        return None
    return expectations.measure_refusals(bench.contract, bundle)


@gate("Monitoring 2", "data invariants hold for inputs", gather_invariants, "data version")
def invariants_hold(evidence: Invariants) -> Judgement:
    """Every data check of the snapshot holds, and a request to the version is refused for what the contract forbids.

    The limits, with where they come from, stand in the contract; the signature has those of the features from there.
    """
    if evidence.error:
        return False, evidence.error
    if not evidence.findings:
        return None, f"no check was made of snapshot {evidence.snapshot}"
    problems = [f"{each.table}: {each.check}: {each.evidence}" for each in evidence.findings if not each.passed]
    served = evidence.served
    problems += [
        f"a request may hold {value}, which the contract forbids" for value in (served.taken if served else ())
    ]
    if problems:
        return False, first_problems(problems)
    if served and not served.tried:
        return None, "not judged: the version takes none of its golden rows as a request"
    held = f"{len(evidence.findings)} checks hold on {evidence.rows:,} rows of snapshot {evidence.snapshot}"
    sent = f"the version refuses {served.tried} forbidden values" if served else "it is not asked, see Infrastructure 4"
    return True, f"{held}, {evidence.quarantined:,} rows in quarantine; {sent}"


@gate("Monitoring 3", "training and serving are not skewed", skew.compare_ways, "data version")
def no_skew(evidence: skew.ComparedWays) -> Judgement:
    """By every way the trees get exactly the same inputs, and answers agree to 1e-5.

    1e-5: ONNX Runtime adds leaves in float32, which moved none of 336,776 answers by more than 6e-7 with 200 trees, and
    more with larger ones; a threshold crossed or a value read differently moves an answer by a hundred times as much.
    """
    if not evidence.ways or not evidence.rows:
        return None, "no row went more than one way"
    skewed = [way for way in evidence.ways if way.inputs or way.answers]
    problems = [f"{w.name}: {w.inputs} inputs and {w.answers} answers differ ({w.example})" for w in skewed]
    if problems:
        return False, f"of {evidence.rows:,} rows, {first_problems(problems)}"
    ways = ", ".join([*(["notebook"] if evidence.notebook else []), *(way.name for way in evidence.ways)])
    largest = max(way.largest for way in evidence.ways)
    return True, f"{evidence.rows:,} real and odd rows agree by {ways}; largest difference {largest:.0e}"


@dataclass(frozen=True)
class Age:
    """The newest labelled day, the last day that training has seen, and the same of the version in service."""

    version: int
    newest: date
    trained_until: date
    champion: int | None
    champion_until: date | None
    max_days: int


def gather_age(bench: Bench) -> Age:
    """How far behind the newest labelled day the training rows of the version end, and those of the champion."""
    frame = bench.frame
    newest = _last_day(bench.contract, frame[frame[bench.contract.target].notna()])
    champion = bench.registry.aliases().get(CHAMPION)
    until = _trained_until(bench, bench.version, newest)
    of_champion = _trained_until(bench, champion, newest) if champion else None
    return Age(bench.version, newest, until, champion, of_champion, bench.config.gates.max_age_days)


def _trained_until(bench: Bench, version: int, newest: date) -> date:
    """The last day of the training rows: by the version's lineage, and not later than the rows that there are."""
    lineage: dict[str, Any] = Bench(bench.project, version).manifest["lineage"]
    last = date.fromisoformat(lineage["periods"]["train"][1]) - timedelta(days=1)
    if lineage["periods"]["train"] != [str(day) for day in bench.config.split.train]:
        return last
    try:
        # The period of the settings: the rows that it stands for can be looked at.
        return min(last, _last_day(bench.contract, bench.split.train))
    except NotJudgedError:
        return min(last, newest)


def _last_day(contract: Contract, rows: pd.DataFrame) -> date:
    day: date = rows[contract.day].max().date()
    return day


@gate("Monitoring 4", "models are not too stale", gather_age, "data version registry time")
def version_fresh(evidence: Age) -> Judgement:
    """The version's training rows end at most `gates.max_age_days` before the newest labelled day.

    Another version in service may be older, and is named: a newer one is what puts an end to that.
    """
    days = (evidence.newest - evidence.trained_until).days
    words = f"version {evidence.version} has seen rows until {evidence.trained_until}, labels reach {evidence.newest}"
    words = f"{words}: {days} days, at most {evidence.max_days}"
    if evidence.champion not in {None, evidence.version} and evidence.champion_until:
        words += f"; the champion, {evidence.champion}: {(evidence.newest - evidence.champion_until).days} days"
    return days <= evidence.max_days, words


MAX_BATCH_DIFFERENCE = 1e-6  # batches of another size add in the same order: float32 with a margin


@limited_gate("Monitoring 5", "models are numerically stable", speed.measure_stability, "data version")
def numbers_stable(evidence: speed.Stability, limits: Limits) -> Judgement:
    """No value that is no number, no step out of proportion, no answer beyond 0 and 1, and few that claim certainty."""
    if evidence.error:
        return False, evidence.error
    problems = [f"{name} has infinite values" for name in evidence.infinite]
    if evidence.inner_bad:
        problems.append(f"{evidence.inner_bad} numbers inside the model are not finite")
    if evidence.largest > limits.max_step:
        problems.append(f"one step moves the sum by {evidence.largest:.3g}")
    if evidence.outside:
        problems.append(f"{evidence.outside:,} of {evidence.answers:,} answers are not {evidence.right}")
    if evidence.certain > limits.max_certain:
        problems.append(f"{evidence.certain:.1%} of the answers claim certainty")
    if evidence.extreme_outside:
        problems.append(
            f"{evidence.extreme_outside} of {evidence.extreme} answers to extreme rows are not {evidence.right}"
        )
    if not evidence.batches <= MAX_BATCH_DIFFERENCE:
        problems.append(f"answers differ by {evidence.batches:.1e} between batches")
    counts = (
        f"{evidence.inner:,} numbers of the model, {evidence.answers:,} answers, {evidence.extreme} to extreme rows"
    )
    certain = "" if evidence.right == FINITE else f"{evidence.certain:.1%} claim certainty, "
    good = f"{counts}: all finite; {certain}largest step {evidence.largest:.2f}"
    return judge_problems(problems, good)


MAX_TIMES_BEFORE = 2.0


@limited_gate("Monitoring 6", "computing performance has not regressed", speed.measure_speed, "data version before")
def answers_fast(evidence: speed.Speed, limits: Limits) -> Judgement:
    """Nothing takes twice what it took before; the bundle stays small.

    Twice: one bundle beside itself gave .8 to 1.4 with six processes on two cores. Both are answered by the same code;
    what that costs is measured where it is written.
    """
    costs = (evidence.request, evidence.row, evidence.loading)
    problems = [
        f"{cost.what} takes {cost.now / cost.before:.1f} times the CPU of the version before"
        for cost in costs
        if cost.now > MAX_TIMES_BEFORE * cost.before
    ]
    if evidence.bytes_now > min(MAX_TIMES_BEFORE * evidence.bytes_before, limits.max_bundle):
        problems.append(f"the bundle has grown, above all by {evidence.largest_file}")
    words = ", ".join(f"{cost.what} {cost.now:,.0f} us ({cost.now / cost.before:.1f} x before)" for cost in costs)
    return not problems, "; ".join([*problems, f"{words}, {evidence.bytes_now / 1e6:.1f} MB"])


@limited_gate(
    "Monitoring 7", "prediction quality has not regressed", alarms.measure_regression, "data version before alerts"
)
def quality_kept(evidence: alarms.Regression, limits: Limits) -> Judgement:
    """Not worse than the version before beyond chance and a margin: AUC, Brier score, calibration in the large.

    Of numbers R2 and the mean absolute error, as a share of two standard deviations.

    The margins are those of [limits]: a sound retraining with a month more or less moves each figure. In service it is
    the monitors that tell: each rings for a fault that is planted, when it should, and for nothing else.
    """
    quality, error = evidence.difference.quality, evidence.difference.error
    now, before, problem = evidence.now, evidence.before, evidence.problem
    # Without its article and in short, as it stands below.
    name = problem.error.removesuffix(" score")
    problems = (
        ["ranks worse" if not problem.regression else "R2 is worse"] if quality.high < -limits.max_quality_worse else []
    )
    problems += [f"{problem.error} is worse"] if error.low > limits.max_error_worse else []
    problems += ["calibration is worse"] if abs(now.gap) > abs(before.gap) + limits.max_gap_worse else []
    # A version that decides hardly ever may come to decide for one row in a hundred.
    factor = limits.max_decision_factor
    most = max(before.decisions * factor, RARE)
    problems += [] if before.decisions / factor <= now.decisions <= most else ["decides otherwise"]
    problems += _alarm_problems(evidence.alarms)
    words = (
        f"{problem.quality} {quality.value:+.3f} [{quality.low:+.3f}, {quality.high:+.3f}], "
        f"{name} {error.value:+.4f} [{error.low:+.4f}, {error.high:+.4f}] on {evidence.days} days; "
        f"mean off by {now.gap:+.3f} (before {before.gap:+.3f})"
    )
    decided = f", decisions {now.decisions:.0%} (before {before.decisions:.0%})"
    words += ", in two standard deviations" if problem.regression else decided
    if evidence.alarms.planted and not problems:
        words += f"; the monitors ring for each of {evidence.alarms.planted} planted faults"
    return not problems, ", ".join([*problems, words])


def _alarm_problems(evidence: alarms.Alarms) -> list[str]:
    """What the monitors would not say, or would say wrongly."""
    problems = {
        "no alarm rings in time for a planted fault": evidence.late,
        "an alarm rings without a fault or too early": evidence.false,
        "a monitor counts rows of another version or labels that are not due": evidence.moved,
        "Prometheus is not told the alarm": evidence.untold,
        "the rules of alerts ask for what nothing exposes": evidence.dead,
    }
    return [f"{what}: {first_problems(names)}" for what, names in problems.items() if names]
