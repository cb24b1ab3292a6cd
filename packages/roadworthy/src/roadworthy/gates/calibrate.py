"""Limits from the project's own history: the false alarms of those that stand, and what to put in their place.

A limit against chance is derived: what clean variants stay below. One against harm is decided by people, who know what
an error costs: it is only ever widened, and only where it refuses more sound models than it may.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor, inf, isfinite, log10
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from ..base.errors import InputError
from ..base.settings import AGAINST_CHANCE, FILE, Limits
from ..base.settings_file import add_keys
from ..contract.workspace import Workspace
from ..reports import charts
from ..reports.pages import Section, write_page
from .clean_history import draw_variants, measure_variant

VARIANTS = 12  # about two minutes of CPU
FEWEST = 4  # variants; the spread of fewer is not known
ALLOWED = 0.01  # false alarms of a limit that is proposed: it refuses one sound model in a hundred, if not told fewer
PLACE = Path("calibration", "index.html")  # in the folder of the reports
READ = (
    "Each point is a clean variant of the history: other days held out, days drawn again, another seed. A solid "
    "line is the limit that holds now, a dashed one what is proposed. The rate is that of false alarms, by "
    "Student's distribution around the median: an estimate from few variants, which share days.\n\n"
    "A limit against chance is derived from the figures. A limit against harm is decided by people: it is "
    "proposed to be wider where it refused one of the variants, or would refuse more of them than are allowed, "
    "and never to be narrower."
)
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Calibrated:
    """A limit that holds now, its figure in every variant, and what is proposed; both with the rate of false alarms.

    `proposed` is None where nothing can be: too few figures, or one that no limit is above.
    """

    name: str
    limit: float
    figures: tuple[float, ...]
    proposed: float | None

    @property
    def guards(self) -> str:
        """What the limit guards against, and where it comes from."""
        return "chance: derived" if self.name in AGAINST_CHANCE else "harm: decided"

    @property
    def changed(self) -> bool:
        """Whether another limit than that of now is proposed."""
        return self.proposed is not None and self.proposed != self.limit

    @property
    def refused(self) -> int:
        """How many of the variants the limit of now refuses."""
        return sum(figure > self.limit for figure in self.figures)

    def rate(self, limit: float) -> float:
        """The estimated share of sound models whose figure is above a limit."""
        return false_alarms(self.figures, limit)

    @property
    def row(self) -> dict[str, Any]:
        """The limit as a row of the table."""
        shown = {name: float(f"{value:.3g}") for name, value in self._figures().items()}
        return {"limit": self.name, "guards_against": self.guards, **shown}

    def _figures(self) -> dict[str, float]:
        proposed = self.limit if self.proposed is None else self.proposed
        return {
            "now": self.limit,
            "figure": float(np.median(self.figures)),
            "spread": _upper_half(self.figures)[0] if len(self.figures) >= FEWEST else 0.0,
            "largest": max(self.figures),
            "false_alarms": self.rate(self.limit),
            "proposed": proposed,
            "false_alarms_then": self.rate(proposed),
        }

    @property
    def reason(self) -> str:
        """Where the proposed limit comes from, for a comment in config.toml."""
        figures, count = self._figures(), len(self.figures)
        spread = f"{figures['figure']:.2g} + {figures['spread']:.2g}, at most {figures['largest']:.2g}"
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        return f"calibrate {day}: {spread} in {count} variants, {figures['false_alarms_then']:.1%} false alarms"


def calibrate_limits(
    project: Workspace, count: int = VARIANTS, tell: Tell | None = None, seed: int = 0, allowed: float = ALLOWED
) -> list[Calibrated]:
    """Measure `count` clean variants of the history and propose limits, in the order of `Limits`; writes nothing.

    `seed`: which variants are drawn, see `draw_variants`. `allowed`: the share of sound models that a proposed limit
    may refuse.
    """
    if count < FEWEST:
        hint = f"ask for {FEWEST} at least"
        raise InputError(f"of {count} variants the spread is not known", where="--variants", hint=hint)
    measured = []
    for number, variant in enumerate(draw_variants(project, count, seed), start=1):
        measured.append(measure_variant(project, variant))
        if tell:
            tell(f"variant {number}", number, count)
    return calibrated_limits(project.settings.limits, measured, allowed)


def calibrated_limits(
    limits: Limits, measured: Sequence[Mapping[str, float]], allowed: float = ALLOWED
) -> list[Calibrated]:
    """What is proposed in the place of `limits` by figures that were measured on clean variants, by name."""
    found = []
    for name in Limits.model_fields:
        # A slice or a class may be missing in a variant, so that there is no figure.
        figures = tuple(each[name] for each in measured if name in each and not np.isnan(each[name]))
        if figures:
            limit = float(getattr(limits, name))
            found.append(Calibrated(name, limit, figures, _proposed(name, limit, figures, allowed)))
    return found


def false_alarms(figures: Sequence[float], limit: float) -> float:
    """The share of further figures above a limit: by Student's distribution, with a spread for each side of the median.

    Most figures have one long side: a model that is far better than a simpler one says nothing about how much worse
    another may be by chance.
    """
    if len(figures) < FEWEST or not all(map(isfinite, figures)):
        return float(np.mean(np.asarray(figures) > limit))
    middle, upper, count = float(np.median(figures)), *_upper_half(figures)
    if limit >= middle:
        return float(stdtr(count, (middle - limit) / upper)) if upper else 0.0
    lower, _ = _upper_half([-each for each in figures])
    return float(stdtr(count, (middle - limit) / lower)) if lower else 1.0


def _upper_half(figures: Sequence[float]) -> tuple[float, int]:
    """The standard error of a further figure above the median, from the figures there, and how many these are."""
    above = np.sort(figures)[len(figures) - len(figures) // 2 :] - np.median(figures)
    return float(np.sqrt(np.mean(above**2) * (1 + 1 / len(above)))), len(above)


def _proposed(name: str, limit: float, figures: Sequence[float], allowed: float) -> float | None:
    if len(figures) < FEWEST or not all(map(isfinite, figures)):
        return None
    upper, count = _upper_half(figures)
    beyond = float(np.median(figures)) + float(stdtrit(count, 1 - allowed)) * upper
    derived = _inside(name, _rounded_up(max(beyond, *figures)))
    if name in AGAINST_CHANCE:
        return derived
    refuses = max(figures) > limit or false_alarms(figures, limit) > allowed
    return max(limit, derived) if refuses else limit


def _rounded_up(value: float) -> float:
    """To two digits, and never below the value."""
    if value == 0:
        return 0.0
    digits = 1 - floor(log10(abs(value)))
    return round(float(ceil(round(value * 10.0**digits, 6)) / 10.0**digits), max(digits, 0))


def _inside(name: str, value: float) -> float:
    """The value, or the end of the range that the settings allow."""
    bounds = Limits.model_fields[name].metadata
    low = max((each.ge for each in bounds if hasattr(each, "ge")), default=-inf)
    high = min((each.le for each in bounds if hasattr(each, "le")), default=inf)
    return float(min(max(value, low), high))


def not_measured(found: Sequence[Calibrated]) -> list[str]:
    """The limits that no variant has a figure of: those of tables and costs, and where the rows are too few."""
    return [name for name in Limits.model_fields if name not in {each.name for each in found}]


def limit_table(found: Sequence[Calibrated]) -> pd.DataFrame:
    """The limits to look at: now, figure and spread in clean variants, rate of false alarms, what is proposed."""
    return pd.DataFrame([each.row for each in found])


def check_table(found: Sequence[Calibrated]) -> pd.DataFrame:
    """The limits of now: the median and the largest figure in the variants, and how many of them each refuses."""
    names = ["limit", "guards_against", "now", "figure", "largest"]
    rows = [{**{name: each.row[name] for name in names}, "refused": each.refused} for each in found]
    return pd.DataFrame(rows, columns=[*names, "refused"])


def write_calibration(project: Workspace, found: Sequence[Calibrated]) -> Path:
    """Write the page with the table and the picture; its path."""
    count = max((len(each.figures) for each in found), default=0)
    figures = {each.name: each.figures for each in found}
    marks = {each.name: (each.limit, each.proposed) for each in found}
    picture = charts.limits(figures, marks, title=f"Each limit and its figure in {count} clean variants")
    sections = [Section("Limits", READ, limit_table(found), figures=(picture,))]
    changed = sum(each.changed for each in found)
    lead = f"{len(found)} limits of {FILE} measured on the project's own history, {changed} proposed to be others."
    return write_page(project.settings.paths.reports / PLACE, "Limits of the data", sections, lead=lead)


def write_limits(project: Workspace, found: Sequence[Calibrated], *, replace: bool = False) -> list[str]:
    """Write the proposed limits that are others into [limits] of config.toml; their names.

    Nothing else of the file is touched. InputError when one is set there already, unless it is to be replaced.
    """
    values = {each.name: as_toml(each) for each in found if each.changed}
    if values:
        add_keys(project.folder / FILE, "limits", values, replace=replace)
    return list(values)


def as_toml(each: Calibrated) -> tuple[str, str]:
    """The value as the file has it, and the reason."""
    return f"{each.proposed:g}" if isinstance(getattr(Limits(), each.name), int) else f"{each.proposed!r}", each.reason
