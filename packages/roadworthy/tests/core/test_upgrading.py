"""Another release of the library: verified, tried, taken back when it is red; nothing of a person's is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from releases import make_release, make_vendored, run_here, wheel, zipped
from roadworthy.base import source_code
from roadworthy.base.errors import InputError, RedError
from roadworthy.base.files import file_sha256
from roadworthy.cli import vendor

OLD = {"__init__.py": '__version__ = "1.0"\n', "data.py": "x = 1\n", "old.py": ""}
NEW = {"__init__.py": '__version__ = "1.1"\n', "data.py": "x = 2\n", "gates/new.py": "y = 1\n"}
COURSE = {"__init__.py": '__version__ = "1.1"\n', "questions/check_01.py": "z = 1\n"}
TEST = """
from pathlib import Path

def test_what_the_project_needs_of_the_library():
    assert "x = {x}" in Path(__file__).parents[1].joinpath("vendor", "roadworthy", "data.py").read_text()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project with the library 1.0 and a file of its own."""
    made = make_vendored(tmp_path / "home", {"roadworthy": OLD})
    (made / "mine.py").write_text("mine", encoding="utf-8")
    return made


def with_test(home: Path, x: int) -> Path:
    """The project with a test that is green with one version of the library only."""
    (home / "tests").mkdir()
    (home / "tests" / "test_mine.py").write_text(TEST.format(x=x), encoding="utf-8")
    return home


def files(home: Path) -> dict[str, str]:
    """The text of every file of the project but what Python writes."""
    return {path.relative_to(home).as_posix(): path.read_text("utf-8") for path in source_code.vendored_files(home)}


Release = Callable[[Path], Path]
RELEASES: dict[str, Release] = {
    "folder": lambda place: make_release(place / "new", {"roadworthy": NEW}),
    "zip": lambda place: zipped(make_release(place / "new", {"roadworthy": NEW}), place / "new.zip"),
    "wheel": lambda place: wheel(
        place / "roadworthy-1.1-py3-none-any.whl", {f"roadworthy/{name}": text for name, text in NEW.items()}
    ),
}


@pytest.mark.parametrize("kind", RELEASES)
def test_a_release_takes_the_place_of_the_library_and_says_what_changed(kind: str, home: Path, tmp_path: Path) -> None:
    told: list[str] = []
    done = vendor.upgrade_library(with_test(home, 2), RELEASES[kind](tmp_path), tell=told.append)
    assert done.versions == {"roadworthy": ("1.0", "1.1")}
    assert done.changed == ("roadworthy/__init__.py", "roadworthy/data.py")
    assert (done.added, done.removed) == (("roadworthy/gates/new.py",), ("roadworthy/old.py",))
    assert "roadworthy 1.0 -> 1.1" in done.lines
    assert told[-1] == "The tests are green"
    assert source_code.vendored_verdict(home) == (True, "as released: roadworthy 1.1")
    assert {name for name in files(home) if name.startswith("vendor/")} == {
        "vendor/released.json", *(f"vendor/roadworthy/{name}" for name in NEW)
    }  # fmt: skip
    assert (home / "mine.py").read_text(encoding="utf-8") == "mine"
    assert not (home / source_code.BEFORE).exists()
    assert not list(home.glob(".writing-*"))


def test_a_release_with_which_the_tests_are_red_is_taken_back(home: Path, tmp_path: Path) -> None:
    before = files(with_test(home, 1))
    with pytest.raises(RedError, match="the tests of the project are red with it") as red:
        vendor.upgrade_library(home, RELEASES["folder"](tmp_path), tell=lambda _: None)
    assert "test_what_the_project_needs_of_the_library" in red.value.what
    assert "the library of before is there again" in red.value.hint
    assert files(home) == before


def test_the_gates_judge_the_champion_of_a_registry_that_stands_elsewhere(home: Path, tmp_path: Path) -> None:
    before, registry = files(home), tmp_path / "elsewhere"
    registry.mkdir()
    (registry / "aliases.json").write_text('{"champion": 1}', encoding="utf-8")
    # Here is no project that they could judge, so they are red.
    with pytest.raises(RedError, match="the gates of the project are red with it"):
        vendor.upgrade_library(home, RELEASES["folder"](tmp_path), registry, tell=lambda _: None)
    assert files(home) == before


def test_edits_of_the_library_are_never_lost_without_a_word(home: Path, tmp_path: Path) -> None:
    (home / "vendor" / "roadworthy" / "data.py").write_text("x = 3\n", encoding="utf-8")
    source_code.accept_edits(home, "a hot fix", "Ada")
    before, release = files(home), RELEASES["zip"](tmp_path)
    with pytest.raises(InputError, match=r"edits would be lost: roadworthy/data\.py"):
        vendor.upgrade_library(home, release, tell=lambda _: None)
    assert files(home) == before
    vendor.upgrade_library(home, release, discard=True, tell=lambda _: None)
    assert source_code.vendored_verdict(home)[0]
    assert source_code.accepted_edits(home) == []


def test_a_wheel_of_one_package_leaves_the_other_as_it_is(tmp_path: Path) -> None:
    home = make_vendored(tmp_path / "home", {"roadworthy": OLD, "roadworthy_course": COURSE})
    vendor.upgrade_library(home, RELEASES["wheel"](tmp_path), tell=lambda _: None)
    assert source_code.vendored_verdict(home) == (True, "as released: roadworthy 1.1, roadworthy_course 1.1")
    assert (home / "vendor" / "roadworthy_course" / "questions" / "check_01.py").is_file()


def test_a_project_without_the_course_does_not_get_it(home: Path, tmp_path: Path) -> None:
    done = vendor.upgrade_library(
        home, make_release(tmp_path / "new", {"roadworthy": NEW, "roadworthy_course": COURSE}), tell=lambda _: None
    )
    assert set(done.versions) == {"roadworthy"}
    assert not (home / "vendor" / "roadworthy_course").exists()


def spoiled(release: Path, name: str, text: str) -> Path:
    (release / name).write_text(text, encoding="utf-8")
    return release


def other_sum(place: Path) -> Path:
    return spoiled(RELEASES["folder"](place), "roadworthy/data.py", "x = 666\n")


def one_more(place: Path) -> Path:
    return spoiled(RELEASES["folder"](place), "roadworthy/evil.py", "")


def one_less(place: Path) -> Path:
    made = RELEASES["folder"](place)
    (made / "roadworthy" / "data.py").unlink()
    return made


def without_sums(place: Path) -> Path:
    made = RELEASES["folder"](place)
    (made / source_code.RELEASED).unlink()
    return made


def outside(place: Path) -> Path:
    made = RELEASES["folder"](place)
    return spoiled(made, source_code.RELEASED, '{"roadworthy": {"version": "1", "files": {"../../mine.py": "00"}}}')


def outside_of_the_archive(place: Path) -> Path:
    with zipfile.ZipFile(place / "new.zip", "w") as archive:
        archive.writestr("../evil.py", "")
    return place / "new.zip"


def too_large(place: Path) -> Path:
    with zipfile.ZipFile(place / "new.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("released.json", b" " * (vendor.LARGEST + 1))
    return place / "new.zip"


def cut(place: Path) -> Path:
    whole = RELEASES["zip"](place)
    whole.write_bytes(whole.read_bytes()[:-100])
    return whole


def other_bytes(place: Path) -> Path:
    made = RELEASES["wheel"](place)
    content = made.read_bytes()
    made.write_bytes(content.replace(b"x = 2\n", b"x = 6\n"))
    return made


def no_record(place: Path) -> Path:
    with zipfile.ZipFile(place / "roadworthy-1.1-py3-none-any.whl", "w") as archive:
        archive.writestr("roadworthy/__init__.py", "")
    return place / "roadworthy-1.1-py3-none-any.whl"


def another_wheel(place: Path) -> Path:
    return wheel(place / "pandas-3.0-py3-none-any.whl", {"pandas/__init__.py": ""})


@pytest.mark.parametrize(
    "damage",
    [
        other_sum,
        one_more,
        one_less,
        without_sums,
        outside,
        outside_of_the_archive,
        too_large,
        cut,
        other_bytes,
        no_record,
        another_wheel,
        lambda place: spoiled(RELEASES["folder"](place), source_code.RELEASED, "[1"),
        lambda place: spoiled(RELEASES["folder"](place), source_code.RELEASED, "{}"),
        lambda place: spoiled(place, "text.txt", "no release"),
        lambda place: spoiled(place, "text.txt", "no release") / "text.txt",
    ],
)
def test_what_is_no_whole_release_is_refused_and_nothing_changes(damage: Release, home: Path, tmp_path: Path) -> None:
    before, place = files(home), tmp_path / "place"
    place.mkdir()
    with pytest.raises(InputError) as refused:
        vendor.upgrade_library(home, damage(place), tell=lambda _: None)
    assert refused.value.hint
    assert files(home) == before
    assert not (home.parent / "evil.py").exists()


def test_an_upgrade_that_was_killed_is_taken_back_by_the_next_one(home: Path, tmp_path: Path) -> None:
    before = files(home)
    with_test(home, 2)
    (home / "tests" / "test_mine.py").write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    release = RELEASES["folder"](tmp_path)
    code = "import sys, pathlib as p; from roadworthy.cli import vendor; "
    code += "vendor.upgrade_library(*map(p.Path, sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, home, release], stdout=subprocess.DEVNULL, start_new_session=True
    )
    while not (home / source_code.BEFORE).exists() or not (home / "vendor").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (home / source_code.BEFORE).is_dir()
    vendor.recover_library(home)
    shutil.rmtree(home / "tests")
    for left in home.glob(".writing-*"):
        shutil.rmtree(left)
    assert files(home) == before


def test_the_command_upgrades_a_real_project_and_an_installed_library_is_none(tmp_path: Path) -> None:
    home = make_vendored(tmp_path / "home")
    made = source_code.released_sums(home)["roadworthy"]["version"]
    release = tmp_path / "new"
    shutil.copytree(home / "vendor", release)
    init = release / "roadworthy" / "__init__.py"
    init.write_text(init.read_text(encoding="utf-8").replace(f'"{made}"', '"99.0"'), encoding="utf-8")
    refused = run_here(home, "upgrade", str(release))
    assert (refused.returncode, "is not what the sums of the release say" in refused.stderr) == (2, True)
    known = json.loads((release / source_code.RELEASED).read_text(encoding="utf-8"))
    known["roadworthy"] |= {
        "version": "99.0",
        "files": known["roadworthy"]["files"] | {"__init__.py": file_sha256(init)},
    }
    (release / source_code.RELEASED).write_text(json.dumps(known), encoding="utf-8")
    done = run_here(home, "upgrade", str(release))
    assert done.returncode == 0, done.stderr
    assert f"roadworthy {made} -> 99.0" in done.stdout
    assert "There is no champion yet, so the gates are left out" in done.stderr
    assert "as released: roadworthy 99.0" in run_here(home, "vendor", "verify").stderr
    shutil.rmtree(home / "vendor")
    with pytest.raises(InputError, match="there is no such folder"):
        vendor.upgrade_library(home, release)
