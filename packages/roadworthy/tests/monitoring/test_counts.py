import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import SETTLED

from roadworthy.monitoring.distributions import category_bins, count_values, expected_counts, numeric_bins


def test_a_bin_holds_its_lower_edge_and_not_its_upper_one() -> None:
    bins = {"kind": "number", "edges": [10.0, 20.0]}
    counts = count_values(np.array([9.9, 10.0, 19.9, 20.0, 25.0, np.nan]), bins)
    assert counts.bins.tolist() == [1, 2, 2]
    assert (counts.nulls, counts.unseen) == (1, 0)
    assert counts.vector.tolist() == [1, 2, 2, 1, 0]


def test_numbers_are_compared_as_float32_like_the_model_does() -> None:
    # 0.1 as float32 is larger than 0.1 as float64: read as float64, the value would fall below the edge.
    edge = float(np.float32(0.1))
    assert count_values(np.array([0.1]), {"kind": "number", "edges": [edge]}).bins.tolist() == [0, 1]


def test_categories_that_training_lacks_and_missing_ones_are_counted_apart() -> None:
    bins = {"kind": "category", "categories": ["AA", "UA"]}
    counts = count_values(np.array(["UA", "AA", "ZZ", None, float("nan"), "UA"], dtype=object), bins)
    assert counts.bins.tolist() == [1, 2]
    assert (counts.nulls, counts.unseen, counts.rows) == (2, 1, 6)


def test_the_edges_are_the_deciles() -> None:
    bins = numeric_bins(np.arange(100.0))
    assert bins["edges"] == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert bins["counts"] == [10] * 10


def test_a_value_that_most_rows_hold_has_a_bin_of_its_own() -> None:
    engines = np.repeat([1.0, 2.0, 3.0, 4.0], [1, 95, 1, 3])
    bins = numeric_bins(engines)
    assert bins["edges"] == [2, 3]
    assert bins["counts"] == [1, 95, 4]


def test_a_column_of_one_value_and_an_empty_one_can_be_counted() -> None:
    assert numeric_bins(np.full(5, 7.0))["counts"] == [0, 5]
    nothing = numeric_bins(np.full(3, np.nan))
    assert (nothing["edges"], nothing["counts"], nothing["nulls"]) == ([], [0], 3)


def test_a_category_that_training_never_used_keeps_its_place() -> None:
    bins = category_bins(np.array(["b", None], dtype=object), ["a", "b"])
    assert (bins["counts"], bins["nulls"]) == ([0, 1], 1)


@SETTLED
@given(st.lists(st.floats(width=32, allow_infinity=False) | st.just(float("nan")), max_size=60))
def test_every_row_is_counted_once_and_the_reference_finds_itself(values: list[float]) -> None:
    column = np.array(values, dtype=np.float64)
    bins = numeric_bins(column)
    again = count_values(column, bins)
    assert again.rows == len(values)
    assert again.vector.tolist() == expected_counts(bins).vector.tolist()
    assert count_values(column[::-1], bins).vector.tolist() == again.vector.tolist()


@pytest.mark.parametrize("coded", [False, True])
def test_columns_of_arrow_are_counted_like_those_of_numpy(*, coded: bool) -> None:
    texts = ["UA", "AA", None, "ZZ", "AA", None]
    column = pa.chunked_array([pa.array(texts[:2]), pa.array(texts[2:], pa.string())])
    bins = {"kind": "category", "categories": ["AA", "UA"]}
    found = count_values(column.dictionary_encode() if coded else column, bins)
    assert found.vector.tolist() == count_values(np.array(texts, dtype=object), bins).vector.tolist() == [2, 1, 2, 1]
    numbers = [3, None, 1, 2, 2]
    same = numeric_bins(np.array(numbers, dtype=np.float64))
    assert numeric_bins(pa.array(numbers)) == numeric_bins(pa.chunked_array([numbers])) == same
    assert category_bins(column, ["AA", "UA"])["counts"] == [2, 1]


def test_counts_of_parts_add_up_and_are_not_counted_again() -> None:
    column = np.array([1.0, 2.0, np.nan, 3.0, 9.0])
    bins = numeric_bins(column)
    parts = count_values(column[:2], bins).plus(count_values(column[2:], bins))
    assert parts.vector.tolist() == count_values(column, bins).vector.tolist()
    assert count_values(parts, bins) is parts
