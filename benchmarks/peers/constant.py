"""The limits: FastAPI that checks a row and answers a constant, and a bare ASGI application that answers a constant."""

import json
import os
from typing import Any

from fastapi import FastAPI
from pydantic import create_model
from starlette.types import Receive, Scope, Send

TYPES: dict[str, type] = {"str": str, "int": int, "float": float}
Row = create_model(
    "Row", **{name: (TYPES[kind] | None, ...) for name, kind in json.loads(os.environ["FIELDS"]).items()}
)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"20")]
app = FastAPI()


@app.post("/v1/predict")
async def predict(row: Row) -> dict[str, Any]:  # type: ignore[valid-type]
    """A constant."""
    del row
    return {"probability": 0.25, "decision": False, "key": None, "model": "m", "version": "1", "request_id": "0" * 16}


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """A constant, without looking at the request."""
    if scope["type"] != "http":
        return
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b'{"probability":0.25}'})
