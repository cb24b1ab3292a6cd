"""The commands around the library in vendor/: verify it, accept an edit, put a newer release in its place."""

import base64
import csv
import getpass
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import click

from ..base import source_code
from ..base.errors import InputError, RedError
from ..base.files import explain_read_errors, file_sha256, scratch_folder
from ..base.settings import VENDOR
from ..project import Project
from .output import JSON, say

AGAIN = "take another copy of the release"
LARGEST = 50_000_000  # bytes of a release, which has less than two million
SECONDS = 3600  # of the tests or the gates of a project
Tell = Callable[[str], None]


@click.group()
def vendor() -> None:
    """Compare the library in vendor/ with its release, and accept edits of it."""


@vendor.command()
@JSON
def verify(*, as_json: bool) -> None:
    """List every file in vendor/ that is not as it was released; an edit that nobody accepted is exit code 1."""
    home = Project.open().folder
    edits = source_code.vendored_edits(home)
    unaccepted = source_code.unaccepted_edits(home, edits)
    if as_json:
        click.echo(json.dumps([{**asdict(edit), "accepted": edit not in unaccepted} for edit in edits], indent=1))
    for edit in () if as_json else edits:
        click.echo(f"{edit}{'' if edit in unaccepted else ', accepted'}")
    passed, evidence = source_code.vendored_verdict(home, edits)
    if not passed:
        raise RedError(f"{len(unaccepted)} files are not as they were released", where="vendor", hint=source_code.HINT)
    click.echo(f"The library is {evidence.removeprefix('the library is ')}", err=True)


