"""The practice ground, the board and the sealed answer, on a project of a few files."""

import json
import shutil
import subprocess
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from roadworthy.base.errors import InputError
from roadworthy.drills import board, faults, practice
from roadworthy.drills.faults import Edit, Fault, Rewrite
from roadworthy.gates.run import GATES
from roadworthy.project import Project
from sample import HOME

CONFIG = """[data]
snapshot = "a"

[data.snapshots.a]
folder = "data/a"

[model]
max_iter = 200   # trees
names = [
    "x",
]
"""
FAULTS = faults.load_faults(HOME)


@pytest.fixture
def copy(project: Project, tmp_path: Path) -> practice.ProjectCopy:
    (tmp_path / "config.toml").write_text(CONFIG)
    made = practice.ProjectCopy(project, tmp_path)
    made.package.mkdir(parents=True)
    for folder in (made.package, made.home):
        (folder / "code.py").write_text("one = 1\ntwo = 2\ntwo = 2\n")
    return made


def test_every_gate_has_two_drills_and_every_drill_a_gate() -> None:
    drills = Counter(fault.gate for fault in FAULTS)
    assert set(drills) == {gate.name for gate in GATES}
    assert min(drills.values()) >= 2
    assert len(FAULTS) >= 55


def test_every_drill_changes_what_the_team_owns() -> None:
    kinds = {field for fault in FAULTS for edit in fault.edit for field in edit.model_dump(exclude_defaults=True)}
    assert kinds == {"file", "package", "old", "new"}
    with pytest.raises(ValidationError):
        Edit.model_validate({"library": "training.py", "old": "a", "new": "b"})


def test_the_names_of_drills_are_their_own_and_their_stories_are_told() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(len(fault.story) > 30 for fault in FAULTS)


def test_the_drills_of_a_team_come_after_those_of_the_sections(tmp_path: Path) -> None:
    shutil.copytree(HOME / faults.FOLDER, tmp_path / faults.FOLDER)
    own = (
        '[[drill]]\nname = "our own"\ngate = "Model 1"\nstory = "What happened to us."\nsetting = {"model.seed" = 2}\n'
    )
    (tmp_path / faults.FOLDER / "alone.toml").write_text(own)
    found = faults.load_faults(tmp_path)
    assert [fault.name for fault in found] == [*(fault.name for fault in FAULTS), "our own"]
    assert faults.load_faults(tmp_path, ["our own"])[0].gate == "Model 1"


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        (
            "registry: there is no version 'champion'\n  versions: [1]; train makes one\n",
            "registry: there is no version",
        ),
        ("Traceback (most recent call last):\n  File x\n    code\nKeyError: 'a'\n", "KeyError: 'a'"),
        ("", "exit code 3"),
    ],
)
def test_gates_that_do_not_run_are_told_by_what_is_wrong(
    copy: practice.ProjectCopy, monkeypatch: pytest.MonkeyPatch, stderr: str, told: str
) -> None:
    done = subprocess.CompletedProcess([], 3, stdout="", stderr=stderr)
    monkeypatch.setattr(practice.ProjectCopy, "run", lambda *_, **__: done)
    with pytest.raises(InputError) as refused:
        board.run_gates_in_copy(copy)
    assert told in refused.value.what


def test_every_drill_plants_something() -> None:
    for fault in FAULTS:
        assert fault.edit or fault.table or fault.setting or fault.damage, fault.name
        assert not fault.damage or callable(getattr(faults, fault.damage)), fault.name


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.edit], ids=lambda fault: fault.name)
def test_the_text_that_a_drill_changes_stands_once_in_its_file(project: Project, fault: Fault) -> None:
    here = practice.ProjectCopy(project, HOME)
    texts: dict[Path, str] = {}
    for edit in fault.edit:  # in turn: a later one may change what an earlier one wrote
        file = here.file(edit)
        text = texts.get(file) or file.read_text(encoding="utf-8")
        assert text.count(edit.old) == 1, file
        texts[file] = text.replace(edit.old, edit.new)


@pytest.mark.parametrize("place", ["package", "file"])
def test_an_edit_changes_one_place(copy: practice.ProjectCopy, place: str) -> None:
    copy.edit(Edit(**{place: "code.py"}, old="one = 1", new="one = 7"))
    changed, other = (copy.package, copy.home) if place == "package" else (copy.home, copy.package)
    assert (changed / "code.py").read_text() == "one = 7\ntwo = 2\ntwo = 2\n"
    assert (other / "code.py").read_text().startswith("one = 1\n")


