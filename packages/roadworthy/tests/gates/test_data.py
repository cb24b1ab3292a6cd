"""The judges of the data gates on evidence made by hand, each limit from both sides, and how it is measured."""

import json
import re
import shutil
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.base.errors import InputError
from roadworthy.bundle.signature import Feature, Signature
from roadworthy.contract import rules
from roadworthy.contract.schema import Column, Table
from roadworthy.drills import faults
from roadworthy.gates import data as gates
from roadworthy.gates import expectations, feature_value, features, privacy
from roadworthy.gates.bench import Gate, NotJudgedError
from roadworthy.project import Project
from sample import HOME
from small import SIGNATURE

COLUMN = {"table": "t", "column": "temp", "kind": "number", "rule": "", "max_null": 0.02, "nulls": 0.01}
LIMITS = {"low": -40.0, "high": 130.0, "seen_low": 10.0, "seen_high": 100.0}


def expected(*, accepted: Sequence[str] = (), unknown: Sequence[str] = (), **values: Any) -> expectations.Expectations:
    absent = tuple(values.pop("absent", ()))
    columns = pd.DataFrame([{**COLUMN, **LIMITS, **values}])
    return expectations.Expectations(columns, tuple(accepted), 9, tuple(unknown), absent)


def contributed(kept: dict[str, str] | None = None, **highs: float) -> feature_value.Contributions:
    rows = {name: {"loss": high - 0.0004, "low": high - 0.001, "high": high, "rows": 9} for name, high in highs.items()}
    return feature_value.Contributions(pd.DataFrame.from_dict(rows, orient="index"), kept or {})


def costs(sql: feature_value.SqlCosts | None = None, **values: float) -> feature_value.Costs:
    usual = {"micros": 1.0, "request": 8.0, "bundle": 400.0}
    table = pd.DataFrame([usual, usual, {**usual, **values}], index=["a", "b", "dear"])
    return feature_value.Costs(table, sql or feature_value.SqlCosts(23.0, 1.0, 25.0))


def required(**values: Any) -> features.Requirements:
    seen = features.FutureLeakage(
        values.pop("rows", 100), values.pop("missing", 0), Counter({"temp": 0, **values.pop("changed", {})})
    )
    return features.Requirements(20, values.pop("wrong", {}), values.pop("undated", ()), seen)


