"""Read a table as people deliver it, CSV, Parquet or JSON, packed or not, into DuckDB; say what is wrong with it.

A value of a text file is kept as it is spelled. What cannot be read for certain is refused, never guessed.
"""

import bz2
import gzip
import json
import lzma
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ..base.databases import explain_sql_errors
from ..base.errors import InputError
from .delimited import (
    QUOTES,
    Delimited,
    Rejected,
    Text,
    duckdb_path,
    identifier,
    literal,
    open_delimited,
    read_text,
    rejected_lines,
    require_end,
    shown,
    unique_names,
)

BLOCK = 1 << 20  # bytes that are unpacked at a time
LARGEST_JSON = 1 << 26  # bytes of a JSON array in which a mistake is looked for: it is in memory as a whole
REJECTS = "delivery_rejects_"  # the first part of the names of DuckDB's tables of rejected lines
EXPORT = "export it again as CSV, Parquet or JSON lines"
# More than the first letters, which may as well be those of a column's name.
PACKINGS = {
    "gzip": rb"\x1f\x8b",
    "bz2": rb"BZh[1-9]1AY&SY",
    "xz": rb"\xfd7zXZ\0",
    "zstd": rb"\x28\xb5\x2f\xfd",
    "zip": rb"PK\x03\x04",
}
PARQUET = re.compile(rb"PAR1[\0-\x08\x0e-\x1f]")
# What people send instead of a table.
OTHERS = {
    "a PDF": rb"%PDF-",
    "an SQLite database": rb"SQLite format 3\0",
    "an old spreadsheet or document": rb"\xd0\xcf\x11\xe0",
    "an image": rb"\x89PNG|\xff\xd8\xff|GIF8[79]a",
    "an HDF5 file": rb"\x89HDF",
    "a NumPy array": rb"\x93NUMPY",
    "an Arrow or Feather file": rb"ARROW1\0|FEA1\0",
    "an Avro file": rb"Obj\x01",
    "an SPSS file": rb"\$FL2@",
    "a Stata file": rb"<stata_dta>",
    "an archive": rb"PK\x05\x06|7z\xbc\xaf|Rar!\x1a|(?s:.{257})ustar",
    "a pickle, which can run code when it is read": rb"\x80[\x02-\x05]",
}
MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|table|\?xml|!--)", re.IGNORECASE)
JSON = re.compile(rb"""(\xef\xbb\xbf)?\s*(\{\s*["}]|\[\s*[\[{\]"\d-])""")
JSON_SUFFIXES = {".json", ".jsonl", ".ndjson"}
NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UBIGINT", "HUGEINT", "FLOAT", "DOUBLE"}
JSON_OPTIONS = "records=true, compression='none', hive_partitioning=false"
ALL_ROWS = "sample_size=-1, maximum_depth=-1, field_appearance_threshold=0, map_inference_threshold=-1"
OBJECTS = 'write each row as an object, such as {"name": "value"}'


