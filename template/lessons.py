"""Carries the lessons into the generated project, and tells the hook where this repository is (a Jinja extension).

With the course a lesson is copied byte for byte; without it, cells tagged `course` are left out. For data of one's own
another notebook stands under the same name: it speaks of no data set.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension
from verbatim import verbatim

COURSE = "course"  # the question, and the tag of the cells that belong to it
OWN_DATA = "own_data"  # the folder beside the lessons with those for any data


class Lessons(Extension):
    """The filters `lesson` and `repository`."""

    def __init__(self, environment: Environment) -> None:
        """Register the filters."""
        super().__init__(environment)
        environment.filters.update(lesson=lesson, repository=repository)


def lesson(answers: Mapping[str, str], path: str) -> str:
    """Text of the notebook `path` at the top of this repository, as the project is to have it."""
    if answers.get("data") == "own" and Path("../..", own := own_data(path)).is_file():
        return verbatim(answers, own)
    text = verbatim(answers, path)
    return text if answers.get(COURSE, "yes") == "yes" else without_course(text)


def own_data(path: str) -> str:
    """Where the notebook for any data stands that has the place of the lesson `path`."""
    lesson = Path(path)
    return (lesson.parent / OWN_DATA / lesson.name).as_posix()


def without_course(text: str) -> str:
    """The notebook without the cells that belong to the course."""
    notebook = json.loads(text)
    notebook["cells"] = [cell for cell in notebook["cells"] if COURSE not in cell["metadata"].get("tags", [])]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def repository(answers: Mapping[str, str]) -> str:
    """The top folder of this repository as a Python literal, for the hook: it runs where the project is made."""
    del answers
    return repr(str(Path(__file__).resolve().parents[1]))
