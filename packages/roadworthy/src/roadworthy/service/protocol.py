"""Uvicorn's HTTP protocol with limits that it does not have: the size of a head, the time until a request is complete.

A slow client costs a timer and nothing else; it never keeps others waiting.
"""

import asyncio
import json
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 1 << 16  # bytes of the request line and all headers
LINGER = 1  # seconds in which a client that still sends can read why it is refused
LOG = logging.getLogger(__package__)


class PatientProtocol(HttpToolsProtocol):
    """One connection: cut off when a request takes longer than `patience` seconds to come, or its answer to go."""

    def __init__(self, *args: Any, patience: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience = patience
        self._since: float | None = None  # when the request that is not complete began to come
        self._stuck: float | None = None  # since when the client does not read
        self._head: int | None = None  # bytes of the head so far
        self._asked = self._refused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._since = self.loop.time()
        # One timer for the life of a connection; a timer for each request would cost more.
        self._timer = self.loop.call_later(self._patience, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse a head that does not end."""
        if self._refused:
            return
        self._asked = True
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > LARGEST_HEAD and not self._refused:
                self._refuse(431, f"the head of the request is larger than {LARGEST_HEAD:,} bytes")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._since, self._head = self.loop.time(), 0

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        super().on_headers_complete()
        self._head = None

    def on_message_complete(self) -> None:
        """All of it has come."""
        super().on_message_complete()
        self._since = None

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._stuck = self.loop.time()

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._stuck = None

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP at all is refused like everything else."""
        self._refuse(400, msg)

    def _look(self) -> None:
        now = self.loop.time()
        late = now - self._patience
        if self._stuck is not None and self._stuck <= late:
            LOG.warning("client cut off", extra={"reason": "it does not read its answer"})
            self.transport.abort()
        elif self._since is not None and self._since <= late:
            self._refuse(408, f"the request was not complete within {self._patience:g} seconds")
        else:
            since = min((at for at in (self._since, self._stuck) if at is not None), default=now)
            self._timer = self.loop.call_at(since + self._patience, self._look)

    def _refuse(self, status: int, reason: str) -> None:
        LOG.warning("client cut off", extra={"status": status, "reason": reason})
        if self._may_tell():
            content = json.dumps({"errors": [{"message": reason}], "count": 1, "request_id": ""}).encode()
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            head += f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
            self.transport.write(head.encode() + content)
        self._refused = True
        if self.cycle and not self.cycle.response_complete:
            # The application must not write behind the end.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        # Closed at once, with bytes unread, the connection would be reset and the reason lost.
        if not self.transport.is_closing():
            self.transport.write_eof()
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(LINGER, self.transport.close)

    def _may_tell(self) -> bool:
        # No second answer to one request, and none to a client that never asked.
        if self.cycle is None or not self.cycle.response_started:
            return self._asked
        return self.cycle.response_complete and (self._since is None or self._head is not None)
