"""Typed values, spelled in every way that people and programs have, come back with their types and gaps."""

import csv
import datetime as dt
import keyword
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from roadworthy.base.databases import empty_duckdb
from roadworthy.contract.schema import TAKEN
from roadworthy.data.deliveries import read_delivery
from roadworthy.project.adoption.columns import ROLES, Found, find_columns, plain_names
from roadworthy.project.adoption.records import make_records

UTC = dt.UTC
FEW = settings(max_examples=5, deadline=None)
Texts = Sequence[str | None]


@dataclass(frozen=True)
class Made:
    """The columns by their names in the file, and the values that came back."""

    found: Mapping[str, Found]
    values: Mapping[str, list[Any]]
    aside: list[str | None]

    def kinds(self) -> dict[str, str | None]:
        return {name: found.kind for name, found in self.found.items()}


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def delivered(columns: Mapping[str, Texts], moments: Sequence[str] = ()) -> Made:
    """The columns, written as a CSV with a number in front, read and cast."""
    with folder() as made:
        file = made / "table.csv"
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["line of the file", *columns])
            writer.writerows((number, *row) for number, row in enumerate(zip(*columns.values(), strict=True)))
        return read(file, moments)


def read(file: Path, moments: Sequence[str] = ()) -> Made:
    with empty_duckdb() as connection:
        found = find_columns(connection, read_delivery(connection, [file], "delivered"), moments)
        make_records(connection, "delivered", found)
        # DuckDB needs another package to give a moment with its zone.
        names = {c.source: f"timezone('UTC', {c.name})" if c.kind == "time" else c.name for c in found if c.kind}
        rows = connection.execute(f"select aside, {', '.join(names.values())} from records order by line").fetchall()
        values = {source: [row[place] for row in rows] for place, source in enumerate(names, 1)}
        return Made({each.source: each for each in found}, values, [row[0] for row in rows])


def naive(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc, arg-type]


def repeated(texts: Texts, rows: int) -> list[str | None]:
    return [texts[number % len(texts)] for number in range(rows)]


def grouped(value: float, between: str, point: str) -> str:
    return f"{value:,.2f}".replace(",", "\0").replace(".", point).replace("\0", between)


NUMBERS: dict[str, Callable[[float], str]] = {
    "plain": lambda v: f"{v:.2f}",
    "plus": lambda v: f"{v:+.2f}",
    "blanks": lambda v: f"  {v:.2f} ",
    "scientific": lambda v: f"{v:.12e}",
    "large e": lambda v: f"{v:.12E}",
    "comma": lambda v: f"{v:.2f}".replace(".", ","),
    "German": lambda v: grouped(v, ".", ","),
    "English": lambda v: grouped(v, ",", "."),
    "French": lambda v: grouped(v, " ", ","),
    "hard blank": lambda v: grouped(v, "\u00a0", ","),
    "narrow blank": lambda v: grouped(v, "\u202f", ","),
    "Swiss": lambda v: grouped(v, "'", "."),
    "blank and point": lambda v: grouped(v, " ", "."),
    "percent": lambda v: f"{v:.2f}%",
    "percent apart": lambda v: f"{v:.2f} %",
    "euro": lambda v: f"{grouped(v, '.', ',')}\u00a0€",
    "dollar": lambda v: f"${grouped(v, ',', '.')}",
    "pound": lambda v: f"£ {v:.2f}",
}


@FEW
@given(st.lists(st.integers(-(10**8), 10**8).map(lambda cents: cents / 100), min_size=3, max_size=30))
@example([0.0, -0.5, 1000.0])
def test_decimals_come_back_from_every_spelling(some: list[float]) -> None:
    values = [*some, 1234567.89, -12.34, 0.5]
    made = delivered({name: [spell(value) for value in values] for name, spell in NUMBERS.items()})
    for name in NUMBERS:
        assert made.found[name].kind == "number", name
        assert made.values[name] == values, name
        assert made.found[name].low == min(values)
        assert made.found[name].high == max(values)
    assert {*made.aside} == {None}


