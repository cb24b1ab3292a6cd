"""What the registry does, rehearsed with copies of bundles in a registry of its own: the real one is not touched."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from .. import gates
from ..bundle import manifest_sums, sign
from ..registry import Registry

GREEN = (gates.Verdict("rehearsal", passed=True, evidence="as if every gate were green"),)
RED = (*GREEN, gates.Verdict("rehearsal", passed=False, evidence="as if a gate were red"))


def stage(bundle: Path, registry: Registry, verdicts: Sequence[gates.Verdict] = GREEN) -> int:
    """Register a copy of a bundle with other verdicts of its training; its number."""
    return _changed(bundle, registry, "gates.json", gates.dump(verdicts))


def with_threshold(registry: Registry, version: int | str, threshold: float) -> int:
    """Register a copy of a version that says yes from another probability on; its number."""
    bundle = registry.path(version)
    signature = json.loads((bundle / "signature.json").read_text(encoding="utf-8"))
    return _changed(bundle, registry, "signature.json", json.dumps({**signature, "threshold": threshold}))


def damaged(registry: Registry, version: int | str) -> int:
    """Put a copy of a version beside it that is damaged as `flip_a_byte` does; its number. It cannot be loaded."""
    number = max(registry.versions()) + 1
    folder = registry.folder / "versions" / str(number)
    shutil.copytree(registry.path(version), folder)
    flip_a_byte(folder / "model.onnx")
    return number


def flip_a_byte(file: Path) -> None:
    """Make one byte in the middle of a file another one, as a failing disk or cable does."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def reseal(folder: Path) -> None:
    """Write the sums of a bundle's files into its manifest anew."""
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**manifest, "sha256": manifest_sums(folder)}), encoding="utf-8")
    sign(folder)


def _changed(bundle: Path, registry: Registry, name: str, text: str) -> int:
    """Register a copy of a bundle in which one file has another text, and the sums belong to it; its number."""

    def write(folder: Path) -> None:
        shutil.copytree(bundle, folder, dirs_exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        reseal(folder)

    return registry.add(write)
