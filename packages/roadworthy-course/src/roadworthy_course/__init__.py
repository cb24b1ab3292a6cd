"""What the exercises are made of: questions and their checks, progress, notebooks, and the data they are drawn from.

A lesson calls the functions here, as `rw.course.ask("01")`, from within the project's folder:

>>> len(ask("01").questions) >= 3
True
"""

from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .quiz import Answered, Quiz

__all__ = ["answer", "ask", "progress"]


def ask(lesson: str) -> "Quiz":
    """The questions at the end of a lesson ("01"); InputError when there are none."""
    from . import here, quiz

    return quiz.ask(here.folder(), lesson)


def answer(lesson: str, letters: str) -> "Answered":
    """Judge an answer to them, a letter for each question ("bca", "-" for none), and remember which are right.

    Raises InputError when there are too few or too many letters, or one that is no choice.
    """
    from . import here, quiz

    return quiz.answer(here.folder(), lesson, letters)


def progress() -> "Figure":
    """A tile for each question of the exercises and quizzes: green when solved, orange when begun, grey when open."""
    from . import here, pictures

    return pictures.chart(pictures.everything(here.folder()))