@FEW
@given(st.lists(st.none() | st.integers(-(10**9), 10**9), min_size=2, max_size=30))
def test_whole_numbers_come_back_with_their_gaps(some: list[int | None]) -> None:
    values = [*some, 1234567, None, -7654321]
    spellings: dict[str, Callable[[int], str]] = {
        "plain": str,
        "of pandas": lambda v: f"{float(v)}",
        "plus": lambda v: f"{v:+}",
        "comma": lambda v: f"{v:,}",
        "German": lambda v: f"{v:,}".replace(",", "."),
        "Swiss": lambda v: f"{v:,}".replace(",", "\u2019"),
        "units": lambda v: f"{v} €",
    }
    made = delivered({n: [None if v is None else spell(v) for v in values] for n, spell in spellings.items()})
    for name in spellings:
        assert (made.found[name].kind, made.values[name]) == ("integer", values), name
        assert made.found[name].nulls == values.count(None)


def test_a_number_that_may_be_grouped_or_not_is_said_to_be_read_as_one_of_them() -> None:
    made = delivered(
        {"point": ["1.234", "2.500"] * 9, "comma": ["1,234", "2,500"] * 9, "parts": ["0,123", "2,500"] * 9}
    )
    assert made.values["point"][0] == 1.234
    assert made.found["point"].notes == ("the point is one of decimals",)
    assert made.values["comma"][0] == 1234
    assert made.found["comma"].notes == ("',' parts thousands",)
    assert made.values["parts"][0] == 0.123


def test_a_comma_among_long_numbers_without_one_is_that_of_a_decimal() -> None:
    assert delivered({"a": ["1,234", "12345", "5"] * 9}).values["a"][:3] == [1.234, 12345.0, 5.0]


def test_a_single_amount_in_another_currency_is_wrong() -> None:
    made = delivered({"amount": [*(f"{number} $" for number in range(150)), "5 €"]})
    assert (made.found["amount"].kind, made.found["amount"].wrong) == ("integer", 1)
    assert made.found["amount"].notes == ("'$' left out",)


def test_an_odd_number_among_grouped_ones_is_not_multiplied() -> None:
    values = [*repeated(["1.234,5", "1.000.000"], 297), "12.5"]
    assert delivered({"a": values}).values["a"][-1] == 12.5


def test_amounts_in_several_currencies_are_no_numbers() -> None:
    assert (
        delivered({"amount": [f"{sign} {number}" for number in range(50) for sign in "€$"]}).kinds()["amount"] == "text"
    )


WORDS = (
    "",
    "NA",
    "na",
    "N/A",
    "null",
    "NULL",
    "NaN",
    "nan",
    "?",
    "-",
    "--",
    "none",
    "None",
    "unknown",
    "#N/A",
    "inf",
    " NA ",
)


def test_missing_values_among_numbers_and_dates_are_missing_and_named() -> None:
    numbers = {f"number {place}": [word, "1", "2.5", "4"] * 5 for place, word in enumerate(WORDS)}
    dates = {f"day {place}": [word, "2024-01-31", "2023-02-01", "2024-05-05"] * 5 for place, word in enumerate(WORDS)}
    made = delivered({**numbers, **dates})
    for name, texts in {**numbers, **dates}.items():
        found = made.found[name]
        assert (found.kind, found.nulls, found.wrong) == ("number" if "number" in name else "date", 5, 0), texts
        assert made.values[name][::4] == [None] * 5
        assert made.values[name][1] in (1.0, dt.date(2024, 1, 31))
        word = str(texts[0]).strip()
        assert found.notes == ((f"{word!r} taken for a missing value",) if word else ())


def test_one_answer_alone_is_a_word() -> None:
    assert delivered({"a": ["yes"] * 9}).kinds()["a"] == "category"


