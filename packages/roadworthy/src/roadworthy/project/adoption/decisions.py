"""What becomes of each column: its role, a feature, or kept out, with the reason.

Without a person the safe side is taken: what may give the target away, identifies rows, or says of a person what should
not decide about them is no feature.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import duckdb

from ...base.databases import to_frame
from ...data.delimited import identifier, literal
from ...gates.privacy import personal_kinds
from . import leaks
from .columns import Found
from .roles import (
    CLASSES,
    ENDINGS,
    IDS,
    NEARLY_ALL,
    SPLIT,
    SPLIT_VALUES,
    Asked,
    Roles,
    is_identifier,
    is_personal,
    is_sensitive,
    resolved,
    words_of,
)

What = Literal["target", "key", "time", "group", "feature", "kept out", "private"]
SAMPLE = 20_000  # rows in which leaks are looked for
SHOWN = 5_000  # values of a text in which personal data are looked for
WORDS = 3  # on average, from which on a text is written by people
AFTERWARDS = 0.05  # share of the rows whose date lies after their time: it is known afterwards
FEWEST_GROUPS = 50  # different values of what may repeat: a customer, a site
REPEATED = 0.7  # of the rows, at most so many different values
NEARLY = 0.99  # of the rows: another value in each, or a larger one than before
PASSED = 0.999  # correlation with the time that passed until a later moment
NAMES_OF_ROWS = IDS & {"id", "uuid", "key", "identifier"}


@dataclass(frozen=True)
class Decision:
    """What becomes of a column, why, and whether somebody should look at it first."""

    column: Found
    what: What
    why: str
    first: bool = False
    known_after: bool = False


@dataclass(frozen=True)
class Decided:
    """The roles, and a decision on each column in the order of the file."""

    roles: Roles
    decisions: tuple[Decision, ...]

    def of(self, *whats: What) -> list[Decision]:
        """The decisions of a kind."""
        return [each for each in self.decisions if each.what in whats]

    def column(self, name: str) -> Found:
        """The column of that plain name."""
        return next(each.column for each in self.decisions if each.column.name == name)


def decide_columns(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Found], roles: Roles, asked: Asked
) -> Decided:
    """What becomes of each column of the table `records`."""
    after = {resolved(columns, name, "--after").name for name in asked.after}
    kind_of_time = next((str(column.kind) for column in columns if column.name == roles.time), "")
    decided = {column.name: _at_once(connection, column, roles, after, kind_of_time) for column in columns}
    decided |= _durations(connection, columns, roles, decided)
    left = [column for column in columns if decided[column.name] is None]
    roles = replace(roles, group=_group(columns, roles, decided))
    sample = sample_of(connection, columns, roles)
    names = [column.name for column in left if column.kind not in {"date", "time"}]
    found = leaks.find_leaks(sample, names, ordered=_in_order(connection, roles))
    made = [decided[column.name] or _by_leaks(column, found.get(column.name, "")) for column in columns]
    why = "it comes back in other rows: all rows of one are on one side of the split"
    return Decided(roles, tuple(Decision(d.column, "group", why) if d.column.name == roles.group else d for d in made))


def _durations(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Found],
    roles: Roles,
    decided: Mapping[str, Decision | None],
) -> dict[str, Decision]:
    """Numbers that say how long it was until a moment that is known only afterwards."""
    later = [c for c in columns if c.kind in {"date", "time"} and (d := decided[c.name]) and d.known_after]
    numbers = [c for c in columns if c.numeric and decided[c.name] is None]
    made = {}
    for moment in later if roles.time else []:
        passed = f"epoch({identifier(moment.name)}::timestamptz) - epoch({identifier(roles.time)}::timestamptz)"
        for column in numbers:
            sql = f"select corr({identifier(column.name)}::double, {passed}) from records where aside is null"
            found = connection.execute(sql).fetchall()[0][0]
            if found is not None and abs(found) > PASSED:
                why = f"it is the time from {roles.time} to {moment.name}, which is known afterwards"
                made[column.name] = Decision(column, "kept out", why, first=True, known_after=True)
    return made


def _by_leaks(column: Found, why: str) -> Decision:
    if not why:
        return Decision(column, "feature", "nothing speaks against it")
    # What gives the target away is mostly made of it, or comes with it.
    return Decision(column, "kept out", why, first=True, known_after=True)


def _at_once(
    connection: duckdb.DuckDBPyConnection, column: Found, roles: Roles, after: Iterable[str], kind_of_time: str
) -> Decision | None:
    """What a column is by what it holds and is called; None if it may be a feature."""
    by_role: dict[str, tuple[What, str]] = {
        roles.target: ("target", "you said so"),
        roles.time: ("time", "when a prediction is asked for"),
        roles.key: ("key", "another one in each row"),
    }
    if column.name in by_role:
        return Decision(column, *by_role[column.name])
    if column.name in after:
        return Decision(column, "kept out", "you said that it is known only afterwards", known_after=True)
    if why := _without_content(column):
        return Decision(column, "kept out", why)
    if why := _personal(connection, column):
        return Decision(column, "private", why, first=True)
    if why := _not_to_be_used(column):
        return Decision(column, "kept out", why, first=True)
    return _by_kind(connection, column, roles, kind_of_time)


def _without_content(column: Found) -> str:
    """Why a column says nothing; "" if it says something."""
    if column.kind is None:
        return "; ".join(column.notes)
    if column.nulls == column.rows:
        return "it is empty"
    if column.distinct <= 1 or (column.numeric and column.low == column.high):
        # Where it is filled may say something, and mostly says too much.
        return "it has one value only" if not column.nulls else "it has one value only, where it is filled"
    return ""


def _personal(connection: duckdb.DuckDBPyConnection, column: Found) -> str:
    """What personal data a column holds; "" for none."""
    if is_personal(column):
        return "it holds personal data"
    if column.kind not in ("text", "category"):
        return ""
    values = f"select distinct {identifier(column.name)} as v from records limit {SHOWN}"
    text = connection.execute(f"select string_agg(v, chr(10)) from ({values})").fetchall()[0][0]
    kinds = personal_kinds(text or "")
    return f"it holds personal data: {', '.join(kinds)}" if kinds else ""


def _not_to_be_used(column: Found) -> str:
    """Why a column must not decide, though it could: a flag of a split, what says of a person who they are."""
    if is_sensitive(column):
        return "it says of a person what should not decide about them: the model is judged by it"
    return "it is a flag of somebody's split" if _is_split(column) else ""


def _is_split(column: Found) -> bool:
    values = {value.lower() for value in column.values}
    return bool(SPLIT.search(column.name) and column.distinct <= CLASSES) or bool(values and values <= SPLIT_VALUES)


def _by_kind(connection: duckdb.DuckDBPyConnection, column: Found, roles: Roles, kind_of_time: str) -> Decision | None:
    if column.kind == "text":
        return Decision(column, "kept out", _text_reason(column))
    if column.kind in ("date", "time"):
        return _of_date(connection, column, roles, kind_of_time)
    return _of_number(connection, column) if column.kind == "integer" else None


def _text_reason(column: Found) -> str:
    words = sum(len(text.split()) for text in column.texts) / max(1, len(column.texts))
    if words >= WORDS:
        return "it is free text"
    return f"it has {column.distinct:,} different values, each in few rows: it identifies them"


def _of_date(connection: duckdb.DuckDBPyConnection, column: Found, roles: Roles, kind_of_time: str) -> Decision | None:
    if not roles.time:
        return Decision(column, "kept out", "it is a date, and the rows are taken to have no time", first=True)
    name, time = identifier(column.name), identifier(roles.time)
    days = "date" in (column.kind, kind_of_time)  # of the same day one does not know
    later = f"({name}::timestamptz > {time}::timestamptz + interval {1 if days else 0} day)::integer"
    sql = f"select coalesce(avg({later}), 0) from records where {name} is not null"
    if (share := connection.execute(sql).fetchall()[0][0]) <= AFTERWARDS:
        return None
    why = f"it lies after {roles.time} in {share:.0%} of the rows: known afterwards"
    return Decision(column, "kept out", why, first=True, known_after=True)


def _of_number(connection: duckdb.DuckDBPyConnection, column: Found) -> Decision | None:
    filled = column.rows - column.nulls
    if column.distinct <= NEARLY_ALL * filled or filled <= leaks.FEWEST:
        named = words_of(column) & NAMES_OF_ROWS or column.name.endswith(ENDINGS)
        if named and column.distinct > FEWEST_GROUPS:
            return Decision(column, "kept out", "it identifies what the row is about: a number that is a name")
        return None
    name = identifier(column.name)
    before = f"select {name}, lag({name}) over (order by line) as before from records where {name} is not null"
    sql = f"select count(distinct {name}), avg(({name} > before)::integer) from ({before})"
    exact, ups = connection.execute(sql).fetchall()[0]
    if exact <= NEARLY * filled:
        return None
    if ups > NEARLY or ups < 1 - NEARLY:
        return Decision(column, "kept out", "it orders the rows: each has a larger one than the one before")
    dense = column.low is not None and column.high is not None and column.high - column.low < 1.5 * filled
    if is_identifier(column) or dense:
        return Decision(column, "kept out", "it identifies rows: another value in each")
    return None


def _group(columns: Sequence[Found], roles: Roles, decided: Mapping[str, Decision | None]) -> str:
    """What comes back in several rows of a table without a time, and must not be on both sides of the split."""
    for column in [] if roles.time else columns:
        out = decided[column.name]
        named = out and out.what == "kept out" and "identifies" in out.why and is_identifier(column)
        if named and not column.nulls and FEWEST_GROUPS <= column.distinct < REPEATED * column.rows:
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
