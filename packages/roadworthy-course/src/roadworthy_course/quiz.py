"""Multiple-choice questions at the end of a lesson: ask, judge the answer with an explanation, remember it.

`questions/quiz.toml` holds them by lesson. What `ask` shows depends on nothing but that file, and never on what was
answered: a lesson's stored outputs stay the same.
"""

import json
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from roadworthy.base.errors import InputError

from . import here, progress_file

FILE = "quiz.toml"
KEY = "quiz"  # of the progress file, where exercises have their number
LETTERS = "abcd"
SKIP = "-"
AGAIN = "restore the folder vendor/ from version control"


@dataclass(frozen=True)
class Asked:
    """A question: the choices by letter, what there is to say about each, and the letter of the right one."""

    ask: str
    right: str
    choices: dict[str, str]
    explanations: dict[str, str]


@dataclass(frozen=True)
class Quiz:
    """The questions of a lesson, as a notebook and a terminal show them."""

    lesson: str
    questions: tuple[Asked, ...]

    def __repr__(self) -> str:
        """The questions, and how to answer them in a notebook."""
        return f"{self.text}\n{self._how}"

    @property
    def text(self) -> str:
        """Questions and choices; nothing tells which one is right."""
        lines = []
        for number, asked in enumerate(self.questions, start=1):
            lines += [f"{number}. {asked.ask}", *(f"   {letter}) {text}" for letter, text in asked.choices.items()), ""]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # No list: JupyterLab may take the letters of one away when it cleans the page.
        questions = self.text.replace("   ", "").strip().split("\n\n")
        paragraphs = [escape(paragraph).replace("\n", "<br>") for paragraph in (*questions, self._how)]
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    @property
    def _how(self) -> str:
        letters = "a" * len(self.questions)
        return f'Answer in a new cell, a letter for each question: rw.course.answer("{self.lesson}", "{letters}")'


@dataclass(frozen=True)
class Answered:
    """An answer to a quiz: for each question the letter that was chosen, or "-" for none."""

    quiz: Quiz
    letters: str

    @property
    def right(self) -> list[bool]:
        """Whether each letter is the right one."""
        return [asked.right == letter for asked, letter in zip(self.quiz.questions, self.letters, strict=True)]

    @property
    def passed(self) -> bool:
        """Whether all are right."""
        return all(self.right)

    def __repr__(self) -> str:
        """What there is to say about each choice; a wrong one does not tell the right one."""
        lines = [f"{sum(self.right)} of {len(self.right)} are right"]
        pairs = zip(self.quiz.questions, self.letters, self.right, strict=True)
        for number, (asked, letter, right) in enumerate(pairs, start=1):
            if letter != SKIP:
                lines += [f"{number}. {letter}) {asked.choices[letter]}"]
                lines += [f"   {'right' if right else 'not yet'}: {asked.explanations[letter]}"]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Lesson, letters, which are right, and the explanations of what was chosen."""
        pairs = zip(self.quiz.questions, self.letters, strict=True)
        told = [asked.explanations.get(letter, "") for asked, letter in pairs]
        return {"lesson": self.quiz.lesson, "letters": self.letters, "right": self.right, "explanations": told}


def ask(home: Path, lesson: str) -> Quiz:
    """The questions of a lesson ("01"); InputError when there are none."""
    found = _all(here.questions(home))
    if lesson not in found:
        raise InputError(f"lesson {lesson!r} has no questions", where=FILE, hint=f"there are {', '.join(found)}")
    return found[lesson]


def answer(home: Path, lesson: str, letters: str) -> Answered:
    """Judge an answer, a letter for each question ("bca", "-" for none), and remember which are right.

    Raises InputError when there are too few or too many letters, or one that is no choice.
    """
    quiz = ask(home, lesson)
    given = "".join(letters.lower().split())
    fits = len(given) == len(quiz.questions) and all(
        letter == SKIP or letter in asked.choices for asked, letter in zip(quiz.questions, given, strict=True)
    )
    if not fits:
        choices = ", ".join(f"{n} has {''.join(asked.choices)}" for n, asked in enumerate(quiz.questions, start=1))
        hint = f"give a letter for each of the {len(quiz.questions)} questions, or {SKIP} for none: {choices}"
        raise InputError(f"{letters!r} is no answer to the questions of lesson {lesson}", hint=hint)
    answered = Answered(quiz, given)
    progress_file.note_quiz(_folder(home), KEY, lesson, answered.right)
    return answered


def status(home: Path) -> list[dict[str, Any]]:
    """For each lesson with questions what was right in the last answer, in the words of `exercises.State`."""
    folder = here.questions(home)
    if not (folder / FILE).is_file():
        return []
    known = progress_file.read(_folder(home)).get(KEY, {})
    return [_state(quiz, known.get(lesson, {})) for lesson, quiz in _all(folder).items()]


def _state(quiz: Quiz, noted: dict[str, Any]) -> dict[str, Any]:
    count, points = len(quiz.questions), int(noted.get("points", 0))
    tries = int(noted.get("tries", 0))
    return {
        "question": quiz.lesson,
        "title": f"Questions at the end of lesson {quiz.lesson}",
        "solved": points == count,
        "points": points,
        "checks": count,
        "tries": tries,
    }


def _all(folder: Path) -> dict[str, Quiz]:
    path = folder / FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return {lesson: Quiz(lesson, tuple(map(_asked, questions))) for lesson, questions in content.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot be read: {error}", where=path, hint=AGAIN) from error


def _asked(entry: dict[str, Any]) -> Asked:
    letters = [letter for letter in LETTERS if letter in entry]
    if entry["right"] not in letters:
        raise ValueError(f"no choice {json.dumps(entry['right'])}: {entry['ask']}")
    choices, explanations = ({letter: str(entry[letter][part]) for letter in letters} for part in (0, 1))
    return Asked(str(entry["ask"]), entry["right"], choices, explanations)


def _folder(home: Path) -> Path:
    return home.resolve() / "exercises"
