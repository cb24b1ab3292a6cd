"""A learner's project as a folder: what its commands have written. Nothing is trained, served or changed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import roadworthy
from roadworthy.base import errors
from roadworthy.base.errors import InputError
from roadworthy.base.settings import VENDOR, Settings
from roadworthy.registry.registry import CHAMPION, Registry
from roadworthy.retraining.decisions import Decisions, Record

from . import here

NOTE = Path("docs", "capstone_note.md")
# The contract is Python: it is asked for in a process of its own, since its project may have a library of its own.
SHOW = (
    "import dataclasses, importlib, json, sys; c = importlib.import_module(sys.argv[1]).PROJECT.contract; "
    "print(json.dumps({'sha256': c.sha256, **dataclasses.asdict(c)}))"
)
OURS = Path(roadworthy.__file__).parents[1]  # where it looks for a library when the project has none
SECONDS = 60


@dataclass(frozen=True)
class Project:
    """The project in `folder`; each part is read when it is asked for and raises InputError when it is missing."""

    folder: Path

    @cached_property
    def config(self) -> Settings:
        """Its settings."""
        return here.settings(self.folder)

    @cached_property
    def contract(self) -> dict[str, Any]:
        """Its contract as plain values, with its sum; the package that config.toml names is imported for it."""
        package, source = self.config.project.package, self.folder / "src"
        if not (source / package / "__init__.py").is_file():
            hint = "[project] package in config.toml names the package that has contract.py"
            raise InputError("no such package", where=source / package, hint=hint)
        path = os.pathsep.join(map(str, (source, self.folder / VENDOR, OURS)))
        variables = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", SHOW, package]
        done = subprocess.run(  # noqa: S603 - every word of it is ours
            command, cwd=self.folder, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode:
            raise InputError(f"cannot be imported: {done.stderr.strip().splitlines()[-1:]}", where=source / package)
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))

    @property
    def columns(self) -> list[dict[str, Any]]:
        """The columns of all tables and of the features, each with the name of its `table`."""
        tables = [*self.contract["tables"], self.contract["features"]]
        return [{**column, "table": table["name"]} for table in tables for column in table["columns"]]

    @property
    def target(self) -> dict[str, Any]:
        """The column of the label among the features."""
        wanted = ("features", self.contract["target"])
        return next(column for column in self.columns if (column["table"], column["name"]) == wanted)

    @cached_property
    def snapshot(self) -> Path:
        """The folder of the snapshot that is trained on."""
        return self.config.snapshot().folder

    @cached_property
    def registry(self) -> Registry:
        """Its registry."""
        return Registry(self.config.paths.registry)

    @cached_property
    def version(self) -> int:
        """The champion; without one, the newest version. InputError when there is none."""
        versions = self.registry.versions()
        if not versions:
            raise InputError("there is no version", where=self.registry.folder, hint="the command `train` makes one")
        return self.registry.aliases().get(CHAMPION, versions[-1])

    @property
    def bundle(self) -> Path:
        """The folder of that version."""
        return self.registry.path(self.version)

    @property
    def lineage(self) -> Mapping[str, Any]:
        """What that version is made of."""
        return dict(self.read(self.bundle / "manifest.json")["lineage"])

    @property
    def judged(self) -> list[errors.Verdict]:
        """What all gates said about it when they were last run."""
        return self.registry.judged(self.version)

    @cached_property
    def decision(self) -> Record:
        """The newest retraining that was decided; InputError when there is none."""
        decided = [r for r in Decisions(self.registry.folder).all() if (r.outcome or {}).get("ended") == "decided"]
        if not decided:
            raise InputError("nothing was decided yet", where=self.registry.folder / "decisions")
        return decided[-1]

    @cached_property
    def note(self) -> dict[str, str]:
        """The note of the hand-over by the headings of its sections."""
        parts = re.split(r"^## (.+)$", self.text(NOTE), flags=re.MULTILINE)
        return dict(zip(map(str.strip, parts[1::2]), parts[2::2], strict=True))

    def report(self, *parts: str) -> dict[str, Any]:
        """A report that a command has written as JSON, by its place in the folder of reports."""
        return dict(self.read(self.config.paths.reports.joinpath(*parts)))

    def text(self, path: Path) -> str:
        """The text of a file of the project."""
        try:
            return (self.folder / path).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError("no such file", where=path) from error

    def read(self, path: Path) -> Any:
        """The content of a JSON file; InputError when there is none."""
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            shown = path.relative_to(self.folder) if path.is_relative_to(self.folder) else path
            raise InputError("was not written yet", where=shown) from error