@pytest.mark.parametrize(("old", "times"), [("two = 2", 2), ("three", 0)])
def test_an_edit_that_does_not_fit_is_refused(copy: practice.ProjectCopy, old: str, times: int) -> None:
    with pytest.raises(InputError, match=f"stands there {times} times"):
        copy.edit(Edit(package="code.py", old=old, new=""))


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("model.max_iter", 3, "max_iter = 3 # trees"),
        ("model.names", ["x", "y"], 'names = ["x", "y"]'),
        ("model.new", 0.5, "new = 0.5"),
        ("other.key", "text", '[other]\nkey = "text"'),
        ("data.snapshots.a.folder", "elsewhere", 'folder = "elsewhere"'),
    ],
)
def test_a_setting_is_changed_where_it_stands(copy: practice.ProjectCopy, name: str, value: object, line: str) -> None:
    import tomllib

    copy.set({name: value})
    text = (copy.home / "config.toml").read_text()
    assert line in text
    place: Any = tomllib.loads(text)
    for key in name.split("."):
        place = place[key]
    assert place == value
    assert len(tomllib.loads(text)["data"]["snapshots"]) == 1


def test_a_table_that_is_rewritten_leaves_the_original_alone(project: Project, tmp_path: Path) -> None:
    import duckdb

    home, original = tmp_path / "project", tmp_path / "original.parquet"
    (home / "data" / "a").mkdir(parents=True)
    (home / "config.toml").write_text(CONFIG)
    duckdb.connect().execute(f"copy (select 1 as x) to '{original}' (format parquet)")
    (home / "data" / "a" / "t.parquet").symlink_to(original)
    practice.ProjectCopy(project, home).rewrite(Rewrite(table="t", sql="select x + 1 as x from t"))
    assert duckdb.read_parquet(str(original)).fetchall() == [(1,)]
    assert duckdb.read_parquet(str(home / "data" / "a" / "t.parquet")).fetchall() == [(2,)]
    assert (home / "data" / "a" / "SHA256SUMS").is_file()


def test_a_copy_links_tables_and_copies_all_else(project: Project, tmp_path: Path) -> None:
    copy = practice.copy_project(project, tmp_path / "copy")
    tables = list((copy.home / "data").rglob("*.parquet"))
    assert len(tables) == 10
    assert all(table.is_symlink() for table in tables)
    for file in (copy.package / "contract.py", copy.home / "config.toml"):
        assert file.is_file()
        assert not file.is_symlink()


def test_a_copy_has_no_library_of_its_own(project: Project, tmp_path: Path) -> None:
    copy = practice.copy_project(project, tmp_path / "copy")
    assert not (copy.home / "vendor").exists()
    assert [path.name for path in (copy.home / "src").iterdir()] == [project.settings.project.package]


@pytest.mark.parametrize("content", ["drill = 3", "[[drill]]\nname = 'x'", "no toml ["])
def test_a_bad_list_of_drills_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "drills").mkdir()
    (tmp_path / "drills" / "data.toml").write_text(content)
    with pytest.raises(InputError, match="no list of drills"):
        faults.load_faults(tmp_path)


def test_an_unknown_drill_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no drill 'nothing'"):
        faults.load_faults(HOME, ["nothing"])
    with pytest.raises(InputError, match="no such file"):
        faults.load_faults(tmp_path)


def said(passed: dict[str, bool | None]) -> list[dict[str, Any]]:
    return [{"gate": gate, "passed": value, "evidence": "why"} for gate, value in passed.items()]


@pytest.fixture
def ground(copy: practice.ProjectCopy, monkeypatch: pytest.MonkeyPatch) -> practice.ProjectCopy:
    """A practice ground whose gate "Model 3" is red once the setting max_iter is 3."""

    def run(self: practice.ProjectCopy, *words: str, **_: str) -> subprocess.CompletedProcess[str]:
        assert words[0] == "gates"
        red = "max_iter = 3 " in (self.home / "config.toml").read_text()
        told = said({"Data 1": True, "Model 3": not red, "Model 6": None})
        return subprocess.CompletedProcess(words, 0, json.dumps(told), "")

    monkeypatch.setattr(practice.ProjectCopy, "run", run)
    return copy


def of_ground(ground: practice.ProjectCopy) -> Project:
    """The project as if it stood where the ground does, for whose sake its settings need not be read."""
    return Project(ground.home, ground.origin.settings, ground.origin.definition)


UNTUNED = Fault(name="untuned", gate="Model 3", story="s", setting={"model.max_iter": 3})
HARMLESS = Fault(name="harmless", gate="Model 3", story="s", setting={"model.max_iter": 300})


