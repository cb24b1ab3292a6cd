import json
import re
import threading
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from roadworthy.base.errors import InputError
from roadworthy.project import Project
from roadworthy_course import checks, exercises, here, notebooks, pictures, progress_file
from roadworthy_course.answers import called, require
from roadworthy_course.watch import watch
from toys import questions

CHECKS = '''
from roadworthy_course.answers import called, require
from roadworthy_course.checks import Question

def told(came):
    return {"expected": "the double", "came": str(came), "cause": "Two times?"}

class Q1(Question):
    """Double a number"""

    def __init__(self, seed, q1):
        self.seed, self.came = seed, called(q1, seed)

    def check_value(self):
        """it is twice the number"""
        require(self.came == 2 * self.seed, **told(self.came))

    def check_type(self):
        """it is a whole number"""
        require(isinstance(self.came, int), expected="int", came="other", cause="?")

class Q2(Question):
    """A name"""

    def __init__(self, seed, q2):
        self.name = q2

    def check_text(self):
        """it is text"""
        require(isinstance(self.name, str), **told(self.name))
'''
HINTS = 'q1 = ["one", "two", "three"]\nq2 = ["a", "b", "c"]\n'
BLANKS = {"q1": "def q1(x):\n    return ...", "q2": "q2 = ..."}
RIGHT = {"q1": "def q1(x):\n    return x + x", "q2": "q2 = 'Ada'"}


def write(home: Path, answers: dict[str, str], *, checked: tuple[str, ...] = ("q1", "q2"), number: str = "07") -> Path:
    """A project with an exercise of two questions, answered so."""
    begin = f"from roadworthy_course import exercises\ncheck = exercises.begin('{number}')"
    cells: list[dict[str, Any]] = [code(begin)]
    for question, source in answers.items():
        cells.append(code(source, question=question, tags=["answer"]))
        cells += [code(f'check("{question}")')] if question in checked else []
    for position, cell in enumerate(cells):
        cell["id"] = f"c{position}"
    folder = home / "exercises"
    folder.mkdir(parents=True, exist_ok=True)
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / f"{number}_toy.ipynb").write_text(json.dumps(document))
    (questions(home) / f"check_{number}.py").write_text(CHECKS)
    (questions(home) / f"hints_{number}.toml").write_text(HINTS)
    (home / "config.toml").write_text("")
    return home


def code(source: str, **metadata: object) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": metadata, "source": source, "execution_count": None, "outputs": []}


def judge(home: Path, question: str, **names: object) -> checks.Verdict:
    return exercises.check(home, "07", question, names)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(progress_file.ELSEWHERE, raising=False)
    return write(tmp_path / "project", BLANKS)


def test_each_check_of_an_answer_counts_for_itself(home: Path) -> None:
    verdict = judge(home, "q1", q1=lambda x: 2.5 * x)
    assert (verdict.points, len(verdict.results), verdict.passed) == (0, 2, False)
    verdict = judge(home, "q1", q1=lambda x: 2.0 * x)
    assert (verdict.points, len(verdict.results), verdict.passed) == (1, 2, False)
    assert judge(home, "q1", q1=lambda x: 2 * x).passed


def test_a_fault_says_what_was_expected_what_came_and_why(home: Path) -> None:
    shown = repr(judge(home, "q1", q1=lambda _: 7))
    assert "expected the double" in shown
    assert "came     7" in shown
    assert "cause    Two times?" in shown


def test_a_copied_number_fails_because_the_data_change(home: Path) -> None:
    assert not judge(home, "q1", q1=lambda _: 2).passed


def test_a_blank_is_no_answer_and_no_try(home: Path) -> None:
    assert judge(home, "q2", q2=...).blank
    assert judge(home, "q1", q1=lambda _: ...).blank
    states = exercises.status(home)["07_toy"]
    assert [(state.solved, state.tries) for state in states] == [(False, 0), (False, 0)]


def test_a_question_that_names_the_project_is_given_it_and_for_others_none_is_opened(
    home: Path, project: Project
) -> None:
    class Named(checks.Question):
        """The name of the model"""

        prepared: ClassVar[list[str]] = []

        @classmethod
        def prepare(cls, project: Project, seed: int) -> None:
            cls.prepared.append(f"{project.settings.model.name} {seed}")

        def __init__(self, project: Project, seed: int, q1: object) -> None:
            self.right, self.came = f"{project.settings.model.name} {seed}", called(q1, seed)

        def check_name(self) -> None:
            """It is the model's"""
            require(self.came == self.right, expected=self.right, came=str(self.came), cause="?")

    name = project.settings.model.name
    checks.prepare(Named, lambda: project)
    assert Named.prepared == [f"{name} 1", f"{name} 2"]
    answers = {"q1": lambda seed: f"{name} {seed}"}
    assert checks.judge("q1", Named, answers, lambda: project).passed
    (home / "config.toml").write_text("[project", encoding="utf-8")
    assert judge(home, "q2", q2="x").passed
    with pytest.raises(InputError, match="not valid TOML"):
        checks.judge("q1", Named, answers, partial(here.project, home))


