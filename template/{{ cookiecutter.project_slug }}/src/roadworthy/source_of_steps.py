"""The real source behind a member of the project: no step is a black box."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


class Source(str):
    """Source text that a notebook shows as it is, under the place where it stands."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The text itself."""
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


def show(step: Callable[..., Any]) -> Source:
    """The source of a function; of a member of the project, that of the function to which it delegates.

    TypeError for what has no source in Python.
    """
    function = _behind(inspect.unwrap(step))
    file, (lines, number) = Path(str(inspect.getsourcefile(function))), inspect.getsourcelines(function)
    place = "/".join(file.parts[-3:] if file.parent.parent.name == "roadworthy" else file.parts[-2:])
    return Source(f"# {place}:{number}\n{textwrap.dedent(''.join(lines)).rstrip()}")


def _behind(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a delegating method calls in its last line: `return module.function(…)`, its module imported above it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    body = getattr(tree, "body", [])
    last = body[-1] if body else None
    call = last.value if isinstance(last, ast.Return) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return function
    imports = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    owner = call.func.value
    if not isinstance(owner, ast.Name) or owner.id not in imports:
        return function
    module, name = imports[owner.id]
    package = function.__module__.rpartition(".")[0]
    inside = f"{package}.{module}" if module else package
    found = getattr(import_module(inside), name, None) or import_module(f"{inside}.{name}")
    target: Callable[..., Any] = inspect.unwrap(getattr(found, call.func.attr))
    return target
