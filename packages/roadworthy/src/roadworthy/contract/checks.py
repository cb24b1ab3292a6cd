"""Hold data against the contract: bad rows are quarantined with their reason, a bad table is red; the page of it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from ..base import databases
from ..base.errors import InputError, RedError
from ..base.files import write_atomic
from ..base.settings import DEFAULT_LIMITS, Limits
from ..reports.pages import Section, Status, write_page
from . import rules
from .rules import Finding
from .schema import Contract, Reference, Table

if TYPE_CHECKING:
    from .workspace import Workspace

BESIDE_REASON = {"reason": "reason of the table"}  # a table may have a column of the name that the quarantine adds
OWN = "project"  # in the place of a table's name: a check of the team's own looks at all tables
FIRST = 20


@dataclass
class Report:
    """All findings, the number of rows of each table, and its quarantined rows (index: row number, from 1)."""

    findings: list[Finding] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    quarantine: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(finding.passed for finding in self.findings)

    @property
    def frame(self) -> pd.DataFrame:
        """The findings as a table, the red ones first."""
        return pd.DataFrame(self.findings).sort_values("passed", kind="stable", ignore_index=True)


def check_snapshot(project: "Workspace", connection: duckdb.DuckDBPyConnection, *, max_quarantined: float) -> Report:
    """Check every table of an opened snapshot; a table may lose the share `max_quarantined` of its rows."""
    report, limits = Report(), project.settings.limits
    for table in project.contract.tables:
        check_table(connection, table, report, max_quarantined=max_quarantined, limits=limits)
        report.findings += [check_reference(connection, table, reference) for reference in table.references]
    check_together(project, connection, report)
    return report


def check_together(project: "Workspace", connection: duckdb.DuckDBPyConnection, report: Report) -> None:
    """Add to `report` what must hold of all opened tables together, and the project's own checks."""
    report.findings += rules.same_period(connection, project.contract, project.settings.limits.max_apart)
    for name, check in project.definition.extensions("checks").items():
        passed, evidence = check(connection)
        report.findings.append(Finding(OWN, name, bool(passed), 0, str(evidence)))


def check_file(path: Path, table: Table, *, max_quarantined: float, limits: Limits = DEFAULT_LIMITS) -> Report:
    """Check one CSV or Parquet file as the given table; InputError when it is not such a table at all."""
    connection = databases.empty_duckdb()
    rules.read_file(connection, path).create_view(table.name)
    report = Report()
    check_table(connection, table, report, max_quarantined=max_quarantined, where=str(path), limits=limits)
    return report


