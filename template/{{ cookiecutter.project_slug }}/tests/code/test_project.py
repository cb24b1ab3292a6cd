"""A project that cannot be opened says so in a sentence, what to do about it, and ends with exit code 2."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lessons_made import PROJECT
from lessons_made import environment
from lessons_made import make_project

from roadworthy.errors import InputError
from roadworthy.project import Project

GOOD = """
from pathlib import Path
import roadworthy as rw
from .contract import CONTRACT
PROJECT = rw.Definition(
    contract=CONTRACT,
    sql=Path(__file__).parent,
    model="shop.model:build",
    search="shop.model:SEARCH",
    incidents="shop.incidents:INCIDENTS",
)
"""
CONTRACT = """
import roadworthy as rw
sale = rw.Column(name="sale", kind="text", about="number of the sale")
features = rw.Table(name="features", columns=(sale,), key=("sale",))
CONTRACT = rw.Contract(
    tables=(), features=features, key="sale", time="at", day="day", target="returned", known_at="known_at"
)
"""
# The commands that open a project: with the data, with the registry only.
COMMANDS = ("check", "registry list")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project without data whose package is sound: src/shop."""
    home = make_project(tmp_path / "project")
    name_package(home, "shop")
    (home / "src" / "shop").mkdir(parents=True)
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
    (home / "src" / "shop" / name).write_text(text, encoding="utf-8")


def run(folder: Path, *words: str, module: str = "roadworthy") -> "subprocess.CompletedProcess[str]":
    """A command in that folder, in which no variable names a project."""
    variables = {name: value for name, value in environment(folder).items() if name != "MLE_HOME"}
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False)


def refused(folder: Path, *words: object, line: str = "") -> None:
    """The commands are refused: these words on standard error, the first and last line of which say what and what to do."""
    for each in [line] if line else COMMANDS:
        done = run(folder, *each.split())
        assert done.returncode == 2, done
        assert done.stdout == ""
        assert all(str(word) in done.stderr for word in words), done.stderr
        assert "Traceback" not in done.stderr
        said = done.stderr.splitlines()
        assert len(said) == 2, "what and where, then what to do"
        assert said[1].startswith("  ")


