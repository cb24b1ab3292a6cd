"""The text of contract.py: how a drafted one is written, and how one that people own is edited."""

import ast
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ...contract.schema import Column, Contract
from .plan import Plan, contract_of
from .records import TABLE

TIMES = ("time", "day", "known_at")


def contract_text(plan: Plan) -> str:
    """The text of contract.py; a column that both tables have is written once."""
    contract, of_features = contract_of(plan), {each.column for each in plan.features}
    constants = {column: _constant(column.name) for column in plan.raw if column in of_features}
    records, roles = contract.tables[0], plan.decided.roles
    rows = {"min_rows": number_of(records.min_rows)}
    timed = {"time": text_of(records.time), "known_at": text_of(records.known_at)} if roles.time else {}
    timed |= {"max_missing_days": number_of(plan.missing_days)} if plan.missing_days else {}
    dated = {"time": text_of(contract.features.time)} if roles.time else {}
    parts = [
        f'"""What the table `{TABLE}` must look like, and its features."""\n',
        "from roadworthy import Column, Contract, Table\n",
        *(f"{name} = {_column(column)}" for column, name in constants.items()),
        _table(TABLE.upper(), records.name, plan.raw, constants, records.key[0], rows | timed),
        _table("FEATURES", "features", [f.column for f in plan.features], constants, contract.key, rows | dated),
        f"CONTRACT = Contract(tables=({TABLE.upper()},), features=FEATURES, {_roles(contract)},)",
    ]
    return formatted("\n".join(parts))


def formatted(text: str) -> str:
    """Python in the style that the project's own checks ask for; as it is where ruff is not installed."""
    line = [sys.executable, "-m", "ruff", "format", "--line-length", "120", "--stdin-filename", "contract.py", "-"]
    # The interpreter that runs this, and a module of it.
    done = subprocess.run(line, input=text, capture_output=True, text=True, encoding="utf-8", check=False)  # noqa: S603
    return done.stdout if done.returncode == 0 and done.stdout else text


def _constant(name: str) -> str:
    return f"{name.upper()}_COLUMN" if name.upper() in {TABLE.upper(), "FEATURES", "CONTRACT"} else name.upper()


def _table(
    constant: str,
    name: str,
    columns: Sequence[Column],
    constants: Mapping[Column, str],
    key: str,
    rest: Mapping[str, str],
) -> str:
    listed = ", ".join(constants.get(column) or _column(column) for column in columns)
    more = ", ".join(f"{argument}={value}" for argument, value in rest.items())
    return f"{constant} = Table(name={text_of(name)}, columns=({listed},), key=({text_of(key)},), {more},)"


def _roles(contract: Contract) -> str:
    timeless = contract.timeless
    roles = {"key": contract.key, **{role: "" if timeless else getattr(contract, role) for role in TIMES}}
    roles |= {"target": contract.target, **({"group": contract.group} if contract.group else {})}
    roles |= {"problem": contract.problem} if contract.regression else {}
    return ", ".join(f"{role}={text_of(name)}" for role, name in roles.items())


def text_of(value: str) -> str:
    """A text as Python has it."""
    return json.dumps(value, ensure_ascii=False)


def number_of(value: float) -> str:
    """A number as Python has it."""
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _column(column: Column) -> str:
    return f"Column({', '.join(_arguments(column))})"


def _arguments(column: Column) -> list[str]:
    made = [f"name={text_of(column.name)}", f"kind={text_of(column.kind)}", f"about={text_of(column.about)}"]
    if column.low is not None and column.high is not None:
        made += [f"low={number_of(column.low)}", f"high={number_of(column.high)}"]
    if column.allowed:
        comma = "," if len(column.allowed) == 1 else ""  # a last one would break lines
        made.append(f"allowed=({', '.join(map(text_of, column.allowed))}{comma})")
    made += [f"pattern={text_of(column.pattern)}"] if column.pattern else []
    made += [f"max_null={number_of(column.max_null)}"] if column.max_null else []
    made += [f"known={text_of(column.known)}"] if column.known != "before" else []
    made += [f"known_at={text_of(column.known_at)}"] if column.known_at else []
    made += ["private=True"] if column.private else []
    return [*made, f"spelled={text_of(column.spelled)}"] if column.spelled else made


def edited_contract(text: str, edits: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of contract.py with other arguments of the columns that are named; the rest as it is, to the letter.

    >>> edited_contract('A = Column(name="a", kind="integer", about="a", low=0, high=9)', {"a": {"high": 20}})
    'A = Column(name="a", kind="integer", about="a", low=0, high=20)'
    """
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    content = text.encode()
    changes = []
    for node in ast.walk(ast.parse(text)):
        name = _name_of(node)
        if isinstance(node, ast.Call) and name in edits:
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            last = node.keywords[-1].value
            for argument, value in edits[name].items():
                if argument in given:
                    changes.append((*_span(given[argument], starts), literal_of(value)))
                else:
                    end = _span(last, starts)[1]
                    changes.append((end, end, f", {argument}={literal_of(value)}"))
    for start, end, new in sorted(changes, reverse=True):
        content = content[:start] + new.encode() + content[end:]
    return content.decode()


def _name_of(node: ast.AST) -> str:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)):
        return ""
    called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
    values = [keyword.value for keyword in node.keywords if keyword.arg == "name"]
    if called != "Column" or not values or not isinstance(values[0], ast.Constant):
        return ""
    return str(values[0].value)


def _span(node: ast.expr, starts: Sequence[int]) -> tuple[int, int]:
    return starts[node.lineno - 1] + node.col_offset, starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)


def literal_of(value: Any) -> str:
    """A number, or a tuple of texts, as Python has it."""
    if isinstance(value, tuple):
        return f"({', '.join(map(text_of, value))})"
    return number_of(value)
