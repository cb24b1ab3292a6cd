"""The picture of the results for the README: requests per second, CPU per request, rows per second."""

from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS, PEER, LIMIT = "#2b6cb0", "#a0aec0", "#e2e8f0"
SERVER = {"service": "this service", "FastAPI + joblib": "FastAPI + joblib + DataFrame"}
BATCH = {"pandas": "scikit-learn on pandas", "score": "this batch"}


def draw(results: dict[str, Any], folder: Path) -> None:
    """Draw `results.svg` if the service and the batch were measured."""
    if "serving" not in results or "batch" not in results:
        return
    contestants = results["serving"]["contestants"]
    order = sorted(contestants, key=lambda name: contestants[name]["requests_s"])
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=[4, 4, 3])
    names = [SERVER.get(name, name) for name in order]
    colors = [OURS if name == "service" else LIMIT if "constant" in name else PEER for name in order]
    for place, figures, title in (
        (axes[0], "requests_s", "Requests per second (log)"),
        (axes[1], "cpu_us", "CPU per request, µs (log)"),
    ):
        _bars(place, names, [contestants[name][figures] for name in order], colors, title)
        place.set_xscale("log")
        place.set_xlim(10, place.get_xlim()[1] * 6)
        place.set_xticks([])
        place.minorticks_off()
    axes[1].set_yticklabels([])
    rows = {
        label: median(turn["rows_s"] for turn in results["batch"]["rows_3m"][name]) for name, label in BATCH.items()
    }
    _bars(axes[2], list(rows), list(rows.values()), [PEER, OURS], "Rows per second, 3.4 million")
    axes[2].set_xlim(right=max(rows.values()) * 1.4)
    figure.savefig(folder / "results.svg", metadata={"Date": None})


def _bars(axes: Axes, names: list[str], values: list[float], colors: list[str], title: str) -> None:
    bars = axes.barh(names, values, color=colors)
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3, fontsize=8)
    axes.set_title(title, loc="left", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
