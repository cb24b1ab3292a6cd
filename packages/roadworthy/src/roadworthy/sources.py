"""Which files of the library a function depends on: its module's imports, as far as the function names them.

What a project's own functions depend on is the file of the function and what that imports of its own package.
"""

import ast
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from .errors import InputError

PACKAGE = __name__.split(".")[0]
FOLDER = Path(__file__).resolve().parent
# A project is given to every function, and its methods hand on to all of the library. Who calls one is a command or a
# notebook: a step of the library imports what it needs. So only what these files import at their top counts.
FACES = ("__init__.py", "project.py", "members.py")


def behind(*functions: Callable[..., Any]) -> list[Path]:
    """The Python files that functions (or classes) reach through what they name, in order."""
    named = {module for function in functions for module in _named(function)}
    files = {_file(function.__module__) for function in functions} | {
        f for module in named for f in _closure(_file(module))
    }
    return sorted(files)


def code_of(function: Callable[..., Any]) -> str:
    """A sum over the code of the file in which a function stands, without its comments, and over what it is given.

    The files of its own package that this one imports count too. Of a function that was written in a notebook the sum
    is over itself. InputError when its source cannot be read.
    """
    given = ""
    while isinstance(function, partial):
        given += repr((function.args, sorted(function.keywords.items())))
        function = function.func
    written: Any = inspect.unwrap(function)
    written = written if hasattr(written, "__code__") else type(written)
    try:
        file = Path(inspect.getfile(written))
        files = sorted(_closure(file.resolve())) if file.is_file() else []
        texts = [each.read_text(encoding="utf-8") for each in files] or [textwrap.dedent(inspect.getsource(written))]
    except (OSError, TypeError) as error:
        hint = "define it in a module of the project's package: a model remembers the code that it is made by"
        raise InputError("its source cannot be read", where=written.__qualname__, hint=hint) from error
    code = "".join(ast.dump(ast.parse(text)) for text in texts)
    return hashlib.sha256((code + given).encode()).hexdigest()


def _named(function: Callable[..., Any]) -> set[str]:
    """The modules of the package from which the names in a function's code come."""
    if isinstance(function, type):
        return {function.__module__}
    space, waiting = function.__globals__, _names(function.__code__)
    found: set[str] = set()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in space:
            continue
        seen.add(name)
        value = space[name]
        if isinstance(value, ModuleType):
            found.add(value.__name__)
        elif getattr(value, "__module__", None) == function.__module__:
            waiting += _names(value.__code__) if hasattr(value, "__code__") else []
        else:
            found.add(getattr(value, "__module__", "") or "")
    return {name for name in found if name.split(".")[0] == PACKAGE}


def _names(code: CodeType) -> list[str]:
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const)]
    return [*code.co_names, *inner]


def _file(module: str) -> Path:
    return Path(str(sys.modules[module].__file__)).resolve()


@cache
def _closure(file: Path) -> frozenset[Path]:
    found, waiting = set(), [file]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting += _imports(at)
    return frozenset(found)


@cache
def _imports(file: Path) -> frozenset[Path]:
    """The files of the package that a file imports, at its top or inside its functions."""
    folder, tree = file.parent, ast.parse(file.read_text(encoding="utf-8"))
    found: set[Path] = set()
    for node in tree.body if file.parent == FOLDER and file.name in FACES else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder.joinpath(*[".."] * (node.level - 1)).joinpath(*(node.module or "").split("."))
            found |= {_source(base), *(_source(base / alias.name) for alias in node.names)} - {None}  # type: ignore[arg-type]
    return frozenset(path.resolve() for path in found)


def _source(base: Path) -> Path | None:
    """The file of a module or a package given by its path, if there is one."""
    candidates = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)
