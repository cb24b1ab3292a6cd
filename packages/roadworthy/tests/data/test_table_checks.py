"""Checks of whole tables on a table that is made by hand, with one fault at a time."""

import re
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from pandera.errors import SchemaErrors

from contracts import sound_contract
from roadworthy.base.errors import RedError
from roadworthy.base.settings import DEFAULT_LIMITS, Limits
from roadworthy.contract import checks, rules
from roadworthy.contract.schema import Column, Law, Table
from roadworthy.data.snapshots import checked_features
from roadworthy.project import Project

TABLE = Table(
    name="readings",
    columns=(
        Column(name="place", kind="category", about="one of three"),
        Column(name="value", kind="number", about="a number", max_null=0.05),
        Column(name="at", kind="time", about="when"),
    ),
    key=("place", "at"),
    laws=(Law("level", "avg(value)", 0.0, 2.0, "mean value"),),
    time="at",
)
Change = Callable[[pd.DataFrame], pd.DataFrame]


def readings(weeks: int = 8) -> pd.DataFrame:
    """Three places, each with a reading every two hours."""
    at = pd.date_range("2020-01-01", periods=weeks * 7 * 12, freq="2h", tz="UTC")
    return pd.concat([pd.DataFrame({"place": place, "value": 1.0, "at": at}) for place in "abc"], ignore_index=True)


def red(rows: pd.DataFrame, table: Table = TABLE, limits: Limits = DEFAULT_LIMITS) -> dict[str, str]:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.register("given", rows)
    connection.execute("create temp table typed as select * from given")
    return {each.check: each.evidence for each in rules.table_findings(connection, table, limits) if not each.passed}


def week(rows: pd.DataFrame, number: int) -> Any:
    return (rows["at"] - rows["at"].min()).dt.days // 7 == number


FAULTS: dict[str, tuple[Change, str, str]] = {
    "another level": (lambda f: f.assign(value=2.1), "law level", "mean value: 2.1, normal 0 to 2"),
    # 5% a year may be missing, so 35% of a week.
    "a silent week": (lambda f: f.assign(value=f["value"].mask(week(f, 3) & (f.index % 5 < 2))), "no week lacks values",
                      "value: 40% missing in the week of 2020-01-22, at most 35%"),
    "a thin week": (lambda f: f[~week(f, 2) | (f.index % 5 < 2)], "no week is thin", "in the week of 2020-01-15"),
    "a lost place": (lambda f: f[(f["place"] != "b") | ~f["at"].dt.strftime("%m%d").between("0110", "0117")],
                     "no category disappears", "place b: no row for 8 days from 2020-01-10"),
    "a place that ends": (lambda f: f[(f["place"] != "c") | (f["at"] < "2020-02-10")], "no category disappears",
                          "place c: no row for 16 days from 2020-02-10"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_whole_table_is_named(fault: str) -> None:
    change, check, told = FAULTS[fault]
    found = red(change(readings()))
    assert list(found) == [check], found
    assert told in found[check]


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f,
        lambda f: f.assign(value=f["value"].mask(week(f, 3) & (f.index % 10 < 3))),
        lambda f: f[~week(f, 2) | (f.index % 5 < 3)],
        lambda f: f[(f["place"] != "b") | ~f["at"].dt.strftime("%m%d").between("0110", "0116")],
        # A place with a row a day is not frequent: that it is not there for a month says nothing.
        lambda f: f[(f["place"] != "c") | ((f["at"].dt.hour == 0) & (f["at"] < "2020-01-20"))],
    ],
)
def test_what_is_within_the_limits_is_green(change: Change) -> None:
    assert red(change(readings())) == {}


@pytest.mark.parametrize(
    ("fault", "limit"),
    [
        ("a silent week", {"null_more": 0.3}),
        ("a silent week", {"null_times": 5}),
        ("a thin week", {"min_week_rows": 0.3}),
        ("a lost place", {"max_gap": 8}),
        ("a lost place", {"often": 200}),
    ],
)
def test_a_project_says_itself_what_is_usual_in_a_week(fault: str, limit: dict[str, Any]) -> None:
    change, check, _ = FAULTS[fault]
    assert check in red(change(readings()))
    assert check not in red(change(readings()), limits=Limits.model_validate(limit))


