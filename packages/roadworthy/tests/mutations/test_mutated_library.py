"""The library's own mistakes are seen: each is planted in a copy of its source, and its judge is red there."""

import os
import re
import shutil
from pathlib import Path

import mutated_library
import pytest
from mutated_library import Mutation

from roadworthy.base.files import hold_lock
from roadworthy.drills import faults, practice
from roadworthy.gates.run import GATES
from roadworthy.project import Project
from sample import HOME

MUTATIONS = mutated_library.load()
README = Path(__file__).with_name("README.md")
FEWEST = 46  # mistakes, as many as were drills of the library once


def test_each_mutation_has_a_name_of_its_own_a_story_and_a_judge() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= FEWEST
    assert all(len(mutation.story) > 30 for mutation in MUTATIONS)
    gates = {gate.name for gate in GATES}
    for mutation in MUTATIONS:
        file, _, name = mutation.judge.partition("::")
        known = mutation.judge in gates or f"def {name}(" in (mutated_library.PACKAGE / file).read_text()
        assert known, mutation.judge


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_text_that_a_mutation_changes_stands_once_in_the_library(mutation: Mutation) -> None:
    texts: dict[str, str] = {}
    for edit in mutation.edits:  # in turn: a later one may change what an earlier one wrote
        text = texts.get(edit.file) or (mutated_library.SOURCE / edit.file).read_text(encoding="utf-8")
        assert text.count(edit.old) == 1, edit.file
        texts[edit.file] = text.replace(edit.old, edit.new)


def test_the_table_says_where_each_of_the_101_first_drills_is_now() -> None:
    table = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)[1:]
    assert len({name for name, *_ in table}) == len(table) == 101
    drills = {fault.name: fault.gate for fault in faults.load_faults(HOME)}
    mutations = {mutation.name: mutation.judge for mutation in MUTATIONS}
    for name, now, judge in table:
        listed = {"drill": drills, "mutation": mutations}[now]
        assert listed.get(name) == judge.strip("`"), name
    assert set(mutations) == {name for name, now, _ in table if now == "mutation"}


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound project with two versions of its model, as drills have it: one for all processes of pytest."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "ground"
    with hold_lock(folder.with_suffix(".lock")):
        if not (folder / "ready").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            practice.prepare_practice(Project.open(HOME), folder)
            (folder / "ready").touch()
    return folder


def of(ground: Path, target: Path) -> Path:
    """A copy of the ground in which a version may be trained."""
    return practice.fresh_copy(practice.ProjectCopy(Project.open(HOME), ground), target).home


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True], ids=["as it stands", "with a new version"])
def test_no_judge_is_red_when_the_library_is_as_it_is(ground: Path, tmp_path: Path, *, train: bool) -> None:
    library = mutated_library.copied(tmp_path / "library")
    home = of(ground, tmp_path / "project") if train else ground
    gates = sorted({each.judge for each in MUTATIONS if each.train == train and not each.of_a_test})
    found = mutated_library.judged(library, home, gates, tmp_path / "said", train=train)
    assert {gate: told for gate, (passed, told) in found.items() if not passed} == {}
    assert list(found) == gates
    if not train:
        tests = sorted({each.judge for each in MUTATIONS if each.of_a_test})
        passed, output = mutated_library.tested(library, ground, tests, tmp_path / "tests")
        assert passed, output


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mistake_in_the_library_is_seen_by_its_judge(mutation: Mutation, ground: Path, tmp_path: Path) -> None:
    library = mutated_library.copied(tmp_path / "library", mutation.edits)
    if mutation.of_a_test:
        passed: bool | None = mutated_library.tested(library, ground, [mutation.judge], tmp_path / "tests")[0]
    else:
        home = of(ground, tmp_path / "project") if mutation.train else ground
        found = mutated_library.judged(library, home, [mutation.judge], tmp_path / "said", train=mutation.train)
        passed = found[mutation.judge][0]
    assert passed is False