def test_a_fault_is_caught_by_its_gate_and_nothing_is_left(
    ground: practice.ProjectCopy, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("place")
    found = board.drill_one(ground, UNTUNED, place)
    assert (found.caught, found.red, found.not_judged) == (True, ("Model 3",), ("Model 6",))
    assert board.drill_one(ground, HARMLESS, place).caught is False
    assert list(place.iterdir()) == []
    assert "max_iter = 200" in (ground.home / "config.toml").read_text()


def test_gates_that_do_not_run_are_an_error(ground: practice.ProjectCopy, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = subprocess.CompletedProcess([], 2, "", "the last line says why")
    monkeypatch.setattr(practice.ProjectCopy, "run", lambda *_, **__: broken)
    with pytest.raises(InputError, match="the last line says why"):
        board.run_gates_in_copy(ground)


def test_a_drill_begins_on_sound_ground_only(
    project: Project, monkeypatch: pytest.MonkeyPatch, ground: practice.ProjectCopy
) -> None:
    monkeypatch.setattr(board, "prepare_practice", lambda *_: ground)
    with pytest.raises(InputError, match="not every gate is green\n  Model 6"):
        board.run_drills(project, [UNTUNED])


def test_the_sealed_answer_is_checked_and_not_told(
    project: Project,
    ground: practice.ProjectCopy,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("blind") / "here"
    monkeypatch.setattr(board, "prepare_practice", lambda _, target: practice.fresh_copy(ground, target))
    home = board.plant_unnamed(project, place, [UNTUNED])
    assert "max_iter = 3" in (home / "config.toml").read_text()
    assert "untuned" not in (place / board.SEALED).read_text()
    assert [each["gate"] for each in board.judge_unnamed(project, place) if each["passed"] is False] == ["Model 3"]
    with pytest.raises(InputError, match="no drill 'typo'"):
        board.answer_unnamed(place, "typo", [UNTUNED, HARMLESS])
    assert board.answer_unnamed(place, "harmless", [UNTUNED, HARMLESS]) is False
    assert place.exists()
    assert board.answer_unnamed(place, "untuned", [UNTUNED, HARMLESS]) is True
    assert not place.exists()
    with pytest.raises(InputError, match="no fault is planted"):
        board.judge_unnamed(project, place)


def test_there_are_thirty_clean_variants_of_both_years() -> None:
    variants, draws = board.load_variants(HOME, 30)
    assert len({variant.name for variant in variants}) == 30
    assert {draw.snapshot for draw in draws} == {"2013", "2023"}
    assert sum(variant.draw > 0 for variant in variants) >= 10
    with pytest.raises(InputError, match="there are 30 clean variants"):
        board.load_variants(HOME, 31)


def test_false_alarms_are_counted(ground: practice.ProjectCopy, monkeypatch: pytest.MonkeyPatch) -> None:
    (ground.home / "drills").mkdir()
    lines = '[[clean]]\nname = "as it is"\n\n[[clean]]\nname = "few trees"\nsetting = { "model.max_iter" = 3 }\n'
    (ground.home / "drills" / "clean.toml").write_text("draw = []\n" + lines)
    monkeypatch.setattr(board, "copy_project", lambda _, target: practice.fresh_copy(ground, target))
    monkeypatch.setattr(board, "train_twice", lambda *_: None)
    one, other = board.run_clean_variants(of_ground(ground), 2)
    assert (one.alarms, one.not_judged) == ({}, {"Model 6": "why"})
    assert other.alarms == {"Model 3": "why"}


def test_a_clean_variant_whose_model_is_refused_is_a_false_alarm(
    ground: practice.ProjectCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ground.home / "drills").mkdir()
    (ground.home / "drills" / "clean.toml").write_text('draw = []\n[[clean]]\nname = "one"\n[[clean]]\nname = "two"\n')
    monkeypatch.setattr(board, "copy_project", lambda _, target: practice.fresh_copy(ground, target))
    config, split = practice._read_config, {"train": ["2013-01-01", "2013-03-01"]}
    monkeypatch.setattr(practice, "_read_config", lambda home: {**config(home), "split": split})
    told = subprocess.CompletedProcess([], 1, "", "version 1: not every gate is green")
    monkeypatch.setattr(practice.ProjectCopy, "run", lambda *_, **__: told)
    one, two = board.run_clean_variants(of_ground(ground), 2)
    assert (one.variant, two.variant) == ("one", "two")
    assert "not every gate is green" in one.alarms[board.TRAINING]
    told.returncode = 2
    with pytest.raises(InputError, match="cannot begin"):
        board.run_clean_variants(of_ground(ground), 1)


@pytest.mark.parametrize(
    ("end", "days", "expected"), [(date(2013, 7, 1), 30, date(2013, 6, 1)), (date(2013, 2, 20), 30, date(2013, 2, 12))]
)
def test_the_version_before_has_not_seen_a_month_or_a_sixth_of_a_short_period(
    end: date, days: int, expected: date
) -> None:
    assert practice.shorter_period((date(2013, 1, 1), end), days, 6) == (date(2013, 1, 1), expected)