@vendor.command()
@click.option("--reason", required=True, help="Why; it is kept in vendor/accepted.json and shown by the gates.")
@click.option("--by", default="", help="Who decides; the user of this machine without it.")
def accept(reason: str, by: str) -> None:
    """Accept every edit in vendor/ as it is now: gates and promotions are no longer stopped by it."""
    for edit in source_code.accept_edits(Project.open().folder, reason, by or getpass.getuser()):
        click.echo(f"Accepted: {edit}", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--discard-edits", is_flag=True, help="Give up the edits of the library that was here before.")
def upgrade(file: Path, *, discard_edits: bool) -> None:
    """Put the library in FILE (a wheel, a zip file or a folder) in the place of the one in vendor/.

    Its sums are verified first. Then the project's tests and gates are run with it; if they are red, the library of
    before is put back and the exit code is 1.
    """
    project = Project.open()
    registry = project.settings.paths.registry
    done = upgrade_library(project.folder, file, registry, discard=discard_edits, tell=say)
    click.echo("\n".join(done.lines))


@dataclass(frozen=True)
class Upgraded:
    """Versions of each package before and now ("" where there was none), and the files that differ."""

    versions: Mapping[str, tuple[str, str]]
    changed: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """What changed, for people."""
        versions = [f"{name} {before or '(none)'} -> {now}" for name, (before, now) in self.versions.items()]
        files: list[str] = []
        for word, names in (("changed", self.changed), ("added", self.added), ("removed", self.removed)):
            files += [f"{len(names)} files {word}"] if names else []
            files += [f"  {name}" for name in names[:20]]
            files += [f"  and {len(names) - 20} more"] if len(names) > 20 else []
        return versions + (files or ["no file differs"])


def upgrade_library(
    home: Path, source: Path, registry: Path | None = None, *, discard: bool = False, tell: Tell = print
) -> Upgraded:
    """Put the release in `source` in the place of the library of the project `home`, and try the project with it.

    Raises InputError when the release is none or damaged, or edits of the library would be lost (unless `discard`);
    RedError when tests or gates are red with it: then the library of before is there again. The gates judge the
    champion of `registry`, that in the project's folder without one.
    """
    recover_library(home)
    if not (home / VENDOR).is_dir():
        hint = "upgrade it with pip: the library is installed, and not in the project"
        raise InputError("there is no such folder", where=home / VENDOR, hint=hint)
    edits = source_code.vendored_edits(home)
    if edits and not discard:
        hint = "keep what you changed elsewhere, and give the command again with --discard-edits"
        raise InputError(f"edits would be lost: {source_code.edits_in_words(edits)}", where=home / VENDOR, hint=hint)
    with scratch_folder(home) as scratch:
        new = scratch / VENDOR
        unpack_release(source, new)
        before = source_code.released_sums(home)
        done = release_difference(before, _same_packages(new, home / VENDOR, before))
        tell(f"Read {', '.join(done.versions)} from {source}: its sums hold")
        with _new_library(home, new):
            _try_project(home, registry or home / "registry", tell)
    return done


def recover_library(home: Path) -> None:
    """Put the library of before back when an upgrade was killed in its middle."""
    before = home / source_code.BEFORE
    if before.is_dir():
        shutil.rmtree(home / VENDOR, ignore_errors=True)
        before.replace(home / VENDOR)


def release_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> Upgraded:
    """What differs between the sums of two releases."""
    old, new = _sums(before), _sums(now)
    versions = {name: (str(before.get(name, {}).get("version", "")), str(of["version"])) for name, of in now.items()}
    changed = tuple(sorted(name for name in new if name in old and old[name] != new[name]))
    return Upgraded(versions, changed, tuple(sorted({*new} - {*old})), tuple(sorted({*old} - {*new})))


def _sums(released: Mapping[str, Any]) -> dict[str, str]:
    return {f"{name}/{file}": str(total) for name, of in released.items() for file, total in of["files"].items()}


def unpack_release(source: Path, target: Path) -> None:
    """Write the packages of a release into the folder `target` with their sums, which are verified.

    Raises InputError when `source` is no release, is not whole, or holds a file that its sums do not know.
    """
    target.mkdir(parents=True)
    unpacked = target.with_name("unpacked")
    if source.is_dir():
        _copy_packages(_release_folder(source), target)
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            _extract(archive, source, unpacked)
        if source.suffix == ".whl":
            _copy_wheel(unpacked, target)
        else:
            _copy_packages(_release_folder(unpacked), target)
    else:
        raise InputError("is no release", where=source, hint="give a wheel, a zip file or a folder")
    if not any(target.glob("*/__init__.py")):
        raise InputError("holds no package of the library", where=source, hint="give a release of roadworthy")


def _extract(archive: zipfile.ZipFile, source: Path, folder: Path) -> None:
    names = [PurePosixPath(each.filename) for each in archive.infolist()]
    if any(name.is_absolute() or ".." in name.parts for name in names):
        raise InputError("holds a file with a path outside of it", where=source, hint=AGAIN)
    # Looked at before anything is unpacked: few bytes of zip can become gigabytes.
    if sum(each.file_size for each in archive.infolist()) > LARGEST:
        raise InputError(f"is larger than {LARGEST:,} bytes", where=source, hint="give a release of roadworthy")
    try:
        archive.extractall(folder)
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"is damaged: {error}", where=source, hint=AGAIN) from error


def _release_folder(folder: Path) -> Path:
    """The folder with `released.json`: this one, its vendor/ or the only folder in it."""
    only = [path for path in folder.iterdir() if path.is_dir()]
    for place in (folder, folder / VENDOR, *(only if len(only) == 1 else [])):
        if (place / source_code.RELEASED).is_file():
            return place
    hint = "a release has released.json beside its packages; `make release` in the template's repository writes one"
    raise InputError(f"holds no {source_code.RELEASED}", where=folder, hint=hint)


def _copy_packages(source: Path, target: Path) -> None:
    released = _release_sums(source)
    for name, of in released.items():
        for file, expected in of["files"].items():
            _copy_verified(source / name / file, target / name / file, str(expected))
        files = {path.relative_to(source / name).as_posix() for path in source_code.vendored_files(source / name)}
        if extra := files - {*of["files"]}:
            raise InputError("is not in the sums of the release", where=source / name / min(extra), hint=AGAIN)
    _write_sums(target, released)


