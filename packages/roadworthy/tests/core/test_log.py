"""The prediction log keeps what was answered, typed and without private values."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from roadworthy.base.errors import InputError
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring.log import PredictionLog, time_text
from roadworthy.monitoring.log_stores import SqliteStore
from small import ROW, SIGNATURE

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)


def signature(**changed: Any) -> Signature:
    return Signature.parse(json.dumps({**SIGNATURE, **changed}))


def predictions(rows: int) -> dict[str, Any]:
    times = [NOON + timedelta(minutes=i) for i in range(rows)]
    features = {name: [value] * rows for name, value in ROW.items()}
    keys = [f"flight-{i}" for i in range(rows)]
    probability = np.linspace(0.1, 0.9, rows)
    return {**features, "key": keys, "time": times, "version": "1", "probability": probability, "decision": [1] * rows}


def raw(log: PredictionLog) -> sqlite3.Connection:
    assert isinstance(log._store, SqliteStore)
    return log._store.connection


def test_what_goes_in_comes_out_typed(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        changed = {"temp": [70.5, None, np.nan], "hour": [5, 6.0, 7], "carrier": ["AA", "ZZ", "AA"]}
        assert log.append({**predictions(3), **changed}) == 3
        found = log.read()
    assert found["key"].tolist() == ["flight-0", "flight-1", "flight-2"]
    assert found["time"][1] == np.datetime64("2013-07-01T12:01:00")
    assert found["probability"].tolist() == pytest.approx([0.1, 0.5, 0.9])
    assert found["decision"].dtype == np.bool_
    assert found["carrier"].tolist() == ["AA", "ZZ", "AA"]
    np.testing.assert_array_equal(found["temp"], [70.5, np.nan, np.nan])
    np.testing.assert_array_equal(found["hour"], [5, 6, 7])
    assert np.isnan(found["label"]).all()
    assert np.isnat(found["known_at"]).all()


def test_the_columns_have_the_types_of_the_signature(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        log.append({**predictions(1), "hour": [6.0]})
    raw = sqlite3.connect(tmp_path / "log.db")
    types = raw.execute("select typeof(carrier), typeof(hour), typeof(temp), time from predictions").fetchone()
    raw.close()
    assert types == ("text", "integer", "real", "2013-07-01T12:00:00.000000Z")


def test_private_values_never_reach_the_file(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        log.append({**predictions(3), "maker": ["SECRET"] * 3})
        assert "maker" not in log.columns
        assert "maker" not in log.read()
    assert all(b"SECRET" not in file.read_bytes() for file in tmp_path.iterdir())


def test_labels_are_joined_only_when_they_were_known(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        log.append(predictions(3))
        known = [NOON + timedelta(hours=1), NOON + timedelta(hours=5)]
        assert log.append_labels(["flight-0", "flight-2"], [True, 0.0], known) == 2
        assert log.count() == (3, 2)
        np.testing.assert_array_equal(log.read()["label"], [1, np.nan, 0])
        early = log.read(known_by=NOON + timedelta(hours=2))
    np.testing.assert_array_equal(early["label"], [1, np.nan, np.nan])
    assert early["known_at"][0] == np.datetime64("2013-07-01T13:00:00")


def test_a_label_that_comes_twice_counts_once(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        log.append(predictions(1))
        for label in (0, 1):
            log.append_labels(["flight-0"], [label], np.array(["2013-07-01T20:00"], dtype="datetime64[m]"))
        assert log.read()["label"].tolist() == [1]


def test_a_period_has_its_start_and_not_its_end(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        log.append(predictions(5))
        found = log.read(start=NOON + timedelta(minutes=1), end=NOON + timedelta(minutes=3))
        assert found["key"].tolist() == ["flight-1", "flight-2"]
        assert log.read(start=NOON + timedelta(days=1))["probability"].tolist() == []


def test_times_are_utc_and_sort_as_text() -> None:
    eastern = datetime(2013, 7, 1, 8, tzinfo=timezone(timedelta(hours=-4)))
    assert time_text(eastern) == time_text(NOON) == time_text(NOON.replace(tzinfo=None))
    assert time_text(NOON) < time_text(NOON + timedelta(microseconds=1)) < time_text(NOON + timedelta(seconds=1))


def test_a_table_of_pandas_can_be_appended(tmp_path: Path) -> None:
    frame = pd.DataFrame(predictions(3))
    frame["time"] = frame["time"].dt.tz_convert("America/New_York")
    frame["temp"] = pd.array([1.5, None, 2.5], dtype="Float64")
    frame["carrier"] = pd.array(["AA", None, "UA"], dtype="str")
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        assert log.append({str(name): column for name, column in frame.items()}) == 3
        found = log.read()
    np.testing.assert_array_equal(found["temp"], [1.5, np.nan, 2.5])
    assert found["carrier"].tolist() == ["AA", None, "UA"]
    assert found["time"][0] == np.datetime64("2013-07-01T12:00:00")


def test_neither_reading_nor_writing_waits_for_the_other(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log.db", signature()) as writer, PredictionLog(writer.path, signature()) as reader:
        raw(reader).execute("BEGIN")
        assert reader.count() == (0, 0)
        writer.append(predictions(2))
        assert reader.count() == (0, 0)
        raw(reader).execute("COMMIT")
        assert reader.count() == (2, 0)


def test_a_newer_contract_adds_its_columns(tmp_path: Path) -> None:
    new = [*SIGNATURE["features"], {"name": "wind speed", "kind": "number"}]
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        log.append(predictions(1))
    with PredictionLog(tmp_path / "log.db", signature(features=new)) as log:
        log.append({**predictions(1), "wind speed": [9.5]})
        np.testing.assert_array_equal(log.read()["wind speed"], [np.nan, 9.5])


def test_two_writers_that_lack_the_same_column_do_not_both_add_it(tmp_path: Path) -> None:
    new = signature(features=[*SIGNATURE["features"], {"name": "wind", "kind": "number"}])
    with PredictionLog(tmp_path / "log.db", signature()) as one, PredictionLog(tmp_path / "log.db", signature()) as two:
        raw(one).execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            widened = pool.submit(two.widen, new)
            with pytest.raises(FutureTimeout):
                widened.result(0.3)  # it waits for its turn
            raw(one).execute("ALTER TABLE predictions ADD COLUMN wind REAL")
            raw(one).execute("COMMIT")
            widened.result()
        two.append({**predictions(1), "wind": [9.5]})
        assert two.read()["wind"].tolist() == [9.5]


def test_what_a_shadow_said_is_apart_from_the_predictions(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        log.append(predictions(1))
        log.append_compared([("flight-0", time_text(NOON), "r", "2", 0.5, 1, "1", 0.1)])
        assert log.count() == (1, 0)
        assert log.read()["version"].tolist() == ["1"]


def test_a_feature_with_the_name_of_a_column_of_the_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'version'"):
        PredictionLog(tmp_path / "log.db", signature(features=[{"name": "version", "kind": "number"}]))


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be one" * 100, b"PK\x03\x04"])
def test_a_foreign_file_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log.db").write_bytes(content)
    with pytest.raises(InputError, match="cannot be used as a prediction log"):
        PredictionLog(tmp_path / "log.db", signature())
    assert (tmp_path / "log.db").read_bytes() == content


def test_the_database_of_another_program_is_refused_and_kept(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "log.db")
    other.execute("create table bookmarks (url text)")
    other.close()
    with pytest.raises(InputError, match="not a prediction log"):
        PredictionLog(tmp_path / "log.db", signature())
    other = sqlite3.connect(tmp_path / "log.db")
    assert other.execute("select name from sqlite_master").fetchall() == [("bookmarks",)]
    other.close()


def test_a_damaged_log_is_refused(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log.db", signature()) as log:
        log.append(predictions(2000))
    content = bytearray((tmp_path / "log.db").read_bytes())
    content[4096:] = b"\x5a" * (len(content) - 4096)
    (tmp_path / "log.db").write_bytes(content)
    with pytest.raises(InputError, match="cannot be used"), PredictionLog(tmp_path / "log.db", signature()) as log:
        log.read()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file"):
        PredictionLog(tmp_path / "file" / "log.db", signature())