PRIVACY = privacy.PrivacyFindings({}, {}, ("t.name",), 40, 9)
ARRIVED = features.AddedFeature(("a.sql", "b.py", "c.toml"), {"signature": True, "log": True}, 1.0)
EXAMPLES = features.WorkedExamples(13, 28, (), {}, 0, 0)
GOOD: dict[str, list[Any]] = {
    "Data 1": [
        expected(),
        expected(high=3099.0),
        expected(max_null=0.35),
        expected(low=2000.0, high=2100.0, seen_low=2013.0, seen_high=2013.0),
        expected(low=0.0, high=1000.0, seen_low=0.0, seen_high=0.0),
    ],
    "Data 2": [contributed(a=0.02, b=0.0006), contributed({"c": "kept"}, a=0.02)],
    "Data 3": [
        costs(),
        costs(micros=4.9, request=99.0, bundle=19_000.0),
        costs(feature_value.SqlCosts(99.0, 1.4, 99.0)),
    ],
    "Data 4": [required(), required(rows=1)],
    "Data 5": [PRIVACY, replace(PRIVACY, columns=(), none="machines only")],
    "Data 6": [ARRIVED, replace(ARRIVED, seconds=19.0)],
    "Data 7": [EXAMPLES],
}
BAD: dict[str, list[Any]] = {
    "Data 1": [
        expected(high=3101.0),
        expected(low=-2991.0),
        expected(max_null=0.37),
        expected(low=0.0, high=1e9, seen_low=2013.0, seen_high=2013.0),
        expected(accepted=["t.temp: too large"]),
        expected(unknown=["month"]),
        expected(absent=["month"]),
    ],
    "Data 2": [contributed(a=0.02, b=0.0004), contributed(a=0.0, b=0.02), contributed({"c": "kept"})],
    "Data 3": [
        costs(micros=5.1),
        costs(request=101.0),
        costs(bundle=20_001.0),
        costs(feature_value.SqlCosts(101.0, 1.0, 25.0)),
        costs(feature_value.SqlCosts(23.0, 1.6, 25.0)),
        costs(feature_value.SqlCosts(23.0, 1.0, 101.0)),
    ],
    "Data 4": [
        required(changed={"temp": 1}),
        required(missing=1),
        required(rows=0, missing=1),
        required(wrong={"dep_delay": "known only afterwards"}),
        required(undated=("t.delay",)),
    ],
    "Data 5": [
        replace(PRIVACY, personal={"t.name": "e-mail ja***"}),
        replace(PRIVACY, private={"golden.json": "2 values, as N1***"}),
        replace(PRIVACY, columns=()),
        replace(PRIVACY, none="machines only"),
        replace(PRIVACY, columns=(), none="machines only", personal={"t.name": "e-mail ja***"}),
    ],
    "Data 6": [
        replace(ARRIVED, arrived={"signature": True, "log": False}),
        replace(ARRIVED, files=("a", "b", "c", "d")),
        replace(ARRIVED, seconds=21.0),
    ],
    "Data 7": [
        replace(EXAMPLES, untested=("visib",)),
        replace(EXAMPLES, different={"late": "X is 0, expected 1"}),
        replace(EXAMPLES, missing=1),
        replace(EXAMPLES, extra=1),
    ],
}
JUDGES: dict[str, Gate[Any]] = {each.name: each for each in vars(gates).values() if isinstance(each, Gate)}


def each(cases: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, evidence) for name, many in cases.items() for evidence in many]


@pytest.mark.parametrize(("name", "evidence"), each(GOOD))
def test_good_evidence_is_green(name: str, evidence: Any) -> None:
    verdict = JUDGES[name](evidence)
    assert verdict.passed is True, verdict.evidence
    assert any(map(str.isdigit, verdict.evidence))


@pytest.mark.parametrize(("name", "evidence"), each(BAD))
def test_bad_evidence_is_red(name: str, evidence: Any) -> None:
    verdict = JUDGES[name](evidence)
    assert verdict.passed is False, verdict.evidence


@pytest.mark.parametrize(
    ("name", "evidence", "said"),
    [
        ("Data 1", expected(accepted=["t.temp: too large"]), "t.temp: too large is accepted"),
        ("Data 1", expected(max_null=1.0), "t.temp: 99% more than now may be missing"),
        ("Data 2", contributed({"c": "for a reason"}, a=0.0), "kept for a reason: c"),
        ("Data 3", costs(bundle=50_000.0), "dear: 50,000 bytes in the bundle"),
        ("Data 4", required(changed={"temp": 7}), "temp changes in 7 of 100 rows"),
        ("Data 6", BAD["Data 6"][0], "not in: log"),
        ("Data 7", BAD["Data 7"][1], "late: X is 0, expected 1"),
    ],
)
def test_the_words_name_what_is_wrong(name: str, evidence: Any, said: str) -> None:
    assert said in JUDGES[name](evidence).evidence


def test_no_event_before_the_moments_is_not_judged() -> None:
    assert JUDGES["Data 4"](required(rows=0)).passed is None


def test_only_the_first_three_problems_are_told() -> None:
    verdict = JUDGES["Data 1"](expected(accepted=list("abcde")))
    assert verdict.evidence == "a is accepted; b is accepted; c is accepted; and 2 more"


# Data 1

