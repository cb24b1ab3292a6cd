"""The page to look at: status at a glance, what rang when, how good the answers were, what changed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import isnan, nan
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from ..base.errors import Verdict
from ..base.files import write_atomic
from ..bundle.signature import Scale
from ..reports.pages import Detail, Section, Status, write_page
from .distributions import Counts, Drift, count_values, expected_counts, feature_drift
from .estimates import Estimate
from .limits import FAMILY, Spread, holm_adjusted
from .monitors import INPUTS, OUTCOMES, Bin, Reading, Thresholds, Window, join_windows, judge_performance
from .timeline import Timeline
from .windows import judged_span, wants_more_labels

Readings = Mapping[tuple[str, str], Reading]
MOST_OPENED = 3  # features whose details are open from the start, if they are violated
MOST_PICTURES = 8  # features whose details have a picture: each takes half a second
BADGES: dict[bool | None, Status] = {True: "good", False: "bad", None: ""}
WORDS = {True: "good", False: "bad", None: "not judged"}
READING = """An alarm rings when {n} of the last {m} judged windows are violated: "!" is a violated window, "!!" one \
after which the alarm rings; freshness, skew and judged are facts and no samples, so one window is enough. A window of \
fewer than {min_rows} rows or {min_days} days is joined with those before it; without enough rows, days or labels it \
is not judged, which is never good. judged is for how many days a monitor has been without a judgement: more than \
{max_unjudged_days:.0f} of them, and for labels as many more as they are late, are an alarm.

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

{of_labels} Their bars are 95% intervals by whole days; a dashed line is the limit; for an alarm the interval is \
widened to 99.5%, as one of four. {skill}"""
READING_CLASSES = {
    "of_labels": "auc, skill, base rate and calibration need labels.",
    "skill": """skill is 1 - Brier score / that of the base rate.

The estimate before the labels takes each calibrated probability for a frequency. Its interval: days drawn again, how \
far such estimates were off on held-out months of training, and to the worse side rows with an unseen category, which \
count as a coin toss.""",
}
READING_NUMBERS = {
    "of_labels": "error, skill, mean and calibration need labels.",
    "skill": """skill is 1 - mean squared error / that of always saying the mean of training. mean and calibration are \
