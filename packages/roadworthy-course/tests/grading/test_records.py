"""Grades as files: what was written is read again, a spreadsheet calculates nothing, names are names of files."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy_course.checks import Result
from roadworthy_course.grading import record
from roadworthy_course.grading.grade import file_name
from roadworthy_course.grading.record import Graded, Grades

words = st.text(max_size=30)
results = st.builds(Result, words, words, words, words)
questions = st.builds(
    Graded, words, words, st.integers(0, 4), st.integers(0, 4), words, words, st.lists(results, max_size=2).map(tuple)
)
grades = st.builds(Grades, words, words, st.lists(questions, max_size=3).map(tuple), words, st.tuples(words))


@given(grades)
def test_what_is_kept_is_read_again_and_only_for_the_same_key(
    tmp_path_factory: pytest.TempPathFactory, kept: Grades
) -> None:
    path = tmp_path_factory.mktemp("kept") / "x.json"
    path.write_text(record.dumped(kept, "key"), encoding="utf-8")
    assert record.loaded(path, "key") == kept
    assert record.loaded(path, "other") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": "key"}', '{"key": "key", "questions": [1]}'])
def test_a_kept_file_that_cannot_be_read_is_graded_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    assert record.loaded(tmp_path / "x.json", "key") is None


@given(st.lists(grades, max_size=3))
def test_the_csv_holds_a_row_each_and_no_formula(cohort: list[Grades]) -> None:
    rows = list(csv.DictReader(record.table(cohort).splitlines()))
    assert len(rows) == sum(len(each.questions) + 1 for each in cohort)
    assert [int(row["points"]) for row in rows if row["question"] == "total"] == [each.points for each in cohort]
    for row in rows:
        assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
        assert set(row) == set(record.COLUMNS)


def test_a_reason_is_one_line_without_addresses() -> None:
    assert record.plain("a\n<function q1 at 0x7f00aa11>\x00 b") == "a <function q1 at 0x…> b"
    assert len(record.plain("x" * 10_000)) == record.LONGEST


@given(words, words)
def test_two_learners_never_share_a_file(first: str, second: str) -> None:
    names = file_name(first).lower(), file_name(second).lower()
    assert (names[0] == names[1]) == (first == second)
    assert names[0].strip("-_abcdefghijklmnopqrstuvwxyz0123456789") == ""
