"""CSV and its relatives: encoding, separator, quotes and header of a text, and the SQL with which DuckDB reads it.

DuckDB's own guesses are off: they change with a single line. What is found here holds for the whole file, and lines
that do not keep it are counted.
"""

import csv
import glob
import io
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ..base.errors import InputError

BLOCK = 1 << 20  # characters that are read at a time
SAMPLE = 1 << 20  # characters in which the separator is looked for
SEPARATORS = {",": "','", ";": "';'", "\t": "tabs", "|": "'|'"}
# Times and texts hold them too, so they separate only where nothing else does.
RARE_SEPARATORS = {":": "':'", " ": "blanks"}
NO_SEPARATOR = "\x1f"  # a control character that separates units, and that no text holds
LONGEST_LINE = 16 << 20  # bytes; a line that is longer is mostly a quote that nobody closed
MOST_COLUMNS = 5_000  # DuckDB needs 2 GB for four times as many
MOST_REJECTED = 0.01  # share of the lines: a few are damaged on the way, more mean another form of the file
SURE = 0.9  # share of the lines with as many values as the header from which on a separator is believed
MARKS = {
    b"\xef\xbb\xbf": ("utf-8-sig", "UTF-8"),
    b"\xff\xfe\0\0": ("utf-32", "UTF-32"),
    b"\0\0\xfe\xff": ("utf-32", "UTF-32"),
    b"\xff\xfe": ("utf-16", "UTF-16"),
    b"\xfe\xff": ("utf-16", "UTF-16"),
}
WELL_FORMED = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
NOT_ASCII = re.compile(rb"[\x80-\xff]")
UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # no characters of windows-1252
VALUE = re.compile(r"\s*([-+]?[.,]?\d[\d.,]*%?([eE][-+]?\d+)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?)\s*")
QUOTES = "write a quote inside of a value twice, and close each value that begins with one"


@dataclass(frozen=True)
class Rejected:
    """A line that was kept aside: its number in the file, from 1 and with the header, why, and how it begins."""

    file: Path
    line: int
    why: str
    text: str


@dataclass(frozen=True)
class Text:
    """A text in UTF-8 without a mark: the file itself or a copy, what its lines end with, and whether quotes are in it.

    A last line may have no end; `line_end` is empty where they end in several ways, inside of quotes or not.
    """

    path: Path
    encoding: str
    lines: int
    line_end: str
    has_quotes: bool


@dataclass(frozen=True)
class Dialect:
    """How a text is to be read, and what its first lines then are."""

    separator: str
    quote: str
    rows: list[list[str]]

    @property
    def width(self) -> int:
        """The number of columns, by the header."""
        return len(self.rows[0])

    @property
    def share(self) -> float:
        """The share of the lines that have as many values as the header."""
        return sum(len(row) == self.width for row in self.rows) / len(self.rows)


@dataclass(frozen=True)
class Delimited:
    """A text and the SQL that reads it as columns c0, c1, …: what they are called, and what people should know."""

    path: Path
    lines: int
    names: list[str]
    form: str
    notes: tuple[str, ...]
    last_is_unnamed: bool
    source: str
    rejects: str
    dialect: Dialect
    end_mark: str


def read_text(file: Path, path: Path, folder: Path) -> Text:
    """What `path` holds, the content of `file`, as UTF-8: in place, or as a copy in `folder`.

    InputError for NUL bytes and for a text that is neither UTF-8 nor windows-1252.
    """
    with path.open("rb") as stream:
        head = stream.read(4)
    encoding, name = next((MARKS[mark] for mark in MARKS if head.startswith(mark)), ("", ""))
    if not encoding:
        try:
            return Text(path, "UTF-8", *_survey(file, path))
        except UnicodeDecodeError:
            encoding = name = _single_byte_encoding(file, path)
    copy = folder / "utf-8"
    with copy.open("w", encoding="utf-8", newline="") as target:
        target.writelines(_blocks(path, encoding))
    return Text(copy, name, *_survey(file, copy))