shares of two standard deviations of the target in training.""",
}
INK, SOFT, LINE = "#1d2733", "#5b6774", "#d5d2cc"
NOW, BEFORE = "#1f5f8b", "#b9c2cb"
CELLS = {  # state of a window: colour, sign
    "quiet": ("#dcefe3", ""),
    "violated": ("#f6d58c", "!"),
    "alarm": ("#c8403f", "!!"),
    "not judged": ("#efede9", "?"),
}
OUTCOME_PICTURES = {
    "auc": "AUC",
    "skill": "Brier skill: 0 is a constant",
    "base rate": "mean prediction minus base rate",
    "calibration": "expected calibration error",
    "labels": "share of labels that arrived",
}
NUMBER_PICTURES = {
    "error": "mean absolute error",
    "skill": "skill: 0 is a constant",
    "mean": "mean prediction minus mean label, by 2 std",
    "calibration": "expected calibration error, by 2 std",
    "labels": "share of labels that arrived",
}
WORST_FIRST = ("alarm", "violated", "quiet", "not judged")
MOST_ROWS = 12  # subjects of one monitor in the grid
MOST_LETTERS = 12
MOST_BARS = 8  # categories in a small picture


def write_report(
    path: Path,
    about: str,
    reference: Mapping[str, Any],
    windows: Sequence[Window],
    timeline: Timeline,
    *,
    judge_over: int = 1,
    estimates: Sequence[Estimate] = (),
) -> Path:
    """Write the page about `windows`, from old to new; what changed is shown for the newest one that has rows.

    The verdicts stand beside it as JSON. `estimates` are those before labels. Needs no network. Raises
    InputError when the place cannot be written.
    """
    verdicts = timeline.verdicts()
    passed, listed = verdicts_passed(verdicts), [verdict.to_dict() for verdict in verdicts]
    document = {"about": about, "passed": passed, "verdicts": listed}
    write_atomic(path.with_suffix(".json"), json.dumps(document, indent=1))
    history = "Each column is a window, named after its first day; after the days it spans, where several are joined."
    rows = [(*verdict.gate.split(": ", 1), WORDS[verdict.passed], verdict.evidence) for verdict in verdicts]
    glance = pd.DataFrame(rows, columns=["monitor", "claim", "status", "evidence"])
    outcomes = outcomes_picture(timeline, [len(window.answers) for window in windows])
    sections = [
        Section("At a glance", table=glance, status=BADGES[passed]),
        Section("What rang when", history, figures=(states_picture(timeline),)),
        Section("How good the answers were", figures=(outcomes,), status=_status(verdicts, OUTCOMES)),
        *_estimates(estimates, timeline.windows),
        *_calibration(windows, judge_over, timeline.thresholds),
        *_changes(reference, windows, timeline, _status(verdicts, (*INPUTS, "skew"))),
        Section("How to read this page", _reading(windows[-1], timeline)),
    ]
    lead = f"{_summary(verdicts)} {about}."
    return write_page(path, "Monitoring", sections, lead=lead, status=BADGES[passed])


def _reading(window: Window, timeline: Timeline) -> str:
    words = READING_CLASSES if window.scale is None else READING_NUMBERS
    return READING.format(**vars(timeline.thresholds), family=FAMILY, quiet=1 / FAMILY, **words)


def verdicts_passed(verdicts: Sequence[Verdict]) -> bool | None:
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
    return BADGES[verdicts_passed([verdict for verdict in verdicts if verdict.gate.split(":")[0] in monitors])]


def _calibration(windows: Sequence[Window], judge_over: int, limits: Thresholds) -> list[Section]:
    together = judged_span(windows, len(windows) - 1, judge_over, partial(wants_more_labels, limits=limits))
    window = join_windows("", windows[together])
    known = window.judged
    # Of too few days each point would have an interval without a width.
    if len(np.unique(window.day[known])) < limits.min_days:
        return []
    judged = judge_performance(window.label[known], window.answers[known], window.day[known], window.scale)
    title = "Is a probability a frequency?" if window.scale is None else "Is what is predicted what comes?"
    text = f"{known.sum():,} predictions with a known label, on {judged.evaluation.days} days, in bins of equal size."
    return [Section(title, text, figures=(calibration_picture(judged.bins, window.scale),))]


def _estimates(estimates: Sequence[Estimate], windows: Sequence[str]) -> list[Section]:
    auc = [each for each in estimates if each.metric == "auc"]
    if not auc:
        return []
    known = [each.holds for each in estimates if each.holds is not None]
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
        for each in estimates
    ]
    table = Detail("All windows, with Brier score and log loss", table=pd.DataFrame(rows))
    figures = (estimates_picture(auc, windows),)
    return [Section("How good it seems before the labels come", text, figures=figures, details=(table,))]


def _changes(
    reference: Mapping[str, Any], windows: Sequence[Window], timeline: Timeline, status: Status
) -> list[Section]:
    filled = [window for window in windows if len(window.answers)]
    if not filled:
        return []
    window = filled[-1]
    readings = {(r.monitor, r.subject): r for r in timeline.readings if r.window == window.name}
    ranked = sorted(feature_drift(reference, window.columns), key=lambda drift: -_excess(drift.name, readings))
    p_values = _p_values(reference, ranked)
    table = pd.DataFrame([_change(drift, readings, p_values[drift.name]) for drift in ranked])
    text = f"""{len(window.answers):,} predictions from {window.name} on, against training. First comes what is \
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
    counts = count_values(window.columns[name], bins)
    figures = (change_picture(name, bins, counts, timeline),) if rank < MOST_PICTURES else ()
    text = "" if figures else f"Shares: {change_in_words(bins, counts)}."
    badge = BADGES[_judged(own)]
    return Detail(name, text, pd.DataFrame(rows), figures, badge, opened=rank < MOST_OPENED and badge == "bad")


