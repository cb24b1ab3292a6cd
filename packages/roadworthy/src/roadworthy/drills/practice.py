"""The practice ground: a copy of the project with two versions of its model, in which faults are planted."""

import json
import multiprocessing
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyarrow import parquet

from ..base import databases
from ..base.errors import InputError, RedError
from ..base.files import write_atomic
from ..base.settings import FILE
from ..data import snapshots
from ..notebooks import kernel_forkserver
from . import faults
from .faults import Edit, Fault, Rewrite

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

LIBRARY = __name__.split(".")[0]
# One thread each: drills beside each other would fight over the cores, and trees take ten times as long.
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}
COPIED = (
    *("config.toml", "pyproject.toml", "deploy", "drills"),
    *("requirements.in", "requirements.txt", "requirements-service.txt"),
)
# Rows and not days are left out: a model learns more from many days, and the intervals are by days anyway.
EVERY, ENOUGH = 4, 80_000  # every n-th row, as long as so many rows of the largest table are left
MONTH = 30  # days
LIMIT = 600  # seconds that one command in a copy may take


class ProjectCopy:
    """A copy of the project in which a fault may be planted."""

    def __init__(self, project: "Workspace", home: Path) -> None:
        """Use the copy of a project in the folder `home`."""
        self.origin, self.home = project, home
        self.package = home / "src" / project.settings.project.package

    @property
    def project(self) -> "Workspace":
        """The copy as a project, with the settings that it has now."""
        return self.origin.copied_to(self.home)

    def plant(self, fault: Fault) -> None:
        """Make the mistake. Raises InputError when what it changes is not there: the project has changed."""
        for edit in fault.edit:
            self.edit(edit)
        for rewrite in fault.table:
            self.rewrite(rewrite)
        self.set(fault.setting)
        if fault.damage:
            getattr(faults, fault.damage)(self.project)

    def edit(self, edit: Edit) -> None:
        """Replace a text that stands exactly once in a file."""
        file = self.file(edit)
        text = file.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            what = f"{edit.old!r} stands there {text.count(edit.old)} times, a drill changes it once"
            raise InputError(what, where=file, hint="the project has changed: write the drill anew")
        write_atomic(file, text.replace(edit.old, edit.new))

    def file(self, edit: Edit) -> Path:
        """The file that an edit changes."""
        return self.package / edit.package if edit.package else self.home / edit.file

    def rewrite(self, rewrite: Rewrite) -> None:
        """Write a table anew from a query over the tables of its snapshot."""
        folder = self.snapshot(rewrite.snapshot)
        file = folder / f"{rewrite.table}.parquet"
        connection = databases.empty_duckdb()
        for table in folder.glob("*.parquet"):
            connection.read_parquet(str(table)).create_view(table.stem)
        beside = file.with_suffix(".new")
        connection.execute(f"copy ({rewrite.sql}) to '{beside}' (format parquet, compression zstd)")
        beside.replace(file)
        if rewrite.seal:
            snapshots.seal_snapshot(folder)

    def set(self, values: Mapping[str, Any]) -> None:
        """Set values of config.toml by their names, for example {"model.max_iter": 5}."""
        file = self.home / FILE
        text = file.read_text(encoding="utf-8")
        for name, value in values.items():
            section, _, key = name.rpartition(".")
            text = _with_setting(text, section, key, json.dumps(value))
        write_atomic(file, text)

    def snapshot(self, name: str = "") -> Path:
        """The folder of a snapshot, the default one without a name."""
        settings = data_settings(self.home)
        return self.home / str(settings["snapshots"][name or settings["snapshot"]]["folder"])

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this library in the copy, on the copy's own package."""
        environment = {**ENVIRONMENT, **os.environ, "MLE_HOME": str(self.home), **variables}
        if can_fork():
            return run_command(self.home, words, environment, LIMIT)
        environment["PYTHONPATH"] = os.pathsep.join(map(str, package_folders(self.home)))
        command = [sys.executable, "-m", LIBRARY, *words]
        return subprocess.run(  # noqa: S603 - no word of it comes from outside
            command, cwd=self.home, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )


def prepare_practice(project: "Workspace", target: Path) -> ProjectCopy:
    """The practice ground itself: a copy with a version of a month ago and the present one, the champion."""
    copy = copy_project(project, target)
    train_twice(copy)
    return copy


def train_twice(copy: ProjectCopy, days: int = MONTH) -> None:
    """Make a version of some days ago and the present one, the champion.

    Raises RedError when the tests of the training refuse one of them, InputError when it cannot be trained.
    """
    copy.set({"split.every": _sampling_interval(copy.snapshot())})
    given = _read_config(copy.home)["split"].get("train")
    # Of rows without a time the settings derive it from the share of the test.
    start, end = map(date.fromisoformat, given) if given else copy.project.settings.split.train
    # Rows without a time are few more often than not.
    shorter = shorter_period((start, end), days, 6 if given else 12)
    before = copy.run("train", MLE_SPLIT__TRAIN=json.dumps(list(map(str, shorter))))
    promoted = copy.run("registry", "promote", "1")
    now = copy.run("train")
    champion = copy.run("registry", "promote", "2")
    for done in (before, promoted, now, champion):
        if done.returncode:
            hint = "the project itself must be sound before faults are planted in it: see the command `gates`"
            kind = RedError if done.returncode == RedError.exit_code else InputError
            raise kind(f"the drill cannot begin: {done.stderr.strip()}", where=copy.home, hint=hint)


