"""Outputs that are stored in the lessons: the same for the same results, and never lost to a lesson that fails."""

import json
from pathlib import Path

import pytest

from lessons_made import command, make_project, write_lesson
from roadworthy.base import source_code
from roadworthy.base.errors import InputError, RedError
from roadworthy.base.files import file_sha256
from roadworthy.notebooks import lessons


def outputs(path: Path) -> list[str]:
    """What the code cells of a notebook say."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(output.get("text", [])) for cell in cells for output in cell["outputs"]]


@pytest.mark.slow
def test_outputs_are_stored_anew_in_the_same_form(tmp_path: Path) -> None:
    home = make_project(tmp_path / "home")
    path = write_lesson(home, "01_one", "print(x)", parameters="x = 1")
    other = write_lesson(home, "02_two", "print('two')")
    untouched = other.read_bytes()
    told: list[str] = []
    assert lessons.store_outputs(home, ["01"], lambda name, at, of: told.append(f"{name} {at} {of}")) == [path]
    assert told == ["01_one 1 1"]
    assert outputs(path) == ["1\n"]
    first = path.read_bytes()
    notebook = json.loads(first)
    assert [cell["id"] for cell in notebook["cells"]] == ["01_one-01", "01_one-02"]
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert not any("execution" in cell["metadata"] for cell in notebook["cells"])
    lessons.store_outputs(home, ["01"])
    assert path.read_bytes() == first
    assert other.read_bytes() == untouched


@pytest.mark.slow
def test_a_lesson_that_fails_or_shows_a_path_keeps_the_outputs_that_it_had(tmp_path: Path) -> None:
    home = make_project(tmp_path / "home")
    failing = write_lesson(home, "01_one", "print(1)", "assert 1 == 2, 'the figure'")
    path = write_lesson(home, "02_two", "import os; print(os.environ['MLE_HOME'])")
    before = {each: each.read_bytes() for each in (failing, path)}
    with pytest.raises(RedError, match="a cell fails: AssertionError: the figure") as red:
        lessons.store_outputs(home, ["01"])
    assert red.value.where == str(failing)
    with pytest.raises(InputError, match="shows the path"):
        lessons.store_outputs(home, ["02"])
    assert {each: each.read_bytes() for each in (failing, path)} == before


def test_the_command_refuses_a_lesson_that_there_is_not(tmp_path: Path) -> None:
    home = make_project(tmp_path / "home")
    write_lesson(home, "01_one", "print(1)")
    said = command(home, "store", "07")
    assert said.returncode == 2


def test_a_project_is_as_delivered_until_a_file_of_the_record_changes(tmp_path: Path) -> None:
    assert not source_code.as_delivered(tmp_path)
    config, record = tmp_path / "config.toml", tmp_path / source_code.DELIVERED
    config.write_text("[model]\n", encoding="utf-8")
    record.parent.mkdir()
    record.write_text(json.dumps({"config.toml": file_sha256(config)}), encoding="utf-8")
    assert source_code.as_delivered(tmp_path)
    config.write_text("[model]\nseed = 1\n", encoding="utf-8")
    assert not source_code.as_delivered(tmp_path)
    config.unlink()
    assert not source_code.as_delivered(tmp_path)
    record.write_text("[", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        source_code.as_delivered(tmp_path)