def _p_values(reference: Mapping[str, Any], drifts: Sequence[Drift]) -> dict[str, float]:
    """The p-value of each feature's drift among the weeks of training, adjusted for the number of features."""
    known = reference.get("spread", {}).get("drift", {})
    alone = [Spread(*known[d.name]).p_value(max(0.0, d.psi) ** 0.5) if d.name in known else nan for d in drifts]
    return dict(zip([drift.name for drift in drifts], holm_adjusted(alone), strict=True))


def _excess(name: str, readings: Readings) -> float:
    """How many times its limit the loudest monitor of a feature is."""
    judged = [r for (_, subject), r in readings.items() if subject == name and r.violated is not None]
    return max((abs(r.value) / r.limit for r in judged if r.limit), default=0.0)


def _judged(readings: Iterable[Reading]) -> bool | None:
    states = [reading.violated for reading in readings if reading.violated is not None]
    return not any(states) if states else None


def _change(drift: Drift, readings: Readings, p_value: float) -> dict[str, Any]:
    own = {monitor: reading for (monitor, subject), reading in readings.items() if subject == drift.name}
    return {
        "feature": drift.name,
        "status": WORDS[_judged(own.values())],
        "PSI": round(drift.psi, 2),
        "limit": round(own["drift"].limit, 2) if "drift" in own else None,
        "relation": round(own["relation"].value, 2) if "relation" in own else None,
        "JS": round(drift.jensen_shannon, 2),
        "p (weeks)": "" if isnan(p_value) else f"{p_value:.3f}",
        "missing (was)": f"{drift.nulls:.1%} ({drift.nulls_before:.1%})",
        "unseen": f"{drift.unseen:.1%}",
    }


def states_picture(timeline: Timeline) -> Figure:
    """A row for each monitor and below it each subject that was ever violated, a column for each window."""
    rows = [row for monitor in timeline.claims if timeline.subjects(monitor) for row in _rows(timeline, monitor)]
    figure = _figure(1.0 + 0.24 * len(rows), _in_words(rows, timeline.windows))
    axes = figure.add_subplot()
    names = list(CELLS)
    table = [[names.index(state) for state in cells] for _, cells in rows]
    colours = ListedColormap([colour for colour, _ in CELLS.values()])
    axes.pcolormesh(table, cmap=colours, vmin=0, vmax=len(CELLS) - 1, edgecolor="white", linewidth=1.5)
    for at, (state, (_, sign)) in enumerate(CELLS.items()):
        y, x = np.nonzero(np.array(table) == at)
        ink = "white" if state == "alarm" else SOFT
        axes.scatter(x + 0.5, y + 0.5, marker=f"${sign}$" if sign else "", color=ink, s=40, linewidth=0.2)
    axes.set_yticks(np.arange(len(rows)) + 0.5, [name for name, _ in rows])
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() in timeline.claims else "normal")
    axes.invert_yaxis()
    _name_windows(axes, timeline.windows, 0.5)
    _style(axes, "left", "bottom")
    handles = [Patch(color=colour, label=f"{state} {sign}") for state, (colour, sign) in CELLS.items()]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(CELLS), frameon=False)
    return figure


def outcomes_picture(timeline: Timeline, rows: Sequence[int]) -> Figure:
    """What the labels say: a panel for each monitor with interval, limit and alarms; and the `rows` of the windows."""
    pictures = NUMBER_PICTURES if timeline.subjects("error") else OUTCOME_PICTURES
    figure = _figure(6.2, "Performance by window: " + ", ".join(pictures.values()))
    panels = figure.subplots(3, 2, sharex=True, gridspec_kw={"hspace": 0.3, "wspace": 0.15}).flat
    for axes, (monitor, title) in zip(panels, pictures.items(), strict=False):
        _panel(axes, timeline, monitor)
        axes.set_title(title, loc="left", color=INK)
        _style(axes, "left")
    last = figure.axes[-1]
    last.bar(range(len(rows)), rows, color=BEFORE)
    last.set_title("predictions", loc="left", color=INK)
    last.set_xlim(-0.5, len(rows) - 0.5)
    _style(last, "left")
    for axes in figure.axes[-2:]:
        _name_windows(axes, timeline.windows)
    return figure


