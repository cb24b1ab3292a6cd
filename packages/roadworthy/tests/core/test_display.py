"""What people see of long work where there is no terminal."""

import time

import pytest

from roadworthy.base import progress
from roadworthy.base.progress import Display


def test_the_pace_and_the_time_left_are_told_from_where_the_work_went_on(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 105.0, 112.0, 114.0, 120.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with Display("row", pace=True) as shown:
        for at in (4000, 5000, 7000, 7500, 10_000):
            shown.tell("in.csv", at, 10_000)
    # 3,000 rows in 12 s; at 105 and at 114 the last line is less than ten seconds old.
    assert progress.EVERY == 10
    assert capfd.readouterr().err.splitlines() == [
        "in.csv: 10000 rows",
        "in.csv: 7,000 rows, 250 rows/s, 12 s left",
        "in.csv: done in 20.0 s, 300 rows/s",
    ]
