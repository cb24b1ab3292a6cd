"""How the process of a submission is shut in: bubblewrap on Linux, limits alone elsewhere.

Inside there is the project, Python and the system's libraries, read only; a folder in memory to write to; no network,
no other process, no other submission, no solution, no hidden check. A new user, so that its processes can be counted.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import roadworthy
import roadworthy_course
from roadworthy.base.errors import InputError

TOOL = "bwrap"
HINT = "install bubblewrap (apt-get install bubblewrap), or grade submissions that you trust with --trusted"
NOBODY = 2_000_000_000  # users from here on are nobody's
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", "/gnu", "/sys/devices/system/cpu")
# Of /etc what libraries look for; nothing of accounts, keys, hosts.
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone", "fonts", "mime.types")
FREE = Path("/tmp")  # noqa: S108 - of the sandbox, in memory
VARIABLES = {
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "agg",
    # Of a core each; threads that nobody needs count as processes and take address space.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}


@dataclass(frozen=True)
class Limits:
    """What an answer may take; processes include threads.

    seconds: of computing for its cell, and as many again for its checks; three times as many by the clock.
    """

    seconds: float = 10.0
    memory: int = 3 << 30  # bytes of address space of a process, and of memory of all of them
    file: int = 64 << 20  # bytes of a file
    files: int = 256 << 20  # bytes of all files that it writes
    processes: int = 64 + 8 * (os.cpu_count() or 1)
    start: float = 120.0  # seconds for the imports, and for the data of a check

    @property
    def of_process(self) -> dict[str, int]:
        """By the names of the system's resource limits."""
        return {"AS": self.memory, "FSIZE": self.file, "NPROC": self.processes}


@dataclass(frozen=True)
class Walls:
    """What can be read inside besides the system, and what of it is hidden all the same; `trusted`: no walls at all."""

    home: Path
    readable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    trusted: bool = False

    @property
    def told(self) -> str:
        """For reports."""
        if self.trusted:
            return "Trusted: limits of time, memory and file sizes only; answers could read and write like this account"
        return "Sandbox: no network, no other files than the project's, nothing written that stays"


def check(walls: Walls) -> None:
    """Raise InputError when the sandbox cannot be made here, or would hide what it needs."""
    if walls.trusted:
        return
    if sys.platform != "linux":
        hint = "grade on Linux, in a container, or with --trusted: then limits of time and memory hold, walls do not"
        raise InputError("there is no sandbox on this system", where=sys.platform, hint=hint)
    for place in walls.hidden:
        for needed in (walls.home, *map(Path, _pythons())):
            if needed.resolve().is_relative_to(place.resolve()):
                hint = "keep submissions, hidden checks and reports in folders of their own"
                raise InputError(f"holds {needed}, which the answers need", where=place, hint=hint)
    if not shutil.which(TOOL):
        raise InputError("bubblewrap is not installed", where=TOOL, hint=HINT)
    tried = subprocess.run(  # noqa: S603
        [*command(walls, Limits()), sys.executable, "-I", "-c", ""], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        raise InputError(f"the sandbox does not start: {tried.stderr.strip()[-500:]}", where=TOOL, hint=HINT)


def command(walls: Walls, limits: Limits) -> list[str]:
    """The words before those of the process itself."""
    if walls.trusted:
        return []
    bound = [*SYSTEM, *(f"/etc/{name}" for name in ETC), *_pythons(), *map(str, (walls.home, *walls.readable))]
    words = [TOOL, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
    words += ["--new-session", "--clearenv", *_user(), "--proc", "/proc", "--dev", "/dev"]
    words += [*_memory(FREE, limits.files), *_memory(Path("/dev/shm"), limits.files)]  # noqa: S108 - of the sandbox
    # Folders above a file would be made for root alone.
    above = sorted({str(parent) for place in bound for parent in Path(place).parents} - {"/"})
    words += [word for place in above for word in ("--perms", "0755", "--dir", place)]
    words += [word for place in dict.fromkeys(bound) for word in ("--ro-bind-try", place, place)]
    words += list(_masks(walls, bound))
    for name, value in variables(walls, FREE).items():
        words += ["--setenv", name, value]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(FREE), "--"]


def variables(walls: Walls, folder: Path) -> dict[str, str]:
    """The environment inside: nothing of this one but what a trusted process needs to find its programs."""
    own = {name: os.environ[name] for name in ("SYSTEMROOT", "PATH") if walls.trusted and name in os.environ}
    places = {"HOME": folder / "home", "TMPDIR": folder, "MPLCONFIGDIR": folder / "matplotlib", "MLE_HOME": walls.home}
    return {"PATH": "/usr/bin:/bin", **own, **VARIABLES, **{name: str(place) for name, place in places.items()}}


def user(walls: Walls) -> int:
    """Which user the process inside becomes, a new one each time; 0: it stays the one who grades."""
    return NOBODY + secrets.randbelow(10**8) if not walls.trusted and os.geteuid() == 0 else 0


def fonts() -> dict[str, str]:
    """Matplotlib's lists of fonts, which take seconds to make, as files of this user."""
    places = [Path(place) for place in (os.environ.get("MPLCONFIGDIR"), Path.home() / ".cache" / "matplotlib") if place]
    found = [path for place in places for path in sorted(place.glob("fontlist-*.json"))]
    return {path.name: path.read_text(encoding="utf-8") for path in found}


def _user() -> Sequence[str]:
    # As root the process inside changes its user itself; otherwise a namespace of users counts its processes apart.
    if os.geteuid() == 0:
        return ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
    return ("--unshare-user", *(["--disable-userns"] if "--disable-userns" in _known() else []))


def _memory(place: Path, size: int) -> Sequence[str]:
    sized = ("--size", str(size)) if "--size" in _known() else ()
    return ("--perms", "1777", *sized, "--tmpfs", str(place))


@cache
def _known() -> str:
    return subprocess.run([TOOL, "--help"], capture_output=True, text=True, check=False).stdout  # noqa: S603


def _pythons() -> Iterable[str]:
    packages = {str(Path(file).resolve().parents[1]) for file in (roadworthy.__file__, roadworthy_course.__file__)}
    executable = Path(sys.executable)
    while executable.is_symlink():  # each step must exist inside
        executable = executable.parent / executable.readlink()
        yield str(executable)
    # Packages may lie outside of the environment, when it takes those of another one (a .pth file).
    installed = (place for place in sys.path if Path(place).name in {"site-packages", "dist-packages"})
    yield from dict.fromkeys((sys.prefix, sys.base_prefix, *sorted(packages), *installed))


def _masks(walls: Walls, bound: Sequence[str]) -> Iterator[str]:
    own = [walls.home / "exercises" / "solutions", walls.home / ".git"]
    for place in (*own, *walls.hidden):
        path = place.resolve()
        if not path.exists() or not any(path.is_relative_to(Path(each).resolve()) for each in bound):
            continue
        if path.is_dir():
            yield from ("--tmpfs", str(path), "--remount-ro", str(path))
        else:
            yield from ("--ro-bind", "/dev/null", str(path))