def change_picture(name: str, bins: Mapping[str, Any], now: Counts, timeline: Timeline) -> Figure:
    """One feature: its distribution in training and in the window, and its drift by window with the limit."""
    figure = _figure(2.3, f"{name}: {change_in_words(bins, now)}")
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.2})
    names, before, after = _bars(bins, now)
    left.bar(range(len(names)), before, width=0.9, color=BEFORE, label="training")
    left.bar(range(len(names)), after, width=0.45, color=NOW, label="now")
    left.set_xticks(range(len(names)), names, fontsize=6.5, rotation=45, ha="right", rotation_mode="anchor")
    left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    _panel(right, timeline, "drift", name)
    right.set_title("PSI by window, dashed: limit", loc="left", color=INK)
    _name_windows(right, timeline.windows)
    for axes in (left, right):
        _style(axes, "left")
    return figure


def change_in_words(bins: Mapping[str, Any], now: Counts) -> str:
    """The shares of a feature's bins in a window, and in training."""
    bars = zip(*_bars(bins, now), strict=True)
    return ", ".join(f"{name} {after:.0%} (was {before:.0%})" for name, before, after in bars)


def estimates_picture(estimates: Sequence[Estimate], windows: Sequence[str]) -> Figure:
    """The AUC by the predictions alone with its interval, and what was realised, by window."""
    at = {window: x for x, window in enumerate(windows)}
    known = [each for each in estimates if each.holds is not None]
    values = ", ".join(
        f"{e.window} {e.value:.2f}" + ("" if e.holds is None else f" ({e.realised:.2f})") for e in estimates
    )
    figure = _figure(2.8, f"Estimated AUC by window, and realised: {values}")
    axes = figure.add_subplot()
    x = [at[each.window] for each in estimates]
    axes.fill_between(x, [e.low for e in estimates], [e.high for e in estimates], color=BEFORE, alpha=0.45, linewidth=0)
    axes.plot(x, [e.value for e in estimates], "--", color=SOFT, linewidth=1.4, label="estimated, 95%")
    axes.plot(
        [at[e.window] for e in known], [e.realised for e in known], "o-", color=NOW, markersize=4, label="realised"
    )
    missed = [each for each in known if not each.holds]
    axes.plot([at[e.window] for e in missed], [e.realised for e in missed], "x", color=CELLS["alarm"][0], markersize=9)
    axes.set_xlim(-0.5, len(windows) - 0.5)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    _name_windows(axes, windows)
    _style(axes, "left")
    return figure


def calibration_picture(bins: Sequence[Bin], scale: Scale | None) -> Figure:
    """Observed frequency (of numbers the mean label) against the mean prediction, each bin with its 95% interval."""
    points = ", ".join(f"{b.predicted:.2f} -> {b.observed:.2f}" for b in bins)
    figure = _figure(4.2, f"Calibration, predicted -> observed: {points}", width=5.5)
    axes = figure.add_subplot()
    least, most = 0.0, max(max(b.high, b.predicted) for b in bins) * 1.05
    if scale is not None:
        margin = scale.width / 20
        least = min(min(b.low, b.predicted) for b in bins) - margin
        most = max(max(b.high, b.predicted) for b in bins) + margin
    axes.plot([least, most], [least, most], color=SOFT, linewidth=1, linestyle="--", label="calibrated")
    x, y = [b.predicted for b in bins], [b.observed for b in bins]
    axes.vlines(x, [b.low for b in bins], [b.high for b in bins], color=NOW, linewidth=1)
    axes.plot(x, y, "o-", color=NOW, markersize=4, label="observed, 95%")
    axes.set_xlabel("mean prediction", color=SOFT)
    axes.set_ylabel("observed frequency" if scale is None else "mean of what came", color=SOFT)
    axes.set_xlim(least, most)
    axes.set_ylim(least, most)
    axes.legend(frameon=False, loc="upper left")
    _style(axes)
    return figure


