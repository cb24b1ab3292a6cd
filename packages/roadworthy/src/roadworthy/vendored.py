"""The library that a project holds in vendor/, against the sums of its release: what was edited, and what was accepted.

`vendor/released.json` has the version and the sums of each package as it was released, `vendor/accepted.json` the edits
that somebody accepted with a reason. A project whose library is installed as a wheel has no such folder.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from .errors import InputError
from .files import sha256, write_atomic
from .settings import VENDOR

RELEASED = "released.json"
ACCEPTED = "accepted.json"
BEFORE = "vendor.before"  # the library of before, while an upgrade is tried
WRITTEN_BY_PYTHON = {"__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache"}
HINT = "see `roadworthy vendor verify`; put it back, or accept it: roadworthy vendor accept --reason …"


@dataclass(frozen=True)
class Edit:
    """A file of vendor/ that is not as it was released; `sha256` is that of the file now, empty when it is missing."""

    file: str
    kind: Literal["edited", "missing", "added"]
    sha256: str

    def __str__(self) -> str:
        """The file and what happened to it."""
        return f"{self.file} ({self.kind})"


def released(home: Path) -> dict[str, Any]:
    """Version and sums of each package in vendor/ of the project `home`; nothing where there is no such folder.

    A package that is a link is somebody's working tree, of which there is no release. Raises InputError when the sums
    are missing or cannot be read.
    """
    folder, file = home / VENDOR, home / VENDOR / RELEASED
    packages = [path for path in folder.glob("*/__init__.py") if not path.parent.is_symlink()]
    if not packages:
        return {}
    hint = f"restore the folder {VENDOR}/ from version control, or take it from a release: roadworthy upgrade FILE"
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        known = {str(name): {"version": str(of["version"]), "files": dict(of["files"])} for name, of in read.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"cannot be read, so the library cannot be verified: {error}", where=file, hint=hint
        ) from error
    unknown = [path.parent.name for path in packages if path.parent.name not in known]
    if unknown:
        raise InputError(f"has no sums of {unknown[0]}, so it cannot be verified", where=file, hint=hint)
    return known


def edits(home: Path) -> list[Edit]:
    """Every file in vendor/ of the project `home` that is not as it was released, in the order of names."""
    found = [edit for name, of in released(home).items() for edit in _edits(home / VENDOR, name, of["files"])]
    return sorted(found, key=lambda edit: edit.file)


def _edits(folder: Path, package: str, sums: Mapping[str, str]) -> Iterator[Edit]:
    there = {path.relative_to(folder / package).as_posix(): path for path in files(folder / package)}
    for name in {*sums, *there}:
        now = sha256(there[name]) if name in there else ""
        if name not in sums:
            yield Edit(f"{package}/{name}", "added", now)
        elif now != sums[name]:
            yield Edit(f"{package}/{name}", "edited" if now else "missing", now)


def files(folder: Path) -> Iterator[Path]:
    """The files below a folder but those that Python and its tools write."""
    for path in folder.rglob("*"):
        if path.is_file() and not WRITTEN_BY_PYTHON & {*path.relative_to(folder).parts}:
            yield path


def interrupted(home: Path) -> bool:
    """Whether an upgrade was killed before it knew that the project is green with the new library."""
    return (home / BEFORE).is_dir()


def accepted(home: Path) -> list[dict[str, str]]:
    """The edits that were accepted: file, kind and sum, with reason, by whom and when."""
    file = home / VENDOR / ACCEPTED
    if not file.is_file():
        return []
    try:
        return [{str(key): str(value) for key, value in each.items()} for each in json.loads(file.read_text("utf-8"))]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        hint = "restore it from version control, or remove it and accept the edits again"
        raise InputError(f"cannot be read: {error}", where=file, hint=hint) from error


def unaccepted(home: Path, found: Sequence[Edit] | None = None) -> list[Edit]:
    """The edits that nobody accepted as they are now: one that was accepted and edited again is among them.

    `found` are the edits, if they are known: to find them, every file is read.
    """
    found = edits(home) if found is None else found
    known = {(each.get("file"), each.get("sha256")) for each in accepted(home)} if found else set()
    return [edit for edit in found if (edit.file, edit.sha256) not in known]


def accept(home: Path, reason: str, by: str) -> list[Edit]:
    """Record that the edits of now are wanted, with the `reason` and `by` whom; those that were accepted newly.

    Raises InputError without a reason, or when there is nothing to accept.
    """
    if not reason.strip():
        raise InputError("a reason is missing", where="--reason", hint="say what was mended and until when")
    new = unaccepted(home)
    if not new:
        raise InputError(
            "there is no edit to accept", where=home / VENDOR, hint="`roadworthy vendor verify` lists them"
        )
    about = {"reason": reason.strip(), "by": by, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    names = {edit.file for edit in new}
    kept = [each for each in accepted(home) if each["file"] not in names]
    text = json.dumps([*kept, *({**asdict(edit), **about} for edit in new)], indent=1)
    write_atomic(home / VENDOR / ACCEPTED, text + "\n")
    return new


def named(found: Sequence[Edit], most: int = 3) -> str:
    """Some of the edits in words, and how many there are besides."""
    rest = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(map(str, found[:most])) + rest


def verdict(home: Path, found: Sequence[Edit] | None = None) -> tuple[bool, str]:
    """Whether the library is that of its release but for accepted edits, and the evidence in a sentence."""
    known = released(home)
    if not known:
        return True, f"the library is installed, and not in {VENDOR}/"
    found = edits(home) if found is None else found
    open_ = unaccepted(home, found)
    if open_:
        return False, f"not as released: {named(open_)}; {HINT}"
    versions = ", ".join(f"{name} {of['version']}" for name, of in known.items())
    reasons = {each["reason"] for each in accepted(home) if each["file"] in {edit.file for edit in found}}
    more = f", with {len(found)} accepted edits: {'; '.join(sorted(reasons))}" if found else ""
    return True, f"as released: {versions}{more}"
