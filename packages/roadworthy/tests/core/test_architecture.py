"""The rooms of the library are those of docs/architecture.md, and imports run from a room to itself or down."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import roadworthy
from sample import REPOSITORY

LIBRARY = Path(str(roadworthy.__file__)).parent
PAGE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
# From the top to the bottom: the names, and what the page says of the modules inside.
ROOMS = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE, flags=re.MULTILINE))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {name_of(path): path for path in sorted(LIBRARY.rglob("*.py"))}


def imported(path: Path) -> Iterator[str]:
    """The modules of the library that a file imports anywhere, for types as well."""
    package = path.parent.relative_to(LIBRARY).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            whole = ".".join(part for part in base if part)
            for alias in node.names:
                inside = f"{whole}.{alias.name}".lstrip(".")
                yield inside if inside in MODULES else whole


@cache
def imports() -> dict[str, set[str]]:
    return {name: set(imported(path)) - {name} for name, path in MODULES.items()}


def room_of(module: str) -> str:
    return module.partition(".")[0]


def test_the_page_has_the_rooms_that_there_are_and_no_more_than_fifteen() -> None:
    found = {path.stem for path in LIBRARY.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert set(ROOMS) == found - {"__init__", "__main__"}
    assert len(ROOMS) <= 15


@pytest.mark.parametrize("room", ROOMS)
def test_the_page_names_the_modules_of_a_room(room: str) -> None:
    # Of a folder inside a room the page names the folder.
    modules = {name.split(".")[1] for name in MODULES if room_of(name) == room and "." in name} - {"__main__"}
    assert modules == set(re.findall(r"`([a-z_]+)`", ROOMS[room]))


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_from_one_above(room: str) -> None:
    above = set(list(ROOMS)[: list(ROOMS).index(room)])
    taken = {(name, each) for name in imports() if room_of(name) == room for each in imports()[name]}
    assert sorted(pair for pair in taken if room_of(pair[1]) in above) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    # The face hands on names of all rooms, each when it is asked for.
    try:
        TopologicalSorter({name: taken for name, taken in imports().items() if name}).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_every_place_that_the_page_sends_somebody_to_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", PAGE.partition("## Where to change what")[2]))
    assert len(named) > 10
    assert sorted(name for name in named if not (LIBRARY / name).exists()) == []
