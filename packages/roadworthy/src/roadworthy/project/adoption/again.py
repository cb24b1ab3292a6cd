"""A later delivery beside the contract: what changed, and the edit that would take it, for somebody to review."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from ...base import databases
from ...base.errors import InputError, RedError
from ...base.files import write_atomic
from ...contract.rules import SQL_TYPES
from ...contract.schema import Column, Table
from ...contract.workspace import Workspace
from ...data.delimited import identifier, literal
from ...data.deliveries import Delivery, read_delivery
from ...data.raw_tables import read_sql
from ...reports.pages import Section, write_page
from .columns import Found
from .contract_file import edited_contract, literal_of
from .plan import bounds_of

FOLDER = Path("reports", "adopt")
PATCH, PAGE = "again.patch", "again.html"
SHOWN = 5  # values of a kind
ALIKE = 0.6  # how alike two names are, of which one may be the other renamed


@dataclass(frozen=True)
class Change:
    """What is other than the contract says: where, what, and what the edit does about it ("" if nothing can)."""

    column: str
    what: str
    edit: str


@dataclass(frozen=True)
class Compared:
    """The changes, the texts of files that the edit would change (by path below the project), and the page."""

    changes: tuple[Change, ...]
    edited: Mapping[Path, str]
    page: Path


def compare_delivery(project: Workspace, files: Sequence[Path]) -> Compared:
    """Compare delivered files with the contract; write the page, and the edit as a patch; nothing else is touched."""
    table = project.contract.tables[0]
    if not read_sql(project, table):
        hint = "it is made by `roadworthy adopt`; compare tables of your own with `roadworthy check FILE`"
        raise InputError(f"has no read_{table.name}.sql", where=project.definition.sql, hint=hint)
    with databases.empty_duckdb() as connection:
        delivery = read_delivery(connection, files, "delivered")
        renamed, changes = _names(table, delivery)
        with databases.explain_sql_errors("cannot be read", files[0], f"correct read_{table.name}.sql"):
            _read(connection, project, table, delivery, renamed)
            found = [
                change
                for column in table.columns
                for change in _differences(connection, table, column, delivery, renamed)
            ]
    contract, sql = project.definition.sql / "contract.py", project.definition.sql / f"read_{table.name}.sql"
    edits = {column: facts for column, _, facts in found if facts}
    edited = {
        contract: edited_contract(contract.read_text(encoding="utf-8"), edits),
        sql: _with_names(read_sql(project, table), renamed),
    }
    changes += [Change(column, what, _words(facts)) for column, what, facts in found]
    changed = {path: text for path, text in edited.items() if text != path.read_text(encoding="utf-8")}
    write_atomic(project.folder / FOLDER / PATCH, _patch(project.folder, changed))
    return Compared(tuple(changes), changed, _page(project, delivery, changes, changed))


def require_unchanged(compared: Compared, where: Path) -> None:
    """Raise RedError when the delivery is other than the contract says."""
    if compared.changes:
        applied = f"; if the change is meant: git apply {FOLDER.as_posix()}/{PATCH}" if compared.edited else ""
        first = compared.changes[0]
        what = f"differs from the contract in {len(compared.changes)} places: {first.column}: {first.what}"
        hint = f"review the page {compared.page}{applied}"
        raise RedError(what, where=where, hint=hint)


def _names(table: Table, delivery: Delivery) -> tuple[dict[str, str], list[Change]]:
    """The columns that are called otherwise now, by the name of before; and what is missing or new."""
    spelled = {column.spelled or column.name: column for column in table.columns if column.name != "row_id"}
    missing = [name for name in spelled if name not in delivery.columns]
    new = [name for name in delivery.columns if name not in spelled]
    renamed, changes = {}, []
    for name in missing:
        if near := difflib.get_close_matches(name.lower(), [each.lower() for each in new], n=1, cutoff=ALIKE):
            now = next(each for each in new if each.lower() == near[0])
            renamed[name] = now
            new.remove(now)
            changes.append(Change(name, f"is missing, and may be {now!r} now", f"read_{table.name}.sql reads {now!r}"))
        elif spelled[name].known == "before":
            changes.append(Change(name, "is missing", ""))
    return renamed, [*changes, *(Change(name, "is new: nothing takes it", "") for name in new)]


def _read(
    connection: duckdb.DuckDBPyConnection,
    project: Workspace,
    table: Table,
    delivery: Delivery,
    renamed: Mapping[str, str],
) -> None:
    """Make the table `came` of the delivered rows, in the project's reading; missing columns are empty."""
    names = [column.spelled or column.name for column in table.columns if column.name != "row_id"]
    absent = [name for name in names if name not in delivery.columns]
    values = "".join(
        f", {identifier(renamed[name]) if name in renamed else 'null::varchar'} as {identifier(name)}"
        for name in absent
    )
    connection.execute(f"create temp view delivery as select *{values} from delivered")
    connection.execute(f"create temp table came as {read_sql(project, table)}")


