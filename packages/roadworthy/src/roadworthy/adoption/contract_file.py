"""The text of contract.py: how a drafted one is written, and how one that people own is edited."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..contract.schema import Column
from .plan import Plan, contract_of
from .records import TABLE


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
    """A text as Python has it."""
    return json.dumps(value, ensure_ascii=False)


def number_of(value: float) -> str:
    """A number as Python has it."""
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _column(column: Column, constants: Mapping[str, str], indent: int) -> str:
    if column.name in constants:
        return constants[column.name]
    return _wrapped("Column(", _arguments(column), indent)


def _assigned(name: str, column: Column) -> str:
    return f"{name} = {_wrapped('Column(', _arguments(column), 0, before=len(name) + 3)}"


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
