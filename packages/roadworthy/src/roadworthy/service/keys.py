"""API keys: a file holds the SHA-256 sum and the name of each, never the key itself.

A key is 32 random bytes, so that a plain sum cannot be guessed back. The file is read again when it changes: a line
that is removed shuts its key out with the next request.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from ..files import write_atomic

LINE = re.compile(r"([0-9a-f]{64})\s+([A-Za-z0-9._-]{1,64})")
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEAD = "# SHA-256 sum and name of each API key; remove a line to shut its key out.\n"
MAKE = "the command `keys new NAME` makes a key"
LOG = logging.getLogger(__package__)
Stamp = tuple[int, int, int]


class Keys:
    """Who may ask. Raises InputError when the file cannot be used at the start."""

    def __init__(self, path: Path) -> None:
        self._path, self._stamp = path, _stamp(path)
        self._entries = read(path)

    def name(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The name of the key that a request carries; None for a key that is not known and for none at all."""
        self._follow()
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        given = token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        total = hashlib.sha256(given).hexdigest()
        # Every entry is compared in full, so that the time does not tell which one is nearly right.
        found = [name for known, name in self._entries if hmac.compare_digest(known, total)]
        return found[0] if given and found else None

    def _follow(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._entries = read(self._path)
        except InputError as error:
            # A broken file must neither open the service nor shut out everybody: the keys read before stay.
            LOG.error("the keys cannot be read again; those read before stay", extra={"reason": str(error)})  # noqa: TRY400
        else:
            LOG.info("the keys were read again", extra={"keys": len(self._entries)})


def read(path: Path) -> list[tuple[str, str]]:
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


def add(path: Path, name: str) -> str:
    """A new key; its sum and `name` are appended to the file. Raises InputError for a name that cannot be used."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a key", where="NAME", hint="letters, digits, dot, dash, underscore")
    entries = read(path) if path.exists() else []
    if name in [known for _, known in entries]:
        hint = "choose another name, or remove that line first"
        raise InputError(f"there is a key named {name}", where=path, hint=hint)
    key = secrets.token_urlsafe(32)
    before = path.read_text(encoding="utf-8") if path.exists() else HEAD
    line = f"{hashlib.sha256(key.encode()).hexdigest()} {name}\n"
    write_atomic(path, f"{before.rstrip()}\n{line}")
    return key


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
