"""Which real tables a run of the tests takes."""

import os
from pathlib import Path

import pytest

import other_tables
from other_tables import OTHER_DATA, are_all, chosen_tables

PLACE = Path(other_tables.__file__).parent / "other_data"


def test_another_table_comes_each_day_until_all_have_come() -> None:
    days = [chosen_tables("", day) for day in range(738_000, 738_000 + len(OTHER_DATA))]
    assert {name for (name,) in days} == set(OTHER_DATA)
    assert chosen_tables("", 738_000 + len(OTHER_DATA)) == days[0]


def test_a_table_or_all_of_them_may_be_asked_for_and_nothing_else() -> None:
    assert chosen_tables("rain", 1) == chosen_tables("rain", 2) == ("rain",)
    assert are_all(chosen_tables("all", 1))
    assert not are_all(chosen_tables("rain", 1))
    with pytest.raises(pytest.UsageError, match="OTHER_DATA=snow is no table: choose all or one of diabetes, emails"):
        chosen_tables("snow", 1)


def test_the_choice_of_a_run_is_that_of_the_process_that_began_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_DATA", "")
    other_tables.choose_for_this_run()
    assert other_tables.of_this_run() == (os.environ["OTHER_DATA"],)


def test_every_folder_of_a_table_is_named() -> None:
    assert {each.parent.name for each in PLACE.glob("*/config.toml")} == set(OTHER_DATA)
