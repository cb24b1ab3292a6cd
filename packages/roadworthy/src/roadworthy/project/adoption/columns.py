"""What each column of a delivered table holds: its kind, its plain name, and how its texts are read.

Kinds are guessed from some thousand rows, and held against all of them: what does not fit is counted, by column.
"""

import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from ...contract.rules import SQL_TYPES
from ...contract.schema import DRAWN, TAKEN, Kind
from ...data.delimited import identifier
from ...data.deliveries import Delivery
from .spellings import (
    MISSING,
    MISSING_NUMBERS,
    MOST_WRONG,
    NO_ZONE,
    Counts,
    Read,
    as_boolean,
    as_date,
    as_digits,
    as_number,
    said,
    trimmed,
)

SAMPLE = 10_000  # rows from which kinds are guessed
TOGETHER = 10  # columns of one query: each takes memory
MOST_CATEGORIES = 200  # different texts of a category; what has more of them says little about each
FACTS = 7  # of each column
SENTINELS = (-9, -99, -999, -9999, -99999, -999999, 99, 999, 9999, 99999, 999999)
LIKE_MOMENT = re.compile(r"time|date|epoch|stamp|_at$|^at_|_ts$|^ts$|zeit|datum|created|when", re.IGNORECASE)
WHOLE_TYPES = tuple(
    f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
)
NESTED = ("STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT")
GERMAN = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
ROLES = ("row_id", "asked_at", "asked_day", "known_at", "line")  # columns that a draft adds
TABLES = ("delivery", "records", "features", "rowid")  # what a query would take for something else


@dataclass(frozen=True)
class Found:
    """A column: its name in the file, its plain name, its kind (none: no single value), how it is read, what it holds.

    `sql` gives the value over the delivered table, as text where it came as text. `notes` say what was taken for what.
    low, high: of numbers; `values`: the texts of a category with their counts, the most frequent first.
    """

    source: str
    name: str
    kind: Kind | None
    sql: str
    notes: tuple[str, ...] = ()
    day_first: bool | None = None  # a date that could be either, and how it was read
    rows: int = 0
    nulls: int = 0
    distinct: int = 0
    wrong: int = 0
    low: float | None = None
    high: float | None = None
    values: Mapping[str, int] = field(default_factory=dict)
    texts: tuple[str, ...] = ()  # some values, as they came

    @property
    def cast(self) -> str:
        """SQL: the value in the type of its kind, nothing where it is of another."""
        return f"try_cast({self.sql} as {SQL_TYPES[self.kind]})" if self.kind else "null"

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.kind in ("integer", "number")

    @property
    def share_null(self) -> float:
        """The share of the rows without a value."""
        return self.nulls / self.rows if self.rows else 0.0


def find_columns(connection: duckdb.DuckDBPyConnection, delivery: Delivery, moments: Iterable[str] = ()) -> list[Found]:
    """What the columns of a delivered table are; `moments` are known to be times, whatever they look like."""
    names = dict(zip(delivery.columns, plain_names(connection, delivery.columns), strict=True))
    types = dict(connection.execute(f"select column_name, column_type from (describe {delivery.table})").fetchall())
    likely = {source for source, name in names.items() if source in {*moments} or LIKE_MOMENT.search(name)}
    found: list[Found] = []
    for some in _parted(delivery.columns):
        plain = [_of_type(connection, delivery, source, names[source], types[source]) for source in some]
        spelled = [
            c.source for c in plain if types[c.source] == "VARCHAR" or (c.kind == "integer" and c.source in likely)
        ]
        samples = dict(zip(spelled, _samples(connection, delivery, spelled), strict=True))
        guesses = [
            _guessed(connection, each, samples[each.source], moment=each.source in likely)
            if each.source in samples
            else (each, each)
            for each in plain
        ]
        found += _measured(connection, delivery, guesses)
    return found


