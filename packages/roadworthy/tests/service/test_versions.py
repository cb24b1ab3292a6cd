"""The version that answers follows the registry: no request is lost, and nothing that is damaged ever answers."""

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from load import load, metric, wait_for
from threaded import served

from roadworthy.bundle.bundle import Bundle
from roadworthy.registry.registry import Registry
from roadworthy.serving import app
from roadworthy.serving.app import create_app
from roadworthy.serving.rollout import Rollout
from small import ROW, write_bundle


def app_of(registry: Path, every: float = 1000, **options: Any) -> FastAPI:
    """An application that looks at its registry when it is asked to, or `every` so many seconds."""
    bundle = app.champion_bundle(registry)
    return app.create_app(bundle, rollout=Rollout(registry, every=every), **options)


@contextmanager
def client_of(registry: Path, **options: Any) -> Iterator[tuple[httpx.Client, FastAPI]]:
    app = app_of(registry, **options)
    with served(app) as client:
        yield client, app


def version(client: httpx.Client) -> str:
    return str(client.post("/v1/predict", json=ROW).json()["version"])


def rewrite(registry: Path, number: int, name: str, text: bytes) -> None:
    """Replace a file of a version, with the right sum."""
    folder = registry / "versions" / str(number)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    write_bundle(folder, {**files, name: text})


def test_it_notices_by_itself_that_another_version_was_promoted(versions: Path) -> None:
    with client_of(versions, every=0.02) as (client, _):
        assert version(client) == "1"
        Registry(versions).promote(2)
        wait_for(lambda: version(client) == "2")
        Registry(versions).rollback()
        wait_for(lambda: version(client) == "1")
        assert metric(client, "model_swaps_total") == 2


def test_everything_that_names_the_version_follows_it(versions: Path) -> None:
    with client_of(versions) as (client, app):
        assert "wind" not in client.get("/openapi.json").json()["components"]["schemas"]["Row"]["properties"]
        Registry(versions).promote(3)
        app.state.versions.look()
        told = client.get("/v1/model").json()
        assert (told["version"], told["metrics"], told["features"][-1]["name"]) == ("3", {"auc": 0.9}, "wind")
        assert metric(client, 'model_info{name="small",version="3"}') == 1
        assert metric(client, 'model_info{name="small",version="1"}') == 0
        description = client.get("/openapi.json").json()
        assert "wind" in description["components"]["schemas"]["Row"]["properties"]
        assert description["info"]["version"] == "3"


def test_a_request_is_answered_by_the_version_it_began_with(
    versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_of(versions, predictions=tmp_path / "log.db") as (client, app):
        old = app.state.predictor.bundle
        whole = old.predict_rows

        def predict_while_swapped(table: list[dict[str, Any]]) -> Any:
            Registry(versions).promote(3)
            app.state.versions.look()
            return whole(table)

        expected = client.post("/v1/predict", json=ROW).json()["probability"]
        monkeypatch.setattr(old, "predict_rows", predict_while_swapped)
        answer = client.post("/v1/predict", json={**ROW, "flight_id": "between"}).json()
        assert (answer["version"], answer["probability"]) == ("1", expected)
        assert version(client) == "3"
    with sqlite3.connect(tmp_path / "log.db") as connection:
        found = connection.execute("select version, probability from predictions where key = 'between'").fetchall()
    connection.close()
    assert found == [("1", expected)]


def cut(registry: Path) -> None:
    model = registry / "versions/2/model.onnx"
    model.write_bytes(model.read_bytes()[:-100])


def of_another_contract(registry: Path) -> None:
    signature = json.loads((registry / "versions/2/signature.json").read_text())
    rewrite(registry, 2, "signature.json", json.dumps({**signature, "version_of_contract": "1" * 64}).encode())


def with_other_golden_answers(registry: Path) -> None:
    golden = json.loads((registry / "versions/2/golden.json").read_text())
    golden[3]["probability"] += 0.001
    rewrite(registry, 2, "golden.json", json.dumps(golden).encode())


def without_model(registry: Path) -> None:
    (registry / "versions/2/model.onnx").unlink()


def without_a_date(registry: Path) -> None:
    manifest = registry / "versions/2/manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "created": "yesterday"}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "changed or cut"),
        (of_another_contract, "another contract"),
        (with_other_golden_answers, "record 4"),
        (without_model, "no such file"),
        (without_a_date, "yesterday"),
    ],
)
def test_what_cannot_be_served_is_never_served(
    versions: Path, caplog: pytest.LogCaptureFixture, damage: Any, says: str
) -> None:
    damage(versions)
    with client_of(versions) as (client, app):
        Registry(versions).promote(2)
        for _ in range(3):
            app.state.versions.look()
            assert version(client) == "1"
        assert metric(client, "model_swap_failures_total") == 1  # told once, not twice a second
        assert metric(client, 'model_info{name="small",version="1"}') == 1
        (told,) = [vars(record) for record in caplog.records if record.levelno == logging.ERROR]
        assert (told["version"], told["serving"]) == ("2", "1")
        assert says in told["reason"]


