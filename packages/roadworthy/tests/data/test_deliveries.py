"""Tables as people deliver them: written in every way they come in, read back exactly or refused in a sentence."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import random
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from roadworthy.base.errors import InputError
from roadworthy.data import delimited, deliveries
from roadworthy.data.deliveries import Delivery, read_delivery

Rows = list[tuple[Any, ...]]


@dataclass
class Bench:
    """A database and a folder; it looks after each reading whether something is left behind."""

    folder: Path
    scratch: Path
    connection: duckdb.DuckDBPyConnection

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def require_clean(self) -> None:
        assert [*self.scratch.iterdir()] == []
        assert self.connection.execute("select table_name from duckdb_tables()").fetchall() == []

    def read(self, *files: Path) -> tuple[Delivery, Rows]:
        delivery = read_delivery(self.connection, files, "delivered")
        relation = self.connection.table("delivered")
        rows = relation.fetchall()
        assert (delivery.columns, delivery.rows) == (tuple(relation.columns), len(rows))
        self.connection.execute("drop table delivered")
        self.require_clean()
        return delivery, rows

    def read_bytes(self, content: bytes, name: str = "table.csv") -> tuple[Delivery, Rows]:
        return self.read(self.file(name, content))

    def refusal(self, *files: Path) -> InputError:
        with pytest.raises(InputError) as caught:
            self.read(*files)
        self.require_clean()
        error = caught.value
        assert error.what
        assert error.where
        assert error.hint
        assert not re.search(r"[\r\n\0]", error.what + error.hint)
        assert str(self.scratch) not in str(error)
        return error


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder, scratch = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch, duckdb.connect() as connection:
        patch.setattr(tempfile, "tempdir", str(scratch))
        connection.execute("set enable_progress_bar = false")
        yield Bench(folder, scratch, connection)


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def zipped(content: bytes, *names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("folder/", "folder/table.csv", "__MACOSX/._table.csv"):
            archive.writestr(name, b"" if name.endswith("/") else content)
    return sink.getvalue()


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    written: bytes = sink.getvalue().to_pybytes()
    return written


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
    "zip": zipped,
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "windows-1252", "latin-1")
NAMES = ("größe", "Straße 4", "id", "a b", "it's", "_", " x ", "p.q", "select", 'he said "so"')
EXAMPLES = 250
LETTERS = "ab,;|\t\"'\n\r é€x0.:-#"


@dataclass(frozen=True)
class Spelling:
    """How somebody writes a table."""

    separator: str
    quote: str
    quote_all: bool
    line_end: str
    encoding: str
    packing: str

    def write(self, header: list[str], rows: list[list[str]]) -> bytes:
        # Python 3.11 leaves a line break that is not its own without quotes: so each line is written with both.
        lines = []
        for row in [header, *rows]:
            sink = io.StringIO(newline="")
            options: dict[str, Any] = {"quoting": csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL}
            csv.writer(sink, delimiter=self.separator, quotechar=self.quote, **options).writerow(row)
            lines.append(sink.getvalue().removesuffix("\r\n") + self.line_end)
        return PACKINGS[self.packing]("".join(lines).encode(self.encoding))


SPELLINGS = st.builds(
    Spelling,
    st.sampled_from(",;\t|"),
    st.sampled_from("\"'"),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(ENCODINGS),
    st.sampled_from([*PACKINGS]),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    header = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    values = st.text(LETTERS, max_size=8)
    return header, draw(st.lists(st.lists(values, min_size=len(header), max_size=len(header)), min_size=1, max_size=6))


def is_ambiguous(spelling: Spelling, header: list[str], rows: list[list[str]]) -> bool:
    """Whether the same bytes are another table as well, for somebody who does not know how it was written."""
    other = "\"'".replace(spelling.quote, "")
    values = [value for row in [header, *rows] for value in row]
    quoted = [value for value in values if re.search(rf"[\r\n{re.escape(spelling.separator)}] *\"", value)]
    if spelling.quote == "'" and not spelling.quote_all and quoted:
        return True
    bare = not spelling.quote_all and (len(header) == 1 or any(value.lstrip().startswith(other) for value in values))
    if spelling.encoding not in {"windows-1252", "latin-1"}:
        return bare
    try:
        content = "".join(values).encode(spelling.encoding)
    except UnicodeEncodeError:
        return True
    return bare or bool(delimited.WELL_FORMED.search(content))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(spelling=SPELLINGS, table=tables())
def test_a_table_comes_back_exactly_however_it_is_written(
    bench: Bench, spelling: Spelling, table: tuple[list[str], list[list[str]]]
) -> None:
    header, rows = table
    assume(not is_ambiguous(spelling, header, rows))
    delivery, found = bench.read_bytes(spelling.write(header, rows))
    expected = rows if spelling.quote_all else [[value or None for value in row] for row in rows]
    assert delivery.columns == tuple(header)
    assert found == [tuple(row) for row in expected]
    assert delivery.rejected == ()
    assert delivery.form.endswith(spelling.packing)


def test_blanks_and_colons_separate_where_a_column_of_numbers_proves_it(bench: Bench) -> None:
    for separator in " :":
        lines = [f"town{separator}people", *(f"town{n}{separator}{n}" for n in range(5))]
        delivery, rows = bench.read_bytes("\n".join(lines).encode())
        assert delivery.columns == ("town", "people")
        assert rows[3] == ("town3", "3")
    delivery, rows = bench.read_bytes(b"full name\nAda Lovelace\nAlan Turing\n")
    assert (delivery.columns, rows) == (("full name",), [("Ada Lovelace",), ("Alan Turing",)])


def test_values_with_line_breaks_come_back_from_a_file_of_many_buffers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "LONGEST_LINE", 50_000)
    monkeypatch.setattr(delimited, "SAMPLE", 20_000)
    letters = ["a", ",", '"', "\n", "\r\n", "x,y\n1,2\n", "é", '",\n"']
    chance = random.Random(1)  # noqa: S311 a file that is the same each time
    rows = [["".join(chance.choices(letters, k=chance.randrange(8))) for _ in range(3)] for _ in range(20_000)]
    content = Spelling(",", '"', True, "\r\n", "utf-8", "").write(["a", "b", "c"], rows)
    assert bench.read_bytes(content)[1] == [tuple(row) for row in rows]


def test_the_first_lines_that_are_no_header_are_told(bench: Bench) -> None:
    content = b"\n# made by a program\nsep=;\na;b\n1,5;2,5\n"
    delivery, rows = bench.read_bytes(content)
    assert (delivery.columns, rows) == (("a", "b"), [("1,5", "2,5")])
    assert "3 lines before the header" in " ".join(delivery.notes)


def test_a_separator_at_the_end_of_each_line_is_no_column(bench: Bench) -> None:
    delivery, rows = bench.read_bytes(b"a,b,\n1,2,\n3,,\n")
    assert (delivery.columns, rows) == (("a", "b"), [("1", "2"), ("3", None)])
    assert delivery.notes == ("each line ends with a separator, which is no column",)
    delivery, rows = bench.read_bytes(b"a,b,\n1,2,\n3,,4\n")
    assert (delivery.columns, rows[1]) == (("a", "b", "column_3"), ("3", None, "4"))


def test_names_that_duckdb_cannot_tell_apart_are_changed_and_told(bench: Bench) -> None:
    delivery, rows = bench.read_bytes(b"Name,name,,name_2,NAME\n1,2,3,4,5\n")
    assert delivery.columns == ("Name", "name_3", "column_3", "name_2", "NAME_4")
    assert rows == [("1", "2", "3", "4", "5")]
    assert len(delivery.notes) == 3
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["Name", "name"])
    delivery, rows = bench.read_bytes(parquet(table))
    assert (delivery.columns, rows) == (("Name", "name_2"), [(1, 2)])


def test_line_ends_of_several_kinds_are_one_and_those_in_quotes_are_kept(bench: Bench) -> None:
    delivery, rows = bench.read_bytes(b'a,b\r\n1,"x\r\ny"\n3,"z\rw"\r5,6\r\n')
    assert rows == [("1", "x\r\ny"), ("3", "z\rw"), ("5", "6")]
    assert delivery.rejected == ()


def lines_of(count: int) -> list[str]:
    return ["a,b", *(f'{n},"text\nof {n}"' for n in range(count))]


def test_a_few_lines_with_other_numbers_of_values_are_kept_aside_with_their_line(bench: Bench) -> None:
    lines = lines_of(500)
    lines[100:100] = ["only one"]
    lines[300:300] = ["one,two,three", 'x,"y"z']
    path = bench.file("some.csv", "\n".join(lines).encode())
    delivery, rows = bench.read(path)
    assert len(rows) == 500
    # A row before them has two lines, the header one.
    assert [(line.line, line.text) for line in delivery.rejected] == [
        (1 + 2 * 99 + 1, "only one"),
        (1 + 2 * 298 + 1 + 1, "one,two,three"),
        (1 + 2 * 298 + 1 + 2, 'x,"y"z'),
    ]
    assert delivery.rejected[0].why == "has 1 values, the header has 2"
    assert {line.file for line in delivery.rejected} == {path}


def test_more_lines_than_one_in_a_hundred_are_refused_with_the_first(bench: Bench) -> None:
    lines = [*(f"{n},x" for n in range(900)), *(["1,2,3"] * 10)]
    error = bench.refusal(bench.file("many.csv", "\n".join(["a,b", *lines]).encode()))
    assert error.what == "line 902 has 3 values, the header has 2 (and 9 lines more): 1,2,3"


def test_a_quote_that_swallows_lines_is_refused_however_few_they_are(bench: Bench) -> None:
    lines = [*(f"{n},x" for n in range(5000)), '1,"open', *(f"{n},y" for n in range(9))]
    error = bench.refusal(bench.file("quote.csv", "\n".join(["a,b", *lines]).encode()))
    assert error.what.startswith("line 5002 opens a quote that is not closed")


def test_files_with_the_same_columns_are_appended_in_order(bench: Bench) -> None:
    first = bench.file("first.csv", b"a,b\n1,2\n")
    second = bench.file("second.txt.gz", gzip.compress(b"b;a\n4;3\n"))
    delivery, rows = bench.read(first, second)
    assert (delivery.columns, rows) == (("a", "b"), [("1", "2"), ("3", "4")])
    assert delivery.form == "CSV separated by ',' and CSV separated by ';', gzip"


def test_files_with_other_columns_or_of_another_format_are_refused(bench: Bench) -> None:
    first, second = bench.file("first.csv", b"a,b\n1,2\n"), bench.file("second.csv", b"a,c\n1,2\n")
    error = bench.refusal(first, second)
    assert error.where == str(second)
    assert error.what == f"column 'b' is missing, column 'c' is not in {first}"
    third = bench.file("third.csv", parquet(pa.table({"a": [1], "b": [2]})))
    assert bench.refusal(first, third).what == f"is Parquet, but {first} is CSV"


def test_parquet_keeps_its_types_and_differing_ones_are_joined(bench: Bench) -> None:
    whole = bench.file("A.PARQUET", parquet(pa.table({"n": [1, 2], "t": ["x", None], "l": [[1], []]})))
    delivery, rows = bench.read(whole)
    assert delivery.form == "Parquet"
    assert rows == [(1, "x", [1]), (2, None, [])]
    one = bench.file("one", parquet(pa.table({"n": [1], "t": [1]})))
    two = bench.file("two", gzip.compress(parquet(pa.table({"n": [1.5], "t": ["x"]}))))
    assert bench.read(one, two)[1] == [(1.0, "1"), (1.5, "x")]


def test_json_lines_are_flattened_and_typed_over_all_rows(bench: Bench) -> None:
    objects: list[dict[str, Any]] = [{"id": n, "at": {"x": n, "y": {"z": "t"}}} for n in range(30_000)]
    objects += [{"id": 0.5, "list": [{"k": 1}, {"l": [2]}], "mixed": "text"}, {"mixed": 7, "none": None}]
    content = "\n".join(map(json.dumps, objects)).encode("utf-8-sig")
    delivery, rows = bench.read_bytes(content, "table.NDJSON")
    assert delivery.columns == ("id", "at.x", "at.y.z", "list", "mixed", "none")
    assert rows[29_999] == (29_999.0, 29_999, "t", None, None, None)
    assert rows[30_000][:3] == (0.5, None, None)
    assert json.loads(rows[30_000][3]) == [{"k": 1}, {"l": [2]}]
    assert [row[4] for row in rows[30_000:]] == ["text", "7"]
    assert delivery.form == "JSON lines"


def test_a_json_array_and_a_spread_object_are_tables(bench: Bench) -> None:
    delivery, rows = bench.read_bytes(b'\n[{"a": 1, "b": "x"},\n {"a": 2}]', "table.json")
    assert (delivery.form, rows) == ("JSON array", [(1, "x"), (2, None)])
    delivery, rows = bench.read_bytes(b'{\n "a": 1,\n "b": {"c": true}\n}\n')
    assert (delivery.columns, rows) == (("a", "b.c"), [(1, True)])


def test_a_text_in_json_stays_as_it_is_spelled(bench: Bench) -> None:
    spelled = ["01-02-2024", "2024-01-02T03:04:05Z", "epoch", "007", "10:00", "550e8400-e29b-41d4-a716-446655440000"]
    content = json.dumps({f"c{n}": text for n, text in enumerate(spelled)}).encode()
    assert bench.read_bytes(content)[1] == [tuple(spelled)]


def test_a_json_key_that_looks_renamed_is_kept(bench: Bench) -> None:
    delivery, rows = bench.read_bytes(b'{"size": 1, "size_1": 2, "a.b": 3, "A": {"B": 4}}\n')
    assert delivery.columns == ("size", "size_1", "a.b", "A.B_2")
    assert rows == [(1, 2, 3, 4)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_json_and_preambles_have_any_line_end(bench: Bench, line_end: str) -> None:
    delivery, rows = bench.read_bytes(line_end.join(['{"a": 1}', '{"a": 2}', ""]).encode())
    assert rows == [(1,), (2,)]
    text = line_end.join(["", "# made", "# by", 'a\t"b', 'c"', "1\t2", ""])
    delivery, rows = bench.read_bytes(text.encode("utf-16"))
    assert (delivery.columns, rows) == (("a", f"b{line_end}c"), [("1", "2")])


@pytest.mark.parametrize("name", ["PAR1", "BZh9", "ORCID", "GIF8", "Rar!", "<DATE>", "[id]", "{x}"])
def test_a_name_of_a_column_is_no_mark_of_a_format(bench: Bench, name: str) -> None:
    assert bench.read_bytes(f"{name},b\n1,2\n".encode())[0].columns == (name, "b")


def test_json_files_with_differing_types_are_joined(bench: Bench) -> None:
    one, two = bench.file("1.jsonl", b'{"a": 1, "b": 2}\n'), bench.file("2.jsonl", b'{"b": "x", "a": 0.5}\n')
    assert bench.read(one, two)[1] == [(1.0, "2"), (0.5, "x")]


def test_a_name_that_looks_like_a_pattern_is_the_name_of_one_file(bench: Bench) -> None:
    folder = bench.folder / "year=2024"
    folder.mkdir()
    names = ["a[1]*?.csv", "a1xx.csv", "it's.csv", "a{b,c}.csv"]
    for name in names:
        (folder / name).write_text(f"n\n{name}\n", encoding="utf-8")
        assert bench.read(folder / name)[1] == [(name,)]


def test_a_table_that_is_there_already_is_kept(bench: Bench) -> None:
    with duckdb.connect() as connection:
        connection.execute("create table Taken as select 1 as one")
        with pytest.raises(InputError, match="there is such a table already"):
            read_delivery(connection, [bench.file("t.csv", b"a,b\n1,2\n")], "taken")
        assert connection.table("Taken").fetchall() == [(1,)]


MANY_COLUMNS = ",".join(f"c{n}" for n in range(20_000)).encode() + b"\n" + b",".join([b"1"] * 20_000)
LONG_FIELD = b"a,b\n1,2\n3," + b"y" * (17 << 20) + b"\n4,5\n"
XLSX = zipped(b"<xml/>", "[Content_Types].xml", "xl/workbook.xml")
GOOD = b"a,b\n" + b"1,x\n" * 2000
REFUSED = {
    "nothing": (b"", "is empty"),
    "blanks": (b" \n\n", "is empty"),
    "header only": (b"a,b\n", "has no rows"),
    "numbers only": (b"1,2,3\n4,5,6\n", "line 1 holds no names of columns: 1, 2, 3"),
    "dates only": (b"2024-01-01,2024-02-01\n1,2\n", "line 1 holds no names"),
    "doubled name": (b"a,b,a\n1,2,3\n", "columns 1 and 3 have the same name 'a'"),
    "title": (b"Sales of May\na;b;c\n1;2;3\n4;5;6\n", "line 1 has 1 value, those below have 3: Sales of May"),
    "named in a comment": (b"#a,b\nx,y\n1,2\n", "may have its names of columns in a comment: #a,b"),
    "two separators": (b"a,b;c\n1,2;3\n4,5;6\n", "may be separated by ',' or ';'"),
    "NUL bytes": (b"a,b\n1,\0\n", "line 2 holds a NUL byte"),
    "UTF-16 without mark": ("a,b\n1,2\n".encode("utf-16-le"), "holds a NUL byte"),
    "half of UTF-16": ("a,b\n1,2\n".encode("utf-16")[:-1], "cannot be read"),
    "damaged UTF-8": ("a,b\nä,ö\nü,ß\n".encode() + b"1,\xff\n", "line 4 is not UTF-8, but other lines are"),
    "unknown bytes": (b"a,b\n1,\x81\xe4\n", "line 2 is neither UTF-8 nor windows-1252"),
    "unlike line ends": (b'a,b\r\n1,x"y\r\n3,4\n5,6\r\n7,8"\n9,"0"\r', "has a quote out of place, and lines that end"),
    "damaged windows-1252": (b"a,b\n1,\xe4 \xc3\x8f \xe4\xe4 x\n", "line 2 is neither UTF-8 nor windows-1252"),
    "short gzip": (gzip.compress(GOOD)[:-9], "cannot be read"),
    "changed gzip": (gzip.compress(GOOD)[:-8] + b"12345678", "cannot be read"),
    "short bz2": (bz2.compress(GOOD)[:-9], "cannot be read"),
    "short xz": (lzma.compress(GOOD)[:-9], "cannot be read"),
    "short zstd": (zstd(GOOD)[:-9], "cannot be read"),
    "short zip": (zipped(GOOD)[:-9], "cannot be read"),
    "packed twice": (gzip.compress(zipped(GOOD)), "is packed twice"),
    "two tables": (zipped(GOOD, "a.csv", "b.csv"), "holds 2 files: a.csv, b.csv"),
    "empty zip": (zipped(b"", "folder/"), "holds 0 files"),
    "short Parquet": (parquet(pa.table({"a": [1]}))[:-9], "cannot be read"),
    "Parquet without columns": (parquet(pa.table({})), "has no columns"),
    "Parquet without rows": (parquet(pa.table({"a": pa.array([], pa.int64())})), "has no rows"),
    "page": (b"<!DOCTYPE html><html><body>log in</body></html>", "is a page of HTML or XML"),
    "spreadsheet": (XLSX, "is a spreadsheet"),
    "old spreadsheet": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "is an old spreadsheet"),
    "PDF": (b"%PDF-1.7\n", "is a PDF"),
    "SQLite": (b"SQLite format 3\0" + b"\0" * 99, "is an SQLite database"),
    "pickle": (b"\x80\x04\x95abc", "is a pickle"),
    "image": (b"\x89PNG\r\n\x1a\n", "is an image"),
    "tar": (b"x\n" * 128 + b"xustar\0", "is an archive"),
    "broken JSON": (b'{"a": 1}\n{"a": \n{"a": 2}\n', 'line 2 is no JSON: {"a":'),
    "broken array": (b'[{"a": 1},\n{"a": 2},\n]', "line 3 is no JSON"),
    "JSON scalar": (b"42", "line 1 is no JSON object: 42"),
    "JSON scalars": (b"[1, 2]", "is no array of JSON objects"),
    "JSON among scalars": (b'{"a": 1}\n7\n', "line 2 is no JSON object: 7"),
    "empty array": (b"[]", "has no rows"),
    "empty object": (b"{}", "holds JSON objects without keys"),
    "JSON keys": (b'{"Name": 1, "name": 2}\n', "has keys that differ from 'name' only in their case"),
    "JSON nested keys": (b'{"a": {"Name": 1, "name": 2}}\n', "keys that are the same but for their case"),
    "twice a JSON key": (b'{"a": 1, "a": 2}\n', 'line 1: Object {"a":1,"a":2} has duplicate key'),
    "deep JSON": (b'{"a":' + b"[" * 9999 + b"]" * 9999 + b"}\n", "line 1 is no JSON"),
    "long field": (LONG_FIELD, "line 3 is longer than 16 MB: 3,yyy"),
    "many columns": (MANY_COLUMNS, "has 20,000 columns"),
    "endless header": (b"a" * (2 << 20) + b",b\n1,2\n", "has no line that can be read at its beginning"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_in_a_sentence(bench: Bench, name: str) -> None:
    content, words = REFUSED[name]
    file = bench.file("table.json" if "JSON" in name or "array" in name else "table.csv", content)
    error = bench.refusal(file)
    assert words in error.what
    assert error.where == str(file)


def test_a_folder_and_a_missing_file_are_refused(bench: Bench) -> None:
    assert bench.refusal(bench.folder).what == "is a folder"
    assert bench.refusal(bench.folder / "no.csv").what == "no such file"
    with pytest.raises(InputError, match="no file is given"):
        read_delivery(bench.connection, [], "delivered")


def test_a_file_that_may_not_be_read_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bench.file("secret.csv", GOOD)
    if os.name == "posix" and os.geteuid():
        path.chmod(0)
    else:  # root may read everything

        def refuse(path: Path) -> bytes:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(deliveries, "_head", refuse)
    assert bench.refusal(path).what == "cannot be read: Permission denied"
    path.chmod(0o600)


TEXT = Spelling(",", '"', False, "\n", "utf-8", "").write(
    ["id", "größe", "note"], [[str(n), f"{n / 7:.3f}", f'a "{n}", ä\nb'] for n in range(150)]
)
LINES = "\n".join(json.dumps({"id": n, "at": {"x": n / 3, "tags": ["a", n]}}) for n in range(150)).encode()
GOOD_FILES = [
    TEXT,
    TEXT.decode().encode("windows-1252"),
    TEXT.decode().encode("utf-16"),
    gzip.compress(TEXT),
    zipped(TEXT),
    zstd(TEXT),
    lzma.compress(TEXT),
    parquet(pa.table({"id": range(150), "note": [f"note {n}" for n in range(150)]})),
    LINES,
    b"[" + LINES.replace(b"\n", b",\n") + b"]",
]
PIECES = [b'"', b"\0", b"\xff", b"\r", b"\n\n", b"'", b"{", b"]", b",,,", b"\xc3", b"\x1a", b"PAR1", b"\x1f\x8b", b"#"]


def damaged(seed: int) -> bytes:
    """A good file with one to three mistakes."""
    chance = random.Random(seed)  # noqa: S311 files that are the same each time
    content = chance.choice(GOOD_FILES)
    for _ in range(chance.randrange(1, 4)):
        # Half of them near an end, where the marks of a format stand.
        where = chance.choice([chance.randrange(len(content) + 1), chance.randrange(min(30, len(content)) + 1)])
        behind = min(len(content), where + chance.randrange(60))
        noise = chance.choice([chance.randbytes(chance.randrange(1, 40)), chance.choice(PIECES)])
        content = chance.choice(
            [
                content[:where],
                content[where:],
                content[:where] + noise + content[where:],
                content[:where] + noise + content[behind:],
                content[:where] + content[behind:],
                content[:where] + chance.choice(GOOD_FILES)[: chance.randrange(2000)],
            ]
        )
    return content


@pytest.mark.parametrize("seed", range(0, 600, 50))
def test_a_damaged_file_is_a_sane_table_or_one_sentence(bench: Bench, seed: int) -> None:
    for each in range(seed, seed + 50):
        content = damaged(each)
        path = bench.file("damaged", content)
        try:
            delivery, rows = bench.read(path)
        except InputError:
            bench.refusal(path)
            continue
        assert rows
        assert all(name and "\0" not in name for name in delivery.columns)
        lines = len(rows) + len(delivery.rejected)
        assert len(delivery.rejected) <= 0.01 * (lines * 3 + 1)