def check_table(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    report: Report,
    *,
    max_quarantined: float,
    where: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Add the findings on one table to `report`; InputError when it has other columns or no rows."""
    rules.require_columns(connection.table(table.name).columns, table, where or table.name)
    typed, failures = rules.typed_rows(connection, table)
    if typed.empty:
        raise InputError("has no rows", where=where or table.name, hint="check the export that made it")
    bad = rules.row_failures(typed, failures, table)
    reasons = _reasons(bad)
    report.rows[table.name] = len(typed)
    lost = typed.loc[typed.index.isin(reasons.index)].rename(columns=BESIDE_REASON)
    report.quarantine[table.name] = lost.join(reasons)
    report.findings += _row_findings(table, bad, len(typed), max_quarantined)
    report.findings += [_enough_rows(table, typed), *_missing_values(table, typed)]
    report.findings += [_days(table, typed)] if table.time else []
    report.findings += rules.table_findings(connection, table, limits)
    if reasons.index.size <= max_quarantined * len(typed):  # more of them are red already
        report.findings += rules.lost_parts(table, typed, reasons.index, limits)


def _reasons(bad: pd.DataFrame) -> Any:
    # The slow join only where a row has more than one reason: a broken rule can hit every row of a table.
    once = bad.drop_duplicates("row", keep=False).set_index("row")["reason"]
    several = bad[bad["row"].duplicated(keep=False)].groupby("row")["reason"].agg("; ".join)
    return pd.concat([once, several])


def _row_findings(table: Table, bad: pd.DataFrame, rows: int, max_quarantined: float) -> list[Finding]:
    lost = bad["row"].nunique()
    passed = lost <= max_quarantined * rows
    evidence = f"{lost:,} of {rows:,} rows in quarantine, at most {max_quarantined:.1%} are accepted"
    findings = [Finding(table.name, "rows keep the contract", passed, lost, evidence)]
    for (check, column), cases in bad.groupby(["check", "column"]):
        name = f"{column}: {check}" if column else str(check)
        findings.append(Finding(table.name, name, passed, len(cases), str(cases["reason"].iloc[0])))
    return findings


def _enough_rows(table: Table, typed: pd.DataFrame) -> Finding:
    passed = len(typed) >= table.min_rows
    return Finding(table.name, "enough rows", passed, 0, f"{len(typed):,} rows, at least {table.min_rows:,} expected")


def _missing_values(table: Table, typed: pd.DataFrame) -> list[Finding]:
    findings = []
    for column in (each for each in table.columns if each.nullable):
        missing, name = typed[column.name].isna(), f"{column.name}: share of missing values"
        evidence = f"{missing.mean():.1%} missing, at most {column.max_null:.0%} is normal"
        passed = bool(missing.mean() <= column.max_null)
        findings.append(Finding(table.name, name, passed, int(missing.sum()), evidence))
    return findings


def _days(table: Table, typed: pd.DataFrame) -> Finding:
    days = typed[table.time].dropna().dt.floor("D")
    if days.empty:
        return Finding(table.name, "no day is missing", passed=False, rows=0, evidence=f"no row has a {table.time}")
    missing = pd.date_range(days.min(), days.max(), freq="D").difference(pd.DatetimeIndex(days.unique()))
    passed = len(missing) <= table.max_missing_days
    evidence = f"{days.nunique()} days from {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}, {len(missing)} missing"
    return Finding(table.name, "no day is missing", passed, 0, evidence)


def check_reference(connection: duckdb.DuckDBPyConnection, table: Table, reference: Reference) -> Finding:
    """Whether the values of a column of an opened table exist in another one."""
    total, lost = connection.execute(
        f'select count(*), count(*) filter (where "{reference.column}" not in '
        f'(select "{reference.other}" from {reference.table})) from {table.name} '
        f'where "{reference.column}" is not null'
    ).fetchall()[0]
    share = lost / max(total, 1)
    evidence = f"{share:.1%} not in {reference.table}, at most {reference.max_missing:.0%} is normal"
    name = f"{reference.column}: exists in {reference.table}"
    return Finding(table.name, name, share <= reference.max_missing, lost, evidence)


def exclude_quarantined(connection: duckdb.DuckDBPyConnection, report: Report) -> None:
    """Take the quarantined rows out of the views of an opened snapshot."""
    for name, rows in report.quarantine.items():
        if len(rows):
            numbers = ", ".join(map(str, rows.index))
            accepted = f"select * exclude (row) from ({rules.numbered_query(name)}) where row not in ({numbers})"
            # By way of a table: a view that is made of the view which it replaces asks itself without end.
            connection.execute(f"create temp table accepted_{name} as {accepted}")
            connection.execute(f"create or replace view {name} as select * from accepted_{name}")


def write_report(contract: Contract, report: Report, folder: Path, name: str) -> str:
    """Write the page of a report and the quarantined rows into `folder`; the sentences that say where they are."""
    page = write_check_page(contract, report, folder / "index.html", name)
    quarantined = write_quarantine(report, folder / "quarantine")
    return f"The report is {page}" + "".join(f"\nQuarantined rows are in {path}" for path in quarantined)


def write_quarantine(report: Report, folder: Path) -> list[Path]:
    """Write the quarantined rows of each table, with their reasons, as Parquet; the files that were written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / f"{name}.parquet": rows for name, rows in report.quarantine.items()}
    for file, rows in files.items():
        # One of an earlier check would be taken for this one's.
        rows.to_parquet(file) if len(rows) else file.unlink(missing_ok=True)
    return [file for file, rows in files.items() if len(rows)]


def write_check_page(contract: Contract, report: Report, path: Path, name: str) -> Path:
    """Write the page, and the findings beside it as JSON; `name` says what was checked."""
    findings = [{**asdict(each), "passed": bool(each.passed), "rows": int(each.rows)} for each in report.findings]
    document = {"name": name, "contract": contract.sha256, "passed": report.passed, "findings": findings}
    write_atomic(path.with_suffix(".json"), json.dumps(document, indent=1))
    table = report.frame.assign(status=report.frame["passed"].map({True: "good", False: "bad"}))
    red = int((~table["passed"]).sum())
    status: Status = "bad" if red else "good"
    sections = [Section("Checks", table=table[["status", "table", "check", "rows", "evidence"]], status=status)]
    for checked, rows in report.quarantine.items():
        if len(rows):
            sections.append(_quarantine_section(contract.table(checked), rows, report.rows[checked]))
    lead = f"{len(table)} checks of {sum(report.rows.values()):,} rows, {red} of them red."
    return write_page(path, f"Data checks: {name}", sections, lead=lead, status=status)


def _quarantine_section(table: Table, rows: pd.DataFrame, count: int) -> Section:
    first = rows.head(FIRST).reset_index()
    left_out = {"row", "reason", *(column.name for column in table.columns if column.private)}
    columns = ["row", "reason", *[column for column in first if column not in left_out]]
    text = f"{len(rows):,} of {count:,} rows. The first {len(first)}:"
    return Section(f"In quarantine: {table.name}", text, first[columns])


def require_passed(report: Report, where: str | Path = "") -> None:
    """Raise RedError when a check does not hold; it names each of them."""
    red = [f"{f.table}: {f.check}: {f.evidence}" for f in report.findings if not f.passed]
    if red:
        hint = "look at the quarantined rows; correct the data, or the contract if it is the world that has changed"
        raise RedError("the data do not keep the contract\n  " + "\n  ".join(red), where=where, hint=hint)


def describe_table(table: Table) -> pd.DataFrame:
    """The contract of a table to look at: one row per column."""
    names = ("column", "kind", "unit", "low", "high", "allowed", "max_null", "known")
    rows = [
        (c.name, c.kind, c.unit, c.low, c.high, ", ".join(c.allowed) or c.pattern, c.max_null, c.known)
        for c in table.columns
    ]
    return pd.DataFrame(rows, columns=names)
