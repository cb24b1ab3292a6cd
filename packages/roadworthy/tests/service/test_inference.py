"""The Open Inference Protocol: Triton's own client against the real service, and what no client should send."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from threaded import served
from tritonclient.utils import InferenceServerException

from configured import configured
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring.log import PredictionLog
from roadworthy.serving import app
from roadworthy.serving.app import champion_bundle, create_app
from small import ROW, SIGNATURE, rows

KINDS = {"carrier": "BYTES", "origin": "BYTES", "maker": "BYTES", "hour": "INT64", "temp": "FP64", "distance": "FP64"}
TABLE = [{**row, "flight_id": f"F{number}"} for number, row in enumerate(rows(40, seed=7))]
INFER = "/v2/models/small/infer"


@pytest.fixture(scope="module")
def client(built_registry: Path) -> Iterator[httpx.Client]:
    with served(app.create_app(app.champion_bundle(built_registry))) as client:
        yield client


@pytest.fixture(scope="module")
def real(built_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a real service and the folder of its log."""
    folder = tmp_path_factory.mktemp("real")
    with configured(built_registry, folder) as (_, address):
        yield address, folder


@pytest.fixture
def tritons(real: tuple[str, Path]) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(real[0].removeprefix("http://"))
    yield client
    client.close()


def tensors(table: list[dict[str, Any]], *, binary: bool, column: bool = False) -> list[triton.InferInput]:
    """What a client of Triton makes of rows: numbers and texts, bytes or JSON, [n] or [n, 1]."""
    made = []
    for name in [*KINDS, "flight_id"]:
        kind = KINDS.get(name, "BYTES")
        if kind == "BYTES":
            values = np.array([row.get(name) or "" for row in table], dtype=np.object_)
        else:
            numbers = [np.nan if row[name] is None else row[name] for row in table]
            values = np.array(numbers, dtype=np.int64 if kind == "INT64" else np.float64)
        if column:
            values = values.reshape(-1, 1)
        tensor = triton.InferInput(name, list(values.shape), kind)
        tensor.set_data_from_numpy(values, binary_data=binary)
        made.append(tensor)
    return made


