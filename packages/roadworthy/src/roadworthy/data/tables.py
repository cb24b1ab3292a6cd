"""Read a Parquet or CSV file of any size in chunks, in constant memory; write a long result in finished parts.

Parts are kept in a folder beside their place, so that a killed run goes on where it was.
"""

import difflib
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..base.errors import InputError
from ..base.files import exclusive_lock, explain_write_errors, file_sha256, write_atomic

BLOCK = 1 << 20  # bytes of CSV that are parsed at a time; the parser reads up to 32 of them ahead
END = 1 << 20  # bytes at each end of a file that tell it from another
TEXTS = (pa.string(), pa.large_string())
SUFFIXES = (".parquet", ".csv")
STATE = "state.json"
# The state goes first: parts without one are worth nothing, whatever is left of them.
PART_FILES = (STATE, "[0-9]*.json", "[0-9]*.arrow", ".writing-*", "lock")
AGAIN = "free some space and run it again: it goes on after what is finished"
Note = dict[str, Any]


@dataclass(frozen=True)
class Chunk:
    """Some rows: their numbers in the file, from 1 and without the header, and the columns that were asked for.

    `rejected` are the lines among them with too few or too many values, by their number: they are no rows of `batch`.
    """

    numbers: NDArray[np.int64]
    batch: pa.RecordBatch
    rejected: dict[int, str]


@dataclass
class Source:
    """A file that can be read: the needed columns' types, the number of rows if the file says so.

    In a CSV file every value is a text. `expected` is the number of rows, or while a CSV file is read, about that many.
    The columns `coded` come as dictionaries from a Parquet file if they are texts: their values need not be told apart
    again. `identity` tells this content of the file from another one. `in_file`: what the file calls the columns.
    """

    path: Path
    schema: pa.Schema
    identity: list[object]
    rows: int | None = None
    expected: int | None = None
    coded: frozenset[str] = frozenset()
    in_file: tuple[str, ...] = ()
    _rejected: dict[int, str] = field(default_factory=dict)

    def chunks(self, rows: int, after: int = 0) -> Iterator[Chunk]:
        """The rows of the file in order, those after number `after`, at most `rows` of them at a time.

        A chunk ends where its last number is a multiple of `rows`, or before; so must `after` be one. Then the same
        rows are together wherever the reading begins. InputError when the file is damaged.
        """
        parquet = self.path.suffix == ".parquet"
        done = after if parquet else 0
        with explain_arrow_errors(self.path):
            for batch, share in _parquet(self, rows, after) if parquet else _csv(self):
                if batch.num_rows:
                    numbers = self._numbers(done, batch.num_rows)
                    done = int(numbers[-1])
                    self.expected = self.rows or round(done / share)
                    before = sorted(number for number in self._rejected if number < done)
                    rejected = {number: self._rejected.pop(number) for number in before}
                    named = batch.rename_columns(self.schema.names)
                    yield from _cut(numbers, named, rejected, rows, after)
        if not done and not self._rejected:
            raise _empty(self.path, "has no rows")
        self.expected = max([done, *self._rejected])
        rest = pa.RecordBatch.from_pylist([], schema=self.schema)
        yield from _cut(np.array([], np.int64), rest, self._rejected, rows, after)

    def is_unchanged(self) -> bool:
        """Whether the file is still what it was when it was opened."""
        return _identity(self.path) == self.identity

    def reject(self, line: pc.InvalidRow) -> str:
        """Leave out a line of a CSV file that has not the values of the header; called by the parser."""
        values = f"has {line.actual_columns} values, the header has {line.expected_columns}"
        # The parser counts the header as line 1.
        self._rejected[(line.number or 1) - 1] = f"line {values}: {line.text[:100]}"
        return "skip"

    def _numbers(self, done: int, count: int) -> NDArray[np.int64]:
        # Rejected lines have a number as well, so the others go around them.
        candidates = np.arange(done + 1, done + 1 + count + len(self._rejected), dtype=np.int64)
        return candidates[~np.isin(candidates, list(self._rejected))][:count]


