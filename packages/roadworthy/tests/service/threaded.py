"""An application behind a real socket in a thread of the test, so that the test can look into it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx
import uvicorn
from fastapi import FastAPI

# anyio imports what opens files when it is first needed. In the thread of the service, beside a pytest that rewrites
# asserts, CPython 3.11 gets lost in that (python/cpython#106905).
_ = anyio.open_file


@contextmanager
def served(app: FastAPI, **options: Any) -> Iterator[httpx.Client]:
    """A client of the application, from after its start until before its stop; `options` are uvicorn's."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
