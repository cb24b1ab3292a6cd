"""Put a domain together: its source files, the tables that are drawn, the locks of this project."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HOME = HERE.parents[1]
NAMES = ("charging", "plant")
TABLES = {"charging": "data/2024", "plant": "tables"}


def assemble(name: str, folder: Path) -> Path:
    """A project of the domain `name` in `folder`, ready for every command."""
    shutil.copytree(HERE / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    runpy.run_path(str(folder / f"make_{name}.py"))["make"](folder / TABLES[name])
    for lock in HOME.glob("requirements*"):
        shutil.copy2(lock, folder)
    return folder


def command(folder: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A command of the library, as somebody in the folder of the project gives it."""
    return subprocess.run(
        [sys.executable, "-m", "roadworthy", *words],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def environment(**variables: str) -> dict[str, Any]:
    """That of this process without what belongs to another project."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("MLE_")}
    return {**mine, "OMP_NUM_THREADS": "1", **variables}