NARROW = Table(
    name="toy",
    columns=(
        Column(name="id", kind="integer", about="number", low=1, high=9),
        Column(name="when", kind="time", about="time"),
        Column(name="code", kind="category", about="code", pattern="^[A-Z]{2}$", max_null=0.1),
        Column(name="size", kind="number", about="size", low=0, high=5),
    ),
    key=("id",),
)
ROWS = pd.DataFrame(
    {
        "id": [1, 2],
        "when": pd.to_datetime(["2013-01-01", "2013-01-02"], utc=True),
        "code": ["AB", None],
        "size": [0.5, 4.0],
    }
)


def test_a_tight_table_refuses_every_planted_value() -> None:
    found = expectations.plant_bad_values(ROWS, NARROW, NARROW.columns)
    # id 4 (missing, too small, too large, no integer), when 2, code 1 (it may be missing), size 4
    assert len(found) == 11
    assert all(found.values()), found


@pytest.mark.parametrize(
    ("place", "change", "accepted"),
    [
        (2, {"pattern": ""}, {"toy.code: any text"}),
        (2, {"pattern": ".*"}, {"toy.code: any text"}),
        (3, {"low": None, "high": None}, {"toy.size: too small", "toy.size: too large"}),
    ],
)
def test_a_wide_column_accepts_what_is_planted(place: int, change: dict[str, Any], accepted: set[str]) -> None:
    columns = [replace(column, **change) if i == place else column for i, column in enumerate(NARROW.columns)]
    found = expectations.plant_bad_values(ROWS, replace(NARROW, columns=tuple(columns)), columns)
    assert {name for name, refused in found.items() if not refused} == accepted


def test_checks_that_are_off_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_column_checks", lambda _: [])
    found = expectations.plant_bad_values(ROWS, NARROW, NARROW.columns)
    assert {name.split(": ")[1] for name, refused in found.items() if not refused} == {
        "too small",
        "too large",
        "any text",
    }


# Data 2


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    """200 days of 30 flights: the hour makes them late, the temperature does nothing, the distance is constant."""
    draw = np.random.default_rng(3)
    day = np.repeat(pd.date_range("2013-01-01", periods=200), 30)
    hour = draw.integers(5, 24, len(day))
    late = draw.random(len(day)) < 0.05 + 0.03 * (hour - 5)
    temp = draw.normal(60, 10, len(day))
    return pd.DataFrame({"day": day, "hour": hour, "temp": temp, "distance": 500, "late": late.astype(float)})


def test_a_planted_effect_contributes_and_noise_and_a_constant_do_not(project: Project, world: pd.DataFrame) -> None:
    spec = project.settings.model.model_copy(update={"features": ("hour", "temp", "distance"), "max_iter": 20})
    even = np.arange(len(world)) // 30 % 2 == 0
    found = feature_value.contribution_table(project, world[even], world[~even], spec, ["hour", "temp", "distance"])
    losses = found[["loss", "low", "high"]].to_dict("index")
    assert losses["hour"]["low"] > 0.1
    assert losses["temp"]["low"] < 0
    assert losses["distance"] == {"loss": 0, "low": 0, "high": 0}


def test_a_feature_that_the_contract_has_not_is_not_judged(project: Project, world: pd.DataFrame) -> None:
    spec = project.settings.model.model_copy(update={"features": ("hour", "altitude")})
    with pytest.raises(NotJudgedError, match="altitude"):
        feature_value.contribution_table(project, world.assign(altitude=1), world, spec, ["hour"])


# Data 3


def test_a_feature_that_is_slow_to_encode_costs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = Signature.parse(json.dumps(SIGNATURE))
    many = tuple(f"{i:04}" for i in range(3000))
    feature = Feature(name="number", kind="category", categories=many)
    values: list[object] = list(many[:200])
    before = feature_value.serving_costs(feature, signature, values)
    slow = property(lambda self: {category: float(code) for code, category in enumerate(self.categories)})
    monkeypatch.setattr(Feature, "codes", slow)
    assert feature_value.serving_costs(feature, signature, values) > 10 * before


