"""The pictures of the lessons and the reports. Each function draws one matplotlib figure and returns it.

>>> figure = bars(["online", "batch"], [40.0, 3.0], title="Time of the processor", label="microseconds a row")
>>> figure.axes[0].get_title(loc="left")
'Time of the processor'
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from textwrap import fill
from typing import TYPE_CHECKING, Any, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from ..base import errors
from ..base.errors import Judgeable

if TYPE_CHECKING:
    import pandas as pd

BLUE, ORANGE, GREY, RED, GREEN = "#2b6cb0", "#c05621", "#718096", "#c53030", "#2f855a"
AMBER = "#9a6700"  # beside red, orange looks like it
STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e2e8f0",
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "font.size": 9,
    "figure.dpi": 96,
}


class Claim(Judgeable, Protocol):
    """A gate's name with its section ("Model 6"), what it claims, and whether that holds."""

    @property
    def claim(self) -> str:
        """What is judged."""


class Picture(Figure):
    """A figure that a notebook shows by itself, without pyplot: no global state, nothing to close."""

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        # Without the version of matplotlib: stored outputs of lessons are compared byte for byte.
        self.savefig(content, format="png", metadata={"Software": None})
        return content.getvalue()


def intervals(
    names: Sequence[str],
    values: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    title: str,
    label: str,
    line: float | None = None,
) -> Figure:
    """A value with its interval for each name, from top to bottom; `line` marks a threshold."""
    middle = np.asarray(values, dtype=float)
    figure, axes = _figure(title, height=1.1 + 0.28 * len(names))
    rows = np.arange(len(names))[::-1]
    axes.hlines(rows, np.asarray(low, dtype=float), np.asarray(high, dtype=float), color=BLUE, linewidth=3, alpha=0.4)
    axes.plot(middle, rows, "o", color=BLUE)
    axes.set_yticks(rows, list(names))
    axes.set_xlabel(label)
    if line is not None:
        axes.axvline(line, color=RED, linestyle="--", linewidth=1)
    return figure


def timeline(
    times: Sequence[str],
    series: Mapping[str, ArrayLike],
    *,
    title: str,
    label: str,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    line: float | None = None,
) -> Figure:
    """One line for each series over time; `bands` are intervals by the name of their series, `line` a threshold."""
    figure, axes = _figure(title)
    at = np.arange(len(times))
    for color, (name, values) in zip((BLUE, ORANGE, GREEN, GREY), series.items(), strict=False):
        axes.plot(at, np.asarray(values, dtype=float), "o-", color=color, label=name)
        if bands and name in bands:
            low, high = (np.asarray(limit, dtype=float) for limit in bands[name])
            axes.fill_between(at, low, high, color=color, alpha=0.15, linewidth=0)
    if line is not None:
        axes.axhline(line, color=RED, linestyle="--", linewidth=1)
    axes.set_xticks(at, list(times), rotation=45 if len(times) > 12 else 0, ha="right" if len(times) > 12 else "center")
    axes.set_ylabel(label)
    axes.legend(frameon=False)
    return figure


def bars(names: Sequence[str], values: ArrayLike, *, title: str, label: str, line: float | None = None) -> Figure:
    """A horizontal bar for each name; `line` marks a threshold, bars beyond it are red."""
    heights = np.asarray(values, dtype=float)
    figure, axes = _figure(title, height=1.1 + 0.28 * len(names))
    rows = np.arange(len(names))[::-1]
    over = heights > line if line is not None else np.zeros(len(heights), dtype=bool)
    axes.barh(rows, heights, color=np.where(over, RED, BLUE).tolist(), height=0.65)
    axes.set_yticks(rows, list(names))
    axes.set_xlabel(label)
    if line is not None:
        axes.axvline(line, color=RED, linestyle="--", linewidth=1)
    return figure


def distribution(values: "pd.Series", target: ArrayLike, *, title: str, label: str, bins: int = 20) -> Figure:
    """How often each value comes (of texts: each of the most frequent), and the mean target of its rows.

    `target` has NaN where it is not known; `label` says what it is. Numbers are in bins of the same width.
    """
    figure, axes = _figure(title, height=2.4)
    known = np.asarray(target, dtype=float)
    if values.dtype.kind in "iuf":
        edges = np.histogram_bin_edges(values.dropna(), bins=bins)
        places = np.clip(np.digitize(values, edges[1:-1]), 0, len(edges) - 2)
        there, at, width = values.notna().to_numpy(), (edges[:-1] + edges[1:]) / 2, np.diff(edges) * 0.9
    else:
        names = values.value_counts().index[:bins]
        order = {name: place for place, name in enumerate(names)}
        places = np.array([order.get(value, -1) for value in values])
        there = places >= 0
        at, width = np.arange(len(names)), np.full(len(names), 0.7)
        short = [text if len(text) <= 14 else f"{text[:13]}…" for text in map(str, names)]
        axes.set_xticks(at, short, rotation=30 if len(names) > 4 else 0, ha="right" if len(names) > 4 else "center")
    counts = np.bincount(places[there], minlength=len(at))
    axes.bar(at, counts, width=width, color=BLUE, alpha=0.45)
    axes.set_ylabel("rows")
    asked = there & ~np.isnan(known)
    rows = np.bincount(places[asked], minlength=len(at))
    sums = np.bincount(places[asked], weights=known[asked], minlength=len(at))
    enough = rows >= max(5, 0.002 * asked.sum())
    second = axes.twinx()
    second.plot(at[enough], sums[enough] / rows[enough], "o-", color=ORANGE, markersize=4)
    second.set_ylabel(label, color=ORANGE)
    second.grid(visible=False)
    return figure


