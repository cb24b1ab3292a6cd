"""The columns of the roles: target, key, time; asked of a person where the table does not say."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ...base.errors import InputError
from ...data.delimited import identifier
from ...data.snapshots import MIN_ROWS
from ...gates.privacy import personal_kinds
from .columns import Found

# A question, the answers that there are, and the one on the safe side; what is answered.
Ask = Callable[[str, Sequence[str], str], str]
CLASSES = 10  # different whole numbers of a target from which on it is a number and no class
MANY = 20  # different values from which on a column can hold names or numbers of persons
MOST_DAYS = 3650  # until a target is known
NEARLY_ALL = 0.9  # of the rows have another value, so that a column may be a key
FEW_MISSING = 0.05  # of the rows may have no time
DELAY = "How many days after its time is the target of a row known (--delay)?"
NUMBER = "a number"  # an answer
ENDINGS = ("_id", "nr", "nummer", "kennung")  # of names of what identifies
NO_WORDS = frozenset(("false", "no", "n", "f", "nein", "non"))

# Words in the name of a column, between its underscores.
SENSITIVE = frozenset(
    [
        "sex",
        "gender",
        "race",
        "ethnicity",
        "ethnic",
        "religion",
        "religious",
        "nationality",
        "citizenship",
        "citizen",
        "disability",
        "disabled",
        "pregnant",
        "pregnancy",
        "orientation",
        "political",
        "marital",
        "married",
        "skin",
        "birth",
        "born",
        "birthday",
        "birthdate",
        "dob",
        "geschlecht",
        "herkunft",
        "religionszugehoerigkeit",
        "staatsangehoerigkeit",
        "familienstand",
        "geburtsdatum",
        "geburtsjahr",
    ]
)
AGES = frozenset(["age", "alter", "age_years", "age_group", "customer_age", "patient_age", "person_age"])
PERSONAL = frozenset(
    [
        "firstname",
        "lastname",
        "surname",
        "forename",
        "vorname",
        "nachname",
        "email",
        "mail",
        "phone",
        "telephone",
        "mobile",
        "telefon",
        "address",
        "street",
        "strasse",
        "iban",
        "passport",
        "ssn",
    ]
)
NAMES = frozenset(
    ["first_name", "last_name", "full_name", "customer_name", "patient_name", "person_name", "client_name", "name"]
)
IDS = frozenset(
    [
        "id",
        "ids",
        "uuid",
        "guid",
        "key",
        "number",
        "nr",
        "num",
        "no",
        "code",
        "ref",
        "reference",
        "identifier",
        "nummer",
        "kennung",
    ]
)
SPLIT = re.compile(r"(^|_)((is|in)_(train|test|val)|split|fold|holdout|(train|test|val)_(set|flag|test|split))")
SPLIT_VALUES = frozenset(
    ["train", "training", "test", "testing", "valid", "validation", "val", "dev", "holdout", "learn"]
)


@dataclass(frozen=True)
class Asked:
    """What somebody said on the command line; names as the file spells them, or plain."""

    target: str
    time: str = ""
    key: str = ""
    after: tuple[str, ...] = ()
    positive: str = ""
    delay: str = ""


@dataclass(frozen=True)
class Roles:
    """The columns of the roles by their plain names; "" where there is none."""

    target: str
    positive: str
    regression: bool
    time: str
    key: str
    group: str = ""
    delay: int = 1  # days until the target is known


def resolved(columns: Sequence[Found], name: str, option: str) -> Found:
    """The column that somebody means, as the file spells it or by its plain name; InputError when there is none."""
    same = [each for each in columns if each.source == name] or [each for each in columns if each.name == name]
    same = same or [each for each in columns if each.source.strip().lower() == name.strip().lower()]
    if same:
        return same[0]
    known = ", ".join(each.source for each in columns[:30])
    raise InputError(f"there is no column {name!r}", where=option, hint=f"the file has {known}")


def decide_roles(connection: duckdb.DuckDBPyConnection, columns: Sequence[Found], asked: Asked, ask: Ask) -> Roles:
    """Target, time and key, by what was said, else by what the columns hold."""
    target = resolved(columns, asked.target, "--target")
    positive, regression = _target(connection, target, asked.positive, ask)
    time = _given_time(columns, asked) if asked.time else _found_time(columns, target, asked, ask)
    if asked.key:
        key = _given_key(connection, resolved(columns, asked.key, "--key"))
    else:
        key = _found_key(connection, [column for column in columns if column.name not in (target.name, time)])
    delay = _delay(asked.delay or ask(DELAY, (), "1")) if time else 1
    return Roles(target.name, positive, regression, time, key, delay=delay)


def _delay(days: str) -> int:
    if not days.strip().isdigit() or int(days) > MOST_DAYS:
        raise InputError(f"{days!r} is no number of days", where="--delay", hint="give a whole number")
    return int(days)


def _target(connection: duckdb.DuckDBPyConnection, target: Found, positive: str, ask: Ask) -> tuple[str, bool]:
    """The value that stands for yes ("" for a boolean and a number), and whether the target is a number."""
    _require_target(target)
    if target.kind == "boolean":
        if positive.lower() in NO_WORDS or (positive and positive not in target.texts):
            what, hint = (
                f"{positive!r} is not yes",
                f"leave --positive out: the values are {', '.join(target.texts[:2])}",
            )
            raise InputError(what, where="--positive", hint=hint)
        return "", False
    many = target.distinct > 2 and (target.kind == "number" or target.distinct > CLASSES)
    if target.numeric and many and not positive:
        return "", True
    counts = _counts(connection, target)
    where = f"--target {target.source}"
    if len(counts) < 2:
        raise InputError("has one value only: there is nothing to learn", where=where, hint="choose another column")
    if positive or set(counts) == {"0", "1"}:
        return _known(positive or "1", counts), False
    if target.numeric and len(counts) > 2:
        words = f"{target.source} has {len(counts)} different whole numbers"
        answer = ask(f"The target {words}. Is it a number, or which value is yes?", (NUMBER, *counts), NUMBER)
        return ("", True) if answer == NUMBER else (_known(answer, counts), False)
    # Of two, what one asks about is mostly the rare one; of several, the frequent one can be learned best.
    by_count = sorted(counts, key=lambda value: (counts[value], value))
    safe = by_count[0] if len(counts) == 2 else by_count[-1]
    answer = ask(f"Which value of {target.source} is yes? The others are no.", tuple(counts), safe)
    return _known(answer, counts), False


def _require_target(target: Found) -> None:
    where, hint = f"--target {target.source}", "a target is a number, or has few values"
    if target.rows - target.nulls < 2 * MIN_ROWS:
        what = f"has {target.rows - target.nulls:,} values; at least {2 * MIN_ROWS} are needed to learn and to judge"
        raise InputError(what, where=where, hint="give more rows")
    if target.kind in ("date", "time", None):
        raise InputError(f"is of the kind {target.kind or 'nested'}", where=where, hint=hint)
    if target.kind == "text":
        raise InputError(f"has {target.distinct:,} different texts: no classes, and no number", where=where, hint=hint)


def _known(answer: str, counts: Mapping[str, int]) -> str:
    if answer not in counts:
        there = ", ".join(list(counts)[:20])
        raise InputError(f"there is no value {answer!r} of the target", where="--positive", hint=f"there are {there}")
    return answer


def _counts(connection: duckdb.DuckDBPyConnection, column: Found) -> dict[str, int]:
    name = identifier(column.name)
    sql = f"select {name}::varchar, count(*) from records where {name} is not null group by all order by 2 desc, 1"
    return dict(connection.execute(f"{sql} limit 200").fetchall())


def _given_time(columns: Sequence[Found], asked: Asked) -> str:
    column = resolved(columns, asked.time, "--time")
    if column.kind in ("date", "time"):
        return column.name
    texts = ", ".join(column.texts[:3])
    what = f"cannot be read as a date or a time: {texts}" if texts else "is no date or time"
    hint = "write days as 2024-01-31, times as 2024-01-31 10:00"
    raise InputError(what, where=f"--time {column.source}", hint=hint)


def _found_time(columns: Sequence[Found], target: Found, asked: Asked, ask: Ask) -> str:
    not_this = {target.name, *(resolved(columns, name, "--after").name for name in asked.after)}
    dated = [c for c in columns if c.kind in ("date", "time") and c.share_null < FEW_MISSING and c.name not in not_this]
    dated = [c for c in dated if not is_sensitive(c)]
    if not dated:
        return ""
    # The first is on the safe side: what lies after it is known only afterwards.
    names = ", ".join(each.source for each in dated)
    question = f"Which column says when a prediction is asked for (--time: {names}; without one, a random split)?"
    answer = ask(question, (*(each.source for each in dated), "none"), dated[0].source)
    return "" if answer == "none" else _given_time(columns, Asked(asked.target, answer))


def _given_key(connection: duckdb.DuckDBPyConnection, column: Found) -> str:
    name = identifier(column.name)
    counts = f"select {name}::varchar, count(*) as n from records where aside is null group by all"
    sql = f"{counts} having n > 1 order by 1 limit 1"
    doubled = connection.execute(sql).fetchall()
    if column.nulls or doubled:
        what = (
            f"{column.nulls:,} rows have none" if column.nulls else f"{doubled[0][0]!r} is there {doubled[0][1]} times"
        )
        hint = "a key is another one in each row; leave --key out and one is made"
        raise InputError(what, where=f"--key {column.source}", hint=hint)
    return column.name


def _found_key(connection: duckdb.DuckDBPyConnection, columns: Sequence[Found]) -> str:
    for column in columns:
        likely = column.kind in ("text", "integer") and not column.nulls and is_identifier(column)
        # A column that identifies persons stays in the raw table: a key goes everywhere.
        if likely and column.distinct > NEARLY_ALL * column.rows and not is_personal(column):
            exact = f"select count(distinct {identifier(column.name)}) = count(*) from records where aside is null"
            if connection.execute(exact).fetchall()[0][0]:
                return column.name
    return ""


def words_of(column: Found) -> set[str]:
    """The words of the name of a column."""
    return {*column.name.split("_")}


def is_identifier(column: Found) -> bool:
    """Whether a column is called as what identifies rows or things is."""
    return bool(words_of(column) & IDS) or column.name.endswith(ENDINGS)


def is_personal(column: Found) -> bool:
    """Whether a column holds personal data, by its name or by its first values."""
    # A flag or a count that is called so holds no address: sent_email.
    many = column.kind == "text" or (column.kind in ("category", "integer") and column.distinct > MANY)
    called = many and (words_of(column) & PERSONAL or column.name in NAMES)
    return bool(called or personal_kinds("\n".join(column.texts)))


def is_sensitive(column: Found) -> bool:
    """Whether a column says of a person what must not decide about them, by its name."""
    return bool(words_of(column) & SENSITIVE) or column.name in AGES