def request(table: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The same by hand, in JSON."""
    inputs = [
        {"name": name, "datatype": kind, "shape": [len(table)], "data": [row[name] for row in table]}
        for name, kind in KINDS.items()
    ]
    return {"inputs": inputs, **more}


def test_health_and_metadata_are_what_tritons_client_expects(tritons: triton.InferenceServerClient) -> None:
    assert tritons.is_server_live()
    assert tritons.is_server_ready()
    assert tritons.is_model_ready("small")
    assert tritons.is_model_ready("small", "1")
    assert not tritons.is_model_ready("large")
    assert not tritons.is_model_ready("small", "2")
    assert "binary_tensor_data" in tritons.get_server_metadata()["extensions"]
    told = tritons.get_model_metadata("small", "1")
    assert (told["name"], told["versions"]) == ("small", ["1"])
    assert {each["name"]: each["datatype"] for each in told["inputs"]} == {**KINDS, "flight_id": "BYTES"}
    assert {each["name"]: each["datatype"] for each in told["outputs"]} == {"probability": "FP64", "decision": "BOOL"}
    assert all(each["shape"] == [-1] for each in [*told["inputs"], *told["outputs"]])


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("out", [None, True, False])
def test_tritons_client_gets_the_answers_of_the_other_protocol_to_the_last_bit(
    tritons: triton.InferenceServerClient, real: tuple[str, Path], *, out: bool | None, column: bool
) -> None:
    wanted = None if out is None else [triton.InferRequestedOutput(n, out) for n in ("decision", "probability")]
    expected = httpx.post(f"{real[0]}/v1/predict", json={"rows": TABLE}).json()["predictions"]
    got = tritons.infer("small", tensors(TABLE, binary=True, column=column), "1", wanted, request_id="mine")
    assert got.as_numpy("probability").tolist() == [each["probability"] for each in expected]
    assert got.as_numpy("decision").tolist() == [each["decision"] for each in expected]
    told = got.get_response()
    assert (told["id"], told["model_name"], told["model_version"]) == ("mine", "small", "1")


def test_tritons_client_may_send_json(tritons: triton.InferenceServerClient, real: tuple[str, Path]) -> None:
    table = [row for row in TABLE if row["maker"] and row["temp"]]  # its JSON has no null
    expected = httpx.post(f"{real[0]}/v1/predict", json={"rows": table}).json()["predictions"]
    got = tritons.infer("small", tensors(table, binary=False))
    assert got.as_numpy("probability").tolist() == [each["probability"] for each in expected]


def test_tritons_client_is_told_what_is_wrong(tritons: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="row 3, hour: 99 is too large; allowed: a whole number"):
        tritons.infer("small", tensors([*TABLE[:3], {**TABLE[3], "hour": 99}], binary=True))
    with pytest.raises(InferenceServerException, match="there is no model 'large' here; there is small"):
        tritons.infer("large", tensors(TABLE, binary=True))
    with pytest.raises(InferenceServerException, match="version '7' does not answer; version 1 does"):
        tritons.infer("small", tensors(TABLE, binary=True), "7")
    tritons.infer("small", tensors(TABLE, binary=True))


def test_both_protocols_leave_the_same_in_the_prediction_log(built_registry: Path, tmp_path: Path) -> None:
    with configured(built_registry, tmp_path) as (_, address):
        client = triton.InferenceServerClient(address.removeprefix("http://"))
        client.infer("small", tensors(TABLE, binary=True), headers={"x-request-id": "v2-bytes"})
        client.close()
        httpx.post(f"{address}{INFER}", json=request(TABLE), headers={"x-request-id": "v2-json"})
        httpx.post(f"{address}/v1/predict", json={"rows": TABLE}, headers={"x-request-id": "v1"})
    with PredictionLog(tmp_path / "log.db", Signature.parse(json.dumps(SIGNATURE))) as log:
        found = pd.DataFrame(log.read()).drop(columns="time")
    by_id = {name: part.drop(columns="request_id").reset_index(drop=True) for name, part in found.groupby("request_id")}
    assert by_id["v1"]["key"].tolist() == [row["flight_id"] for row in TABLE]
    assert by_id["v2-bytes"].equals(by_id["v1"])
    assert by_id["v2-json"].drop(columns="key").equals(by_id["v1"].drop(columns="key"))


def test_null_and_nan_are_missing_values(client: httpx.Client) -> None:
    missing = {**ROW, "maker": None, "temp": None}
    expected = client.post("/v1/predict", json=missing).json()["probability"]
    null = client.post(INFER, json=request([missing])).json()
    nan = client.post(INFER, content=json.dumps(request([{**missing, "temp": float("nan")}]))).json()
    left_out = request([missing])
    left_out["inputs"] = [tensor for tensor in left_out["inputs"] if tensor["name"] not in {"maker", "temp"}]
    without = client.post(INFER, json=left_out).json()
    assert [each["outputs"][0]["data"] for each in (null, nan, without)] == [[expected]] * 3


def test_an_empty_text_in_bytes_is_a_missing_value_and_no_unseen_one(client: httpx.Client) -> None:
    def unseen() -> list[str]:
        lines = client.get("/metrics").text.splitlines()
        return [line for line in lines if line.startswith('model_unseen_categories_total{field="maker"}')]

    content, headers = binary({"maker": bytes(4)}, [ROW])
    before = unseen()
    data = client.post(INFER, content=content, headers=headers).json()["outputs"][0]["data"]
    assert data == [client.post("/v1/predict", json={**ROW, "maker": None}).json()["probability"]]
    assert unseen() == before


def test_an_answer_with_bytes_says_how_long_its_json_is(client: httpx.Client) -> None:
    expected = client.post("/v1/predict", json=ROW).json()["probability"]
    response = client.post(INFER, json=request([ROW], parameters={"binary_data_output": True}))
    size = int(response.headers["inference-header-content-length"])
    assert response.headers["content-type"] == "application/octet-stream"
    sizes = [each["parameters"]["binary_data_size"] for each in json.loads(response.content[:size])["outputs"]]
    assert sizes == [8, 1]
    assert response.content[size:] == struct.pack("<d?", expected, expected >= 0.35)


def test_only_the_outputs_that_are_asked_for_come(client: httpx.Client) -> None:
    (output,) = client.post(INFER, json=request([ROW, ROW], outputs=[{"name": "decision"}])).json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("decision", "BOOL", [2])
    assert [type(value) for value in output["data"]] == [bool, bool]


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    asked = request([ROW, ROW])
    change(asked)
    return asked


def tensor(of: str, /, **values: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda asked: next(each for each in asked["inputs"] if each["name"] == of).update(values)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (changed(lambda asked: asked.update(inputs=[])), "inputs: List should have at least 1 item"),
        (changed(lambda asked: asked.update(inputs=asked["inputs"][1:])), "input carrier is missing; allowed: a text"),
        (changed(lambda asked: asked["inputs"].append(asked["inputs"][0])), "input carrier is given twice"),
        (changed(lambda asked: asked.update(id=7)), "id: Input should be a valid string"),
        (changed(lambda asked: asked.update(outputs=[{"name": "logit"}])), 'there is no output "logit"'),
        (changed(tensor("temp", name="tmp")), 'input "tmp" is not known; did you mean temp?'),
        (changed(tensor("temp", datatype="FP32")), 'input temp is INT64 or FP64, not "FP32"'),
        (changed(tensor("carrier", datatype="INT64")), 'input carrier is BYTES, not "INT64"'),
        (changed(tensor("temp", shape=[1, 2])), "input temp has the shape [1, 2]; send [rows] or [rows, 1]"),
        (changed(tensor("temp", shape=[3])), "input temp has 3 rows, but the first input has 2"),
        (changed(tensor("temp", shape=[10**30])), "input temp has 10000"),
        (changed(tensor("temp", shape=[])), "inputs.4.shape"),
        (changed(tensor("temp", data=[1])), "input temp has 1 values, but its shape says 2"),
        (changed(tensor("temp", data=[[[1]], [[2]]])), "row 0, temp: a list has the wrong type"),
        (changed(tensor("hour", data=[7.5, 1])), "row 0, hour: 7.5 is not whole"),
        (changed(tensor("hour", data=[True, 1])), "row 0, hour: true has the wrong type"),
        (changed(tensor("hour", data=[10**400, 1])), "row 0, hour"),
        (changed(tensor("distance", data=[float("nan"), 1])), "row 0, distance: NaN is not finite"),
        (changed(tensor("origin", data=["SFO", "EWR"])), 'row 0, origin: "SFO" is not one of them'),
        (changed(tensor("maker", data=["\ud800", None])), 'row 0, maker: "?" is not Unicode'),
        (changed(tensor("temp", parameters={"shared_memory_region": "x"})), "shared_memory_region is not supported"),
        (changed(tensor("temp", parameters={"binary_data_size": 16})), "both data and a binary_data_size"),
        (changed(tensor("temp", parameters={"binary_data_size": -1})), "inputs.4.parameters.binary_data_size"),
        ([], "the body: Input should be a valid dictionary"),
        (None, "the body: Input should be a valid dictionary"),
        (request([ROW] * 1001), "rows: List should have at most 1000 items"),
    ],
)
def test_a_wrong_request_is_refused_with_what_is_wrong(client: httpx.Client, body: Any, says: str) -> None:
    response = client.post(INFER, content=json.dumps(body))
    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    assert says in response.json()["error"]
    assert client.post(INFER, json=request([ROW])).status_code == 200


def binary(parts: dict[str, bytes], table: list[dict[str, Any]], length: str = "") -> tuple[bytes, dict[str, str]]:
    """A request some of whose tensors are these bytes."""
    asked = request(table)
    for each in asked["inputs"]:
        if each["name"] in parts:
            del each["data"]
            each["parameters"] = {"binary_data_size": len(parts[each["name"]])}
    text = json.dumps(asked).encode()
    headers = {"inference-header-content-length": length or str(len(text))}
    return text + b"".join(parts[name] for name in KINDS if name in parts), headers


@pytest.mark.parametrize(
    ("parts", "cut", "length", "says"),
    [
        ({"temp": bytes(16)}, 1, "", "input temp announces 16 bytes, but 15 are left"),
        ({"temp": bytes(15)}, 0, "", "the 15 bytes of input temp are not 2 values of FP64"),
        ({"temp": bytes(24)}, 0, "", "the 24 bytes of input temp are not 2 values of FP64"),
        ({"carrier": b"\x02\0\0\0AA"}, 0, "", "the 6 bytes of input carrier are not 2 values of BYTES"),
        ({"carrier": b"\x02\0\0\0AA\xff\xff\xff\xffA"}, 0, "", "a text of input carrier is longer than the bytes"),
        ({"carrier": b"\x02\0\0\0AA\x02\0"}, 0, "", "are not texts in UTF-8, each after its length"),
        ({"carrier": b"\x02\0\0\0\xff\xfe\x02\0\0\0AA"}, 0, "", "are not texts in UTF-8, each after its length"),
        ({"carrier": b"\0\0\0\0\x02\0\0\0AA"}, 0, "", 'row 0, carrier: "" does not match'),
        ({}, 0, "99999999", "Inference-Header-Content-Length is not the size"),
        ({}, 0, "9" * 5000, "Inference-Header-Content-Length is not the size"),
        ({}, 0, "-1", "Inference-Header-Content-Length is not the size"),
        ({}, 0, "1_0", "Inference-Header-Content-Length is not the size"),
    ],
)
def test_bytes_that_are_not_what_was_announced_are_refused(
    client: httpx.Client, parts: dict[str, bytes], cut: int, length: str, says: str
) -> None:
    content, headers = binary(parts, [ROW, ROW], length)
    response = client.post(INFER, content=content[: len(content) - cut], headers=headers)
    assert (response.status_code, list(response.json())) == (400, ["error"])
    assert says in response.json()["error"]


def test_bytes_that_belong_to_no_input_are_refused(client: httpx.Client) -> None:
    content, headers = binary({}, [ROW])
    response = client.post(INFER, content=content + b"12345", headers=headers)
    assert "5 bytes at the end of the body belong to no input" in response.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/large", 404),
        ("GET", "/v2/models/small/versions/2/ready", 404),
        ("GET", "/v2/nothing", 404),
        ("GET", INFER, 405),
        ("POST", "/v2/health/live", 405),
        ("POST", "/v2/models/small/versions/2/infer", 404),
    ],
)
def test_every_refusal_has_the_form_of_the_protocol(client: httpx.Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert list(response.json()) == ["error"]


def test_a_service_that_is_not_ready_says_so(built_registry: Path) -> None:
    app = create_app(champion_bundle(built_registry))
    with served(app) as client:
        app.state.ready = False
        assert client.get("/v2/health/live").json() == {"live": True}
        for path in ("/v2/health/ready", "/v2/models/small/ready"):
            assert client.get(path).status_code == 503
            assert client.get(path).json()["ready"] is False
