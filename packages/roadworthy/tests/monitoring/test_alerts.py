import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import SETTLED

from roadworthy.monitoring.alerts import alarms, rings


def test_one_bad_window_rings_no_alarm_and_two_of_three_do() -> None:
    assert alarms([False, True, False, False]) == [False, False, False, False]
    assert alarms([True, False, True, False, False]) == [False, False, True, False, False]
    assert alarms([True, True, True, False, False]) == [False, True, True, True, False]


def test_a_window_that_was_not_judged_neither_raises_an_alarm_nor_ends_it() -> None:
    assert alarms([True, None, None, True, None, False, False]) == [False, False, False, True, True, True, False]


def test_a_history_that_was_never_judged_does_not_ring() -> None:
    assert not rings([])
    assert not rings([None, None])


@SETTLED
@given(st.lists(st.sampled_from([True, False, None]), max_size=12), st.integers(1, 5))
def test_an_alarm_that_asks_for_fewer_windows_rings_at_least_as_often(history: list[bool | None], m: int) -> None:
    rung = [rings(history, n, m) for n in range(1, m + 1)]
    assert rung == sorted(rung, reverse=True)


@pytest.mark.parametrize(("n", "m"), [(0, 3), (4, 3)])
def test_an_alarm_that_could_never_or_always_ring_is_refused(n: int, m: int) -> None:
    with pytest.raises(ValueError, match="not possible"):
        rings([True], n, m)
