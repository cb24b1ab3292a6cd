"""Environments with the locked packages, one for each Python, shared by all tests, kept while the lock is the same."""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import COMMANDS, REPOSITORY, TEMPLATE, run

UV = COMMANDS / "uv"
KEPT = REPOSITORY / "build" / "test-environments"


def interpreter(version: str) -> Path | None:
    """A Python of this version: the one that runs the tests, one that is on the path, or one of pyenv's."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)]
    return next((Path(path) for path in candidates if path and starts(Path(path), version)), None)


def starts(python: Path, version: str) -> bool:
    """Whether `python` runs and is of this version; a shim of pyenv may stand for a Python that is not active."""
    code = f"import sys, venv; sys.exit('{version}' != '%d.%d' % sys.version_info[:2])"
    return os.system(f'"{python}" -c "{code}" 2>{os.devnull}') == 0  # noqa: S605


def environment_for(version: str) -> Path:
    """Folder of an environment of this Python version with the packages that a generated project installs."""
    return _made(version, KEPT / version, [TEMPLATE / "requirements.txt", TEMPLATE / "requirements-exercises.txt"])


def environment_of_tests(version: str) -> Path:
    """Folder of an environment with what the tests of library and course need besides."""
    return _made(version, KEPT / f"{version}-tests", [REPOSITORY / "packages" / "requirements-tests.txt"])


def _made(version: str, folder: Path, locks: list[Path]) -> Path:
    """The environment `folder` with the packages of `locks`, made when it is missing or they have changed."""
    wanted = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    stamp = folder.with_name(f"{folder.name}.lock")
    with alone(folder.with_name(f"{folder.name}.busy")):
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted or not folder.exists():
            stamp.unlink(missing_ok=True)
            python = interpreter(version)
            assert python, f"no Python {version} on this machine, put python{version} on the path"
            run(UV, "venv", "--clear", "--python", python, folder, cwd=KEPT)
            sync = ["pip", "sync", "--require-hashes", "--compile-bytecode", "--python", str(folder), *map(str, locks)]
            run(UV, *sync, cwd=KEPT, minutes=10)
            stamp.write_text(wanted, encoding="utf-8")
    return folder


def install(project: Path, version: str, own: Path | None = None, *, tests: bool = False) -> Path:
    """Install a project in an environment of its own, without a download; the folder of its commands.

    All projects bring the packages `roadworthy` and `roadworthy_course`, so that two of them cannot share an
    environment. This one (the folder `own`) has nothing but the project; the locked packages it reads where
    `environment_for` put them, and with `tests` also those of `environment_of_tests`.
    """
    shared = [environment_for(version), *([environment_of_tests(version)] if tests else [])]
    own = own or project.parent / f"{project.name}-environment-{version}"
    commands = own / "bin"
    if not (commands / "roadworthy").exists():
        run(UV, "venv", "--clear", "--python", shared[0] / "bin" / "python", own, cwd=project)
        (packages,) = own.glob("lib/python*/site-packages")
        theirs = [str(folder) for each in shared for folder in each.glob("lib/python*/site-packages")]
        (packages / "locked.pth").write_text("".join(f"{folder}\n" for folder in theirs), encoding="utf-8")
        for name in ("etc", "share"):  # pages and settings of Jupyter
            (own / name).symlink_to(shared[0] / name)
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--offline", "--python", str(own), "--editable"]
        run(UV, "pip", "install", *options, project, cwd=project)
    return commands


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Keep other processes of the test run out until the block ends; a killed process keeps no one out."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