def _parted(columns: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (columns[start : start + TOGETHER] for start in range(0, len(columns), TOGETHER))


def plain_names(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[str]:
    """For each name one that Python, SQL and URLs take without quotes, no two alike.

    >>> plain_names(duckdb.connect(), ["Größe (cm)", "order", "Grösse cm", "2nd", "?"])
    ['groesse_cm', 'order_value', 'groesse_cm_2', 'c_2nd', 'column_5']
    """
    words = connection.execute(
        "select keyword_name from duckdb_keywords() where keyword_category in ('reserved', 'type_function')"
    ).fetchall()
    taken = {word for (word,) in words} | {*keyword.kwlist, *keyword.softkwlist, *TAKEN, *ROLES, *TABLES}
    taken |= {column.name for column in DRAWN}
    made: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        plain = _plain(name) or f"column_{number}"
        if plain in taken:
            plain = f"{plain}_value"
        others = (plain, *(f"{plain}_{count}" for count in range(2, len(names) + 2)))
        made[next(each for each in others if each not in made)] = None
    return [*made]


def _plain(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)
    latin = "".join(GERMAN.get(sign, sign) for sign in composed)
    ascii_only = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
    # A capital inside a word begins another one: leadTime.
    parted = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", ascii_only)
    words = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")[:60].strip("_")
    return f"c_{words}" if words[:1].isdigit() else words


def _samples(connection: duckdb.DuckDBPyConnection, delivery: Delivery, sources: Sequence[str]) -> list[Counts]:
    """Of each column the texts in some of the rows, with their counts."""
    if not sources:
        return []
    step = max(1, delivery.rows // SAMPLE)
    texts = ", ".join(f"trim({identifier(source)}::varchar)" for source in sources)
    # Not rowid: a column may be called so.
    sql = f"select {texts} from {delivery.table} qualify row_number() over () % {step} = 1 % {step}"
    columns = zip(*connection.execute(sql).fetchall(), strict=True)
    return [dict(sorted(Counter(value for value in column if value is not None).items())) for column in columns]


def _of_type(connection: duckdb.DuckDBPyConnection, delivery: Delivery, source: str, name: str, given: str) -> Found:
    """The column by the type with which it came."""
    own = identifier(source)
    found = Found(source, name, "text", f"{own}::varchar")
    if given.endswith("]") or given.startswith(NESTED):
        return replace(found, kind=None, notes=(f"{given.lower()} is no single value",))
    if given.startswith("TIMESTAMP"):
        return _of_timestamps(connection, delivery, found, zoned=given == "TIMESTAMP WITH TIME ZONE")
    if given in ("DOUBLE", "FLOAT") or given.startswith("DECIMAL"):
        # Whole until the rows are counted.
        return replace(found, kind="integer", sql=f"case when isfinite({own}::double) then {own}::double end")
    kinds: dict[str, Kind] = {"BOOLEAN": "boolean", "DATE": "date"}
    if given in WHOLE_TYPES or given in kinds:
        return replace(found, kind=kinds.get(given, "integer"), sql=own)
    return replace(found, sql=trimmed(source, MISSING)) if given == "VARCHAR" else found


def _of_timestamps(connection: duckdb.DuckDBPyConnection, delivery: Delivery, found: Found, *, zoned: bool) -> Found:
    own = identifier(found.source)
    clock = f"select count(*) from {delivery.table} where {own} <> date_trunc('day', {own})"
    if not connection.execute(clock).fetchall()[0][0]:
        return replace(found, kind="date", sql=f"{own}::date")
    sql = own if zoned else f"timezone('UTC', {own}::timestamp)"
    return replace(found, kind="time", sql=sql, notes=said("" if zoned else NO_ZONE))


def _guessed(
    connection: duckdb.DuckDBPyConnection, plain: Found, values: Counts, *, moment: bool
) -> tuple[Found, Found]:
    """The column as it is at least, and as what its texts look like."""
    if plain.kind == "integer":  # and called like a moment
        counted = as_digits(connection, values, f"{identifier(plain.source)}::varchar")
        return plain, _with_reading(plain, counted) if counted else plain
    here = {value: count for value, count in values.items() if value.lower() not in MISSING}
    rest = {value: count for value, count in here.items() if value.lower() not in MISSING_NUMBERS}
    some = tuple([*here][:: max(1, len(here) // 50)])
    text = replace(plain, texts=some, notes=said(_missing_note({*values} - {*here, ""})))
    if not rest:
        return text, text
    if read := as_boolean(here, text.sql):
        return text, _with_reading(text, read)
    words = sorted({value.lower() for value in {*here} - {*rest}})
    without = trimmed(plain.source, [*MISSING, *words])
    without_notes = said(_missing_note({*values} - {*rest, ""}))
    read = as_digits(connection, rest, without) if moment else None
    read = read or as_number(rest, without) or as_date(connection, rest, without)
    return text, _with_reading(replace(text, notes=without_notes), read) if read else text


def _with_reading(found: Found, read: Read) -> Found:
    return replace(found, kind=read.kind, sql=read.sql, notes=said(*found.notes, read.note), day_first=read.day_first)


def _missing_note(words: Iterable[str]) -> str:
    listed = ", ".join(map(repr, sorted(words)))
    return f"{listed} taken for a missing value" if listed else ""


def _measured(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, guesses: Sequence[tuple[Found, Found]]
) -> list[Found]:
    """The guesses with what all rows say: how many are missing and wrong, the range, the categories."""
    found = _counted(connection, delivery, [guess for _, guess in guesses])
    mixed = [place for place, each in enumerate(found) if each.wrong > MOST_WRONG * (each.rows - each.nulls)]
    again = _counted(connection, delivery, [_refused(guesses[place][0], found[place]) for place in mixed])
    for place, each in zip(mixed, again, strict=True):
        found[place] = each
    return _with_categories(connection, delivery, found)


def _refused(plain: Found, tried: Found) -> Found:
    note = f"{tried.wrong:,} of {tried.rows - tried.nulls:,} values are no {tried.kind}: read as {plain.kind}"
    return replace(plain, notes=(*plain.notes, note))


def _counted(connection: duckdb.DuckDBPyConnection, delivery: Delivery, columns: Sequence[Found]) -> list[Found]:
    """The columns with their counts, in one query: rows are read once."""
    single = [each for each in columns if each.kind]
    if not single:
        return [replace(each, rows=delivery.rows) for each in columns]
    values = ", ".join(f"{each.sql} as v{n}" for n, each in enumerate(single))
    types = ["double" if each.numeric else SQL_TYPES[each.kind or "text"] for each in single]
    casts = ", ".join(f"v{n}, try_cast(v{n} as {kind}) as n{n}" for n, kind in enumerate(types))
    marks = ", ".join(_marks_sql(n) if each.numeric else f"v{n}, n{n}" for n, each in enumerate(single))
    facts = ", ".join(_facts_sql(n, numeric=each.numeric) for n, each in enumerate(single))
    # One step in each, for DuckDB computes an expression as often as it stands there.
    sql = f"select {facts} from (select {marks} from (select {casts} from (select {values} from {delivery.table})))"
    row = iter(connection.execute(sql).fetchall()[0])
    known = {each.name: [next(row) for _ in range(FACTS)] for each in single}
    counted = [replace(each, rows=delivery.rows) for each in columns]
    return [_with_facts(each, known[each.name]) if each.kind else each for each in counted]


def _marks_sql(n: int) -> str:
    """Whether a number is none that DuckDB can hold as a whole one, and it again if it is a sentinel."""
    sentinel = f"case when n{n} in ({', '.join(map(str, SENTINELS))}) then n{n} end as s{n}"
    return f"v{n}, n{n}, n{n} <> round(n{n}) or abs(n{n}) >= 9e18 as p{n}, {sentinel}"


def _facts_sql(n: int, *, numeric: bool) -> str:
    counts = f"count(v{n}), count(n{n}), approx_count_distinct(n{n})"
    other = f"case when s{n} is null then n{n} end"
    numbers = f"count_if(p{n}), min({other}), max({other}), histogram(s{n})"
    return f"{counts}, {numbers if numeric else 'null, null, null, null'}"


def _with_facts(found: Found, facts: Sequence[Any]) -> Found:
    filled, fitting, distinct, parts, low, high, sentinels = facts
    found = replace(found, nulls=found.rows - filled, distinct=distinct, wrong=filled - fitting)
    if not found.numeric:
        return found
    seen: dict[float, int] = sentinels or {}
    far = _far(seen, low, high)
    kept = [v for v in (low, high, *(v for v in seen if v not in far)) if v is not None]
    kind: Kind = "number" if parts else found.kind or "number"
    found = replace(found, kind=kind, low=min(kept, default=None), high=max(kept, default=None))
    if not far:
        return found
    words = ", ".join(f"{v:g}" for v in far)
    return replace(
        found,
        sql=f"case when try_cast({found.sql} as double) in ({words}) then null else {found.sql} end",
        nulls=found.nulls + sum(seen[v] for v in far),
        distinct=distinct - len(far),
        notes=(*found.notes, f"{words} taken for a missing value: far from all others"),
    )


def _far(seen: Mapping[float, int], low: float | None, high: float | None) -> list[float]:
    """Numbers like -999 that lie far from all others: they stand for a missing value."""
    if low is None or high is None or low == high:
        return []
    room = max((high - low) / 2, 1)
    # Once, it may as well be an outlier: the range shows it.
    return sorted(v for v, count in seen.items() if count > 1 and not low - room <= v <= high + room)


def _with_categories(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, columns: Sequence[Found]
) -> list[Found]:
    """A text of few different values is a category: each with its count."""
    # Twice, for the number of different values is an estimate.
    few = [each for each in columns if each.kind == "text" and 0 < each.distinct <= 2 * MOST_CATEGORIES]
    if not few:
        return [*columns]
    counts = ", ".join(f"histogram({each.sql})" for each in few)
    counted = connection.execute(f"select {counts} from {delivery.table}").fetchall()[0]
    values = {each.name: found for each, found in zip(few, counted, strict=True)}
    return [_as_category(each, values[each.name]) if each.name in values else each for each in columns]


def _as_category(found: Found, counts: Counts) -> Found:
    if len(counts) > MOST_CATEGORIES:
        return found
    # A value that comes twice on average says something about others that have it.
    kind: Kind = "category" if len(counts) <= max(2, (found.rows - found.nulls) / 2) else "text"
    ordered = dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
    return replace(found, kind=kind, values=ordered, distinct=len(counts))
