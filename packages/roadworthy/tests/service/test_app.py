"""The application in this process: answers, refusals, health, metrics, documentation."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from threaded import served

from roadworthy.base.errors import InputError
from roadworthy.base.settings import Service
from roadworthy.bundle.bundle import Bundle
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring.log import PredictionLog
from roadworthy.serving import app, predictor
from roadworthy.serving.app import create_app
from small import ROW, SIGNATURE, by_hand, rows


@pytest.fixture(scope="module")
def bundle(built_registry: Path) -> Bundle:
    return app.champion_bundle(built_registry)


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Iterator[httpx.Client]:
    with served(app.create_app(bundle, limits=Service(max_body=100_000))) as client:
        yield client


def metric(client: httpx.Client, name: str) -> float:
    (value,) = re.findall(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE) or ["0"]
    return float(value)


def test_the_answers_are_those_of_scikit_learn(
    client: httpx.Client, classifier: HistGradientBoostingClassifier
) -> None:
    table = rows(100, seed=5)
    expected = classifier.predict_proba(by_hand(table))[:, 1]
    answer = client.post("/v1/predict", json={"rows": table}).json()
    probabilities = np.array([prediction["probability"] for prediction in answer["predictions"]])
    assert np.abs(probabilities - expected).max() < 1e-6
    assert [prediction["decision"] for prediction in answer["predictions"]] == (probabilities >= 0.35).tolist()
    one_by_one = [client.post("/v1/predict", json=row).json()["probability"] for row in table[:10]]
    assert one_by_one == probabilities[:10].tolist()


def test_an_answer_says_who_gave_it(client: httpx.Client) -> None:
    response = client.post("/v1/predict", json={**ROW, "flight_id": "UA-1"}, headers={"x-request-id": "mine-7"})
    answer = response.json()
    assert (answer["model"], answer["version"], answer["key"]) == ("small", "1", "UA-1")
    assert answer["request_id"] == response.headers["x-request-id"] == "mine-7"


def test_a_request_id_that_is_none_is_replaced(client: httpx.Client) -> None:
    response = client.post("/v1/predict", json=ROW, headers={"x-request-id": 'no"t <fine>'})
    assert re.fullmatch("[0-9a-f]{16}", response.headers["x-request-id"])


def test_bad_input_is_refused_field_by_field_and_counted(client: httpx.Client) -> None:
    before = metric(client, 'service_bad_input_total{field="temp"}')
    response = client.post("/v1/predict", json={**ROW, "temp": 999})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["field"], error["value"]) == ("temp", "999")
    assert error["allowed"] == "a number from -40 to 130 F, or null"
    assert metric(client, 'service_bad_input_total{field="temp"}') == before + 1


def test_a_client_cannot_invent_labels(client: httpx.Client) -> None:
    client.post("/v1/predict", json={**ROW, "x" * 50: 1})
    client.get("/no/such/path")
    text = client.get("/metrics").text
    assert 'field="unknown"' in text
    assert 'path="other"' in text
    assert "xxx" not in text
    assert "no/such" not in text


def test_what_is_counted(client: httpx.Client) -> None:
    names = ['service_requests_total{path="/v1/predict",status="200"}', "model_prediction_count"]
    names += ['model_unseen_categories_total{field="carrier"}', 'model_unseen_categories_total{field="maker"}']
    before = [metric(client, name) for name in names]
    client.post("/v1/predict", json={"rows": [ROW, {**ROW, "carrier": "ZZ"}, {**ROW, "maker": None}]})
    assert [metric(client, name) for name in names] == [before[0] + 1, before[1] + 3, before[2] + 1, before[3]]
    assert metric(client, 'model_info{name="small",version="1"}') == 1
    assert metric(client, "model_age_seconds") > 0
    assert metric(client, 'service_request_seconds_count{path="/v1/predict"}') >= 1


def test_health_and_the_model_are_told(client: httpx.Client) -> None:
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    told = client.get("/v1/model").json()
    assert (told["name"], told["version"], told["threshold"], told["metrics"]) == ("small", "1", 0.35, {"auc": 0.7})
    assert told["features"][3] == {"name": "hour", "about": "of departure", "allowed": "a whole number from 0 to 24"}


def test_it_is_not_ready_before_the_start_and_after_the_stop(bundle: Bundle) -> None:
    app = create_app(bundle)
    assert directly(app, "/readyz") == 503
    with served(app) as client:
        assert client.get("/readyz").status_code == 200
    assert directly(app, "/readyz") == 503
    assert directly(app, "/healthz") == 200


def directly(app: FastAPI, path: str) -> int:
    async def get() -> int:
        transport = httpx.ASGITransport(app)  # runs neither start nor stop
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return (await client.get(path)).status_code

    return asyncio.run(get())


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_another_method_is_refused(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/v1/predict").status_code == 405


def test_a_body_that_is_too_large_is_refused(client: httpx.Client) -> None:
    response = client.post("/v1/predict", json={"rows": rows(2000)})
    assert response.status_code == 413
    assert "100,000 bytes" in response.json()["errors"][0]["message"]
    chunks = (b" " * 1000 for _ in range(200))
    assert client.post("/v1/predict", content=chunks).status_code == 413


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(client: httpx.Client) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=5) as connection:
        connection.sendall(b"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_body_may_come_in_pieces(client: httpx.Client) -> None:
    text = json.dumps(ROW).encode()
    response = client.post("/v1/predict", content=(text[i : i + 7] for i in range(0, len(text), 7)))
    assert response.json()["probability"] == client.post("/v1/predict", json=ROW).json()["probability"]


def test_the_description_holds_what_is_asked_and_answered(client: httpx.Client) -> None:
    description = client.get("/openapi.json").json()
    schemas = description["components"]["schemas"]
    assert "/v1/predict" in description["paths"]
    assert "/v1/model" in description["paths"]
    assert schemas["Row"]["example"] == ROW
    assert schemas["Row"]["additionalProperties"] is False
    assert schemas["Row"]["required"] == ["carrier", "origin", "hour", "distance"]
    assert schemas["Row"]["properties"]["origin"]["enum"] == ["EWR", "JFK", "LGA"]
    hour = {"type": "integer", "minimum": 0, "maximum": 24, "description": "of departure"}
    assert hour.items() <= schemas["Row"]["properties"]["hour"].items()
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(description)))
    assert references <= schemas.keys()


def test_an_answer_has_the_fields_of_the_description(client: httpx.Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(client.post("/v1/predict", json=ROW).json()) == set(schemas["Answer"]["properties"])
    many = client.post("/v1/predict", json={"rows": [ROW]}).json()
    assert set(many) == set(schemas["Answers"]["properties"])
    assert set(many["predictions"][0]) == set(schemas["Prediction"]["properties"])
    refusal = client.post("/v1/predict", json={}).json()
    assert set(refusal) == set(schemas["Refusal"]["properties"])
    assert set(refusal["errors"][0]) == set(schemas["Refused"]["properties"])


def test_the_pages_need_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "://" not in page
    for path in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert client.get(path).status_code == 200


def test_every_answer_is_in_the_log_after_a_clean_stop(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "EVERY", 1000)  # so that only the stop writes
    file = tmp_path / "log.db"
    with served(app.create_app(bundle, predictions=file)) as client:
        answers = [client.post("/v1/predict", json={**row, "flight_id": f"F{i}"}) for i, row in enumerate(rows(40))]
        many = client.post("/v1/predict", json={"rows": rows(10, seed=9)}).json()
        client.post("/v1/predict", json={**ROW, "temp": 999})
    with PredictionLog(file, Signature.parse(json.dumps(SIGNATURE))) as log:
        found = log.read()
    sent = [answer.json() for answer in answers]
    assert found["key"].tolist() == [f"F{i}" for i in range(40)] + [None] * 10
    assert found["request_id"].tolist() == [a["request_id"] for a in sent] + [many["request_id"]] * 10
    assert found["probability"].tolist() == [a["probability"] for a in [*sent, *many["predictions"]]]
    assert found["carrier"].tolist()[:40] == [row["carrier"] for row in rows(40)]
    assert set(found["version"]) == {"1"}


def test_a_log_that_cannot_be_used_stops_the_start(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"something else" * 100)
    with pytest.raises(InputError, match=r"log\.db"):
        app.create_app(bundle, predictions=tmp_path / "log.db")


def test_a_failure_is_counted_logged_and_told_without_its_inside(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(bundle)
    monkeypatch.setattr(app.state.predictor, "answer", lambda *_: 1 / 0)
    with served(app) as client:
        response = client.post("/v1/predict", json=ROW, headers={"x-request-id": "broken-1"})
        assert response.status_code == 500
        assert "division" not in response.text
        assert metric(client, 'service_requests_total{path="/v1/predict",status="500"}') == 1
    (record,) = [record for record in caplog.records if record.exc_info]
    assert vars(record)["request_id"] == "broken-1"


def test_values_of_a_request_are_not_in_the_service_log(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    client.post("/v1/predict", json={**ROW, "maker": ["SECRET"]})
    assert "SECRET" not in str([vars(record) for record in caplog.records])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    path=st.sampled_from(["/v1/predict", "/v1/model", "/readyz", "/metrics", "/%00", "/v1/predict/x"]),
    method=st.sampled_from(["GET", "POST", "PUT"]),
    body=st.one_of(st.binary(), st.text().map(str.encode), st.just(b"[" * 5000), st.just(json.dumps(ROW).encode())),
    request_id=st.text(st.characters(min_codepoint=33, max_codepoint=126)),
    kind=st.sampled_from(["application/json", "text/plain", "multipart/form-data", ""]),
)
def test_no_request_makes_the_service_fail(client: httpx.Client, path: str, method: str, **sent: Any) -> None:
    headers = {"x-request-id": sent["request_id"], "content-type": sent["kind"]}
    response: httpx.Response = client.request(method, path, content=sent["body"], headers=headers)
    assert response.status_code in {200, 404, 405, 415, 422}
