"""Every incident changes what it is named for, and nothing that it should leave."""

from datetime import UTC, datetime

import pandas as pd
import pytest

import roadworthy as rw

INCIDENTS = rw.Project.open().definition.extensions("incidents")
START = datetime(2013, 7, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def worlds(project: rw.Project) -> dict[str, pd.DataFrame]:
    return {name: project.data.features(name).sample(4000, random_state=0) for name in project.settings.data.snapshots}


@pytest.mark.parametrize("name", sorted(INCIDENTS))
def test_an_incident_changes_the_rows_and_keeps_the_columns(name: str, worlds: dict[str, pd.DataFrame]) -> None:
    rows = worlds[min(worlds)]
    before = rows.copy()
    after = INCIDENTS[name](rows, worlds, START)
    assert list(after.columns) == list(rows.columns)
    assert not after.reset_index(drop=True).equals(before.reset_index(drop=True))
    pd.testing.assert_frame_equal(rows, before)


def test_a_thermometer_in_celsius_changes_the_temperatures_only(worlds: dict[str, pd.DataFrame]) -> None:
    rows = worlds[min(worlds)]
    after = INCIDENTS["celsius"](rows, worlds, START)
    assert [name for name in rows if not after[name].equals(rows[name])] == ["temp", "dewp"]
    assert after["temp"].max() < 50
