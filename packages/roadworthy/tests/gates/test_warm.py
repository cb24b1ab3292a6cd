"""A command of this library runs on the copy's own package, in a process that is forked as in one that is started."""

import multiprocessing
import subprocess
from pathlib import Path

import pytest

import roadworthy
from roadworthy.drills import practice
from roadworthy.drills.faults import Edit
from roadworthy.notebooks import kernel_forkserver
from roadworthy.project import Project

WAYS = [
    "0",
    pytest.param("1", marks=pytest.mark.skipif(not kernel_forkserver.POSSIBLE, reason="a fork is safe on Linux only")),
]


@pytest.fixture(params=WAYS, ids=lambda switch: "started" if switch == "0" else "forked")
def copy(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> practice.ProjectCopy:
    monkeypatch.setenv(kernel_forkserver.SWITCH, request.param)
    made = practice.copy_project(project, tmp_path / "copy")
    made.edit(
        Edit(file="drills/data.toml", old='story = "A check of the distance was red', new='story = "A copy is red')
    )
    return made


def test_this_library_runs_in_the_folder_of_the_copy_on_its_package(copy: practice.ProjectCopy) -> None:
    place = "__import__('roadworthy').__file__, __file__"
    told = f"print({place}, sep=chr(10))\nCONTRACT = Contract("
    copy.edit(Edit(package="contract.py", old="CONTRACT = Contract(", new=told))
    listed = copy.run("drill", "--json")
    library, contract, *_ = listed.stdout.splitlines()
    assert Path(library).samefile(str(roadworthy.__file__))
    assert Path(contract) == copy.package / "contract.py"
    assert "A copy is red" in listed.stdout
    assert (listed.returncode, listed.stderr) == (0, "")


def test_a_mistake_has_its_exit_code_and_words(copy: practice.ProjectCopy) -> None:
    done = copy.run("drill", "no such drill")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no drill 'no such drill'" in done.stderr
    assert "Traceback" not in done.stderr


def test_variables_reach_the_command(copy: practice.ProjectCopy) -> None:
    assert "last year" in copy.run("check", MLE_DATA__SNAPSHOT="last year").stderr


def test_a_command_that_takes_too_long_is_ended(copy: practice.ProjectCopy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(practice, "LIMIT", 0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        copy.run("--help")
    assert not multiprocessing.active_children()
