"""The page to look at: status at a glance, what rang when, how good the answers were, what changed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from math import isnan, nan
from pathlib import Path
from typing import Any

import pandas as pd

from ..files import write_atomic
from ..gates import Verdict
from ..pages import Detail, Section, Status, write_page
from . import pictures
from .chance import FAMILY, Spread, holm
from .counts import count
from .drift import Drift, features
from .estimates import Estimate
from .monitors import INPUTS, OUTCOMES, Reading, Window, join
from .performance import judge
from .timeline import Timeline

Readings = Mapping[tuple[str, str], Reading]
OPENED = 3  # features whose details are open from the start, if they are violated
PICTURED = 8  # features whose details have a picture: each takes half a second
BADGES: dict[bool | None, Status] = {True: "good", False: "bad", None: ""}
WORDS = {True: "good", False: "bad", None: "not judged"}
READING = """An alarm rings when {n} of the last {m} judged windows are violated: "!" is a violated window, "!!" one \
after which the alarm rings; freshness and skew are facts and no samples, so one window is enough. A window without \
enough rows, days or labels is not judged, which is never good.

volume is the number of predictions against that of the same weekdays in training, freshness the age of the newest \
prediction and label. Latency and errors are not in the prediction log: Prometheus has them.

skew, when a snapshot is given, is the share of values that differ from what the batch path has for the same keys.

drift is the population stability index (PSI) of each feature against training. Its limit is what weeks of the \
training period differ from each other, at least {max_psi}; where the season alone moves a feature further than any \
fault could, it is not judged, and its relation to the other features is watched instead.

relation is the PSI of what a linear regression on the other numbers leaves unexplained: a unit or a sensor that \
changes breaks it in every season. nulls is the change of the share of missing values, unseen the share of rows with a \
category that training lacks.

Many monitors look at one window. The limits from chance share {family:.0%} among all of them (Bonferroni), and what \
varies is whole weeks of training, for rows of one day are not independent: one quiet window in {quiet:.0f} \
violates any. The p-values (p) are of these weeks, adjusted for their number (Holm). JS is the Jensen-Shannon \
distance, 0 to 1.

auc, skill, base rate and calibration need labels. Their bars are 95% intervals by whole days; a dashed line is the \
limit; for an alarm the interval is widened to 99.5%, as one of four. skill is 1 - Brier score / that of the base rate.

The estimate before the labels takes each calibrated probability for a frequency. Its interval: days drawn again, how \
far such estimates were off on held-out months of training, and to the worse side rows with an unseen category, which \
count as a coin toss."""


def write(
    path: Path,
    about: str,
    reference: Mapping[str, Any],
    windows: Sequence[Window],
    timeline: Timeline,
    *,
    judge_over: int = 1,
    guesses: Sequence[Estimate] = (),
) -> Path:
    """Write the page about `windows`, from old to new; what changed is shown for the newest one that has rows.

    The verdicts stand beside it as JSON. `guesses` are the estimates before labels. Needs no network. Raises
    InputError when the place cannot be written.
    """
    verdicts = timeline.verdicts()
    document = {"about": about, "passed": passed(verdicts), "verdicts": [asdict(verdict) for verdict in verdicts]}
    write_atomic(path.with_suffix(".json"), json.dumps(document, indent=1))
    sections = [
        _glance(verdicts),
        _history(timeline),
        _performance(timeline, verdicts, windows),
        *_guesses(guesses, timeline.windows),
        *_calibration(join("", windows[-judge_over:])),
        *_changes(reference, windows, timeline, _status(verdicts, (*INPUTS, "skew"))),
        Section("How to read this page", READING.format(**vars(timeline.thresholds), family=FAMILY, quiet=1 / FAMILY)),
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


def _guesses(guesses: Sequence[Estimate], windows: Sequence[str]) -> list[Section]:
    auc = [each for each in guesses if each.metric == "auc"]
    if not auc:
        return []
    known = [each.holds for each in guesses if each.holds is not None]
    text = f"""What the predictions say about themselves before any label is there (dashed, band: 95%), and what came. \
