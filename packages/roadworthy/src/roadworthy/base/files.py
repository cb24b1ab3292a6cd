"""Write files and folders so that a killed process leaves the last good state; locks for one process at a time."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import InputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def file_sha256(path: Path) -> str:
    """The SHA-256 sum of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, content: str | bytes) -> Path:
    """Write a file beside its place, sync it and rename it: a reader sees the old content or the new.

    Raises InputError when the folder cannot be written or the disk is full; the old file is kept.
    """
    data = content.encode() if isinstance(content, str) else content
    with (
        # A folder and not a temporary file: that is readable by its owner only, and the service runs as another user.
        # Beside its place, because a file is renamed as a whole inside of one file system only.
        explain_write_errors(path),
        tempfile.TemporaryDirectory(dir=_folder(path.parent), prefix=".writing-") as scratch,
    ):
        beside = Path(scratch) / path.name
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            # Without it, a machine that loses power may have the new name and nothing behind it.
            os.fsync(file.fileno())
        beside.replace(path)
    return path


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent` to fill; rename it to its place when it is complete. What is left of it is removed.

    Raises InputError when the place cannot be written.
    """
    with explain_write_errors(parent):
        scratch = Path(tempfile.mkdtemp(dir=_folder(parent), prefix=".writing-"))
        # mkdtemp lets its owner in alone: a version made by root would be closed to the service.
        scratch.chmod(0o755)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock that the file `path` stands for, alone among all processes; it ends with a process that is killed.

    Waits while another process holds it. Raises InputError when the place cannot be written.
    """
    with explain_write_errors(path):
        # The file is never removed: whoever waits for it holds a lock on that very file, and the next one would make
        # another.
        file = (_folder(path.parent) / path.name).open("ab")
    with file:
        _lock(file, wait=True)
        yield  # closing the file releases it


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock on the file `path`, which is made; InputError when another process holds it."""
    with explain_write_errors(path):
        file = path.open("ab")
    with file:
        try:
            _lock(file, wait=False)
            # Whoever held it before may have removed it in between: then it is a lock on nothing.
            held = os.path.samestat(os.fstat(file.fileno()), path.stat())
        except OSError:
            held = False
        if not held:
            hint = "wait until it has ended, or give another name"
            raise InputError("another process is at work on it", where=path.parent, hint=hint)
        yield
    if sys.platform == "win32":  # nobody can remove an open file there, so its holder could not
        with suppress(OSError):
            path.unlink()
            path.parent.rmdir()


def _lock(file: IO[bytes], *, wait: bool) -> None:
    if sys.platform == "win32":
        # Windows locks bytes from where the file stands, and one that is appended to stands at its end.
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn an operating system's refusal to write `path` into an error that says what to do."""
    try:
        yield
    except OSError as error:
        hint = "free some space or choose another folder; what was there before is unchanged"
        raise InputError(f"cannot be written: {error.strerror or error}", where=path, hint=hint) from error


@contextmanager
def explain_read_errors(path: Path, hint: str, what: str = "cannot be read") -> Iterator[None]:
    """Turn what is raised while `path` is read and taken apart (JSON of another shape) into an InputError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{what}: {error}", where=path, hint=hint) from error


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
