"""The real thing: a practice ground of the project, faults planted in it, all 28 gates run on each."""

import pytest

from roadworthy.drills import board, faults
from roadworthy.project import Project
from sample import HOME

pytestmark = pytest.mark.slow
NAMES = ("a flipped byte", "degrees Celsius")  # one in the bundle, one in the code


def test_sound_ground_is_green_and_faults_are_caught_by_their_gates() -> None:
    found = board.run_drills(Project.open(HOME), faults.load_faults(HOME, NAMES), jobs=2)
    assert [drilled.fault for drilled in found if not drilled.caught] == []
    assert len(found) == len(NAMES)
