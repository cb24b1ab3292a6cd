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

    >>> from roadworthy import record
    >>> print(show(record).splitlines()[1])
    def record(**values: float) -> Figures:
    """
    function = _behind(inspect.unwrap(step))
    file = Path(str(inspect.getsourcefile(function)))
    place = "/".join(file.parts[-3:] if file.parent.parent.name == "roadworthy" else file.parts[-2:])
    # No number of a line: a lesson's stored output would change with every edit above the function.
    return Source(f"# {place}\n{textwrap.dedent(inspect.getsource(function)).rstrip()}")


def _behind(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a delegating method calls in its last line, of a module that it imports above: `return module.step(…)`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    body = getattr(tree, "body", [])
    imports = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    if not imports or not isinstance(body[-1], ast.Return):
        return function
    for call in (node for node in ast.walk(body[-1]) if isinstance(node, ast.Call)):
        name, *attributes = ast.unparse(call.func).split(".")
        if name in imports:
            found = _imported(function.__module__.rpartition(".")[0], *imports[name])
            for attribute in attributes:
                found = getattr(found, attribute)
            step: Callable[..., Any] = inspect.unwrap(found)
            return step
    return function


def _imported(package: str, module: str | None, name: str) -> Any:
    """What `from .module import name` gives inside a package: something of the module, or a module of its own."""
    inside = f"{package}.{module}" if module else package
    if module is None or not hasattr(import_module(inside), name):
        return import_module(f"{inside}.{name}")
    return getattr(import_module(inside), name)
