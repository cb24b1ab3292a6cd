"""Beside the version in service: a shadow that is only compared, and a canary that answers a share until it departs."""

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from load import metric, wait_for
from threaded import served

from roadworthy.base.errors import InputError
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring.distributions import prediction_shift, shift_by_chance
from roadworthy.monitoring.log import PredictionLog
from roadworthy.registry.registry import Registry
from roadworthy.serving import app
from roadworthy.serving.app import champion_bundle, create_app
from roadworthy.serving.canary import FEWEST, CanaryTraffic
from roadworthy.serving.predictor import Metrics, Predictor
from roadworthy.serving.request import BadRequestError
from roadworthy.serving.rollout import Rollout
from small import ROW, SIGNATURE, rows, write_bundle


@contextmanager
def client_of(registry: Path, aliases: dict[str, int], log: Path | None = None, **options: Any) -> Iterator[Any]:
    """A client and the application that looks at its registry when it is asked to; it has looked once."""
    (registry / "aliases.json").write_text(json.dumps({"champion": 1, **aliases}))
    rollout = Rollout(registry, every=1000, **options)
    app = create_app(champion_bundle(registry), predictions=log, rollout=rollout)
    with served(app) as client:
        app.state.versions.look()
        yield client, app


def asked(client: httpx.Client, key: str, **values: Any) -> dict[str, Any]:
    response = client.post("/v1/predict", json={**ROW, **values, "flight_id": key})
    assert response.status_code == 200
    return dict(response.json())


def changed(registry: Path, number: int, name: str, **values: Any) -> None:
    """Change values of a JSON file of a version, with the right sum."""
    folder = registry / "versions" / str(number)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    content = json.loads(files[name])
    write_bundle(folder, {**files, name: json.dumps({**content, **values}).encode()})


def test_a_shadow_is_compared_and_never_returned(versions: Path, tmp_path: Path) -> None:
    with client_of(versions, {"challenger": 3}, tmp_path / "log.db", shadow="challenger") as (client, _):
        answers = [asked(client, f"F{i}", hour=i) for i in range(20)]
        wait_for(lambda: metric(client, "shadow_difference_count") == 20)
        total = metric(client, "shadow_difference_sum")
        assert {answer["version"] for answer in answers} == {"1"}
        assert metric(client, 'model_info{name="small",version="3"}') == 0
    with sqlite3.connect(tmp_path / "log.db") as connection:
        served_rows = connection.execute("select key, version, probability from predictions").fetchall()
        compared = connection.execute("select * from shadow").fetchall()
    connection.close()
    assert served_rows == [(answer["key"], "1", answer["probability"]) for answer in answers]
    other = app.champion_bundle(versions, "3").predict_rows([{**ROW, "hour": i} for i in range(20)])
    # key, time, request id, version, probability, decision, version that answered, its probability
    assert [(row[0], row[2], row[3]) for row in compared] == [(a["key"], a["request_id"], "3") for a in answers]
    assert [row[4] for row in compared] == other.tolist()
    assert [bool(row[5]) for row in compared] == (other >= 0.35).tolist()
    assert [row[6:] for row in compared] == [("1", answer["probability"]) for answer in answers]
    assert total == pytest.approx(sum(abs(row[4] - row[7]) for row in compared))


def test_monitors_do_not_see_what_the_shadow_said(versions: Path, tmp_path: Path) -> None:
    with client_of(versions, {"challenger": 3}, tmp_path / "log.db", shadow="challenger") as (client, _):
        asked(client, "F0")
    with PredictionLog(tmp_path / "log.db", Signature.parse(json.dumps(SIGNATURE))) as log:
        assert log.count() == (1, 0)
        assert log.read()["version"].tolist() == ["1"]


