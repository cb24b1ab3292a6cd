"""The words in which a data contract is written: columns, rules, references, tables.

Everything that depends on the data is derived from these: the checks (pandera), the request model, the
signature of the exported model, the reference of the monitors and the documentation.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

# A column of the contract that has such a name would be replaced without a word.
TAKEN = ("row", "day_number")  # columns that the checks add to a table
Kind = Literal["category", "text", "integer", "number", "boolean", "time", "date"]
Known = Literal["before", "after"]
PROBLEMS = ("classification", "regression")
NUMBERS, TEXTS = ("integer", "number"), ("category", "text")
MODELLED = ("category", *NUMBERS)  # what a feature of a model may be
NAMES = "a name is not empty and has no quotes or line breaks"
# What the column of each role may be, so that the pipeline can work with it.
ROLES: dict[str, tuple[Kind, ...]] = {
    "key": ("category", "text", "integer"),
    "time": ("time",),
    "day": ("date",),
    "target": ("boolean", "category", "integer"),
    "known_at": ("time",),
}
TARGET_NUMBERS: tuple[Kind, ...] = ("number", "integer")  # what the target of a regression may be


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its type and what it may hold.

    `allowed` is a closed set, `pattern` a regular expression for an open one. `low` and `high` are inclusive, in
    `unit`. `max_null` is the largest share of missing values that is still normal. `known` says whether the value
    is there at the prediction time; a column that is known only afterwards is a leak when it becomes a feature, and
    `known_at` (SQL over the columns of its table) says from which moment it is known. A private value may stand in raw
    tables only: not in a feature, a log, a bundle or a report. `spelled` is another name, under which files and
    requests may bring it.

    >>> Column(name="energy", kind="number", about="charged", unit="kWh", low=0, high=100, max_null=0.01).nullable
    True
    """

    name: str
    kind: Kind
    about: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    pattern: str = ""
    max_null: float = 0.0
    known: Known = "before"
    known_at: str = ""
    private: bool = False
    spelled: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown kind, and for limits that are no limits of that kind."""
        # No InputError, here and below: it is raised while the project's package is imported, and told there with the
        # line at fault.
        kinds, bounds = get_args(Kind), [bound for bound in (self.low, self.high) if bound is not None]
        texts, why = self.allowed or self.pattern, f"and its kind is {self.kind!r}"
        _refuse_if(not _is_name(self.name), f"a column cannot be called {self.name!r}: {NAMES}")
        mistakes = {
            f"kind is {self.kind!r}, and must be one of {', '.join(kinds)}": self.kind not in kinds,
            f"known is {self.known!r}, and must be one of before, after": self.known not in get_args(Known),
            f"max_null is {self.max_null}, and must be a share from 0 to 1": not 0 <= self.max_null <= 1,
            f"low and high are limits of numbers, {why}": self.kind not in NUMBERS and bounds,
            f"allowed and pattern are limits of texts, {why}": self.kind not in TEXTS and texts,
            f"low {self.low} is above high {self.high}, or no number: no value can keep both": not _in_order(*bounds),
            f"pattern {self.pattern!r} is no regular expression": not _is_pattern(self.pattern),
        }
        for mistake, made in mistakes.items():
            _refuse_if(made, f"column {self.name!r}: {mistake}")

    @property
    def nullable(self) -> bool:
        """Whether a value may be missing."""
        return self.max_null > 0


@dataclass(frozen=True)
class Rule:
    """What must hold in every row: `holds` is an SQL condition (DuckDB) over the columns of the table.

    >>> Rule("order", "ended >= started", "a session ends after it has begun").name
    'order'
    """

    name: str
    holds: str
    about: str


@dataclass(frozen=True)
class Law:
    """What must hold of a table as a whole: an SQL aggregate (DuckDB), `figure`, is between `low` and `high`.

    >>> Law("idle", "avg((energy = 0)::integer)", 0.0, 0.1, "share of sessions without energy").high
    0.1
    """

    name: str
    figure: str
    low: float
    high: float
    about: str

    def __post_init__(self) -> None:
        """Raise ValueError when no figure can keep the law."""
        ordered = _in_order(self.low, self.high)
        _refuse_if(not ordered, f"law {self.name!r}: low {self.low} is above high {self.high}, or no number")


@dataclass(frozen=True)
class Reference:
    """A foreign key: at most `max_missing` (a share) of the non-null values have no row in the other table.

    >>> Reference("site", "sites", "id").max_missing
    0.0
    """

    column: str
    table: str
    other: str
    max_missing: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError when `max_missing` is no share."""
        what = f"reference of {self.column!r}: max_missing is {self.max_missing}, and must be a share from 0 to 1"
        _refuse_if(not 0 <= self.max_missing <= 1, what)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: its columns, what identifies a row, and what holds across rows and tables.

    `time` is the column by which coverage is judged: at most `max_missing_days` days without a row. `known_at` (SQL)
    is the moment from which a row is known; without one, rows are known long before: a schedule, a register.

    >>> site = Column(name="id", kind="category", about="number of the site")
    >>> Table(name="sites", columns=(site,), key=("id",)).names
    ['id']
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    laws: tuple[Law, ...] = ()
    references: tuple[Reference, ...] = ()
    min_rows: int = 1
    time: str = ""
    known_at: str = ""
    max_missing_days: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for doubled columns, for those that the checks have, and for what names none."""
        _refuse_if(not _is_name(self.name), f"a table cannot be called {self.name!r}: {NAMES}")
        where, time = f"table {self.name!r}", [self.time] if self.time else []
        others = [spelled for spelled, name in self.spelled.items() if spelled.lower() != name.lower()]
        _require_once(f"{where}: column", [*self.names, *others])
        references = [reference.column for reference in self.references]
        for part, names in {"key": self.key, "time": time, "references": references}.items():
            _require_known(f"{where}: {part}", names, self.names)
        kinds = {column.name: column.kind for column in self.columns}
        kind = kinds.get(self.time, "time")
        what = f"time is {self.time!r}, whose kind is {kind!r} instead of time or date"
        _refuse_if(kind not in ("time", "date"), f"{where}: {what}")
        taken = ", ".join(name for name in self.names if name in TAKEN)
        what = f"the checks have a column {taken!r} of their own: rename that of the table {self.name}"
        _refuse_if(taken, f"{what} in a repair, and in the contract")

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        return {column.name: column for column in self.columns}[name]

    @property
    def spelled(self) -> dict[str, str]:
        """The names under which files may bring columns, each with the name that the contract has for it."""
        return {column.spelled: column.name for column in self.columns if column.spelled}

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]


@dataclass(frozen=True, kw_only=True)
class Contract:
    """All tables of a snapshot, the table of features that the SQL makes of them, and the roles of its columns.

    `key` identifies a prediction, `time` is the prediction time, `day` the block of the intervals (rows of one
    day are not independent), `target` the label and `known_at` the time from which the label is known. Of a target that
    is neither boolean nor 0 and 1, `positive` is the value that stands for yes; every other one stands for no. With the
    `problem` "regression" the target is a number, of which the model answers the mean.

    Rows without a time have neither `time` nor `day` nor `known_at`: then days are drawn for them at random, by their
    `group` (a customer, a site) or each by itself. The split and the blocks are those of the drawn days.

    >>> from dataclasses import replace
    >>> kinds = {"session": "text", "started": "time", "day": "date", "hour": "integer"}
    >>> kinds |= {"long": "boolean", "ended": "time"}
    >>> columns = tuple(Column(name=name, kind=kind, about=name) for name, kind in kinds.items())
    >>> roles = {"key": "session", "time": "started", "day": "day", "target": "long", "known_at": "ended"}
    >>> features = Table(name="features", columns=columns, key=("session",))
    >>> contract = Contract(tables=(), features=features, **roles)
    >>> contract.sha256 == replace(contract, features=replace(features, min_rows=200)).sha256
    False
    """

    tables: tuple[Table, ...]
    features: Table
    key: str
    time: str
    day: str
    target: str
    known_at: str
    positive: str = ""
    group: str = ""
    problem: str = "classification"

    def __post_init__(self) -> None:
        """Raise ValueError for what could not be checked, trained or served: roles, references, no feature."""
        if not (self.time or self.day or self.known_at):
            # Columns that the library adds to what features.sql gives, so that all that follows knows one kind of rows.
            object.__setattr__(self, "features", replace(self.features, columns=(*self.features.columns, *DRAWN)))
            for role, column in zip(("time", "day", "known_at"), DRAWN, strict=True):
                object.__setattr__(self, role, column.name)
        if self.group:
            _refuse_if(not self.timeless, "contract: group says how days are drawn, and these rows have a time")
            _require_known("contract: group", [self.group], self.features.names)
        _require_once("table", [table.name for table in (*self.tables, self.features)])
        columns = {table.name: table.names for table in self.tables}
        for table in self.tables:
            for reference in table.references:
                where = f"table {table.name!r}: reference of {reference.column!r}"
                _require_known(where, [reference.table], columns, "table")
                _require_known(where, [reference.other], columns[reference.table])
        words = f"contract: problem is {self.problem!r}, and must be {' or '.join(PROBLEMS)}"
        _refuse_if(self.problem not in PROBLEMS, words)
        for role, kinds in ROLES.items():
            numbers = role == "target" and self.regression
            self._require_role(role, getattr(self, role), TARGET_NUMBERS if numbers else kinds)
        roles = [getattr(self, role) for role in ROLES]
        _require_once("contract: one column has two roles:", roles)
        if self.regression:
            _refuse_if(self.positive, f"contract: positive is {self.positive!r}, and a number has no value for yes")
        else:
            self._require_two_classes()
        left = [c for c in self.features.columns if c.kind in MODELLED and c.known == "before" and c.name not in roles]
        what = "none but the roles is of the kind category, integer or number and known before"
        _refuse_if(not left, f"contract: no feature is left: {what}")

    def _require_role(self, role: str, name: str, kinds: tuple[Kind, ...]) -> None:
        where, wanted = f"contract: {role}", " or ".join(kinds)
        what = f"it must name a column of the features, of the kind {wanted}; add one in features.sql if there is none"
        _refuse_if(not name, f"{where} is empty: {what}")
        _require_known(where, [name], self.features.names)
        kind = self.features.column(name).kind
        other = ', or set problem="regression"' if role == "target" and kind == "number" else ""
        what = f"whose kind is {kind!r} instead of {wanted}: make it so in features.sql{other}"
        _refuse_if(kind not in kinds, f"{where} is {name!r}, {what}")

    def _require_two_classes(self) -> None:
        target = self.features.column(self.target)
        where, hint = f"contract: target is {self.target!r}", "make it so in features.sql"
        needed = f"{where}, whose kind is {target.kind!r}: positive must say which value stands for yes"
        _refuse_if(target.kind == "category" and not self.positive, needed)
        _refuse_if(target.kind == "boolean" and self.positive, f"{where}, which is yes or no: it needs no positive")
        several = f"{where} and has {len(target.allowed)} classes: only two can be told apart; {hint}"
        _refuse_if(len(target.allowed) > 2, several)
        unknown = f"{where}: positive is {self.positive!r}, which is not among {', '.join(target.allowed)}"
        _refuse_if(target.allowed and self.positive not in target.allowed, unknown)
        number = f"{where}, whose kind is 'integer': positive is {self.positive!r} and no whole number"
        _refuse_if(target.kind == "integer" and self.positive and not _is_whole(self.positive), number)

    @property
    def regression(self) -> bool:
        """Whether the target is a number, and not yes or no."""
        return self.problem == "regression"

    @property
    def timeless(self) -> bool:
        """Whether the rows have no time of their own, so that their days are drawn."""
        return self.time == DRAWN[0].name

    @property
    def split_words(self) -> str:
        """What must stand beside every figure of rows without a time; nothing for others."""
        by = f"each {self.group!r} is on one side" if self.group else "row by row"
        return f"split at random, {by}: the rows have no time" if self.timeless else ""

    def table(self, name: str) -> Table:
        """The table of that name, the features included; KeyError when there is none."""
        return {table.name: table for table in (*self.tables, self.features)}[name]

    @property
    def sha256(self) -> str:
        """A sum that changes whenever the contract does; a model carries the sum of the contract it was made for."""
        # Not hash(): that of a text is another one in each process. Without what is not set: a contract of before there
        # was such a word has the sum that it had.
        unset = {"positive": "", "group": "", "problem": "classification"}
        said = {name: value for name, value in _without_unset(asdict(self)).items() if unset.get(name) != value}
        return hashlib.sha256(repr(said).encode()).hexdigest()


def _without_unset(said: Any) -> Any:
    """The same without the key `spelled` of columns that have no other name."""
    if isinstance(said, dict):
        return {name: _without_unset(value) for name, value in said.items() if name != "spelled" or value}
    return tuple(map(_without_unset, said)) if isinstance(said, tuple) else said


def _refuse_if(mistaken: object, what: str) -> None:
    if mistaken:
        raise ValueError(what)


def _is_name(name: str) -> bool:
    # Names stand in SQL between quotes of either kind.
    return bool(name.strip()) and name.isprintable() and not set(name) & set("\"'")


def _is_whole(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+", text))


def _in_order(*bounds: float) -> bool:
    return list(bounds) == sorted(bounds) and not any(math.isnan(bound) for bound in bounds)


def _is_pattern(text: str) -> bool:
    try:
        return bool(re.compile(text))
    except re.error:
        return False


def _require_once(what: str, names: Iterable[str]) -> None:
    # In capitals or not: DuckDB does not tell them apart.
    doubled = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    _refuse_if(doubled, f"{what} {(*doubled, '')[0]!r} is there twice")


def _require_known(where: str, names: Iterable[str], known: Iterable[str], what: str = "column") -> None:
    unknown = [name for name in names if name not in known]
    _refuse_if(unknown, f"{where}: there is no {what} {(*unknown, '')[0]!r}; there are: {', '.join(known) or 'none'}")


# In the order of the roles time, day, known_at.
DRAWN = (
    Column(name="drawn_time", kind="time", about="a time that was drawn at random: the rows have none"),
    Column(name="drawn_day", kind="date", about="its day, a block of the intervals"),
    Column(name="drawn_known_at", kind="time", about="the same time: the label is known at once", known="after"),
)
