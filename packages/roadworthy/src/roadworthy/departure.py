"""How far the answers of a new version may depart from those of the one in service, before any label comes.

One set of limits for the gate that tries a version out and for the service that gives it a share of the requests.
"""

import numpy as np
from numpy.typing import NDArray

from .monitoring.counts import count, numeric_bins
from .monitoring.drift import psi

# Versions a month apart: up to .17 in 2013; in 2023 .38 after five and six months, .56 after three and four. Weights
# that balance the classes: .84 to 1.08; the other class: above 3.
MAX_PSI = 0.70
# A canary is for what has gone badly wrong; a slow change is the subject of Monitoring 6.
MAX_CPU = 3.0
# 99.9% of samples of one population: (1/n + 1/m) times this quantile of chi-square with the 9 degrees of freedom of
# ten bins (Yurdakul 2018, Statistical properties of the population stability index).
CHANCE = 27.88


def distance(before: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    """The PSI between two sets of answers, in bins at the deciles of the first."""
    bins = numeric_bins(before)
    return psi(count(before, bins).vector, count(new, bins).vector)


def by_chance(rows_before: int, rows_new: int) -> float:
    """The PSI that answers to different rows stay below when nothing differs but the rows."""
    return CHANCE * (1 / rows_before + 1 / rows_new)