def _blocks(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    with path.open(encoding=encoding, newline="\n") as stream:
        while block := stream.read(BLOCK):
            yield block


def _survey(file: Path, path: Path) -> tuple[int, str, bool]:
    """How many lines a text has, what they end with, and whether quotes are in it."""
    ends, last, quotes = {"\r\n": 0, "\n": 0, "\r": 0}, "", False
    for block in _blocks(path):
        if "\0" in block:
            line = sum(ends.values()) + 1 + block[: block.index("\0")].count("\n")
            hint = "send it again; a text in UTF-16 needs its mark at the beginning, so save it as UTF-8"
            raise InputError(f"line {line} holds a NUL byte", where=file, hint=hint)
        pairs = block.count("\r\n")
        halves = last == "\r" and block[0] == "\n"
        ends["\r\n"] += pairs + halves
        ends["\n"] += block.count("\n") - pairs - halves
        ends["\r"] += block.count("\r") - pairs - halves
        quotes = quotes or '"' in block
        last = block[-1]
    found = [end for end, count in ends.items() if count] or ["\n"]
    return sum(ends.values()) + (last not in "\r\n"), found[0] if len(found) == 1 else "", quotes


def _single_byte_encoding(file: Path, path: Path) -> str:
    """windows-1252, unless more of what is not ASCII is UTF-8: then bytes of a line are damaged."""
    well_formed = others = first = undefined = 0
    number = 1
    with path.open("rb") as stream:
        while line := stream.readline(BLOCK):
            if not line.isascii():
                rest, found = WELL_FORMED.subn(b"", line)
                well_formed, others = well_formed + found, others + len(NOT_ASCII.findall(rest))
                first = first or (number if others else 0)
                undefined = undefined or (number if UNDEFINED.search(line) else 0)
            number += line.endswith(b"\n")
    if well_formed > others or undefined:
        what = "is not UTF-8, but other lines are" if well_formed > others else "is neither UTF-8 nor windows-1252"
        line_number = first if well_formed > others else undefined
        raise InputError(f"line {line_number} {what}", where=file, hint="save the whole file as UTF-8")
    return "windows-1252"


def open_delimited(file: Path, text: Text, folder: Path, rejects: str) -> Delimited:
    """The columns of a text, and the SQL that reads them; it keeps lines aside in the temporary table `rejects`.

    InputError for a separator that is not certain, and for a header that is missing or has names twice.
    """
    with text.path.open(encoding="utf-8", newline="") as stream:
        sample = stream.read(SAMPLE)
    skipped, rest, separator = _skip_preamble(sample)
    dialect = _find_dialect(file, rest, len(skipped) + 1, separator, cut=len(sample) == SAMPLE)
    _require_header(file, skipped, dialect)
    names, notes = unique_names(file, dialect.rows[0])
    if skipped and any(line.strip() for line in skipped):
        notes = (
            f"{len(skipped)} lines before the header are left out, the first is: {shown(skipped[0])}",
            *notes,
        )
    if dialect.width == 1:
        notes = (*notes, "it has one column: no separator was found")
    path = text.path if text.line_end else _with_one_line_end(text.path, folder / "line-ends", dialect.quote)
    path, mark = _with_end_mark(path, folder, text, dialect)
    source = _duckdb_source(path, dialect, len(skipped), rejects)
    unnamed, form = not dialect.rows[0][-1], _form(dialect, text)
    return Delimited(path, text.lines, names, form, notes, unnamed, source, rejects, dialect, mark)


def _skip_preamble(sample: str) -> tuple[list[str], str, str]:
    """Empty lines, comments and Excel's `sep=;` at the beginning; the text behind them; the separator they name."""
    skipped, separator = [], ""
    for line in io.StringIO(sample, newline=""):
        named = re.fullmatch(r"sep=(.)\s*", line)
        if line.strip() and not line.startswith("#") and not named:
            break
        separator = named[1] if named else separator
        skipped.append(line)
    return skipped, sample[sum(map(len, skipped)) :], separator


def _find_dialect(file: Path, sample: str, line: int, separator: str, *, cut: bool) -> Dialect:
    all_found = [_dialect(file, sample, each, cut=cut) for each in separator or SEPARATORS]
    found = [dialect for dialect in all_found if dialect.width > 1]
    # The widest: decimal commas and commas in names also come as often in each line.
    found = [dialect for dialect in found if dialect.share >= SURE] or sorted(found, key=lambda d: d.share)[-1:]
    best = [dialect for dialect in found if dialect.width == max(each.width for each in found)]
    if len(best) > 1:
        names = " or ".join(SEPARATORS[dialect.separator] for dialect in best)
        hint = "put values that hold a separator into quotes, or separate by tabs"
        raise InputError(f"may be separated by {names}", where=file, hint=hint)
    if best:
        return best[0]
    _refuse_title(file, all_found, line)
    rare = [_dialect(file, sample, each, cut=cut) for each in RARE_SEPARATORS]
    certain = [dialect for dialect in rare if _is_certain(dialect)]
    return certain[0] if len(certain) == 1 else _dialect(file, sample, NO_SEPARATOR, cut=cut)


def _dialect(file: Path, sample: str, separator: str, *, cut: bool) -> Dialect:
    read_as = {quote: _rows(sample, separator, quote, cut=cut, strict=True) for quote in "\"'"}
    single, double = (
        bool(rows) and Dialect(separator, quote, rows).share >= SURE and _begins_a_value(quote, sample, separator)
        for quote, rows in (("'", read_as["'"]), ('"', read_as['"']))
    )
    # An apostrophe is a quote only if it is one wherever a value begins with it.
    if single and (not double or sample.startswith("'")):
        return Dialect(separator, "'", read_as["'"])
    rows = read_as['"'] or _rows(sample, separator, '"', cut=cut)
    if not rows:
        what = "has no line that can be read at its beginning"
        raise InputError(what, where=file, hint=f"lines are at most 1 MB long there; {QUOTES}")
    return Dialect(separator, '"', rows)


def _begins_a_value(quote: str, sample: str, separator: str) -> bool:
    return bool(re.search(rf"(?:^|[\r\n]|{re.escape(separator)} *){quote}", sample))


def _rows(sample: str, separator: str, quote: str, *, cut: bool, strict: bool = False) -> list[list[str]]:
    """The first lines, without the last one if the sample ends inside of it; none if they break the strict rules."""
    options: dict[str, Any] = {"delimiter": separator, "quotechar": quote, "strict": strict}
    rows = _parsed(sample, options, cut=cut)
    if not re.search(f"{re.escape(separator)} +{quote}", sample):
        return rows
    # DuckDB also takes a quote behind blanks for one; a name without quotes keeps its blanks.
    header = rows[0] if rows else [quote]
    rows = _parsed(sample, options | {"skipinitialspace": True}, cut=cut)
    if rows and not any(name.lstrip().startswith(quote) for name in header):
        rows[0] = header
    return rows


def _parsed(sample: str, options: dict[str, Any], *, cut: bool) -> list[list[str]]:
    lines = io.StringIO(sample, newline="")
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in csv.reader(lines, **options) if row)
    except csv.Error:
        at_the_end = not lines.read(1)
        return rows if (cut and at_the_end) or not options["strict"] else []
    return rows[:-1] if cut else rows


