"""Who may come in, and how often."""

import ipaddress
import logging
import socket
from collections.abc import Mapping
from pathlib import Path

from starlette.types import Scope

from .keys import Keys
from .rates import Rates, group
from .refusal import RefusedError

# Whoever watches the service has no key: probes of an orchestrator cannot send one, Prometheus asks from inside. What
# these paths tell are counts, never a row; keep them from the outside with the proxy in front.
OPEN = {"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"}
LOG = logging.getLogger(__package__)


class Door:
    """Checks keys and rates of all paths but those that are open."""

    def __init__(self, keys: Keys | None, rates: Rates | None) -> None:
        self.keys, self.rates = keys, rates

    def admit(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Let a request in. Raises RefusedError: 401 without a key that is known, 429 when it is one too many."""
        if scope["path"] in OPEN:
            return
        client = scope.get("client")
        who = f"address {group(client[0])}" if client else "address"
        if self.keys:
            name = self.keys.name(headers)
            if name is None:
                reason = "no known API key; send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`"
                raise RefusedError(401, reason, headers={"www-authenticate": 'Bearer realm="predictions"'})
            who = f"key {name}"
        wait = self.rates.wait(who) if self.rates else 0
        if wait:
            reason = f"more than {self.rates.rate:g} requests a second; try again later" if self.rates else ""
            raise RefusedError(429, reason, after=wait)


def warn_if_open(listener: socket.socket, keys_file: Path | None) -> None:
    """Say so when others than this machine reach a service that asks for no key."""
    host = listener.getsockname()[0]
    if keys_file is None and not ipaddress.ip_address(host).is_loopback:
        hint = "make a key with the command `keys new NAME` and set [service] keys_file"
        LOG.warning("anyone who reaches this address may ask for predictions", extra={"host": host, "hint": hint})


def door(keys_file: Path | None, rate: float, burst: int) -> Door | None:
    """The door that the settings ask for; None when anyone may ask as often as they like."""
    if keys_file is None and not rate:
        return None
    return Door(Keys(keys_file) if keys_file else None, Rates(rate, burst) if rate else None)
