"""A request is read strictly: what passes can be predicted, what does not is told field by field."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.bundle.signature import Signature
from roadworthy.serving.request import BadRequestError, Problem, RequestReader
from small import ROW, SIGNATURE, rows

READER = RequestReader(Signature.parse(json.dumps(SIGNATURE)), max_rows=50)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(10**400), st.just(-(10**30))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


def problems(body: Any) -> list[Problem]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(BadRequestError) as refusal:
        READER.read(text)
    return refusal.value.problems


def test_one_row_or_many_are_read_as_they_were_sent() -> None:
    table = rows(5)
    assert READER.read(json.dumps(table[0]).encode()) == ([table[0]], False)
    assert READER.read(json.dumps({"rows": table}).encode()) == (table, True)
    assert READER.read(b' \n{ "rows" :\t[' + json.dumps(ROW).encode() + b"]}") == ([ROW], True)


def test_what_is_nullable_may_be_null_or_left_out_and_the_key_as_well() -> None:
    row = {**ROW, "temp": None, "flight_id": "2013-UA-1"}
    del row["maker"]
    assert READER.read(json.dumps(row).encode()) == ([row], False)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert READER.read(json.dumps({**ROW, "hour": 17.0}).encode())[0][0]["hour"] == 17


@pytest.mark.parametrize("value", [-40, 130, 71, 0.5])
def test_bounds_are_inclusive(value: float) -> None:
    assert READER.read(json.dumps({**ROW, "temp": value}).encode())[0][0]["temp"] == value


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("temp", 130.01, "temp: 130.01 is too large; allowed: a number from -40 to 130 F, or null"),
        ("temp", -41, "temp: -41 is too small; allowed: a number from -40 to 130 F, or null"),
        ("temp", "71", 'temp: "71" has the wrong type; allowed: a number from -40 to 130 F, or null'),
        ("temp", True, "temp: true has the wrong type; allowed: a number from -40 to 130 F, or null"),
        ("temp", [1], "temp: a list has the wrong type; allowed: a number from -40 to 130 F, or null"),
        ("hour", 7.5, "hour: 7.5 is not whole; allowed: a whole number from 0 to 24"),
        ("hour", None, "hour: null has the wrong type; allowed: a whole number from 0 to 24"),
        ("origin", "SFO", 'origin: "SFO" is not one of them; allowed: one of EWR, JFK, LGA'),
        ("carrier", "aa", 'carrier: "aa" does not match; allowed: a text that matches ^[0-9A-Z]{2}$'),
        ("carrier", "AA\n", 'carrier: "AA\\n" does not match; allowed: a text that matches ^[0-9A-Z]{2}$'),
        ("carrier", 5, "carrier: 5 has the wrong type; allowed: a text that matches ^[0-9A-Z]{2}$"),
        ("distance", 1e39, "distance: 1e+39 is too large; allowed: a number"),
        ("distance", float("nan"), "distance: NaN is not finite; allowed: a number"),
        ("distance", float("-inf"), "distance: -Infinity is not finite; allowed: a number"),
        ("maker", "x" * 300, f'maker: "{"x" * 59}... is too long; allowed: a text, or null'),
        ("flight_id", 7, "flight_id: 7 has the wrong type; allowed: a text of at most 256 characters"),
        ("tmp", 1, "tmp is not known; did you mean temp?"),
        ("zzz", 1, "zzz is not known; known: carrier, origin, maker, hour, temp, distance, flight_id"),
    ],
)
def test_a_wrong_value_is_told_with_its_field_and_what_is_allowed(field: str, value: Any, says: str) -> None:
    (problem,) = problems({**ROW, field: value})
    assert problem.message == says
    assert (problem.field, problem.row) == (field, None)


def test_a_missing_field_is_named() -> None:
    (problem,) = problems({name: value for name, value in ROW.items() if name != "hour"})
    assert problem.message == "hour is missing; allowed: a whole number from 0 to 24"


def test_the_row_is_numbered_among_many() -> None:
    (problem,) = problems({"rows": [ROW, {**ROW, "temp": 999}]})
    assert (problem.row, problem.field, problem.value) == (1, "temp", "999")
    assert problem.message.startswith("row 1, temp: 999 is too large")


def test_an_unbounded_list_of_problems_is_cut() -> None:
    with pytest.raises(BadRequestError) as refusal:
        READER.read(json.dumps({"rows": [{}] * 40}).encode())
    assert (len(refusal.value.problems), refusal.value.count) == (20, 160)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"temp": 1' + b"0" * 5000 + b"}", "not valid JSON"),
        (b'{"carrier": "\\ud800"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[1]", "the body is not an object"),
        (b"null", "the body is not an object"),
        (b'{"rows": []}', "rows: List should have at least 1 item"),
        (b'{"rows": [1]}', "row 0 is not an object"),
        (b'{"rows": [' + b",".join([json.dumps(ROW).encode()] * 51) + b"]}", "rows: List should have at most 50 items"),
    ],
)
def test_a_body_that_holds_no_rows_is_refused(body: bytes, says: str) -> None:
    assert says in problems(body)[0].message


def test_a_feature_may_have_any_name() -> None:
    names = ["json", "model_config", "rows", "wind speed", "_hidden", "class", "größe"]
    features = [{"name": name, "kind": "number"} for name in names]
    reader = RequestReader(Signature.parse(json.dumps({**SIGNATURE, "features": features})), max_rows=5)
    row = dict.fromkeys(names, 1.5)
    assert reader.read(json.dumps(dict(reversed(row.items()))).encode()) == ([row], False)
    assert reader.read(json.dumps({"rows": [row]}).encode()) == ([row], True)


@settings(deadline=None)
@given(st.dictionaries(st.one_of(st.sampled_from([*ROW, "flight_id", "rows"]), st.text()), JSON))
def test_any_json_is_read_or_refused(body: dict[str, Any]) -> None:
    _read_or_refused(json.dumps(body).encode())


@settings(deadline=None)
@given(st.fixed_dictionaries({name: st.one_of(st.just(value), JSON) for name, value in ROW.items()}))
def test_any_almost_good_row_is_read_or_refused(row: dict[str, Any]) -> None:
    _read_or_refused(json.dumps({"rows": [row]}).encode())


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    _read_or_refused(body)


def _read_or_refused(body: bytes) -> None:
    try:
        table, _ = READER.read(body)
    except BadRequestError as refusal:
        table, told = [], json.dumps([vars(problem) for problem in refusal.problems], allow_nan=False)
        assert 10 < len(told) < 50_000
    for row in table:
        assert row.keys() <= {*ROW, "flight_id"}
        assert 0 <= row["hour"] <= 24
        assert row.get("temp") is None or -40 <= row["temp"] <= 130
        assert row["origin"] in {"EWR", "JFK", "LGA"}