def _refuse_title(file: Path, found: list[Dialect], line: int) -> None:
    """Raise InputError for a first line of one value above lines that all have several."""
    for dialect in found:
        widths = Counter(len(row) for row in dialect.rows[1:])
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        if dialect.width == 1 and width > 1 and count >= max(2, SURE * widths.total()):
            what = f"line {line} has 1 value, those below have {width}: {shown(dialect.rows[0][0])}"
            raise InputError(what, where=file, hint="remove what stands above the line with the names of the columns")


def _is_certain(dialect: Dialect) -> bool:
    """Whether a separator that texts hold as well is one: the same count in each line, and a column of numbers."""
    rows = dialect.rows[1:]
    if dialect.width == 1 or not rows or dialect.share < 1:
        return False
    return any(all(VALUE.fullmatch(row[place]) for row in rows) for place in range(dialect.width))


def _require_header(file: Path, skipped: list[str], dialect: Dialect) -> None:
    header, line = dialect.rows[0], len(skipped) + 1
    named = [name for name in header if name.strip()]
    if all(VALUE.fullmatch(name) for name in named):
        what = f"line {line} holds no names of columns: {shown(', '.join(header))}"
        raise InputError(what, where=file, hint="add a line with the names of the columns at the beginning")
    comments = [text for text in skipped if text.startswith("#")]
    if comments and dialect.width > 1:
        (last,) = csv.reader([comments[-1]], delimiter=dialect.separator, quotechar=dialect.quote)
        if len(last) == dialect.width:
            what = f"may have its names of columns in a comment: {shown(comments[-1])}"
            raise InputError(what, where=file, hint="remove the # before the names, or the line")


