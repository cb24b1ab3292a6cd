"""The page of an adoption: what was found in each column, what was decided, why, and the line to change."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ...base import settings
from ...reports import charts
from ...reports.pages import Detail, Section, Status, write_page
from .adopt import Adopted
from .decisions import Decision
from .roles import is_sensitive

PLACE, CONTRACT_FILE = Path("reports", "adopt", "index.html"), "contract.py"
Answers = Sequence[tuple[str, str, str]]


def write_adoption(home: Path, adopted: Adopted, answers: Answers) -> Path:
    """Write the page; its path."""
    roles, delivery = adopted.understood.decided.roles, adopted.understood.delivery
    target = adopted.understood.decided.column(roles.target).source
    what = "a number" if roles.regression else f"yes where it is {roles.positive or 'true'}"
    lead = (
        f"{delivery.rows:,} rows and {len(delivery.columns)} columns were read ({delivery.form}). "
        f"The target is {target}, {what}. {len(adopted.draft.plan.modelled)} features, "
        f"{len(adopted.understood.decided.of('kept out', 'private'))} columns kept out."
    )
    sections = [
        Section("Decide first", _first_words(adopted), _first(adopted, answers)),
        Section(
            "The model",
            f"{adopted.draft.choice.why}. All three on the last part of the training rows.",
            adopted.draft.choice.table,
        ),
        Section("Rows kept aside", *_aside(adopted)),
        Section(
            "All columns", "Blue: how many rows; orange: the mean target of these rows.", details=_details(adopted)
        ),
    ]
    return write_page(home / PLACE, "What was made of the table", sections, lead=lead)


def line_to_change(decision: Decision, package: str) -> str:
    """Where somebody changes what was decided."""
    name, folder = decision.column.name, f"src/{package}"
    if decision.what == "feature":
        return f'{settings.FILE}: take "{name}" out of [model] features'
    if decision.what == "private":
        return f"{folder}/contract.py: private=True of {name}"
    if decision.what == "kept out" and decision.column.kind in ("category", "integer", "number"):
        both = f"{folder}/features.sql and contract.py: add {name} to the features"
        return f'{both}; {settings.FILE}: "{name}" in [model] features'
    if decision.what == "kept out":
        return f"{folder}/features.sql: make a feature of {name}, with an entry in contract.py"
    return f"{folder}/contract.py: {decision.what} of CONTRACT"


def _first_words(adopted: Adopted) -> str:
    weak = len(adopted.measured.kept)
    words = "What is decided here was taken on the safe side. Look at each line before the first release."
    return (
        f"{words} {weak} features add nothing that can be measured: they stay, with that as the reason."
        if weak
        else words
    )


def _first(adopted: Adopted, answers: Answers) -> pd.DataFrame:
    package = adopted.draft.plan.package
    rows = [
        {"what": question, "decided": answer, "why": by, "line to change": f"{settings.FILE}, {CONTRACT_FILE}"}
        for question, answer, by in answers
    ]
    rows += [
        {
            "what": each.column.source,
            "decided": each.what,
            "why": each.why,
            "line to change": line_to_change(each, package),
        }
        for each in adopted.understood.decided.decisions
        if each.first
    ]
    rows += [
        {
            "what": name,
            "decided": "feature, kept",
            "why": why,
            "line to change": f"{settings.FILE}: [gates.kept] {name}",
        }
        for name, why in adopted.measured.kept.items()
    ]
    return pd.DataFrame(rows, columns=["what", "decided", "why", "line to change"])


def _aside(adopted: Adopted) -> tuple[str, pd.DataFrame | None]:
    rejected = adopted.understood.delivery.rejected
    rows = [
        {"reason": each.reason, "rows": each.rows, "first": f"row {each.first:,}"} for each in adopted.understood.aside
    ]
    if rejected:
        first = rejected[0]
        rows.append({"reason": first.why, "rows": len(rejected), "first": f"line {first.line:,} of {first.file.name}"})
    text = "They are in none of the tables, and stay in the file that was delivered." if rows else "None."
    notes = "\n\n".join(adopted.understood.delivery.notes)
    return "\n\n".join(filter(None, (text, notes))), pd.DataFrame(rows) if rows else None


def _details(adopted: Adopted) -> tuple[Detail, ...]:
    return tuple(_detail(adopted, each) for each in adopted.understood.decided.decisions)


def _detail(adopted: Adopted, decision: Decision) -> Detail:
    column = decision.column
    facts = {
        "kind": column.kind or "no single value",
        "missing": f"{column.share_null:.1%}",
        "different values": f"about {column.distinct:,}" if column.distinct > 1000 else f"{column.distinct}",
    }
    if column.low is not None and column.high is not None:
        facts["from"], facts["to"] = f"{column.low:g}", f"{column.high:g}"
    if column.name != column.source:
        facts["name here"] = column.name
    table = pd.DataFrame([facts])
    noted = f"Read: {'; '.join(column.notes)}.\n\n" if column.notes else ""
    change = line_to_change(decision, adopted.draft.plan.package)
    text = f"{noted}{decision.why[:1].upper()}{decision.why[1:]}.\n\nTo change it: {change}."
    status: Status = "good" if decision.what == "feature" else ""
    return Detail(f"{column.source}: {decision.what}", text, table, _picture(adopted, decision), status, opened=True)


def _picture(adopted: Adopted, decision: Decision) -> tuple["Figure", ...]:
    """How the values are distributed; none of a private column, whose values stand in no report."""
    column, roles = decision.column, adopted.understood.decided.roles
    shown = column.numeric or column.kind in ("category", "boolean")
    if not shown or decision.what in ("private", "key") or not column.distinct:
        return ()
    values = adopted.sample[column.name]
    values = values.astype("float64") if column.numeric else values.astype("object")
    if values.notna().sum() < 2:
        return ()
    label = f"mean {roles.target}" if roles.regression else "share of yes"
    return (
        charts.distribution(
            values,
            adopted.target,
            title=f"{column.name}{' (persons are judged by it)' if is_sensitive(column) else ''}",
            label=label,
        ),
    )