def _differences(
    connection: duckdb.DuckDBPyConnection, table: Table, column: Column, delivery: Delivery, renamed: Mapping[str, str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Column, what is other, and the arguments that its entry would have then."""
    spelled = column.spelled or column.name
    if column.name != "row_id" and spelled not in delivery.columns and spelled not in renamed:
        return
    name = identifier(column.name)
    value = f"try_cast({name} as {SQL_TYPES[column.kind]})"
    sql = f"select count(*), count({name}), count({name}) - count({value}) from came"
    rows, filled, wrong = connection.execute(sql).fetchall()[0]
    if wrong:
        some = _some(connection, f"{name} is not null and {value} is null", name)
        yield column.name, f"{wrong:,} of {filled:,} values are no {column.kind}: {some}", {}
    share = 1 - filled / rows if rows else 0.0
    if share > column.max_null and column.known == "before":
        yield (
            column.name,
            f"{share:.1%} are missing, at most {column.max_null:.1%} may be",
            {"max_null": round(min(1.0, share * 1.5 + 0.02), 3)},
        )
    yield from _of_numbers(connection, column, value)
    yield from _of_texts(connection, column, name)
    if column.name in table.key:
        doubled = connection.execute(f"select count(*) - count(distinct {name}) from came").fetchall()[0][0]
        if doubled:
            yield column.name, f"{doubled:,} values of the key are there more than once", {}


def _of_numbers(
    connection: duckdb.DuckDBPyConnection, column: Column, value: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if column.low is None or column.high is None:
        return
    low, high = connection.execute(f"select min({value})::double, max({value})::double from came").fetchall()[0]
    if low is None or (low >= column.low and high <= column.high):
        return
    whole = column.kind == "integer"
    bounds = bounds_of(
        Found(column.name, column.name, column.kind, "", low=min(low, column.low), high=max(high, column.high))
    )
    moved = {"low": bounds[0], "high": bounds[1]}
    seen = f"{low:.0f} to {high:.0f}" if whole else f"{low:g} to {high:g}"
    yield column.name, f"goes from {seen}, allowed is {column.low:g} to {column.high:g}", moved


def _of_texts(
    connection: duckdb.DuckDBPyConnection, column: Column, name: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if column.allowed:
        listed = ", ".join(map(literal, column.allowed))
        sql = f"select {name}, count(*) from came where {name} not in ({listed}) group by 1 order by 2 desc, 1"
        if new := connection.execute(sql).fetchall():
            words = ", ".join(f"{value!r} ({count:,} rows)" for value, count in new[:SHOWN])
            yield (
                column.name,
                f"has {len(new)} new categories: {words}",
                {"allowed": (*column.allowed, *(value for value, _ in new))},
            )
    elif column.pattern and not column.private:
        sql = f"select count(*) from came where {name} is not null and not regexp_matches({name}, $pattern)"
        if odd := connection.execute(sql, {"pattern": column.pattern}).fetchall()[0][0]:
            yield column.name, f"{odd:,} values do not match {column.pattern}", {}


def _some(connection: duckdb.DuckDBPyConnection, condition: str, name: str) -> str:
    rows = connection.execute(f"select distinct {name} from came where {condition} order by 1 limit {SHOWN}").fetchall()
    return ", ".join(repr(value) for (value,) in rows)


def _with_names(sql: str, renamed: Mapping[str, str]) -> str:
    """The SQL that reads columns by their new names."""
    for before, now in renamed.items():
        # Not the name that a value is given.
        parts = sql.split(identifier(before))
        sql = (
            "".join(part + (identifier(before) if part.endswith(" as ") else identifier(now)) for part in parts[:-1])
            + parts[-1]
        )
    return sql


def _words(facts: Mapping[str, Any]) -> str:
    return (
        "" if not facts else "contract.py: " + ", ".join(f"{name}={literal_of(value)}" for name, value in facts.items())
    )


def _patch(home: Path, edited: Mapping[Path, str]) -> str:
    made: list[str] = []
    for path, text in edited.items():
        name = path.relative_to(home).as_posix()
        before = path.read_text(encoding="utf-8").splitlines(keepends=True)
        made += difflib.unified_diff(before, text.splitlines(keepends=True), f"a/{name}", f"b/{name}")
    return "".join(made)


def _page(project: Workspace, delivery: Delivery, changes: Sequence[Change], edited: Mapping[Path, str]) -> Path:
    rows = pd.DataFrame(
        [{"column": c.column, "what is other": c.what, "the edit": c.edit or "to be decided"} for c in changes]
    )
    text = "Nothing differs: the contract holds as it is." if not changes else ""
    sections = [Section("What changed", text, rows if changes else None)]
    if edited:
        how = f"Nothing was changed. If this is meant: git apply {FOLDER.as_posix()}/{PATCH}, then roadworthy check."
        sections.append(Section("The edit to review", how, code=_patch(project.folder, edited)))
    lead = f"{delivery.rows:,} rows and {len(delivery.columns)} columns came ({delivery.form})."
    return write_page(project.folder / FOLDER / PAGE, "A new delivery beside the contract", sections, lead=lead)
