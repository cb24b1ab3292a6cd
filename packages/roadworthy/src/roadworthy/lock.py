"""One process at a time: a lock on a file, which ends with the process, however that ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import InputError
from .files import writing

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _leave(path: Path) -> None:
        # Nobody can remove an open file there, so its holder could not.
        with suppress(OSError):
            path.unlink()
            path.parent.rmdir()
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _leave(path: Path) -> None:
        del path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock on the file `path`, which is made; InputError when another process holds it."""
    with writing(path):
        file = path.open("ab")
    with file:
        try:
            _lock(file)
            # Whoever held it before may have removed it in between: then it is a lock on nothing.
            held = os.path.samestat(os.fstat(file.fileno()), path.stat())
        except OSError:
            held = False
        if not held:
            hint = "wait until it has ended, or give another name"
            raise InputError("another process is at work on it", where=path.parent, hint=hint)
        yield
    _leave(path)
