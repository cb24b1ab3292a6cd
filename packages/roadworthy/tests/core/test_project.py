"""A project that cannot be opened says so in a sentence, what to do about it, and ends with exit code 2."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import roadworthy
from called import Said, call, refused
from lessons_made import PROJECT, environment, make_project
from roadworthy.base.errors import InputError
from roadworthy.project import Project

GOOD = """
from pathlib import Path
import roadworthy as rw
from .contract import CONTRACT
PROJECT = rw.Definition(
    contract=CONTRACT,
    sql=Path(__file__).parent,
    model="corner_shop.model:build",
    search="corner_shop.model:SEARCH",
    incidents="corner_shop.incidents:INCIDENTS",
)
"""
CONTRACT = """
import roadworthy as rw
kinds = {"sale": "text", "at": "time", "day": "date", "price": "number", "returned": "boolean", "known_at": "time"}
columns = tuple(rw.Column(name=name, kind=kind, about=name) for name, kind in kinds.items())
features = rw.Table(name="features", columns=columns, key=("sale",))
CONTRACT = rw.Contract(
    tables=(), features=features, key="sale", time="at", day="day", target="returned", known_at="known_at"
)
"""
Command = Callable[..., Said]
# The commands that open a project: with the data, with the registry only.
COMMANDS = ("check", "registry list")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project without data whose package is sound: src/corner_shop."""
    home = make_project(tmp_path / "project")
    name_package(home, "corner_shop")
    (home / "src" / "corner_shop").mkdir(parents=True)
    write(home, "__init__.py", GOOD)
    write(home, "contract.py", CONTRACT)
    return home


def name_package(home: Path, name: str) -> None:
    """Let config.toml name another package."""
    file = home / "config.toml"
    own = Project.open(PROJECT).settings.project.package
    text = file.read_text(encoding="utf-8")
    assert f'package = "{own}"' in text
    file.write_text(text.replace(f'package = "{own}"', f'package = "{name}"'), encoding="utf-8")


def write(home: Path, name: str, text: str) -> None:
    """A module of the package."""
    (home / "src" / "corner_shop" / name).write_text(text, encoding="utf-8")