def _rows(timeline: Timeline, monitor: str) -> list[tuple[str, list[str]]]:
    subjects = {subject: timeline.states(monitor, subject) for subject in timeline.subjects(monitor)}
    worst = [min(cells, key=WORST_FIRST.index) for cells in zip(*subjects.values(), strict=True)]
    violated = [(subject, cells) for subject, cells in subjects.items() if subject and {*cells} & {*WORST_FIRST[:2]}]
    return [(monitor, worst), *(violated[:MOST_ROWS] if len(subjects) > 1 else [])]


def _panel(axes: Axes, timeline: Timeline, monitor: str, subject: str = "") -> None:
    judged = {r.window: r for r in timeline.of(monitor) if r.subject == subject and r.violated is not None}
    at = {window: x for x, window in enumerate(timeline.windows)}
    for window, state in zip(timeline.windows, timeline.states(monitor, subject), strict=True):
        if state in WORST_FIRST[:2]:
            axes.axvspan(at[window] - 0.5, at[window] + 0.5, color=CELLS[state][0], alpha=0.35, linewidth=0)
    x, readings = [at[window] for window in judged], judged.values()
    axes.vlines(x, [r.low for r in readings], [r.high for r in readings], color=NOW, linewidth=1)
    axes.plot(x, [r.value for r in readings], "o-", color=NOW, markersize=3.5, linewidth=1.2)
    # A base rate may be off to both sides.
    for limit in {each for r in readings for each in ((r.limit, -r.limit) if monitor == "base rate" else (r.limit,))}:
        axes.axhline(limit, color=CELLS["alarm"][0], linewidth=1, linestyle="--")
    axes.set_xlim(-0.5, len(timeline.windows) - 0.5)


def _bars(bins: Mapping[str, Any], now: Counts) -> tuple[list[str], list[float], list[float]]:
    before = expected_counts(bins)
    names = list(bins["categories"]) if bins["kind"] == "category" else _ranges(bins["edges"])
    shares = [
        (str(name)[:MOST_LETTERS], b / before.rows, n / now.rows)
        for name, b, n in zip(names, before.bins, now.bins, strict=True)
    ]
    if bins["kind"] == "category":
        shares = sorted(shares, key=lambda share: -max(share[1:]))
        rest = shares[MOST_BARS:]
        shares = shares[:MOST_BARS] + ([("others", sum(s[1] for s in rest), sum(s[2] for s in rest))] if rest else [])
    for name, b, n in (("unseen", before.unseen, now.unseen), ("missing", before.nulls, now.nulls)):
        shares += [(name, b / before.rows, n / now.rows)] if b or n else []
    labels, old, new = zip(*shares, strict=True)
    return list(labels), list(old), list(new)


def _ranges(edges: Sequence[float]) -> list[str]:
    if not edges:
        return ["any"]
    return [f"< {edges[0]:.4g}", *(f"{edge:.4g} \u2013" for edge in edges)]


def _figure(height: float, words: str, width: float = 9) -> Figure:
    with mpl.rc_context({"font.size": 9, "axes.titlesize": 9.5}):
        figure = Figure(figsize=(width, height), label=words)
    figure.subplots_adjust(left=0.1, right=1, bottom=0.05, top=0.95)  # what is outside is kept: the page cuts tightly
    return figure


def _name_windows(axes: Axes, windows: Sequence[str], middle: float = 0) -> None:
    step = -(-len(windows) // 13)
    axes.set_xticks(np.arange(0, len(windows), step) + middle, windows[::step], fontsize=7.5, rotation=45, ha="right")


def _style(axes: Axes, *hidden: str) -> None:
    """No more lines than needed; the spines of the names `hidden` are left out too."""
    axes.spines[["top", "right", *hidden]].set_visible(False)
    axes.spines[:].set_color(LINE)
    axes.tick_params(length=0, labelcolor=SOFT)


def _in_words(rows: Sequence[tuple[str, Sequence[str]]], windows: Sequence[str]) -> str:
    states = ". ".join(f"{name}: {', '.join(cells)}" for name, cells in rows)
    return f"State of each monitor in the windows {windows[0]} to {windows[-1]}. {states}."
