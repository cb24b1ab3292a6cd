"""Decisions about challengers, one folder each, and the rules behind them: when one is wanted, when one is better.

Each phase is recorded when it is complete, so that a decision can be resumed and replayed. Drift alone is no rule: it
rings for the season too.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..base import errors, settings
from ..base.databases import Postgres
from ..base.errors import InputError, Verdict
from ..base.files import write_atomic
from ..bundle.bundle import Bundle, predict_frame
from ..contract.schema import Contract
from ..data import snapshots
from ..data.snapshots import Period
from ..model.evaluation import (
    CLASSIFICATION,
    REGRESSION,
    Difference,
    Evaluation,
    Floats,
    NumberDifference,
    NumberEvaluation,
    problem_of,
    slice_masks,
)
from ..monitoring import watch
from ..monitoring.log import log_exists
from ..monitoring.monitors import Thresholds

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

FILE = "decision.json"
# No alias moves before the shadow, and the card comes before the promotion: without one nothing is promoted.
PHASES = ("snapshot", "checks", "training", "tracking", "gates", "comparison", "shadow", "card", "promotion")
RESTORE = "restore it, or move the folder of this decision away: the next retraining begins anew"


class Record:
    """One decision: its plan, what each finished phase found, and its outcome once there is one."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder, self.content = folder, content

    @property
    def number(self) -> int:
        """The number of the decision."""
        return int(self.folder.name)

    @property
    def plan(self) -> dict[str, Any]:
        """What was decided about: the settings, the champion, and why."""
        return dict(self.content["plan"])

    @property
    def outcome(self) -> dict[str, Any] | None:
        """promoted, reason, ended; None while the decision is open."""
        return self.content.get("outcome")

    @property
    def open(self) -> bool:
        """Whether it may go on."""
        return self.outcome is None

    def __getitem__(self, phase: str) -> dict[str, Any]:
        """What a finished phase found."""
        return dict(self.content["phases"][phase]["found"])

    def __contains__(self, phase: str) -> bool:
        """Whether a phase is finished."""
        return phase in self.content["phases"]

    def finish(self, phase: str, result: Mapping[str, Any]) -> None:
        """Record that a phase is complete, with its result."""
        self.content["phases"][phase] = {"at": _now(), "found": dict(result)}
        self._write()

    def close(self, *, promoted: bool, reason: str, ended: str = "decided") -> None:
        """End the decision; `ended` is "decided", "stopped" (a phase was red) or "abandoned" (another one began)."""
        self.content["outcome"] = {"at": _now(), "promoted": promoted, "reason": reason, "ended": ended}
        self._write()

    def _write(self) -> None:
        write_atomic(self.folder / FILE, json.dumps(self.content, indent=1))


class Decisions:
    """The decisions of a registry, in the folder `decisions` beside its versions."""

    def __init__(self, registry: Path) -> None:
        self.folder = Path(registry) / "decisions"

    def begin(self, plan: Mapping[str, Any]) -> Record:
        """A new decision about `plan`, plain values by name."""
        number = max((record.number for record in self.all()), default=0) + 1
        record = Record(self.folder / f"{number:04}", {"begun": _now(), "plan": dict(plan), "phases": {}})
        record._write()  # noqa: SLF001 - it exists from now on
        return record

    def all(self) -> list[Record]:
        """Every decision, the oldest first; InputError for a file that is none."""
        files = sorted(self.folder.glob(f"[0-9]*/{FILE}"), key=lambda file: int(file.parent.name))
        return [_read(file) for file in files]

    def get(self, number: int) -> Record:
        """The decision of that number; InputError when there is none."""
        file = self.folder / f"{number:04}" / FILE
        if not file.is_file():
            have = ", ".join(str(record.number) for record in self.all()) or "none yet"
            hint = f"decisions: {have}; the command `retrain --list` shows them"
            raise InputError(f"there is no decision {number}", where=self.folder, hint=hint)
        return _read(file)


def _read(file: Path) -> Record:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        complete = isinstance(content["plan"], dict) and set(content["phases"]) <= set(PHASES)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"is not a decision: {error}", where=file, hint=RESTORE) from error
    if not complete:
        raise InputError("is not a decision of this project", where=file, hint=RESTORE)
    return Record(file.parent, content)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def decision_verdicts(record: Record) -> list[Verdict]:
    """Everything that was said about the challenger: gates, comparison, shadow."""
    return [Verdict(**each) for phase in ("gates", "comparison", "shadow") for each in record[phase]["verdicts"]]


