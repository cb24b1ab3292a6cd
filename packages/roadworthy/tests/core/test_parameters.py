"""Parameters given from outside fit the lessons, or are refused with what would fit."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lessons_made import write_lesson
from roadworthy.base.errors import InputError
from roadworthy.notebooks.lessons import Parameter, Value, assign_parameters, lesson_parameters

CELL = """\
rows = 10  # from 1 to 100: how many are sent
share = 0.5  # from -1 to 1.5
snapshot = "2013"  # which of the snapshots
quiet = False
"""


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    """A lesson with a parameter of each type."""
    return write_lesson(tmp_path, "00_first", "x = rows", parameters=CELL)


def test_the_parameters_of_a_lesson_are_the_assignments_in_its_cell(lesson: Path) -> None:
    found = lesson_parameters(lesson)
    assert {name: parameter.default for name, parameter in found.items()} == {
        "rows": 10,
        "share": 0.5,
        "snapshot": "2013",
        "quiet": False,
    }
    assert found["rows"].about == "from 1 to 100: how many are sent"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rows", "7", 7),
        ("share", "1", 1.0),
        ("share", "-0.25", -0.25),
        ("snapshot", "2023", "2023"),
        ("quiet", "True", True),
    ],
)
def test_a_value_is_read_as_the_type_of_the_default(lesson: Path, name: str, text: str, value: Value) -> None:
    read = assign_parameters([lesson], [(name, text)])["00_first"][name]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("rows", "0", "from 1 to 100"),
        ("rows", "101", "from 1 to 100"),
        ("rows", "7.5", "a value like 10"),
        ("rows", "seven", "a value like 10"),
        ("rows", "True", "a value like 10"),
        ("rows", "", "a value like 10"),
        ("share", "1.6", "from -1 to 1.5"),
        ("share", "nan", "a value like 0.5"),
        ("share", "1e999", "from -1 to 1.5"),
        ("quiet", "1", "a value like False"),
        ("quiet", "__import__('os').abort()", "a value like False"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(
    lesson: Path, name: str, text: str, expected: str
) -> None:
    with pytest.raises(InputError) as error:
        assign_parameters([lesson], [(name, text)])
    assert f"-p {name}" in str(error.value)
    assert expected in str(error.value)


def test_an_unknown_name_is_refused_with_the_names_of_each_lesson(lesson: Path, tmp_path: Path) -> None:
    other = write_lesson(tmp_path, "01_second")
    with pytest.raises(InputError) as error:
        assign_parameters([lesson, other], [("row", "1")])
    assert "00_first: rows, share, snapshot, quiet" in str(error.value)
    assert "01_second: none" in str(error.value)


def test_a_value_goes_to_every_lesson_that_has_the_parameter_and_to_no_other(lesson: Path, tmp_path: Path) -> None:
    second = write_lesson(tmp_path, "01_second", parameters="rows = 5  # from 1 to 10")
    third = write_lesson(tmp_path, "02_third", parameters="columns = 5")
    assert assign_parameters([lesson, second, third], [("rows", "9")]) == {
        "00_first": {"rows": 9},
        "01_second": {"rows": 9},
        "02_third": {},
    }
    with pytest.raises(InputError, match="from 1 to 10 is expected"):
        assign_parameters([lesson, second, third], [("rows", "90")])


@given(default=st.integers(-99, 99), value=st.integers(), low=st.integers(-99, 0), high=st.integers(1, 99))
def test_an_integer_is_taken_exactly_when_it_is_in_range(default: int, value: int, low: int, high: int) -> None:
    parameter = Parameter("n", default, f"from {low} to {high}: a number")
    if low <= value <= high:
        assert parameter.read(str(value)) == value
    else:
        with pytest.raises(InputError, match="does not fit"):
            parameter.read(str(value))


@given(text=st.text(max_size=40), default=st.sampled_from([3, 0.5, True, "word"]))
def test_any_text_is_read_as_the_right_type_or_refused_with_a_sentence(text: str, default: Value) -> None:
    value: object = default
    with suppress(InputError):
        value = Parameter("name", default).read(text)
    assert type(value) is type(default)
