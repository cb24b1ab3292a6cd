"""API keys: who may ask, what stays open, and that no key is ever written down."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from threaded import served

from configured import configured
from roadworthy.base.errors import InputError
from roadworthy.base.settings import Service
from roadworthy.cli.program import commands
from roadworthy.serving import access, app
from roadworthy.serving.access import Keys
from small import ROW


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.txt"


@pytest.fixture
def key(file: Path) -> str:
    return access.add_key(file, "alice")


@pytest.fixture
def client(built_registry: Path, file: Path, key: str) -> Iterator[httpx.Client]:
    assert key
    with served(app.create_app(app.champion_bundle(built_registry), limits=Service(keys_file=file))) as client:
        yield client


def predict(client: httpx.Client, **headers: str) -> int:
    return client.post("/v1/predict", json=ROW, headers=headers).status_code


def test_a_key_opens_the_service_in_either_header(client: httpx.Client, key: str) -> None:
    assert predict(client, authorization=f"Bearer {key}") == 200
    assert predict(client, authorization=f"bearer  {key}") == 200
    assert predict(client, **{"x-api-key": key}) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"x-api-key": ""},
        {"x-api-key": "a" * 43},
        {"authorization": "Basic YTpi"},
    ],
)
def test_without_a_known_key_nothing_is_told(client: httpx.Client, headers: dict[str, str]) -> None:
    response = client.post("/v1/predict", json=ROW, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert "no known API key" in response.json()["errors"][0]["message"]
    assert list(client.get("/v2/models/small", headers=headers).json()) == ["error"]
    for path in ("/v1/model", "/docs", "/openapi.json", "/v2", "/no/such/path", "/healthz/", "//healthz", "/metrics/x"):
        assert client.get(path, headers=headers).status_code == 401


def test_the_sum_of_a_key_is_no_key(client: httpx.Client, key: str) -> None:
    assert predict(client, **{"x-api-key": hashlib.sha256(key.encode()).hexdigest()}) == 401
    assert predict(client, **{"x-api-key": key[:-1]}) == 401


def test_who_watches_the_service_needs_no_key(client: httpx.Client) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"):
        assert client.get(path).status_code == 200


def test_a_new_key_opens_and_a_removed_one_shuts_with_the_next_request(
    client: httpx.Client, file: Path, key: str
) -> None:
    other = access.add_key(file, "bob")
    assert predict(client, **{"x-api-key": other}) == 200
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for line in lines if not line.endswith("alice")))
    assert predict(client, **{"x-api-key": key}) == 401
    assert predict(client, **{"x-api-key": other}) == 200


def test_a_file_that_breaks_neither_opens_the_service_nor_shuts_it(client: httpx.Client, file: Path, key: str) -> None:
    for broken in (lambda: file.write_text("nonsense"), file.unlink):
        broken()
        assert predict(client, **{"x-api-key": key}) == 200
        assert predict(client) == 401


def test_a_file_without_keys_lets_nobody_in(file: Path) -> None:
    file.write_text(f"# nobody\n\n{hashlib.sha256(b'').hexdigest()} nothing\n")
    assert Keys(file).name({b"x-api-key": b"", b"authorization": b"Bearer "}) is None


@pytest.mark.parametrize("line", ["secret", "0" * 63 + " alice", "0" * 64, "0" * 64 + " a b", "0" * 64 + " <x>"])
def test_a_line_that_is_no_key_stops_the_start(file: Path, line: str) -> None:
    file.write_text(f"# keys\n{line}\n")
    with pytest.raises(InputError, match="line 2 is not a key"):
        Keys(file)


def test_a_file_that_is_not_there_stops_the_start(file: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Keys(file)


def test_the_command_shows_a_key_once_and_keeps_its_sum(file: Path) -> None:
    run = CliRunner()
    made = run.invoke(commands, ["keys", "new", "alice", "--file", str(file)])
    key = made.stdout.strip()
    assert made.exit_code == 0
    assert len(key) >= 43
    assert key not in file.read_text()
    assert Keys(file).name({b"x-api-key": key.encode()}) == "alice"
    second = run.invoke(commands, ["keys", "new", "bob", "--file", str(file)])
    assert Keys(file).name({b"x-api-key": second.stdout.strip().encode()}) == "bob"
    assert Keys(file).name({b"x-api-key": key.encode()}) == "alice"
    again = run.invoke(commands, ["keys", "new", "alice", "--file", str(file)])
    assert isinstance(again.exception, InputError)
    assert "there is a key named alice" in str(again.exception)


@pytest.mark.parametrize("name", ["", "two words", "a\nb", "x" * 65])
def test_a_name_that_would_break_the_file_is_refused(file: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a key"):
        access.add_key(file, name)
    assert not file.exists()


def test_without_a_file_the_command_says_where_to_set_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLE_SERVICE__KEYS_FILE", "")
    ended = CliRunner().invoke(commands, ["keys", "new", "alice"])
    assert isinstance(ended.exception, InputError)
    assert "config.toml" in str(ended.exception)


def test_no_key_is_in_what_the_service_says(built_registry: Path, tmp_path: Path) -> None:
    known, guessed = access.add_key(tmp_path / "keys.txt", "alice"), "guessed-0123456789"
    with configured(built_registry, tmp_path, keys_file=tmp_path / "keys.txt", rate=1, burst=3) as (_, address):
        answers = [
            httpx.request(method, f"{address}{path}", json={**ROW, "hour": "x"}, headers=headers)
            for headers in ({"x-api-key": known}, {"authorization": f"Bearer {guessed}"})
            for method, path in (("POST", "/v1/predict"), ("GET", "/v1/predict"), ("POST", "/v2/models/small/infer"))
            for _ in range(2)
        ]
        metrics = httpx.get(f"{address}/metrics").text
    statuses = {answer.status_code for answer in answers}
    assert {401, 422, 405, 429} <= statuses
    told = "".join([metrics, (tmp_path / "said").read_text(), *(answer.text for answer in answers)])
    assert "request not answered well" in told
    for secret in (known, guessed, hashlib.sha256(known.encode()).hexdigest()):
        assert secret not in told


@pytest.mark.parametrize(("host", "keyed", "warned"), [("127.0.0.1", 0, 0), ("0.0.0.0", 0, 1), ("0.0.0.0", 1, 0)])  # noqa: S104
def test_it_says_so_when_anyone_may_ask_from_elsewhere(
    built_registry: Path, tmp_path: Path, host: str, *, keyed: bool, warned: bool
) -> None:
    access.add_key(tmp_path / "keys.txt", "alice")
    file = tmp_path / "keys.txt" if keyed else ""
    with configured(built_registry, tmp_path, host=host, keys_file=file) as (_, address):
        assert address
    assert ("anyone who reaches this address" in (tmp_path / "said").read_text()) is bool(warned)
