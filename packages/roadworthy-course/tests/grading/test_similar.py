"""Answers that differ in names, comments and layout are alike; others are not, and what all write says nothing."""

from hypothesis import given
from hypothesis import strategies as st

from roadworthy_course.grading import similar

LONG = """
def q1(rows, limit):
    total = 0
    for row in rows:
        if row > limit:
            total += row * 3 - limit
    return total / len(rows)
"""
DISGUISED = '''
def q1(xs: list, l: int):
    """My own work."""
    s = 0   # the sum
    for x in xs:
        if x > l: s += x * 3 - l

    return s / len(xs)
'''
OTHER = "import math\nq1 = lambda r, k: math.fsum(v for v in r if v not in (k, None)) ** 0.5 or [k for k in r][:2]"
cells = st.text(alphabet="ab =(),.+\n'\"#1:", max_size=60)


def test_names_comments_and_layout_make_no_difference() -> None:
    assert similar.tokens(LONG) == similar.tokens(DISGUISED)
    assert similar.tokens(LONG) != similar.tokens(LONG.replace("* 3", "* 4"))


def test_the_text_of_a_query_is_compared_too_whatever_its_case_and_layout() -> None:
    first, second = "q = 'select a from b'", 'query = """SELECT a\n  FROM b"""'
    assert similar.tokens(first) == similar.tokens(second)
    assert similar.tokens(first) != similar.tokens("q = 'select a from c'")


def test_a_cell_too_deep_to_be_written_again_is_compared_as_it_stands() -> None:
    assert similar.tokens(f"q1 = {' + '.join('a' * 2000)}")[:4] == ["q1", "=", "a", "+"]


def test_a_pair_is_found_and_wrong_answers_in_common_come_first() -> None:
    answers = {"a": {"q1": LONG}, "b": {"q1": DISGUISED}, "c": {"q1": OTHER}, "d": {"q1": OTHER}, "e": {"q1": "q1 = 1"}}
    found = similar.pairs(answers, {"c": {"q1"}, "d": {"q1"}})
    assert [(pair.first, pair.second, pair.questions, pair.wrong) for pair in found] == [
        ("c", "d", ("q1",), ("q1",)),
        ("a", "b", ("q1",), ()),
    ]
    assert [pair.alike for pair in found] == [1, 1]


def test_what_more_than_half_write_makes_nobody_alike() -> None:
    answers = {name: {"q1": LONG} for name in "abcdef"}
    assert similar.pairs(answers, {}) == []
    few = {name: {"q1": LONG} for name in "ab"} | {name: {"q1": OTHER + f" + {name}" * 9} for name in "cdefgh"}
    assert [(pair.first, pair.second) for pair in similar.pairs(few, {})][:1] == [("a", "b")]


@given(cells, cells)
def test_likeness_is_symmetric_and_whole_only_for_the_same(first: str, second: str) -> None:
    one, two = similar.shingles({"q": first}), similar.shingles({"q": second})
    assert similar.likeness(one, two) == similar.likeness(two, one)
    assert 0 <= similar.likeness(one, two) <= 1
    assert similar.likeness(one, one) in {0, 1}
    if similar.likeness(one, two) == 1:
        assert one == two
