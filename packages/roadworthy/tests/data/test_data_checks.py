from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import DATA

from roadworthy.base import databases
from roadworthy.base.errors import InputError, RedError
from roadworthy.contract import checks
from roadworthy.contract.schema import Column, Contract, Rule, Table
from roadworthy.data import snapshots
from roadworthy.project import Project

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """Whole days of January, as a person would export them to CSV."""
    text = f"select * from '{(DATA / '2013' / 'flights.parquet').as_posix()}' where month = 1 and day <= 6"
    return databases.ask(duckdb.connect(), text)


def check(contract: Contract, rows: pd.DataFrame, folder: Path, suffix: str = ".csv") -> checks.Report:
    file = folder / f"flights{suffix}"
    whole = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
    rows = rows.astype({name: "Int32" for name in whole if name in rows and rows[name].dtype == "float64"})
    rows.to_csv(file, index=False) if suffix == ".csv" else rows.to_parquet(file)
    return checks.check_file(file, contract.table("flights"), max_quarantined=0.01)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_real_flights_are_green(project: Project, flights: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    report = check(project.contract, flights, tmp_path, suffix)
    assert report.passed, report.frame.to_string()
    assert report.rows["flights"] == len(flights)


FAULTS: dict[str, tuple[Change, str]] = {
    "unit": (lambda f: f.assign(distance=f["distance"] * 1609), "distance: not in 10 to 6000"),
    "allowed": (lambda f: f.assign(origin=f["origin"].replace("JFK", "JFC")), "origin: not one of EWR, JFK, LGA"),
    "pattern": (lambda f: f.assign(carrier=f["carrier"].str.lower()), "carrier: does not match"),
    "type": (lambda f: f.assign(distance="far"), "distance: type"),
    "doubled": (lambda f: pd.concat([f, f.head(100)]), "is doubled"),
    "missing values": (lambda f: f.assign(origin=f["origin"].mask(f["origin"] == "LGA")), "origin: is missing"),
    "time zone": (lambda f: f.assign(time_hour=f["time_hour"] - pd.Timedelta(hours=5)), "rule utc"),
    "rule": (lambda f: f.assign(hour=(f["hour"] + 1) % 24), "rule schedule"),
    "null spike": (lambda f: f.assign(tailnum=None), "tailnum: share of missing values"),
    "truncated": (lambda f: f.head(900), "enough rows"),
    "lost days": (lambda f: f[~f["day"].isin([3, 4])], "no day is missing"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_red_and_named(project: Project, flights: pd.DataFrame, tmp_path: Path, fault: str) -> None:
    change, named = FAULTS[fault]
    report = check(project.contract, change(flights), tmp_path)
    red = report.frame[~report.frame["passed"]]
    assert red["check"].str.contains(named, regex=False).any(), red.to_string()
    with pytest.raises(RedError, match="do not keep the contract"):
        checks.require_passed(report)


def test_one_bad_row_is_quarantined_with_every_reason_and_stays_green(
    project: Project, flights: pd.DataFrame, tmp_path: Path
) -> None:
    changed = flights.copy()
    changed.loc[7, "distance"], changed.loc[7, "origin"] = 1, "XXX"
    report = check(project.contract, changed, tmp_path)
    kept = report.quarantine["flights"]
    assert kept.index.tolist() == [8], "rows are counted from 1"
    assert kept["reason"].str.contains("distance: 1 not in 10 to 6000").all()
    assert kept["reason"].str.contains("origin: XXX not one of").all()
    assert report.passed
    (written,) = checks.write_quarantine(report, tmp_path / "quarantine")
    assert len(pd.read_parquet(written)) == 1
    page = checks.write_check_page(project.contract, report, tmp_path / "report.html", "flights").read_text(
        encoding="utf-8"
    )
    assert "origin: XXX not one of" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.rename(columns={"dep_delay": "departure_delay"}), "'departure_delay' may be 'dep_delay' renamed"),
        (lambda f: f.drop(columns=["origin"]), "column 'origin' is missing"),
        (lambda f: f.assign(note="x"), "column 'note' is unknown"),
        (lambda f: f.head(0), "has no rows"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(
    project: Project, flights: pd.DataFrame, tmp_path: Path, change: Change, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        check(project.contract, change(flights), tmp_path)


@pytest.mark.parametrize(("name", "content"), [("a.parquet", b"PAR1 no"), ("a.csv", b""), ("a.csv", b"\xff\xfe\x00")])
def test_a_file_that_cannot_be_read_is_refused(project: Project, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"a\."):
        checks.check_file(tmp_path / name, project.contract.table("flights"), max_quarantined=0.01)


def test_a_missing_file_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        checks.check_file(tmp_path / "none.csv", project.contract.table("flights"), max_quarantined=0.01)


@pytest.mark.slow
def test_2023_is_red_for_its_time_stamps_and_green_after_the_repair(project: Project) -> None:
    raw = checks.check_snapshot(project, snapshots.connect_snapshot(project, DATA / "2023"), max_quarantined=0.01)
    assert {f.check for f in raw.findings if not f.passed} == {"rows keep the contract", "rule utc"}
    repaired = snapshots.connect_snapshot(project, DATA / "2023", {"flights": "repair_time_hour.sql"})
    assert checks.check_snapshot(project, repaired, max_quarantined=0.01).passed


@pytest.mark.slow
def test_the_impossible_wind_of_2013_is_left_out_of_the_features(project: Project) -> None:
    connection = snapshots.connect_snapshot(project, DATA / "2013")
    report = checks.check_snapshot(project, connection, max_quarantined=0.01)
    assert {name: len(rows) for name, rows in report.quarantine.items() if len(rows)} == {"weather": 1}
    assert databases.ask(connection, "select max(wind_speed) as w from weather")["w"][0] > 1000
    checks.exclude_quarantined(connection, report)
    left = databases.ask(connection, "select max(wind_speed) as w, count(*) as n from weather")
    assert (left["w"][0], left["n"][0]) == (pytest.approx(42.57886), 26_114)


TOY = Table(
    name="toy",
    columns=(
        Column(name="id", kind="integer", about="number of the row"),
        Column(name="x", kind="number", about="a number", low=0, high=10, max_null=1.0),
        Column(name="c", kind="category", about="a letter", allowed=("a", "b")),
    ),
    key=("id",),
    rules=(Rule("even", "x is null or id % 2 = 0 or x < 5", "odd rows are small"),),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(-5, 15)), st.sampled_from("abc")), min_size=1, max_size=20))
def test_exactly_the_rows_that_break_the_contract_are_quarantined(rows: list[tuple[float | None, str]]) -> None:
    table = pd.DataFrame({"id": range(len(rows)), "x": [x for x, _ in rows], "c": [c for _, c in rows]})
    table["x"] = table["x"].astype("float64")
    connection = duckdb.connect()
    connection.register("toy", table)
    report = checks.Report()
    checks.check_table(connection, TOY, report, max_quarantined=1.0)
    bad = {
        i + 1
        for i, (x, c) in enumerate(rows)
        if c == "c" or (x is not None and (not 0 <= x <= 10 or (i % 2 and x >= 5)))
    }
    assert set(report.quarantine["toy"].index) == bad
