"""Put a domain together: its source files, the tables that are drawn, the locks of this project; and use its commands.

The two domains have nothing in common with the project around them, nor with each other: other tables, other roles,
other places for what commands write. So nothing in the library can hang on a name.
"""

import atexit
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from other_tables import OTHER_DATA
from roadworthy.drills import practice
from roadworthy.serving.asgi import PREDICT
from sample import HOME

HERE = Path(__file__).parent
TABLES = {"charging": "data/2024", "plant": "tables"}
NAMES = tuple(TABLES)
OF_THE_FLIGHTS = ("test_flights.py", "small_tables.py", "feature_examples")
LIMIT = 600  # seconds, on a busy machine


def assemble(name: str, folder: Path) -> Path:
    """A project of the domain `name`, or of other data, in `folder`, ready for every command."""
    place = HERE if name in TABLES else HERE.parent / "other_data"
    shutil.copytree(place / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    runpy.run_path(str(folder / f"make_{name}.py"))["make"](folder / {**TABLES, **OTHER_DATA}[name])
    for lock in HOME.glob("requirements*"):
        shutil.copy2(lock, folder)
    return folder


@cache
def champion_of(name: str) -> Path:
    """The folder of the domain `name` with a champion; made once in a test run, which must not change the project."""
    place = tempfile.TemporaryDirectory(prefix=f"{name}-")
    atexit.register(place.cleanup)
    folder = assemble(name, Path(place.name).resolve() / name)
    assert all(each["passed"] for each in told(folder, "train"))
    promoted = command(folder, "registry", "promote", "1")
    assert (promoted.returncode, "Version 1 is the champion" in promoted.stderr) == (0, True)
    return folder


def command(folder: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A command of the library, as somebody in the folder of the project gives it; it never ends in a traceback.

    Forked where the slow packages are imported, as drills do it: to import them costs more than most commands.
    """
    if practice.can_fork():
        done = practice.run_command(folder, words, environment(**variables), LIMIT)
    else:
        line = [sys.executable, "-m", "roadworthy", *words]
        options: dict[str, Any] = {"env": environment(**variables), "timeout": LIMIT}
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def told(folder: Path, *words: str, code: int | None = 0, **variables: str) -> Any:
    """The document that a command prints with --json; it must end with the exit code `code`, unless that is None."""
    done = command(folder, *words, "--json", **variables)
    assert code is None or done.returncode == code, done.stderr
    return json.loads(done.stdout)


@contextmanager
def served(home: Path, log: Path) -> Iterator[str]:
    """The address of the command `serve`, which is ended by its number and must end well."""
    line = [sys.executable, "-m", "roadworthy", "serve", "--port", "0"]
    around = environment(MLE_PATHS__PREDICTIONS=str(log))
    process = subprocess.Popen(line, cwd=home, env=around, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        for said in process.stderr:
            if said.startswith("Serving at "):
                yield said.split()[2].rstrip(",")
                break
    finally:
        os.kill(process.pid, signal.SIGTERM)
        rest = process.communicate(timeout=60)[1]
    assert (process.returncode, "Traceback" in rest) == (0, False)


def sent(address: str, content: object) -> tuple[int, dict[str, Any]]:
    """The status and the answer of the service to a body."""
    kind = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}{PREDICT}", json.dumps(content).encode(), kind)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def run_tests_of_a_project(home: Path, folder: Path) -> Path:
    """Run the tests that a project is generated with, but for those of the flights, in a copy of the project `home`."""
    shutil.copytree(home, folder)
    shutil.copytree(HOME / "tests", folder / "tests", ignore=lambda *_: OF_THE_FLIGHTS, dirs_exist_ok=True)
    words = ["-q", "-p", "no:cacheprovider", "-o", "markers=slow", "-m", "not slow", "tests"]
    line = [sys.executable, "-m", "pytest", *words]
    done = subprocess.run(line, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return folder


def environment(**variables: str) -> dict[str, str]:
    """That of this process without what belongs to another project."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("MLE_")}
    return {**mine, "OMP_NUM_THREADS": "1", **variables}


def change(file: Path, old: str, new: str) -> None:
    """Replace a text that stands once in a file."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, (old, file)
    file.write_text(text.replace(old, new), encoding="utf-8")