def open_source(
    path: Path, needed: Iterable[str], coded: Iterable[str] = (), spelled: Mapping[str, str] | None = None
) -> Source:
    """A file with at least the columns `needed`; others are ignored. See Source for `coded`.

    `spelled` are other names under which a file may have columns, each with the name that is needed.

    Raises InputError for a file that is missing, empty, of another kind or damaged, and for missing or doubled columns;
    it guesses which column was renamed.
    """
    path = Path(path)
    check_suffix(path)
    if not path.is_file():
        raise InputError("no such file", where=path, hint="check the name; a CSV or Parquet file is expected")
    if not path.stat().st_size:
        raise _empty(path, "is empty")
    wanted, parquet = list(needed), path.suffix == ".parquet"
    with explain_arrow_errors(path):
        if parquet:
            with pq.ParquetFile(path) as file:
                columns, rows = file.schema_arrow, file.metadata.num_rows
        else:
            with pc.open_csv(path, parse_options=_parsing(Source(path, pa.schema([]), []))) as file:
                columns, rows = file.schema, None
    other = {name: spelling for spelling, name in (spelled or {}).items()}
    there = [other[name] if name not in columns.names and other.get(name) in columns.names else name for name in wanted]
    _check_columns(path, columns.names, there)
    if rows == 0:
        raise _empty(path, "has no rows")
    types = [columns.field(name).type if parquet else pa.string() for name in there]
    schema = pa.schema(list(zip(wanted, types, strict=True)))
    return Source(path, schema, _identity(path), rows, expected=rows, coded=frozenset(coded), in_file=tuple(there))


def parquet_names(path: Path) -> list[str]:
    """The columns of a Parquet file; InputError when it cannot be read."""
    with explain_arrow_errors(path):
        return list(pq.read_schema(path).names)


