import numpy as np
import pytest
from world import celsius, join, week

from roadworthy.monitoring import limits
from roadworthy.monitoring.distributions import count_values, psi

NUMBERS = ["hour", "temp", "dewp", "humid", "distance"]


def test_the_residual_is_that_of_least_squares() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(5, 2, 3000), draw.normal(-3, 7, 3000)
    columns = {"a": a, "b": b, "c": 3 * a - b + draw.normal(0, 1, 3000)}
    relation = limits.fit_relations(columns, ["a", "b", "c"])["c"]
    design = np.column_stack([np.ones(3000), a, b])
    solution = np.linalg.lstsq(design, columns["c"])[0]
    assert list(relation["weights"].values()) == pytest.approx(solution[1:], rel=0.02)
    assert limits.residual_of(columns, "c", relation) == pytest.approx(columns["c"] - design @ solution, abs=0.5)


def test_numbers_that_explain_nothing_of_each_other_have_no_relation() -> None:
    draw = np.random.default_rng(0)
    columns = {name: draw.normal(size=2000) for name in "abc"}
    assert limits.fit_relations(columns, ["a", "b", "c"]) == {}
    weak = columns["a"] + 2 * columns["b"]  # a explains a fifth of it
    assert limits.fit_relations({"a": columns["a"], "c": weak}, ["a", "c"]) == {}
    assert limits.fit_relations(columns, ["a"]) == {}
    assert limits.fit_relations({**columns, "b": np.full(2000, 3.0)}, ["a", "b"]) == {}


def test_a_missing_value_leaves_a_gap_in_its_own_residual_and_counts_as_the_mean_elsewhere() -> None:
    relation = {"mean": 10.0, "means": {"x": 4.0}, "weights": {"x": 2.0}}
    columns = {"x": np.array([5.0, np.nan, 5.0]), "y": np.array([12.0, 10.5, np.nan])}
    assert limits.residual_of(columns, "y", relation) == pytest.approx([0, 0.5, np.nan], nan_ok=True)


def test_the_season_moves_the_temperature_and_not_its_relation_but_another_unit_breaks_it() -> None:
    train, july = join([week(number) for number in range(26)]), join([week(number) for number in range(26, 30)])
    relation = limits.fit_relations(train, NUMBERS)["temp"]

    def moved(columns: dict[str, np.ndarray]) -> float:
        residual = limits.residual_of(columns, "temp", relation)
        now = count_values(residual, {**relation, "kind": "number"})
        return psi([*relation["counts"], relation["nulls"], 0], now.vector)

    assert np.nanmean(july["temp"]) > np.nanquantile(train["temp"], 0.85)
    assert moved(july) < 0.5
    assert moved(celsius(july)) > 5
