"""The prediction log in a real PostgreSQL: what SQLite does, for services on several machines."""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest

from databases import PASSWORD, Server
from roadworthy.base.databases import Postgres
from roadworthy.base.errors import InputError
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring.log import PredictionLog, log_exists, time_text
from roadworthy.serving import client
from roadworthy.serving.client import running_service
from roadworthy.serving.predictor import Metrics, Recorder
from small import ROW, SIGNATURE

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
WIDER = [*SIGNATURE["features"], {"name": 'wind 100% "speed"', "kind": "number"}]


def signature(**changed: Any) -> Signature:
    return Signature.parse(json.dumps({**SIGNATURE, **changed}))


def predictions(rows: int) -> dict[str, Any]:
    times = [NOON + timedelta(minutes=i, microseconds=i) for i in range(rows)]
    features = {name: [value] * rows for name, value in ROW.items()}
    keys = [f"flight-{i}" for i in range(rows)]
    probability = np.linspace(0.1, 0.9, rows)
    return {**features, "key": keys, "time": times, "version": "1", "probability": probability, "decision": [1] * rows}


def wait_for(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()


def test_what_it_gives_back_is_what_the_file_gives_back(database: Postgres, tmp_path: Path) -> None:
    odd = {"temp": [70.5, None, np.nan, 0.1 + 0.2], "hour": [5, 6.0, 7, 8], "carrier": ["AA", None, "tab\t\\N", "Ä"]}
    for place in (database, tmp_path / "log.db"):
        with PredictionLog(place, signature()) as log:
            assert log.append({**predictions(4), **odd}) == 4
            log.append_labels(["flight-0", "flight-2"], [0, 1], [NOON + timedelta(hours=1), NOON + timedelta(hours=5)])
            log.append_labels(["flight-0"], [1], [NOON + timedelta(hours=2)])
    with PredictionLog(database, signature()) as one, PredictionLog(tmp_path / "log.db", signature()) as two:
        assert one.count() == two.count() == (4, 2)
        minute = timedelta(minutes=1)
        for limits in ({}, {"start": NOON + minute, "end": NOON + 2 * minute}, {"known_by": NOON + timedelta(hours=3)}):
            found, expected = one.read(**limits), two.read(**limits)
            assert list(found) == list(expected)
            for name, values in expected.items():
                assert found[name].dtype == values.dtype, name
                np.testing.assert_array_equal(found[name], values, err_msg=name)
        assert "maker" not in one.columns


def test_a_newer_contract_adds_its_columns_and_workers_that_start_at_once_do_so_once(database: Postgres) -> None:
    with ThreadPoolExecutor(8) as pool:
        logs = list(pool.map(lambda _: PredictionLog(database, signature()), range(8)))
        list(pool.map(lambda log: log.widen(signature(features=WIDER)), logs))
        list(pool.map(lambda log: log.append({**predictions(50), WIDER[-1]["name"]: [9.5] * 50}), logs))
    assert logs[0].count() == (400, 0)
    assert logs[0].read()[WIDER[-1]["name"]].tolist() == [9.5] * 400
    for log in logs:
        log.close()


def test_it_can_be_read_while_it_is_written(database: Postgres) -> None:
    with PredictionLog(database, signature()) as writer, PredictionLog(database, signature()) as reader:
        seen = []

        def rows() -> Any:
            for number in range(3):
                seen.append(reader.count())
                yield [f"k{number}", time_text(NOON), None, "1", 0.5, 1, *([None] * (len(writer.columns) - 6))]

        writer.append_rows(rows())
        assert seen == [(0, 0)] * 3
        assert reader.count() == (3, 0)


def test_rows_that_cannot_be_written_are_left_out_with_their_whole_batch(database: Postgres) -> None:
    with PredictionLog(database, signature()) as log:
        with pytest.raises(InputError, match="cannot be used"):
            log.append({**predictions(3), "version": [["1", None, "1"]][0]})
        assert log.count() == (0, 0)
        log.append(predictions(3))
        assert log.count() == (3, 0)


def test_a_text_that_postgres_cannot_hold_does_not_stop_the_log(database: Postgres) -> None:
    with PredictionLog(database, signature()) as log:
        log.append({**predictions(1), "key": ["a\0b"]})
        assert log.read()["key"].tolist() == ["a\N{REPLACEMENT CHARACTER}b"]


def test_what_a_shadow_said_is_apart_from_the_predictions(database: Postgres) -> None:
    with PredictionLog(database, signature()) as log:
        log.append(predictions(1))
        log.append_compared([("flight-0", time_text(NOON), "r", "2", 0.5, 1, "1", 0.1)])
        assert log.count() == (1, 0)
    with database.connect() as connection:
        assert connection.execute("SELECT version, served_version FROM shadow").fetchall() == [("2", "1")]


def recorder(place: Postgres, limit: int = 1000) -> Recorder:
    return Recorder(PredictionLog(place, signature()), Metrics(), "flight_id", limit)


def put(to: Recorder, name: str) -> None:
    to.put(name, "1", [{**ROW, "flight_id": name}], [0.5], 0.35)
    served = ("1", [0.4])
    to.put_compared(name, "2", [{**ROW, "flight_id": name}], [0.5], 0.35, served=served)


def counted(of: Recorder, name: str) -> float:
    return of._metrics.registry.get_sample_value(f"prediction_log_{name}") or 0


def test_a_server_that_goes_away_and_comes_back_costs_nothing_that_fits_the_bound(
    cluster: Server, database: Postgres
) -> None:
    writer = recorder(database, limit=8)
    writer.start()
    put(writer, "before")
    wait_for(lambda: counted(writer, "written_total") == 2)
    cluster.stop()
    try:
        for name in "abcdefgh":
            put(writer, name)
        wait_for(lambda: counted(writer, "failures_total") >= 2)
        put(writer, "too many")  # does not wait for a server that is not there
        assert counted(writer, "dropped_total") == 2
    finally:
        cluster.start()
    wait_for(lambda: counted(writer, "written_total") == 18)
    put(writer, "after")
    writer.stop()
    with PredictionLog(database, signature()) as log:
        assert log.read()["key"].tolist() == ["before", *"abcdefgh", "after"]
    with database.connect() as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT key) FROM shadow").fetchall() == [(10, 10)]
    assert counted(writer, "dropped_total") == 2