def run(folder: Path, *words: str, module: str = "roadworthy", **more: str) -> Said:
    """A command of its own in that folder; no variable names a project."""
    variables = {name: value for name, value in environment(folder, **more).items() if name != "MLE_HOME"}
    line = [sys.executable, "-m", module, *words]
    done = subprocess.run(line, cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def command(shop: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The console script in that project, in this process, which forgets the package afterwards."""
    monkeypatch.delenv("MLE_HOME", raising=False)
    monkeypatch.chdir(shop)
    yield partial(call, monkeypatch, capfd)
    forget("corner_shop")


def forget(package: str) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == package]:
        del sys.modules[name]


def refused_alike(command: Command, *words: object) -> None:
    """Commands are refused with the same sentence and one about what to do."""
    for line in COMMANDS:
        said = command(*line.split())
        refused(said, *words)
        assert len(said.err.splitlines()) == 2, "what and where, then what to do"


def test_a_sound_package_is_no_reason_to_refuse(command: Command) -> None:
    assert command("registry", "list", "--json") == Said(0, "[]\n", "")


def test_outside_a_project_nothing_is_done(tmp_path: Path) -> None:
    for module, *words in (("roadworthy", "check"), ("roadworthy.serving", "--port", "0")):
        said = run(tmp_path, *words, module=module)
        refused(said, f"{tmp_path}: holds no project, nor does a folder above it", "MLE_HOME")
        assert len(said.err.splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_project(tmp_path: Path) -> None:
    said = run(tmp_path, "--help")
    assert (said.code, said.err) == (0, "")
    assert "registry" in said.out


def test_a_copied_project_is_not_run_with_the_library_of_the_first(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for folder in ("src", "vendor"):
        shutil.copytree(PROJECT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(PROJECT / "config.toml", copy)
    own, here = copy / "vendor" / "roadworthy", Path(roadworthy.__file__).parent
    for line in COMMANDS:
        said = run(copy, *line.split())
        refused(said, f"{own}: the library roadworthy that was imported is that of another folder: {here}")
        refused(said, "give this project an environment of its own", f"pip install -e {copy}")
    with_own = run(
        copy, "registry", "list", "--json", PYTHONPATH=os.pathsep.join((str(copy / "src"), str(copy / "vendor")))
    )
    assert with_own == Said(0, "[]\n", "")


def test_a_package_that_was_imported_from_another_project_is_refused(command: Command, shop: Path) -> None:
    copy = shop.parent / "copy"
    shutil.copytree(shop, copy)
    assert command("registry", "list", "--json").code == 0
    assert command("registry", "list", "--json").code == 0
    with pytest.raises(
        InputError, match="the package 'corner_shop' that was imported is that of another folder"
    ) as error:
        Project.open(copy)
    assert f"is that of another folder: {shop / 'src' / 'corner_shop'}" in str(error.value)
    assert f"pip install -e {copy}" in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("__init__.py", "PROJECT = (", ["SyntaxError: '(' was never closed (__init__.py, line 1)", "correct it there"]),
        ("contract.py", "\nCONTRACT = 1 /", ["SyntaxError", "(contract.py, line 2)", "correct it there"]),
        ("contract.py", "\n\nCONTRACT = 1 / 0", ["ZeroDivisionError: division by zero (contract.py, line 3)"]),
        ("contract.py", "import no_such", ["No module named 'no_such' (contract.py, line 1)", "install 'no_such'"]),
        ("__init__.py", "from . import lost", ["ImportError: cannot import name 'lost'", "(__init__.py, line 1)"]),
        ("__init__.py", "from .lost import A", ["'corner_shop.lost' (__init__.py, line 1)", "correct it there"]),
        ("contract.py", CONTRACT.replace("kind=", "sort="), ["keyword argument 'sort'", "(contract.py, line 4)"]),
        ("contract.py", CONTRACT.replace('"at", day', '"", day'), ["contract: time is empty", "(contract.py, line 6)"]),
        ("__init__.py", GOOD.replace("    contract=CONTRACT,\n", ""), ["'contract'", "(__init__.py, line 5)"]),
    ],
)  # fmt: skip
def test_a_package_that_cannot_be_imported_is_told_with_the_line(
    command: Command, shop: Path, name: str, text: str, words: list[str]
) -> None:
    write(shop, name, text)
    refused_alike(command, f"{shop / 'src' / 'corner_shop'}: the package 'corner_shop' cannot be imported", *words)


def test_a_package_that_is_not_there_is_looked_for_in_the_settings(command: Command, shop: Path) -> None:
    shutil.move(shop / "src" / "corner_shop", shop / "src" / "other")
    where = f"{shop / 'config.toml'}: the package 'corner_shop' cannot be imported"
    refused_alike(command, where, "[project] package", "correct it")


def test_settings_that_name_no_package_are_told(command: Command, shop: Path) -> None:
    file = shop / "config.toml"
    text = file.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("[project]", "package = "))]
    file.write_text("\n".join(lines), encoding="utf-8")
    refused_alike(command, f"{file}: [project]: Field required", "add what is missing")
    file.write_text(text.replace('package = "corner_shop"', ""), encoding="utf-8")
    refused_alike(command, f"{file}: [project] package: Field required", "add what is missing")
    file.write_text(text.replace('package = "corner_shop"', 'package = "../shop"'), encoding="utf-8")
    refused_alike(command, f"{file}: [project] package: String should match pattern")


@pytest.mark.parametrize("text", ["", GOOD.replace("PROJECT =", "project ="), "PROJECT = 'corner_shop'"])
def test_a_package_that_defines_no_project_is_told(command: Command, shop: Path, text: str) -> None:
    write(shop, "__init__.py", text)
    refused_alike(
        command,
        f"{shop / 'src' / 'corner_shop' / '__init__.py'}: defines no project",
        "PROJECT = roadworthy.Definition(",
    )


@pytest.mark.parametrize("contract", ["None", "'contract.py'", "{}"])
def test_a_project_without_a_contract_is_told(command: Command, shop: Path, contract: str) -> None:
    write(shop, "contract.py", f"CONTRACT = {contract}")
    refused_alike(command, f"{shop / 'src' / 'corner_shop' / '__init__.py'}: has no contract", "roadworthy.Contract(")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["No module named 'corner_shop.incidents'", "package.module:name"]),
        ("", ["AttributeError: module 'corner_shop.incidents' has no attribute 'INCIDENTS'", "package.module:name"]),
        ("INCIDENTS = (", ["SyntaxError", "(incidents.py, line 1)", "correct it there"]),
        ("\n1 / 0", ["ZeroDivisionError: division by zero (incidents.py, line 2)", "correct it there"]),
        ("import no_such", ["No module named 'no_such' (incidents.py, line 1)", "install 'no_such'"]),
    ],
)
def test_a_place_where_nothing_stands_is_told_when_it_is_used(
    command: Command, shop: Path, text: str | None, words: list[str]
) -> None:
    if text is not None:
        write(shop, "incidents.py", text)
    said = "incidents of the project: 'corner_shop.incidents:INCIDENTS' cannot be imported"
    refused(command("simulate", "--incident", "celsius@2013-09-01"), said, *words)


def test_a_package_can_be_corrected_and_opened_again(shop: Path) -> None:
    """As in a notebook, whose process goes on."""
    try:
        for name, wrong, right in (("contract.py", "1 / 0", CONTRACT), ("__init__.py", f"{GOOD}\n1 / 0", GOOD)):
            write(shop, name, wrong)
            with pytest.raises(InputError, match="division by zero"):
                Project.open(shop)
            write(shop, name, right)
        write(shop, "contract.py", CONTRACT.replace("returned", "returned_late"))
        assert Project.open(shop).contract.target == "returned_late"
    finally:
        forget("corner_shop")