def test_a_word_for_missing_stays_a_word_among_others() -> None:
    made = delivered({"a": ["red", "none", "unknown", "NA"] * 5, "loan": ["yes", "no", "unknown", "?"] * 5})
    assert made.values["a"][:4] == ["red", "none", "unknown", None]
    assert made.found["a"].values == {"none": 5, "red": 5, "unknown": 5}
    assert (made.found["loan"].kind, made.values["loan"][:4]) == ("category", ["yes", "no", "unknown", None])


def test_a_spelling_of_missing_that_the_first_delivery_had_not_is_missing_in_the_next() -> None:
    texts = {"a": ["1", "2.5"] * 9, "b": ["x", "y"] * 9, "c": ["2024-01-31", "2024-02-01"] * 9, "d": ["1,5", "2,5"] * 9}
    found = delivered(texts).found
    for word in ("NA", "?", "null", "", " n/a"):
        sql = ", ".join(found[name].sql for name in texts)
        given = ", ".join(f"$word as {name}" for name in texts)
        assert duckdb.execute(f"select {sql} from (select {given})", {"word": word}).fetchall() == [(None,) * 4]


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("yes", "no"),
        ("Yes", "No"),
        ("TRUE", "FALSE"),
        ("True", "False"),
        ("Y", "N"),
        ("t", "f"),
        ("Ja", "Nein"),
        ("J", "N"),
        ("oui", "non"),
        ("sí", "no"),
    ],
)
def test_yes_and_no_in_several_languages_are_booleans(yes: str, no: str) -> None:
    made = delivered({"flag": [yes, no, None, no] * 4})
    assert (made.found["flag"].kind, made.values["flag"][:4]) == ("boolean", [True, False, None, False])


DAYS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y.%m.%d",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%m-%y",
    "%d %b %Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%Y%m%d",
)


@FEW
@given(st.lists(st.none() | st.dates(dt.date(1970, 1, 1), dt.date(2060, 12, 31)), min_size=1, max_size=20))
def test_days_come_back_from_every_spelling(some: list[dt.date | None]) -> None:
    values = [*some, dt.date(2024, 1, 31), dt.date(1999, 12, 31), dt.date(2000, 5, 1)]
    forms = {f"date {number}": form for number, form in enumerate(DAYS)}
    made = delivered({name: [None if v is None else v.strftime(form) for v in values] for name, form in forms.items()})
    for name, form in forms.items():
        assert (made.found[name].kind, made.values[name]) == ("date", values), form
        assert made.found[name].nulls == values.count(None)


def test_two_digits_are_a_year_of_our_time() -> None:
    made = delivered({"a": ["01.02.24", "31.12.23"] * 9, "b": ["12/31/99", "01/02/98"] * 9})
    assert [made.values[name][0] for name in "ab"] == [dt.date(2024, 2, 1), dt.date(1999, 12, 31)]


def test_days_without_noughts_and_months_come_back() -> None:
    made = delivered(
        {"a": ["1.2.2024", "31.12.2023"] * 5, "b": ["5/13/2024", "5/1/2024"] * 5, "month": ["2024-01"] * 10}
    )
    assert made.kinds() == {"line of the file": "integer", "a": "date", "b": "date", "month": "date"}
    assert [made.values[name][0] for name in "ab"] == [dt.date(2024, 2, 1), dt.date(2024, 5, 13)]
    assert made.values["month"][0] == dt.date(2024, 1, 1)


@pytest.mark.parametrize(
    "texts", [["1.2.3", "1.2.4", "2.1.11"], ["10.0.0.1", "10.0.0.2"], ["31.02.2024", "99.12.2024"]]
)
def test_what_only_looks_like_days_is_text(texts: list[str]) -> None:
    assert delivered({"a": repeated(texts, 30)}).kinds()["a"] == "category"


