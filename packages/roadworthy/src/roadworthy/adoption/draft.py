"""The files of a drafted project: contract, SQL, model, settings, incidents, worked examples, drills, README.

Each is a text that its owner goes on with: as somebody would have written it, with the reason where there is one.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ..contract.schema import Column, Contract, Table
from ..data.delimited import identifier, literal
from .columns import Found
from .decisions import Decided, Decision, is_sensitive
from .records import TABLE

CLOSED = 30  # categories that are listed one by one
FEWEST = 5  # rows of each category of a closed list
ROOM = 0.5  # of the span that bounds leave beyond what was seen
SLICES, VALUES = 2, 12  # columns by which figures are shown in parts, and values of such a column
EXAMPLES = 6  # worked ones


@dataclass(frozen=True)
class Feature:
    """A column of the features: as the contract has it, the SQL that makes it, and whether the model takes it."""

    column: Column
    sql: str
    modelled: bool


@dataclass(frozen=True)
class Plan:
    """What the files are made of, beside the decisions: columns of both tables, periods, and settings by name."""

    package: str
    title: str
    snapshot: str
    decided: Decided
    raw: tuple[Column, ...]
    features: tuple[Feature, ...]
    rows: int
    missing_days: int
    settings: Mapping[str, object]

    @property
    def modelled(self) -> list[str]:
        """The features of the model."""
        return [each.column.name for each in self.features if each.modelled]


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


def _rounded(value: float, to: "type[math.floor] | object") -> float:
    """To two digits, outwards."""
    if not value:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(value)))
    scaled = to(round(value * 10.0**digits, 6))  # type: ignore[operator]
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


def contract_text(plan: Plan) -> str:
    """The text of contract.py: columns that both tables have once."""
    roles, contract = plan.decided.roles, contract_of(plan)
    shared = [c for c in plan.raw if any(f.column == c for f in plan.features)]
    by_name = {column.name: column for column in shared}
    constants = {column.name: column.name.upper() for column in shared}
    lines = [
        f'"""What the table `{TABLE}` must look like, and its features."""',
        "",
        "from roadworthy import Column, Contract, Table",
        "",
    ]
    lines += [_assigned(constants[column.name], column) for column in shared]
    lines.append(f"{TABLE.upper()} = Table(")
    lines += [f'    name="{TABLE}",', "    columns=("]
    lines += [f"        {_column(c, constants if by_name.get(c.name) == c else {}, 8)}," for c in plan.raw]
    records = contract.tables[0]
    lines += ["    ),", f"    key=({text_of(records.key[0])},),", f"    min_rows={number_of(records.min_rows)},"]
    if roles.time:
        lines += [f"    time={text_of(roles.time)},", f"    known_at={text_of(roles.time)},"]
        lines += [f"    max_missing_days={plan.missing_days},"] if plan.missing_days else []
    lines += [")", "FEATURES = Table(", '    name="features",', "    columns=("]
    lines += [
        f"        {_column(f.column, constants if by_name.get(f.column.name) == f.column else {}, 8)},"
        for f in plan.features
    ]
    lines += ["    ),", f"    key=({text_of(contract.key)},),", f"    min_rows={number_of(records.min_rows)},"]
    lines += ['    time="asked_at",'] if roles.time else []
    lines += [
        ")",
        "CONTRACT = Contract(",
        f"    tables=({TABLE.upper()},),",
        "    features=FEATURES,",
        f"    key={text_of(contract.key)},",
    ]
    times = ("asked_at", "asked_day", "known_at") if roles.time else ("", "", "")
    lines += [f"    {role}={text_of(name)}," for role, name in zip(("time", "day", "known_at"), times, strict=True)]
    lines += [f"    target={text_of(roles.target)},"]
    lines += [f"    group={text_of(roles.group)},"] if roles.group else []
    lines += ['    problem="regression",'] if roles.regression else []
    lines += [")", ""]
    return "\n".join(lines)


def text_of(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def number_of(value: float) -> str:
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _arguments(column: Column) -> list[str]:
    made = [f"name={text_of(column.name)}", f"kind={text_of(column.kind)}", f"about={text_of(column.about)}"]
    made += (
        [f"low={number_of(column.low)}", f"high={number_of(column.high)}"]
        if column.low is not None and column.high is not None
        else []
    )
    if column.allowed:
        made.append(f"allowed=({', '.join(map(text_of, column.allowed))},)")
    made += [f"pattern={text_of(column.pattern)}"] if column.pattern else []
    made += [f"max_null={number_of(column.max_null)}"] if column.max_null else []
    made += [f"known={text_of(column.known)}"] if column.known != "before" else []
    made += [f"known_at={text_of(column.known_at)}"] if column.known_at else []
    made += ["private=True"] if column.private else []
    return [*made, f"spelled={text_of(column.spelled)}"] if column.spelled else made


def _column(column: Column, constants: Mapping[str, str], indent: int) -> str:
    if column.name in constants:
        return constants[column.name]
    return _wrapped("Column(", _arguments(column), indent)


def _assigned(name: str, column: Column) -> str:
    return f"{name} = {_wrapped('Column(', _arguments(column), 0, before=len(name) + 3)}"


def _wrapped(call: str, arguments: Sequence[str], indent: int, before: int = 0) -> str:
    """A call in one line, or each argument in its own; as ruff formats it."""
    arguments = [
        re.sub(r"^allowed=\((.*),\)$", r"allowed=(\1)", each) if each.count('", "') else each for each in arguments
    ]
    line = f"{call}{', '.join(arguments)})"
    if before + indent + len(line) + 1 <= 120:
        return line
    pad = " " * (indent + 4)
    if len(pad) + len(", ".join(arguments)) <= 120:
        return f"{call}\n{pad}{', '.join(arguments)}\n{' ' * indent})"
    lines = []
    for each in arguments:
        if len(pad) + len(each) + 1 <= 120 or not each.startswith("allowed=("):
            lines.append(f"{pad}{each},")
        else:
            items = re.findall(r'"(?:[^"\\]|\\.)*"', each)
            lines += [f"{pad}allowed=(", *(f"{pad}    {item}," for item in items), f"{pad}),"]
    return "\n".join([call, *lines, f"{' ' * indent})"])


def features_sql(plan: Plan) -> str:
    """The text of features.sql."""
    roles = plan.decided.roles
    parts = [
        each.sql if each.sql == each.column.name or " as " in each.sql else f"{each.sql} as {each.column.name}"
        for each in plan.features
    ]
    body = ",\n".join(f"    {part}" for part in parts)
    order = "asked_at, " if roles.time else ""
    key = roles.key or "row_id"
    return f"-- One row for each record: what is known when a prediction is asked for, and the target.\nselect\n{body}\nfrom {TABLE}\norder by {order}{key}\n"


def trace_sql(plan: Plan) -> str:
    """The text of trace_records.sql: the raw rows behind a prediction."""
    key = plan.decided.roles.key or "row_id"
    numeric = any(column.name == key and column.kind == "integer" for column in plan.raw)
    keys = "unnest($keys)::bigint" if numeric else "unnest($keys)"
    return f"-- The raw rows of the predictions that `trace` follows ($keys).\nselect * from {TABLE} where {key} in (select {keys})\n"


def package_text(plan: Plan) -> str:
    """The text of the package's __init__.py."""
    return f'''"""{plan.title}

`PROJECT` is what the library asks for. Functions of the team's own (a source, a feature step, a metric, a check, a
gate, a monitor, a command) are registered here by their names; docs/extensions.md has an example of each.
"""

from pathlib import Path

import roadworthy as rw

from .contract import CONTRACT

PROJECT = rw.Definition(
    contract=CONTRACT,
    sql=Path(__file__).parent,  # features.sql, read_{TABLE}.sql and trace_{TABLE}.sql
    model=f"{{__name__}}.model:build",
    search=f"{{__name__}}.model:SEARCH",
    incidents=f"{{__name__}}.incidents:INCIDENTS",
)
'''


