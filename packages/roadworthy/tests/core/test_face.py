"""What the library offers by name: few names, each with an example that runs, none of them loaded before it is used."""

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import roadworthy as rw
from roadworthy.bundle.bundle import Bundle
from roadworthy.contract import workspace
from roadworthy.data import snapshots
from roadworthy.model import training
from roadworthy.project import Project, members
from roadworthy.registry import export
from sample import HOME, REPOSITORY

LIBRARY = REPOSITORY / "packages" / "roadworthy" / "src" / "roadworthy"
# Settings are read where a program begins: by the project that a command opens, and by the service's own program.
READERS = {"contract/workspace.py", "serving/app.py", "serving/__main__.py", "cli/serving.py"}
MEMBERS = [each for _, each in inspect.getmembers(members, inspect.isclass) if issubclass(each, members.Member)]


def public(kind: type) -> list[str]:
    return [name for name in vars(kind) if not name.startswith("_")]


def examples(name: str) -> list[doctest.DocTest]:
    """The examples of a public name: those of its own docstring, or of the module that it is."""
    found = getattr(rw, name)
    finder = doctest.DocTestFinder(recurse=False)
    inside = found if isinstance(found, ModuleType) else sys.modules[found.__module__]
    return [test for test in finder.find(found, name, module=inside) if test.examples]


@pytest.fixture(scope="module")
def given(trained: training.Trained, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the examples of functions about models speak of."""
    folder = tmp_path_factory.mktemp("bundle") / "1"
    folder.mkdir()
    export.write_bundle(trained, folder)
    return {"bundle": Bundle.load(folder), "rows": trained.split.test.head(50)}


def test_the_face_has_at_most_forty_names() -> None:
    assert len(rw.__all__) <= 40
    assert sorted(rw.__all__, key=str.lower) == sorted(set(rw.__all__), key=str.lower)
    assert set(rw.__all__) <= set(dir(rw))


@pytest.mark.parametrize("name", rw.__all__)
def test_every_public_name_has_an_example_that_runs(
    name: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HOME)
    tests = examples(name)
    assert tests, f"{name} has no example"
    for test in tests:
        test.globs.update(given)
        said: list[str] = []
        outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
        assert outcome.attempted
        assert not outcome.failed, "".join(said)


def test_importing_the_library_loads_nothing_but_its_names() -> None:
    code = "import sys; before = {*sys.modules}; import roadworthy; print(*sorted({*sys.modules} - before))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOME).stdout
    loaded = [name for name in told.split() if name.partition(".")[0] not in sys.stdlib_module_names]
    assert loaded == ["roadworthy"]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(rw, "nothing")  # noqa: B009 - a type checker knows that it is not there


def test_a_project_and_its_members_stay_small() -> None:
    assert len((LIBRARY / "project" / "__init__.py").read_text(encoding="utf-8").splitlines()) < 300
    for kind in MEMBERS:
        assert len(public(kind)) <= 20, kind.__name__


@pytest.mark.parametrize("kind", [each for each in MEMBERS if public(each)], ids=lambda kind: kind.__name__)
def test_the_source_of_every_member_is_that_of_the_step_behind_it(kind: type) -> None:
    opened = Project.open(HOME)
    for name in public(kind):
        shown = rw.show(getattr(kind(opened), name))
        place, _, source = shown.partition("\n")
        assert re.fullmatch(r"# roadworthy/[\w/]+\.py(:\d+)?", place), name
        assert "members.py" not in place, f"{name} shows itself, not the step behind it"
        assert source.startswith(("def ", "class ", "@"))


def test_the_steps_of_a_project_are_shown_as_they_are() -> None:
    opened = Project.open(HOME)
    for name in ("check", "train", "evaluate", "test_model", "trace", "score", "monitor", "retrain"):
        shown = rw.show(getattr(opened, name))
        assert "/project/" not in shown.partition("\n")[0], name
    assert inspect.getsource(snapshots.make_features).strip() in rw.show(opened.data.make_features)


def test_what_delegates_nowhere_shows_itself() -> None:
    shown = rw.show(workspace.definition_of)
    assert shown.startswith("# roadworthy/contract/workspace.py")
    with pytest.raises(TypeError):
        rw.show(len)


def sources() -> list[Path]:
    return sorted(LIBRARY.rglob("*.py"))


def test_no_contract_is_global_and_settings_are_read_where_a_program_begins() -> None:
    for path in sources():
        text, name = path.read_text(encoding="utf-8"), path.relative_to(LIBRARY).as_posix()
        # What `adopt` writes are the modules of a project.
        assert "project/adoption/" in name or not re.search(r"\bCONTRACT\b", text), name
        assert not re.search(r"import_module\(.*contract", text), name
        reads = re.search(r"settings\.(load_settings|find_home)\(|settings import (load_settings|find_home)\b", text)
        assert not reads or name in READERS, f"{name} reads the settings: take the project instead"


def test_the_library_never_names_the_course() -> None:
    for path in sources():
        assert "roadworthy_course" not in path.read_text(encoding="utf-8"), path.name
