"""The parameters of the lessons: which there are, and whether a value given from outside fits.

A parameter is an assignment in a lesson's cell tagged `parameters`. Its type is that of its default, and a comment
`# from A to B: …` states its range.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError
from .lessons import cells

RANGE = re.compile(r"from (?P<low>[-\d.]+) to (?P<high>[-\d.]+)")
Value = str | int | float | bool


@dataclass(frozen=True)
class Parameter:
    """A parameter of a lesson: its default and what the comment beside it says."""

    name: str
    default: Value
    about: str = ""

    def read(self, text: str) -> Value:
        """The value that `text` stands for; InputError when it has another type or is out of range."""
        value = _literal(text) if not isinstance(self.default, str) else text
        if isinstance(self.default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(self.default):
            raise self._refused(text, f"a value like {self.default!r} is expected")
        limits = RANGE.match(self.about)
        if limits and not float(limits["low"]) <= float(value) <= float(limits["high"]):
            raise self._refused(text, f"{limits[0]} is expected")
        return value

    def _refused(self, text: str, expected: str) -> InputError:
        return InputError(f"the value {text!r} does not fit", where=f"-p {self.name}", hint=expected)


def of_lesson(notebook: Path) -> dict[str, Parameter]:
    """The parameters of one lesson by name."""
    source = "\n".join(cell.source for cell in cells(notebook) if "parameters" in cell.tags)
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            _, _, about = lines[node.lineno - 1].partition("# ")
            name = node.targets[0].id
            found[name] = Parameter(name, ast.literal_eval(node.value), about.strip())
    return found


def assign(lessons: Iterable[Path], given: Iterable[tuple[str, str]]) -> dict[str, dict[str, Value]]:
    """The given values for each lesson that has such a parameter, by the lesson's name.

    Raises InputError for a name that none of the lessons has, and for a value that does not fit.
    """
    known = {lesson.stem: of_lesson(lesson) for lesson in lessons}
    values: dict[str, dict[str, Value]] = {lesson: {} for lesson in known}
    for name, text in given:
        users = [lesson for lesson, parameters in known.items() if name in parameters]
        if not users:
            raise InputError("no lesson of this run has such a parameter", where=f"-p {name}", hint=_have(known))
        for lesson in users:
            values[lesson][name] = known[lesson][name].read(text)
    return values


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _have(known: Mapping[str, Mapping[str, Parameter]]) -> str:
    lines = [f"{lesson}: {', '.join(parameters) or 'none'}" for lesson, parameters in known.items()]
    return "there are\n    " + "\n    ".join(lines)
