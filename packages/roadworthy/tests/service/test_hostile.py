"""What nobody should send: the answer is a refusal that names the problem, and the next request is answered."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from configured import configured
from small import ROW

TEXT = json.dumps(ROW)
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def real(built_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[psutil.Process, str]]:
    with configured(built_registry, tmp_path_factory.mktemp("real")) as (process, address):
        yield psutil.Process(process.pid), address


def row(**values: Any) -> bytes:
    return json.dumps({**ROW, **values}).encode()


def sent_raw(address: str, *parts: bytes) -> bytes:
    """What comes back for bytes that no HTTP client would send."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        return connection.recv(65536)


def still_answers(address: str) -> bool:
    return httpx.post(f"{address}/v1/predict", json=ROW).status_code == 200


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the body is not valid JSON"),
        (b" \n", "the body is not valid JSON"),
        (b"null", "the body is not an object"),
        (b"true", "the body is not an object"),
        (b"[]", "the body is not an object"),
        (b"{}", "carrier is missing"),
        (b"[" * 500_000, "the body is not valid JSON: recursion limit"),
        (b'{"rows": ' * 100_000, "the body is not valid JSON: recursion limit"),
        (b'{"rows": [' + b"[" * 100_000, "the body is not valid JSON: recursion limit"),
        (TEXT.encode().replace(b'"UA"', b"[" * 100 + b"]" * 100), "carrier: a list has the wrong type"),
        (row(distance=float("nan")), "distance: NaN is not finite"),
        (row(distance=float("inf")), "distance: Infinity is not finite"),
        (row(distance=float("-inf")), "distance: -Infinity is not finite"),
        (row(distance=10**400), "distance"),
        (row(hour=10**400), "hour"),
        (row(hour=-(2**63) - 1), "hour: -9223372036854775809 is too small"),
        (row(distance=1).replace(b": 1}", b": 1e999}"), "distance: Infinity is not finite"),
        (row(hour=1).replace(b": 1,", b": " + b"1" * 100_000 + b","), "not valid JSON: number out of range"),
        (row(maker="\ud800"), "not valid JSON: unexpected end of hex escape"),
        (TEXT.encode().replace(b"BOEING", b"\xff\xfe"), "not valid JSON: invalid unicode code point"),
        (row(carrier="\0\0"), "carrier"),
        (row(carrier="\U0001f6e9\U0001f6e9"), "carrier"),
        (row(origin="\uff25\uff37\uff32"), "is not one of them; allowed: one of EWR, JFK, LGA"),
        (row(**{"\U0001f6e9": 1}), "is not known"),
        (row(**{"": 1}), '"" is not known; known: carrier'),
        (b'{"carrier": "AA", ' + TEXT.encode()[1:], '"carrier" is given twice; which value is meant?'),
        (TEXT.encode()[:-1] + b', "h\\u006fur": 3}', '"hour" is given twice'),
        (b'{"rows": [], "rows": [' + TEXT.encode() + b"]}", '"rows" is given twice'),
        (b'{"rows": [' + TEXT.encode()[:-1] + b', "temp" :1}]}', '"temp" is given twice'),
        (b"\xef\xbb\xbf" + TEXT.encode(), "not valid JSON"),
        (TEXT.encode("utf-16"), "not valid JSON"),
        (b"--x\r\ncontent-disposition: form-data\r\n\r\n", "not valid JSON"),
    ],
)
def test_a_body_is_refused_for_what_is_wrong_with_it(real: tuple[Any, str], body: bytes, says: str) -> None:
    response = httpx.post(f"{real[1]}/v1/predict", content=body)
    assert response.status_code == 422
    assert says in response.json()["errors"][0]["message"]
    infer = httpx.post(f"{real[1]}/v2/models/small/infer", content=body)
    assert infer.status_code == 400
    assert 5 < len(infer.json()["error"]) < 20_000
    assert still_answers(real[1])


def test_a_name_may_hold_a_colon_and_a_text_as_well(real: tuple[Any, str]) -> None:
    body = {"rows": [{**ROW, "maker": ":::", "flight_id": "2013-01-01T10:00"}] * 3}
    assert httpx.post(f"{real[1]}/v1/predict", json=body).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "\x80"])
@pytest.mark.parametrize("path", ["/v1/predict", "/v2/models/small/infer"])
def test_another_content_type_is_refused(real: tuple[Any, str], path: str, kind: str) -> None:
    headers = [(b"content-type", kind.encode("latin-1"))]
    response = httpx.post(f"{real[1]}{path}", content=TEXT, headers=headers)
    assert response.status_code == 415
    assert "send application/json" in response.text


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"])
def test_json_by_another_name_is_json(real: tuple[Any, str], kind: str) -> None:
    response = httpx.post(f"{real[1]}/v1/predict", content=TEXT, headers={"content-type": kind})
    assert response.status_code == 200


def test_a_compressed_body_is_refused(real: tuple[Any, str]) -> None:
    response = httpx.post(f"{real[1]}/v1/predict", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert response.status_code == 415
    assert "compressed" in response.text


@pytest.mark.parametrize("length", [b"abc", b"-1", b"1e3", b"", b"1, 2", b"9" * 30, b"9" * 5000, b"\xb2"])
def test_a_content_length_that_is_none_is_refused(real: tuple[Any, str], length: bytes) -> None:
    told = sent_raw(real[1], b"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-length: " + length + b"\r\n\r\n{}")
    assert told.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
    assert b'"message": ' in told
    assert still_answers(real[1])


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    ],
)
def test_what_is_not_http_is_refused(real: tuple[Any, str], request_: bytes) -> None:
    assert sent_raw(real[1], request_).startswith(b"HTTP/1.1 400 ")
    assert still_answers(real[1])


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_of_100_megabytes_is_refused_and_not_kept(real: tuple[psutil.Process, str], *, announced: bool) -> None:
    process, address = real
    still_answers(address)
    before = process.memory_info().rss
    pieces = (bytes(MEGABYTE) for _ in range(100))
    headers = {"content-length": str(100 * MEGABYTE)} if announced else {}
    response = httpx.post(f"{address}/v1/predict", content=pieces, headers=headers, timeout=60)
    assert response.status_code == 413
    assert "larger than 1,048,576 bytes" in response.json()["errors"][0]["message"]
    grown = process.memory_info().rss - before
    print(f"grown by {grown / MEGABYTE:.1f} MB")  # noqa: T201 - to look at
    if sys.platform == "linux":
        assert grown < 30 * MEGABYTE
    assert still_answers(address)
