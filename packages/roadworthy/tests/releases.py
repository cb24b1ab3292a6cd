"""Projects with a library of their own in vendor/, and releases of it: small ones of a few files, and the real one."""

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import vendoring

from lessons_made import environment
from sample import HOME, REPOSITORY

Packages = Mapping[str, Mapping[str, str]]


def make_vendored(home: Path, packages: Packages | None = None) -> Path:
    """A project in `home` whose vendor/ holds these packages, mappings of files; without any, the real library."""
    home.mkdir(parents=True, exist_ok=True)
    if packages is None:
        shutil.copytree(HOME / "src", home / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        shutil.copy2(HOME / "config.toml", home)
        vendoring.vendor(REPOSITORY, home / "vendor", ["roadworthy"])
    else:
        make_release(home / "vendor", packages)
    return home


def make_release(folder: Path, packages: Packages) -> Path:
    """A folder with packages and their sums, as a project's vendor/."""
    repository = folder.parent / f"{folder.name}-source"
    for name, files in packages.items():
        for file, text in files.items():
            path = repository / "packages" / vendoring.PACKAGES[name] / "src" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    folder.mkdir(parents=True)
    vendoring.vendor(repository, folder, packages)
    shutil.rmtree(repository)
    return folder


def zipped(folder: Path, file: Path) -> Path:
    """The folder as a zip file, with itself as the only entry at the top."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder.parent).as_posix())
    return file


def wheel(file: Path, files: Mapping[str, str]) -> Path:
    """A wheel with a sum for each file in its RECORD; the version is the one in the name of the file."""
    name, version = file.stem.split("-")[:2]
    record, info = io.StringIO(), f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            csv.writer(record).writerow([path, f"sha256={digest}", len(text)])
        csv.writer(record).writerow([f"{info}/RECORD", "", ""])
        archive.writestr(f"{info}/RECORD", record.getvalue())
    return file


def run_here(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command of the library that stands in vendor/ of a project."""
    path = os.pathsep.join((str(home / "src"), str(home / "vendor")))
    variables = environment(home, PYTHONPATH=path, MLE_PATHS__REGISTRY=str(home / "registry"))
    line = [sys.executable, "-m", "roadworthy", *words]
    return subprocess.run(line, cwd=home, env=variables, capture_output=True, text=True, timeout=300, check=False)
