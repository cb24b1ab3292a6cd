"""What the files of a drafted project are made of: the columns of both tables, with what they may hold."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import duckdb

from ..base.errors import InputError
from ..contract.schema import Column, Contract, Table
from ..data.delimited import identifier, literal
from .columns import Found
from .decisions import Decided, Decision
from .records import TABLE
from .roles import is_sensitive

CLOSED = 30  # categories that are listed one by one
FEWEST = 5  # rows of each category of a closed list
ROOM = 0.5  # of the span that bounds leave beyond what was seen


@dataclass(frozen=True)
class Feature:
    """A column of the features: as the contract has it, the SQL that makes it, and whether the model takes it."""

    column: Column
    sql: str
    modelled: bool


@dataclass(frozen=True)
class Plan:
    """What the files are made of, beside the decisions: `raw` are the columns of the delivered table."""

    package: str
    title: str
    snapshot: str
    decided: Decided
    raw: tuple[Column, ...]
    features: tuple[Feature, ...]
    rows: int
    missing_days: int

    @property
    def modelled(self) -> list[str]:
        """The features of the model."""
        return [each.column.name for each in self.features if each.modelled]


def make_plan(connection: duckdb.DuckDBPyConnection, names: tuple[str, str], decided: Decided, rows: int) -> Plan:
    """The plan for `rows` of the table `kept`; `names` are those of the package and of the snapshot.

    InputError where no contract can be made of it.
    """
    raw = raw_columns(connection, decided)
    features = feature_columns(connection, decided, raw)
    made = Plan(*names[:1], _title(decided), names[1], decided, raw, features, rows, _missing_days(connection, decided))
    if not could_be_sliced(made):
        made = replace(made, features=_with_halves(connection, made))
    try:
        contract_of(made)
    except ValueError as error:
        raise InputError(f"no contract can be made: {error}", where="adopt", hint="name another column") from error
    return made


def could_be_sliced(plan: Plan) -> bool:
    """Whether any column of the features has few values, by which figures can be shown in parts."""
    columns = [each.column for each in plan.features if each.column.known == "before"]
    listed = any(column.kind == "category" and column.allowed for column in columns)
    return listed or any((column.low, column.high) in ((0, 1), (1, 7)) for column in columns)


def _with_halves(connection: duckdb.DuckDBPyConnection, plan: Plan) -> tuple[Feature, ...]:
    """The features with a category of the first number among them: which half of the rows it is in."""
    numbers = [each.column for each in plan.features if each.modelled and each.column.kind in ("number", "integer")]
    if not numbers:
        return plan.features
    source = next((column for column in plan.raw if column.name == numbers[0].name), numbers[0])
    place = next(number for number, each in enumerate(plan.features) if each.column.known == "after")
    return (*plan.features[:place], halves(connection, source), *plan.features[place:])


def _title(decided: Decided) -> str:
    target = decided.column(decided.roles.target).source
    what = f"whether {target} is {decided.roles.positive}" if decided.roles.positive not in ("", "1") else target
    words = " ".join(what.replace("\\", "").replace('"', "").split())
    return f"A prediction of {words[:60]}, drafted from a delivered table."


def _missing_days(connection: duckdb.DuckDBPyConnection, decided: Decided) -> int:
    """How many days may be without a row: half again as many as are."""
    if not decided.roles.time:
        return 0
    name = identifier(decided.roles.time)
    sql = f"select datediff('day', min({name}::date), max({name}::date)) + 1 - count(distinct {name}::date) from kept"
    missing = int(connection.execute(sql).fetchall()[0][0])
    return missing + missing // 2 + 1 if missing else 0


def raw_columns(connection: duckdb.DuckDBPyConnection, decided: Decided) -> tuple[Column, ...]:
    """The columns of the table `records`, with the bounds that its rows keep, and some room."""
    roles, made = decided.roles, []
    if not roles.key:
        made.append(
            Column(name="row_id", kind="text", about="made of what is known before", pattern="^[0-9a-f]{16}-[0-9]+$")
        )
    for each in decided.decisions:
        if each.column.kind:
            made.append(_raw(connection, each, decided))
    return tuple(made)


def _raw(connection: duckdb.DuckDBPyConnection, decision: Decision, decided: Decided) -> Column:
    column, roles = decision.column, decided.roles
    about = " ".join(column.source.split()) or column.name
    facts: dict[str, object] = {"kind": column.kind, "about": about}
    if column.source != column.name:
        facts["spelled"] = column.source
    low, high = bounds_of(column)
    if low is not None:
        facts |= {"low": low, "high": high}
    if column.kind in ("category", "text") and decision.what != "private":
        facts |= _texts(connection, column, closed=decision.what in ("feature", "target"))
    if column.nulls and decision.what not in ("key", "time"):
        facts["max_null"] = 1.0 if column.share_null > 0.95 else round(min(1.0, 1.5 * column.share_null + 0.02), 3)
    if decision.what == "private":
        facts["private"] = True
    if decision.what == "target" or decision.known_after:
        facts["known"] = "after"
    if decision.what == "target" and roles.time:
        facts["known_at"] = f"{roles.time} + interval {roles.delay} day"
    return Column(name=column.name, **facts)  # type: ignore[arg-type]


def bounds_of(column: Found) -> tuple[float | None, float | None]:
    """From where to where numbers may go: half of their span beyond what was seen, and not below 0 where none is."""
    if not column.numeric or column.low is None or column.high is None:
        return None, None
    whole = column.kind == "integer"
    if whole and {column.low, column.high} <= {0, 1}:
        return 0, 1
    room = ROOM * max(column.high - column.low, abs(column.high) * 0.1, 1.0 if whole else 1e-6)
    low = 0.0 if column.low >= 0 else _rounded(column.low - room, math.floor)
    high = _rounded(column.high + room, math.ceil)
    return (int(low), int(high)) if whole else (low, high)


def _rounded(value: float, to: Callable[[float], int]) -> float:
    """To two digits, outwards."""
    if not value:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(value)))
    scaled = to(round(value * 10.0**digits, 6))
    return round(scaled / 10.0**digits, max(digits, 0))


def _texts(connection: duckdb.DuckDBPyConnection, column: Found, *, closed: bool) -> dict[str, object]:
    """The closed set of values, or the pattern that all keep."""
    counts = column.values
    plain = all(text.isprintable() for text in counts)
    if closed and column.kind == "category" and len(counts) <= CLOSED and min(counts.values()) >= FEWEST and plain:
        return {"allowed": tuple(sorted(counts))}
    pattern = _pattern(column.texts)
    sql = f"select count(*) from {TABLE} where not regexp_full_match({identifier(column.name)}, $pattern)"
    if pattern and not connection.execute(sql, {"pattern": pattern[1:-1]}).fetchall()[0][0]:
        return {"pattern": pattern}
    longest = connection.execute(f"select max(length({identifier(column.name)})) from {TABLE}").fetchall()[0][0] or 1
    return {"pattern": f"^[{_signs(connection, column.name)}]{{1,{2 * longest}}}$"}


def _signs(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """The signs of which the texts of a column are made, as those of a pattern: classes, and the others one by one."""
    sql = f"select distinct unnest(string_split({identifier(name)}, '')) from {TABLE}"
    signs = {sign for (sign,) in connection.execute(sql).fetchall() if sign}
    classes = {"a-z": str.islower, "A-Z": str.isupper, "0-9": str.isdigit}
    made = "".join(each for each, holds in classes.items() if any(sign.isascii() and holds(sign) for sign in signs))
    if any(not sign.isascii() for sign in signs):
        made = r"\w"
    rest = sorted(sign for sign in signs if not (sign.isalnum() and (sign.isascii() or made == r"\w")))
    return made + "".join(re.escape(sign) if not sign.isspace() or sign == " " else r"\s" for sign in rest)


def _pattern(texts: Sequence[str]) -> str:
    """The pattern that some values have in common: the classes of their signs; nothing if they have no form."""
    forms = {re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]+", "A", re.sub(r"[0-9]+", "0", text))) for text in texts}
    if len(forms) != 1 or not texts or len(form := forms.pop()) > 12 or not form.isascii():
        return ""
    same = len({len(text) for text in texts}) == 1
    parts = {"0": "[0-9]", "a": "[a-z]", "A": "[A-Z]"}
    runs = re.findall(r"[0-9]+|[a-z]+|[A-Z]+|.", texts[0])
    made = [
        f"{parts[sign]}{{{len(run)}}}"
        if same and sign in parts
        else f"{parts[sign]}+"
        if sign in parts
        else re.escape(sign)
        for sign, run in zip(form, runs, strict=True)
    ]
    return f"^{''.join(made)}$"


def feature_columns(
    connection: duckdb.DuckDBPyConnection, decided: Decided, raw: Sequence[Column]
) -> tuple[Feature, ...]:
    """The columns of the features: roles, what was decided to be a feature, what the time says, groups."""
    roles = decided.roles
    of_raw = {column.name: column for column in raw}
    key = of_raw[roles.key or "row_id"]
    made = [
        Feature(Column(name=key.name, kind=key.kind, about=key.about, pattern=key.pattern), key.name, modelled=False)
    ]
    if roles.time:
        dated = decided.column(roles.time).kind == "date"
        moment = f"timezone('UTC', {roles.time}::timestamp)" if dated else roles.time
        made.append(
            Feature(
                Column(name="asked_at", kind="time", about="when the prediction is asked for"), moment, modelled=False
            )
        )
        made.append(
            Feature(
                Column(name="asked_day", kind="date", about="its day, in UTC"), f"{roles.time}::date", modelled=False
            )
        )
    if roles.group:
        group = of_raw[roles.group]
        made.append(
            Feature(
                Column(name=group.name, kind=group.kind, about=group.about, max_null=group.max_null),
                group.name,
                modelled=False,
            )
        )
    for each in decided.of("feature"):
        made.append(_feature(each.column, of_raw[each.column.name], roles.time))
    made += _of_time(connection, decided)
    for each in decided.of("kept out"):
        if is_sensitive(each.column) and (group := _group_feature(connection, each.column, of_raw[each.column.name])):
            made.append(group)
    target = of_raw[roles.target]
    made.append(_target(decided, target))
    if roles.time:
        day = f"{roles.time}::timestamp" if decided.column(roles.time).kind == "date" else roles.time
        known = (
            f"timezone('UTC', {day} + interval {roles.delay} day)"
            if decided.column(roles.time).kind == "date"
            else f"{day} + interval {roles.delay} day"
        )
        made.append(
            Feature(
                Column(name="known_at", kind="time", about="when the target is known", known="after"),
                known,
                modelled=False,
            )
        )
    return tuple(made)


def _feature(column: Found, raw: Column, time: str) -> Feature:
    if column.kind == "boolean":
        made = Column(
            name=raw.name, kind="integer", about=raw.about, low=0, high=1, max_null=raw.max_null, spelled=raw.spelled
        )
        return Feature(made, f"{raw.name}::integer as {raw.name}", modelled=True)
    if column.kind in ("date", "time"):
        made = Column(
            name=raw.name,
            kind="integer",
            about=f"days from {raw.about} to the prediction",
            low=-36500,
            high=36500,
            max_null=raw.max_null,
        )
        return Feature(made, f"datediff('day', {raw.name}::date, {time}::date) as {raw.name}", modelled=True)
    made = Column(
        name=raw.name,
        kind=raw.kind,
        about=raw.about,
        low=raw.low,
        high=raw.high,
        allowed=raw.allowed,
        pattern=raw.pattern,
        max_null=raw.max_null,
        spelled=raw.spelled,
    )
    return Feature(made, raw.name, modelled=True)


def _of_time(connection: duckdb.DuckDBPyConnection, decided: Decided) -> list[Feature]:
    """What the time of a row says of itself: month, weekday and hour, where they vary."""
    time = decided.roles.time
    if not time:
        return []
    taken = {each.column.name for each in decided.decisions}
    parts = {"month": ("month", 1, 12), "weekday": ("isodow", 1, 7), "hour": ("hour", 0, 23)}
    if decided.column(time).kind == "date":
        del parts["hour"]
    made = []
    for name, (function, low, high) in parts.items():
        sql = f"select count(distinct {function}({identifier(time)})), datediff('day', min({identifier(time)}), max({identifier(time)})) from {TABLE}"
        different, days = connection.execute(sql).fetchall()[0]
        # A month says something of seasons only after they have come round.
        if different > 1 and name not in taken and (name != "month" or days > 360):
            column = Column(name=name, kind="integer", about=f"{name} of the prediction, in UTC", low=low, high=high)
            made.append(Feature(column, f"{function}({time}) as {name}", modelled=True))
    return made


def _group_feature(connection: duckdb.DuckDBPyConnection, column: Found, raw: Column) -> Feature | None:
    """A column that the model does not take, and by which it is judged; numbers in two halves."""
    if column.kind == "boolean":
        made = Column(name=raw.name, kind="category", about=raw.about, allowed=("false", "true"), max_null=raw.max_null)
        return Feature(made, f"{raw.name}::varchar as {raw.name}", modelled=False)
    if column.kind == "category" and len(column.values) <= CLOSED:
        made = Column(
            name=raw.name,
            kind="category",
            about=raw.about,
            allowed=raw.allowed,
            pattern=raw.pattern,
            max_null=raw.max_null,
        )
        return Feature(made, raw.name, modelled=False)
    if column.numeric and column.distinct <= 5:
        made = Column(name=raw.name, kind="integer", about=raw.about, low=raw.low, high=raw.high, max_null=raw.max_null)
        return Feature(made, raw.name, modelled=False)
    return halves(connection, raw) if column.numeric else None


def halves(connection: duckdb.DuckDBPyConnection, raw: Column) -> Feature:
    """A category of a number: which half of the rows it is in."""
    middle = connection.execute(f"select median({identifier(raw.name)}) from {TABLE}").fetchall()[0][0]
    name = f"{raw.name}_half"
    text = f"{float(f'{middle:.3g}'):g}"
    made = Column(
        name=name,
        kind="category",
        about=f"{raw.about} from {text} on, or lower",
        allowed=("lower", "upper"),
        max_null=raw.max_null,
    )
    value = f"case when {raw.name} >= {text} then 'upper' when {raw.name} < {text} then 'lower' end as {name}"
    return Feature(made, value, modelled=False)


def _target(decided: Decided, raw: Column) -> Feature:
    roles = decided.roles
    null = raw.max_null
    if roles.regression:
        made = Column(
            name=raw.name, kind=raw.kind, about=raw.about, low=raw.low, high=raw.high, max_null=null, known="after"
        )
        return Feature(made, raw.name, modelled=False)
    made = Column(
        name=raw.name,
        kind="boolean",
        about=f"{raw.about}{f' is {roles.positive}' if roles.positive else ''}",
        max_null=null,
        known="after",
    )
    if not roles.positive:
        return Feature(made, raw.name, modelled=False)
    value = roles.positive if raw.kind in ("integer", "number") else literal(roles.positive)
    return Feature(made, f"{raw.name} = {value} as {raw.name}", modelled=False)


def contract_of(plan: Plan) -> Contract:
    """The contract itself: raises ValueError where the pipeline could not work with it."""
    roles = plan.decided.roles
    key = roles.key or "row_id"
    least = max(1, plan.rows // 2)
    records = Table(
        name=TABLE,
        columns=plan.raw,
        key=(key,),
        min_rows=least,
        time=roles.time,
        known_at=roles.time,
        max_missing_days=plan.missing_days,
    )
    features = Table(
        name="features",
        columns=tuple(each.column for each in plan.features),
        key=(key,),
        min_rows=least,
        time="asked_at" if roles.time else "",
    )
    timed = (
        {"time": "asked_at", "day": "asked_day", "known_at": "known_at"}
        if roles.time
        else dict.fromkeys(("time", "day", "known_at"), "")
    )
    return Contract(
        tables=(records,),
        features=features,
        key=key,
        **timed,
        target=roles.target,
        group=roles.group,
        problem="regression" if roles.regression else "classification",
    )