def test_where_no_category_is_frequent_the_evidence_says_so() -> None:
    connection = duckdb.connect()
    connection.register("given", readings())
    connection.execute("create temp table typed as select * from given")
    found = {each.check: each for each in rules.table_findings(connection, TABLE, Limits(often=1000))}
    gap = found["no category disappears"]
    assert (gap.passed, gap.evidence) == (True, "none is frequent: at least 1000 rows a week")


def test_weeks_are_not_judged_in_a_short_table() -> None:
    rows = readings(weeks=3)
    assert red(rows[~week(rows, 1)]) == {}


def test_a_law_without_a_value_is_not_broken() -> None:
    assert "law level" not in red(readings().assign(value=np.nan).astype({"value": "float64"}))


def lost(rows: pd.DataFrame, gone: Any, limits: Limits = DEFAULT_LIMITS) -> list[str]:
    found = rules.lost_parts(TABLE, rows, rows.index[gone], limits)
    return [each.evidence for each in found if not each.passed]


def test_a_place_or_a_day_in_quarantine_is_named() -> None:
    rows = readings()
    assert not lost(rows, rows["place"].isna()), "nothing in quarantine"
    of_c = rows["place"] == "c"
    half = of_c & (rows.index % 2 == 0)
    assert not lost(rows, half)
    assert lost(rows, half | (rows.index == rows.index[of_c][-1])) == [
        "place c: 337 of 672 rows in quarantine, at most 50% of a day or what is frequent"
    ]
    day = rows["at"].dt.strftime("%m%d") == "0120"
    assert not lost(rows, day & (rows.index % 2 == 0))
    (told,) = lost(rows, day & (rows["place"] != "a"))
    assert told.startswith("day 2020-01-20: 24 of 36 rows in quarantine")


def test_a_project_says_itself_how_much_of_a_part_may_be_in_quarantine() -> None:
    rows = readings()
    most = (rows["place"] == "c") & (rows.index % 5 < 3)
    assert lost(rows, most)
    assert not lost(rows, most, Limits(max_lost=0.7))
    assert not lost(rows, most, Limits(often=1000))


def test_the_limits_of_the_settings_reach_the_tables(project: Project) -> None:
    strict = project.settings.model_copy(update={"limits": Limits(min_week_rows=1, max_apart=0)})
    limited = project.using(strict)
    report = checks.check_snapshot(limited, project.data.connect(), max_quarantined=0.01)
    names = {each.check for each in report.findings if not each.passed}
    assert names == {"no week is thin", "tables begin together", "tables end together"}
    checked_features(project)  # from here on there is a cache of the same data, checked by other limits
    with pytest.raises(RedError, match="no week is thin"):
        checked_features(limited)


def test_a_rare_place_in_quarantine_says_nothing_and_a_short_table_neither() -> None:
    rows = readings()
    rare = rows["place"].mask(rows.index % 400 == 0, "d")  # 5 rows
    assert not lost(rows.assign(place=rare), rare == "d")
    short = readings(weeks=3)
    assert not lost(short, short["place"] == "c")


def test_tables_that_begin_or_end_apart_are_named() -> None:
    tables = tuple(Table(name=name, columns=TABLE.columns, key=TABLE.key, time="at") for name in ("short", "long"))
    contract = sound_contract(tables=tables)
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute(
        "create table long as select timestamptz '2020-01-01' + to_days(i::integer) as at from range(60) t(i)"
    )
    connection.execute("create table short as select * from long where \"at\" between '2020-01-04' and '2020-02-25'")
    begin, end = rules.same_period(connection, contract, 3)
    assert begin.passed  # 3 days
    assert not end.passed
    assert end.table == "short"
    assert "short ends on 2020-02-25, long on 2020-02-29" in end.evidence


def test_every_law_of_the_contract_can_be_broken(project: Project) -> None:
    """A figure of the contract that is out of its limits on these rows, and inside on those of the tests above."""
    weather = project.contract.table("weather")
    row = {"temp": 20.0, "dewp": 10.0, "humid": 10.0, "wind_speed": 5.0, "wind_gust": 4.0, "precip": 3.0}
    at = pd.date_range("2020-01-01", periods=48, freq="h", tz="UTC")
    rows = pd.DataFrame({**row, "time_hour": at, "origin": "JFK", "hour": (at.hour + 7) % 24})
    rows["temp"] = 20 + 5 * np.cos((rows["time_hour"].dt.hour - 14) * np.pi / 12)
    rows["dewp"] = rows["temp"] + 1
    found = red(rows.assign(pressure=1013.0), Table(name="weather", columns=(), key=(), laws=weather.laws))
    assert set(found) == {f"law {law.name}" for law in weather.laws} - {"law still"}
    assert "peaks: 14," in found["law afternoon"]