def calibration(predictions: Mapping[str, tuple[ArrayLike, ArrayLike]], *, title: str, bins: int = 10) -> Figure:
    """Predicted against observed share for each named pair (labels, probabilities), in bins of equal size."""
    figure, axes = _figure(title, height=4.2, width=4.6)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    top = 0.0
    for color, (name, (labels, probabilities)) in zip((BLUE, ORANGE, GREEN), predictions.items(), strict=False):
        y, p = np.asarray(labels, dtype=float), np.asarray(probabilities, dtype=float)
        # Of equal size, not width: high probabilities of a rare event are few, and such a bin would show chance.
        groups = np.array_split(np.argsort(p), bins)
        predicted, observed = ([float(values[group].mean()) for group in groups] for values in (p, y))
        axes.plot(predicted, observed, "o-", color=color, label=name)
        top = max(top, *predicted, *observed)
    axes.set(xlim=(0, top * 1.05), ylim=(0, top * 1.05), xlabel="predicted", ylabel="observed")
    axes.legend(frameon=False)
    return figure


def limits(figures: Mapping[str, ArrayLike], marks: Mapping[str, tuple[float, float | None]], *, title: str) -> Figure:
    """A strip for each limit on its own scale: figures with their spread and median, the limit, the proposed one."""
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(7.2, 0.7 + 0.42 * max(len(figures), 1)), layout="constrained")
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
        strips = figure.subplots(max(len(figures), 1), squeeze=False)[:, 0]
        for axes, (name, values) in zip(strips, figures.items(), strict=False):
            _strip(axes, name, np.asarray(values, dtype=float), *marks[name])
    return figure


def _strip(axes: Axes, name: str, values: np.ndarray, now: float, proposed: float | None) -> None:
    inside = values[np.isfinite(values)]
    axes.plot(inside, np.zeros(len(inside)), "o", color=BLUE, alpha=0.5, markersize=4)
    if len(inside):
        axes.hlines(0, inside.min(), inside.max(), color=BLUE, linewidth=3, alpha=0.3)
        axes.vlines(float(np.median(inside)), -0.03, 0.03, color=BLUE)
    axes.axvline(now, color=RED if (values > now).any() else GREEN, linewidth=2)
    if proposed is not None and proposed != now:
        axes.axvline(proposed, color=ORANGE, linestyle="--", linewidth=1.5)
    axes.set_yticks([0], [name])
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7, pad=1)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)


def scoreboard(judged: Sequence[Claim], *, title: str) -> Figure:
    """The gates as tiles, one row for each section: green, red, amber if waived, grey when one could not judge."""
    colors = {errors.GREEN: GREEN, errors.WAIVED: AMBER, errors.RED: RED, errors.NOT_JUDGED: GREY}
    sections = list(dict.fromkeys(each.gate.split()[0] for each in judged))
    figure, axes = _figure(title, width=9.6, height=0.5 + 0.95 * len(sections))
    for row, section in enumerate(reversed(sections)):
        for column, each in enumerate(each for each in judged if each.gate.startswith(section)):
            verdict = errors.verdict_word(each)
            axes.add_patch(Rectangle((column, row), 0.95, 0.9, color=colors[verdict]))
            words = f"{each.gate.split()[1]}  {fill(each.claim, 17)}"
            axes.text(column + 0.05, row + 0.8, words, color="white", fontsize=7, va="top", linespacing=1.15)
            axes.text(column + 0.9, row + 0.05, verdict, color="white", fontsize=7, ha="right", weight="bold")
    axes.set_yticks(np.arange(len(sections)) + 0.45, list(reversed(sections)))
    # Each section of the paper has seven tests.
    axes.set(xlim=(0, 7), ylim=(0, len(sections)), xticks=[])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def tiles(rows: Mapping[str, Sequence[tuple[str, str]]], *, title: str) -> Figure:
    """A row of tiles for each name: their words and "good", "begun", "bad" or "open", which is their color."""
    colors = {"good": (GREEN, "white"), "begun": (ORANGE, "white"), "bad": (RED, "white"), "open": ("#cbd5e0", "black")}
    figure, axes = _figure(title, height=0.8 + 0.36 * max(len(rows), 1))
    for row, each in enumerate(rows.values()):
        for column, (words, state) in enumerate(each):
            color, ink = colors[state]
            axes.add_patch(Rectangle((column, row), 0.92, 0.82, color=color))
            axes.text(column + 0.46, row + 0.41, words, color=ink, ha="center", va="center")
    axes.set_yticks(np.arange(len(rows)) + 0.41, list(rows))
    axes.set(xlim=(0, max(map(len, rows.values()), default=1)), ylim=(max(len(rows), 1), 0), xticks=[])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def _figure(title: str, *, width: float = 7.2, height: float = 3.2) -> tuple[Figure, Axes]:
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        axes.set_title(title)
    return figure, axes
