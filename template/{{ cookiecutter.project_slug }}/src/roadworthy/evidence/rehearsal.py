"""What the registry does, rehearsed with copies of bundles in a registry of its own: the real one is not touched."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from .. import gates
from ..bundle import manifest_sums
from ..bundle import sign
from ..registry import Registry

GREEN = (gates.Verdict("rehearsal", passed=True, evidence="as if every gate were green"),)
RED = (*GREEN, gates.Verdict("rehearsal", passed=False, evidence="as if a gate were red"))


def stage(bundle: Path, registry: Registry, verdicts: Sequence[gates.Verdict] = GREEN) -> int:
    """Register a copy of a bundle with other verdicts of its training; its number."""

    def write(folder: Path) -> None:
        shutil.copytree(bundle, folder, dirs_exist_ok=True)
        (folder / "gates.json").write_text(gates.dump(verdicts), encoding="utf-8")
        reseal(folder)

    return registry.add(write)


def reseal(folder: Path) -> None:
    """Write the sums of a bundle's files into its manifest anew."""
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**manifest, "sha256": manifest_sums(folder)}), encoding="utf-8")
    sign(folder)
