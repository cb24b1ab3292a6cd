"""The contract says what the data are, and the settings name what the contract has."""

import pytest
from conftest import open_project

import roadworthy as rw

SNAPSHOTS = sorted(open_project().settings.data.snapshots)


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_the_checks_of_every_snapshot_are_green(project: rw.Project, snapshot: str) -> None:
    report = project.check(snapshot)
    assert [finding for finding in report.findings if not finding.passed] == []


def test_every_feature_of_the_model_is_known_when_it_is_asked_for(project: rw.Project) -> None:
    columns = project.contract.features
    assert {columns.column(name).known for name in project.settings.model.features} == {"before"}


def test_every_column_says_what_it_is(project: rw.Project) -> None:
    tables = [*project.contract.tables, project.contract.features]
    assert [(table.name, column.name) for table in tables for column in table.columns if not column.about] == []
