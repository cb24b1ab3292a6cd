"""Verdicts that were computed before, by the sum of everything that they depend on: for drills, which run all gates.

A verdict depends on the code of the package, the configuration, and the inputs that its gate names.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .. import data
from ..evidence.bench import Bench
from ..evidence.bench import NotJudgedError
from ..evidence.bench import fingerprint
from ..files import sha256
from ..files import write_atomic
from .catalog import Gate

if TYPE_CHECKING:
    from .run import Judged

WRITTEN = ("reports", "monitoring", "tracking")
# What no verdict depends on.
WITHOUT = {"drills", "cli.py", "drill_commands.py", "gate_commands.py", "pages", "scorecard.py"}


class Kept:
    """Verdicts in a folder, one small file for each set of inputs."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        """Take the sums of everything that a gate may depend on."""
        self.folder = folder
        package = Path(__file__).parents[1]
        self._sums = {
            "code": _of_files(f for f in package.rglob("*") if f.relative_to(package).parts[0] not in WITHOUT),
            "config": fingerprint(bench.config.model_dump(mode="json", exclude={"paths"})),
            "data": fingerprint({n: _of_files(_folder(s.folder)) for n, s in bench.config.data.snapshots.items()}),
            "version": _of_files(bench.folder.rglob("*")),
            "before": _before(bench),
            "registry": _of_files(f for f in bench.registry.folder.rglob("*") if f.suffix in {".json", ".jsonl"}),
            "lock": _of_files(bench.home.glob("requirements*")),
            "tests": _of_files((bench.home / "tests").rglob("*")),
            "written": _of_files(f for name in WRITTEN for f in (bench.home / name).rglob("*")),
        }

    def verdict(self, gate: Gate, judge: "Callable[[], Judged]") -> "Judged":
        """What `gate` said about these inputs, or what it says now."""
        from .run import Judged

        names = ("code", "config", *gate.needs)
        file = self.folder / f"{fingerprint(gate.name, [self._sums[name] for name in names])}.json"
        if not file.is_file():
            write_atomic(file, json.dumps(judge().to_dict()))
        return Judged(**json.loads(file.read_text(encoding="utf-8")))


def _folder(snapshot: Path) -> list[Path]:
    return [*snapshot.glob("*.parquet"), snapshot / data.SUMS]


def _before(bench: Bench) -> str:
    try:
        return _of_files(bench.before.rglob("*"))
    except NotJudgedError as reason:
        return str(reason)


def _of_files(files: object) -> str:
    listed = sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts)  # type: ignore[attr-defined]
    return fingerprint([(path.name, sha256(path)) for path in listed])
