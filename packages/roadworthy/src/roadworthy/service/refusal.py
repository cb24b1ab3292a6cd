"""Why a request gets no answer before its rows are looked at."""

import math


class RefusedError(Exception):
    """A request that is refused with a status and a reason; `after` is when to try again, in seconds."""

    def __init__(self, status: int, reason: str, *, after: float = 0, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers or {}
        if after:
            self.headers["retry-after"] = str(math.ceil(after))


class DisconnectedError(Exception):
    """The client went away before its request was complete, or was cut off for being too slow."""
