"""What the service writes to its own log about a request: nothing that the client sent in confidence."""

import hashlib
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any

from fastapi import FastAPI

from ..service import logs
from ..service.app import create_app
from ..service.front import PREDICT
from ..settings import Service
from . import loops
from .bench import Bench, NotJudgedError

KEY = "planted-key-5D0E81B7"
WRONG_KEY = "planted-key-2C94AA06"
VALUE = "planted-value-E6137F20"


def confided(bench: Bench) -> tuple[str, ...]:
    """What stands in the log of the service after requests with a key and a private value, answered and refused."""
    text = said(_service(bench), _requests(bench))
    what = {"an API key": (KEY, WRONG_KEY), "a value of a request": (VALUE,)}
    return tuple(name for name, values in what.items() if any(value in text for value in values))


def said(app: FastAPI, requests: list[tuple[str, bytes]]) -> str:
    """All that is logged or printed while the service answers requests, each with its key; the log as it is written."""
    stream = io.StringIO()
    with _captured(stream), redirect_stdout(stream), redirect_stderr(stream):
        loops.run(_ask(app, requests))
    return stream.getvalue()


def _service(bench: Bench) -> FastAPI:
    keys = bench.scratch / "keys"
    keys.write_text(f"{hashlib.sha256(KEY.encode()).hexdigest()} planted\n", encoding="utf-8")
    bundle = bench.bundle
    try:
        return create_app(bundle, limits=Service(keys_file=keys))
    except Exception as error:
        told = f"the service does not start, see Infrastructure 3: {error}"
        raise NotJudgedError(told) from error


def _requests(bench: Bench) -> list[tuple[str, bytes]]:
    """One that is answered, one with a field and a type that are refused, one with a key that nobody has."""
    signature = bench.bundle.signature
    row = {**bench.bundle.golden[0]["features"], signature.key: VALUE}
    wrong = {**row, "planted": VALUE, signature.names[0]: [VALUE]}
    return [(key, json.dumps(sent).encode()) for key, sent in ((KEY, row), (KEY, wrong), (WRONG_KEY, row))]


@contextmanager
def _captured(stream: io.StringIO) -> Iterator[None]:
    """Let all loggers of this process write to the stream, as those of the service do, and nowhere else.

    Nowhere else: what another handler complains of, such as an output that is closed, is not said by the service.
    """
    handler, root, own = logging.StreamHandler(stream), logging.getLogger(), logging.getLogger(logs.__package__)
    handler.setFormatter(logs.JsonLines())
    handlers, level = root.handlers, own.level
    root.handlers = [handler]
    own.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.handlers = handlers
        own.setLevel(level)


async def _ask(app: FastAPI, requests: list[tuple[str, bytes]]) -> None:
    for key, content in requests:
        headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {key}".encode())]
        headers += [(b"x-api-key", key.encode()), (b"content-length", str(len(content)).encode())]
        scope = {"type": "http", "method": "POST", "path": PREDICT, "raw_path": PREDICT.encode(), "query_string": b""}
        scope |= {"headers": headers, "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1)}
        with suppress(Exception):  # what the service fails at is for others to judge; what it says then counts
            await app(scope, _body(content), _unread)


def _body(content: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    return receive


async def _unread(message: Any) -> None:
    del message