MOMENTS: dict[str, Callable[[dt.datetime], str]] = {
    "blank": lambda t: f"{t:%Y-%m-%d %H:%M:%S}",
    "letter T": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}",
    "zone Z": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}Z",
    "UTC": lambda t: f"{t:%Y-%m-%d %H:%M:%S} UTC",
    "offset": lambda t: t.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30))).isoformat(),
    "short offset": lambda t: f"{t.astimezone(dt.timezone(dt.timedelta(hours=-8))):%Y-%m-%d %H:%M:%S}-08",
    "apart": lambda t: f"{t.astimezone(dt.timezone(dt.timedelta(hours=2))):%Y-%m-%d %H:%M:%S} +0200",
    "of a place": lambda t: f"{t.astimezone(dt.timezone(dt.timedelta(hours=9))):%Y-%m-%d %H:%M:%S} Asia/Tokyo",
    "German": lambda t: f"{t:%d.%m.%Y %H:%M:%S}",
    "English": lambda t: f"{t:%d/%m/%Y %H:%M:%S}",
    "twelve hours": lambda t: f"{t:%m/%d/%Y %I:%M:%S %p}",
    "month": lambda t: f"{t:%d %b %Y %H:%M:%S}",
    "seconds at": lambda t: f"{t.timestamp():.0f}",
    "seconds time of pandas": lambda t: f"{t.timestamp():.1f}",
    "timestamp": lambda t: f"{t.timestamp() * 1000:.0f}",
    "time in micros": lambda t: f"{t.timestamp() * 1e6:.0f}",
    "datetime": lambda t: f"{t:%Y%m%d%H%M%S}",
}
FINE: dict[str, Callable[[dt.datetime], str]] = {
    "iso": lambda t: f"{t:%Y-%m-%dT%H:%M:%S.%f}",
    "iso with zone": lambda t: f"{t:%Y-%m-%dT%H:%M:%S.%f}+00:00",
    "German": lambda t: f"{t:%d.%m.%Y %H:%M:%S.%f}",
    "time in millis": lambda t: f"{t.timestamp() * 1000:.0f}",
    "time in seconds": lambda t: f"{t.timestamp():.3f}",
}
WITH_ZONE = ("zone Z", "UTC", "offset", "short offset", "apart", "of a place", "iso with zone")
A_MOMENT = st.datetimes(naive(1974, 1, 1), naive(2060, 1, 1))


@FEW
@given(st.lists(A_MOMENT, min_size=1, max_size=15))
def test_moments_come_back_from_every_spelling(some: list[dt.datetime]) -> None:
    fixed = [naive(2024, 1, 31, 13, 5, 9), naive(2024, 3, 31, 2, 30), naive(2024, 10, 27, 0, 0)]
    values = [moment.replace(microsecond=0, tzinfo=UTC) for moment in (*some, *fixed)]
    millis = [value.replace(microsecond=1000 * (number * 37 % 1000)) for number, value in enumerate(values)]
    made = delivered({name: [spell(value) for value in values] for name, spell in MOMENTS.items()})
    fine = delivered({name: [spell(value) for value in millis] for name, spell in FINE.items()})
    for result, spelled, expected in ((made, MOMENTS, values), (fine, FINE, millis)):
        for name in spelled:
            assert result.found[name].kind == "time", (name, result.found[name])
            assert [value.replace(tzinfo=UTC) for value in result.values[name]] == expected, name
            said = any("no zone" in note for note in result.found[name].notes)
            counted = any("since 1970" in note for note in result.found[name].notes)
            assert said == (name not in (*WITH_ZONE, "datetime") and not counted), (name, result.found[name].notes)


def test_no_row_is_lost_where_the_clocks_change() -> None:
    hours = [naive(2024, 3, 30) + dt.timedelta(minutes=30 * step) for step in range(96)]
    made = delivered(
        {"local": [f"{t:%Y-%m-%d %H:%M}" for t in hours], "German": [f"{t:%d.%m.%Y %H:%M}" for t in hours]}
    )
    for name in ("local", "German"):
        assert made.values[name] == hours
        assert "no zone is said: taken as UTC" in made.found[name].notes[0]