def rule_on_challenger(verdicts: Sequence[Verdict], today: date | None = None) -> tuple[bool, str]:
    """Whether a challenger is promoted: only when all is green, or waived on the day.

    The reason: what is not, or what it is better by.
    """
    red = [each for each in verdicts if errors.verdict_word(each, today) not in {errors.GREEN, errors.WAIVED}]
    reasons = red or [each for each in verdicts if each.gate in {"better than the champion", "no slice is worse"}]
    return not red, "; ".join(f"{each.gate}: {errors.verdict_evidence(each, today)}" for each in reasons)


@dataclass(frozen=True)
class Comparison:
    """A challenger beside the champion on the same days: each by itself, the paired difference, and that of slices.

    `slices` has a row for each: slice, rows, auc (the difference; of numbers r2), auc_low, auc_high, worse.
    """

    challenger: Evaluation | NumberEvaluation
    champion: Evaluation | NumberEvaluation
    difference: Difference | NumberDifference
    slices: tuple[dict[str, Any], ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Whether the challenger is better, and on no slice worse."""
        return better_than_champion(self.difference), no_slice_worse(self.slices)

    def to_dict(self) -> dict[str, Any]:
        """The figures by name, as plain values."""
        sides = {name: getattr(self, name).to_dict() for name in ("challenger", "champion")}
        return {**sides, "difference": asdict(self.difference), "slices": list(self.slices)}

    @classmethod
    def of(cls, figures: dict[str, Any]) -> "Comparison":
        """The comparison that `to_dict` gave `figures` of."""
        problem = REGRESSION if "r2" in figures["difference"] else CLASSIFICATION
        challenger, champion = (problem.evaluation_of(figures[name]) for name in ("challenger", "champion"))
        return cls(challenger, champion, problem.difference(**figures["difference"]), tuple(figures["slices"]))


def compare_bundles(
    own: "Workspace", rows: pd.DataFrame, challenger: Bundle, champion: Bundle
) -> tuple[Comparison, tuple[Verdict, ...]]:
    """Compare two bundles on labelled rows, under the settings `own` of the challenger; with the verdicts on it."""
    new, old = (predict_frame(bundle, rows) for bundle in (challenger, champion))
    most = own.settings.limits.max_slice_worse
    comparison = compare_with_champion(own.contract, rows, new, old, own.settings.tests.slices, most)
    split = own.settings.split
    unseen = unseen_days(split.test[0], split.train[1], learned_period(champion)[1])
    if not own.settings.tests.slices:  # the gate Model 6 asks why there are none
        return comparison, (unseen, better_than_champion(comparison.difference))
    return comparison, (unseen, *comparison.verdicts)


def compare_with_champion(
    contract: Contract, rows: pd.DataFrame, new: Floats, old: Floats, slices: Iterable[str], most: float
) -> Comparison:
    """Compare the answers `new` and `old`, each (rows,), to labelled rows, in all and by the named columns.

    A slice is worse when its AUC or R2 is surely lower by `most`: with many of them, some are lower by chance.
    """
    y, day, problem = rows[contract.target], rows[contract.day], problem_of(contract)
    return Comparison(
        problem.evaluate(y, new, day),
        problem.evaluate(y, old, day),
        problem.compare(y, new, old, day),
        by_slice(contract, rows, new, old, slices, most),
    )


def by_slice(
    contract: Contract, rows: pd.DataFrame, new: Floats, old: Floats, slices: Iterable[str], most: float
) -> tuple[dict[str, Any], ...]:
    """The paired difference on each value of the named columns that has enough rows, of both classes too."""
    labels, days = rows[contract.target].to_numpy(), rows[contract.day].to_numpy()
    table, problem = [], problem_of(contract)
    for name, mask in slice_masks(rows, slices, labels, problem):
        change = problem.compare(labels[mask], new[mask], old[mask], days[mask])
        bounds = zip(("", "_low", "_high"), change.quality, strict=True)
        figures = {f"{change.QUALITY}{bound}": value for bound, value in bounds}
        row = {"slice": name, "rows": int(mask.sum()), **figures}
        table.append({**row, "worse": bool(change.quality.high < -most)})
    return tuple(table)


def better_than_champion(difference: Difference | NumberDifference) -> Verdict:
    """The challenger ranks better than the champion on the same days, beyond chance."""
    value, low, high = difference.quality
    evidence = f"{difference.QUALITY.upper()} {value:+.3f} [{low:+.3f}, {high:+.3f}] on the same days"
    return Verdict("better than the champion", difference.better, evidence)


def no_slice_worse(slices: Iterable[dict[str, Any]]) -> Verdict:
    """No slice on which the challenger ranks worse than the champion, beyond chance and by more than [limits] allow."""
    table = list(slices)
    worse = [f"{row['slice']} {row.get('auc', row.get('r2')):+.3f}" for row in table if row["worse"]]
    evidence = ", ".join(worse) if worse else f"none of {len(table)} is worse beyond chance"
    return Verdict("no slice is worse", not worse if table else None, evidence)


def unseen_days(judged_from: date, challenger: date, champion: date) -> Verdict:
    """Neither model has learned from the days on which they meet; the dates are the ends of what they learned from."""
    seen = [name for name, end in (("challenger", challenger), ("champion", champion)) if end > judged_from]
    if seen:
        return Verdict("on days that neither has seen", passed=False, evidence=f"the {seen[0]} knows some of them")
    ends = f"judged from {judged_from}; the challenger has learned until {challenger}, the champion until {champion}"
    return Verdict("on days that neither has seen", passed=True, evidence=ends)


def learned_period(bundle: Bundle) -> Period:
    """The period that a version has learned from, by its lineage."""
    start, end = bundle.manifest["lineage"]["periods"]["train"]
    return date.fromisoformat(str(start)), date.fromisoformat(str(end))


@dataclass(frozen=True)
class Rule:
    """A rule, whether it wants a retraining, and why."""

    name: str
    wants: bool
    reason: str


def retraining_rules(
    project: "Workspace", champion: Path, log: Path | Postgres, until: datetime | None = None
) -> tuple[Rule, ...]:
    """What each rule says now: of the champion's bundle, the prediction log, and the data of [retraining]."""
    config, contract = project.settings, project.contract
    limits = Thresholds.of(config.monitoring)
    verdicts = (
        watch.monitor_log(champion, log, now=until, thresholds=limits, monitors=project.monitors).verdicts
        if log_exists(log)
        else ()
    )
    rows = pd.concat(
        [snapshots.checked_features(project, name) for name in config.retraining.snapshots], ignore_index=True
    )
    known, wanted = learned_period(Bundle.load(champion)), settings.challenger_settings(config).split.train
    newest = rows.loc[rows[contract.target].notna(), contract.day].max().date()
    return (
        alarm_rule(verdicts, config.retraining.alarms_of_numbers if contract.regression else config.retraining.alarms),
        # The end of a period is not in it.
        age_rule(known[1] - timedelta(days=1), newest, config.gates.max_age_days),
        new_days(contract, rows, known, wanted, config.retraining.min_new_days),
    )


def alarm_rule(verdicts: Iterable[Verdict], watched: Iterable[str]) -> Rule:
    """An alarm rings of a monitor that a new model could quieten (the part of its name before the colon)."""
    names = tuple(watched)
    red = [v for v in verdicts if v.passed is False and v.gate.partition(":")[0] in names]
    reason = "; ".join(f"{v.gate.partition(':')[0]}: {v.evidence}" for v in red)
    return Rule("alarm", bool(red), reason or f"no alarm of {', '.join(names)} rings")


def age_rule(learned_until: date, newest: date, allowed: int) -> Rule:
    """The champion is older than [gates] max_age_days: from the last day it learned from to the newest labelled day."""
    days = (newest - learned_until).days
    reason = f"the champion has learned until {learned_until}, labels reach {newest}: {days} days, at most {allowed}"
    return Rule("age", days > allowed, reason)


def new_days(contract: Contract, rows: pd.DataFrame, known: Period, wanted: Period, fewest: int) -> Rule:
    """There are enough labelled days in the period `wanted` that the champion has not learned from, `known`."""
    days = pd.Series(rows.loc[rows[contract.target].notna(), contract.day].unique())
    inside = days[_within(days, wanted) & ~_within(days, known)]
    reason = f"{len(inside)} labelled days of [retraining] train are new to the champion, from {fewest} on it is time"
    return Rule("new days", len(inside) >= fewest, reason)


def _within(days: "pd.Series[pd.Timestamp]", period: Period) -> "pd.Series[bool]":
    return (days >= pd.Timestamp(period[0])) & (days < pd.Timestamp(period[1]))
