import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import SETTLED

from roadworthy.monitoring.timeline import alarm_history, alarm_rings


def test_one_bad_window_rings_no_alarm_and_two_of_three_do() -> None:
    assert alarm_history([False, True, False, False]) == [False, False, False, False]
    assert alarm_history([True, False, True, False, False]) == [False, False, True, False, False]
    assert alarm_history([True, True, True, False, False]) == [False, True, True, True, False]


def test_a_window_that_was_not_judged_neither_raises_an_alarm_nor_ends_it() -> None:
    assert alarm_history([True, None, None, True, None, False, False]) == [False, False, False, True, True, True, False]


def test_a_history_that_was_never_judged_does_not_ring() -> None:
    assert not alarm_rings([])
    assert not alarm_rings([None, None])


@SETTLED
@given(st.lists(st.sampled_from([True, False, None]), max_size=12), st.integers(1, 5))
def test_an_alarm_that_asks_for_fewer_windows_rings_at_least_as_often(history: list[bool | None], m: int) -> None:
    rung = [alarm_rings(history, n, m) for n in range(1, m + 1)]
    assert rung == sorted(rung, reverse=True)


@pytest.mark.parametrize(("n", "m"), [(0, 3), (4, 3)])
def test_an_alarm_that_could_never_or_always_ring_is_refused(n: int, m: int) -> None:
    with pytest.raises(ValueError, match="not possible"):
        alarm_rings([True], n, m)