def unique_names(file: Path, spelled: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Names that DuckDB can tell apart, and what was changed; InputError for the same name twice or too many columns.

    >>> unique_names(Path("trips.csv"), ["Name", "name", ""])[0]
    ['Name', 'name_2', 'column_3']
    """
    if len(spelled) > MOST_COLUMNS:
        hint = f"at most {MOST_COLUMNS:,} are read: choose those that say something, or write a row for each value"
        raise InputError(f"has {len(spelled):,} columns", where=file, hint=hint)
    first: dict[str, int] = {}
    used = {name.lower() for name in spelled}
    names, notes = list[str](), list[str]()
    for place, name in enumerate(spelled, start=1):
        if name and first.setdefault(name, place) != place:
            what = f"columns {first[name]} and {place} have the same name {name!r}"
            raise InputError(what, where=file, hint="give each column a name of its own")
        new = name
        if not name or name.lower() in {each.lower() for each in names}:
            new = _free_name(name, place, used)
            why = "differs from another only in its case" if name else "has no name"
            notes.append(f"column {place} {why}: it is called {new!r}")
        names.append(new)
        used.add(new.lower())
    return names, tuple(notes)


def _free_name(name: str, place: int, used: set[str]) -> str:
    number, stem = (2, name) if name else (place, "column")
    while f"{stem}_{number}".lower() in used:
        number += 1
    return f"{stem}_{number}"


def _with_one_line_end(path: Path, copy: Path, quote: str) -> Path:
    """A copy whose lines all end alike; what stands in quotes is kept. DuckDB refuses a text with several line ends."""
    quoted, held = False, ""
    with copy.open("w", encoding="utf-8", newline="") as target:
        for block in _blocks(path):
            whole = held + block
            # The other half of a line end may be in the next block.
            held = "\r" if whole.endswith("\r") else ""
            pieces = whole.removesuffix(held).split(quote)
            for place in range(int(quoted), len(pieces), 2):
                pieces[place] = pieces[place].replace("\r\n", "\n").replace("\r", "\n")
            quoted ^= len(pieces) % 2 == 0
            target.write(quote.join(pieces))
        target.write("\n" if held else "")
    return copy


def _with_end_mark(path: Path, folder: Path, text: Text, dialect: Dialect) -> tuple[Path, str]:
    """A text whose last line is a mark that nothing else holds; without any quote the text as it is.

    A quote that nobody closes swallows the rest of a file, and DuckDB does not say so: then the mark is gone as well.
    """
    if not text.has_quotes and dialect.quote == '"':
        return path, ""
    copy = path if path.parent == folder else Path(shutil.copyfile(path, folder / "marked"))
    mark, end = secrets.token_hex(16), text.line_end or "\n"
    with copy.open("r+b") as target:
        target.seek(-1, 2)
        missing = "" if target.read(1) in b"\r\n" else end
        target.write(f"{missing}{mark}{dialect.separator * (dialect.width - 1)}{end}".encode())
    return copy, mark


def _duckdb_source(path: Path, dialect: Dialect, skip: int, rejects: str) -> str:
    columns = ", ".join(f"c{place}: 'VARCHAR'" for place in range(dialect.width))
    quote = literal(dialect.quote)
    # In parallel DuckDB 2.0 loses rows whose values hold line breaks, and is no faster: what takes time is writing.
    return (
        f"read_csv({literal(duckdb_path(path))}, auto_detect=false, header=true, skip={skip}, parallel=false, "
        f"delim={literal(dialect.separator)}, quote={quote}, escape={quote}, nullstr='', allow_quoted_nulls=false, "
        f"columns={{{columns}}}, compression='none', hive_partitioning=false, max_line_size={LONGEST_LINE}, "
        f"buffer_size={2 * LONGEST_LINE}, store_rejects=true, rejects_table='{rejects}', rejects_scan='{rejects}_scan')"
    )


def duckdb_path(path: Path) -> str:
    """A path that DuckDB takes for a single file: it would look for others where a name holds [, ? or *."""
    return glob.escape(str(path.resolve()))


def shown(text: str) -> str:
    """The beginning of a text in a message of one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text.strip()[:60]).strip()


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _form(dialect: Dialect, text: Text) -> str:
    separators = SEPARATORS | RARE_SEPARATORS
    separated = f" separated by {separators.get(dialect.separator, repr(dialect.separator))}"
    parts = ["CSV of one column" if dialect.separator == NO_SEPARATOR else f"CSV{separated}"]
    parts += ["values in single quotes"] if dialect.quote == "'" else []
    parts += [text.encoding] if text.encoding != "UTF-8" else []
    return ", ".join(parts)


def require_end(marks: int, file: Path, text: Delimited) -> None:
    """Raise InputError for a quote that is not closed up to the end, where the mark of the end was not found."""
    if text.end_mark and not marks:
        what = f"line {_last_record(text)} opens a quote that is not closed up to the end"
        raise InputError(what, where=file, hint=QUOTES)


def _last_record(text: Delimited) -> int:
    """The number of the line with which the last row begins."""
    previous = number = 1
    with text.path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream, delimiter=text.dialect.separator, quotechar=text.dialect.quote)
        try:
            for _ in reader:
                previous, number = number, reader.line_num + 1
        except csv.Error:  # longer than what it takes for a value
            return number
    return previous


