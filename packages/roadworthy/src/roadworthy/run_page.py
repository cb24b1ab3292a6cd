"""The page of a run: what was done, how long it took, the key figures, and what stopped it."""

import os
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from .pages import Link, Section, Status, write_page
from .pipeline import DONE, FAILED, Run, Step

WORDS = {DONE: "good", FAILED: "bad"}


def write(run: Run, name: str, reports: Path) -> Path:
    """Write index.html into the folder of the run, with links to the executed notebooks and to the newest reports."""
    sections = [
        Section("Lessons", table=pd.DataFrame([_row(step, run.folder) for step in run.steps])),
        Section("Key figures", table=pd.DataFrame([r for step in run.steps for r in _figures(step)])),
    ]
    if run.failed:
        sections.insert(0, _failure(run.failed))
    pages = sorted(reports.glob("**/*.html"))
    if pages:
        links = [Link(page.relative_to(reports).as_posix(), _from(run.folder, page)) for page in pages]
        sections.append(Section("Reports", table=pd.DataFrame({"report": links})))
    total = sum(step.seconds for step in run.steps)
    lead = f"{sum(step.state == DONE for step in run.steps)} of {len(run.steps)} lessons, {total:.0f} seconds of work."
    status: Status = "good" if run.complete else "bad"
    return write_page(run.folder / "index.html", f"{name}: run {run.folder.name}", sections, lead=lead, status=status)


def _from(folder: Path, page: Path) -> str:
    # Relative, so that the links hold when the project moves; on Windows, another drive has no such path.
    try:
        return quote(Path(os.path.relpath(page, folder)).as_posix())
    except ValueError:
        return page.as_uri()


def _row(step: Step, folder: Path) -> dict[str, object]:
    notebook = folder / f"{step.lesson}.ipynb"
    given = ", ".join(f"{name} = {value}" for name, value in step.parameters.items())
    return {
        "lesson": Link(step.lesson, notebook.name) if notebook.is_file() else step.lesson,
        "status": WORDS.get(step.state, step.state),
        "seconds": step.seconds,
        "parameters": given or "defaults",
    }


def _figures(step: Step) -> list[dict[str, object]]:
    return [{"lesson": step.lesson, "figure": name, "value": f"{value:,}"} for name, value in step.figures.items()]


def _failure(step: Step) -> Section:
    failure = step.failure or {}
    text = f"Cell {failure.get('cell')} of {step.lesson} stopped the run: {failure.get('error')}"
    return Section("What stopped it", text=text, code="\n".join(failure.get("lines", [])), status="bad")