def test_a_place_has_its_summer_time() -> None:
    made = delivered({"a": ["2024-01-15 12:00:00 Europe/Berlin", "2024-07-15 12:00:00 Europe/Berlin"] * 5})
    assert [value.hour for value in made.values["a"][:2]] == [11, 10]


def test_a_time_that_was_named_is_read_whatever_it_is_called() -> None:
    texts = {"a": [str(1_700_000_000 + number) for number in range(30)]}
    assert delivered(texts).kinds()["a"] == "integer"
    assert delivered(texts, moments=["a"]).kinds()["a"] == "time"


def test_an_epoch_with_a_wrong_value_loses_that_row_only() -> None:
    texts = [*(str(1_700_000_000 + number) for number in range(199)), "99999999999999999"]
    made = delivered({"created": texts})
    assert (made.found["created"].kind, made.found["created"].wrong) == ("time", 1)
    assert made.aside[-1] == "created is no time"


def test_day_and_month_that_can_change_places_are_read_so_that_days_lie_together() -> None:
    days = [dt.date(2024, 2, 1) + dt.timedelta(days=number % 12) for number in range(60)]
    made = delivered(
        {
            "a": [f"{d:%d/%m/%Y}" for d in days],
            "b": [f"{d:%m/%d/%Y}" for d in days],
            "c": [f"{d:%d.%m.%Y}" for d in days],
        }
    )
    assert [made.values[name] for name in "abc"] == [days] * 3
    assert [made.found[name].day_first for name in "abc"] == [True, False, None]
    assert made.found["a"].notes == ("read as %d/%m/%Y",)
    assert made.found["b"].notes == ("read as %m/%d/%Y",)
    clear = delivered({"a": ["31/12/2023", "01/02/2024"] * 9}).found["a"]
    assert (clear.kind, clear.day_first) == ("date", None)


def test_a_whole_number_that_is_called_like_a_time_in_a_few_rows_only_stays_one() -> None:
    seconds = [1_700_000_000 + row if row % 4 == 1 else row for row in range(40_000)]
    with folder() as made:
        pq.write_table(pa.table({"updated": seconds}), made / "table.parquet")
        result = read(made / "table.parquet")
    assert result.found["updated"].kind == "integer"
    assert result.values["updated"] == seconds


def test_columns_by_the_dozen_and_those_that_a_database_has_of_its_own_are_all_read() -> None:
    texts = {f"a{number}": [str(number), "0.5"] for number in range(65)}
    made = delivered(texts)
    assert [made.values[name][0] for name in texts] == [*range(65)]
    with folder() as place, empty_duckdb() as connection:
        (place / "table.csv").write_text("rowid,v0,n0,s0\n" + "a,1,2024-01-31,yes\nb,2,2024-02-01,no\n" * 9)
        found = find_columns(connection, read_delivery(connection, [place / "table.csv"], "delivered"))
    assert [each.kind for each in found] == ["category", "integer", "date", "boolean"]
    assert found[0].name == "rowid_value"


def test_a_column_without_a_value_is_a_text() -> None:
    made = delivered({"empty": [None] * 5, "missing": ["NA"] * 5})
    for name in ("empty", "missing"):
        assert (made.found[name].kind, made.found[name].nulls, made.values[name]) == ("text", 5, [None] * 5)


def test_codes_stay_as_they_are() -> None:
    codes = {"zip": "01067", "long": "12345678901234567890", "noughts": "000"}
    made = delivered({name: [code, "12345"] * 10 for name, code in codes.items()})
    assert [made.found[name].kind for name in codes] == ["category"] * 3
    assert [made.values[name][0] for name in codes] == [*codes.values()]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "2", "3"], "integer"),
        (["1.5", "2.5"], "number"),
        (["1,5", "2,5"], "number"),
        (["2024-01-31", "2024-02-01"], "date"),
        (["31.01.2024", "01.02.2024"], "date"),
        (["2024-01-31 10:00", "2024-02-01 11:00"], "time"),
    ],
)
def test_a_few_values_of_another_kind_are_counted_and_their_rows_marked(texts: list[str], kind: str) -> None:
    made = delivered({"a": [*repeated(texts, 297), "!", "who", "why"], "b": [*repeated(texts, 290), *["what"] * 10]})
    assert (made.found["a"].kind, made.found["a"].wrong, made.found["a"].nulls) == (kind, 3, 0)
    assert made.aside == [None] * 297 + [f"a is no {kind}"] * 3
    assert made.values["a"][297:] == [None] * 3
    assert (made.found["b"].kind, made.found["b"].wrong) == ("category", 0)
    assert made.values["b"] == [*repeated(texts, 290), *["what"] * 10]


