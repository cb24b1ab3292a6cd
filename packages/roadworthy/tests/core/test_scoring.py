"""Batch scoring: the answers of the online service, bad rows aside with their reason, bad files refused."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from roadworthy.base.errors import InputError
from roadworthy.bundle import row_rules
from roadworthy.bundle.bundle import Bundle
from roadworthy.bundle.signature import Signature
from roadworthy.data import tables
from roadworthy.serving.batch import score_file
from roadworthy.serving.request import BadRequestError, RequestReader
from small import ROW, SIGNATURE, by_hand, rows

TYPES = {"hour": pa.int64(), "temp": pa.float64(), "distance": pa.float64()}
SCHEMA = pa.schema([(name, TYPES.get(name, pa.string())) for name in ["flight_id", *ROW]])
Table = list[dict[str, Any]]


@pytest.fixture(scope="module")
def bundle(built_registry: Path) -> Bundle:
    return Bundle.load(built_registry / "versions/1")


def keyed(table: Table) -> Table:
    return [{"flight_id": f"F{i}", **row} for i, row in enumerate(table)]


def write(path: Path, table: Table, schema: pa.Schema = SCHEMA) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(table, schema=schema), path)
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, schema.names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    return path


def read(path: Path) -> Table:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_model_is_asked_once_for_all_rows_of_a_chunk(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, predict = list[int](), bundle.predict

    def counted(inputs: Any) -> Any:
        asked.append(len(inputs))
        return predict(inputs)

    monkeypatch.setattr(bundle, "predict", counted)
    score_file(bundle, write(tmp_path / "in.parquet", keyed(rows(300))), tmp_path / "out.parquet", chunk_rows=130)
    assert sorted(asked) == [40, 130, 130]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_answers_are_those_of_scikit_learn_and_of_the_bundle(
    bundle: Bundle, classifier: HistGradientBoostingClassifier, tmp_path: Path, kind: str
) -> None:
    table = keyed(rows(1000, seed=6))
    summary = score_file(bundle, write(tmp_path / f"in.{kind}", table), tmp_path / "out.parquet", chunk_rows=130)
    found = read(tmp_path / "out.parquet")
    assert [row["flight_id"] for row in found] == [row["flight_id"] for row in table]
    probabilities = np.array([row["probability"] for row in found])
    assert np.abs(probabilities - classifier.predict_proba(by_hand(table))[:, 1]).max() < 1e-6
    assert probabilities.tolist() == [float(bundle.predict_rows([row])[0]) for row in table]
    assert [row["decision"] for row in found] == (probabilities >= 0.35).tolist()
    assert {row["version"] for row in found} == {"1"}
    assert (summary.rows, summary.scored, summary.quarantined) == (1000, 1000, 0)
    assert summary.decisions == int((probabilities >= 0.35).sum())
    assert summary.unseen["carrier"] == sum(row["carrier"] == "ZZ" for row in table)
    assert summary.quarantine is None


def test_results_can_be_csv(bundle: Bundle, tmp_path: Path) -> None:
    source = write(tmp_path / "in.parquet", keyed(rows(50)))
    score_file(bundle, source, tmp_path / "out.parquet")
    score_file(bundle, source, tmp_path / "out.csv")
    text, binary = read(tmp_path / "out.csv"), read(tmp_path / "out.parquet")
    assert [float(row["probability"]) for row in text] == [row["probability"] for row in binary]
    assert [row["flight_id"] for row in text] == [row["flight_id"] for row in binary]


def test_a_file_of_another_order_with_more_columns_gives_the_same(bundle: Bundle, tmp_path: Path) -> None:
    table = keyed(rows(20))
    score_file(bundle, write(tmp_path / "in.parquet", table), tmp_path / "a.parquet")
    schema = pa.schema([pa.field("extra", pa.int8()), *reversed(list(SCHEMA))])
    score_file(
        bundle,
        write(tmp_path / "other.parquet", [{**row, "extra": 1} for row in table], schema),
        tmp_path / "b.parquet",
    )
    assert read(tmp_path / "a.parquet") == read(tmp_path / "b.parquet")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_bad_rows_are_set_aside_with_their_number_and_the_reason(bundle: Bundle, tmp_path: Path, kind: str) -> None:
    table = keyed(rows(300, seed=7))
    table[4]["temp"] = 999
    table[150] |= {"carrier": "aa", "origin": "SFO"}
    table[299]["flight_id"] = None
    summary = score_file(bundle, write(tmp_path / f"in.{kind}", table), tmp_path / "out.parquet", chunk_rows=100)
    assert summary.quarantine == tmp_path / "out.quarantine.parquet"
    aside = read(tmp_path / "out.quarantine.parquet")
    assert [row["row"] for row in aside] == [5, 151, 300]
    assert aside[0]["reason"].endswith("is too large; allowed: a number from -40 to 130 F, or null")
    assert "999" in aside[0]["reason"]
    assert 'carrier: "aa" does not match' in aside[1]["reason"]
    assert 'origin: "SFO" is not one of them' in aside[1]["reason"]
    assert aside[2]["reason"].startswith("flight_id is missing")
    assert aside[1]["flight_id"] == "F150"
    assert (summary.rows, summary.scored, summary.quarantined) == (300, 297, 3)
    assert summary.reasons["temp is too large"] == 1
    assert len(read(tmp_path / "out.parquet")) == 297


def test_texts_that_are_no_numbers_and_ragged_lines_are_set_aside(bundle: Bundle, tmp_path: Path) -> None:
    lines = [
        "flight_id,carrier,origin,maker,hour,temp,distance",
        "F1,AA,EWR,BOEING,17, 71.5 ,719",
        "F2,AA,EWR,BOEING,noon,71.5,719",
        "F3,AA,EWR",
        "",
        "F4,AA,EWR,,1.7e1,NA,719.0",
        "F5,AA,EWR,,17,71.5,719,what,is,this",
        '"F,6",AA,EWR,"AIR\nBUS",17,0x10,719',
        "F7,AA,EWR,,,71.5,inf",
        "F8,AA,EWR,,17,,1e999",
        'F9,"",EWR,,17,,719',
    ]
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    summary = score_file(bundle, tmp_path / "in.csv", tmp_path / "out.parquet")
    assert [row["flight_id"] for row in read(tmp_path / "out.parquet")] == ["F1", "F4"]
    aside = {row["row"]: row["reason"] for row in read(tmp_path / "out.quarantine.parquet")}
    assert sorted(aside) == [2, 3, 5, 6, 7, 8, 9]
    assert 'hour: "noon" is not a number' in aside[2]
    assert "has 3 values, the header has 7: F3,AA,EWR" in aside[3]
    assert "has 10 values" in aside[5]
    assert 'temp: "0x10" is not a number' in aside[6]
    assert "hour is missing" in aside[7]
    assert "distance" in aside[7]
    assert "is not finite" in aside[8]
    assert 'carrier: "" does not match' in aside[9]
    assert (summary.rows, summary.scored, summary.quarantined) == (9, 2, 7)


def test_a_line_break_in_a_value_does_not_end_the_row(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BLOCK", 150)  # bytes, so that values lie across the ends of blocks
    table = [{**row, "maker": "AIR\nBUS " * 3} for row in keyed(rows(40))]
    summary = score_file(bundle, write(tmp_path / "in.csv", table), tmp_path / "out.parquet")
    assert (summary.scored, summary.quarantined) == (40, 0)


def test_nan_in_a_parquet_file_is_a_missing_value(bundle: Bundle, tmp_path: Path) -> None:
    table = [{**ROW, "flight_id": "a", "temp": float("nan")}, {**ROW, "flight_id": "b", "temp": None}]
    score_file(bundle, write(tmp_path / "in.parquet", table), tmp_path / "out.parquet")
    first, second = read(tmp_path / "out.parquet")
    assert first["probability"] == second["probability"]


def test_categories_of_pandas_and_other_number_types_are_read(bundle: Bundle, tmp_path: Path) -> None:
    table = keyed(rows(40))
    table[3]["carrier"] = "not one"
    types = {"carrier": pa.dictionary(pa.int8(), pa.string()), "origin": pa.large_string(), "hour": pa.float32()}
    schema = pa.schema([pa.field(f.name, types.get(f.name, f.type)) for f in SCHEMA])
    score_file(bundle, write(tmp_path / "a.parquet", table), tmp_path / "a_out.parquet", chunk_rows=7)
    score_file(bundle, write(tmp_path / "b.parquet", table, schema), tmp_path / "b_out.parquet", chunk_rows=7)
    assert read(tmp_path / "a_out.parquet") == read(tmp_path / "b_out.parquet")
    assert read(tmp_path / "a_out.quarantine.parquet") == read(tmp_path / "b_out.quarantine.parquet")


def test_a_column_without_any_value_is_read(bundle: Bundle, tmp_path: Path) -> None:
    schema = pa.schema([pa.field(f.name, pa.null() if f.name in {"temp", "maker"} else f.type) for f in SCHEMA])
    table = [{**row, "temp": None, "maker": None} for row in keyed(rows(5))]
    assert score_file(bundle, write(tmp_path / "in.parquet", table, schema), tmp_path / "out.csv").scored == 5


def test_the_rules_are_those_of_the_request_model(built_registry: Path) -> None:
    bundle = Bundle.load(built_registry / "versions/1")
    reader = RequestReader(Signature.parse(json.dumps(SIGNATURE)), max_rows=1)
    texts = st.one_of(
        st.none(), st.sampled_from(["AA", "EWR", "SFO", "aa", "A", "AA\n", "", "ÄÖ", "x" * 257]), st.text()
    )
    numbers = st.one_of(st.none(), st.sampled_from([0, 24, 24.5, -40, 130, 1e39, -3.4e38, 7.0]), st.floats())
    values = {name: texts if isinstance(value, str) else numbers for name, value in ROW.items()}
    almost = st.fixed_dictionaries({name: st.one_of(st.just(ROW[name]), values[name]) for name in ROW})

    @settings(deadline=None)
    @given(almost)
    def compare(row: dict[str, Any]) -> None:
        # A file has no other way to say that a number is missing than NaN, a request has null.
        said = {name: None if str(value) == "nan" else value for name, value in row.items()}
        floats = pa.schema([(f.name, f.type if f.name not in TYPES else pa.float64()) for f in SCHEMA])
        batch = pa.RecordBatch.from_pylist([{**row, "flight_id": "F"}], schema=floats)
        checked = row_rules.check_chunk(batch, bundle.signature)
        try:
            (read_row,), _ = reader.read(json.dumps(said).encode())
        except BadRequestError as refusal:
            wrong = {problem.field for problem in refusal.problems}
        else:
            wrong = set()
            np.testing.assert_array_equal(bundle.encode([read_row]), checked.inputs)
        assert {reason.split(" ")[0].rstrip(":") for reason in checked.reasons[0]} == wrong

    compare()


def test_an_old_quarantine_does_not_stay_beside_a_clean_result(bundle: Bundle, tmp_path: Path) -> None:
    score_file(
        bundle, write(tmp_path / "bad.parquet", [{**ROW, "flight_id": "a", "temp": 999}]), tmp_path / "out.parquet"
    )
    assert (tmp_path / "out.quarantine.parquet").exists()
    score_file(bundle, write(tmp_path / "good.parquet", keyed(rows(3))), tmp_path / "out.parquet")
    assert not (tmp_path / "out.quarantine.parquet").exists()


def test_progress_is_told_by_chunks(bundle: Bundle, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    source = write(tmp_path / "in.parquet", keyed(rows(250)))
    score_file(
        bundle, source, tmp_path / "out.csv", chunk_rows=100, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(100, 250), (200, 250), (250, 250)]


def test_how_many_rows_a_csv_file_has_is_judged_by_what_is_read(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BLOCK", 300)  # bytes, a few rows
    told: list[tuple[int, int | None]] = []
    source = write(tmp_path / "in.csv", keyed(rows(3000)))
    score_file(
        bundle, source, tmp_path / "out.csv", chunk_rows=500, progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (3000, 3000)
    assert len({total for _, total in told}) > 10
    # 32 blocks are read ahead, about 250 rows.
    assert all(done <= (total or 0) <= 3600 for done, total in told)
    assert all((total or 0) > 2400 for done, total in told if done > 1500)


def test_missing_and_renamed_columns_are_named(bundle: Bundle, tmp_path: Path) -> None:
    header = "flight_id,carrier,Origin,maker,hour,temperature"
    (tmp_path / "in.csv").write_text(f"{header}\nF1,AA,EWR,,7,5\n")
    with pytest.raises(InputError, match="columns are missing: origin, temp, distance") as refusal:
        score_file(bundle, tmp_path / "in.csv", tmp_path / "out.parquet")
    assert "'Origin' may be 'origin' renamed" in refusal.value.hint
    assert "'temperature' may be 'temp' renamed" in refusal.value.hint
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("in.csv", b"", "is empty"),
        ("in.csv", b"\n\n", "cannot be read"),
        ("in.csv", b"flight_id,carrier,origin,maker,hour,temp,distance\n", "has no rows"),
        ("in.csv", b"flight_id;carrier;origin;maker;hour;temp;distance\nF1;AA;EWR;;7;5;9\n", "separated by commas"),
        ("in.csv", b"flight_id,carrier,origin,maker,hour,temp,distance,temp\nF,AA,EWR,,7,5,9,5\n", "more than once"),
        ("in.csv", b"flight_id,carrier,origin,maker,hour,temp,distance\nF,\xff\xfe,EWR,,7,5,9\n", "UTF8"),
        ("in.parquet", b"", "is empty"),
        ("in.parquet", b"PAR1 this is none PAR1", "cannot be read"),
        ("in.xlsx", b"PK", "unknown suffix '.xlsx'"),
        ("in", b"a", "no suffix"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused(
    bundle: Bundle, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as refusal:
        score_file(bundle, tmp_path / name, tmp_path / "out.parquet")
    assert says in str(refusal.value)
    assert name in refusal.value.where
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_truncated_and_a_damaged_parquet_file_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    source = write(tmp_path / "in.parquet", keyed(rows(5000)))
    whole = source.read_bytes()
    for broken in (whole[: len(whole) // 2], whole[:100] + b"\x00" * 2000 + whole[2100:]):
        source.write_bytes(broken)
        with pytest.raises(InputError, match=r"in\.parquet: cannot be read"):
            score_file(bundle, source, tmp_path / "out.parquet")
    assert [file.name for file in tmp_path.iterdir()] == ["in.parquet"]


@pytest.mark.parametrize(("column", "kind"), [("temp", pa.string()), ("carrier", pa.int64()), ("hour", pa.bool_())])
def test_a_column_of_another_type_is_refused(bundle: Bundle, tmp_path: Path, column: str, kind: pa.DataType) -> None:
    schema = pa.schema([pa.field(f.name, kind if f.name == column else f.type) for f in SCHEMA])
    value = {"temp": "5", "carrier": 5, "hour": True}[column]
    source = write(tmp_path / "in.parquet", [{**ROW, "flight_id": "a", column: value}], schema)
    with pytest.raises(InputError, match=f"column '{column}' has the type {kind}"):
        score_file(bundle, source, tmp_path / "out.parquet")


def test_a_file_is_not_written_over_by_its_own_result(bundle: Bundle, tmp_path: Path) -> None:
    source = write(tmp_path / "in.parquet", keyed(rows(3)))
    for target, quarantine in ((source, None), (tmp_path / "out.csv", source)):
        with pytest.raises(InputError, match="written over"):
            score_file(bundle, source, target, quarantine=quarantine)
    assert len(read(source)) == 3


def test_the_result_and_the_quarantine_are_two_files(bundle: Bundle, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    with pytest.raises(InputError, match="would hold the result and the quarantine"):
        score_file(bundle, write(tmp_path / "in.parquet", keyed(rows(3))), target, quarantine=target)


def test_an_unknown_kind_of_result_is_refused_before_any_work(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown suffix"):
        score_file(bundle, tmp_path / "not even there.csv", tmp_path / "out.xlsx")


def test_memory_does_not_grow_with_the_file(bundle: Bundle, tmp_path: Path) -> None:
    small, large = (_peak(bundle, tmp_path / "in.parquet", copies) for copies in (4, 40))
    assert large < 1.5 * small + (1 << 20)


def _peak(bundle: Bundle, source: Path, copies: int) -> int:
    """The most memory that Arrow holds while a file of so many times 2,000 rows is scored, in bytes."""
    table = pa.Table.from_pylist(keyed(rows(2000)) * copies, schema=SCHEMA)
    pq.write_table(table, source, row_group_size=8000)
    del table
    held: list[int] = []
    before = pa.total_allocated_bytes()
    target = source.with_name("out.parquet")
    score_file(bundle, source, target, chunk_rows=2000, progress=lambda *_: held.append(pa.total_allocated_bytes()))
    return int(max(held) - before)
