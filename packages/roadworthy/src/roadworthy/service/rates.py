"""How often a client may ask: a token bucket for each key or address, in memory, for a bounded number of them."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

CLIENTS = 10_000  # buckets that are kept; the client that was silent longest is forgotten first


class Rates:
    """Buckets that hold at most `burst` tokens and gain `rate` a second; a request takes one."""

    def __init__(
        self, rate: float, burst: int, clients: int = CLIENTS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.burst = rate, burst
        self._clients, self._clock = clients, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Seconds until the client may ask; 0 when it may now, and then the request is counted."""
        now = self._clock()
        tokens, at = self._buckets.pop(client, (float(self.burst), now))
        tokens = min(self.burst, tokens + (now - at) * self.rate)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return 0 if allowed else (1 - tokens) / self.rate


def group(address: str) -> str:
    """Whom an address stands for: in IPv6, one client has a whole /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return address if found.version == 4 else str(ipaddress.IPv6Network((int(found), 64), strict=False))