def test_what_the_sample_does_not_show_makes_a_text_with_a_note() -> None:
    # Of 40,000 rows each fourth is looked at.
    texts = ["x" if row % 4 == 1 and row % 60 == 1 else str(row) for row in range(40_000)]
    hidden = ["x" if row % 60 == 2 else str(row) for row in range(40_000)]
    made = delivered({"a": texts, "b": hidden, "c": ["2.5" if row == 2 else str(row) for row in range(40_000)]})
    assert made.kinds() == {"line of the file": "integer", "a": "text", "b": "text", "c": "number"}
    assert made.values["c"][:3] == [0, 1, 2.5]
    assert made.found["b"].notes == ("667 of 40,000 values are no integer: read as text",)
    assert made.values["b"][:3] == ["0", "1", "x"]


def test_one_part_of_a_number_makes_the_column_one_of_numbers() -> None:
    made = delivered({"a": [*map(str, range(300)), "2.5"], "b": [*(f"{n}.0" for n in range(300)), "2.5"]})
    assert [(made.found[name].kind, made.found[name].wrong) for name in "ab"] == [("number", 0)] * 2
    assert made.values["a"][-1] == made.values["b"][-1] == 2.5


@pytest.mark.parametrize("sentinel", ["-999", "9999", "-9999", "-999.0"])
def test_a_sentinel_far_from_the_others_is_missing(sentinel: str) -> None:
    texts = [*map(str, range(100)), sentinel, sentinel]
    made = delivered({"a": texts})
    found = made.found["a"]
    assert (found.kind, found.nulls, found.low, found.high) == ("integer", 2, 0, 99)
    assert made.values["a"] == [*range(100), None, None]
    assert found.notes == (f"{float(sentinel):g} taken for a missing value: far from all others",)


@pytest.mark.parametrize(
    "texts",
    [
        [*map(str, range(0, 10_000, 50)), "9999", "9999"],
        [*map(str, range(-1200, 0, 10)), "-999", "-999"],
        [*map(str, range(100)), "9999"],
        ["0", "999"] * 20,
        ["-999"] * 20,
    ],
)
def test_a_sentinel_near_the_others_or_alone_is_a_number(texts: list[str]) -> None:
    found = delivered({"a": texts}).found["a"]
    assert (found.nulls, found.notes) == (0, ())
    assert (found.low, found.high) == (min(map(float, texts)), max(map(float, texts)))


@FEW
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")), min_size=1), min_size=4)
)
def test_free_text_comes_back_as_it_is(some: list[str]) -> None:
    texts = [f"a {text} z" for text in some] + ["é", "it's", 'a "b"', "x, y; z"]
    made = delivered({"a": texts})
    assert made.values["a"] == texts
    assert made.found["a"].kind in ("text", "category")


def test_a_text_of_few_values_is_a_category_with_its_counts() -> None:
    made = delivered({"a": ["red", "blue", "red", None] * 5, "b": [f"word {number}" for number in range(20)]})
    assert (made.found["a"].kind, dict(made.found["a"].values), made.found["a"].distinct) == (
        "category",
        {"red": 10, "blue": 5},
        2,
    )
    assert [*made.found["a"].values] == ["red", "blue"]
    assert (made.found["b"].kind, made.found["b"].distinct) == ("text", 20)