def model_text(*, boosting: bool, regression: bool, trees: Sequence[int], leaves: Sequence[int]) -> str:
    """The text of model.py: boosting, or a linear model."""
    if boosting:
        name = f"HistGradientBoosting{'Regressor' if regression else 'Classifier'}"
        grid = f"""grid={{"max_iter": {_tuple(trees)}, "learning_rate": (0.05, 0.1), "max_leaf_nodes": {_tuple(leaves)}}},
    quick=(
        {{"max_iter": {trees[0]}, "learning_rate": 0.1, "max_leaf_nodes": {leaves[-1]}}},
        {{"max_iter": {trees[-1]}, "learning_rate": 0.05, "max_leaf_nodes": {leaves[0]}}},
    ),"""
        return f'''"""Boosted trees, and the few hyperparameters that are worth a try."""

from sklearn.ensemble import {name}

import roadworthy as rw


def build(spec: rw.ModelSettings) -> {name}:
    """An unfitted estimator for the section [model] of config.toml."""
    return {name}(
        max_iter=spec.max_iter,
        learning_rate=spec.learning_rate,
        max_leaf_nodes=spec.max_leaf_nodes,
        random_state=spec.seed,
        early_stopping=False,
    )


SEARCH = rw.SearchSpace(
    {grid}
)
'''
    name, words = ("Ridge", "Ridge regression") if regression else ("LogisticRegression", "Logistic regression")
    strength = "alpha" if regression else "C"
    more = "" if regression else ", max_iter=1000"
    return f'''"""{words}: trees are not surely better on these rows."""

from sklearn.linear_model import {name}

import roadworthy as rw


def build(spec: rw.ModelSettings) -> {name}:
    """An unfitted estimator for the section [model] of config.toml."""
    return {name}({strength}=spec.parameters["{strength}"], random_state=spec.seed{more})


SEARCH = rw.SearchSpace(grid={{"{strength}": (0.1, 1.0, 10.0)}}, quick=({{"{strength}": 0.1}}, {{"{strength}": 10.0}}))
'''


