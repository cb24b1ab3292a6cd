"""Who may ask, and how often: API keys by their sums, a token bucket for each client, and what is refused."""

import hashlib
import hmac
import ipaddress
import logging
import math
import re
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.types import Scope

from ..base.errors import InputError
from ..base.files import write_atomic

CLIENTS = 10_000  # buckets in memory; the client that was silent longest is forgotten first
LINE = re.compile(r"([0-9a-f]{64})\s+([A-Za-z0-9._-]{1,64})")
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEAD = "# SHA-256 sum and name of each API key; remove a line to shut its key out.\n"
MAKE = "the command `keys new NAME` makes a key"
# Whoever watches the service has no key: probes of an orchestrator cannot send one, Prometheus asks from inside. What
# these paths tell are counts, never a row; keep them from the outside with the proxy in front.
OPEN_PATHS = {"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"}
LOG = logging.getLogger(__package__)


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
        # Taken out and put back at the end, so that the first one is always who was silent longest.
        tokens, at = self._buckets.pop(client, (float(self.burst), now))
        tokens = min(self.burst, tokens + (now - at) * self.rate)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return 0 if allowed else (1 - tokens) / self.rate


class Keys:
    """Who may ask. Raises InputError when the file cannot be used at the start."""

    def __init__(self, path: Path) -> None:
        self._path, self._stamp = path, _stamp(path)
        self._entries = read_keys(path)

    def name(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The name of the key that a request carries; None for a key that is not known and for none at all."""
        self._read_when_changed()
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        key = token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        key_sum = hashlib.sha256(key).hexdigest()
        # Every entry is compared in full, so that the time does not tell which one is nearly right.
        names = [name for known, name in self._entries if hmac.compare_digest(known, key_sum)]
        return names[0] if key and names else None

    def _read_when_changed(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._entries = read_keys(self._path)
        except InputError as error:
            # A broken file must neither open the service nor shut out everybody: the keys read before stay.
            LOG.error("the keys cannot be read again; those read before stay", extra={"reason": str(error)})  # noqa: TRY400
        else:
            LOG.info("the keys were read again", extra={"keys": len(self._entries)})


class AccessControl:
    """Checks keys and rates of all paths but those that are open."""

    def __init__(self, keys: Keys | None, rates: Rates | None) -> None:
        self.keys, self.rates = keys, rates

    def admit(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Let a request in. Raises RefusedError: 401 without a key that is known, 429 when it is one too many."""
        if scope["path"] in OPEN_PATHS:
            return
        client = scope.get("client")
        asking = f"address {client_group(client[0])}" if client else "address"
        if self.keys:
            name = self.keys.name(headers)
            if name is None:
                reason = "no known API key; send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`"
                raise RefusedError(401, reason, headers={"www-authenticate": 'Bearer realm="predictions"'})
            asking = f"key {name}"
        wait = self.rates.wait(asking) if self.rates else 0
        if wait:
            reason = f"more than {self.rates.rate:g} requests a second; try again later" if self.rates else ""
            raise RefusedError(429, reason, after=wait)


def access_control(keys_file: Path | None, rate: float, burst: int) -> AccessControl | None:
    """The checks that the settings ask for; None when anyone may ask as often as they like."""
    if keys_file is None and not rate:
        return None
    return AccessControl(Keys(keys_file) if keys_file else None, Rates(rate, burst) if rate else None)


def warn_if_open(listener: socket.socket, keys_file: Path | None) -> None:
    """Say so when others than this machine reach a service that asks for no key."""
    host = listener.getsockname()[0]
    if keys_file is None and not ipaddress.ip_address(host).is_loopback:
        hint = "make a key with the command `keys new NAME` and set [service] keys_file"
        LOG.warning("anyone who reaches this address may ask for predictions", extra={"host": host, "hint": hint})


def client_group(address: str) -> str:
    """The addresses that count as one client: in IPv6, a client has a whole /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return address if parsed.version == 4 else str(ipaddress.IPv6Network((int(parsed), 64), strict=False))


def read_keys(path: Path) -> list[tuple[str, str]]:
    """The sums and names of a file. Raises InputError for a missing one and for a line that is no key."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = (error.strerror if isinstance(error, OSError) else "") or "is not a text in UTF-8"
        raise InputError(f"the keys cannot be read: {what}", where=path, hint=MAKE) from error
    entries = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if not match:
            hint = f"each line holds a sum of 64 hexadecimal digits and a name; {MAKE}"
            raise InputError(f"line {number} is not a key", where=path, hint=hint)
        entries.append((match[1], match[2]))
    return entries


def add_key(path: Path, name: str) -> str:
    """A new key; its sum and `name` are appended to the file. Raises InputError for a name that cannot be used."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a key", where="NAME", hint="letters, digits, dot, dash, underscore")
    entries = read_keys(path) if path.exists() else []
    if name in [known for _, known in entries]:
        hint = "choose another name, or remove that line first"
        raise InputError(f"there is a key named {name}", where=path, hint=hint)
    # 256 bits of chance cannot be guessed, so the file needs no slow sums and no salt, and a request no time for them.
    key = secrets.token_urlsafe(32)
    before = path.read_text(encoding="utf-8") if path.exists() else HEAD
    line = f"{hashlib.sha256(key.encode()).hexdigest()} {name}\n"
    write_atomic(path, f"{before.rstrip()}\n{line}")
    return key


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
