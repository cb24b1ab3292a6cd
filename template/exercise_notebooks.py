"""Derives the learner's notebook and the solution from the master of an exercise (a Jinja extension).

A master is a Python script in the percent format (as jupytext reads it): `# %%` begins a code cell, `# %% [markdown]` a
text. A cell that the learner answers names its question, and its solution is marked:

    # %% question="q1"
    # solution begins
    q1 = "select 1"
    # solution ends
    # learner: q1 = ...

The learner gets the lines after `# learner:` instead of what is marked; the solution has neither these nor the marks.
Cells are numbered, so that the same master gives the same bytes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension
from verbatim import verbatim

CELL = re.compile(r'^# %%(?P<text> \[markdown\])?(?: question="(?P<question>\w+)")?$')
BEGINS, ENDS, LEARNER = "# solution begins", "# solution ends", "# learner:"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class ExerciseNotebooks(Extension):
    """The filters `learner_notebook` and `solution_notebook`: notebooks, as text, from the master at a path."""

    def __init__(self, environment: Environment) -> None:
        """Register the filters."""
        super().__init__(environment)
        environment.filters.update(learner_notebook=learner_notebook, solution_notebook=solution_notebook)


@dataclass(frozen=True)
class Cell:
    """A cell of a master: its lines, whether it is text, and the question that it answers, if it does."""

    lines: tuple[str, ...]
    text: bool = False
    question: str = ""


def learner_notebook(answers: Mapping[str, str], path: str) -> str:
    """The learner's notebook, with `...` for the answers."""
    return notebook(verbatim(answers, path), Path(path).stem, solved=False)


def solution_notebook(answers: Mapping[str, str], path: str) -> str:
    """The notebook with the answers."""
    return notebook(verbatim(answers, path), Path(path).stem, solved=True)


def notebook(master: str, name: str, *, solved: bool) -> str:
    """The notebook that a master makes, as text; ValueError for a master that is not written as it should be."""
    made = [_made(cell, f"{name}-{number:02d}", solved=solved) for number, cell in enumerate(cells(master), start=1)]
    document = {"cells": made, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def cells(master: str) -> Iterator[Cell]:
    """The cells of a master; what stands before the first one (its docstring) is for authors."""
    header: re.Match[str] | None = None
    lines: list[str] = []
    for line in [*master.splitlines(), "# %%"]:
        found = CELL.match(line)
        if line.startswith("# %%") and not found:
            raise ValueError(f'{line!r}: write # %%, # %% [markdown] or # %% question="q1"')
        if not found:
            lines.append(line)
            continue
        if header:
            yield Cell(tuple(_stripped(lines)), bool(header["text"]), header["question"] or "")
        header, lines = found, []


def _made(cell: Cell, name: str, *, solved: bool) -> dict[str, Any]:
    if cell.text:
        source = "\n".join(line.removeprefix("#").removeprefix(" ") for line in cell.lines)
        return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source.splitlines(keepends=True)}
    metadata = {"question": cell.question, "tags": ["answer"]} if cell.question else {}
    source = "\n".join(_answered(cell, solved=solved) if cell.question else cell.lines)
    lines = source.splitlines(keepends=True)
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": metadata,
        "outputs": [],
        "source": lines,
    }


def _answered(cell: Cell, *, solved: bool) -> Iterator[str]:
    """The lines of a cell with its solution, or with what the learner sees instead."""
    marks = [line.strip() for line in cell.lines if line.strip() in {BEGINS, ENDS}]
    if marks != [BEGINS, ENDS] or not any(line.strip().startswith(LEARNER) for line in cell.lines):
        raise ValueError(f"{cell.question}: one {BEGINS!r}, one {ENDS!r} and then {LEARNER!r} are needed")
    inside = False
    for line in cell.lines:
        mark = line.strip()
        inside = (inside or mark == BEGINS) and mark != ENDS
        if mark.startswith(LEARNER):
            if not solved:
                yield line.replace(f"{LEARNER} ", "", 1).replace(LEARNER, "", 1).rstrip()
        elif mark not in {BEGINS, ENDS} and (solved or not inside):
            yield line


def _stripped(lines: list[str]) -> list[str]:
    return "\n".join(lines).strip("\n").splitlines()
