"""What each column of a delivered table holds: its kind, its plain name, and how its texts are read.

Kinds are guessed from some thousand rows, and held against all of them: what does not fit is counted, by column.
"""

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from ..contract.rules import SQL_TYPES
from ..contract.schema import DRAWN, TAKEN, Kind
from ..data.delimited import identifier, literal
from ..data.deliveries import Delivery

SAMPLE = 20_000  # rows from which kinds are guessed
MOST_WRONG = 0.01  # share of the values that may be of another kind; with more of them the column is one of texts
MOST_CATEGORIES = 200  # different texts of a category; what has more of them says little about each
MISSING = ("", "na", "n/a", "nan", "null", "#n/a", "#na", "?", "nil", "\\n")
# What stands for a missing value among numbers and dates, and may be a word of its own elsewhere.
MISSING_NUMBERS = ("-", "--", ".", "none", "missing", "unknown", "absent", "k.a.", "unbekannt", "n.a.", "na.", "nd")
SENTINELS = (-9, -99, -999, -9999, -99999, -999999, 99, 999, 9999, 99999, 999999)
BOOLEANS = {
    ("true", "false"): None,
    ("yes", "no"): None,
    ("y", "n"): None,
    ("t", "f"): None,
    ("ja", "nein"): ("ja", "nein"),
    ("j", "n"): ("j", "n"),
    ("oui", "non"): ("oui", "non"),
    ("si", "no"): ("si", "no"),
}
INTEGER = re.compile(r"[+-]?\d{1,18}")
PADDED = re.compile(r"0\d+")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?|[+-]?\d+")
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?|[+-]?\d{1,3}(\.\d+)?")
GROUPED_COMMA = re.compile(r"[+-]?\d{1,3}([. ']\d{3})+(,\d+)?|[+-]?\d{1,3}(,\d+)?")
SIGNS = re.compile(r"[€$£%\s\u00a0]")
# Dates that DuckDB casts by itself need no format.
DATES = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y")
DATES += ("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%Y-%m", "%Y/%m")
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", " %H:%M:%S %z")
COMPACT = ("%Y%m%d", "%Y%m%d%H%M%S")
LIKE_DATE = re.compile(r"\d{1,4}[-./ ]\w{1,9}[-./ ,]|[A-Za-z]{3,9} \d{1,2}, \d{4}|\d{4}[-/]\d{2}$")
LIKE_MOMENT = re.compile(r"time|date|epoch|stamp|_at$|^at_|_ts$|^ts$|zeit|datum|created|when", re.IGNORECASE)
EPOCH = {1: (10**8, 4 * 10**9), 1000: (10**11, 4 * 10**12)}  # seconds and milliseconds, 1973 to 2096
GERMAN = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
ROLES = ("row_id", "asked_at", "asked_day", "known_at", "line")  # columns that a draft adds
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Found:
    """A column: how the file spells it, its plain name, its kind (none: no single value), how it is read, what it holds.

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
    plain = plain_names(connection, delivery.columns)
    types = dict(connection.execute(f"select column_name, column_type from (describe {delivery.table})").fetchall())
    step = max(1, delivery.rows // SAMPLE)
    named = {*moments}
    found = []
    for source, name in zip(delivery.columns, plain, strict=True):
        given = types[source].upper()
        if given == "VARCHAR":
            values = _some_values(connection, delivery.table, source, step)
            found.append(_of_texts(connection, source, name, values, moment=source in named))
        else:
            found.append(_of_type(connection, delivery, source, name, given, moment=source in named))
    return [_measured(connection, delivery, each) for each in found]


def plain_names(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[str]:
    """For each name one that Python, SQL and URLs take without quotes, no two alike.

    >>> plain_names(duckdb.connect(), ["Größe (cm)", "order", "Grösse cm", "2nd", "?"])
    ['groesse_cm', 'order_value', 'groesse_cm_2', 'c_2nd', 'column_5']
    """
    words = connection.execute(
        "select keyword_name from duckdb_keywords() where keyword_category in ('reserved', 'type_function')"
    ).fetchall()
    taken = {word for (word,) in words} | {*keyword.kwlist, *keyword.softkwlist, *TAKEN, *ROLES, "delivery", "features"}
    taken |= {column.name for column in DRAWN}
    made: list[str] = []
    for number, name in enumerate(names, start=1):
        plain = _plain(name) or f"column_{number}"
        if plain in taken:
            plain = f"{plain}_value"
        others = (plain, *(f"{plain}_{count}" for count in range(2, len(names) + 2)))
        made.append(next(each for each in others if each not in made))
    return made


def _plain(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)
    latin = "".join(GERMAN.get(sign, sign) for sign in composed)
    ascii_only = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
    # A capital inside a word begins another one: leadTime.
    parted = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", ascii_only)
    words = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")[:60].strip("_")
    return f"c_{words}" if words[:1].isdigit() else words


def _some_values(connection: duckdb.DuckDBPyConnection, table: str, source: str, step: int) -> list[str]:
    sql = f"select distinct trim({identifier(source)}) from {table} where rowid % {step} = 0 and {identifier(source)} is not null"
    return sorted(value for (value,) in connection.execute(sql).fetchall())


def _trimmed(source: str, missing: Iterable[str]) -> str:
    text = f"trim({identifier(source)})"
    words = ", ".join(literal(word) for word in missing)
    return f"case when lower({text}) in ({words}) then null else {text} end"


def _of_texts(
    connection: duckdb.DuckDBPyConnection, source: str, name: str, values: Sequence[str], *, moment: bool
) -> Found:
    """The column that came as texts, by its different values."""
    here = [value for value in values if value.lower() not in MISSING]
    said = sorted({value for value in values if value.lower() in MISSING and value})
    rest = [value for value in here if value.lower() not in MISSING_NUMBERS]
    known = _notes(f"{_listed(said)} taken for a missing value" if said else "")
    trimmed = _trimmed(source, MISSING)
    empty = Found(source, name, "text", trimmed, known, texts=tuple(here[:: max(1, len(here) // 50)]))
    if not here:
        return empty
    more = [*MISSING, *sorted({value.lower() for value in here} & {*MISSING_NUMBERS})]
    without = _trimmed(source, more)
    dropped = sorted({value for value in here if value.lower() in MISSING_NUMBERS})
    also = _notes(*known, f"{_listed(dropped)} taken for a missing value" if dropped else "")
    for guess in (_as_boolean, _as_number):
        if found := guess(rest, without):
            kind, sql, note = found
            if kind == "integer" and (moment or LIKE_MOMENT.search(source)):
                break
            return replace(empty, kind=kind, sql=sql, notes=_notes(*also, note))
    if dated := _as_date(connection, rest, without, moment=moment, source=source):
        kind, sql, note, either = dated
        return replace(empty, kind=kind, sql=sql, notes=_notes(*also, note), day_first=either)
    if number := _as_number(rest, without):
        return replace(empty, kind=number[0], sql=number[1], notes=_notes(*also, number[2]))
    return empty


def _notes(*notes: str) -> tuple[str, ...]:
    return tuple(note for note in notes if note)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(repr(word) for word in words)


def _as_boolean(values: Sequence[str], sql: str) -> tuple[Kind, str, str] | None:
    small = {value.lower() for value in values}
    for words, spelled in BOOLEANS.items():
        if small and small <= {*words} and len(small) == 2:
            if spelled is None:
                return "boolean", sql, ""
            yes, no = map(literal, spelled)
            mapped = f"case lower({sql}) when {yes} then 'true' when {no} then 'false' else {sql} end"
            return "boolean", mapped, f"{spelled[0]!r} is yes"
    return None


def _most(pattern: re.Pattern[str], values: Sequence[str]) -> bool:
    """Whether nearly all of the values have a form."""
    fitting = sum(bool(pattern.fullmatch(value)) for value in values)
    return (
        bool(values) and fitting >= len(values) - max(2, round(MOST_WRONG * len(values))) and fitting > len(values) / 2
    )


def _as_number(values: Sequence[str], sql: str) -> tuple[Kind, str, str] | None:
    """Kind, SQL and a note, if the texts are numbers: with units and signs, a decimal comma, groups of digits."""
    if not values or any(PADDED.fullmatch(value) for value in values):
        return None  # what begins with a nought is a code
    plain = [SIGNS.sub("", value) for value in values]
    signs = sorted({sign for value in values for sign in SIGNS.findall(value) if sign.strip()})
    note = f"{_listed(signs)} left out" if signs else ""
    bare = f"regexp_replace({sql}, '[€$£%\\s\\u00a0]', '', 'g')".replace("\\u00a0", "\u00a0") if signs else sql
    if _most(INTEGER, plain):
        return "integer", bare, note
    if _most(NUMBER, plain):
        return "number", bare, note
    if _most(GROUPED, plain) and not _is_decimal_comma(plain):
        whole = not any("." in value for value in plain)
        return "integer" if whole else "number", f"replace({bare}, ',', '')", "a comma parts thousands"
    if _most(COMMA, plain):
        return "number", f"replace({bare}, ',', '.')", "decimal comma"
    if _most(GROUPED_COMMA, plain):
        signs_out = f"regexp_replace({bare}, '[. '']', '', 'g')"
        return "number", f"replace({signs_out}, ',', '.')", "decimal comma, thousands parted"
    return None


def _is_decimal_comma(values: Sequence[str]) -> bool:
    """Whether a comma is that of a decimal: not always three digits behind it, and never two commas."""
    with_comma = [value for value in values if "," in value]
    return not any(value.count(",") > 1 or "." in value for value in with_comma) and any(
        len(value.rpartition(",")[2]) != 3 for value in with_comma
    )


def _as_date(
    connection: duckdb.DuckDBPyConnection, values: Sequence[str], sql: str, *, moment: bool, source: str
) -> tuple[Kind, str, str, bool | None] | None:
    """Kind, SQL, a note, and whether day or month come first where it could be either; none if these are no dates."""
    likely = moment or bool(LIKE_MOMENT.search(source))
    digits = [value for value in values if value.isdigit()]
    if likely and len(digits) == len(values):
        return _of_digits(connection, values, sql)
    if not _most(re.compile(f"(?:{LIKE_DATE.pattern}).*|.*(?:{LIKE_DATE.pattern}).*"), values):
        return None
    some = list(values[:: max(1, len(values) // 2000)])
    connection.execute("create or replace temp table spelled as select unnest($some) as value", {"some": some})
    casts = _fits(connection, "try_cast(value as timestamptz) is not null", len(some))
    if casts:
        # A moment of the clock is no day; a zone is one only where it is said.
        days = _fits(connection, "length(value) <= 10", len(some), exactly=True)
        zoned = _fits(
            connection,
            r"regexp_matches(value, '(Z|[+-]\d\d:?\d\d|[A-Za-z]+/[A-Za-z_]+)$') and length(value) > 10",
            len(some),
        )
        note = "" if days or zoned else "no zone is said: taken as UTC"
        return ("date", sql, "", None) if days else ("time", sql, note, None)
    fitting = [
        f"{date}{clock}"
        for clock in CLOCKS
        for date in DATES
        if _fits(connection, f"try_strptime(value, {literal(date + clock)}) is not null", len(some))
    ]
    if not fitting:
        return None
    form, either = _chosen(connection, fitting)
    kind: Kind = "date" if form in DATES else "time"
    out = "%Y-%m-%d" if kind == "date" else "%Y-%m-%d %H:%M:%S"
    note = f"read as {form}" + ("" if kind == "date" or "%z" in form else ", no zone is said: taken as UTC")
    return kind, f"coalesce(strftime(try_strptime({sql}, {literal(form)}), {literal(out)}), {sql})", note, either


def _fits(connection: duckdb.DuckDBPyConnection, condition: str, count: int, *, exactly: bool = False) -> bool:
    (fitting,) = connection.execute(f"select count(*) from spelled where {condition}").fetchall()[0]
    return bool(fitting == count if exactly else fitting >= count - max(2, MOST_WRONG * count) and fitting > count / 2)


def _chosen(connection: duckdb.DuckDBPyConnection, forms: Sequence[str]) -> tuple[str, bool | None]:
    """The form to read by; where day and month can change places, that with the fewest gaps between days."""
    day_first = {form: form.startswith("%d") for form in forms}
    if len({*day_first.values()}) < 2 or not any("/" in form or "-" in form for form in forms):
        return forms[0], None
    spans = {}
    for form in forms:
        parsed = f"try_strptime(value, {literal(form)})"
        sql = f"select datediff('day', min({parsed}), max({parsed})), count({parsed}) from spelled"
        span, count = connection.execute(sql).fetchall()[0]
        spans[form] = (-count, span)
    best = min(spans, key=lambda form: spans[form])
    others = [form for form in forms if day_first[form] != day_first[best] and spans[form][0] == spans[best][0]]
    return best, day_first[best] if others else None


def _of_digits(
    connection: duckdb.DuckDBPyConnection, values: Sequence[str], sql: str
) -> tuple[Kind, str, str, bool | None] | None:
    """Days as 20240131, or seconds or milliseconds since 1970."""
    numbers = [int(value) for value in values]
    for form in COMPACT:
        some = [value for value in values if len(value) == (8 if form == COMPACT[0] else 14)]
        if len(some) == len(values):
            connection.execute("create or replace temp table spelled as select unnest($some) as value", {"some": some})
            if _fits(connection, f"try_strptime(value, {literal(form)}) is not null", len(some)):
                kind: Kind = "date" if form == COMPACT[0] else "time"
                out = "%Y-%m-%d" if kind == "date" else "%Y-%m-%d %H:%M:%S"
                read = f"strftime(try_strptime({sql}, {literal(form)}), {literal(out)})"
                return kind, f"coalesce({read}, {sql})", f"read as {form}", None
    for unit, (first, last) in EPOCH.items():
        if all(first <= number <= last for number in numbers):
            return "time", epoch_sql(sql, unit), f"{'milli' if unit > 1 else ''}seconds since 1970", None
    return None


def epoch_sql(sql: str, unit: int) -> str:
    """SQL: a moment from a count since 1970, of `unit` in a second."""
    return f"coalesce(strftime(epoch_ms(try_cast({sql} as bigint) * {1000 // unit}), '%Y-%m-%d %H:%M:%S'), {sql})"


def _of_type(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, source: str, name: str, given: str, *, moment: bool
) -> Found:
    """The column that came with a type."""
    own = identifier(source)
    found = Found(source, name, "text", f"{own}::varchar")
    if given == "BOOLEAN":
        return replace(found, kind="boolean", sql=own)
    if "INT" in given:
        low, high = connection.execute(f"select min({own}), max({own}) from {delivery.table}").fetchall()[0]
        for unit, (first, last) in EPOCH.items():
            if (moment or LIKE_MOMENT.search(source)) and low is not None and first <= low <= high <= last:
                return replace(
                    found, kind="time", sql=epoch_sql(f"{own}::varchar", unit), notes=("seconds since 1970",)
                )
        return replace(found, kind="integer", sql=own)
    if given in ("DOUBLE", "FLOAT") or given.startswith("DECIMAL"):
        finite = f"case when isfinite({own}::double) then {own}::double end"
        odd = f"select count(*) from {delivery.table} where {own}::double <> round({own}::double)"
        whole = not connection.execute(odd).fetchall()[0][0]
        return replace(found, kind="integer" if whole else "number", sql=finite)
    if given == "DATE":
        return replace(found, kind="date", sql=own)
    if given.startswith("TIMESTAMP"):
        zoned = given == "TIMESTAMP WITH TIME ZONE"
        whole = f"select count(*) from {delivery.table} where {own} <> date_trunc('day', {own})"
        if not connection.execute(whole).fetchall()[0][0]:
            return replace(found, kind="date", sql=f"{own}::date")
        sql = own if zoned else f"timezone('UTC', {own})"
        return replace(found, kind="time", sql=sql, notes=() if zoned else ("no zone is said: taken as UTC",))
    nested = any(word in given for word in ("STRUCT", "MAP", "[", "BLOB", "UNION"))
    return replace(found, kind=None, notes=(f"{given.lower()} is no single value",)) if nested else found


def _measured(connection: duckdb.DuckDBPyConnection, delivery: Delivery, found: Found) -> Found:
    """With what all rows say: how many are missing and wrong, the range, the categories."""
    if not found.kind:
        return replace(found, rows=delivery.rows)
    here, table = found.sql, delivery.table
    wrong = f"count_if(({here}) is not null and {found.cast} is null)"
    if found.kind == "integer":  # DuckDB would round
        wrong = (
            f"count_if(({here}) is not null and try_cast({here} as double) is distinct from try_cast({here} as bigint))"
        )
    bounds = f", min({found.cast})::double, max({found.cast})::double" if found.numeric else ", null, null"
    sql = f"select count(*), count({here}), {wrong}, approx_count_distinct({here}){bounds} from {table}"
    rows, filled, odd, distinct, low, high = connection.execute(sql).fetchall()[0]
    found = replace(found, rows=rows, nulls=rows - filled, distinct=distinct, wrong=odd, low=low, high=high)
    if found.kind == "integer" and odd > MOST_WRONG * max(filled, 1):
        return _measured(connection, delivery, replace(found, kind="number"))
    if found.kind not in ("text", "category") and odd > MOST_WRONG * max(filled, 1):
        mixed = f"{odd:,} of {filled:,} values are no {found.kind}: read as text"
        text = (
            _trimmed(found.source, MISSING)
            if _is_text(connection, delivery, found)
            else f"{identifier(found.source)}::varchar"
        )
        return _measured(connection, delivery, replace(found, kind="text", sql=text, notes=(*found.notes, mixed)))
    if found.numeric:
        return _without_sentinels(connection, delivery, found)
    if found.kind == "text":
        return _categories(connection, delivery, found)
    return found


def _is_text(connection: duckdb.DuckDBPyConnection, delivery: Delivery, found: Found) -> bool:
    sql = f"select any_value(typeof({identifier(found.source)})) from {delivery.table}"
    return bool(connection.execute(sql).fetchall()[0][0] == "VARCHAR")


def _categories(connection: duckdb.DuckDBPyConnection, delivery: Delivery, found: Found) -> Found:
    """A text of few different values is a category: each with its count."""
    sql = f"""
        select value, count(*) as n from (select {found.sql} as value from {delivery.table})
        where value is not null group by value order by n desc, value limit {MOST_CATEGORIES + 1}
    """
    counts = dict(connection.execute(sql).fetchall())
    filled = found.rows - found.nulls
    distinct = len(counts) if len(counts) <= MOST_CATEGORIES else found.distinct
    # A value that comes twice on average says something about others that have it.
    few = len(counts) <= MOST_CATEGORIES and len(counts) <= max(2, filled / 2)
    kind: Kind = "category" if counts and few else "text"
    return replace(found, kind=kind, values=counts, distinct=distinct)


def _without_sentinels(connection: duckdb.DuckDBPyConnection, delivery: Delivery, found: Found) -> Found:
    """Numbers like -999 that lie far from all others stand for a missing value."""
    listed = ", ".join(map(str, SENTINELS))
    value = found.cast
    sql = f"""
        select
            list_distinct(list(v) filter (v in ({listed}))), min(v) filter (v not in ({listed})),
            max(v) filter (v not in ({listed})), count(v)
        from (select ({value})::double as v from {delivery.table})
    """
    seen, low, high, _ = connection.execute(sql).fetchall()[0]
    if not seen or low is None:
        return found
    # Of several, the ones nearest to the others may be numbers like any other.
    span = max(high - low, 1e-9)
    far = sorted(v for v in seen if v < low - max(span / 2, 1) or v > high + max(span / 2, 1))
    if not far:
        return found
    for v in far:
        count = connection.execute(
            f"select count(*) from (select ({value})::double as v from {delivery.table}) where v = {v}"
        ).fetchall()[0][0]
        if count < 2:
            return found  # once, it may as well be an outlier: the range shows it
    words = ", ".join(f"{v:g}" for v in far)
    number = f"try_cast({found.sql} as double)"
    cleaned = f"case when {number} in ({words}) then null else {found.sql} end"
    kept = [low, high, *(v for v in seen if v not in far)]
    note = f"{words} taken for a missing value: far from all others"
    nulls = connection.execute(f"select count(*) - count({cleaned}) from {delivery.table}").fetchall()[0][0]
    return replace(found, sql=cleaned, nulls=nulls, low=min(kept), high=max(kept), notes=(*found.notes, note))