def rejected_lines(connection: duckdb.DuckDBPyConnection, file: Path, text: Delimited) -> list[Rejected]:
    """The lines that DuckDB kept aside when it read the text; InputError if they are too many or swallow others."""
    query = f"""
        select line_byte_position, first(error_type), first(coalesce(csv_line, '')), first(error_message)
        from {text.rejects} group by 1 order by 1
    """
    found = connection.execute(query).fetchall()
    numbers = _line_numbers(text.path, [position for position, *_ in found])
    lines = [_rejected(file, number, *what) for number, (_, *what) in zip(numbers, found, strict=True)]
    if len(lines) > MOST_REJECTED * text.lines:
        first, more = lines[0], f" (and {len(lines) - 1:,} lines more)" if len(lines) > 1 else ""
        what = f"line {first.line} {first.why}{more}: {shown(first.text)}"
        hint = "correct the lines, or put values that hold a separator into quotes"
        raise InputError(what, where=file, hint=hint)
    return lines


def _rejected(file: Path, number: int, kind: str, content: str, message: str) -> Rejected:
    start = content.strip("\r\n")
    if kind == "LINE SIZE OVER MAXIMUM":
        what = f"line {number} is longer than {LONGEST_LINE >> 20} MB: {shown(start)}"
        raise InputError(what, where=file, hint=f"leave the long values out, or {QUOTES}")
    if kind == "UNQUOTED VALUE" and re.search(r"[\r\n]", start):
        what = f"line {number} opens a quote that is not closed: {shown(start)}"
        raise InputError(what, where=file, hint=QUOTES)
    counts = re.search(r"Columns: (\d+) Found: (\d+)", message)
    of_quotes = "has a quote that is not closed, or text behind it"
    why = f"has {counts[2]} values, the header has {counts[1]}" if counts else of_quotes
    return Rejected(file, number, why, start[:100])


def _line_numbers(path: Path, positions: list[int]) -> list[int]:
    """The numbers of the lines that begin at these bytes, counted from 1 and in order.

    DuckDB counts rows, and a row with line breaks in its values has several lines.
    """
    numbers, number, at, last = [], 1, 0, b""
    with path.open("rb") as stream:
        for position in positions:
            while block := stream.read(min(BLOCK, position - 1 - at)):
                halves = last == b"\r" and block[:1] == b"\n"
                number += block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n") - halves
                at, last = at + len(block), block[-1:]
            numbers.append(number)
    return numbers