@pytest.mark.parametrize("answer", [lambda: 1, 3, None, lambda x: 1 / (x - x)])
def test_whatever_an_answer_does_is_told_and_not_raised(home: Path, answer: object) -> None:
    verdict = judge(home, "q1", q1=answer)
    assert (verdict.points, verdict.blank) == (0, False)
    assert verdict.message.startswith("expected a")


def test_a_name_that_is_missing_is_told(home: Path) -> None:
    assert "the name q2" in judge(home, "q2").message


def test_an_unknown_question_exercise_or_hint_is_named(home: Path) -> None:
    with pytest.raises(InputError, match="no question 'q9'"):
        judge(home, "q9")
    with pytest.raises(InputError, match="there is no exercise '77'"):
        exercises.notebook(home, "77")
    with pytest.raises(InputError, match="no question 'q9'"):
        exercises.hint(home, "07", "q9")


def test_hints_come_one_by_one_and_are_counted(home: Path) -> None:
    said = [exercises.hint(home, "07", "q2").rpartition(" ")[2] for _ in range(4)]
    assert said == ["a", "b", "c", "c"]
    assert [state.hints for state in exercises.status(home)["07_toy"]] == [0, 3]
    judge(home, "q2", q2="x")
    assert exercises.status(home)["07_toy"][1].hints == 3


def test_notes_taken_at_the_same_time_are_all_kept(home: Path) -> None:
    threads = [threading.Thread(target=judge, args=(home, "q2"), kwargs={"q2": "x"}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert exercises.status(home)["07_toy"][1].tries == 8


def test_a_broken_progress_file_is_named(home: Path) -> None:
    (home / "exercises" / "progress.json").write_text("[")
    with pytest.raises(InputError, match="cannot be read") as error:
        exercises.status(home)
    assert "progress.json" in str(error.value)


def test_progress_is_drawn(home: Path) -> None:
    judge(home, "q2", q2="x")
    judge(home, "q1", q1=3)
    exercises.hint(home, "07", "q1")
    assert pictures.lines(exercises.status(home)) == ["07_toy  ◧■  1 of 2, 1 hint"]
    assert pictures.chart(exercises.status(home)).axes[0].get_title(loc="left") == "1 of 2 questions solved"


def test_a_submission_is_rebuilt_from_the_clean_notebook_and_its_answers(home: Path) -> None:
    clean = notebooks.read(home / "exercises" / "07_toy.ipynb")
    theirs = notebooks.read(write(home, RIGHT) / "exercises" / "07_toy.ipynb")
    theirs["cells"].insert(0, code("import os; os._exit(1)"))
    rebuilt = notebooks.rebuilt(clean, notebooks.answers(theirs))
    assert notebooks.answers(rebuilt) == RIGHT
    assert len(rebuilt["cells"]) == len(clean["cells"])
    assert notebooks.answers(clean) == BLANKS


@pytest.mark.slow
def test_the_terminal_gives_the_verdicts_of_the_notebook_and_an_error_stops_one_answer(home: Path) -> None:
    write(home, {"q1": "def q1(x):\n    return 2.0 * x", "q2": "q2 = 1 / 0"})
    exercises.hint(home, "07", "q1")
    first, second = exercises.check_notebook(home, "07")
    assert repr(first) == repr(judge(home, "q1", q1=lambda x: 2.0 * x))
    assert "a value with the name q2" in second.message
    assert exercises.status(home)["07_toy"][0].hints == 1


@pytest.mark.slow
def test_a_check_whose_cell_was_removed_is_run_all_the_same(home: Path) -> None:
    write(home, RIGHT, checked=("q2",))
    assert [verdict.passed for verdict in exercises.check_notebook(home, "07")] == [True, True]


@pytest.mark.slow
def test_an_answer_that_ends_the_kernel_is_told(home: Path) -> None:
    write(home, {**RIGHT, "q2": "import os\nos._exit(3)"})
    first, second = exercises.check_notebook(home, "07")
    assert first.passed
    assert "the kernel died" in second.message


@pytest.mark.slow
def test_watch_goes_on_to_the_next_question_and_exercise_when_the_notebook_is_saved(home: Path) -> None:
    write(home, RIGHT, number="08")
    said: list[str] = []
    steps = iter([{**BLANKS, "q1": RIGHT["q1"]}, RIGHT])

    def wait(_: float) -> None:
        write(home, next(steps))

    assert watch(home, "07", limit=600, tell=said.append, wait=wait)
    assert [line.partition("\n")[0] for line in said] == [
        "Watching 07_toy.ipynb: answer in the notebook and save it; end with Ctrl-C",
        "0 of 2 questions are right. Next: q1, Double a number",
        "1 of 2 questions are right. Next: q2, A name",
        "2 of 2 questions are right: the exercise is solved",
        "Watching 08_toy.ipynb: answer in the notebook and save it; end with Ctrl-C",
        "2 of 2 questions are right: the exercise is solved",
    ]


def test_only_one_module_of_the_course_looks_for_the_project() -> None:
    looks = re.compile(r"\b(find_home|settings(_file)?\.load|Project\.open)\(|\bCONTRACT\b")
    sources = Path(exercises.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if looks.search(path.read_text(encoding="utf-8"))] == ["here.py"]


def test_watch_ends_when_its_time_is_over(home: Path) -> None:
    assert not watch(home, "07", limit=0, tell=lambda _: None)
