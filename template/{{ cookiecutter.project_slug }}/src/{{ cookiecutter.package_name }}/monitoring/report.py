"""The page to look at: status at a glance, what rang when, how good the answers were, what changed."""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..gates import Verdict
from ..pages import Section
from ..pages import Status
from ..pages import write_page
from . import pictures
from .counts import count
from .drift import Drift
from .drift import features
from .monitors import INPUTS
from .monitors import OUTCOMES
from .monitors import Reading
from .monitors import Window
from .monitors import join
from .performance import judge
from .timeline import Timeline

Readings = Mapping[tuple[str, str], Reading]
PICTURES = 9
BADGES: dict[bool | None, Status] = {True: "good", False: "bad", None: ""}
WORDS = {True: "good", False: "bad", None: "not judged"}
READING = """An alarm rings when {n} of the last {m} judged windows are violated: "!" is a violated window, "!!" one \
after which the alarm rings. A window without enough rows, days or labels is not judged, which is never good.

drift is the population stability index (PSI) of each feature against training. Its limit is what weeks of the \
training period differ from each other, at least {max_psi}; where the season alone moves a feature further than any \
fault could, it is not judged, and its relation to the other features is watched instead.

relation is the PSI of what a linear regression on the other numbers leaves unexplained: a unit or a sensor that \
changes breaks it in every season. nulls is the change of the share of missing values, unseen the share of rows with a \
category that training lacks.

auc, skill, base rate and calibration need labels. Their bars are 95% intervals by whole days; a dashed line is the \
limit. skill is 1 - Brier score / that of the base rate."""


def write(
    path: Path,
    about: str,
    reference: Mapping[str, Any],
    windows: Sequence[Window],
    timeline: Timeline,
    *,
    judge_over: int = 1,
) -> Path:
    """Write the page about `windows`, from old to new; what changed is shown for the newest one that has rows.

    Needs no network. Raises InputError when the place cannot be written.
    """
    verdicts = timeline.verdicts()
    sections = [
        _glance(verdicts),
        _history(timeline),
        _performance(timeline, verdicts, windows),
        *_calibration(join("", windows[-judge_over:])),
        *_changes(reference, windows, timeline, _status(verdicts, INPUTS)),
        Section("How to read this page", READING.format(**vars(timeline.thresholds))),
    ]
    lead = f"{_summary(verdicts)} {about}."
    return write_page(path, "Monitoring", sections, lead=lead, status=BADGES[passed(verdicts)])


def passed(verdicts: Sequence[Verdict]) -> bool | None:
    """False when an alarm rings, True when every monitor is quiet, None when one of them could not judge."""
    if any(verdict.passed is False for verdict in verdicts):
        return False
    return True if verdicts and all(verdict.passed for verdict in verdicts) else None


def _summary(verdicts: Sequence[Verdict]) -> str:
    red = [verdict.gate.split(":")[0] for verdict in verdicts if verdict.passed is False]
    unjudged = sum(verdict.passed is None for verdict in verdicts)
    if unjudged == len(verdicts):
        return "Nothing could be judged, which is no good sign: the reasons are below."
    first = f"Alarm: {', '.join(red)}." if red else "No alarm rings."
    return f"{first} {unjudged} of {len(verdicts)} monitors could not be judged." if unjudged else first


def _status(verdicts: Sequence[Verdict], monitors: Sequence[str]) -> Status:
    return BADGES[passed([verdict for verdict in verdicts if verdict.gate.split(":")[0] in monitors])]


def _glance(verdicts: Sequence[Verdict]) -> Section:
    rows = [(*verdict.gate.split(": ", 1), WORDS[verdict.passed], verdict.evidence) for verdict in verdicts]
    table = pd.DataFrame(rows, columns=["monitor", "claim", "status", "evidence"])
    return Section("At a glance", table=table, status=BADGES[passed(verdicts)])


def _history(timeline: Timeline) -> Section:
    return Section(
        "What rang when", "Each column is a window, named after its first day.", figures=(pictures.states(timeline),)
    )


def _performance(timeline: Timeline, verdicts: Sequence[Verdict], windows: Sequence[Window]) -> Section:
    figure = pictures.outcomes(timeline, [len(window.probability) for window in windows])
    return Section("How good the answers were", figures=(figure,), status=_status(verdicts, OUTCOMES))


def _calibration(judged: Window) -> list[Section]:
    known = judged.judged
    if not known.any():
        return []
    found = judge(judged.label[known], judged.probability[known], judged.day[known])
    text = f"{known.sum():,} predictions with a known label, on {found.evaluation.days} days, in bins of equal size."
    return [Section("Is a probability a frequency?", text, figures=(pictures.calibration(found.bins),))]


def _changes(
    reference: Mapping[str, Any], windows: Sequence[Window], timeline: Timeline, status: Status
) -> list[Section]:
    filled = [window for window in windows if len(window.probability)]
    if not filled:
        return []
    window, bins = filled[-1], reference["features"]
    readings = {(r.monitor, r.subject): r for r in timeline.readings if r.window == window.name}
    drifts = features(reference, window.columns)
    ranked = sorted(drifts, key=lambda drift: -_excess(drift.name, readings))
    shown = [
        (f"{drift.name}: PSI {drift.psi:.2f}", bins[drift.name], count(window.columns[drift.name], bins[drift.name]))
        for drift in ranked[:PICTURES]
    ]
    table = pd.DataFrame([_change(drift, readings) for drift in ranked])
    text = f"{len(window.probability):,} predictions from {window.name} on, against training. First comes what is \
furthest beyond its limit. The p-values (chi-square for categories, Kolmogorov-Smirnov for numbers) \
take rows for independent, which they are not: nearly all of them are 0."
    return [Section("What changed", text, table, (pictures.changes(shown),), status)]


def _excess(name: str, readings: Readings) -> float:
    """How many times its limit the loudest monitor of a feature is."""
    judged = [r for (_, subject), r in readings.items() if subject == name and r.violated is not None]
    return max((abs(r.value) / r.limit for r in judged if r.limit), default=0.0)


def _change(drift: Drift, readings: Readings) -> dict[str, Any]:
    own = {monitor: reading for (monitor, subject), reading in readings.items() if subject == drift.name}
    states = [reading.violated for reading in own.values() if reading.violated is not None]
    return {
        "feature": drift.name,
        "status": WORDS[not any(states) if states else None],
        "PSI": round(drift.psi, 2),
        "limit": round(own["drift"].limit, 2) if "drift" in own else None,
        "of relation": round(own["relation"].value, 2) if "relation" in own else None,
        "JS distance": round(drift.jensen_shannon, 2),
        "p-value": f"{drift.p_value:.3f}",
        "missing (was)": f"{drift.nulls:.1%} ({drift.nulls_before:.1%})",
        "unseen": f"{drift.unseen:.1%}",
    }
