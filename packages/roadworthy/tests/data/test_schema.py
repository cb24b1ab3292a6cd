"""A contract that nothing could be checked, trained or served by is refused where it is written."""

import hashlib
import re
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import DISTANCE, ROLE_COLUMNS, ROLES, sound_contract
from roadworthy.contract.schema import Column, Contract, Law, Reference, Table

COLUMN: dict[str, Any] = {"name": "speed", "kind": "number", "about": ""}
NUMBERS = st.one_of(st.none(), st.floats(), st.integers())
SITES = Table(name="sites", columns=(Column(name="site", kind="category", about=""),), key=("site",))


def test_a_sound_contract_is_taken() -> None:
    assert sound_contract(tables=(SITES,)).table("sites") is SITES


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": ""}, "a column cannot be called ''"),
        ({"name": 'a"b'}, "has no quotes"),
        ({"name": "a\nb"}, "has no quotes or line breaks"),
        ({"kind": "float"}, "kind is 'float', and must be one of category, text, integer, number, boolean, time, date"),
        ({"known": "later"}, "known is 'later', and must be one of before, after"),
        ({"max_null": 20}, "max_null is 20, and must be a share from 0 to 1"),
        ({"max_null": float("nan")}, "must be a share"),
        ({"low": 5, "high": 4}, "low 5 is above high 4, or no number: no value can keep both"),
        ({"low": float("nan")}, "or no number"),
        ({"kind": "time", "low": 0}, "low and high are limits of numbers, and its kind is 'time'"),
        ({"allowed": ("1", "2")}, "allowed and pattern are limits of texts, and its kind is 'number'"),
        ({"kind": "text", "pattern": "("}, "pattern '(' is no regular expression"),
    ],
)
def test_a_column_that_no_value_could_keep_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Column(**{**COLUMN, **changed})


@given(
    st.fixed_dictionaries(
        {"name": st.text(max_size=5), "kind": st.sampled_from(["category", "text", "number", "time", "float"])},
        optional={
            "low": NUMBERS,
            "high": NUMBERS,
            "max_null": st.floats(),
            "pattern": st.text("[](){}*+?\\|^$a1", max_size=6),
            "allowed": st.lists(st.text(max_size=3), max_size=3).map(tuple),
        },
    )
)
def test_whatever_a_column_is_made_of_it_is_one_or_refused_with_its_name(parts: dict[str, Any]) -> None:
    try:
        column = Column(about="", **parts)
    except ValueError as error:
        assert repr(parts["name"]) in str(error)  # noqa: PT017 - either way is right
    else:
        assert column.low is None or column.high is None or column.low <= column.high


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": " "}, "a table cannot be called ' '"),
        ({"columns": (*SITES.columns, *SITES.columns)}, "table 'sites': column 'site' is there twice"),
        ({"columns": (*SITES.columns, Column(name="Site", kind="text", about=""))}, "column 'site' is there twice"),
        ({"key": ("id",)}, "table 'sites': key: there is no column 'id'; there are: site"),
        ({"time": "at"}, "table 'sites': time: there is no column 'at'"),
        ({"time": "site"}, "time is 'site', whose kind is 'category' instead of time or date"),
        ({"references": (Reference("id", "sites", "site"),)}, "references: there is no column 'id'"),
    ],
)
def test_a_table_that_names_what_it_has_not_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        replace(SITES, **changed)


def test_limits_that_nothing_keeps_are_refused() -> None:
    with pytest.raises(ValueError, match="law 'mean': low 2 is above high 1, or no number"):
        Law("mean", "avg(x)", 2, 1, "mean")
    with pytest.raises(ValueError, match="reference of 'site': max_missing is 30, and must be a share"):
        Reference("site", "sites", "site", max_missing=30)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        *[({role: ""}, f"contract: {role} is empty: it must name a column of the features") for role in ROLES],
        *[({role: "gone"}, f"contract: {role}: there is no column 'gone'") for role in ROLES],
        (
            {"target": "distance"},
            "contract: target is 'distance', whose kind is 'number' instead of boolean or",
        ),
        ({"time": "day"}, "contract: time is 'day', whose kind is 'date' instead of time"),
        ({"key": "late"}, "contract: key is 'late', whose kind is 'boolean' instead of category or text or integer"),
        ({"known_at": "as_of"}, "contract: one column has two roles: 'as_of' is there twice"),
        ({"tables": (SITES, SITES)}, "table 'sites' is there twice"),
        ({"tables": (replace(SITES, name="features"),)}, "table 'features' is there twice"),
    ],
)
def test_a_contract_whose_roles_are_not_there_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        replace(sound_contract(tables=(SITES,)), **changed)


