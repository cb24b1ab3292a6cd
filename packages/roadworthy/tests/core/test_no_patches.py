"""Nothing in the library is replaced while it runs: what gates judge is what serves."""

import ast
import re
from pathlib import Path

import roadworthy

SOURCES = sorted(Path(str(roadworthy.__file__)).parent.rglob("*.py"))
STANDS_IN = re.compile(
    r"\b(mock|Mock|MagicMock|monkeypatch|SimpleNamespace)\b|\bpatch\.(object|dict|multiple)\b|\bpatch\("
)


def modules(tree: ast.Module) -> set[str]:
    """The names in a file that stand for modules of the library."""
    own = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    plain = [node for node in own if node.module is None or not (node.module or "").strip(".")]
    return {alias.asname or alias.name for node in plain for alias in node.names}


def assigned(tree: ast.Module) -> set[str]:
    """What is assigned to an attribute of a module, as `module.name = …` or by setattr."""
    names = modules(tree)
    targets = [t for node in ast.walk(tree) if isinstance(node, ast.Assign) for t in node.targets]
    found = {ast.unparse(t) for t in targets if isinstance(t, ast.Attribute) and ast.unparse(t.value) in names}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr"]
    return found | {ast.unparse(call) for call in calls if ast.unparse(call.args[0]) in names}


def test_no_module_of_the_library_uses_a_mock_or_a_stand_in() -> None:
    assert len(SOURCES) > 100
    found = [(file.name, STANDS_IN.findall(file.read_text(encoding="utf-8"))) for file in SOURCES]
    assert [(name, hits) for name, hits in found if hits] == []


def test_no_module_of_the_library_replaces_a_name_of_another_one() -> None:
    found = [(file.name, assigned(ast.parse(file.read_text(encoding="utf-8")))) for file in SOURCES]
    assert [(name, hits) for name, hits in found if hits] == []


def test_a_replaced_name_is_found() -> None:
    assert assigned(ast.parse("from .. import export\nexport.predict = print")) == {"export.predict"}
    assert assigned(ast.parse("from . import run\nsetattr(run, 'run', print)")) == {"setattr(run, 'run', print)"}
    assert STANDS_IN.search("from unittest.mock import patch")
