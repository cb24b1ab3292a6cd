"""Many monitors, one window: how far each may go before all of them together say that something happened.

Twenty features with several monitors each, every week: at 5% each, some of them would be violated in every window. So
the chance is shared out over the family of what is judged in one window by limits from chance (Bonferroni; Dunn 1961):
of fifty quiet windows one has any violation, whatever depends on what. What varies is a whole week or day, never a row.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FAMILY = 0.02  # of the quiet windows, one week of a year, may have a violation of any monitor of a family


class Spread(NamedTuple):
    """What the weeks of training were like: mean, standard deviation and number of a statistic's values."""

    mean: float
    deviation: float
    blocks: int

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64]) -> "Spread":
        """The spread of at least two values."""
        seen = np.asarray(values, dtype=np.float64)
        return cls(float(seen.mean()), float(seen.std(ddof=1)), len(seen))

    def bound(self, share: float) -> float:
        """The value that one more observation is beyond with the probability `share`, if all are from one normal.

        mean + t s sqrt(1 + 1/n), with Student's t of n - 1 degrees of freedom (Hahn and Meeker, Statistical
        Intervals, 1991, 4.7).
        """
        from scipy.special import stdtrit  # scipy.stats takes half a second to import

        return self.mean + float(stdtrit(self.blocks - 1, 1 - share)) * self._error

    def p_value(self, value: float) -> float:
        """The probability that one more quiet week is at least this far."""
        from scipy.special import stdtr

        if not self._error:
            return float(value <= self.mean)
        return float(stdtr(self.blocks - 1, (self.mean - value) / self._error))

    @property
    def _error(self) -> float:
        return self.deviation * float(np.sqrt(1 + 1 / self.blocks))


def share(tests: int) -> float:
    """The probability of each of so many limits, so that all together keep that of the family."""
    return FAMILY / max(1, tests)


def holm(p_values: Iterable[float]) -> list[float]:
    """Each p-value adjusted for being one of many (Holm 1979): below FAMILY, the family of all is violated by it.

    The smallest is below exactly when Bonferroni's limit is exceeded; NaN is no test and stays.
    """
    p = np.asarray(list(p_values), dtype=np.float64)
    order = np.argsort(p)  # NaN comes last
    tests = int((~np.isnan(p)).sum())
    factors = np.maximum(tests - np.arange(len(p)), 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return [float(value) for value in adjusted]


def widened(value: float, low: float, high: float, tests: int) -> tuple[float, float]:
    """The bounds of a 95% interval at the level of one of so many tests of a family, by normal theory."""
    from scipy.special import ndtri

    factor = float(ndtri(1 - share(tests) / 2) / ndtri(0.975))
    return value - factor * (value - low), value + factor * (high - value)
