"""A long result in finished parts, kept in a folder beside its place, so that a killed run goes on where it was.

A part is done when its note is there: the note is written last and holds the sums of the part's files. Parts are worth
something for the same input only, so the folder remembers what it was begun for.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa

from .errors import InputError
from .files import sha256, write_atomic, writing
from .lock import alone

STATE = "state.json"
OURS = (STATE, "[0-9]*.json", "[0-9]*.arrow", ".writing-*", "lock")
AGAIN = "free some space and run it again: it goes on after what is finished"
Note = dict[str, Any]


class Parts:
    """The finished parts of one result. `open_parts` is the way to them.

    `notes` holds what was noted for each of them; `anew` says why parts that were there could not be used, if so.
    """

    def __init__(self, folder: Path, identity: Mapping[str, object]) -> None:
        """Take over the parts in `folder` that are whole and were made for this `identity`; remove all others."""
        self.folder = folder
        self.anew = _difference(folder, identity)
        self.notes: list[Note] = []
        if (folder / STATE).is_file() and not self.anew:
            self.notes = list(self._whole())
            return
        clear(folder, keep_lock=True)
        write_atomic(folder / STATE, json.dumps(identity))

    def add(self, tables: Mapping[str, pa.Table], note: Note) -> None:
        """Finish the next part: a file for each table that has rows, then the note, which is kept as JSON."""
        number = len(self.notes)
        contents = {name: _arrow(table) for name, table in tables.items() if table.num_rows}
        noted = {**note, "sums": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}}
        try:
            for name, content in contents.items():
                write_atomic(self._file(number, name), content)
            write_atomic(self._note(number), json.dumps(noted))
        except InputError as error:
            raise InputError(error.what, where=error.where, hint=AGAIN) from error
        self.notes.append(noted)

    def tables(self, name: str) -> Iterator[pa.Table]:
        """The tables of that name, part by part."""
        for number, note in enumerate(self.notes):
            if name in note["sums"]:
                with pa.OSFile(str(self._file(number, name))) as file:
                    yield pa.ipc.open_file(file).read_all()

    def _whole(self) -> Iterator[Note]:
        for number in count():
            try:
                note = json.loads(self._note(number).read_text(encoding="utf-8"))
                found = {name: sha256(self._file(number, name)) for name in note["sums"]}
            except (OSError, ValueError, TypeError, KeyError):
                return
            if found != note["sums"]:
                return
            yield note

    def _note(self, number: int) -> Path:
        return self.folder / f"{number:06}.json"

    def _file(self, number: int, name: str) -> Path:
        return self.folder / f"{number:06}.{name}.arrow"


@contextmanager
def open_parts(folder: Path, identity: Mapping[str, object]) -> Iterator[Parts]:
    """The parts in `folder`, which is made, and removed when all went well or no part was finished.

    `identity` is what the result depends on, as JSON: by name, what a person calls it. Raises InputError when another
    process is at work there or the folder cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / "lock"):
        done, parts = False, None
        try:
            parts = Parts(folder, identity)
            yield parts
            done = True
        finally:
            if done or not parts or not parts.notes:
                clear(folder)


def clear(folder: Path, *, keep_lock: bool = False) -> None:
    """Remove the parts in `folder` and, unless something else is in it, the folder."""
    for pattern in OURS[:-1] if keep_lock else OURS:
        # The state goes first: parts without one are worth nothing, whatever is left of them.
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _difference(folder: Path, identity: Mapping[str, object]) -> str:
    """What is not as it was when the parts were begun; empty if nothing, or if there are none."""
    try:
        begun = json.loads((folder / STATE).read_text(encoding="utf-8"))
        wanted = json.loads(json.dumps(identity))
        return ", ".join(name for name in wanted if begun.get(name) != wanted[name])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, AttributeError):
        return STATE


def _arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    # In one piece, so that what is made of it does not depend on the pieces in which it came.
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())
