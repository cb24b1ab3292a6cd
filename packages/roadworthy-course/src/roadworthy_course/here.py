"""Where the course is used: the folder of the project, its settings, the project. Only here the course looks for them.

Everything else of the course takes a project or a folder as its first argument.
"""

from functools import cache
from pathlib import Path

from roadworthy.base.settings import VENDOR, Settings, find_home, load_settings
from roadworthy.project import Project

QUESTIONS = "questions"


def folder(home: Path | None = None) -> Path:
    """The folder `home`, or that of the project that holds the working folder; InputError when there is none."""
    return (home or find_home()).resolve()


def project(home: Path | None = None) -> Project:
    """The project in `folder(home)`, opened once: what was drawn from its data is found again."""
    return _opened(folder(home))


def questions(home: Path) -> Path:
    """The folder with checks, hints and quizzes: of the course that the project in `home` holds, or as installed."""
    vendored = home.resolve() / VENDOR / __package__ / QUESTIONS
    return vendored if vendored.is_dir() else Path(__file__).parent / QUESTIONS


def settings(home: Path) -> Settings:
    """The settings of the project in `home`, which may be another one than that of this library."""
    return load_settings(home)


@cache
def _opened(home: Path) -> Project:
    return Project.open(home)