def test_a_contract_without_a_feature_is_refused() -> None:
    late = replace(DISTANCE, known="after")
    for columns in ((), (late,), (Column(name="note", kind="text", about=""),)):
        features = Table(name="features", columns=(*ROLE_COLUMNS, *columns), key=("flight_id",))
        with pytest.raises(ValueError, match="contract: no feature is left"):
            Contract(tables=(), features=features, **ROLES)


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        (Reference("site", "places", "id"), "reference of 'site': there is no table 'places'; there are: trips"),
        (Reference("site", "trips", "id"), "reference of 'site': there is no column 'id'; there are: site"),
    ],
)
def test_a_reference_to_what_is_not_there_is_refused(reference: Reference, why: str) -> None:
    trips = Table(name="trips", columns=SITES.columns, key=("site",), references=(reference,))
    with pytest.raises(ValueError, match=re.escape(why)):
        sound_contract(tables=(trips,))


@pytest.mark.parametrize(
    ("kind", "allowed", "positive", "says"),
    [
        ("category", (), "", "positive must say which value stands for yes"),
        ("category", ("a", "b", "c"), "a", "has 3 classes: only two can be told apart"),
        ("category", ("a", "b"), "c", "positive is 'c', which is not among a, b"),
        ("boolean", (), "yes", "which is yes or no: it needs no positive"),
        ("integer", (), "late", "positive is 'late' and no whole number"),
    ],
)
def test_a_target_has_two_classes_and_one_of_them_is_yes(
    kind: Any, allowed: tuple[str, ...], positive: str, says: str
) -> None:
    sound = sound_contract()
    target = Column(name="late", kind=kind, about="15 minutes or more", known="after", allowed=allowed)
    columns = tuple(target if column.name == "late" else column for column in sound.features.columns)
    with pytest.raises(ValueError, match=re.escape(says)):
        replace(sound, features=replace(sound.features, columns=columns), positive=positive)


def test_a_contract_of_before_there_was_a_positive_has_the_sum_that_it_had() -> None:
    words = {
        name: value for name, value in asdict(sound_contract()).items() if name not in {"positive", "group", "problem"}
    }
    # Nor was there another name of a column.
    said = repr(words).replace(", 'spelled': ''", "")
    assert sound_contract().sha256 == hashlib.sha256(said.encode()).hexdigest()


def test_a_contract_without_time_gets_days_that_are_drawn() -> None:
    sound = sound_contract()
    kept = tuple(column for column in sound.features.columns if column.name not in {"as_of", "day", "known_at"})
    roles = {"key": "flight_id", "target": "late", "time": "", "day": "", "known_at": ""}
    features = replace(sound.features, columns=kept)
    contract = Contract(tables=(), features=features, **roles)
    assert contract.timeless
    assert not sound.timeless
    assert (contract.time, contract.day, contract.known_at) == ("drawn_time", "drawn_day", "drawn_known_at")
    assert contract.split_words == "split at random, row by row: the rows have no time"
    assert replace(contract, target="late").features == contract.features, "they are added once"
    grouped = Contract(tables=(), features=features, **roles, group="flight_id")
    assert "each 'flight_id' is on one side" in grouped.split_words
    with pytest.raises(ValueError, match="there is no column 'customer'"):
        Contract(tables=(), features=features, **roles, group="customer")
    with pytest.raises(ValueError, match="these rows have a time"):
        replace(sound, group="flight_id")
    with pytest.raises(ValueError, match="contract: day is empty"):
        Contract(tables=(), features=sound.features, **{**roles, "time": "as_of", "known_at": "known_at"})
