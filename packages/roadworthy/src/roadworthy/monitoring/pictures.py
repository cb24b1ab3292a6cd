"""The pictures of the report: what rang when, how good the model was and seems to be, what changed, calibration.

No state is told by colour alone. Each function returns a figure and leaves nothing behind.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from .counts import Counts, expected
from .estimates import Estimate
from .performance import Bin
from .timeline import Timeline

INK, SOFT, LINE = "#1d2733", "#5b6774", "#d5d2cc"
NOW, BEFORE = "#1f5f8b", "#b9c2cb"
CELLS = {  # state of a window: colour, sign
    "quiet": ("#dcefe3", ""),
    "violated": ("#f6d58c", "!"),
    "alarm": ("#c8403f", "!!"),
    "not judged": ("#efede9", "?"),
}
OUTCOMES = {
    "auc": "AUC",
    "skill": "Brier skill: 0 is a constant",
    "base rate": "mean prediction minus base rate",
    "calibration": "expected calibration error",
    "labels": "share of labels that arrived",
}
WORST_FIRST = ("alarm", "violated", "quiet", "not judged")
MOST_ROWS = 12  # subjects of one monitor in the grid
MOST_LETTERS = 12
MOST_BARS = 8  # categories in a small picture


def states(timeline: Timeline) -> Figure:
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
    _calm(axes, "left", "bottom")
    handles = [Patch(color=colour, label=f"{state} {sign}") for state, (colour, sign) in CELLS.items()]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(CELLS), frameon=False)
    return figure


def outcomes(timeline: Timeline, rows: Sequence[int]) -> Figure:
    """What the labels say: a panel for each monitor with interval, limit and alarms; and the `rows` of the windows."""
    figure = _figure(6.2, "Performance by window: " + ", ".join(OUTCOMES.values()))
    panels = figure.subplots(3, 2, sharex=True, gridspec_kw={"hspace": 0.3, "wspace": 0.15}).flat
    for axes, (monitor, title) in zip(panels, OUTCOMES.items(), strict=False):
        _panel(axes, timeline, monitor)
        axes.set_title(title, loc="left", color=INK)
        _calm(axes, "left")
    last = figure.axes[-1]
    last.bar(range(len(rows)), rows, color=BEFORE)
    last.set_title("predictions", loc="left", color=INK)
    last.set_xlim(-0.5, len(rows) - 0.5)
    _calm(last, "left")
    for axes in figure.axes[-2:]:
        _name_windows(axes, timeline.windows)
    return figure


def change(name: str, bins: Mapping[str, Any], now: Counts, timeline: Timeline) -> Figure:
    """One feature: its distribution in training and in the window, and its drift by window with the limit."""
    figure = _figure(2.3, f"{name}: {in_words(bins, now)}")
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
        _calm(axes, "left")
    return figure


def in_words(bins: Mapping[str, Any], now: Counts) -> str:
    """The shares of a feature's bins in a window, and in training."""
    told = (f"{name} {after:.0%} (was {before:.0%})" for name, before, after in zip(*_bars(bins, now), strict=True))
    return ", ".join(told)


def guesses(estimates: Sequence[Estimate], windows: Sequence[str]) -> Figure:
    """The AUC by the predictions alone with its interval, and what was realised, by window."""
    at = {window: x for x, window in enumerate(windows)}
    known = [each for each in estimates if each.holds is not None]
    told = ", ".join(
        f"{e.window} {e.value:.2f}" + ("" if e.holds is None else f" ({e.realised:.2f})") for e in estimates
    )
    figure = _figure(2.8, f"Estimated AUC by window, and realised: {told}")
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
    _calm(axes, "left")
    return figure


def calibration(bins: Sequence[Bin]) -> Figure:
    """Observed frequency against mean probability, each bin with its 95% interval by days."""
    points = ", ".join(f"{b.predicted:.2f} -> {b.observed:.2f}" for b in bins)
    figure = _figure(4.2, f"Calibration, predicted -> observed: {points}", width=5.5)
    axes = figure.add_subplot()
    most = max(max(b.high, b.predicted) for b in bins) * 1.05
    axes.plot([0, most], [0, most], color=SOFT, linewidth=1, linestyle="--", label="calibrated")
    x, y = [b.predicted for b in bins], [b.observed for b in bins]
    axes.vlines(x, [b.low for b in bins], [b.high for b in bins], color=NOW, linewidth=1)
    axes.plot(x, y, "o-", color=NOW, markersize=4, label="observed, 95%")
    axes.set_xlabel("mean prediction", color=SOFT)
    axes.set_ylabel("observed frequency", color=SOFT)
    axes.set_xlim(0, most)
    axes.set_ylim(0, most)
    axes.legend(frameon=False, loc="upper left")
    _calm(axes)
    return figure


def _rows(timeline: Timeline, monitor: str) -> list[tuple[str, list[str]]]:
    subjects = {subject: timeline.states(monitor, subject) for subject in timeline.subjects(monitor)}
    worst = [min(cells, key=WORST_FIRST.index) for cells in zip(*subjects.values(), strict=True)]
    loud = [(subject, cells) for subject, cells in subjects.items() if subject and {*cells} & {*WORST_FIRST[:2]}]
    return [(monitor, worst), *(loud[:MOST_ROWS] if len(subjects) > 1 else [])]


def _panel(axes: Axes, timeline: Timeline, monitor: str, subject: str = "") -> None:
    of_subject = [r for r in timeline.of(monitor) if r.subject == subject]
    judged = {r.window: r for r in of_subject if r.violated is not None}
    at = {window: x for x, window in enumerate(timeline.windows)}
    for window, state in zip(timeline.windows, timeline.states(monitor, subject), strict=True):
        if state in WORST_FIRST[:2]:
            axes.axvspan(at[window] - 0.5, at[window] + 0.5, color=CELLS[state][0], alpha=0.35, linewidth=0)
    x = [at[window] for window in judged]
    y = [r.value for r in judged.values()]
    axes.vlines(x, [r.low for r in judged.values()], [r.high for r in judged.values()], color=NOW, linewidth=1)
    axes.plot(x, y, "o-", color=NOW, markersize=3.5, linewidth=1.2)
    limits = {
        limit for r in judged.values() for limit in ((r.limit, -r.limit) if monitor == "base rate" else (r.limit,))
    }
    for limit in limits:
        axes.axhline(limit, color=CELLS["alarm"][0], linewidth=1, linestyle="--")
    axes.set_xlim(-0.5, len(timeline.windows) - 0.5)


def _bars(bins: Mapping[str, Any], now: Counts) -> tuple[list[str], list[float], list[float]]:
    before = expected(bins)
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


def _calm(axes: Axes, *hidden: str) -> None:
    axes.spines[["top", "right", *hidden]].set_visible(False)
    axes.spines[:].set_color(LINE)
    axes.tick_params(length=0, labelcolor=SOFT)


def _in_words(rows: Sequence[tuple[str, Sequence[str]]], windows: Sequence[str]) -> str:
    told = (f"{name}: {', '.join(cells)}" for name, cells in rows)
    return f"State of each monitor in the windows {windows[0]} to {windows[-1]}. {'. '.join(told)}."
