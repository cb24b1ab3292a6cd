"""Read the body of a request: of the right kind, of a bounded size, and from a bounded number of clients at a time."""

import re

from starlette.types import Receive

from .refusal import DisconnectedError, RefusedError

JSON = re.compile(rb"application/([\w.-]+\+)?json\s*(;.*)?", re.IGNORECASE)
TENSORS = re.compile(rb"application/(([\w.-]+\+)?json|octet-stream)\s*(;.*)?", re.IGNORECASE)
Headers = dict[bytes, bytes]


class BodyReader:
    """Reads bodies of at most `largest` bytes, of at most `clients` at a time: what waits in memory is bounded."""

    def __init__(self, largest: int, clients: int) -> None:
        self.largest, self.clients = largest, clients
        self._open = 0

    async def read(self, receive: Receive, headers: Headers, kinds: re.Pattern[bytes] = JSON) -> bytes:
        """The whole body. Raises RefusedError, and DisconnectedError when it does not come."""
        kind = headers.get(b"content-type")
        if kind is not None and kind != b"application/json" and not kinds.fullmatch(kind):
            raise RefusedError(415, f"the content type is {_text(kind)}; send application/json")
        if b"content-encoding" in headers and headers[b"content-encoding"] != b"identity":
            raise RefusedError(415, "the body is compressed; send it without a content-encoding")
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit():
            raise RefusedError(400, "the content length is not a whole number")
        # Python refuses to read thousands of digits; no limit has twenty.
        if len(announced) > 19 or int(announced) > self.largest:
            raise self._too_large()
        if self._open >= self.clients:
            raise RefusedError(503, f"{self.clients} requests are being read; try again", after=1)
        self._open += 1
        parts, size, more = [], 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise DisconnectedError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > self.largest:
                    raise self._too_large()
                more = message.get("more_body", False)
        finally:
            self._open -= 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> RefusedError:
        return RefusedError(413, f"the body is larger than {self.largest:,} bytes; send fewer rows in a request")


def _text(value: bytes) -> str:
    return value[:60].decode("ascii", "backslashreplace")