def test_a_refused_version_is_tried_again_when_its_alias_changes(versions: Path, small_files: dict[str, bytes]) -> None:
    cut(versions)
    with client_of(versions) as (client, app):
        registry, look = Registry(versions), app.state.versions.look
        registry.promote(2)
        look()
        rewrite(versions, 2, "model.onnx", small_files["model.onnx"])
        look()
        assert version(client) == "1"
        registry.rollback()
        look()
        assert version(client) == "1"
        registry.promote(2)
        look()
        assert version(client) == "2"


@pytest.mark.parametrize("content", ['{"champion": 1', '{"champion": 7}', "{}", "[]", "5", '{"champion": "x"}', None])
def test_damaged_aliases_leave_the_version_in_service(versions: Path, content: str | None) -> None:
    file = versions / "aliases.json"
    with client_of(versions, every=0.02) as (client, app):
        file.unlink() if content is None else file.write_text(content)
        app.state.versions.look()
        assert version(client) == "1"
        file.write_text('{"champion": 2}')
        wait_for(lambda: version(client) == "2")


def test_a_version_given_by_its_number_stays(versions: Path) -> None:
    app = create_app(Bundle.load(versions / "versions" / "1"), rollout=Rollout(versions, "1"))
    with served(app) as client:
        Registry(versions).promote(2)
        app.state.versions.look()
        assert version(client) == "1"


def test_the_log_gets_the_columns_of_the_new_version_and_loses_no_value(versions: Path, tmp_path: Path) -> None:
    with client_of(versions, predictions=tmp_path / "log.db") as (client, app):
        client.post("/v1/predict", json={**ROW, "flight_id": "old"})
        Registry(versions).promote(3)
        app.state.versions.look()
        client.post("/v1/predict", json={**ROW, "flight_id": "new", "wind": 12.5})
        Registry(versions).rollback()
        app.state.versions.look()
        client.post("/v1/predict", json={**ROW, "flight_id": "back"})
    with sqlite3.connect(tmp_path / "log.db") as connection:
        found = connection.execute("select key, version, temp, wind from predictions order by rowid").fetchall()
        columns = [row[1] for row in connection.execute("pragma table_info(predictions)")]
    connection.close()
    assert found == [("old", "1", 71.5, None), ("new", "3", 71.5, 12.5), ("back", "1", 71.5, None)]
    assert "maker" not in columns  # private


def test_a_version_whose_features_the_log_cannot_hold_is_not_served(versions: Path, tmp_path: Path) -> None:
    signature = (versions / "versions/3/signature.json").read_text().replace('"wind"', '"label"')
    golden = (versions / "versions/3/golden.json").read_text().replace('"wind"', '"label"')
    rewrite(versions, 3, "signature.json", signature.encode())
    rewrite(versions, 3, "golden.json", golden.encode())
    with client_of(versions, predictions=tmp_path / "log.db") as (client, app):
        Registry(versions).promote(3)
        app.state.versions.look()
        assert version(client) == "1"


@pytest.mark.slow
def test_a_thousand_swaps_under_load_fail_no_request(versions: Path, tmp_path: Path) -> None:
    registry = Registry(versions)
    with client_of(versions, predictions=tmp_path / "log.db") as (client, app), load(client.base_url) as told:
        for i in range(1000):
            (versions / "aliases.json").write_text(json.dumps({"champion": (2, 3, 1)[i % 3]}))
            app.state.versions.look()
        assert metric(client, "model_swaps_total") == 1000
        assert registry.aliases() == {"champion": 2}
        answered = len(told.versions)
        wait_for(lambda: len(told.versions) > answered + 20)
    assert told.wrong == []
    assert set(told.versions) == {"1", "2", "3"}
    assert told.versions[-1] == "2"
    with sqlite3.connect(tmp_path / "log.db") as connection:
        kept = connection.execute("select version, count(*) from predictions group by version").fetchall()
    connection.close()
    assert dict(kept) == {each: told.versions.count(each) for each in "123"}