def _release_sums(folder: Path) -> dict[str, Any]:
    """The sums beside the packages of a release; InputError when they cannot be read or name a file elsewhere."""
    file = folder / source_code.RELEASED
    with explain_read_errors(file, AGAIN):
        released = json.loads(file.read_text(encoding="utf-8"))
        names = [PurePosixPath(name, each) for name, of in released.items() for each in of["files"]]
        versions = [str(of["version"]) for of in released.values()]
    if not versions or any(name.is_absolute() or ".." in name.parts for name in names):
        raise InputError("is no list of a release's files", where=file, hint=AGAIN)
    return dict(released)


def _copy_wheel(source: Path, target: Path) -> None:
    """Packages of a wheel by its RECORD, which has a sum for each file."""
    info = next(source.glob("*.dist-info"), None)
    if info is None or not (info / "RECORD").is_file():
        raise InputError("has no RECORD", where=source, hint=AGAIN)
    version = info.name.removesuffix(".dist-info").rpartition("-")[2]
    released: dict[str, Any] = {}
    for name, digest, _ in csv.reader((info / "RECORD").read_text(encoding="utf-8").splitlines()):
        package, _, file = name.partition("/")
        if package.startswith("roadworthy") and not package.endswith((".dist-info", ".data")):
            # RECORD has its sums without padding, which the decoder demands; more of it than is needed does no harm.
            padded = digest.removeprefix("sha256=") + "=="
            expected = base64.urlsafe_b64decode(padded).hex()
            _copy_verified(source / name, target / name, expected)
            released.setdefault(package, {"version": version, "files": {}})["files"][file] = expected
    _write_sums(target, released)


def _copy_verified(source: Path, target: Path, expected: str) -> None:
    # A link may lead out of the release, to what has no sum.
    if not source.is_file() or source.is_symlink() or file_sha256(source) != expected:
        what = "is missing" if not source.is_file() else "is not what the sums of the release say"
        raise InputError(what, where=source, hint=AGAIN)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _same_packages(new: Path, old: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the packages that the release does not bring (a wheel holds one of them); the sums of all in `new`."""
    sums: dict[str, Any] = json.loads((new / source_code.RELEASED).read_text(encoding="utf-8"))
    for name in {*before} - {*sums}:
        shutil.copytree(old / name, new / name, ignore=shutil.ignore_patterns(*source_code.WRITTEN_BY_PYTHON))
        sums[name] = before[name]
    for name in {*sums} - {*before} if before else ():
        shutil.rmtree(new / name)  # the course, in a project that was generated without it
        del sums[name]
    _write_sums(new, sums)
    return sums


def _write_sums(folder: Path, released: Mapping[str, Any]) -> None:
    text = json.dumps(released, indent=1, sort_keys=True) + "\n"
    (folder / source_code.RELEASED).write_text(text, encoding="utf-8")


@contextmanager
def _new_library(home: Path, new: Path) -> Iterator[None]:
    """Have the new library in vendor/; that of before is there again when the block fails or the process is killed."""
    (home / VENDOR).replace(home / source_code.BEFORE)
    try:
        new.replace(home / VENDOR)
        yield
    # Ctrl-C as well: a library with which nothing was tried must not stay.
    except BaseException:
        recover_library(home)
        raise
    shutil.rmtree(home / source_code.BEFORE)


def _try_project(home: Path, registry: Path, tell: Tell) -> None:
    """Run the project's tests and the gates on its champion, by the new library; RedError when they are red."""
    tell("Trying the project with it: its tests, then the gates")
    steps = {"tests": ["pytest", "-q", "-p", "no:cacheprovider", "tests"]} if (home / "tests").is_dir() else {}
    if (registry / "aliases.json").is_file():
        steps["gates"] = ["roadworthy", "gates"]
    else:
        tell("There is no champion yet, so the gates are left out")
    for name, words in steps.items():
        if find_spec(words[0]) is None:
            tell(f"{words[0]} is not installed here, so the {name} are left out")
            continue
        done = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, "-m", *words], cwd=home, env={**os.environ, "MLE_HOME": str(home)},
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            end = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).strip().splitlines()[-15:])
            hint = "the library of before is there again; tell the release's authors, or mend the project first"
            raise RedError(f"the {name} of the project are red with it:\n{end}", where=home, hint=hint)
        tell(f"The {name} are green")
