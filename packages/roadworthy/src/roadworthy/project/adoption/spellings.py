"""How the texts of a column spell numbers, days, moments and yes and no, and the SQL that reads them so."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

import duckdb

from ...contract.schema import Kind
from ...data.delimited import identifier, literal

MOST_WRONG = 0.01  # share of the values that may be of another kind; with more of them the column is one of texts
MISSING = ("", "na", "n/a", "nan", "null", "#n/a", "#na", "?", "nil", "\\n", "k.a.", "n.a.", "keine angabe")
# What stands for a missing value among numbers and dates, and may be a word of its own elsewhere.
MISSING_NUMBERS = (
    "-",
    "--",
    ".",
    "none",
    "missing",
    "unknown",
    "absent",
    "k.a.",
    "unbekannt",
    "n.a.",
    "na.",
    "nd",
    "inf",
    "+inf",
    "-inf",
    "infinity",
    "-infinity",
)
BOOLEANS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))  # as DuckDB casts them
OTHER_BOOLEANS = (("ja", "nein"), ("j", "n"), ("oui", "non"), ("si", "no"), ("sí", "no"))
CODE = re.compile(r"0[0-9]+|[0-9]{19,}")
WHOLE = re.compile(r"[+-]?[0-9]{1,18}(\.0)?")  # 2.0: so pandas writes whole numbers beside missing ones
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
COMMA = re.compile(r"[+-]?([0-9]*,[0-9]+|[0-9]+)([eE][+-]?[0-9]+)?")
LOOSE = re.compile(r"[^A-Za-z]*[0-9][^A-Za-z]*([eE][+-]?[0-9]+[^A-Za-z]*)?")
SIGNS = re.compile(r"[€$£¥%]")
BLANKS = " \u00a0\u202f"
THREE_PLACES = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
ISO = re.compile(r"[0-9]{4}([-/])[0-9]{1,2}\1[0-9]{1,2}([T ][0-9]{1,2}:[0-9]{2}.*)?")
ZONE = r"(Z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$"
# Other dates are read by a format. What is put together here is tried by DuckDB as a whole.
DATES = (
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y.%m.%d",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%d. %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%Y-%m",
    "%Y/%m",
    "%Y-%m-%d",
    "%Y/%m/%d",
)
CLOCKS = ("", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%H:%M:%S %z", "%H:%M %z")
PARTS = {"%d": "[0-9]{1,2}", "%m": "[0-9]{1,2}", "%Y": "[0-9]{4}", "%y": "[0-9]{2}", "%b": "[A-Za-z]{3}"}
PARTS |= {"%B": "[A-Za-z]{3,9}", "%H": "[0-9]{1,2}", "%I": "[0-9]{1,2}", "%M": "[0-9]{2}", "%S": "[0-9]{2}"}
PARTS |= {"%f": "[0-9]{1,6}", "%p": "[AaPp][Mm]", "%z": "[+-][0-9]{2}:?[0-9]{2}", ".": r"\."}
DIGITS = re.compile(r"[0-9]{8,19}(\.[0-9]*)?")
COMPACT = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}
EPOCH = (10**8, 4 * 10**9)  # seconds, 1973 to 2096
UNITS = {1: "seconds", 10**3: "milliseconds", 10**6: "microseconds", 10**9: "nanoseconds"}
NO_ZONE = "no zone is said: taken as UTC"
Counts = Mapping[str, int]  # how often each text is there


class Read(NamedTuple):
    """How the texts of a column are read: as what, by which SQL, what a person should know."""

    kind: Kind
    sql: str
    note: str = ""
    day_first: bool | None = None


def trimmed(source: str, missing: Iterable[str]) -> str:
    """SQL: the text of a column without blanks around it, nothing where it is one of those words."""
    text = f"trim({identifier(source)})"
    words = ", ".join(literal(word) for word in missing)
    return f"case when lower({text}) in ({words}) then null else {text} end"


def said(*notes: str) -> tuple[str, ...]:
    """The notes that say something."""
    return tuple(note for note in notes if note)


def _share(pattern: re.Pattern[str], values: Counts) -> float:
    """The share of the rows whose text has a form."""
    fits = pattern.fullmatch
    return sum(count for value, count in values.items() if fits(value)) / sum(values.values())


def _is_most(share: float) -> bool:
    """Whether a share in the sample may be one of all rows that is large enough: these decide."""
    return share >= 1 - 2 * MOST_WRONG


def as_boolean(values: Counts, sql: str) -> Read | None:
    """The texts as yes and no, when both are there and nothing else."""
    small = {value.lower() for value in values}
    for words in (*BOOLEANS, *OTHER_BOOLEANS):
        if small == {*words}:
            if words in BOOLEANS:
                return Read("boolean", sql)
            yes, no = map(literal, words)
            mapped = f"case lower({sql}) when {yes} then 'true' when {no} then 'false' else {sql} end"
            return Read("boolean", mapped, f"{words[0]!r} is yes")
    return None


def as_number(values: Counts, sql: str) -> Read | None:
    """The texts as numbers: with a sign of money, a decimal comma, groups of digits; none if they are none."""
    if any(map(CODE.fullmatch, values)) or not _is_most(_share(LOOSE, values)):
        return None  # what begins with a nought is a code, and so is what has more digits than a number
    signs: Counter[str] = Counter()
    for value, count in values.items():
        signs.update(dict.fromkeys(SIGNS.findall(value), count))
    sign = max(signs, key=lambda each: signs[each], default="")  # what has another one is of another unit
    if sign:
        around = f"[\\s{BLANKS}]*[{sign}][\\s{BLANKS}]*"
        sql = f"regexp_replace({sql}, {literal(around)}, '', 'g')"
        values = _bare(values, re.compile(around))
    read = _spelling(values, sql)
    return read and read._replace(note="; ".join(said(f"{sign!r} left out" if sign else "", read.note)))


def _bare(values: Counts, sign: re.Pattern[str]) -> Counts:
    bare: Counter[str] = Counter()
    for value, count in values.items():
        bare[sign.sub("", value)] += count
    return bare


def _spelling(values: Counts, sql: str) -> Read | None:
    """The spelling that most of the numbers have; of two alike the first, so that 1.234 is no thousand."""
    shares: dict[tuple[str, str], float] = {}
    for between, point, pattern in _spellings():
        shares[between, point] = _share(pattern, values)
        if shares[between, point] == 1:
            break
    between, point = max(shares, key=lambda each: shares[each])
    if not _is_most(shares[between, point]):
        return None
    if not between:
        doubtful = point == "." and all("." not in value or THREE_PLACES.fullmatch(value) for value in values)
        note = "decimal comma" if point == "," else "the point is one of decimals" if doubtful else ""
        return Read("number" if point else "integer", _pointed(sql, point), note)
    grouped = f"regexp_replace({sql}, {literal(f'[{between}]([0-9]{{3}})' + chr(92) + 'b')}, '\\1', 'g')"
    note = f"{between[0]!r} parts thousands" + (", decimal comma" if point == "," else "")
    kind: Kind = "number" if any(point in value for value in values) else "integer"
    return Read(kind, _pointed(grouped, point), note)


@cache
def _spellings() -> list[tuple[str, str, re.Pattern[str]]]:
    """What parts thousands, what parts decimals, and how such a number looks."""
    made = [("", "", WHOLE), ("", ".", NUMBER)]
    for between, point in ((",", "."), (".", ","), (BLANKS, ","), (BLANKS, "."), ("'\u2019", "."), ("'\u2019", ",")):
        # A comma among numbers of four digits without one is one of decimals.
        alone = "{1,3}" if between in ".," else "+"
        whole = f"([1-9][0-9]{{0,2}}([{between}][0-9]{{3}})+|[0-9]{alone})"
        made.append((between, point, re.compile(rf"[+-]?{whole}([{point}][0-9]+)?")))
        if between == ",":
            made.append(("", ",", COMMA))
    return made


def _pointed(sql: str, point: str) -> str:
    return f"replace({sql}, ',', '.')" if point == "," else sql


def as_date(connection: duckdb.DuckDBPyConnection, values: Counts, sql: str) -> Read | None:
    """The texts as days or moments; none if they are none."""
    if _is_most(_share(ISO, values)):
        days = max(map(len, values)) <= 10
        zoned = sum(count for value, count in values.items() if re.search(ZONE, value)) / sum(values.values())
        (share,) = _fitting(connection, values, "try_cast(value as timestamptz)")
        if _is_most(share):
            return Read("date", sql) if days else Read("time", sql, "" if _is_most(zoned) else NO_ZONE)
    some = [*values][:: max(1, len(values) // 20)]
    likely = [form for form, pattern in _forms().items() if any(map(pattern.fullmatch, some))]
    likely = [form for form in likely if _is_most(_share(_forms()[form], values))]
    shares = _fitting(connection, values, *(f"try_strptime(value, {literal(form)})" for form in likely))
    fitting = {form: share for form, share in zip(likely, shares, strict=True) if _is_most(share)}
    if not fitting:
        return None
    form, either = _chosen(connection, fitting)
    read = f"try_strptime({sql}, {literal(form)})"
    if form in DATES:
        return Read("date", f"coalesce({read}::date::varchar, {sql})", f"read as {form}", either)
    note = f"read as {form}" + ("" if "%z" in form else f", {NO_ZONE}")
    return Read("time", f"coalesce({read}::varchar, {sql})", note, either)


@cache
def _forms() -> dict[str, re.Pattern[str]]:
    """The formats of dates, and how such a text looks: DuckDB would take 31.12.99 for one of the year 99."""
    forms = [f"{date} {clock}".strip() for clock in CLOCKS for date in DATES]
    return {form: re.compile(re.sub(r"%\w|\.", lambda part: PARTS[part.group()], form)) for form in forms}


def _fitting(connection: duckdb.DuckDBPyConnection, values: Counts, *casts: str) -> list[float]:
    """Of each cast the share of the rows to whose text it gives a value; leaves the texts as the table `spelled`."""
    if not casts:
        return []
    given = {"texts": [*values], "counts": [*values.values()]}
    connection.execute(
        "create or replace temp table spelled as select unnest($texts) as value, unnest($counts) as n", given
    )
    sums = ", ".join(f"coalesce(sum(n) filter ({cast} is not null), 0) / sum(n)" for cast in casts)
    return [float(share) for share in connection.execute(f"select {sums} from spelled").fetchall()[0]]


def _chosen(connection: duckdb.DuckDBPyConnection, forms: Mapping[str, float]) -> tuple[str, bool | None]:
    """The form to read by; where day and month can change places, that whose days lie nearest to each other."""
    spans = []
    for form, share in forms.items():
        day = f"try_strptime(value, {literal(form)})"
        (span,) = connection.execute(f"select datediff('day', min({day}), max({day})) from spelled").fetchall()[0]
        spans.append((-share, span, form))
    share, _, best = min(spans, key=lambda each: each[:2])
    either = {form.startswith("%d") for others, _, form in spans if others == share}
    return best, best.startswith("%d") if len(either) > 1 and "%m" in best else None


def as_digits(connection: duckdb.DuckDBPyConnection, values: Counts, sql: str) -> Read | None:
    """Days as 20240131, or seconds and parts of them since 1970."""
    if not values or not _is_most(_share(DIGITS, values)):
        return None
    for length, form in COMPACT.items():
        if all(len(value) == length for value in values):
            (share,) = _fitting(connection, values, f"try_strptime(value, {literal(form)})")
            if _is_most(share):
                kind: Kind = "date" if length == min(COMPACT) else "time"
                read = f"try_strptime({sql}, {literal(form)}){'::date' if kind == 'date' else ''}::varchar"
                return Read(kind, f"coalesce({read}, {sql})", f"read as {form}")
    numbers = {float(value): count for value, count in values.items() if DIGITS.fullmatch(value)}
    for unit, what in UNITS.items():
        inside = sum(count for number, count in numbers.items() if EPOCH[0] <= number / unit <= EPOCH[1])
        if _is_most(inside / sum(values.values())):
            return Read("time", _epoch_sql(sql, unit), f"{what} since 1970")
    return None


def _epoch_sql(sql: str, unit: int) -> str:
    seconds = f"try_cast({sql} as double) / {unit}"
    moment = f"make_timestamp(({seconds} * 1000000)::bigint)::varchar"
    return f"case when {seconds} between {EPOCH[0]} and {EPOCH[1]} then {moment} else {sql} end"
