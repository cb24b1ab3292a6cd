"""Every check is proved: solutions and alternatives pass, blanks and each known mistake fail with the words meant."""

import os
import random
from collections import Counter
from functools import cache
from typing import Any

import pytest
from bank import EXERCISES, NAMES, Answer, bank, namespace
from edits import edited
from roadworthy_course import checks, here, progress_file
from roadworthy_course.grading import hidden as hidden_checks

BANK = list(bank())
EDITS = int(os.environ.get("BANK_EDITS", "1"))  # random edits of each right answer
HIDDEN = [
    name for name in (f"check_{exercise[:2]}" for exercise in NAMES) if (EXERCISES / "hidden" / f"{name}.py").is_file()
]


@pytest.fixture(autouse=True, scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No progress is written into the project."""
    os.environ[progress_file.ELSEWHERE] = str(tmp_path_factory.mktemp("progress") / "progress.json")


@cache
def names(exercise: str) -> dict[str, Any]:
    return namespace(exercise)


def judged(exercise: str, question: str, source: str, *, hidden: bool = False) -> checks.Verdict:
    given = dict(names(exercise))
    try:
        exec(compile(source, question, "exec"), given)  # noqa: S102 - our own
    except Exception as error:
        raise AssertionError(f"the answer's cell does not run: {error}") from error
    asked = asked_in(f"check_{exercise[:2]}", hidden=hidden)
    return checks.judge(question, asked[question], given, here.project)


@cache
def asked_in(name: str, *, hidden: bool = False) -> dict[str, type[checks.Question]]:
    """The questions of an exercise, by the checks that learners have or by the hidden ones."""
    visible = here.questions(here.folder())
    if not hidden:
        return checks.questions(visible / f"{name}.py")
    source = (EXERCISES / "hidden" / f"{name}.py").read_text(encoding="utf-8")
    return hidden_checks.questions(source, visible, name.removeprefix("check_"))


@pytest.mark.parametrize("answer", [each for each in BANK if each.right], ids=str)
def test_a_right_answer_passes_however_it_is_written(answer: Answer) -> None:
    assert judged(answer.exercise, answer.question, answer.source).passed, repr(
        judged(answer.exercise, answer.question, answer.source)
    )
    for seed in range(EDITS):
        source = edited(answer.source, random.Random(f"{answer}{seed}"))  # noqa: S311 - no secret
        verdict = judged(answer.exercise, answer.question, source)
        assert verdict.passed, f"{source}\n{verdict!r}"


@pytest.mark.parametrize("answer", [each for each in BANK if not each.right], ids=str)
def test_a_wrong_answer_fails_with_the_message_meant_for_it(answer: Answer) -> None:
    verdict = judged(answer.exercise, answer.question, answer.source)
    assert not verdict.passed
    assert not verdict.blank
    assert answer.words in repr(verdict), repr(verdict)


@pytest.mark.parametrize("exercise", NAMES)
def test_the_solution_passes_every_check_and_a_blank_none(exercise: str) -> None:
    solved = namespace(exercise, solved=True)
    for name, question in asked_in(f"check_{exercise[:2]}").items():
        verdict = checks.judge(name, question, solved, here.project)
        assert verdict.passed, repr(verdict)
        blank = checks.judge(name, question, names(exercise), here.project)
        assert blank.blank
        assert blank.points == 0


@pytest.mark.parametrize("exercise", NAMES)
def test_every_question_has_enough_answers(exercise: str) -> None:
    found = Counter((each.question, each.right) for each in BANK if each.exercise == exercise)
    for question in asked_in(f"check_{exercise[:2]}"):
        assert found[question, True] >= 2, question
        assert found[question, False] >= 5, question


@pytest.mark.parametrize("answer", BANK, ids=str)
def test_the_hidden_checks_agree(answer: Answer) -> None:
    name = f"check_{answer.exercise[:2]}"
    if name not in HIDDEN:
        pytest.skip("has no hidden checks")
    verdict = judged(answer.exercise, answer.question, answer.source, hidden=True)
    assert verdict.passed == answer.right, repr(verdict)


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_checks_use_other_data(name: str) -> None:
    visible, hidden = asked_in(name), asked_in(name, hidden=True)
    assert visible.keys() == hidden.keys()
    for question, asked in hidden.items():
        assert not set(asked.seeds) & set(visible[question].seeds)
        assert set(checks.claims(asked)) >= set(checks.claims(visible[question]))
