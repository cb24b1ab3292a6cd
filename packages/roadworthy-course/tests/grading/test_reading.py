"""Answers are found in whatever a learner hands in, and nothing handed in is an error of the grader."""

import copy
import json
from pathlib import Path
from typing import Any

import cohort as made
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.base.errors import InputError
from roadworthy_course import notebooks
from roadworthy_course.grading import submissions
from roadworthy_course.grading.submissions import Submission

CLEAN = made.notebook(made.BLANKS)
RIGHT = made.notebook(made.RIGHT)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["cell_type", "source", "metadata"]), inner)
    ),
    max_leaves=12,
)


def read(tmp_path: Path, document: Any) -> submissions.Answers:
    path = tmp_path / "x.ipynb"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return submissions.read(Submission("x", path), CLEAN)


def test_answers_are_found_by_metadata_by_id_and_by_name(tmp_path: Path) -> None:
    without_ids, without_metadata = copy.deepcopy(RIGHT), copy.deepcopy(RIGHT)
    for cell in without_ids["cells"]:
        cell["id"] = "other"
    for cell in without_metadata["cells"]:
        cell["metadata"] = {}
    for each in (RIGHT, without_ids, without_metadata, made.renamed(RIGHT)):
        assert read(tmp_path, each).sources == made.RIGHT


def test_what_was_found_by_its_name_alone_is_told(tmp_path: Path) -> None:
    assert read(tmp_path, RIGHT).notes == ()
    assert read(tmp_path, made.renamed(RIGHT)).notes == ("found by the name alone, the cell was renamed: q1, q2, q3",)


def test_a_cell_that_was_split_is_one_answer(tmp_path: Path) -> None:
    split = made.with_cell(RIGHT, 3, "more = 1", question="q1", tags=["answer"])
    assert read(tmp_path, split).sources["q1"] == made.RIGHT["q1"] + "\n\nmore = 1"


def test_an_answer_in_a_cell_of_its_own_wins_over_the_blank(tmp_path: Path) -> None:
    blank = made.notebook(made.BLANKS)
    assert read(tmp_path, blank).sources == made.BLANKS
    assert read(tmp_path, made.with_cell(blank, 1, made.RIGHT["q3"])).sources["q3"] == made.RIGHT["q3"]


def test_the_last_cell_of_that_name_counts(tmp_path: Path) -> None:
    twice = made.with_cell(made.renamed(RIGHT), 7, "q2 = 'Bob'")
    assert read(tmp_path, twice).sources["q2"] == "q2 = 'Bob'"


def test_a_question_whose_cell_is_gone_is_missing(tmp_path: Path) -> None:
    gone = copy.deepcopy(RIGHT)
    gone["cells"] = [cell for cell in gone["cells"] if cell["id"] != "q2"]
    found = read(tmp_path, gone)
    assert (sorted(found.sources), found.notes) == (["q1", "q3"], ("no cell answers q2",))


def test_only_answers_come_into_the_clean_notebook(tmp_path: Path) -> None:
    more = made.with_cell(RIGHT, 1, "import os; os.remove('x')")
    rebuilt = notebooks.rebuilt(CLEAN, read(tmp_path, more).sources)
    assert [cell["source"] for cell in rebuilt["cells"]] == [cell["source"] for cell in RIGHT["cells"]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "empty"), ("{", "no notebook"), ("[" * 100_000, "no notebook"), ('{"worksheets": []}', "no notebook")],
)
def test_a_file_that_is_no_notebook_is_told(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in read(tmp_path, text).problem


@given(st.lists(st.fixed_dictionaries({"cell_type": st.just("code"), "source": st.text()}) | values, max_size=4))
def test_no_notebook_is_an_error(tmp_path_factory: pytest.TempPathFactory, cells: list[Any]) -> None:
    found = read(tmp_path_factory.mktemp("any"), {"cells": cells})
    assert found.problem or set(found.sources) <= set(made.BLANKS)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def q1(x):\n    y = 1", {"q1"}),
        ("q1, (q2, *rest) = f()", {"q1", "q2", "rest"}),
        ("if x:\n    q1 = 1", {"q1"}),
        ("import a.b, c as q1", {"a", "q1"}),
        ("q1 = (", {"q1"}),
        ("def q1(x:\n    q2 = 1", {"q1"}),
        ("q1 == 2", set()),
    ],
)
def test_the_names_that_a_cell_defines(source: str, names: set[str]) -> None:
    assert submissions.defined(source) == names


def test_learners_are_files_and_folders_in_order(tmp_path: Path) -> None:
    for name in ("zoe.ipynb", "anna/07_toy-Copy1.ipynb", "anna/07_toy.ipynb", "anna/08_other.ipynb", ".x/07_toy.ipynb"):
        made.write(tmp_path / name, RIGHT)
    (tmp_path / "bert").mkdir()
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    found = submissions.find(tmp_path, "07")
    assert found == [
        Submission("anna", tmp_path / "anna" / "07_toy.ipynb"),
        Submission("bert", None),
        Submission("zoe", tmp_path / "zoe.ipynb"),
    ]
    assert submissions.read(found[1], CLEAN).problem == "there is no notebook of this exercise"


def test_a_learner_with_a_file_and_a_folder_is_graded_twice(tmp_path: Path) -> None:
    made.write(tmp_path / "anna.ipynb", RIGHT)
    made.write(tmp_path / "anna" / "07_toy.ipynb", RIGHT)
    assert [each.learner for each in submissions.find(tmp_path, "07")] == ["anna", "anna (folder)"]


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_submissions_is_refused(tmp_path: Path, *, make: bool) -> None:
    folder = tmp_path / "handed-in"
    if make:
        folder.mkdir()
    with pytest.raises(InputError, match="holds no submission" if make else "no such folder"):
        submissions.find(folder, "07")


def test_the_exercise_is_what_the_notebooks_say(tmp_path: Path) -> None:
    made.write(tmp_path / "anna.ipynb", RIGHT)
    (tmp_path / "bert.ipynb").write_text("{", encoding="utf-8")
    assert submissions.exercise_of(tmp_path) == "07"
    other = json.loads(json.dumps(RIGHT).replace("begin('07')", "begin('08')"))
    made.write(tmp_path / "carla.ipynb", other)
    with pytest.raises(InputError, match=r"07, 08(.|\n)*--exercise"):
        submissions.exercise_of(tmp_path)
