import json
import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

import roadworthy_course
from roadworthy.base.errors import InputError, RedError
from roadworthy_course import pictures, progress_file, quiz
from roadworthy_course.exercise_commands import exercise
from sample import HOME
from toys import questions

LESSONS = sorted(HOME.glob("notebooks/*.ipynb"))
TOY = """
[["01"]]
ask = "One and one?"
right = "b"
a = ["one", "One of them is missing."]
b = ["two", "Count them."]

[["01"]]
ask = "Is 2 < 3?"
right = "a"
a = ["yes", "It comes before."]
b = ["no", "Draw a line."]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(progress_file.ELSEWHERE, raising=False)
    monkeypatch.setenv("MLE_HOME", str(tmp_path))
    (tmp_path / "exercises").mkdir()
    (questions(tmp_path) / quiz.FILE).write_text(TOY)
    return tmp_path


def test_what_is_asked_does_not_tell_what_is_right_nor_what_was_answered(home: Path) -> None:
    before = repr(quiz.ask(home, "01")) + quiz.ask(home, "01")._repr_html_()
    (questions(home) / quiz.FILE).write_text(TOY.replace('right = "b"', 'right = "a"', 1))
    quiz.answer(home, "01", "ba")
    assert repr(quiz.ask(home, "01")) + quiz.ask(home, "01")._repr_html_() == before
    assert "Count them" not in before
    assert "Is 2 &lt; 3?" in before


def test_a_wrong_choice_is_explained_without_telling_the_right_one(home: Path) -> None:
    answered = quiz.answer(home, "01", "aa")
    assert answered.right == [False, True]
    assert "not yet: One of them is missing." in repr(answered)
    assert "right: It comes before." in repr(answered)
    assert "two" not in repr(answered)


def test_a_question_that_is_left_out_is_not_right_and_not_explained(home: Path) -> None:
    answered = quiz.answer(home, "01", "-A")
    assert answered.right == [False, True]
    assert answered.to_dict()["explanations"] == ["", "It comes before."]
    assert "1. " not in repr(answered)


@pytest.mark.parametrize("letters", ["b", "baa", "bc", ""])
def test_an_answer_that_does_not_fit_is_refused_with_the_choices(letters: str, home: Path) -> None:
    with pytest.raises(InputError, match="1 has ab, 2 has ab"):
        quiz.answer(home, "01", letters)
    assert not (home / "exercises" / progress_file.NAME).exists()


def test_a_lesson_without_questions_and_a_broken_file_are_told(home: Path) -> None:
    with pytest.raises(InputError, match="there are 01"):
        quiz.ask(home, "99")
    (questions(home) / quiz.FILE).write_text(TOY.replace('right = "b"', 'right = "d"'))
    with pytest.raises(InputError, match="no choice"):
        quiz.ask(home, "01")


def test_the_last_answer_is_remembered_and_shown_beside_the_exercises(home: Path) -> None:
    assert pictures.lines(pictures.everything(home)) == ["quiz  □  0 of 1"]
    quiz.answer(home, "01", "aa")
    assert pictures.lines(pictures.everything(home)) == ["quiz  ◧  0 of 1"]
    quiz.answer(home, "01", "ba")
    (state,) = pictures.everything(home)[quiz.KEY]
    assert (state.points, state.checks, state.tries, state.solved) == (2, 2, 2, True)


def test_a_lesson_asks_answers_and_shows_progress_without_naming_the_folder(home: Path) -> None:
    assert repr(roadworthy_course.ask("01")) == repr(quiz.ask(home, "01"))
    assert 'rw.course.answer("01", "aa")' in repr(roadworthy_course.ask("01"))
    assert roadworthy_course.answer("01", "ba").passed
    assert roadworthy_course.progress().axes[0].get_title(loc="left") == "1 of 1 questions solved"


@pytest.mark.usefixtures("home")
def test_the_terminal_asks_and_judges_and_is_red_until_all_are_right() -> None:
    asked = CliRunner().invoke(exercise, ["quiz", "01"])
    assert "a) one" in asked.output
    wrong = CliRunner().invoke(exercise, ["quiz", "01", "aa", "--json"])
    assert isinstance(wrong.exception, RedError)
    assert json.loads(wrong.output)["right"] == [False, True]
    assert CliRunner().invoke(exercise, ["quiz", "01", "ba"]).exit_code == 0
    status = json.loads(CliRunner().invoke(exercise, ["status", "--json"]).output)
    assert status["quiz"][0]["solved"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_ends_with_three_questions_that_are_shown_as_they_stand(path: Path) -> None:
    asked = quiz.ask(HOME, path.stem[:2])
    assert len(asked.questions) >= 3
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (shown,) = [cell for cell in cells if f'rw.course.ask("{asked.lesson}")' in "".join(cell["source"])]
    assert "".join(shown["outputs"][0]["data"]["text/plain"]) == repr(asked)


def test_neither_letter_nor_length_gives_a_right_choice_away() -> None:
    asked_of_all = [asked for path in LESSONS for asked in quiz.ask(HOME, path.stem[:2]).questions]
    letters = Counter(asked.right for asked in asked_of_all)
    assert max(letters.values()) <= len(asked_of_all) / 2
    longest = [max(asked.choices, key=lambda letter, of=asked: len(of.choices[letter])) for asked in asked_of_all]  # type: ignore[misc]
    assert (
        sum(letter == asked.right for letter, asked in zip(longest, asked_of_all, strict=True)) <= len(asked_of_all) / 2
    )


def test_every_choice_has_an_explanation_in_sentences() -> None:
    for path in LESSONS:
        for asked in quiz.ask(HOME, path.stem[:2]).questions:
            assert len(asked.choices) >= 3
            assert all(re.search(r"[.!?]$", told) for told in asked.explanations.values()), asked.ask
