"""The lessons as files: which there are, what stands in their cells, what they depend on, what they found out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError
from .figures import MIME


@dataclass(frozen=True)
class Cell:
    """A code cell: its source, tags and outputs."""

    source: str
    tags: tuple[str, ...]
    outputs: tuple[Mapping[str, Any], ...]


def choose(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """The notebooks of a folder in order, or those named (01 is enough for 01_data_checks); InputError for no match."""
    every = sorted(path for path in folder.glob("*.ipynb") if path.stem[:1].isdigit())
    if not every:
        raise InputError("holds no lessons", where=folder, hint="restore the notebooks from version control")
    unknown = [name for name in names if not any(path.stem.startswith(name) for path in every)]
    if unknown:
        hint = f"there are {', '.join(path.stem for path in every)}"
        raise InputError(f"there is no lesson {unknown[0]!r}", where=folder, hint=hint)
    return [path for path in every if not names or any(path.stem.startswith(name) for name in names)]


def cells(notebook: Path) -> list[Cell]:
    """The code cells of a notebook; InputError when the file is none."""
    # As JSON: the library for notebooks takes longer to import than a small lesson takes to run.
    try:
        document = json.loads(notebook.read_text(encoding="utf-8"))
        return [_cell(cell) for cell in document["cells"] if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "restore it from version control"
        raise InputError(f"is no notebook that can be read: {error}", where=notebook, hint=hint) from error


def depends_on(notebook: Path, values: Mapping[str, object], common: str) -> str:
    """A sum over what the result of a lesson depends on: its code, its parameters and the sum of all else."""
    # Not its outputs: running a lesson in JupyterLab does not change what it does.
    sources = [cell.source for cell in cells(notebook)]
    return hashlib.sha256(json.dumps([sources, dict(values), common]).encode()).hexdigest()


def key_figures(notebook: Path) -> dict[str, float]:
    """What an executed lesson has recorded; a notebook without outputs has recorded nothing."""
    if not notebook.is_file():
        return {}
    found = [output.get("data", {}).get(MIME, {}) for cell in cells(notebook) for output in cell.outputs]
    return {name: value for recorded in found for name, value in recorded.items()}


def _cell(cell: Mapping[str, Any]) -> Cell:
    source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
    return Cell(source, tuple(cell.get("metadata", {}).get("tags", ())), tuple(cell.get("outputs", ())))
