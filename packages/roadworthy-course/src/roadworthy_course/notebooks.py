"""Learners' notebooks as files: answers, a copy rebuilt from the clean one, a run that reaches every check."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roadworthy.base.errors import InputError

from . import progress_file

SECONDS = 120  # that a run of a notebook may take: an endless loop is an answer, too
GOES_ON = "raises-exception"  # the tag of a cell whose error does not stop the notebook


def read(path: Path) -> dict[str, Any]:
    """A notebook as JSON; InputError when the file is none."""
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for cell in document["cells"]:
            cell["source"] = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            cell.setdefault("metadata", {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "restore it from version control, or generate it again"
        raise InputError(f"is no notebook that can be read: {error}", where=path, hint=hint) from error
    return document


def answers(notebook: Mapping[str, Any]) -> dict[str, str]:
    """The source of the answer to each question."""
    return {question: cell["source"] for question, cell in _answer_cells(notebook)}


def rebuilt(clean: Mapping[str, Any], answered: Mapping[str, str]) -> dict[str, Any]:
    """A copy of the clean notebook with these answers: nothing else of a submission is run by a grader."""
    copy: dict[str, Any] = json.loads(json.dumps(clean))
    for question, cell in _answer_cells(copy):
        cell["source"] = answered.get(question, cell["source"])
    return copy


def run(path: Path, exercise: str, home: Path, seconds: float = SECONDS) -> tuple[progress_file.Notes, str]:
    """Run a learner's notebook in a kernel of its own; what its checks noted, and what stopped it or ''.

    An answer that fails stops only itself. A check whose cell was removed is run at the end.
    """
    from roadworthy.notebooks.kernels import Kernel, execute_notebook

    with tempfile.TemporaryDirectory() as scratch, _progress_in(Path(scratch)):
        folder = Path(scratch)
        (folder / "in.ipynb").write_text(json.dumps(_tolerant(read(path), exercise)), encoding="utf-8")
        kernel = Kernel()
        limit = kernel.kill_after(seconds)
        try:
            done = execute_notebook(
                folder / "in.ipynb", folder / "out.ipynb", {}, home=home, kernel=kernel, tell=_quiet
            )
        finally:
            limit.cancel()
        stopped = ""
        if done and not done.error.partition(":")[0].endswith(("Error", "Exception", "Interrupt", "Exit")):
            stopped = f"the notebook stopped in cell {done.cell}: {done.error}"
        elif done:
            stopped = f"a cell stopped with {done.error}"
        if kernel.timed_out:
            stopped = f"cell {done.cell if done else '?'} ran for more than {seconds:g} s: an endless loop?"
        return progress_file.read(folder), stopped


def _tolerant(notebook: dict[str, Any], exercise: str) -> dict[str, Any]:
    checked = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    for _, cell in _answer_cells(notebook):
        cell["metadata"]["tags"] = [*cell["metadata"].get("tags", ()), GOES_ON]
    for question in answers(notebook):
        if not any(f"check({quote}{question}{quote})" in checked for quote in "'\""):
            notebook["cells"].append(_code(f'check("{question}")', f"{exercise}-{question}-again"))
    return notebook


def _code(source: str, name: str) -> dict[str, Any]:
    metadata = {"tags": [GOES_ON]}
    empty: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": name, "metadata": metadata, "source": source, **empty}


def _answer_cells(notebook: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "answer" in cell["metadata"].get("tags", ()):
            yield str(cell["metadata"].get("question", "")), cell


@contextmanager
def _progress_in(folder: Path) -> Iterator[None]:
    before = os.environ.get(progress_file.ELSEWHERE)
    os.environ[progress_file.ELSEWHERE] = str(folder / progress_file.NAME)
    try:
        yield
    finally:
        if before is None:
            del os.environ[progress_file.ELSEWHERE]
        else:
            os.environ[progress_file.ELSEWHERE] = before


def _quiet(_: int, __: int) -> None:
    return None