def test_rows_of_a_plan_are_those_of_all_its_operators() -> None:
    leaf = {"intermediate_rows": 5, "children": []}
    plan = {"operator": [{"intermediate_rows": 2, "children": [leaf, {"intermediate_rows": 1}]}], "timing": 3}
    assert feature_value.plan_rows(plan) == 8


# Data 4


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("temp", ""),
        ("carrier", ""),
        ("dep_delay", "known only afterwards"),
        ("late", "identifies or labels a row"),
        ("flight_id", "identifies or labels a row"),
        ("altitude", "not in the contract"),
    ],
)
def test_the_contract_says_what_may_be_a_feature(project: Project, name: str, why: str) -> None:
    assert features.why_forbidden(project.contract, name) == why


def test_what_came_later_is_forgotten() -> None:
    table = Table(
        name="trips",
        columns=(
            Column(name="start", kind="time", about="start"),
            Column(name="delay", kind="integer", about="minutes", known="after", known_at="start + to_minutes(delay)"),
        ),
        key=("start",),
    )
    tables = duckdb.connect()
    tables.execute("set timezone = 'UTC'")
    tables.execute(
        "create table trips as select * from (values (timestamptz '2013-01-01 10:00Z', 5), "
        "(timestamptz '2013-01-01 10:00Z', 50), (timestamptz '2013-01-01 12:00Z', 0)) as t(start, delay)"
    )
    moment = pd.Timestamp("2013-01-01 10:30", tz="UTC")
    features.forget_later(tables, table, moment)
    assert tables.execute("select delay from trips order by all").fetchall() == [(5,), (None,), (None,)]
    features.forget_later(tables, replace(table, known_at="start"), moment)
    assert tables.execute("select delay from trips order by all").fetchall() == [(5,), (None,)]


# Data 5


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe@example.com today", "e-mail"),
        ("call 508-555-0142", "telephone"),
        ("(212) 555-0187", "telephone"),
        ("+49 89 1234 5678", "telephone"),
        ("4111 1111 1111 1111", "card"),
        ("J. Miller, 219-09-1234", "social security number"),
        ("from 8.8.8.8 at noon", "network address"),
    ],
)
def test_personal_data_are_recognised(text: str, kind: str) -> None:
    assert list(privacy.personal_kinds(text)) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "N14228 MCDONNELL DOUGLAS AIRCRAFT CO DC-9-82(MD-82)",
        "20130101T1015-EWR-UA1545",
        "2013-01-01 10:15:00+00:00",
        "2026-11-22T10:15:00+00:00",
        "scikit-learn 1.9.1, onnx 1.20.0.1rc, 127.0.0.1 and 10.0.0.1",
        "0.4111111111111111, -73.778925, 40.639751",
        "4111 1111 1111 1112",
        "737-924ER 757-222 A320-232 717-200",
        "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000 1-123-45-6789 123-45-67890",
        "@media print, a@b",
        "sha256 " + "9f86d081884c7d659a2feaa0c55ad015",
    ],
)
def test_other_texts_are_not_personal(text: str) -> None:
    assert privacy.personal_kinds(text) == {}


