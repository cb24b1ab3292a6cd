import json

import numpy as np
import pytest
from world import FEATURES, reference, week

from roadworthy.monitoring import limits
from roadworthy.monitoring.distributions import count_values, psi
from roadworthy.monitoring.limits import Spread
from roadworthy.registry.export import make_reference


def test_the_bound_of_one_more_observation_is_that_of_the_tables() -> None:
    # Mean 2, standard deviation 1, t(2 degrees of freedom, 99.9%) = 22.327, sqrt(1 + 1/3)
    assert Spread.of([1.0, 2.0, 3.0]).bound(0.001) == pytest.approx(2 + 22.327 * (4 / 3) ** 0.5, abs=1e-3)


def test_weeks_are_counted_from_the_first_day_and_the_last_one_only_if_it_is_over() -> None:
    day = np.datetime64("2013-01-01") + np.arange(17).repeat(2)
    weeks = limits.full_weeks({"x": np.arange(34)}, day)
    assert [w["x"].tolist() for w in weeks] == [list(range(14)), list(range(14, 28))]


def test_a_week_with_a_day_off_is_a_week() -> None:
    day = np.datetime64("2013-01-01") + np.array([0, 1, 2, 3, 4, 6, 7, 8, 13])
    assert [w["x"].tolist() for w in limits.full_weeks({"x": np.arange(9)}, day)] == [[0, 1, 2, 3, 4, 5], [6, 7, 8]]


def test_the_limit_of_a_seasonal_feature_is_beyond_every_week_of_training() -> None:
    limits = reference()["limits"]["drift"]
    made = reference()
    bins = made["features"]["temp"]
    whole = np.append(bins["counts"], [bins["nulls"], 0])
    weeks = [count_values(week(number)["temp"], bins).vector for number in range(26)]
    moved = [psi(whole - part, part) for part in weeks]
    assert max(moved) > 3
    assert limits["temp"] > max(moved)
    assert limits["distance"] < 0.2


def test_each_week_is_held_against_the_others_and_not_against_itself() -> None:
    # Three weeks with the shares 1/2, 1/2 and 4/5 of one category: against the other two, 65%, 65% and 50%.
    values = np.array(["a"] * 50 + ["b"] * 50 + ["a"] * 50 + ["b"] * 50 + ["a"] * 80 + ["b"] * 20, dtype=object)
    features = [{"name": "x", "kind": "category", "categories": ["a", "b"]}]
    day = np.datetime64("2013-01-01") + np.arange(300) * 21 // 300
    moved = [-0.15 * np.log(0.5 / 0.65) + 0.15 * np.log(0.5 / 0.35)] * 2 + [0.3 * np.log(4)]
    made = make_reference({"x": values}, np.full(300, 0.5), np.zeros(300), features, day=day)
    # A family of four: drift and missing values of x, the predictions, the volume.
    assert made["limits"]["drift"]["x"] == pytest.approx(Spread.of(np.sqrt(moved)).bound(0.02 / 4) ** 2)


def test_without_three_weeks_nothing_is_known_about_the_season() -> None:
    two = {name: np.concatenate([week(0)[name], week(1)[name]]) for name in week(0)}
    made = make_reference(two, two["probability"], np.nan_to_num(two["label"]), FEATURES, day=two["day"])
    assert made["limits"] == {}


def test_the_reference_is_json_and_tells_nothing_about_private_features() -> None:
    made = json.loads(json.dumps(reference(), allow_nan=False))
    assert list(made["features"]) == ["carrier", "origin", "hour", "temp", "dewp", "humid", "distance"]
    assert set(made["relations"]) == {"temp", "dewp", "humid"}
    assert set(made["limits"]) == {"drift", "nulls", "relation", "prediction"}
    assert made["rows"] == 26 * 1400 == sum(made["prediction"]["counts"])


def test_the_reference_holds_the_rates_of_training() -> None:
    w = week(0)
    made = make_reference(w, np.full(1400, 0.25), np.arange(1400) % 5 == 0, FEATURES)
    assert (made["base_rate"], made["mean_prediction"], made["limits"]) == (pytest.approx(0.2), 0.25, {})
