"""Every incident changes what it is named for, and nothing that it should leave."""

from datetime import UTC, datetime, time

import pandas as pd
import pytest
from conftest import open_project

import roadworthy as rw

PROJECT = open_project()
INCIDENTS = PROJECT.definition.extensions("incidents")
START = datetime.combine(PROJECT.settings.split.test[0], time(), UTC)
ROWS = 4000


@pytest.fixture(scope="module")
def worlds(project: rw.Project) -> dict[str, pd.DataFrame]:
    frames = {name: project.data.features(name) for name in project.settings.data.snapshots}
    return {name: rows.sample(min(ROWS, len(rows)), random_state=0) for name, rows in frames.items()}


@pytest.mark.parametrize("name", sorted(INCIDENTS))
def test_an_incident_changes_the_rows_and_keeps_the_columns(name: str, worlds: dict[str, pd.DataFrame]) -> None:
    rows = worlds[min(worlds)]
    before = rows.copy()
    after = INCIDENTS[name](rows, worlds, START)
    assert list(after.columns) == list(rows.columns)
    assert not after.reset_index(drop=True).equals(before.reset_index(drop=True))
    pd.testing.assert_frame_equal(rows, before)
