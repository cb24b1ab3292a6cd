"""Runs the lessons in a fresh project, and stores their outputs in the lessons.

    python scripts/store_outputs.py PROJECT NOTEBOOKS [NAME …]

PROJECT is the generated project, whose own Python runs this; NOTEBOOKS the folder of the lessons. The same lessons and
packages give the same bytes: cells get the ids `NAME-01`, `NAME-02` …, times and versions are left out.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SECONDS_PER_CELL = 600


def main(project: Path, folder: Path, *names: str) -> int:
    """Run the lessons called `names`, or all, in the order of their names; 1 when one of them fails."""
    for path in sorted(folder.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        print(f"{path.stem} …", flush=True)
        try:
            lesson = executed(path, project / "notebooks")
        except (CellExecutionError, ValueError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 1
        path.write_text(nbformat.writes(lesson) + "\n", encoding="utf-8")
    return 0


def executed(path: Path, where: Path) -> NotebookNode:
    """The lesson with the outputs of a run in the folder `where`."""
    lesson: NotebookNode = nbformat.read(path, as_version=4)
    NotebookClient(lesson, timeout=SECONDS_PER_CELL, resources={"metadata": {"path": str(where)}}).execute()
    tidy(lesson, path.stem)
    text = nbformat.writes(lesson)
    for machine in (where.parent.resolve(), Path.home(), Path(sys.prefix).resolve()):
        if len(machine.parts) > 1 and str(machine) in text:
            raise ValueError(f"an output shows the path {machine}; print a path relative to the project instead")
    return lesson


def tidy(lesson: NotebookNode, stem: str) -> None:
    """Give cells ids by position; keep of the metadata only what does not change from run to run."""
    lesson.metadata = nbformat.from_dict(METADATA)
    lesson.nbformat_minor = 5
    for number, cell in enumerate(lesson.cells, start=1):
        cell.id = f"{stem}-{number:02d}"
        cell.metadata.pop("execution", None)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
