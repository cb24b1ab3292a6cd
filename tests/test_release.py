"""What is handed on of library and course: the zip file for `upgrade`, wheels for an index, and what a team owns."""

import re
import shutil
import zipfile
from pathlib import Path

import pytest
from conftest import Generate
from environments import UV, environment_for
from machine import REPOSITORY, run
from release import archive, wheels
from sizes import sizes

LIMITS = {
    "Python files in src": 12,
    "lines of Python in src": 900,
    "lines of tests": 1200,
    "files outside data, vendor, notebooks, exercises, deploy": 55,
}


def test_what_a_team_owns_stays_small(generate: Generate) -> None:
    counted = sizes(generate({}))
    assert {name: counted[name] for name, most in LIMITS.items() if counted[name] > most} == {}


def test_the_same_sources_give_the_same_release(tmp_path: Path) -> None:
    one, other = archive(tmp_path / "one"), archive(tmp_path / "other")
    assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(one) as made:
        names = set(made.namelist())
    assert f"{one.stem}/released.json" in names
    assert f"{one.stem}/roadworthy/__init__.py" in names
    assert f"{one.stem}/roadworthy_course/questions/check_01.py" in names
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


@pytest.mark.slow
def test_a_project_works_with_wheels_in_the_place_of_its_vendor_folder(generate: Generate, tmp_path: Path) -> None:
    made = wheels(tmp_path / "dist")
    assert [path.name.partition("-")[0] for path in made] == ["roadworthy", "roadworthy_course"]
    project = generate({})
    text = (REPOSITORY / "packages" / "roadworthy" / "README.md").read_text(encoding="utf-8")
    steps = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert steps
    own, shared = tmp_path / "environment", environment_for("3.11")
    run(UV, "venv", "--python", shared / "bin" / "python", own, cwd=tmp_path)
    (packages,) = own.glob("lib/python*/site-packages")
    (theirs,) = shared.glob("lib/python*/site-packages")
    (packages / "locked.pth").write_text(f"{theirs}\n", encoding="utf-8")
    run("sh", "-eu", "-c", steps[1], cwd=project)
    assert not (project / "vendor").exists()
    options = ["--no-deps", "--no-build-isolation", "--offline", "--python", str(own)]
    run(UV, "pip", "install", *options, *made, cwd=project)
    run(UV, "pip", "install", *options, "--editable", ".", cwd=project)
    command = own / "bin" / "roadworthy"
    assert "The report is" in run(command, "check", cwd=project).stderr
    assert "exercise" in run(command, "--help", cwd=project).stdout
    told = run(own / "bin" / "python", "-c", "import roadworthy; print(roadworthy.__file__)", cwd=project).stdout
    assert Path(told.strip()).is_relative_to(own)
    assert "is installed, and not in vendor/" in run(command, "vendor", "verify", cwd=project).stderr
    shutil.rmtree(own)
