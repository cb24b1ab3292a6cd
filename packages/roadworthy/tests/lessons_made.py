"""Small projects with lessons of a few lines, to run in place of the real ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat

from sample import HOME

PROJECT = HOME


def write_lesson(home: Path, name: str, *sources: str, parameters: str = "") -> Path:
    """A notebook of code cells in the project `home`, the first of them tagged `parameters`."""
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}, id="parameters")]
    cells += [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = home / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata)), encoding="utf-8")
    return path


def make_project(home: Path) -> Path:
    """An empty project: the real settings, no data, no lessons."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text((PROJECT / "config.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return home


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a command in the project `home`; every kernel starts on its own unless asked otherwise."""
    return {**os.environ, "MLE_HOME": str(home), "MLE_FORK": "0", "OMP_NUM_THREADS": "1", "COLUMNS": "200", **more}


def command(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What the console script does and says in the project `home`."""
    line = [sys.executable, "-m", "roadworthy", *words]
    return subprocess.run(
        line, env=environment(home, **more), cwd=home, capture_output=True, text=True, timeout=120, check=False
    )


def started(home: Path, *words: str, **more: str) -> "subprocess.Popen[str]":
    """The same, still running."""
    line = [sys.executable, "-m", "roadworthy", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, env=environment(home, **more), cwd=home, stdout=pipe, stderr=pipe, text=True)


def record(home: Path) -> dict[str, dict[str, object]]:
    """The steps of the newest run, by lesson."""
    folder = home / "runs" / (home / "runs" / "latest").read_text(encoding="utf-8").strip()
    steps = json.loads((folder / "run.json").read_text(encoding="utf-8"))["steps"]
    return {step["lesson"]: step for step in steps}
