"""The OpenAPI description is true: 10,000 generated requests get an answer that it foresees, and none a 5xx.

In this process, through ASGI: no socket, no thread.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from schemathesis import Case, GenerationMode

from roadworthy.base.settings import Service
from roadworthy.serving import access
from roadworthy.serving.app import champion_bundle, create_app
from small import ROW

REQUESTS = 10_000
QUICK = settings(
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
KINDS = {"carrier": "BYTES", "origin": "BYTES", "maker": "BYTES", "hour": "INT64", "temp": "FP64", "distance": "FP64"}
NASTY: list[Any] = [
    None, True, False, 0, -1, 7, 0.5, -0.0, 10**400, -(2**63), 2**64, 1e39, float("nan"), float("inf"), float("-inf"),
    "", "7", "EWR", "BYTES", "FP64", "INT64", "x" * 300, "\0", "\ud800", "\U0001f6e9", "\n", "null", "\\", '":',
    [], [[]], [None], [0], [1, 1], ["EWR"], [[7]], [{}], [float("nan")], list(range(50)), [[[[[[[[]]]]]]]],
    {}, {"name": 1}, {"name": "decision"}, {"rows": []}, {"data": {}}, {"binary_data": 1}, {"binary_data_size": 9},
    {"binary_data_output": True}, {"classification": 2}, [{"name": "probability", "parameters": {"binary_data": True}}],
]  # fmt: skip
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def app(built_registry: Path) -> FastAPI:
    made = create_app(champion_bundle(built_registry))
    made.state.ready = True
    return made


async def ask(app: FastAPI, method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    """Send one request to the application itself."""
    place = urlsplit(url)
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"}
    scope |= {"method": method.upper(), "path": place.path, "raw_path": quote(place.path).encode(), "root_path": ""}
    scope |= {"query_string": place.query.encode(), "headers": raw, "client": ("127.0.0.1", 1), "server": ("x", 80)}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], given, b"".join(message.get("body", b"") for message in sent[1:])


def row_of(draw: Random) -> dict[str, Any]:
    """A row with up to two values that may be anything."""
    row: dict[str, Any] = {**ROW, "hour": draw.randrange(25), "temp": draw.choice([None, draw.uniform(-40, 130)])}
    for _ in range(draw.randrange(3)):
        row[draw.choice([*ROW, "flight_id", "tmp", ""])] = draw.choice(NASTY)
    return row


def prediction(draw: Random) -> Any:
    """The body of a prediction: a row, rows, or something near them."""
    if draw.random() < 0.05:
        return draw.choice(NASTY)
    return row_of(draw) if draw.random() < 0.5 else {"rows": [row_of(draw) for _ in range(draw.randrange(4))]}


def inference(draw: Random) -> Any:
    """The body of an inference with up to two places that may hold anything."""
    table = [{**ROW, "hour": draw.randrange(25)} for _ in range(draw.randrange(1, 4))]
    inputs: list[dict[str, Any]] = [
        {"name": name, "datatype": kind, "shape": [len(table)], "data": [row[name] for row in table]}
        for name, kind in KINDS.items()
    ]
    asked: dict[str, Any] = {"id": "7", "inputs": inputs, "outputs": [{"name": "decision"}], "parameters": {}}
    places: list[tuple[Any, Any]] = [(asked, name) for name in asked]
    places += [(tensor, name) for tensor in inputs for name in (*tensor, "parameters")]
    places += [(tensor["data"], 0) for tensor in inputs] * 2
    for _ in range(draw.randrange(3)):
        place, name = draw.choice(places)
        place[name] = draw.choice(NASTY)
    return asked


class Foreseen:
    """Holds answers against the description: the status is named there, the content fits its schema."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.description = description
        self.statuses: Counter[int] = Counter()
        self._validators: dict[tuple[str, str, str], Draft202012Validator | None] = {}

    def check(self, path: str, method: str, answer: Answer) -> None:
        status, headers, content = answer
        self.statuses[status] += 1
        assert status < 500, content
        assert str(status) in self.description["paths"][path][method]["responses"], (path, status, content[:300])
        kind = headers["content-type"].partition(";")[0]
        assert kind in self.description["paths"][path][method]["responses"][str(status)]["content"]
        size = int(headers.get("inference-header-content-length", len(content)))
        validator = self._validator(path, method, str(status))
        if validator:
            validator.validate(json.loads(content[:size]))

    def _validator(self, path: str, method: str, status: str) -> Draft202012Validator | None:
        key = path, method, status
        if key not in self._validators:
            content = self.description["paths"][path][method]["responses"][status].get("content", {})
            schema = content.get("application/json", {}).get("schema")
            whole = {**schema, "components": self.description["components"]} if schema else None
            self._validators[key] = Draft202012Validator(whole) if whole else None
        return self._validators[key]


