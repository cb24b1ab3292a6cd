"""Where a toy project of these tests keeps the checks, hints and quizzes of its own course."""

from pathlib import Path

from roadworthy.base.settings import VENDOR
from roadworthy_course import here


def questions(home: Path) -> Path:
    """The folder of a toy project that `here.questions` takes instead of the course's own; made where it is missing."""
    folder = home / VENDOR / "roadworthy_course" / here.QUESTIONS
    folder.mkdir(parents=True, exist_ok=True)
    return folder
