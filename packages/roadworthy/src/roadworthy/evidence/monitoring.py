"""The evidence of the seven monitoring gates: what changed around the model, its inputs, its age, numbers and speed."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from .. import training
from ..registry import CHAMPION
from ..schema import Contract
from ..table_checks import Finding
from . import lock, refusals, regression, skew, stability
from . import speed as speeds
from .bench import Bench, NotJudgedError


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
    served: refusals.Refusals | None = None


@dataclass(frozen=True)
class Age:
    """The newest labelled day, the last day that training has seen, and the same of the version in service."""

    version: int
    newest: date
    trained_until: date
    champion: int | None
    champion_until: date | None
    max_days: int


def dependencies(bench: Bench) -> lock.Dependencies:
    """The installed packages against the lock and against those of the version, the tables against the contract."""
    packages, changes = lock.package_changes(bench.home)
    recorded: dict[str, str] = bench.manifest["lineage"].get("packages", {})
    unknown = [f"the version does not say its {name}" for name in training.LIBRARIES if name not in recorded]
    try:
        tables = lock.table_changes(bench.connection, bench.contract)
        columns = sum(len(table.columns) for table in bench.contract.tables)
    except NotJudgedError:  # Monitoring 2 says so
        tables, columns = [], 0
    changes += [*unknown, *lock.library_changes(recorded), *tables]
    return lock.Dependencies(packages, len(recorded), columns, tuple(changes))


def invariants(bench: Bench) -> Invariants:
    """The findings of the data checks, or why the snapshot cannot be read; and what the version refuses."""
    snapshot = bench.config.data.snapshot
    try:
        report = bench.report
    except NotJudgedError as reason:
        return Invariants(snapshot, error=str(reason))
    lost = sum(len(rows) for rows in report.quarantine.values())
    return Invariants(snapshot, tuple(report.findings), sum(report.rows.values()), lost, served=_refusals(bench))


def age(bench: Bench) -> Age:
    """How far behind the newest labelled day the training rows of the version end, and those of the champion."""
    frame = bench.frame
    newest = _last_day(bench.contract, frame[frame[bench.contract.target].notna()])
    champion = bench.registry.aliases().get(CHAMPION)
    until = _trained_until(bench, bench.version, newest)
    of_champion = _trained_until(bench, champion, newest) if champion else None
    return Age(bench.version, newest, until, champion, of_champion, bench.config.gates.max_age_days)


def paths(bench: Bench) -> skew.Paths:
    """The same rows by every way from a row to an answer."""
    return skew.measure(bench)


def numbers(bench: Bench) -> stability.Numbers:
    """The numbers of the features, inside the model, and of its answers to ordinary and extreme rows."""
    return stability.measure(bench)


def speed(bench: Bench) -> speeds.Speed:
    """What an answer costs, beside the version before and the bare model."""
    return speeds.measure(bench)


def quality(bench: Bench) -> regression.Regression:
    """The answers beside those of the version before, and whether the monitors ring for what is planted."""
    return regression.measure(bench)


def _refusals(bench: Bench) -> refusals.Refusals | None:
    try:
        bundle = bench.bundle
    except NotJudgedError:  # Infrastructure 4 says so
        return None
    return refusals.measure(bench.contract, bundle)


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
