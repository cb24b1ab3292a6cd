"""Limits: how often a client may ask, how much may come at a time, how long it may take."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from threaded import served

from configured import configured
from roadworthy.base.settings import Service
from roadworthy.serving import access, app, server
from roadworthy.serving.access import Rates, RefusedError, client_group
from roadworthy.serving.app import champion_bundle, create_app
from roadworthy.serving.asgi import BodyReader
from roadworthy.serving.server import LARGEST_HEAD, PatientProtocol
from small import ROW

BODY = json.dumps(ROW).encode()
HEAD = b"POST /v1/predict HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture(scope="module")
def patient(built_registry: Path) -> Iterator[httpx.Client]:
    """A service that waits for a second."""
    app = create_app(champion_bundle(built_registry))
    with served(app, http=partial(PatientProtocol, patience=1)) as client:
        yield client


def connect(client: httpx.Client, *parts: bytes) -> socket.socket:
    connection = socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=20)
    for part in parts:
        connection.sendall(part)
    return connection


def received(connection: socket.socket) -> bytes:
    """All that comes until the service closes the connection."""
    parts = []
    with connection:
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def answers(client: httpx.Client) -> bool:
    return client.post("/v1/predict", json=ROW).status_code == 200


def wait_for(claim: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()


def test_a_bucket_gives_a_burst_and_then_the_rate() -> None:
    now = 100.0
    rates = Rates(rate=2, burst=3, clock=lambda: now)
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.wait("b") == 0
    now = 100.5
    assert [rates.wait("a") for _ in range(2)] == [0, 0.5]
    now = 1000.0
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_who_is_refused_does_not_wait_longer_for_asking_again() -> None:
    now = 0.0
    rates = Rates(rate=1, burst=1, clock=lambda: now)
    assert [rates.wait("a") for _ in range(50)] == [0] + [1] * 49
    now = 1.0
    assert rates.wait("a") == 0


def test_the_number_of_clients_that_are_remembered_is_bounded() -> None:
    rates = Rates(rate=0.001, burst=1, clients=100)
    assert [rates.wait(f"{i}") for i in range(5000)] == [0] * 5000
    assert len(rates._buckets) == 100
    assert rates.wait("4999") > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("no address", "no address", True),
    ],
)
def test_an_address_of_ipv6_stands_for_its_network(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    assert (client_group(one) == client_group(other)) is same


def test_a_client_that_asks_too_often_is_told_when_to_come_back(built_registry: Path) -> None:
    limits = Service(rate=0.5, burst=2)
    with served(app.create_app(app.champion_bundle(built_registry), limits=limits)) as client:
        sent = [client.post("/v1/predict", json=ROW) for _ in range(3)]
        assert [each.status_code for each in sent] == [200, 200, 429]
        assert sent[2].headers["retry-after"] == "2"
        assert "more than 0.5 requests a second" in sent[2].json()["errors"][0]["message"]
        assert list(client.get("/v2").json()) == ["error"]
        assert {client.get(path).status_code for path in ("/healthz", "/metrics", "/v2/health/ready")} == {200}


def test_each_key_has_its_own_rate(built_registry: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.txt"
    alice, bob = access.add_key(file, "alice"), access.add_key(file, "bob")
    limits = Service(keys_file=file, rate=0.001, burst=1)
    with served(app.create_app(app.champion_bundle(built_registry), limits=limits)) as client:
        sent = [client.get("/v1/model", headers={"x-api-key": key}).status_code for key in (alice, alice, bob, "?")]
    assert sent == [200, 429, 200, 401]


def test_too_many_bodies_at_a_time_are_refused_and_health_is_not(built_registry: Path) -> None:
    limits = Service(max_concurrent=2)
    with served(app.create_app(app.champion_bundle(built_registry), limits=limits)) as client:
        begun = HEAD + b"content-length: 9\r\n\r\n1"
        with connect(client, begun), connect(client, begun):
            wait_for(lambda: not answers(client))
            refused = client.post("/v1/predict", json=ROW)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert "2 requests are being read" in refused.json()["errors"][0]["message"]
            assert client.get("/healthz").status_code == 200
        wait_for(lambda: answers(client))


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /v1/pre",
        HEAD,
        HEAD + b"content-length: 99\r\n\r\n{",
        HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
)
def test_a_request_that_does_not_end_is_cut_off_and_nobody_waits(patient: httpx.Client, begun: bytes) -> None:
    slow = connect(patient, begun)
    assert answers(patient)
    told = received(slow)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in told
    assert b"not complete within 1 seconds" in told
    assert answers(patient)


def test_a_client_that_trickles_is_cut_off_as_well(patient: httpx.Client) -> None:
    slow = connect(patient, HEAD)
    slow.settimeout(0.05)
    told = b""
    for _ in range(400):
        try:
            slow.sendall(b"x")
            told += slow.recv(1000)
        except TimeoutError:
            continue
        except OSError:
            break
        if told:
            break
    slow.close()
    assert told.startswith(b"HTTP/1.1 408 ")


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(patient: httpx.Client) -> None:
    assert received(connect(patient)) == b""


def test_a_second_request_on_a_connection_has_its_own_time(patient: httpx.Client) -> None:
    whole = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
    connection = connect(patient, whole)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    connection.sendall(HEAD)
    assert received(connection).startswith(b"HTTP/1.1 408")


def test_after_a_refusal_the_rest_of_the_body_gets_no_second_answer(patient: httpx.Client) -> None:
    told = received(connect(patient, HEAD + b"content-length: 1000000000\r\n\r\n{"))
    assert told.startswith(b"HTTP/1.1 413")
    assert told.count(b"HTTP/1.1") == 1


def test_a_client_that_does_not_read_is_cut_off(patient: httpx.Client) -> None:
    body = json.dumps({"rows": [ROW] * 1000}).encode()
    request = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    connection = connect(patient)
    connection.settimeout(0.2)
    deadline = time.monotonic() + 30
    ended = False
    with connection:
        while not ended and time.monotonic() < deadline:
            try:
                connection.sendall(request)  # and never read
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
    assert ended
    assert answers(patient)


@pytest.mark.parametrize(
    ("announced", "status"), [(b"abc", 400), (b"-1", 400), (b"1_0", 400), (b"", 400), (b"11", 413), (b"9" * 5000, 413)]
)
def test_a_length_that_another_server_lets_pass_is_refused_before_the_body(announced: bytes, status: int) -> None:
    async def never() -> Any:
        raise AssertionError("the body was asked for")

    with pytest.raises(RefusedError) as refusal:
        asyncio.run(BodyReader(largest=10, clients=1).read(never, {b"content-length": announced}))
    assert refusal.value.status == status


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_head_without_end_is_refused_and_its_sender_can_read_why(
    patient: httpx.Client, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LINGER", 20)  # however slow this machine is, all of it can be sent
    connection = connect(patient, HEAD)
    for number in range(8000):
        connection.sendall(b"x-%d: %s\r\n" % (number, b"y" * 1000))
    connection.sendall(end)
    told = received(connection)
    assert told.startswith(b"HTTP/1.1 431 ")
    assert f"{LARGEST_HEAD:,} bytes".encode() in told
    assert answers(patient)


def test_the_settings_reach_the_service(built_registry: Path, tmp_path: Path) -> None:
    limits = {"patience": 2, "max_body": 2000, "max_rows": 3, "rate": 0.001, "burst": 4}
    with configured(built_registry, tmp_path, **limits) as (_, address), httpx.Client(base_url=address) as client:
        slow = connect(client, b"GET ")
        assert received(slow).startswith(b"HTTP/1.1 408")
        assert "at most 3 items" in client.post("/v1/predict", json={"rows": [ROW] * 4}).text
        assert "larger than 2,000 bytes" in client.post("/v1/predict", content=b" " * 2001).text
        assert [answers(client), answers(client)] == [True, True]
        assert client.post("/v1/predict", json=ROW).status_code == 429
