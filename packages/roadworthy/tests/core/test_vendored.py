"""The library in vendor/ against its release: what was edited is told, and stops a promotion until it is accepted."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases import make_vendored, run_here
from roadworthy.base import source_code
from roadworthy.base.errors import InputError
from roadworthy.gates import run
from roadworthy.project import Project

FILES = {"__init__.py": '__version__ = "1.0"\n', "data.py": "x = 1\n", "gates/run.py": "y = 2\n", "pages.css": "p {}\n"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project with a library of four files."""
    return make_vendored(tmp_path, {"roadworthy": FILES})


def test_a_library_as_it_was_released_has_no_edit(home: Path) -> None:
    assert source_code.vendored_edits(home) == []
    assert source_code.vendored_verdict(home) == (True, "as released: roadworthy 1.0")


def test_what_python_and_its_tools_write_is_no_edit(home: Path) -> None:
    for name in ("__pycache__/data.cpython-311.pyc", "gates/__pycache__/run.pyc", ".mypy_cache/a.json"):
        path = home / "vendor" / "roadworthy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    assert source_code.vendored_edits(home) == []


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from([*FILES, "new.py", "gates/new.sql"]), st.sampled_from(["write", "remove"])))
def test_each_file_that_differs_is_told_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, damage: dict[str, str]
) -> None:
    home = make_vendored(tmp_path_factory.mktemp("home"), {"roadworthy": FILES})
    expected = {}
    for name, what in damage.items():
        path = home / "vendor" / "roadworthy" / name
        if what == "write":
            path.write_text("changed", encoding="utf-8")
            expected[f"roadworthy/{name}"] = "edited" if name in FILES else "added"
        elif name in FILES and name != "__init__.py":
            path.unlink()
            expected[f"roadworthy/{name}"] = "missing"
    assert {edit.file: edit.kind for edit in source_code.vendored_edits(home)} == expected
    passed, evidence = source_code.vendored_verdict(home)
    assert passed == (not expected)
    assert not expected or min(expected) in evidence


def test_an_accepted_edit_is_no_longer_red_until_it_is_edited_again(home: Path) -> None:
    file = home / "vendor" / "roadworthy" / "data.py"
    file.write_text("x = 2\n", encoding="utf-8")
    (edit,) = source_code.accept_edits(home, "a hot fix until 1.1", "Ada")
    assert (edit.file, edit.kind) == ("roadworthy/data.py", "edited")
    assert source_code.unaccepted_edits(home) == []
    assert source_code.vendored_verdict(home) == (
        True,
        "as released: roadworthy 1.0, with 1 accepted edits: a hot fix until 1.1",
    )
    (said,) = source_code.accepted_edits(home)
    assert (said["reason"], said["by"]) == ("a hot fix until 1.1", "Ada")
    file.write_text("x = 3\n", encoding="utf-8")
    assert [each.file for each in source_code.unaccepted_edits(home)] == ["roadworthy/data.py"]
    source_code.accept_edits(home, "another one", "Ada")
    assert [each["reason"] for each in source_code.accepted_edits(home)] == ["another one"]


@pytest.mark.parametrize(("reason", "words"), [("", "a reason is missing"), ("why", "there is no edit to accept")])
def test_nothing_is_accepted_without_a_reason_or_an_edit(home: Path, reason: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        source_code.accept_edits(home, reason, "Ada")


@pytest.mark.parametrize("text", [None, "", "[", "[]", '{"roadworthy": 1}', '{"roadworthy": {"version": "1"}}', "{}"])
def test_sums_that_cannot_be_read_are_told_and_verify_nothing(home: Path, text: str | None) -> None:
    file = home / "vendor" / source_code.RELEASED
    file.unlink() if text is None else file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"verified") as error:
        source_code.vendored_edits(home)
    assert error.value.where == str(file)
    assert "version control" in error.value.hint


def test_accepted_edits_that_cannot_be_read_are_told(home: Path) -> None:
    (home / "vendor" / "roadworthy" / "data.py").write_text("x = 2\n", encoding="utf-8")
    (home / "vendor" / source_code.ACCEPTED).write_text("[1", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        source_code.unaccepted_edits(home)


def test_a_project_without_the_folder_and_a_link_to_a_working_tree_have_nothing_to_verify(home: Path) -> None:
    elsewhere = home / "elsewhere"
    shutil.move(home / "vendor" / "roadworthy", elsewhere)
    (home / "vendor" / "roadworthy").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "data.py").write_text("x = 2\n", encoding="utf-8")
    assert source_code.vendored_edits(home) == []
    shutil.rmtree(home / "vendor")
    assert source_code.vendored_verdict(home) == (True, "the library is installed, and not in vendor/")


def test_the_gates_have_a_verdict_about_an_edited_library(home: Path, project: Project) -> None:
    here = Project(home, project.settings, project.definition)
    assert run._judge_library(here) == []
    (home / "vendor" / "roadworthy" / "data.py").write_text("x = 2\n", encoding="utf-8")
    (red,) = run._judge_library(here)
    assert (red.gate, red.passed) == (run.LIBRARY, False)
    assert "roadworthy/data.py (edited)" in red.evidence
    source_code.accept_edits(home, "a hot fix", "Ada")
    (green,) = run._judge_library(here)
    assert (green.passed, "a hot fix" in green.evidence) == (True, True)


def test_an_edit_is_a_warning_in_every_command_and_stops_a_promotion_until_it_is_accepted(
    tmp_path: Path, versions: Path
) -> None:
    home = make_vendored(tmp_path / "home")
    shutil.copytree(versions, home / "registry")
    quiet = run_here(home, "registry", "list")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert "as released: roadworthy 0." in run_here(home, "vendor", "verify").stderr
    with (home / "vendor" / "roadworthy" / "gates" / "data.py").open("a", encoding="utf-8") as file:
        file.write("\n# Mended at night.\n")
    warned = run_here(home, "registry", "list")
    assert warned.returncode == 0
    assert (
        "Warning: the library in vendor/ is not as it was released: roadworthy/gates/data.py (edited)" in warned.stderr
    )
    verified = run_here(home, "vendor", "verify", "--json")
    assert verified.returncode == 1
    assert json.loads(verified.stdout)[0]["file"] == "roadworthy/gates/data.py"
    assert "roadworthy vendor accept --reason" in verified.stderr
    refused = run_here(home, "registry", "promote", "2")
    assert (refused.returncode, "not as it was released" in refused.stderr) == (1, True)
    accepted = run_here(home, "vendor", "accept", "--reason", "mended at night", "--by", "Ada")
    assert "Accepted: roadworthy/gates/data.py (edited)" in accepted.stderr
    assert run_here(home, "registry", "promote", "2").returncode == 0
    assert run_here(home, "registry", "list").stderr == ""
    assert "mended at night" in run_here(home, "vendor", "verify").stderr