Of {len(known)} values that are known, {sum(known)} are inside their interval; a cross marks one outside."""
    rows = [
        {
            "window": each.window,
            "metric": each.metric,
            "estimated": f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]",
            "realised": "not yet known" if each.holds is None else f"{each.realised:.3f}",
            "inside": {True: "yes", False: "no", None: ""}[each.holds],
        }
        for each in guesses
    ]
    table = Detail("All windows, with Brier score and log loss", table=pd.DataFrame(rows))
    figures = (pictures.guesses(auc, windows),)
    return [Section("How good it seems before the labels come", text, figures=figures, details=(table,))]


def _changes(
    reference: Mapping[str, Any], windows: Sequence[Window], timeline: Timeline, status: Status
) -> list[Section]:
    filled = [window for window in windows if len(window.probability)]
    if not filled:
        return []
    window = filled[-1]
    readings = {(r.monitor, r.subject): r for r in timeline.readings if r.window == window.name}
    ranked = sorted(features(reference, window.columns), key=lambda drift: -_excess(drift.name, readings))
    chances = _chances(reference, ranked)
    table = pd.DataFrame([_change(drift, readings, chances[drift.name]) for drift in ranked])
    text = f"""{len(window.probability):,} predictions from {window.name} on, against training. First comes what is \
furthest beyond its limit. Open a feature to see its distribution, its drift by window, and what each monitor says."""
    details = tuple(
        _detail(drift.name, reference["features"][drift.name], window, timeline, at) for at, drift in enumerate(ranked)
    )
    return [Section("What changed", text, table, status=status, details=details)]


def _detail(name: str, bins: Mapping[str, Any], window: Window, timeline: Timeline, rank: int) -> Detail:
    own = [r for r in timeline.readings if r.subject == name and r.window == window.name]
    rows = [
        {"monitor": r.monitor, "status": WORDS[None if r.violated is None else not r.violated], "evidence": r.evidence}
        for r in own
    ]
    counts = count(window.columns[name], bins)
    figures = (pictures.change(name, bins, counts, timeline),) if rank < PICTURED else ()
    text = "" if figures else f"Shares: {pictures.in_words(bins, counts)}."
    badge = BADGES[_judged(own)]
    return Detail(name, text, pd.DataFrame(rows), figures, badge, opened=rank < OPENED and badge == "bad")


def _chances(reference: Mapping[str, Any], drifts: Sequence[Drift]) -> dict[str, float]:
    """The p-value of each feature's drift among the weeks of training, adjusted for the number of features."""
    known = reference.get("spread", {}).get("drift", {})
    found = [Spread(*known[d.name]).p_value(max(0.0, d.psi) ** 0.5) if d.name in known else nan for d in drifts]
    return dict(zip([drift.name for drift in drifts], holm(found), strict=True))


def _excess(name: str, readings: Readings) -> float:
    """How many times its limit the loudest monitor of a feature is."""
    judged = [r for (_, subject), r in readings.items() if subject == name and r.violated is not None]
    return max((abs(r.value) / r.limit for r in judged if r.limit), default=0.0)


def _judged(readings: Iterable[Reading]) -> bool | None:
    states = [reading.violated for reading in readings if reading.violated is not None]
    return not any(states) if states else None


def _change(drift: Drift, readings: Readings, chance: float) -> dict[str, Any]:
    own = {monitor: reading for (monitor, subject), reading in readings.items() if subject == drift.name}
    return {
        "feature": drift.name,
        "status": WORDS[_judged(own.values())],
        "PSI": round(drift.psi, 2),
        "limit": round(own["drift"].limit, 2) if "drift" in own else None,
        "relation": round(own["relation"].value, 2) if "relation" in own else None,
        "JS": round(drift.jensen_shannon, 2),
        "p (weeks)": "" if isnan(chance) else f"{chance:.3f}",
        "missing (was)": f"{drift.nulls:.1%} ({drift.nulls_before:.1%})",
        "unseen": f"{drift.unseen:.1%}",
    }
