"""Retrain: a challenger on newer data, all gates, a paired comparison with the champion, promotion only if better."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import export
from .bundle import Bundle
from .contract import CONTRACT
from .evaluation import Difference
from .evaluation import compare
from .gates import Verdict
from .registry import CHALLENGER
from .registry import Registry
from .training import Trained


@dataclass(frozen=True)
class Decision:
    """What became of a challenger: its version, the paired difference to the champion, the verdicts, the reason."""

    version: int
    champion: int
    promoted: bool
    difference: Difference
    verdicts: tuple[Verdict, ...]
    reason: str


def decide(challenger: Trained, registry: Registry, slices: Iterable[str]) -> Decision:
    """Register a challenger and make it the champion if it is better beyond chance; else keep it with the reason.

    Judged on the challenger's test rows, which neither model has seen. Promoted only when every gate is green, the
    interval of the paired AUC difference (day blocks) lies above zero and no slice is worse beyond its own interval.
    """
    champion = registry.resolve("champion")
    rows = challenger.split.test
    old = export.predict(Bundle.load(registry.path(champion)), rows)
    difference = compare(rows[CONTRACT.target], challenger.probabilities, old, rows[CONTRACT.day])
    verdicts = (*challenger.verdicts, better(difference), no_slice_worse(rows, challenger.probabilities, old, slices))
    red = [verdict for verdict in verdicts if not verdict.passed]
    reason = "; ".join(f"{v.gate}: {v.evidence}" for v in (red or verdicts[-2:]))
    version = export.register(challenger, registry)
    registry.promote(version, CHALLENGER, reason)
    if not red:
        registry.promote(version, reason=reason)
    return Decision(version, champion, not red, difference, verdicts, reason)


def better(difference: Difference) -> Verdict:
    """The challenger ranks better than the champion on the same days, beyond chance."""
    interval = f"{difference.auc:+.3f} [{difference.auc_low:+.3f}, {difference.auc_high:+.3f}]"
    return Verdict("better than the champion", difference.better, f"AUC {interval} on the same days")


def no_slice_worse(
    rows: pd.DataFrame, new: NDArray[np.float64], old: NDArray[np.float64], slices: Iterable[str]
) -> Verdict:
    """No slice on which the challenger ranks worse than the champion, beyond chance.

    With many slices some are worse by chance: the whole interval must lie below zero by .01 AUC at least.
    """
    worse = []
    for name in slices:
        for value in pd.unique(rows[name].dropna()):
            at = (rows[name] == value).to_numpy()
            labels = rows[CONTRACT.target].to_numpy()[at]
            if min(labels.sum(), (1 - labels).sum()) >= 30:
                change = compare(labels, new[at], old[at], rows[CONTRACT.day].to_numpy()[at])
                worse += [f"{name} = {value} {change.auc:+.3f}"] if change.auc_high < -0.01 else []
    evidence = ", ".join(worse) if worse else "none is worse beyond chance"
    return Verdict("no slice is worse", not worse, evidence)