def test_a_log_that_is_not_there_is_not_made_by_asking(database: Postgres) -> None:
    assert not log_exists(database)
    with database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM pg_class WHERE relname = 'predictions'").fetchall() == [(0,)]
    PredictionLog(database, signature()).close()
    assert log_exists(database)


def test_the_tables_of_another_program_are_refused_and_kept(database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE labels (name text)")
    with pytest.raises(InputError, match="a table 'labels' that is not of a prediction log"):
        PredictionLog(database, signature())
    with database.connect() as connection:
        query = "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public'"
        assert connection.execute(query).fetchall() == [("labels",)]


def test_a_user_who_may_only_read_can_read_and_is_told_what_is_missing_for_more(
    cluster: Server, database: Postgres
) -> None:
    PredictionLog(database, signature()).close()
    with database.connect() as connection:
        connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'".encode())
        connection.execute("GRANT SELECT ON predictions, labels TO reader")
    reader = Postgres(cluster.url(database.url.rpartition("/")[2], "reader"))
    with PredictionLog(reader, signature()) as log:
        assert log.count() == (0, 0)
        with pytest.raises(InputError, match="the user may not do this: permission denied") as refusal:
            log.append(predictions(1))
    assert "grant" in refusal.value.hint
    with pytest.raises(InputError, match="the user may not do this"):
        PredictionLog(reader, signature(features=WIDER))


def test_a_server_that_cannot_be_reached_and_a_wrong_password_are_told_without_it(cluster: Server) -> None:
    there = cluster.url("postgres")
    wrong = there.replace("%20tests", "%20devil")
    nobody = there.replace(str(cluster.port), "1")
    for url, says in ((wrong, "password authentication failed"), (nobody, "refused"), (f"{there}x", "does not exist")):
        with pytest.raises(InputError, match=says) as refusal:
            PredictionLog(Postgres(url), signature())
        assert "tester:***@127.0.0.1" in refusal.value.where
        assert "s3cret" not in f"{refusal.value} {refusal.value!r} {refusal.value.__cause__}"


def test_the_password_may_come_from_the_environment(database: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert PASSWORD not in database.without_password
    with PredictionLog(Postgres(database.without_password), signature()) as log:
        assert log.count() == (0, 0)


def test_times_stand_there_as_times_and_what_is_missing_as_null(database: Postgres) -> None:
    with PredictionLog(database, signature()) as log:
        log.append({**predictions(1), "temp": [np.nan]})
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT time, temp FROM predictions").fetchall() == [(NOON, None)]


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot share a port on Windows")
def test_a_service_of_two_processes_keeps_every_answer(database: Postgres, registry: Path) -> None:
    with (
        running_service(registry, predictions=database, workers=2) as address,
        httpx.Client(base_url=address, timeout=20) as client,
    ):
        for number in range(60):
            row = {**ROW, "flight_id": f"F{number}"}
            client.post("/v1/predict", json=row, headers={"Connection": "close"}).raise_for_status()
    with PredictionLog(database, signature()) as log:
        found = log.read()
    assert sorted(found["key"]) == sorted(f"F{number}" for number in range(60))
    assert set(found["version"]) == {"1"}


def test_a_service_without_its_database_says_so_and_does_not_start(cluster: Server, registry: Path) -> None:
    nowhere = Postgres(cluster.url("postgres").replace(str(cluster.port), "1"))
    with (
        pytest.raises(InputError, match="the service did not start") as refusal,
        client.running_service(registry, predictions=nowhere),
    ):
        pass
    assert "the database cannot be reached" in refusal.value.hint
    assert "Traceback" not in refusal.value.hint
    assert "s3cret" not in refusal.value.hint
