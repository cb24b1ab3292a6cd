"""What retraining means: the settings that make a challenger, and the rules by which it beats the champion, or not."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .evaluation import Difference, Evaluation, compare, evaluate
from .gates import Verdict
from .schema import Contract
from .settings import Settings

FEWEST = 30  # rows of either class in a slice; with fewer, nothing can be said about it
WORSE = -0.01  # AUC; with many slices some are worse by chance, so the whole interval of one must lie below this
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """A challenger beside the champion on the same days: each by itself, the paired difference, and that of slices.

    `slices` has a row for each: slice, rows, auc (the difference), auc_low, auc_high, worse.
    """

    challenger: Evaluation
    champion: Evaluation
    difference: Difference
    slices: tuple[dict[str, Any], ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Whether the challenger is better, and on no slice worse."""
        return better(self.difference), no_slice_worse(self.slices)

    def to_dict(self) -> dict[str, Any]:
        """The figures by name, as plain values."""
        sides = {name: getattr(self, name).to_dict() for name in ("challenger", "champion")}
        return {**sides, "difference": asdict(self.difference), "slices": list(self.slices)}

    @classmethod
    def of(cls, figures: dict[str, Any]) -> "Comparison":
        """What `to_dict` gave."""
        one, other = Evaluation.of(figures["challenger"]), Evaluation.of(figures["champion"])
        return cls(one, other, Difference(**figures["difference"]), tuple(figures["slices"]))


def of(config: Settings, **changes: Any) -> Settings:
    """The settings that make and judge a challenger: the snapshots, the periods and the window of [retraining].

    `changes` are values of [retraining] that hold instead of those of the settings.
    """
    parts = config.retraining.model_copy(update=changes)
    *earlier, newest = parts.snapshots
    start, end = parts.train
    if parts.window == "sliding":
        start = max(start, _months_before(end, parts.months))
    half_life = parts.half_life if parts.window == "weighted" else 0
    split = {"train": (start, end), "test": parts.test, "half_life": half_life}
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"snapshot": newest, "earlier": tuple(earlier)}),
            "split": config.split.model_copy(update=split),
        }
    )


def against(contract: Contract, rows: pd.DataFrame, new: Floats, old: Floats, slices: Iterable[str]) -> Comparison:
    """Compare the answers `new` and `old`, each (rows,), to labelled rows, in all and by the named columns."""
    y, day = rows[contract.target], rows[contract.day]
    return Comparison(
        evaluate(y, new, day),
        evaluate(y, old, day),
        compare(y, new, old, day),
        by_slice(contract, rows, new, old, slices),
    )


def by_slice(
    contract: Contract, rows: pd.DataFrame, new: Floats, old: Floats, slices: Iterable[str]
) -> tuple[dict[str, Any], ...]:
    """The paired difference on each value of the named columns that has enough rows of both classes."""
    labels, days = rows[contract.target].to_numpy(), rows[contract.day].to_numpy()
    found = []
    for name in slices:
        for value in pd.unique(rows[name].dropna()):
            at = (rows[name] == value).to_numpy()
            if min(labels[at].sum(), (1 - labels[at]).sum()) >= FEWEST:
                change = compare(labels[at], new[at], old[at], days[at])
                figures = {"auc": change.auc, "auc_low": change.auc_low, "auc_high": change.auc_high}
                row = {"slice": f"{name} = {value}", "rows": int(at.sum()), **figures}
                found.append({**row, "worse": bool(change.auc_high < WORSE)})
    return tuple(found)


def better(difference: Difference) -> Verdict:
    """The challenger ranks better than the champion on the same days, beyond chance."""
    interval = f"{difference.auc:+.3f} [{difference.auc_low:+.3f}, {difference.auc_high:+.3f}]"
    return Verdict("better than the champion", difference.better, f"AUC {interval} on the same days")


def no_slice_worse(slices: Iterable[dict[str, Any]]) -> Verdict:
    """No slice on which the challenger ranks worse than the champion, beyond chance and by .01 AUC at least."""
    table = list(slices)
    worse = [f"{row['slice']} {row['auc']:+.3f}" for row in table if row["worse"]]
    evidence = ", ".join(worse) if worse else f"none of {len(table)} is worse beyond chance"
    return Verdict("no slice is worse", not worse if table else None, evidence)


def unseen(judged_from: date, challenger: date, champion: date) -> Verdict:
    """Neither model has learned from the days on which they meet; the dates are the ends of what they learned from."""
    seen = [name for name, end in (("challenger", challenger), ("champion", champion)) if end > judged_from]
    if seen:
        return Verdict("on days that neither has seen", passed=False, evidence=f"the {seen[0]} knows some of them")
    words = f"judged from {judged_from}; the challenger has learned until {challenger}, the champion until {champion}"
    return Verdict("on days that neither has seen", passed=True, evidence=words)


def _months_before(day: date, months: int) -> date:
    return (pd.Timestamp(day) - pd.DateOffset(months=months)).date()
