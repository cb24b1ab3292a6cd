"""What becomes of each column: its role, a feature, or kept out, with the reason; and what only a person can say.

What is not known is asked, five questions at most; without a person the safe side is taken, and said.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import duckdb

from ..base.databases import to_frame
from ..base.errors import InputError
from ..data.delimited import identifier, literal
from ..gates.privacy import personal_kinds
from . import leaks
from .columns import Found

What = Literal["target", "key", "time", "group", "feature", "kept out", "private"]
# A question, the answers that there are, and the one on the safe side; what is answered.
Ask = Callable[[str, Sequence[str], str], str]
CLASSES = 10  # different whole numbers of a target from which on it is a number and no class
SAMPLE = 20_000  # rows in which leaks are looked for
SHOWN = 5_000  # values of a text in which personal data are looked for
WORDS = 3  # on average, from which on a text is written by people
AFTERWARDS = 0.05  # share of the rows whose date lies after their time: it is known afterwards
MANY = 20  # different values from which on a column can hold names or numbers of persons
FEWEST_GROUPS = 50  # different values of what may repeat: a customer, a site

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


@dataclass(frozen=True)
class Decision:
    """What becomes of a column, why, and whether somebody should look at it first."""

    column: Found
    what: What
    why: str
    first: bool = False
    known_after: bool = False


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


@dataclass(frozen=True)
class Decided:
    """The roles, and a decision on each column in the order of the file; `said` are the answers to the questions."""

    roles: Roles
    decisions: tuple[Decision, ...]
    said: tuple[tuple[str, str, str], ...] = ()  # question, answer, by whom
    notes: tuple[str, ...] = field(default=())

    def of(self, *whats: What) -> list[Decision]:
        """The decisions of a kind."""
        return [each for each in self.decisions if each.what in whats]

    def column(self, name: str) -> Found:
        """The column of that plain name."""
        return next(each.column for each in self.decisions if each.column.name == name)


def resolved(columns: Sequence[Found], name: str, option: str) -> Found:
    """The column that somebody means; InputError when there is none."""
    for spelled in (lambda each: each.source, lambda each: each.name, lambda each: each.source.strip().lower()):
        for each in columns:
            if spelled(each) == (name.strip().lower() if spelled(each) == each.source.strip().lower() else name):
                return each
    known = ", ".join(each.source for each in columns[:30])
    raise InputError(f"there is no column {name!r}", where=option, hint=f"the file has {known}")


def decide_roles(connection: duckdb.DuckDBPyConnection, columns: Sequence[Found], asked: Asked, ask: Ask) -> Roles:
    """Target, time and key, by what was said, else by what the columns hold."""
    target = resolved(columns, asked.target, "--target")
    positive, regression = _target(connection, target, asked.positive, ask)
    time = _time(columns, target, asked, ask)
    key = _key(connection, columns, target, asked, time)
    delay = 1
    if time:
        days = ask("How many days after its time is the target of a row known?", (), "1")
        if not days.strip().isdigit() or int(days) > 3650:
            raise InputError(f"{days!r} is no number of days", where="adopt", hint="answer with a whole number")
        delay = int(days)
    return Roles(target.name, positive, regression, time, key, delay=delay)


def _target(connection: duckdb.DuckDBPyConnection, target: Found, positive: str, ask: Ask) -> tuple[str, bool]:
    """The value that stands for yes ("" for a boolean and a number), and whether the target is a number."""
    where = f"--target {target.source}"
    if target.rows - target.nulls < 2 * 200:
        what = f"has {target.rows - target.nulls:,} values; at least 400 are needed to learn and to judge"
        raise InputError(what, where=where, hint="give more rows")
    if target.kind in ("date", "time", None):
        raise InputError(
            f"is of the kind {target.kind or 'nested'}", where=where, hint="a target is a number, or has few values"
        )
    if target.kind == "boolean":
        return "", False
    if (
        target.numeric
        and target.distinct > 2
        and (target.kind == "number" or target.distinct > CLASSES)
        and not positive
    ):
        return "", True
    counts = _counts(connection, target)
    if len(counts) < 2:
        raise InputError("has one value only: there is nothing to learn", where=where, hint="choose another column")
    if target.kind == "text":
        what = f"has {target.distinct:,} different texts: no classes, and no number"
        raise InputError(what, where=where, hint="a target is a number, or has few values")
    if positive:
        if positive not in counts:
            raise InputError(
                f"there is no value {positive!r}", where="--positive", hint=f"there are {', '.join(counts)}"
            )
        return positive, False
    if set(counts) == {"0", "1"}:
        return "1", False
    rarest = (
        min(counts, key=lambda value: (counts[value], value))
        if len(counts) == 2
        else max(counts, key=lambda v: counts[v])
    )
    if target.numeric and len(counts) > 2:
        question = f"The target {target.source} has {len(counts)} different whole numbers. Is it a number, or which value is yes?"
        answer = ask(question, ("a number", *counts), "a number")
        return ("", True) if answer == "a number" else (_known(answer, counts), False)
    question = f"Which value of {target.source} is yes? The others are no."
    return _known(ask(question, tuple(counts), rarest), counts), False


def _known(answer: str, counts: Mapping[str, int]) -> str:
    if answer not in counts:
        raise InputError(f"there is no value {answer!r}", where="adopt", hint=f"there are {', '.join(counts)}")
    return answer


def _counts(connection: duckdb.DuckDBPyConnection, column: Found) -> dict[str, int]:
    name = identifier(column.name)
    sql = f"select {name}::varchar, count(*) from records where {name} is not null group by all order by 2 desc, 1 limit 200"
    return dict(connection.execute(sql).fetchall())


def _time(columns: Sequence[Found], target: Found, asked: Asked, ask: Ask) -> str:
    if asked.time:
        column = resolved(columns, asked.time, "--time")
        if column.kind not in ("date", "time"):
            texts = ", ".join(column.texts[:3])
            what = f"cannot be read as a date or a time: {texts}" if texts else "is no date or time"
            raise InputError(
                what, where=f"--time {column.source}", hint="days as 2024-01-31, times as 2024-01-31 10:00"
            )
        return column.name
    after = {resolved(columns, name, "--after").name for name in asked.after}
    dated = [c for c in columns if c.kind in ("date", "time") and c.name not in after and c.share_null < 0.05]
    dated = [c for c in dated if c.name != target.name and not _words(c.name) & SENSITIVE]
    if not dated:
        return ""
    # The earliest is on the safe side: what lies after it is known only afterwards.
    answer = ask(
        "Which column says when a prediction is asked for? Without one, rows are split at random.",
        (*(each.source for each in dated), "none"),
        dated[0].source,
    )
    return "" if answer == "none" else resolved(columns, answer, "the answer").name


def _key(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Found], target: Found, asked: Asked, time: str
) -> str:
    if asked.key:
        column = resolved(columns, asked.key, "--key")
        doubled = f"select {identifier(column.name)}::varchar, count(*) as n from records group by all having n > 1 order by 1 limit 1"
        if (found := connection.execute(doubled).fetchall()) or column.nulls:
            what = (
                f"the value {found[0][0]!r} is there {found[0][1]} times"
                if found
                else f"{column.nulls:,} rows have none"
            )
            raise InputError(
                what,
                where=f"--key {column.source}",
                hint="a key is another one in each row; leave --key out and one is made",
            )
        return column.name
    for column in columns:
        # A column that identifies persons stays in the raw table: a key goes everywhere.
        likely = column.kind in ("text", "integer") and column.name not in (target.name, time) and not column.nulls
        if likely and is_identifier(column) and not _is_personal(column) and column.distinct > 0.9 * column.rows:
            exact = f"select count(distinct {identifier(column.name)}) = count(*) from records"
            if connection.execute(exact).fetchall()[0][0]:
                return column.name
    return ""


def _words(name: str) -> set[str]:
    return {*name.split("_")}


def is_identifier(column: Found) -> bool:
    """Whether a column is called as what identifies rows or things is."""
    return bool(_words(column.name) & IDS) or column.name.endswith("id")


def _is_personal(column: Found) -> bool:
    # A flag or a count that is called so holds no address: sent_email.
    many = column.kind == "text" or (column.kind in ("category", "integer") and column.distinct > MANY)
    called = many and (_words(column.name) & PERSONAL or column.name in NAMES)
    return bool(called or personal_kinds("\n".join(column.texts)))


def is_sensitive(column: Found) -> bool:
    """Whether a column says of a person what must not decide about them, by its name."""
    return bool(_words(column.name) & SENSITIVE) or column.name in AGES


def decide_columns(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Found], roles: Roles, asked: Asked
) -> Decided:
    """What becomes of each column of the table `records`."""
    after = {resolved(columns, name, "--after").name for name in asked.after}
    decided = {column.name: _at_once(connection, column, roles, after) for column in columns}
    left = [column for column in columns if decided[column.name] is None]
    group = _group(columns, roles, decided)
    roles = replace(roles, group=group)
    sample = sample_of(connection, columns, roles)
    # A pair is looked for among what may be a feature; a copy anywhere is worth a word.
    found = leaks.find_leaks(
        sample,
        [column.name for column in left if column.kind != "date" and column.kind != "time"],
        ordered=_in_order(connection, roles),
    )
    for column in left:
        if column.name in found:
            why = found[column.name]
            decided[column.name] = Decision(
                column, "kept out", why, first=True, known_after="filled" in why or "later" in why
            )
        else:
            decided[column.name] = Decision(
                column, "feature", "known before, one of few values" if column.kind == "category" else "known before"
            )
    if group:
        decided[group] = Decision(
            decided[group].column, "group", "it comes back in other rows: all rows of one are on one side of the split"
        )  # type: ignore[union-attr]
    return Decided(roles, tuple(each for each in decided.values() if each is not None))


def _at_once(
    connection: duckdb.DuckDBPyConnection, column: Found, roles: Roles, after: Iterable[str]
) -> Decision | None:
    """What a column is by what it holds and is called; None if it may be a feature."""
    filled = column.rows - column.nulls
    roles_of: dict[str, tuple[What, str]] = {
        roles.target: ("target", "you said so"),
        roles.time: ("time", "when a prediction is asked for"),
        roles.key: ("key", "another one in each row"),
    }
    if column.name in roles_of:
        return Decision(column, *roles_of[column.name])
    if column.kind is None:
        return Decision(column, "kept out", "; ".join(column.notes))
    if column.name in after:
        return Decision(column, "kept out", "you said that it is known only afterwards", known_after=True)
    if not filled:
        return Decision(column, "kept out", "it is empty")
    if _is_personal(column):
        return Decision(column, "private", "it holds personal data", first=True)
    if column.kind in ("text", "category"):
        some = f"select string_agg(v, chr(10)) from (select distinct {identifier(column.name)} as v from records limit {SHOWN})"
        if kinds := personal_kinds(connection.execute(some).fetchall()[0][0] or ""):
            return Decision(column, "private", f"it holds personal data: {', '.join(kinds)}", first=True)
    if (column.distinct <= 1 or (column.low == column.high and column.numeric)) and not column.nulls:
        return Decision(column, "kept out", "it has one value only")
    if column.distinct <= 1 or (column.numeric and column.low == column.high):
        # One value, or none: that it is filled may say something, and mostly says too much.
        return Decision(column, "kept out", "it has one value only, where it is filled")
    if (SPLIT.search(column.name) and column.distinct <= CLASSES) or {
        value.lower() for value in column.values
    } & SPLIT_VALUES == {value.lower() for value in column.values} != set():
        return Decision(column, "kept out", "it is a flag of somebody's split", first=True)
    if is_sensitive(column):
        return Decision(
            column,
            "kept out",
            "it says of a person what should not decide about them: the model is judged by it",
            first=True,
        )
    if column.kind == "text":
        return Decision(column, "kept out", _text_reason(column))
    if column.kind in ("date", "time"):
        return _of_date(connection, column, roles)
    return _of_number(connection, column, roles)


def _text_reason(column: Found) -> str:
    words = sum(len(text.split()) for text in column.texts) / max(1, len(column.texts))
    if words >= WORDS:
        return "it is free text"
    return f"it has {column.distinct:,} different values, each in few rows: it identifies them"


def _of_date(connection: duckdb.DuckDBPyConnection, column: Found, roles: Roles) -> Decision | None:
    if not roles.time:
        return Decision(column, "kept out", "it is a date, and the rows are taken to have no time", first=True)
    name, time = identifier(column.name), identifier(roles.time)
    sql = f"select coalesce(avg(({name}::timestamptz > {time}::timestamptz + interval 1 day)::integer), 0) from records where {name} is not null"
    if (share := connection.execute(sql).fetchall()[0][0]) > AFTERWARDS:
        return Decision(
            column,
            "kept out",
            f"it lies after {roles.time} in {share:.0%} of the rows: known afterwards",
            first=True,
            known_after=True,
        )
    return None


def _of_number(connection: duckdb.DuckDBPyConnection, column: Found, roles: Roles) -> Decision | None:
    if column.kind != "integer":
        return None
    filled = column.rows - column.nulls
    if column.distinct > 0.9 * filled and filled > 100:
        name = identifier(column.name)
        exact, ups = connection.execute(
            f"select count(distinct {name}), avg(({name} > before)::integer) "
            f"from (select {name}, lag({name}) over (order by line) as before from records where {name} is not null)"
        ).fetchall()[0]
        if exact > 0.99 * filled and (ups > 0.99 or ups < 0.01):
            return Decision(column, "kept out", "it orders the rows: each has a larger one than the one before")
        dense = column.low is not None and column.high is not None and column.high - column.low < 1.5 * filled
        if exact > 0.99 * filled and (is_identifier(column) or dense or _same_length(column)):
            return Decision(column, "kept out", "it identifies rows: another value in each")
    elif (
        is_identifier(column)
        and column.distinct > FEWEST_GROUPS
        and _words(column.name) & {"id", "uuid", "key", "identifier"}
    ):
        return Decision(column, "kept out", "it identifies what the row is about: a number that is a name")
    return None


def _same_length(column: Found) -> bool:
    """Whether all values have as many digits, as numbers that are given out have."""
    if column.low is None or column.high is None or column.low < 0:
        return False
    return column.low >= 1000 and len(str(int(column.low))) == len(str(int(column.high)))


def _group(columns: Sequence[Found], roles: Roles, decided: Mapping[str, Decision | None]) -> str:
    """What comes back in several rows of a table without a time, and must not be on both sides of the split."""
    if roles.time:
        return ""
    for column in columns:
        out = decided[column.name]
        repeats = FEWEST_GROUPS <= column.distinct < 0.7 * column.rows
        if (
            out
            and out.what == "kept out"
            and "identifies" in out.why
            and repeats
            and is_identifier(column)
            and not column.nulls
        ):
            return column.name
    return ""


def sample_of(connection: duckdb.DuckDBPyConnection, columns: Sequence[Found], roles: Roles) -> leaks.Sample:
    """Rows that follow each other, from the middle on where there are more than enough, with the target as a number."""
    (count,) = connection.execute("select count(*) from records").fetchall()[0]
    names = [
        f"{identifier(c.name)}::double as {identifier(c.name)}"
        if c.numeric or c.kind == "boolean"
        else identifier(c.name)
        for c in columns
        if c.kind not in (None, "date", "time")
    ]
    order = f"{identifier(roles.time)}, line" if roles.time else "line"
    sql = f"""
        select {target_sql(roles, columns)} as "the target", {", ".join(names)}
        from records order by {order} limit {SAMPLE} offset {max(0, (count - SAMPLE) // 2)}
    """
    frame = to_frame(connection.sql(sql))
    return leaks.Sample(frame, frame.pop("the target").to_numpy(dtype=float), roles.regression)


def target_sql(roles: Roles, columns: Sequence[Found]) -> str:
    """SQL: the target as a number, 1 for yes."""
    name = identifier(roles.target)
    if roles.regression or not roles.positive:
        return f"{name}::double"
    column = next(each for each in columns if each.name == roles.target)
    value = roles.positive if column.numeric else literal(roles.positive)
    return f"({name} = {value})::integer::double"


def _in_order(connection: duckdb.DuckDBPyConnection, roles: Roles) -> bool:
    """Whether a row follows the other: hardly two of them at the same time."""
    if not roles.time:
        return False
    sql = f"select approx_count_distinct({identifier(roles.time)}) / count(*) from records"
    return bool(connection.execute(sql).fetchall()[0][0] > 0.8)
