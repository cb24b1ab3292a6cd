"""When a new model is wanted: written rules, each with what it saw. Drift alone is no rule: it rings for the season."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from . import retraining, steps
from .bundle import Bundle
from .data import Period
from .gates import Verdict
from .monitoring import watch
from .monitoring.log import exists
from .monitoring.monitors import Thresholds
from .postgres import Postgres
from .schema import Contract

if TYPE_CHECKING:
    from .project import Project


@dataclass(frozen=True)
class Rule:
    """A rule, whether it wants a retraining, and why."""

    name: str
    wants: bool
    reason: str


def rules(project: "Project", champion: Path, log: Path | Postgres, until: datetime | None = None) -> tuple[Rule, ...]:
    """What each rule says now: of the champion's bundle, the prediction log, and the data of [retraining]."""
    config, contract = project.settings, project.contract
    bundle, own = Bundle.load(champion), retraining.of(config)
    limits = Thresholds(max_psi=config.monitoring.max_psi, max_unseen=config.monitoring.max_unseen)
    said = (
        watch.monitor(champion, log, now=until, thresholds=limits, monitors=project.monitors).verdicts
        if exists(log)
        else ()
    )
    rows = pd.concat([steps.features(project, name) for name in config.retraining.snapshots], ignore_index=True)
    start, end = (date.fromisoformat(str(day)) for day in bundle.manifest["lineage"]["periods"]["train"])
    newest = rows.loc[rows[contract.target].notna(), contract.day].max().date()
    return (
        alarm(said, config.retraining.alarms),
        age(end - timedelta(days=1), newest, config.gates.max_age_days),
        new_days(contract, rows, (start, end), own.split.train, config.retraining.min_new_days),
    )


def alarm(verdicts: Iterable[Verdict], watched: Iterable[str]) -> Rule:
    """An alarm rings of a monitor that a new model could quieten (the part of its name before the colon)."""
    names = tuple(watched)
    red = [v for v in verdicts if v.passed is False and v.gate.partition(":")[0] in names]
    told = "; ".join(f"{v.gate.partition(':')[0]}: {v.evidence}" for v in red)
    return Rule("alarm", bool(red), told or f"no alarm of {', '.join(names)} rings")


def age(learned_until: date, newest: date, allowed: int) -> Rule:
    """The champion is older than [gates] max_age_days: from the last day it learned from to the newest labelled day."""
    days = (newest - learned_until).days
    words = f"the champion has learned until {learned_until}, labels reach {newest}: {days} days, at most {allowed}"
    return Rule("age", days > allowed, words)


def new_days(contract: Contract, rows: pd.DataFrame, known: Period, wanted: Period, fewest: int) -> Rule:
    """There are enough labelled days in the period `wanted` that the champion has not learned from, `known`."""
    days = pd.Series(rows.loc[rows[contract.target].notna(), contract.day].unique())
    inside = days[_within(days, wanted) & ~_within(days, known)]
    words = f"{len(inside)} labelled days of [retraining] train are new to the champion, from {fewest} on it is time"
    return Rule("new days", len(inside) >= fewest, words)


def _within(days: "pd.Series[pd.Timestamp]", period: Period) -> "pd.Series[bool]":
    return (days >= pd.Timestamp(period[0])) & (days < pd.Timestamp(period[1]))
