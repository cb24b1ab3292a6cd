"""Carries the lessons into the generated project, and tells the hook where this repository is (a Jinja extension).

With the course a lesson is copied byte for byte; without it, cells tagged `course` are left out.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension
from verbatim import verbatim

COURSE = "course"  # the question, and the tag of the cells that belong to it


class Lessons(Extension):
    """The filters `lesson` and `repository`."""

    def __init__(self, environment: Environment) -> None:
        """Register the filters."""
        super().__init__(environment)
        environment.filters.update(lesson=lesson, repository=repository)


def lesson(answers: Mapping[str, str], path: str) -> str:
    """Text of the notebook `path` at the top of this repository, as the project is to have it."""
    text = verbatim(answers, path)
    return text if answers.get(COURSE, "yes") == "yes" else without_course(text)


def without_course(text: str) -> str:
    """The notebook without the cells that belong to the course."""
    notebook = json.loads(text)
    notebook["cells"] = [cell for cell in notebook["cells"] if COURSE not in cell["metadata"].get("tags", [])]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def repository(answers: Mapping[str, str]) -> str:
    """The top folder of this repository as a Python literal, for the hook: it runs where the project is made."""
    del answers
    return repr(str(Path(__file__).resolve().parents[1]))