def test_a_sound_package_is_no_reason_to_refuse(shop: Path) -> None:
    done = run(shop, "registry", "list", "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_outside_a_project_nothing_is_done(tmp_path: Path) -> None:
    refused(tmp_path, f"{tmp_path}: holds no project, nor does a folder above it", "MLE_HOME")
    service = run(tmp_path, "--port", "0", module="roadworthy.service")
    assert (service.returncode, service.stdout) == (2, "")
    assert f"{tmp_path}: holds no project" in service.stderr
    assert "Traceback" not in service.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_project(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "registry" in done.stdout


def test_a_copied_project_is_not_run_with_the_library_of_the_first(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(PROJECT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(PROJECT / "config.toml", copy)
    own = copy / "src" / "roadworthy"
    refused(copy, f"{own}: the library roadworthy that was imported is that of another folder", PROJECT / "src")
    refused(copy, "an environment of its own", f"pip install -e {copy}")
    # What the project itself has is imported, and all is well.
    command = [sys.executable, "-m", "roadworthy", "registry", "list", "--json"]
    variables = {**environment(copy), "PYTHONPATH": str(copy / "src")}
    done = subprocess.run(command, cwd=copy, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_package_that_was_imported_from_another_project_is_refused(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop, tmp_path / "copy")
    code = (
        "import sys\nfrom pathlib import Path\nfrom roadworthy.errors import InputError\n"
        "from roadworthy.project import Project\none, other = map(Path, sys.argv[1:])\n"
        "Project.open(one)\nProject.open(one)\n"
        "try:\n    Project.open(other)\nexcept InputError as error:\n    print(error)"
    )
    command = [sys.executable, "-c", code, shop, tmp_path / "copy"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout
    assert f"the package 'shop' that was imported is that of another folder: {shop / 'src' / 'shop'}" in said
    assert f"pip install -e {tmp_path / 'copy'}" in said


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("__init__.py", "PROJECT = (", ["SyntaxError: '(' was never closed (__init__.py, line 1)", "correct it there"]),
        ("contract.py", "\nCONTRACT = 1 /", ["SyntaxError", "(contract.py, line 2)", "correct it there"]),
        ("contract.py", "\n\nCONTRACT = 1 / 0", ["ZeroDivisionError: division by zero (contract.py, line 3)"]),
        ("contract.py", "import no_such", ["No module named 'no_such' (contract.py, line 1)", "install 'no_such'"]),
        ("__init__.py", "from . import lost", ["cannot import name 'lost' from 'shop'", "(__init__.py, line 1)"]),
        ("__init__.py", "from .lost import A", ["No module named 'shop.lost' (__init__.py, line 1)", "correct it there"]),
        ("contract.py", CONTRACT.replace("kind=", "sort="), ["keyword argument 'sort'", "(contract.py, line 3)"]),
        ("__init__.py", GOOD.replace("    contract=CONTRACT,\n", ""), ["'contract'", "(__init__.py, line 5)"]),
    ],
)  # fmt: skip
def test_a_package_that_cannot_be_imported_is_told_with_the_line(
    shop: Path, name: str, text: str, words: list[str]
) -> None:
    write(shop, name, text)
    refused(shop, f"{shop / 'src' / 'shop'}: the package 'shop' cannot be imported", *words)


def test_a_package_that_is_not_there_is_looked_for_in_the_settings(shop: Path) -> None:
    shutil.move(shop / "src" / "shop", shop / "src" / "other")
    refused(shop, f"{shop / 'config.toml'}: the package 'shop' cannot be imported", "[project] package", "correct it")


def test_settings_that_name_no_package_are_told(shop: Path) -> None:
    file = shop / "config.toml"
    text = file.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("[project]", "package = "))]
    file.write_text("\n".join(lines), encoding="utf-8")
    refused(shop, f"{file}: [project]: Field required", "add what is missing")
    file.write_text(text.replace('package = "shop"', ""), encoding="utf-8")
    refused(shop, f"{file}: [project] package: Field required", "add what is missing")
    file.write_text(text.replace('package = "shop"', 'package = "../shop"'), encoding="utf-8")
    refused(shop, f"{file}: [project] package: String should match pattern")


@pytest.mark.parametrize("text", ["", GOOD.replace("PROJECT =", "project ="), "PROJECT = 'shop'"])
def test_a_package_that_defines_no_project_is_told(shop: Path, text: str) -> None:
    write(shop, "__init__.py", text)
    refused(shop, f"{shop / 'src' / 'shop' / '__init__.py'}: defines no project", "PROJECT = roadworthy.Definition(")


@pytest.mark.parametrize("contract", ["None", "'contract.py'", "{}"])
def test_a_project_without_a_contract_is_told(shop: Path, contract: str) -> None:
    write(shop, "contract.py", f"CONTRACT = {contract}")
    refused(shop, f"{shop / 'src' / 'shop' / '__init__.py'}: has no contract", "roadworthy.Contract(")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["No module named 'shop.incidents'", "package.module:name"]),
        ("", ["AttributeError: module 'shop.incidents' has no attribute 'INCIDENTS'", "package.module:name"]),
        ("INCIDENTS = (", ["SyntaxError", "(incidents.py, line 1)", "correct it there"]),
        ("\n1 / 0", ["ZeroDivisionError: division by zero (incidents.py, line 2)", "correct it there"]),
        ("import no_such", ["No module named 'no_such' (incidents.py, line 1)", "install 'no_such'"]),
    ],
)
def test_a_place_where_nothing_stands_is_told_when_it_is_used(shop: Path, text: str | None, words: list[str]) -> None:
    if text is not None:
        write(shop, "incidents.py", text)
    said = "incidents of the project: 'shop.incidents:INCIDENTS' cannot be imported"
    refused(shop, said, *words, line="simulate --incident celsius@2013-09-01")


def test_a_package_can_be_corrected_and_opened_again(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, whose process goes on."""
    monkeypatch.syspath_prepend(str(PROJECT / "src"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    try:
        write(shop, "contract.py", CONTRACT.replace("about=", "abuot="))
        with pytest.raises(InputError, match="abuot"):
            Project.open(shop)
        write(shop, "contract.py", CONTRACT)
        write(shop, "__init__.py", "1 / 0")
        with pytest.raises(InputError, match="division by zero"):
            Project.open(shop)
        write(shop, "__init__.py", GOOD)
        assert Project.open(shop).contract.key == "sale"
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
