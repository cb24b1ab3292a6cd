"""The gates work on this project: a planted fault is caught by its gate, and only what hangs on it is red besides."""

from pathlib import Path

import pytest
from conftest import open_project

import roadworthy as rw
from roadworthy.drills import board

PROJECT = open_project()
# A project of other data may have none yet.
FAULTS = PROJECT.drills.faults() if (PROJECT.folder / "drills").is_dir() else []


def test_every_drill_finds_the_place_that_it_changes(project: rw.Project, tmp_path: Path) -> None:
    for number, fault in enumerate(FAULTS):
        copy = project.drills.copy(tmp_path / str(number))
        for edit in fault.edit:
            copy.edit(edit)
        copy.set(fault.setting)


@pytest.mark.slow
@pytest.mark.parametrize("name", [fault.name for fault in FAULTS[:1]])
def test_a_planted_fault_is_caught_by_its_gate(project: rw.Project, name: str) -> None:
    (result,) = board.run_drills(project, project.drills.faults(name), jobs=2)
    assert result.caught
    assert len(result.red) <= 3
