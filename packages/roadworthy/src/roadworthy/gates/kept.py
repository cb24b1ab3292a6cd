"""Verdicts that were computed before, by the sum of everything that they depend on: for drills, which run all gates.

A verdict depends on the configuration, on the project's package, on the inputs that its gate names, and on the code
behind judge and evidence.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .. import data
from ..evidence.bench import Bench, NotJudgedError, fingerprint
from ..files import sha256, write_atomic
from ..sources import behind
from .catalog import Gate

if TYPE_CHECKING:
    from .run import Judged

WRITTEN = ("reports", "monitoring", "tracking")


class Kept:
    """Verdicts in a folder, one small file for each set of inputs."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        """Remember where the inputs are on which gates depend; their sums are taken when they are needed."""
        self.folder = folder
        package = Path(__file__).parents[1]
        home, registry = bench.home, bench.registry.folder
        snapshots = bench.config.data.snapshots.items()
        # A copy of the project stands elsewhere: its place is no part of what a verdict depends on.
        config = bench.config.model_dump_json(exclude={"paths"}).replace(home.as_posix(), "")
        self._inputs: dict[str, Callable[[], str]] = {
            "project": lambda: _of_project(bench),
            "package": lambda: _of_files(package.rglob("*")),
            "config": lambda: fingerprint(config),
            "data": lambda: fingerprint({name: _of_files(_folder(each.folder)) for name, each in snapshots}),
            "version": lambda: _of_files(bench.folder.rglob("*")),
            "before": lambda: _before(bench),
            "registry": lambda: _of_files(f for f in registry.rglob("*") if f.suffix in {".json", ".jsonl"}),
            "lock": lambda: _of_files(home.glob("requirements*")),
            "alerts": lambda: _of_files((home / "deploy" / "prometheus").rglob("*")),
            "tests": lambda: _of_files((home / "tests").rglob("*")),
            "written": lambda: _of_files(f for n in WRITTEN for f in (home / n).rglob("*")),
        }
        self._sums: dict[str, str] = {}

    def verdict(self, gate: Gate, judge: "Callable[[], Judged]") -> "Judged":
        """What `gate` said about these inputs, or what it says now."""
        from .run import Judged

        code = _of_files(behind(gate.gather, gate.judge.function, Bench))
        sums = [code, *map(self._sum, ("config", "project", *gate.needs))]
        file = self.folder / f"{fingerprint(gate.name, sums)}.json"
        if not file.is_file():
            write_atomic(file, json.dumps(judge().to_dict()))
        return Judged(**json.loads(file.read_text(encoding="utf-8")))

    def _sum(self, name: str) -> str:
        if name not in self._sums:
            self._sums[name] = self._inputs[name]()
        return self._sums[name]


def _folder(snapshot: Path) -> list[Path]:
    return [*snapshot.glob("*.parquet"), snapshot / data.SUMS]


def _of_project(bench: Bench) -> str:
    """Of the project's own package, and of its SQL, which may stand elsewhere."""
    package = bench.home / "src" / bench.config.project.package
    return _of_files({*package.rglob("*"), *bench.project.definition.sql.rglob("*.sql")})


def _before(bench: Bench) -> str:
    try:
        return _of_files(bench.before.folder.rglob("*"))
    except NotJudgedError as reason:
        return str(reason)


def _of_files(files: object) -> str:
    listed = sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts)  # type: ignore[attr-defined]
    return fingerprint([(path.name, sha256(path)) for path in listed])