def shorter_period(period: tuple[date, date], days: int, part: int) -> tuple[date, date]:
    """The period without its last days: so many, but no more than one part of `part`, for few rows can be spared."""
    start, end = period
    return start, end - timedelta(days=min(days, (end - start).days // part))


def copy_project(project: "Workspace", target: Path) -> ProjectCopy:
    """Copy package, settings and tests of a project; its data are links until they are rewritten.

    The library is not copied: a fault is planted in what the team owns, and the commands are those of this one.
    """
    home, ignored = project.folder, shutil.ignore_patterns("__pycache__")
    package = project.settings.project.package
    shutil.copytree(home / "src" / package, target / "src" / package, ignore=ignored)
    shutil.copytree(home / "tests", target / "tests", ignore=ignored)
    for name in COPIED:
        source = home / name
        if source.is_dir():
            shutil.copytree(source, target / name, copy_function=_link, ignore=ignored)
        elif source.is_file():
            shutil.copy2(source, target / name)
    for snapshot in project.settings.data.snapshots.values():
        if not snapshot.folder.resolve().is_relative_to(home):
            hint = "a drill may write its tables anew: let the snapshot stand in the project's folder"
            raise InputError("stands outside of the project", where=snapshot.folder, hint=hint)
        if snapshot.folder.is_dir():
            place = target / snapshot.folder.resolve().relative_to(home)
            shutil.copytree(snapshot.folder, place, copy_function=_link, ignore=ignored, dirs_exist_ok=True)
    return ProjectCopy(project, target)


def fresh_copy(ground: ProjectCopy, target: Path) -> ProjectCopy:
    """A copy of the practice ground for one fault."""
    shutil.copytree(ground.home, target, copy_function=_link_data, ignore=shutil.ignore_patterns("__pycache__"))
    return ProjectCopy(ground.origin, target)


def data_settings(home: Path) -> dict[str, Any]:
    """The section [data] of a project's settings, as written."""
    return dict(_read_config(home)["data"])


def run_command(
    home: Path, words: tuple[str, ...], variables: Mapping[str, str], limit: int
) -> subprocess.CompletedProcess[str]:
    """Run `words` as a command of the library in the copy `home`; TimeoutExpired after `limit` seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        output, errors = Path(scratch, "out"), Path(scratch, "err")
        process = _fork_server().Process(target=_be_command, args=(home, words, dict(variables), output, errors))
        process.start()
        process.join(limit)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, limit)
        texts = (file.read_text(encoding="utf-8", errors="replace") for file in (output, errors))
        return subprocess.CompletedProcess(words, process.exitcode, *texts)


def can_fork() -> bool:
    """Whether processes can be forked here."""
    return kernel_forkserver.POSSIBLE and os.environ.get(kernel_forkserver.SWITCH) != "0"


@cache
def _fork_server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(kernel_forkserver.PACKAGES))
    for name, value in (*kernel_forkserver.QUIET.items(), *ENVIRONMENT.items()):
        os.environ.setdefault(name, value)  # the libraries read it when the server imports them
    return context


def package_folders(home: Path) -> tuple[Path, Path]:
    """The folders that hold the packages of a command in a copy: the copy's own, and this library."""
    return home / "src", Path(__file__).resolve().parents[2]


def _be_command(home: Path, words: tuple[str, ...], variables: dict[str, str], output: Path, errors: Path) -> None:
    """Be the command, in a process that was forked for it: its output, its folder, its package."""
    # By descriptors, so that it also holds for what libraries in C and further processes write.
    for number, file in ((1, output), (2, errors)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.chdir(home)
    os.environ.update(variables)
    sys.path[:0] = map(str, package_folders(home))
    sys.argv = [LIBRARY, *words]
    runpy.run_module(LIBRARY, run_name="__main__", alter_sys=True)


def _sampling_interval(snapshot: Path) -> int:
    """Every which row the drills take: each one of small tables, so that the gates have enough to judge."""
    rows = max((parquet.read_metadata(file).num_rows for file in snapshot.glob("*.parquet")), default=0)
    return min(EVERY, max(1, int(rows) // ENOUGH))


def _read_config(home: Path) -> dict[str, Any]:
    return tomllib.loads((home / FILE).read_text(encoding="utf-8"))


def _with_setting(text: str, section: str, key: str, value: str) -> str:
    head = re.escape(f"[{section}]")
    body = re.search(rf"^{head}[^\n]*\n(?P<body>(?:(?!^\[).*\n?)*)", text, re.MULTILINE)
    if not body:
        return f"{text.rstrip()}\n\n[{section}]\n{key} = {value}\n"
    line = re.compile(rf"^{re.escape(key)} = (\[[^\]]*\]|[^\n#]*)", re.MULTILINE)
    old = body["body"]
    new = line.sub(lambda _: f"{key} = {value} ", old, count=1) if line.search(old) else f"{key} = {value}\n{old}"
    return text[: body.start("body")] + new + text[body.end("body") :]


def _link(source: str, target: str) -> None:
    """A link to a Parquet file, a copy of anything else: only Parquet files are large."""
    if source.endswith(".parquet"):
        with suppress(OSError):  # Windows without the right to make links
            Path(target).symlink_to(Path(source).resolve())
            return
    shutil.copy2(source, target)


def _link_data(source: str, target: str) -> None:
    inside_data = Path(source).suffix == ".parquet" and Path(source).is_symlink()
    _link(source, target) if inside_data else shutil.copy2(source, target)
