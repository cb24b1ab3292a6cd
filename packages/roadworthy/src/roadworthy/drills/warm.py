"""Run a command of the library in a copy of the project, in a process that has the slow packages already.

Each drill runs in a process of its own, with its copy's own package; importing pandas, scikit-learn and MLflow there
takes as long as a dozen gates. The fork server of the standard library imports them once and is forked for each
command. Linux only, as in `nursery`: elsewhere a fork without an exec is not safe, and each command is a program of its
own.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .. import nursery

PACKAGE = __name__.split(".")[0]
# One thread each: drills beside each other would fight over the cores, and trees take ten times as long.
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


def run(
    home: Path, words: tuple[str, ...], variables: Mapping[str, str], limit: int
) -> subprocess.CompletedProcess[str]:
    """Run `words` as a command of the library in the copy `home`; TimeoutExpired after `limit` seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        said, complained = Path(scratch, "out"), Path(scratch, "err")
        process = _server().Process(target=_become, args=(home, words, dict(variables), said, complained))
        process.start()
        process.join(limit)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, limit)
        texts = (file.read_text(encoding="utf-8", errors="replace") for file in (said, complained))
        return subprocess.CompletedProcess(words, process.exitcode, *texts)


def possible() -> bool:
    """Whether processes can be forked here."""
    return nursery.POSSIBLE and os.environ.get(nursery.SWITCH) != "0"


@cache
def _server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(nursery.PACKAGES))
    for name, value in (*nursery.QUIET.items(), *ENVIRONMENT.items()):
        os.environ.setdefault(name, value)  # the libraries read it when the server imports them
    return context


def sources(home: Path) -> tuple[Path, Path]:
    """The folders that hold the packages of a command in a copy: the copy's own, and this library."""
    return home / "src", Path(__file__).resolve().parents[2]


def _become(home: Path, words: tuple[str, ...], variables: dict[str, str], said: Path, complained: Path) -> None:
    """Be the command: its output, its folder, its package."""
    for number, file in ((1, said), (2, complained)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.chdir(home)
    os.environ.update(variables)
    sys.path[:0] = map(str, sources(home))
    sys.argv = [PACKAGE, *words]
    runpy.run_module(PACKAGE, run_name="__main__", alter_sys=True)
