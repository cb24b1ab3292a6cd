import numpy as np
import pytest
from scipy import stats
from world import reference

from roadworthy.monitoring import limits
from roadworthy.monitoring.limits import Spread, share_of_family


def test_the_p_value_of_a_limit_is_its_share_of_the_family() -> None:
    seen = Spread.of(np.random.default_rng(0).normal(3, 2, 26))
    level = limits.share_of_family(48)
    assert seen.p_value(seen.bound(level)) == pytest.approx(level)
    # The prediction bound by SciPy's distribution
    by_hand = stats.t(25, loc=seen.mean, scale=seen.deviation * np.sqrt(1 + 1 / 26)).ppf(1 - level)
    assert seen.bound(level) == pytest.approx(by_hand)


def test_p_values_are_adjusted_as_holm_did() -> None:
    # Times 4, 3, 2, 1 from the smallest on, never falling: 0.04, 0.06 for both in the middle, 0.06, at most 1.
    assert limits.holm_adjusted([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert limits.holm_adjusted([0.9, 0.6]) == pytest.approx([1.0, 1.0])
    assert limits.holm_adjusted([0.02, np.nan, 0.01])[::2] == pytest.approx([0.02, 0.02])
    assert limits.holm_adjusted([]) == []


def test_of_fifty_quiet_windows_one_is_violated_by_any_of_many_monitors_at_most() -> None:
    draw = np.random.default_rng(1)
    monitors, weeks, windows = 40, 26, 4000
    train = draw.normal(size=(windows, monitors, weeks))
    now = draw.normal(size=(windows, monitors))
    mean, deviation = train.mean(axis=2), train.std(axis=2, ddof=1)
    limits = mean + (Spread(0, 1, weeks).bound(share_of_family(monitors))) * deviation
    any_of_them = (now > limits).any(axis=1).mean()
    # At 5% each, 87% of the windows would have one; the binomial scatters by .002.
    assert 0.012 < any_of_them < 0.028


def test_an_interval_is_widened_to_the_level_of_one_of_a_family() -> None:
    assert limits.widened_interval(0.5, 0.5 - 1.96, 0.5 + 3.92, 1) == pytest.approx(
        (0.5 - 2.326, 0.5 + 4.653), abs=1e-3
    )


def test_the_reference_knows_the_size_of_the_family() -> None:
    made = reference()
    limits = sum(len(subjects) for subjects in made["limits"].values())
    assert made["tests"] == limits + 1 == 7 + 7 + 3 + 1 + 1
    temp = Spread(*made["spread"]["drift"]["temp"])
    assert made["limits"]["drift"]["temp"] == pytest.approx(temp.bound(0.02 / made["tests"]) ** 2)