def as_request(case: Case[Any]) -> tuple[str, dict[str, str], bytes]:
    """The URL, the headers and the body of a generated case."""
    names = {name: quote(str(value), safe="") for name, value in (case.path_parameters or {}).items()}
    query = f"?{urlencode(case.query, doseq=True)}" if case.query else ""
    headers = {name: str(value) for name, value in (case.headers or {}).items() if str(value).isascii()}
    absent = type(case.body).__name__ == "NotSet"
    body = b"" if absent else case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    kind = {} if absent or not case.media_type else {"content-type": case.media_type}
    return case.path.format(**names) + query, headers | kind, body


def generated(app: FastAPI, path: str, method: str, mode: GenerationMode, count: int) -> Counter[int]:
    """Send that many requests for one operation, half of them to the model that is there; the statuses."""
    description = app.openapi()
    foreseen = Foreseen(description)
    operation = schemathesis.openapi.from_dict(description)[path][method]
    loop = asyncio.new_event_loop()

    @settings(QUICK, max_examples=count)
    @given(case=operation.as_strategy(generation_mode=mode), there=st.booleans())
    def sent(case: Case[Any], *, there: bool) -> None:
        if there and case.path_parameters:
            case.path_parameters = {"name": "small", "version": "1"}
        foreseen.check(path, method, loop.run_until_complete(ask(app, method, *as_request(case))))

    try:
        sent()
    finally:
        loop.close()
    return foreseen.statuses


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "make", "refused"),
    [("/v1/predict", prediction, 422), ("/v2/models/{name}/infer", inference, 400)],
)
def test_no_request_of_10_000_fails_or_is_answered_in_an_unforeseen_way(
    app: FastAPI, path: str, make: Callable[[Random], Any], refused: int
) -> None:
    foreseen, draw = Foreseen(app.openapi()), Random(7)  # noqa: S311

    async def send() -> None:
        for _ in range(REQUESTS // 2):
            body = json.dumps(make(draw)).encode()
            foreseen.check(path, "post", await ask(app, "POST", path.format(name="small"), {}, body))

    asyncio.run(send())
    assert set(foreseen.statuses) == {200, refused}
    assert foreseen.statuses.total() == REQUESTS // 2
    assert min(foreseen.statuses.values()) > REQUESTS // 10  # both sides of the border were tried


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_row_that_the_description_allows_is_answered_and_no_other(app: FastAPI, mode: GenerationMode) -> None:
    statuses = generated(app, "/v1/predict", "post", mode, 300)
    assert statuses.total() >= 300
    assert set(statuses) == {200 if mode == GenerationMode.POSITIVE else 422}


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_inference_from_its_schema_is_answered_in_an_unforeseen_way(app: FastAPI, mode: GenerationMode) -> None:
    for path in ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"):
        assert 400 in generated(app, path, "post", mode, 30)


def test_no_other_path_is_answered_in_an_unforeseen_way(app: FastAPI) -> None:
    paths = [path for path, item in app.openapi()["paths"].items() if "get" in item]
    assert {"/healthz", "/v1/model", "/v2", "/v2/models/{name}"} <= set(paths)
    for path in paths:
        statuses = generated(app, path, "get", GenerationMode.POSITIVE, 50)
        assert 200 in statuses


def test_what_the_door_answers_is_in_the_description(built_registry: Path, tmp_path: Path) -> None:
    key = access.add_key(tmp_path / "keys.txt", "alice")
    limits = Service(keys_file=tmp_path / "keys.txt", rate=0.001, burst=1, max_body=500)
    for path in ("/v1/predict", "/v2/models/small/infer"):
        app = create_app(champion_bundle(built_registry), limits=limits)
        foreseen = Foreseen(app.openapi())
        described = path.replace("small", "{name}")
        for headers in ({}, {"x-api-key": key}, {"x-api-key": key}):
            body = json.dumps(ROW).encode() * 50
            foreseen.check(described, "post", asyncio.run(ask(app, "POST", path, headers, body)))
        assert set(foreseen.statuses) == {401, 413, 429}