@contextmanager
def explain_arrow_errors(
    where: str | Path, what: str = "cannot be read", hint: str = "write it again or restore it"
) -> Iterator[None]:
    """Turn what Arrow raises about a file into an InputError with the first line of it."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        first = (str(error).splitlines() or ["damaged"])[0]
        raise InputError(f"{what}: {first}", where=where, hint=hint) from error


def check_suffix(path: Path) -> None:
    """Raise InputError unless the name ends in .parquet or .csv."""
    if path.suffix not in SUFFIXES:
        what = f"has the unknown suffix {path.suffix!r}" if path.suffix else "has no suffix"
        raise InputError(what, where=path, hint=f"give a file that ends in {' or '.join(SUFFIXES)}")


def _identity(path: Path) -> list[object]:
    """Size, time and the sum of both ends: a file of any size is told from another one at once."""
    status = path.stat()
    with path.open("rb") as file:
        ends = file.read(END)
        # Parquet says what is in it at the end.
        file.seek(max(0, status.st_size - END))
        ends += file.read(END)
    return [status.st_size, status.st_mtime_ns, hashlib.sha256(ends).hexdigest()]


def _check_columns(path: Path, names: list[str], needed: list[str]) -> None:
    if doubled := [name for name in needed if names.count(name) > 1]:
        raise InputError(f"has the column {doubled[0]!r} more than once", where=path, hint="keep one of them")
    missing = [name for name in needed if name not in names]
    if not missing:
        return
    extra = [name for name in names if name not in needed]
    near = {name: difflib.get_close_matches(name, extra, n=1, cutoff=0.5) for name in missing}
    guesses = [f"{matches[0]!r} may be {name!r} renamed" for name, matches in near.items() if matches]
    if len(names) == 1:
        guesses = ["it has a single column; values are separated by commas"]
    hint = "; ".join([*guesses, f"needed: {', '.join(needed)}"])
    raise InputError(f"columns are missing: {', '.join(missing)}", where=path, hint=hint)


def _cut(
    numbers: NDArray[np.int64], batch: pa.RecordBatch, rejected: dict[int, str], rows: int, after: int
) -> Iterator[Chunk]:
    present = np.concatenate([numbers, np.array(list(rejected), np.int64)])
    for index in np.unique((present - 1) // rows).tolist():
        low, high = index * rows, (index + 1) * rows
        if low >= after:
            first, end = np.searchsorted(numbers, [low, high], side="right").tolist()
            lines = {number: why for number, why in rejected.items() if low < number <= high}
            yield Chunk(numbers[first:end], batch.slice(first, end - first), lines)


def _parquet(source: Source, rows: int, after: int) -> Iterator[tuple[pa.RecordBatch, float]]:
    named = zip(source.in_file, source.schema, strict=True)
    texts = [name for name, each in named if each.name in source.coded and each.type in TEXTS]
    # Buffering ahead would hold whole row groups of all columns, and the memory would grow with them.
    with pq.ParquetFile(source.path, pre_buffer=False, read_dictionary=texts) as file:
        groups = range(file.metadata.num_row_groups)
        ends = np.cumsum([file.metadata.row_group(group).num_rows for group in groups])
        first = int(np.searchsorted(ends, after, side="right"))
        skip = after - (int(ends[first - 1]) if first else 0)
        for batch in file.iter_batches(batch_size=rows, row_groups=list(groups[first:]), columns=list(source.in_file)):
            yield batch.slice(min(skip, batch.num_rows)).select(list(source.in_file)), 1.0
            skip = max(0, skip - batch.num_rows)


def _csv(source: Source) -> Iterator[tuple[pa.RecordBatch, float]]:
    """The rows of a CSV file, all of them, and which share of the file has been read by then."""
    names = list(source.in_file)
    # An empty field is a missing value, an empty text in quotes is a text.
    convert = pc.ConvertOptions(
        include_columns=names,
        column_types=pa.schema(list(zip(names, source.schema.types, strict=True))),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    # With threads, rejected lines have no number.
    read = pc.ReadOptions(use_threads=False, block_size=BLOCK)
    size = source.path.stat().st_size
    with (
        pa.OSFile(str(source.path)) as raw,
        pc.open_csv(raw, read_options=read, parse_options=_parsing(source), convert_options=convert) as file,
    ):
        for batch in file:
            yield batch, (size if raw.closed else raw.tell()) / size


def _parsing(source: Source) -> pc.ParseOptions:
    # A value in quotes may hold a line break: without this, a block of the file may end inside of it.
    return pc.ParseOptions(newlines_in_values=True, invalid_row_handler=source.reject)


def _empty(path: Path, what: str) -> InputError:
    return InputError(what, where=path, hint="check how it was written")


class ResumableOutput:
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
        clear_parts(folder, keep_lock=True)
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
                whole = all(file_sha256(self._file(number, name)) == total for name, total in note["sums"].items())
            except (OSError, ValueError, TypeError, KeyError, AttributeError):
                return
            if not whole:
                return
            yield note

    def _note(self, number: int) -> Path:
        return self.folder / f"{number:06}.json"

    def _file(self, number: int, name: str) -> Path:
        return self.folder / f"{number:06}.{name}.arrow"


@contextmanager
def open_resumable(folder: Path, identity: Mapping[str, object]) -> Iterator[ResumableOutput]:
    """The parts in `folder`, which is made, and removed when all went well or no part was finished.

    `identity` is what the result depends on, as JSON: by name, what a person calls it. Raises InputError when another
    process is at work there or the folder cannot be written.
    """
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(folder / "lock"):
        done, parts = False, None
        try:
            parts = ResumableOutput(folder, identity)
            yield parts
            done = True
        finally:
            if done or not parts or not parts.notes:
                clear_parts(folder)


def clear_parts(folder: Path, *, keep_lock: bool = False) -> None:
    """Remove the parts in `folder` and, unless something else is in it, the folder."""
    for pattern in PART_FILES[:-1] if keep_lock else PART_FILES:
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