def _tuple(values: Iterable[int]) -> str:
    return f"({', '.join(map(str, values))})"


def incidents_text(plan: Plan) -> str:
    """The text of incidents.py: what may happen to these columns in production."""
    numbers = [
        f.column.name
        for f in plan.features
        if f.modelled and f.column.kind in ("number", "integer") and (f.column.low, f.column.high) != (0, 1)
    ]
    categories = [f.column.name for f in plan.features if f.modelled and f.column.kind == "category"]
    number = numbers[0] if numbers else plan.modelled[0]
    parts = [
        f"""
def _factor_of_ten(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign({number}=rows["{number}"] * 10)


def _column_empty(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign({number}=np.nan)


def _column_frozen(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign({number}=rows["{number}"].median())


def _labels_stop(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(**{{CONTRACT.known_at: rows[CONTRACT.known_at].where(np.zeros(len(rows), bool))}})


def _labels_turned(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    target = rows[CONTRACT.target]
    return rows.assign(**{{CONTRACT.target: target.max() + target.min() - target}})


def _half_of_the_rows(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.iloc[::20]
"""
    ]
    names = {
        f"{number}-times-ten": "_factor_of_ten",
        f"{number}-empty": "_column_empty",
        f"{number}-frozen": "_column_frozen",
    }
    names |= {"labels-stop": "_labels_stop", "labels-turned": "_labels_turned", "hardly-any-rows": "_half_of_the_rows"}
    if categories:
        category = categories[0]
        parts.append(f"""

def _category_renamed(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign({category}=rows["{category}"].replace({{rows["{category}"].mode()[0]: NEW}}))
""")
        names[f"{category}-renamed"] = "_category_renamed"
    new = '\nNEW = "another spelling"  # of a category\n' if categories else "\n"
    text = (
        f'''"""What may happen to this model in production: each takes the rows from its date on and gives what comes instead.

`worlds` are the features of each snapshot, `start` is when it happens. Drafted from the contract: add what you fear.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from .contract import CONTRACT

Worlds = Mapping[str, pd.DataFrame]
Happens = Callable[[pd.DataFrame, Worlds, datetime], pd.DataFrame]{new}{"".join(parts)}

INCIDENTS: dict[str, Happens] = {{
'''
        + "".join(f'    "{name.replace("_", "-")}": {function},\n' for name, function in names.items())
        + "}\n"
    )
    return text.replace("_half_of_the_rows", "_hardly_any_rows")
