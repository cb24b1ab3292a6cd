"""Copies the source of library and course, with its sums, as a project keeps it in vendor/.

The hook calls it when a project is generated, and scripts/release.py for a release. Only Python's own modules are
needed: the hook runs in whatever Python cookiecutter runs in.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGES = {"roadworthy": "roadworthy", "roadworthy_course": "roadworthy-course"}
RELEASED = "released.json"
# Nothing else is copied: a working tree holds caches and what an installation writes.
KINDS = {".css", ".html", ".js", ".py", ".sql", ".svg", ".toml", ".typed"}


def vendor(repository: Path, target: Path, packages: Iterable[str] = tuple(PACKAGES)) -> None:
    """Copy packages of the repository into the folder `target`, and write their versions and sums beside them.

    Files of an older release that was copied there before are removed.
    """
    file = target / RELEASED
    before: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    released = {
        name: _copied(repository / "packages" / PACKAGES[name] / "src" / name, target / name) for name in packages
    }
    for name, of in before.items():
        for gone in {*of["files"]} - {*released.get(name, {"files": ()})["files"]}:
            (target / name / gone).unlink(missing_ok=True)
    file.write_text(json.dumps(released, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


def _copied(source: Path, target: Path) -> dict[str, Any]:
    """Copy a package; its version and the SHA-256 sums of its files."""
    sums = {}
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        if path.is_file() and path.suffix in KINDS and not any(part.startswith(".") for part in inside.parts):
            place = target / inside
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            sums[inside.as_posix()] = hashlib.sha256(place.read_bytes()).hexdigest()
    return {"version": version_of(source), "files": sums}


def record_delivered(project: Path) -> None:
    """Write the sums of what the figures in the lessons of a new project depend on: data, settings, its own code."""
    files = [project / "config.toml", *sorted(project.glob("data/*/SHA256SUMS"))]
    files += [path for path in sorted((project / "src").rglob("*")) if path.suffix in {".py", ".sql"}]
    sums = {path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    text = json.dumps(sums, indent=1) + "\n"
    (project / "notebooks" / "delivered.json").write_text(text, encoding="utf-8", newline="\n")


def version_of(source: Path) -> str:
    """The version of a package by its `__init__.py`; ValueError when it says none."""
    text = (source / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if not found:
        raise ValueError(f"{source}: __init__.py has no __version__")
    return found[1]
