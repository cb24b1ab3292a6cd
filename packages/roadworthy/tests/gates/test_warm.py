"""A command of a copy runs the copy's own code, in a process that is forked as in one that is started."""

import multiprocessing
import subprocess
from pathlib import Path

import pytest

from roadworthy import nursery
from roadworthy.drills import practice
from roadworthy.drills.faults import Edit
from roadworthy.project import Project

WAYS = ["0", pytest.param("1", marks=pytest.mark.skipif(not nursery.POSSIBLE, reason="a fork is safe on Linux only"))]


@pytest.fixture(params=WAYS, ids=lambda switch: "started" if switch == "0" else "forked")
def copy(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> practice.Copy:
    monkeypatch.setenv(nursery.SWITCH, request.param)
    made = practice.copy_project(project, tmp_path / "copy")
    made.edit(Edit(library="cli.py", old="A machine-learning project:", new="A copy:"))
    made.edit(Edit(library="gate_commands.py", old='"story": fault.story', new='"story": str(project.folder)'))
    return made


def test_the_code_of_the_copy_runs_in_its_folder(copy: practice.Copy) -> None:
    helped, listed = copy.run("--help"), copy.run("drill")
    assert "A copy: check, train" in helped.stdout
    assert str(copy.home) in listed.stdout.replace("\n", "")
    assert (helped.returncode, listed.returncode, listed.stderr) == (0, 0, "")


def test_a_mistake_has_its_exit_code_and_words(copy: practice.Copy) -> None:
    done = copy.run("drill", "no such drill")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no drill 'no such drill'" in done.stderr
    assert "Traceback" not in done.stderr


def test_variables_reach_the_command(copy: practice.Copy) -> None:
    assert "last year" in copy.run("check", MLE_DATA__SNAPSHOT="last year").stderr


def test_a_command_that_takes_too_long_is_ended(copy: practice.Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(practice, "LIMIT", 0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        copy.run("--help")
    assert not multiprocessing.active_children()
