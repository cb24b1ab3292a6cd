"""The page of a data check: every finding, and the first rows in quarantine with their reasons.

A page is shown around, so it leaves private columns out; the quarantine itself holds whole rows and stays here.
"""

import json
from dataclasses import asdict
from pathlib import Path

from .data_checks import Report
from .files import write_atomic
from .pages import Section, write_page
from .schema import Contract

FIRST = 20


def write(contract: Contract, report: Report, path: Path, name: str) -> Path:
    """Write the page, and the findings beside it as JSON; `name` says what was checked."""
    found = [{**asdict(each), "passed": bool(each.passed), "rows": int(each.rows)} for each in report.findings]
    document = {"name": name, "contract": contract.sha256, "passed": report.passed, "findings": found}
    write_atomic(path.with_suffix(".json"), json.dumps(document, indent=1))
    findings = report.frame.assign(status=report.frame["passed"].map({True: "good", False: "bad"}))
    findings = findings[["status", "table", "check", "rows", "evidence"]]
    red = int((~report.frame["passed"]).sum())
    sections = [Section("Checks", table=findings, status="bad" if red else "good")]
    for table, rows in report.quarantine.items():
        if len(rows):
            text = f"{len(rows):,} of {report.rows[table]:,} rows. The first {min(FIRST, len(rows))}:"
            first = rows.head(FIRST).reset_index()
            left_out = {"row", "reason", *(column.name for column in contract.table(table).columns if column.private)}
            columns = ["row", "reason", *[column for column in first if column not in left_out]]
            sections.append(Section(f"In quarantine: {table}", text, first[columns]))
    lead = f"{len(findings)} checks of {sum(report.rows.values()):,} rows, {red} of them red."
    return write_page(path, f"Data checks: {name}", sections, lead=lead, status="bad" if red else "good")