@dataclass(frozen=True)
class Delivery:
    """What was read into `table`: `columns` as the files spell them, in order, and how many `rows`.

    form: a phrase for people. rejected: lines that were kept aside. notes: what a person should know, such as columns
    that had to be renamed.
    """

    table: str
    columns: tuple[str, ...]
    rows: int
    form: str
    rejected: tuple[Rejected, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One file: the SQL that reads its columns, by name, and their types; the text behind it if it is delimited."""

    file: Path
    kind: str
    form: str
    columns: dict[str, str]
    types: dict[str, str]
    source: str
    notes: tuple[str, ...] = ()
    delimited: Delimited | None = None


def read_delivery(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], table: str) -> Delivery:
    """Make the table `table` of the rows of the files, in their order; the columns are those of the first file.

    Columns of delimited text are VARCHAR and an empty value without quotes is NULL; nothing else is missing, nothing is
    trimmed. Those of Parquet and JSON keep their types; nested objects become columns "a.b", lists their JSON text, and
    what has several types is VARCHAR. At most 1% of the lines of a text may be rejected. Text that is packed or not
    UTF-8 needs room for a copy among the temporary files. Raises InputError, and leaves no table, for what cannot be
    read for certain.
    """
    if not files:
        raise InputError("no file is given", hint="name at least one CSV, Parquet or JSON file")
    with tempfile.TemporaryDirectory(prefix="delivery-") as folder, _remove_if_failed(connection, table):
        parts = [_open(connection, Path(file), Path(folder) / str(n)) for n, file in enumerate(files)]
        _require_alike(parts)
        rows, rejected = 0, list[Rejected]()
        for place, part in enumerate(parts):
            with _explain(part.file, Path(folder)):
                if place == 0:
                    connection.execute(f"create table {identifier(table)} as {_query(parts, parts)} with no data")
                count, kept_aside = _append(connection, table, part, parts)
                rows, rejected = rows + count, [*rejected, *kept_aside]
        with _explain(parts[0].file, Path(folder)):
            columns, notes = _without_trailing(connection, table, parts)
    forms = dict.fromkeys(part.form for part in parts)
    return Delivery(table, columns, rows, " and ".join(forms), tuple(rejected), notes)


@contextmanager
def _remove_if_failed(connection: duckdb.DuckDBPyConnection, table: str) -> Iterator[None]:
    with explain_sql_errors("cannot be used", table, "open the database again"):
        query = "select 1 from information_schema.tables where lower(table_name) = lower(?)"
        if connection.execute(query, [table]).fetchall():
            raise InputError("there is such a table already", where=table, hint="give another name")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):  # in a transaction that failed there is nothing to remove
            connection.execute(f"drop table if exists {identifier(table)}")
        raise
    finally:
        with suppress(duckdb.Error):
            query = "select table_name from duckdb_tables() where starts_with(table_name, ?)"
            for (name,) in connection.execute(query, [REJECTS]).fetchall():
                connection.execute(f"drop table {identifier(name)}")


@contextmanager
def _explain(file: Path, folder: Path) -> Iterator[None]:
    """Turn whatever a reader raises about a file into an InputError that names it, not its unpacked copy."""
    try:
        with explain_sql_errors("cannot be read", file, EXPORT):
            yield
    except InputError as error:
        what = re.sub(rf"{re.escape(str(folder))}[\w/.-]*", file.name, error.what).replace("\0", "")
        if "reached an invalid state" in what:
            what = "has a quote out of place, and lines that end in several ways"
            raise InputError(what, where=error.where, hint=QUOTES) from error
        raise InputError(what, where=error.where, hint=error.hint) from error
    except OSError as error:
        hint = "check the file, who may read it, and the room for temporary files"
        first = (error.strerror or str(error) or "damaged").splitlines()[0]
        raise InputError(f"cannot be read: {first}", where=file, hint=hint) from error
    except (EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException) as e:
        first = (str(e).splitlines() or ["damaged"])[0]
        raise InputError(f"cannot be read: {first}", where=file, hint="send it again: it is damaged") from e


def _open(connection: duckdb.DuckDBPyConnection, file: Path, folder: Path) -> Part:
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "no such file"
        raise InputError(what, where=file, hint="give the name of a CSV, Parquet or JSON file")
    with _explain(file, folder):
        folder.mkdir()
        path, packing = _unpacked(file, folder)
        head = _head(path)
        _refuse_others(file, head)
        suffixes = {suffix.lower() for suffix in file.suffixes}
        if PARQUET.match(head):
            part = _parquet(connection, file, path)
        elif JSON.match(head) or suffixes & JSON_SUFFIXES:
            part = _json(connection, file, read_text(file, path, folder))
        else:
            part = _delimited(file, read_text(file, path, folder), folder)
    form = f"{part.form}, {packing}" if packing else part.form
    return Part(**{**vars(part), "form": form})


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(1024)


def _unpacked(file: Path, folder: Path) -> tuple[Path, str]:
    """The file as it is, or an unpacked copy; and how it was packed."""
    packing = _packing(file)
    if not packing:
        return file, ""
    copy = folder / "unpacked"
    with _unpacking(file, packing) as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target, BLOCK)
    if _packing(copy):
        raise InputError("is packed twice", where=file, hint="unpack it once and give what comes out")
    return copy, packing


def _packing(path: Path) -> str:
    head = _head(path)
    return next((packing for packing, magic in PACKINGS.items() if re.match(magic, head)), "")


def _unpacking(path: Path, packing: str) -> Any:
    """A stream of what is packed."""
    if packing == "zstd":  # of which Python knows nothing before 3.14
        return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    openers: dict[str, Callable[[Path], Any]] = {"gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    return openers.get(packing, _only_member)(path)


def _only_member(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise InputError("is a spreadsheet or document", where=path, hint="save it as CSV from the spreadsheet program")
    if len(names) != 1:
        what = f"holds {len(names)} files: {shown(', '.join(names[:3]))}"
        raise InputError(what, where=path, hint="unpack it and give the files that hold the table")
    return archive.open(names[0])


def _refuse_others(file: Path, head: bytes) -> None:
    if not head.strip(b"\xef\xbb\xbf \r\n\t"):
        raise InputError("is empty", where=file, hint=f"check the export that made it, or {EXPORT}")
    for what, magic in OTHERS.items():
        if re.match(magic, head):
            raise InputError(f"is {what}, not a table", where=file, hint=EXPORT)
    if MARKUP.match(head):
        what = "is a page of HTML or XML, not a table"
        raise InputError(what, where=file, hint="download the file itself: the page may ask for a login")


def _delimited(file: Path, text: Text, folder: Path) -> Part:
    read = open_delimited(file, text, folder, f"{REJECTS}{folder.name}")
    columns = {name: f"c{n}" for n, name in enumerate(read.names)}
    types = dict.fromkeys(read.names, "VARCHAR")
    return Part(file, "CSV", read.form, columns, types, read.source, read.notes, read)


def _parquet(connection: duckdb.DuckDBPyConnection, file: Path, path: Path) -> Part:
    names, notes = unique_names(file, pq.read_schema(path).names)
    # By their places: DuckDB gives names that differ only in their case other ones.
    places = ", ".join(f"c{n}" for n in range(len(names)))
    source = f"read_parquet({literal(duckdb_path(path))}, hive_partitioning=false) as t({places})"
    if not names:
        raise InputError("has no columns", where=file, hint=f"check the export that made it, or {EXPORT}")
    types = [str(kind) for kind in connection.sql(f"select * from {source}").types]
    columns = {name: f"c{n}" for n, name in enumerate(names)}
    return Part(file, "Parquet", "Parquet", columns, dict(zip(names, types, strict=True)), source, notes)


def _json(connection: duckdb.DuckDBPyConnection, file: Path, text: Text) -> Part:
    layout, form = _json_layout(text.path)
    read = f"read_json({literal(duckdb_path(text.path))}, format='{layout}', {JSON_OPTIONS}, "
    try:
        found = connection.sql(f"select * from {read}{ALL_ROWS})")
    except duckdb.Error as error:
        raise _broken_json(file, text.path, layout) or error from error
    # Again with types: DuckDB would take 01-02-2024 for the first of February, and give all objects of a list all keys.
    fields = list(zip(found.columns, found.types, strict=True))
    types = ", ".join(f"{literal(name)}: {literal(_type(kind))}" for name, kind in fields)
    source = f"{read}auto_detect=false, columns={{{types}}})"
    _require_distinct_keys(connection, file, source, dict(fields))
    leaves = [leaf for name, kind in fields for leaf in _leaves(name, identifier(name), kind)]
    names, notes = unique_names(file, [name for name, _, _ in leaves])
    columns = {name: sql for name, (_, sql, _) in zip(names, leaves, strict=True)}
    kinds = {name: kind for name, (_, _, kind) in zip(names, leaves, strict=True)}
    return Part(file, "JSON", form, columns, kinds, source, notes)


def _json_layout(path: Path) -> tuple[str, str]:
    """The layout as DuckDB calls it, and for people."""
    with path.open(encoding="utf-8", newline="") as stream:
        head = stream.read(BLOCK).lstrip()
    if head.startswith("["):
        return "array", "JSON array"
    try:
        _, end = json.JSONDecoder().raw_decode(head)
    except (ValueError, RecursionError):
        return "newline_delimited", "JSON lines"
    spread = "\n" in head[:end] or head[end:].partition("\n")[0].strip()
    return ("unstructured", "JSON objects") if spread else ("newline_delimited", "JSON lines")


def _type(kind: Any) -> str:
    """The type with which DuckDB reads a value: a text stays as it is spelled, lists and several types stay JSON."""
    if kind.id == "struct":
        return f"STRUCT({', '.join(f'{identifier(key)} {_type(child)}' for key, child in kind.children)})"
    if kind.id == "list" or str(kind) == "JSON":
        return "JSON"
    return str(kind) if str(kind) in {*NUMBERS, "BOOLEAN"} else "VARCHAR"


def _leaves(name: str, sql: str, kind: Any) -> Iterator[tuple[str, str, str]]:
    """The columns that a value becomes: name, SQL and type."""
    if kind.id == "struct":
        for key, child in kind.children:
            yield from _leaves(f"{name}.{key}", f"struct_extract({sql}, {literal(key)})", child)
    elif _type(kind) == "JSON":
        # Of several types: a text is without its quotes, as where all values are texts.
        yield name, f"{sql} ->> '$'", "VARCHAR"
    else:
        yield name, sql, _type(kind)


def _require_distinct_keys(
    connection: duckdb.DuckDBPyConnection, file: Path, source: str, types: dict[str, Any]
) -> None:
    """Raise InputError for keys that differ only in their case: DuckDB has renamed one, and does not find it again."""
    known = {name.lower() for name in types}
    for name, kind in types.items():
        stem = re.sub(r"_\d+$", "", name.lower())
        if stem in known - {name.lower()} and "NULL" not in str(kind):
            (count,) = connection.execute(f"select count({identifier(name)}) from {source}").fetchall()[0]
            if not count:
                what = f"has keys that differ from {stem!r} only in their case"
                raise InputError(what, where=file, hint="give each key a name of its own")


def _broken_json(file: Path, path: Path, layout: str) -> InputError | None:
    """The first line that is no JSON object, if Python finds it."""
    if layout != "newline_delimited":
        return _broken_document(file, path)
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                value = json.loads(line) if line.strip() else {}
            except (ValueError, RecursionError):
                what = f"line {number} is no JSON: {shown(line)}"
                return InputError(what, where=file, hint=f"correct the line, or {EXPORT}")
            if not isinstance(value, dict | None):
                what = f"line {number} is no JSON object: {shown(line)}"
                return InputError(what, where=file, hint=OBJECTS)
    what = "holds JSON objects without keys, or with keys that are the same but for their case"
    return InputError(what, where=file, hint="give each key a name of its own")


def _broken_document(file: Path, path: Path) -> InputError | None:
    if path.stat().st_size > LARGEST_JSON:
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        what = f"line {error.lineno} is no JSON: {error.msg}"
        return InputError(what, where=file, hint=f"correct the line, or {EXPORT}")
    except RecursionError:
        return None
    what = "is no array of JSON objects" if value else "has no rows"
    return InputError(what, where=file, hint=OBJECTS)


def _require_alike(parts: list[Part]) -> None:
    first, *others = parts
    for part in others:
        if part.kind != first.kind:
            what = f"is {part.kind}, but {first.file} is {first.kind}"
            raise InputError(what, where=part.file, hint="give files of one format")
        missing = [f"column {name!r} is missing" for name in first.columns if name not in part.columns]
        extra = [f"column {name!r} is not in {first.file}" for name in part.columns if name not in first.columns]
        if missing or extra:
            hint = "give files with the same columns; their order may differ"
            raise InputError(", ".join([*missing, *extra][:5]), where=part.file, hint=hint)


def _query(some: list[Part], parts: list[Part]) -> str:
    """All rows of some files; a column that has not one type in all of them is a text."""
    selects = []
    for part in some:
        columns = []
        for name in parts[0].columns:
            types = {each.types[name] for each in parts}
            cast = "" if len(types) == 1 or types <= NUMBERS else "::varchar"
            columns.append(f"({part.columns[name]}){cast} as {identifier(name)}")
        selects.append(f"select {', '.join(columns)} from {part.source}")
    return " union all ".join(selects)


def _append(
    connection: duckdb.DuckDBPyConnection, table: str, part: Part, parts: list[Part]
) -> tuple[int, list[Rejected]]:
    """Append the rows of a file; how many there are, and the lines that were kept aside."""
    name, text, rejected = identifier(table), part.delimited, list[Rejected]()
    ((rows,),) = connection.execute(f"insert into {name} {_query([part], parts)}").fetchall()
    if text:
        rejected = rejected_lines(connection, part.file, text)
        first = identifier(next(iter(part.columns)))
        ((marks,),) = connection.execute(f"delete from {name} where {first} = ?", [text.end_mark]).fetchall()
        require_end(marks, part.file, text)
        rows -= marks
    if not rows:
        raise InputError("has no rows", where=part.file, hint=f"check the export that made it, or {EXPORT}")
    return rows, rejected


def _without_trailing(
    connection: duckdb.DuckDBPyConnection, table: str, parts: list[Part]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns and notes; a column that only a separator at the end of each line makes is removed."""
    columns, notes = tuple(parts[0].columns), tuple(dict.fromkeys(note for part in parts for note in part.notes))
    last = columns[-1]
    if len(columns) == 1 or not all(part.delimited and part.delimited.last_is_unnamed for part in parts):
        return columns, notes
    if connection.execute(f"select count({identifier(last)}) from {identifier(table)}").fetchall()[0][0]:
        return columns, notes
    connection.execute(f"alter table {identifier(table)} drop column {identifier(last)}")
    kept = tuple(note for note in notes if repr(last) not in note)
    return columns[:-1], (*kept, "each line ends with a separator, which is no column")