def test_columns_of_parquet_keep_their_types_and_nested_ones_have_no_kind() -> None:
    moment = naive(2024, 1, 31, 10, 30)
    columns = {
        "integer": pa.array([1, 2, None]),
        "number": pa.array([1.5, float("nan"), float("inf")]),
        "whole": pa.array([1.0, 2.0, None]),
        "boolean": pa.array([True, False, None]),
        "date": pa.array([moment.date()] * 3),
        "midnight": pa.array([naive(2024, 1, 31)] * 3),
        "local": pa.array([moment] * 3, pa.timestamp("ns")),
        "zoned": pa.array([moment] * 3, pa.timestamp("us", "Europe/Berlin")),
        "created": pa.array([1_700_000_000] * 3),
        "day date": pa.array([20240131] * 3),
        "decimal": pa.array(["1.50", "2.25", None]).cast(pa.decimal128(10, 2)),
        "text": pa.array(["a", "1", "b"]),
        "list": pa.array([[1], [2], []]),
        "struct": pa.array([{"a": 1}] * 3),
        "bytes": pa.array([b"1"] * 3),
    }
    with folder() as made:
        pq.write_table(pa.table(columns), made / "table.parquet")
        result = read(made / "table.parquet")
    kinds = [
        "integer",
        "number",
        "integer",
        "boolean",
        "date",
        "date",
        "time",
        "time",
        "time",
        "date",
        "number",
        "text",
    ]
    assert [*result.kinds().values()] == [*kinds, None, None, None]
    assert result.values["number"] == [1.5, None, None]
    assert result.values["local"][0] == result.values["zoned"][0] == moment
    assert result.values["created"][0] == naive(2023, 11, 14, 22, 13, 20)
    assert result.values["day date"][0] == dt.date(2024, 1, 31)
    assert result.found["list"].notes == ("bigint[] is no single value",)


NAMES = [
    "Größe (cm)",
    "order",
    "Order",
    "ORDER ",
    "2nd",
    "?",
    "",
    "class",
    "row",
    "line",
    "records",
    "features",
    "delivery",
]
NAMES += [
    "row_id",
    "asked_at",
    "rowid",
    "drawn_time",
    "x" * 200,
    "x" * 201,
    "leadTime",
    "select",
    "a_2",
    "a",
    "A",
    "日本",
]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.text(max_size=80) | st.sampled_from([*NAMES, *keyword.kwlist, "a", "a_2", "group", "Ünit"]), max_size=12
    )
)
@example(NAMES)
@example(["a", "a", "a_2", "a_2"])
def test_plain_names_are_taken_by_python_and_sql_without_quotes(names: list[str]) -> None:
    with empty_duckdb() as connection:
        plain = plain_names(connection, names)
        for name in plain:
            assert connection.execute(f"select {name} from (select 1 as {name})").fetchall() == [(1,)]
    assert len({*plain}) == len(names)
    assert all(name.isidentifier() and name.isascii() and not keyword.iskeyword(name) for name in plain)
    assert not {*plain} & {*ROLES, *TAKEN, "records", "features", "delivery", "rowid"}
    assert max(map(len, plain), default=0) <= 70


def test_every_keyword_of_the_database_becomes_a_name() -> None:
    with empty_duckdb() as connection:
        words = [word for (word,) in connection.execute("select keyword_name from duckdb_keywords()").fetchall()]
        listed = ", ".join(plain_names(connection, words))
        values = ", ".join(f"1 as {name}" for name in plain_names(connection, words))
        assert connection.execute(f"select {listed} from (select {values})").fetchall() == [(1,) * len(words)]


def test_plain_names_of_usual_spellings() -> None:
    expected = {"Größe (cm)": "groesse_cm", "leadTime": "lead_time", "2nd": "c_2nd", "order": "order_value", "é": "e"}
    assert plain_names(duckdb.connect(), [*expected, "!?"]) == [*expected.values(), "column_6"]
