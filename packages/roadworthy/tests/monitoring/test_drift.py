import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance
from world import SETTLED

from roadworthy.monitoring import distributions
from roadworthy.monitoring.distributions import Counts, numeric_bins

Pair = tuple[list[int], list[int]]


def pairs(least: int = 0) -> st.SearchStrategy[Pair]:
    """Two vectors of counts of the same length, none of them without rows."""
    cells = st.tuples(st.integers(least, 5000), st.integers(least, 5000))
    tables = st.lists(cells, min_size=2, max_size=14).map(lambda table: ([a for a, _ in table], [b for _, b in table]))
    return tables.filter(lambda pair: sum(pair[0]) > 1 and sum(pair[1]) > 1)


def test_psi_of_a_half_against_four_fifths_is_the_hand_calculated_value() -> None:
    # (.8 - .5) ln(.8/.5) + (.2 - .5) ln(.2/.5) = .3 ln 4
    assert distributions.psi([50, 50], [80, 20]) == pytest.approx(0.3 * math.log(4), abs=1e-12)


def test_an_empty_bin_counts_as_one_in_ten_thousand() -> None:
    assert distributions.psi([100, 0], [0, 100]) == pytest.approx(2 * 0.9999 * math.log(10_000), abs=1e-9)


@SETTLED
@given(pairs(), st.integers(0, 1000))
def test_psi_is_never_negative_zero_on_itself_and_blind_to_the_order(pair: Pair, seed: int) -> None:
    e, a = pair
    order = np.random.default_rng(seed).permutation(len(e))
    assert distributions.psi(e, a) >= 0
    assert distributions.psi(e, e) == 0
    assert distributions.psi(e, a) == pytest.approx(distributions.psi(a, e), abs=1e-9)
    assert distributions.psi(np.array(e)[order], np.array(a)[order]) == pytest.approx(distributions.psi(e, a), abs=1e-9)


@SETTLED
@given(pairs())
def test_the_jensen_shannon_distance_is_that_of_scipy(pair: Pair) -> None:
    assert distributions.jensen_shannon(*pair) == pytest.approx(distance.jensenshannon(*pair, base=2), abs=1e-9)


@SETTLED
@given(pairs(least=1))
def test_chi_square_is_that_of_scipy(pair: Pair) -> None:
    expected = stats.chi2_contingency(np.array(pair), correction=False)
    assert distributions.chi_square(*pair) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-9)


@SETTLED
@given(pairs())
def test_kolmogorov_smirnov_is_that_of_scipy_on_the_bins(pair: Pair) -> None:
    one, two = (np.repeat(np.arange(len(counts)), counts) for counts in pair)
    expected = stats.ks_2samp(one, two, method="asymp")
    assert distributions.kolmogorov_smirnov(*pair) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-9)


@pytest.mark.parametrize("moved", [0, 2000, 2300, 20_000])
def test_kolmogorov_smirnov_of_many_rows_is_that_of_scipy_for_any_p_value(moved: int) -> None:
    before, now = np.full(10, 60_000), np.full(10, 30_000)
    now[0], now[9] = now[0] - moved, now[9] + moved
    one, two = (np.repeat(np.arange(10), counts) for counts in (before, now))
    expected = stats.ks_2samp(one, two, method="asymp")
    assert distributions.kolmogorov_smirnov(before, now) == pytest.approx(
        (expected.statistic, expected.pvalue), abs=1e-9
    )


def test_single_rows_can_be_tested() -> None:
    assert distributions.kolmogorov_smirnov([0, 1], [0, 1]) == (0, 1)
    assert distributions.kolmogorov_smirnov([1, 0], [0, 1]) == (1, 0)


def test_numbers_that_are_all_missing_have_no_test() -> None:
    assert np.isnan(distributions.kolmogorov_smirnov([5, 5], [0, 0])).all()


def test_bins_that_are_empty_on_both_sides_do_not_change_chi_square() -> None:
    assert distributions.chi_square([10, 0, 20], [12, 0, 18]) == distributions.chi_square([10, 20], [12, 18])
    assert distributions.chi_square([10, 0], [12, 0]) == (0, 1)


def test_chance_alone_moves_psi_as_far_as_the_table_of_chi_square_says() -> None:
    # 27.877 is the 99.9% quantile for 9 degrees of freedom in any printed table.
    assert distributions.psi_noise([100] * 10, [50] * 10) == pytest.approx(27.877 * (1 / 1000 + 1 / 500), abs=1e-5)
    assert distributions.psi_noise([100], [50]) == 0


def test_samples_of_one_population_stay_below_the_noise() -> None:
    draw = np.random.default_rng(0)
    share = np.full(10, 0.1)
    beyond = 0
    for _ in range(2000):
        one, two = draw.multinomial(2000, share), draw.multinomial(1000, share)
        beyond += distributions.psi(one, two) > distributions.psi_noise(one, two)
    assert beyond <= 8  # 2 are expected; 9 or more would happen once in 4000 times


@SETTLED
@given(st.lists(st.integers(0, 500), min_size=2, max_size=10), st.data())
def test_no_window_without_missing_values_is_further_than_the_largest_psi(
    before: list[int], data: st.DataObject
) -> None:
    if not sum(before):
        return
    reference = Counts(np.array(before), 0, 0)
    used = [i for i, n in enumerate(before) if n]
    now = [data.draw(st.integers(0, 500)) if i in used else 0 for i in range(len(before))]
    if sum(now):
        assert distributions.psi(reference.vector, [*now, 0, 0]) <= distributions.largest_psi(reference) + 1e-9


def test_nothing_can_be_compared_with_no_rows() -> None:
    with pytest.raises(ValueError, match="no rows"):
        distributions.psi([0, 0], [1, 2])


def test_a_window_tells_the_share_of_missing_and_unseen_values() -> None:
    column = np.array(["a", "b", "zz", None], dtype=object)
    reference = {
        "features": {
            "x": {"kind": "category", "categories": ["a", "b"], "counts": [50, 40], "nulls": 10},
            "y": numeric_bins(np.arange(100.0)),
        }
    }
    first, second = distributions.feature_drift(reference, {"x": column, "y": np.arange(100.0)})
    assert (first.name, first.test, first.nulls, first.nulls_before, first.unseen) == (
        "x",
        "chi-square",
        0.25,
        0.1,
        0.25,
    )
    assert (second.name, second.test, second.psi, second.p_value) == ("y", "KS", 0, 1)