def test_a_station_that_stands_still_is_named(project: Project) -> None:
    (law,) = (law for law in project.contract.table("weather").laws if law.name == "still")
    at = pd.date_range("2020-01-01", periods=48, freq="h", tz="UTC")
    rows = pd.concat([pd.DataFrame({"origin": origin, "time_hour": at, "temp": 50.0}) for origin in ("EWR", "JFK")])
    rows = rows.assign(temp=rows["temp"] + rows["time_hour"].dt.hour % 2, dewp=40.0, wind_speed=5.0, pressure=None)
    table = Table(name="weather", columns=(), key=(), laws=(law,))
    assert red(rows, table) == {}, "the values come back, but not one after the other"
    still = (rows["origin"] == "JFK") & rows["time_hour"].between(at[20], at[31])
    assert red(rows.assign(temp=rows["temp"].mask(still, 60.0)), table) == {}
    still |= (rows["origin"] == "JFK") & (rows["time_hour"] == at[32])
    found = red(rows.assign(temp=rows["temp"].mask(still, 60.0)), table)
    assert "all that it measures: 13, normal 1 to 12" in found["law still"]


def test_laws_of_flights_hold_for_single_rows_and_not_for_many(project: Project) -> None:
    names = {"no arrival", "long delays", "one plane"}
    laws = tuple(law for law in project.contract.table("flights").laws if law.name in names)
    first = {"time_hour": pd.Timestamp("2020-01-01", tz="UTC"), "minute": 0, "dep_time": 1, "arr_delay": 5.0}
    rows = pd.DataFrame(first, index=range(1000))
    rows["tailnum"] = [f"N{number}" for number in range(1000)]
    rows.loc[:29, "arr_delay"] = 120.0
    table = Table(name="flights", columns=(), key=(), laws=laws)

    def broken(change: pd.DataFrame) -> set[str]:
        return {name.removeprefix("law ") for name in red(change, table)}

    assert broken(rows) == set()
    assert broken(rows.assign(arr_delay=rows["arr_delay"].clip(upper=119))) == {"long delays"}
    at = rows.index
    assert broken(rows.assign(arr_delay=rows["arr_delay"].mask(at >= 985))) == set()
    assert broken(rows.assign(arr_delay=rows["arr_delay"].mask(at >= 984))) == {"no arrival"}
    cancelled = rows.assign(arr_delay=rows["arr_delay"].mask(at >= 900), dep_time=rows["dep_time"].mask(at >= 900))
    assert broken(cancelled) == set()
    assert broken(rows.assign(tailnum=rows["tailnum"].mask(at < 9, "N500"))) == set()
    assert broken(rows.assign(tailnum=rows["tailnum"].mask(at < 12, "N500"))) == {"one plane"}
    assert broken(rows.assign(tailnum=rows["tailnum"].mask(at < 500))) == set(), "no registration: cancelled"


@pytest.mark.parametrize("maker", ["BOEING", "AIRBUS INDUSTRIE", "BOEING ", " BOEING"])
def test_a_maker_does_not_begin_or_end_in_a_blank(project: Project, maker: str) -> None:
    pattern = project.contract.table("planes").column("manufacturer").pattern
    assert bool(re.search(pattern, maker)) == (maker == maker.strip())


@pytest.mark.parametrize(("bounds", "bad"), [({"low": 0}, -1.0), ({"high": 0}, 1.0)])
def test_a_bound_on_one_side_alone_is_a_bound(bounds: dict[str, float], bad: float) -> None:
    column = Column(name="value", kind="number", about="a number", **bounds)  # type: ignore[arg-type]
    schema = rules.pandera_schema(Table(name="readings", columns=(column,), key=()))
    schema.validate(pd.DataFrame({"value": [0.0, -bad]}), lazy=True)
    with pytest.raises(SchemaErrors):
        schema.validate(pd.DataFrame({"value": [0.0, bad]}), lazy=True)
