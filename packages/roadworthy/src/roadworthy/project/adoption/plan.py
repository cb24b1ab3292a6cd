"""What the files of a drafted project are made of: the columns of both tables, with what they may hold."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import duckdb

from ...base.errors import InputError
from ...contract.schema import Column, Contract, Table
from ...data.delimited import identifier, literal
from .columns import Found
from .decisions import Decided, Decision
from .records import TABLE
from .roles import is_sensitive

LETTERS = "\u00c0-\u024f\u0370-\u1fff\u3040-\ud7ff"  # of other alphabets, in a pattern
CLOSED = 30  # categories that are listed one by one
FEWEST = 5  # rows of each category of a closed list
MOST_DAYS, YEAR = 36_500, 360  # between a date and the prediction; days from which on seasons have come round
TAUGHT = 0.7  # of the days are those of training, about
PARTS_OF_TIME = {"month": ("month", 1, 12), "weekday": ("isodow", 1, 7), "hour": ("hour", 0, 23)}
ROW_ID = Column(name="row_id", kind="text", about="made of what is known before", pattern="^[0-9a-f]{16}-[0-9]+$")
ROOM = 0.5  # of the span that bounds leave beyond what was seen


@dataclass(frozen=True)
class Feature:
    """A column of the features: as the contract has it, the SQL that makes it, and whether the model takes it."""

    column: Column
    sql: str
    modelled: bool = False


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
        made.append(ROW_ID)
    made += [_raw(connection, each, decided) for each in decided.decisions if each.column.kind]
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
    if column.kind in ("category", "text"):
        facts |= _texts(connection, column, closed=decision.what in ("feature", "target"))
    if column.nulls and decision.what not in ("key", "time"):
        facts["max_null"] = 1.0 if column.share_null > 0.95 else round(min(1.0, 1.5 * column.share_null + 0.02), 3)
    if decision.what == "private":
        facts["private"] = True
    if decision.what == "target" or decision.known_after:
        facts["known"] = "after"
    if "known" in facts and roles.time:
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
    if column.nulls == column.rows:
        return {"pattern": "^$"}  # it was empty: whatever comes is new
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
    # Not \\w: Python takes umlauts for letters and DuckDB does not.
    made += LETTERS if any(sign.isalnum() and not sign.isascii() for sign in signs) else ""
    rest = sorted(sign for sign in signs if not sign.isalnum())
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
    roles, of_raw = decided.roles, {column.name: column for column in raw}
    held = [of_raw[roles.key or "row_id"], *([of_raw[roles.group]] if roles.group else [])]
    made = [Feature(column, column.name) for column in held]
    taken = [_feature(each.column, of_raw[each.column.name], roles.time) for each in decided.of("feature")]
    sensitive = [each.column for each in decided.of("kept out") if is_sensitive(each.column)]
    groups = (_group_feature(connection, column, of_raw[column.name]) for column in sensitive)
    made[1:1] = _moments(decided)
    made += [*taken, *_of_time(connection, decided), *(each for each in groups if each)]
    return (*made, _target(decided, of_raw[roles.target]), *_known_at(decided))


def _moments(decided: Decided) -> list[Feature]:
    """When a prediction is asked for, and its day; nothing for rows without a time."""
    time = decided.roles.time
    if not time:
        return []
    moment = f"timezone('UTC', {time}::timestamp)" if decided.column(time).kind == "date" else time
    asked_at = Column(name="asked_at", kind="time", about="when the prediction is asked for")
    asked_day = Column(name="asked_day", kind="date", about="its day, in UTC")
    return [Feature(asked_at, moment), Feature(asked_day, f"{time}::date")]


def _known_at(decided: Decided) -> list[Feature]:
    time, delay = decided.roles.time, f"interval {decided.roles.delay} day"
    if not time:
        return []
    dated = decided.column(time).kind == "date"
    known = f"timezone('UTC', {time}::timestamp + {delay})" if dated else f"{time} + {delay}"
    return [Feature(Column(name="known_at", kind="time", about="when the target is known", known="after"), known)]


def _feature(column: Found, raw: Column, time: str) -> Feature:
    if column.kind == "boolean":
        made = replace(raw, kind="integer", low=0, high=1)
        return Feature(made, f"{raw.name}::integer as {raw.name}", modelled=True)
    if column.kind in ("date", "time"):
        about = f"days from {raw.about} to the prediction"
        made = replace(raw, kind="integer", about=about, low=-MOST_DAYS, high=MOST_DAYS, spelled="")
        return Feature(made, f"datediff('day', {raw.name}::date, {time}::date) as {raw.name}", modelled=True)
    return Feature(raw, raw.name, modelled=True)


def _of_time(connection: duckdb.DuckDBPyConnection, decided: Decided) -> list[Feature]:
    """What the time of a row says of itself: month, weekday and hour, where they vary."""
    time = decided.roles.time
    if not time:
        return []
    name, taken = identifier(time), {each.column.name for each in decided.decisions}
    days = _single(connection, f"select datediff('day', min({name}), max({name})) from {TABLE}")
    made = []
    for part, (function, low, high) in PARTS_OF_TIME.items():
        different = _single(connection, f"select count(distinct {function}({name})) from {TABLE}")
        # A month says something of seasons only after they have come round.
        if different > 1 and part not in taken and (part != "month" or days * TAUGHT >= YEAR):
            column = Column(name=part, kind="integer", about=f"{part} of the prediction, in UTC", low=low, high=high)
            made.append(Feature(column, f"{function}({time}) as {part}", modelled=True))
    return made


def _single(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    value: float = connection.execute(sql).fetchall()[0][0]
    return value


def _group_feature(connection: duckdb.DuckDBPyConnection, column: Found, raw: Column) -> Feature | None:
    """A column that the model does not take, and by which it is judged; numbers in two halves."""
    if column.kind == "boolean":
        made = replace(raw, kind="category", allowed=("false", "true"))
        return Feature(made, f"{raw.name}::varchar as {raw.name}")
    listed = column.kind == "category" and len(column.values) <= CLOSED
    if listed or (column.numeric and column.distinct <= FEWEST):
        return Feature(raw, raw.name)
    return halves(connection, raw) if column.numeric else None


def halves(connection: duckdb.DuckDBPyConnection, raw: Column) -> Feature:
    """A category of a number: which half of the rows it is in."""
    middle = _single(connection, f"select median({identifier(raw.name)}) from {TABLE}")
    name, text = f"{raw.name}_half", f"{float(f'{middle:.3g}'):g}"
    about = f"{raw.about} from {text} on, or lower"
    made = Column(name=name, kind="category", about=about, allowed=("lower", "upper"), max_null=raw.max_null)
    value = f"case when {raw.name} >= {text} then 'upper' when {raw.name} < {text} then 'lower' end as {name}"
    return Feature(made, value)


def _target(decided: Decided, raw: Column) -> Feature:
    roles = decided.roles
    if roles.regression:
        return Feature(replace(raw, known_at=""), raw.name)
    about = f"{raw.about} is {roles.positive}" if roles.positive else raw.about
    made = Column(name=raw.name, kind="boolean", about=about, max_null=raw.max_null, known="after")
    if not roles.positive:
        return Feature(made, raw.name)
    value = roles.positive if raw.kind in ("integer", "number") else literal(roles.positive)
    return Feature(made, f"{raw.name} = {value} as {raw.name}")


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
