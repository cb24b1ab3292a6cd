"""The words in which a data contract is written: columns, rules, references, tables.

Everything that depends on the data is derived from these: the checks (pandera), the request model, the
signature of the exported model, the reference of the monitors and the documentation.
"""

import hashlib
from dataclasses import asdict, dataclass
from typing import Literal

# A column of the contract that has such a name would be replaced without a word.
TAKEN = ("row", "day_number")  # columns that the checks add to a table
Kind = Literal["category", "text", "integer", "number", "boolean", "time", "date"]
Known = Literal["before", "after"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its type and what it may hold.

    `allowed` is a closed set, `pattern` a regular expression for an open one. `low` and `high` are inclusive, in
    `unit`. `max_null` is the largest share of missing values that is still normal. `known` says whether the value
    is there at the prediction time; a column that is known only afterwards is a leak when it becomes a feature, and
    `known_at` (SQL over the columns of its table) says from which moment it is known. A private value may stand in raw
    tables only: not in a feature, a log, a bundle or a report.

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
        """Raise ValueError for a column that the checks have themselves."""
        # No InputError: it is raised while the project's package is imported, and told there with the line at fault.
        if taken := [name for name in self.names if name in TAKEN]:
            what = f"the checks have a column {taken[0]!r} of their own: rename that of the table {self.name}"
            raise ValueError(f"{what} in a repair, and in the contract")

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        return {column.name: column for column in self.columns}[name]

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]


@dataclass(frozen=True, kw_only=True)
class Contract:
    """All tables of a snapshot, the table of features that the SQL makes of them, and the roles of its columns.

    `key` identifies a prediction, `time` is the prediction time, `day` the block of the intervals (rows of one
    day are not independent), `target` the label and `known_at` the time from which the label is known.

    >>> from dataclasses import replace
    >>> roles = {"key": "session", "time": "started", "day": "day", "target": "long", "known_at": "ended"}
    >>> contract = Contract(tables=(), features=Table(name="features", columns=(), key=("session",)), **roles)
    >>> contract.sha256 == replace(contract, target="short").sha256
    False
    """

    tables: tuple[Table, ...]
    features: Table
    key: str
    time: str
    day: str
    target: str
    known_at: str

    def table(self, name: str) -> Table:
        """The table of that name, the features included; KeyError when there is none."""
        return {table.name: table for table in (*self.tables, self.features)}[name]

    @property
    def sha256(self) -> str:
        """A sum that changes whenever the contract does; a model carries the sum of the contract it was made for."""
        # Not hash(): that of a text is another one in each process.
        return hashlib.sha256(repr(asdict(self)).encode()).hexdigest()
