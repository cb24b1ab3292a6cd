import pandas as pd
import pytest

from roadworthy.base.errors import InputError
from roadworthy_course import charging


def test_the_sessions_are_those_of_the_source() -> None:
    rows = charging.sessions()
    assert len(rows) == 3395
    assert rows[["driver", "station", "site"]].nunique().to_list() == [85, 105, 25]
    assert str(rows["started"].min()) == "2014-11-18 15:01:17+00:00"
    assert rows["started"].is_monotonic_increasing
    assert (rows["kwh"] == 0).sum() == 55


def test_the_four_tables_join_to_the_same_sessions() -> None:
    parts = charging.tables()
    joined = parts["sessions"]
    for name, key in (("drivers", "driver"), ("stations", "station"), ("sites", "site")):
        joined = joined.merge(parts[name], on=key, validate="many_to_one")
    whole = charging.sessions()
    joined, whole = (rows.sort_values("session", ignore_index=True) for rows in (joined[whole.columns], whole))
    pd.testing.assert_frame_equal(joined, whole)


def test_a_caller_may_change_what_it_got() -> None:
    mine = charging.sessions()
    mine["kwh"] = 0.0
    assert charging.sessions()["kwh"].sum() > 0


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charging, "PACKAGE", "not-there")
    with pytest.raises(InputError, match="not installed") as error:
        charging.sessions()
    assert "requirements-exercises.txt" in str(error.value)
    monkeypatch.setattr(charging, "PACKAGE", "pandas")
    with pytest.raises(InputError, match="no file"):
        charging.sessions()