@given(st.text("aZ9.%+-@_ /", max_size=40))
def test_an_address_is_found_wherever_it_stands_in_a_text(text: str) -> None:
    plain = re.search(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b", text)
    found = privacy.E_MAIL.search(text)
    assert (found and found.group()) == (plain and plain.group())


def test_a_picture_in_a_report_is_searched_once_not_from_each_of_its_characters() -> None:
    run = "iVBORw0KGgo" * 2
    assert privacy.E_MAIL.match(f"{run}@b.de")
    assert not any(privacy.E_MAIL.match(f"{run}@b.de", start) for start in range(1, len(run)))
    assert privacy.personal_kinds(run * 100_000) == {}  # without an end if it were searched from each


def test_private_values_are_found_as_tokens_only() -> None:
    values = privacy.searchable_values(["N14228", "N24211", "BOEING", "12345", "N1", "a b1234"])
    assert values == {"N14228", "N24211"}
    assert privacy.private_in('{"tailnum": "N14228"}', values) == {"N14228"}
    assert privacy.private_in("XN14228 N142281", values) == set()
    assert privacy.masked_value("N14228") == "N1****"


def test_a_private_value_in_another_column_of_a_raw_table_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    plate = Column(name="plate", kind="text", about="who", private=True)
    columns = (plate, Column(name="note", kind="text", about="what"))
    table = Table(name="cars", columns=columns, key=("plate",))
    tables = duckdb.connect()
    tables.execute("create table cars as select 'AB1234' as plate, 'blue' as note")
    monkeypatch.setattr("roadworthy.data.snapshots.open_snapshot", lambda *_: tables)
    for name in ("_features", "written_files"):
        monkeypatch.setattr(privacy, name, lambda _: ())
    gates, snapshot = SimpleNamespace(no_private_columns=""), SimpleNamespace(folder="", repair={})
    config = SimpleNamespace(snapshot=lambda: snapshot, gates=gates)
    bench: Any = SimpleNamespace(project=None, contract=SimpleNamespace(tables=(table,)), config=config)
    assert privacy.measure_privacy(bench).private == {}
    tables.execute("update cars set note = 'blue (AB1234)'")
    assert privacy.measure_privacy(bench).private == {"cars.note": "1 values, as AB****"}


# Data 6


def test_a_text_is_put_after_its_place(tmp_path: Path) -> None:
    file = tmp_path / "a.sql"
    file.write_text("with a as (\n    select\n)\nselect\n    b\nselect\n    c\n", encoding="utf-8")
    sql, _, config = features.STEPS.values()
    features.insert_text(file, sql[0], "    new,\n")
    assert file.read_text(encoding="utf-8").endswith("select\n    new,\n    c\n")
    with pytest.raises(ValueError, match=r"a\.sql: no place"):
        features.insert_text(file, "^nothing$", "")
    for written in ('["a", "b"]', '[\n    "a", "b",\n]'):
        file.write_text(f"[model]\nfeatures = {written}\n", encoding="utf-8")
        features.insert_text(file, *config)
        assert tomllib.loads(file.read_text(encoding="utf-8"))["model"]["features"] == ["a", "b", "added_feature"]


def test_a_copy_is_opened_under_its_own_name_and_forgotten(project: Project, tmp_path: Path) -> None:
    config = (HOME / "config.toml").read_text(encoding="utf-8")
    config = config.replace(f'package = "{project.settings.project.package}"', f'package = "{features.COPY}"')
    for name, value in (("first", 1), ("second", 2)):
        package = Path(shutil.copytree(project.definition.sql, tmp_path / name / "src" / features.COPY))
        (package / "one.py").write_text(f"value = {value}\n", encoding="utf-8")
        (tmp_path / name / "config.toml").write_text(config, encoding="utf-8")
        with features.open_copy(tmp_path / name) as extended:
            assert extended.definition.sql == package
            assert extended.contract == project.contract
            assert import_module(f"{features.COPY}.one").value == value
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.toml").write_text(config, encoding="utf-8")
    with pytest.raises(InputError, match=features.COPY), features.open_copy(tmp_path / "other"):
        pass


def test_the_part_to_judge_on_is_no_day_that_has_just_begun(project: Project) -> None:
    days = [*["2020-01-01"] * 30, *["2020-01-02"] * 30, "2020-01-03"]
    frame = pd.DataFrame({"day": pd.to_datetime(days), "late": [0.0, 1.0, np.nan] * 20 + [1.0]})
    train, test = features.split_labelled(project.contract, frame)
    assert len(train) + len(test) == frame["late"].notna().sum()
    assert len(test) == 11
    assert test["late"].nunique() == train["late"].nunique() == 2


def test_days_are_taken_until_both_parts_of_them_hold_both_classes(project: Project) -> None:
    days = pd.date_range("2020-01-01", periods=60, tz="UTC")
    # A row a day: of 4 and of 8 days the last quarter has no "yes", of 16 days it has one.
    late = pd.Series([0.0] * 60).where(~pd.Series(range(60)).isin([31, 44]), 1.0)
    frame = pd.DataFrame({project.contract.time: days, project.contract.target: late})
    bench = SimpleNamespace(frame=frame, contract=project.contract)
    assert features.days_of_both_classes(bench, days[30]) == 16  # type: ignore[arg-type]
    never = SimpleNamespace(frame=frame.assign(late=0.0), contract=project.contract)
    assert features.days_of_both_classes(never, days[30]) == 32  # type: ignore[arg-type]


# Data 7

MADE = pd.DataFrame(
    {"flight_id": ["a", "b"], "hour": [7, 8], "late": pd.Series([True, None], dtype="object"), "tail": ["x", None]}
)


def test_equal_examples_are_equal(project: Project) -> None:
    assert features.compare_worked_examples(project.contract, MADE, MADE) == features.WorkedExamples(2, 3, (), {}, 0, 0)


def test_other_values_lost_and_doubled_rows_and_lost_columns_are_named(project: Project) -> None:
    contract = project.contract
    other = MADE.assign(hour=[7, 9], late=pd.Series([False, None], dtype="object")).drop(columns="tail")
    found = features.compare_worked_examples(contract, other, MADE)
    assert found.different == {
        "hour": "b is 9, expected 8",
        "late": "a is False, expected True",
        "tail": "not made",
    }
    assert features.compare_worked_examples(contract, MADE.head(1), MADE).missing == 1
    assert features.compare_worked_examples(contract, pd.concat([MADE, MADE]), MADE).extra == 2
    assert features.compare_worked_examples(contract, MADE, MADE.head(1)).extra == 1


# Files


def found_in(file: Path, content: bytes) -> dict[str, str]:
    file.write_bytes(content)
    return {place: ", ".join(privacy.personal_kinds(text)) for place, text in privacy._read(file, file.name)}


def test_texts_of_a_table_are_read_and_its_bytes_are_not(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["Ann", "ann@example.org", None], "number": [1.0, 2.0, 3.0]})
    assert found_in(tmp_path / "t.parquet", table.to_parquet() or b"") == {"t.parquet": "e-mail"}
    assert found_in(tmp_path / "t.parquet", table.drop(columns="name").to_parquet() or b"") == {"t.parquet": ""}
    assert found_in(tmp_path / "cut.parquet", b"PAR1 ann@example.org") == {"cut.parquet": ""}


def test_chance_writes_no_address_into_a_binary_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(2_000)
    assert found_in(tmp_path / "model.onnx", noise + b"\0L@ab.de\0" + noise) == {"model.onnx": ""}
    assert found_in(tmp_path / "model.onnx", noise + b"\0by ann@example.org\0" + noise) == {"model.onnx": "e-mail"}


# Damage


def test_raw_rows_in_a_report_show_private_values(project: Project, tmp_path: Path) -> None:
    shutil.copy2(HOME / "config.toml", tmp_path)
    shutil.copytree(HOME / "data" / "2013", tmp_path / "data" / "2013")
    faults.raw_rows_in_a_report(project.copied_to(tmp_path))
    table = next(table for table in project.contract.tables if any(column.private for column in table.columns))
    column = next(column.name for column in table.columns if column.private)
    file = HOME / "data" / "2013" / f"{table.name}.parquet"
    (value,) = duckdb.connect().execute(f"select {column} from '{file.as_posix()}' limit 1").fetchall()[0]
    (page,) = (tmp_path / "reports").iterdir()
    assert value in page.read_text(encoding="utf-8")
