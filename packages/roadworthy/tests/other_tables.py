"""Which real tables of tests/other_data a run takes: another one each day, or those that OTHER_DATA names.

The process that begins a run chooses once, so that a run over midnight stays with its table.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

VARIABLE = "OTHER_DATA"
ALL = "all"
# Each with the folder of its snapshot.
OTHER_DATA = {
    "diabetes": "data/2004",
    "emails": "data/2012",
    "hotels": "data/resort",
    "rain": "data/seattle",
    "ridership": "data/chicago",
    "tumours": "data/1993",
}


def chosen_tables(asked: str, day: int) -> tuple[str, ...]:
    """All tables, the one of that name, or without a word the one of the day; pytest's UsageError for another word."""
    names = tuple(OTHER_DATA)
    if asked == ALL:
        return names
    if asked and asked not in names:
        raise pytest.UsageError(f"{VARIABLE}={asked} is no table: choose {ALL} or one of {', '.join(names)}")
    return (asked,) if asked else (names[day % len(names)],)


def choose_for_this_run() -> None:
    """Choose, for this process and those that it starts."""
    asked = os.environ.get(VARIABLE, "")
    chosen = chosen_tables(asked, datetime.now(UTC).toordinal())
    os.environ[VARIABLE] = asked or chosen[0]


def of_this_run() -> tuple[str, ...]:
    """What was chosen."""
    return chosen_tables(os.environ.get(VARIABLE, ""), datetime.now(UTC).toordinal())


def are_all(tables: Sequence[str]) -> bool:
    """Whether these are all there are: then tests that take minutes are run as well."""
    return len(tables) == len(OTHER_DATA)