def test_a_log_whose_first_write_fails_keeps_every_answer_and_none_of_the_shadow(
    versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = PredictionLog.append_rows
    failed: list[PredictionLog] = []

    def full_once(log: PredictionLog, some: Any) -> None:
        if not failed:
            failed.append(log)
            raise InputError("the disk is full for a moment")
        append(log, some)

    monkeypatch.setattr(PredictionLog, "append_rows", full_once)
    with client_of(versions, {"challenger": 3}, tmp_path / "log.db", shadow="challenger") as (client, _):
        answers = [asked(client, f"F{i}", hour=i) for i in range(20)]
        wait_for(lambda: metric(client, "shadow_difference_count") == 20)
    with PredictionLog(tmp_path / "log.db", Signature.parse(json.dumps(SIGNATURE))) as log:
        found = log.read()
    assert failed
    assert set(found["version"]) == {"1"}
    kept = zip(found["key"], found["probability"], strict=True)
    assert list(kept) == [(answer["key"], answer["probability"]) for answer in answers]


def test_without_the_setting_there_is_no_shadow(versions: Path, tmp_path: Path) -> None:
    with client_of(versions, {"challenger": 3}, tmp_path / "log.db") as (client, app):
        asked(client, "F0")
        assert app.state.predictor.listeners == ()
    with sqlite3.connect(tmp_path / "log.db") as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
    connection.close()
    assert sorted(tables) == [("labels",), ("predictions",)]


def test_a_shadow_that_fails_costs_no_answer(versions: Path, caplog: pytest.LogCaptureFixture) -> None:
    with client_of(versions, {"challenger": 2}, shadow="challenger") as (client, app):
        bundle = app.state.versions._loaded["challenger"].bundle
        bundle.predict_rows = lambda _: 1 / 0
        for i in range(5):
            assert asked(client, f"F{i}")["version"] == "1"
        wait_for(lambda: metric(client, "shadow_failures_total") == 5)
    assert len([each for each in caplog.records if each.message == "the shadow cannot answer"]) == 1


def test_a_shadow_that_needs_more_than_clients_send_is_told(versions: Path, caplog: pytest.LogCaptureFixture) -> None:
    wind = {"name": "wind", "kind": "number", "low": 0, "nullable": False}
    changed(versions, 3, "signature.json", features=[*SIGNATURE["features"], wind])
    with client_of(versions, {"challenger": 3}, shadow="challenger") as (client, _):
        asked(client, "F0")
        wait_for(lambda: metric(client, "shadow_failures_total") == 1)
        assert metric(client, "shadow_difference_count") == 0
    assert any("lack wind" in vars(each).get("reason", "") for each in caplog.records)


def test_a_shadow_that_is_too_slow_loses_rows_and_delays_none(versions: Path) -> None:
    go_on = threading.Event()
    with client_of(versions, {"challenger": 2}, shadow="challenger") as (client, app):
        app.state.background[0]._limit = 3
        bundle = app.state.versions._loaded["challenger"].bundle
        quick = bundle.predict_rows
        bundle.predict_rows = lambda table: (go_on.wait(30), quick(table))[1]
        for i in range(10):
            asked(client, f"F{i}")
        dropped = metric(client, "shadow_dropped_total")
        assert 6 <= dropped <= 7  # one is at work, three wait
        go_on.set()
        wait_for(lambda: metric(client, "shadow_difference_count") == 10 - dropped)


def test_the_shadow_follows_its_alias_and_ends_with_it(versions: Path) -> None:
    with client_of(versions, {}, shadow="challenger") as (client, app):
        assert app.state.predictor.listeners == ()
        Registry(versions).promote(2, "challenger")
        app.state.versions.look()
        asked(client, "F0")
        wait_for(lambda: metric(client, "shadow_difference_count") == 1)
        Registry(versions).promote(2)  # it leads now, and is no shadow of itself
        app.state.versions.look()
        assert asked(client, "F1")["version"] == "2"
        assert app.state.predictor.listeners == ()


def test_a_canary_answers_its_share_and_always_the_same_keys(versions: Path, tmp_path: Path) -> None:
    with client_of(versions, {"canary": 2}, tmp_path / "log.db", canary_share=0.25) as (client, _):
        met = {f"F{i}": asked(client, f"F{i}")["version"] for i in range(400)}
        again = {key: asked(client, key, hour=3)["version"] for key in list(met)[:50]}
        assert client.get("/v1/model").json()["version"] == "1"
        assert metric(client, 'canary_requests_total{outcome="answered"}') == sum(
            version == "2" for version in [*met.values(), *again.values()]
        )
    assert again == {key: met[key] for key in again}
    share = sum(version == "2" for version in met.values()) / len(met)
    assert share == pytest.approx(0.25, abs=0.09)  # four standard errors
    with sqlite3.connect(tmp_path / "log.db") as connection:
        kept = dict(connection.execute("select key, version from predictions").fetchall())
    connection.close()
    assert kept == met


def test_a_request_without_a_key_is_chosen_by_its_id(versions: Path) -> None:
    with client_of(versions, {"canary": 2}, canary_share=0.5) as (client, _):

        def met(name: str) -> str:
            return str(client.post("/v1/predict", json=ROW, headers={"x-request-id": name}).json()["version"])

        chosen = {f"r{i}": met(f"r{i}") for i in range(20)}
        assert set(chosen.values()) == {"1", "2"}
        assert all(met(name) == version for name, version in chosen.items())


@pytest.mark.parametrize(("share", "expected"), [(0.0, "1"), (1.0, "2")])
def test_no_share_is_no_request_and_the_whole_share_is_all(versions: Path, share: float, expected: str) -> None:
    with client_of(versions, {"canary": 2}, canary_share=share) as (client, app):
        assert {asked(client, f"F{i}")["version"] for i in range(20)} == {expected}
        assert isinstance(app.state.predictor, CanaryTraffic) == (share > 0)


def test_a_canary_that_fails_costs_no_request_and_is_taken_out(
    versions: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with client_of(versions, {"canary": 2}, canary_share=1.0) as (client, app):
        app.state.predictor.canary.bundle.predict_rows = lambda _: 1 / 0
        for i in range(2):
            assert asked(client, f"F{i}")["version"] == "1"
        app.state.versions.look()
        assert isinstance(app.state.predictor, CanaryTraffic)  # two failures may be accidents
        asked(client, "F3")
        app.state.versions.look()
        assert isinstance(app.state.predictor, Predictor)
        assert metric(client, "canary_withdrawn_total") == 1
        assert metric(client, 'canary_requests_total{outcome="failed"}') == 3
    registry = Registry(versions)
    assert registry.aliases() == {"champion": 1}
    last = registry.history()[-1]
    assert (last["alias"], last["from"], last["to"]) == ("canary", 2, None)
    assert "3 of 3 requests failed, the last: ZeroDivisionError" in str(last["reason"])
    (told,) = [vars(each) for each in caplog.records if each.levelno == logging.ERROR]
    assert (told["version"], told["reason"]) == ("2", last["reason"])


def test_what_only_the_canary_refuses_counts_and_what_both_refuse_does_not(versions: Path) -> None:
    features = [
        {**each, "allowed": ["EWR", "JFK"]} if each["name"] == "origin" else each for each in SIGNATURE["features"]
    ]
    changed(versions, 2, "signature.json", features=features)
    with client_of(versions, {"canary": 2}, canary_share=1.0) as (client, app):
        for _ in range(5):
            assert client.post("/v1/predict", json={**ROW, "origin": "SFO"}).status_code == 422
        assert app.state.predictor.new.failed == 0
        assert asked(client, "F0", origin="LGA")["version"] == "1"
        assert app.state.predictor.new.failed == 1
        assert app.state.predictor.new.reason == "BadRequestError origin"  # and not its value


def test_a_canary_that_was_withdrawn_comes_back_only_when_it_is_promoted_again(versions: Path) -> None:
    with client_of(versions, {"canary": 2}, canary_share=1.0) as (client, app):
        app.state.predictor.canary.bundle.predict_rows = lambda _: 1 / 0
        for i in range(3):
            asked(client, f"F{i}")
        app.state.versions.look()
        app.state.versions.look()
        assert asked(client, "F4")["version"] == "1"
        Registry(versions).promote(2, "canary")
        app.state.versions.look()
        assert asked(client, "F5")["version"] == "2"


def test_another_worker_that_withdraws_it_is_followed(versions: Path) -> None:
    with client_of(versions, {"canary": 2}, canary_share=1.0) as (client, app):
        assert Registry(versions).withdraw("canary", 2, "another worker saw it fail")
        assert not Registry(versions).withdraw("canary", 2, "a third one comes later")
        app.state.versions.look()
        assert asked(client, "F0")["version"] == "1"
        assert metric(client, "canary_withdrawn_total") == 0


def split_of(registry: Path, canary: int = 2, share: float = 0.5) -> CanaryTraffic:
    metrics = Metrics()
    champion, new = (Predictor(app.champion_bundle(registry, str(each)), metrics, None, 10) for each in (1, canary))
    return CanaryTraffic(champion, new, share, metrics)


def ask(split: CanaryTraffic, table: list[dict[str, Any]]) -> None:
    for i, row in enumerate(table):
        split.answer(json.dumps({**row, "flight_id": str(i)}).encode(), "r")


def test_the_same_model_is_no_departure(built_versions: Path) -> None:
    split = split_of(built_versions)
    ask(split, rows(3 * FEWEST))
    assert min(len(split.before.answers), len(split.new.answers)) > FEWEST
    assert split.judge() == ""


def test_answers_that_depart_are_a_reason(built_versions: Path) -> None:
    split = split_of(built_versions, canary=3)
    ask(split, rows(3 * FEWEST))
    assert "PSI of the answers" in split.judge()


def test_few_rows_are_no_reason(built_versions: Path) -> None:
    split = split_of(built_versions, canary=3)
    ask(split, rows(FEWEST))
    assert split.judge() == ""


def test_a_canary_that_takes_much_more_cpu_is_a_reason(built_versions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_of(built_versions)
    quick = split.canary.bundle.predict_rows
    monkeypatch.setattr(
        split.canary.bundle, "predict_rows", lambda table: max((quick(table) for _ in range(60)), key=len)
    )
    ask(split, rows(3 * FEWEST))
    assert "times the CPU" in split.judge()


def test_one_failure_in_a_hundred_is_borne(built_versions: Path) -> None:
    split = split_of(built_versions, share=1.0)
    for _ in range(3):
        split.new.fail(ValueError())
    split.new.requests = 300
    assert split.judge() == ""
    split.new.requests = 299
    assert "3 of 299 requests failed" in split.judge()


def test_the_champion_raises_what_it_refuses(built_versions: Path) -> None:
    split = split_of(built_versions, share=1.0)
    with pytest.raises(BadRequestError):
        split.answer(b"{}", "r")


def test_the_distance_by_chance_is_rarely_exceeded() -> None:
    draw = np.random.default_rng(0)
    found = [prediction_shift(draw.beta(2, 5, 300), draw.beta(2, 5, 300)) for _ in range(300)]
    assert np.mean(np.array(found) > shift_by_chance(300, 300)) < 0.02
    assert np.mean(np.array(found) > shift_by_chance(300, 300) / 3) > 0.05  # and it is not too wide
