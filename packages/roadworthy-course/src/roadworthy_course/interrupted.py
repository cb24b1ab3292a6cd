"""What a function does to the files of a folder, step by step, and what it leaves when it is killed at one of them.

The steps come from the audit events of the interpreter (PEP 578), so it does not matter how a file is written: `open`,
`Path.write_text`, `os.replace` or a function of the project.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS = {"open": 1, "os.rename": 2, "os.link": 2, "os.remove": 1, "os.truncate": 1}  # event: paths it begins with


class KilledError(BaseException):
    """Raised instead of the step at which the process is killed; no `except Exception` holds it up."""


@dataclass(frozen=True)
class Step:
    """One change of a file: the event ("open", "os.rename", "os.remove"), the file, and for a rename its old name."""

    event: str
    path: Path
    source: Path | None = None


@dataclass
class _Watch:
    folder: Path
    kill_at: int | None
    thread: int = field(default_factory=threading.get_ident)
    steps: list[Step] = field(default_factory=list)


_watching: list[_Watch] = []


def steps(action: Callable[[], object], folder: Path) -> list[Step]:
    """What `action` does to files of `folder`, in order; what it raises is raised."""
    with _watched(_Watch(folder.resolve(), None)) as watch:
        action()
    return watch.steps


def killed(action: Callable[[], object], folder: Path, step: int) -> None:
    """Do `action` and kill it just before the step of this number, from 0; nothing that it does later has an effect."""
    with _watched(_Watch(folder.resolve(), step)), suppress(KilledError):
        action()


@contextmanager
def _watched(watch: _Watch) -> Iterator[_Watch]:
    _listen()
    _watching.append(watch)
    try:
        yield watch
    finally:
        _watching.remove(watch)


@cache
def _listen() -> None:
    # Cannot be taken away again; while nothing is watched it returns at once.
    sys.addaudithook(lambda event, arguments: _heard(event, arguments) if _watching else None)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    watch = _watching[-1]
    if event not in PATHS or threading.get_ident() != watch.thread:
        return
    if event == "open" and not int(arguments[2] or 0) & WRITES:
        return
    names = arguments[: PATHS[event]]
    if any(not isinstance(name, str | bytes | os.PathLike) for name in names):
        return  # a file descriptor: its open was seen
    paths = [_absolute(Path(os.fsdecode(name))) for name in names]
    if watch.folder not in paths[-1].parents:
        return
    if watch.kill_at is not None and len(watch.steps) >= watch.kill_at:
        raise KilledError
    watch.steps.append(Step(event, paths[-1], paths[0] if len(paths) > 1 else None))


def _absolute(path: Path) -> Path:
    # The file itself may be a link that is replaced; only its folder is followed.
    return path.parent.resolve() / path.name
