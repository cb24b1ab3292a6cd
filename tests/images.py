"""Images without Docker: buildah builds and starts them, on a base that mmdebstrap makes from Debian."""

import configparser
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from environments import KEPT, alone
from machine import COMMANDS, environment, run
from skips import missing

PYTHON = "docker.io/library/python:3.11-slim-bookworm"  # what the Dockerfile builds on
# What the base has of Debian, as the image of that name does: its own Python stands in /usr/local.
PACKAGES = ("ca-certificates", "netbase", "python3-venv", "tzdata")
UNREAD = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
IN_PLACE = ["--isolation", "chroot", "--network", "host"]  # needs no rights but root's, and no kernel's help
DESCENDANTS = re.compile(r"^PPid:\s+(\d+)$", re.MULTILINE)


def base() -> Path:
    """An archive of a root with Debian's Python; made once, then kept."""
    command = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(PACKAGES)}", *UNREAD]
    command += ["--dpkgopt=force-unsafe-io", '--customize-hook=chroot "$1" python3 -m venv /usr/local', "bookworm"]
    made = KEPT / f"base-{hashlib.sha256(' '.join(command).encode()).hexdigest()[:12]}.tar"
    with alone(made.with_suffix(".busy")):
        if not made.exists():
            half = made.with_suffix(".half.tar")
            half.unlink(missing_ok=True)  # of a run that was killed
            run(*command, half, cwd=KEPT, minutes=10)
            half.rename(made)
    return made


@dataclass(frozen=True)
class Container:
    """A container of an image: its files stand in `root`, and commands run in it as its user."""

    name: str
    storage: "Storage"

    @cached_property
    def root(self) -> Path:
        """Where its files are."""
        return Path(self.storage("mount", self.name))

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What its image says: user, variables, entry point, health check."""
        said: dict[str, Any] = json.loads(json.loads(self.storage("inspect", self.name))["Config"])["config"]
        return said

    def line(self, command: list[str], *options: str, **variables: str) -> list[str]:
        """How a command starts in it."""
        given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        return self.storage.line("run", *IN_PLACE, *given, *options, self.name, "--", *command)

    def run(self, command: str, *options: str, code: int = 0, minutes: int = 2, **variables: str) -> str:
        """What a command says there."""
        line = self.line(shlex.split(command), *options, **variables)
        done = run(*line, cwd=self.storage.folder, code=code, minutes=minutes)
        return done.stdout + done.stderr


@dataclass(frozen=True)
class Storage:
    """A folder of images and containers."""

    folder: Path

    def line(self, *words: str) -> list[str]:
        """How buildah starts; a copy of all files for each image (vfs) works on every file system."""
        places = ["--root", str(self.folder / "images"), "--runroot", str(self.folder / "state")]
        return ["buildah", *places, "--storage-driver", "vfs", *words]

    def __call__(self, *words: str, cwd: Path | None = None, minutes: int = 5) -> str:
        """What buildah says."""
        return run(*self.line(*words), cwd=cwd or self.folder, minutes=minutes).stdout.strip()

    def load(self, archive: Path, name: str) -> None:
        """Make an image of a root."""
        made = self("from", "scratch")
        self("add", "--quiet", made, str(archive), "/")
        path = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        self("config", "--env", path, made)
        self("commit", "--quiet", "--rm", made, name)

    def start(self, image: str) -> Container:
        """A new container of an image."""
        return Container(self("from", "--pull-never", image), self)

    def build(self, project: Path, dockerfile: str, name: str) -> Container:
        """Build an image as the first lines of its Dockerfile say; a container of it."""
        options = ["--quiet", *IN_PLACE, "--pull-never", "--format", "docker", *self.index]
        self("bud", *options, "--file", dockerfile, "--tag", name, ".", cwd=project, minutes=10)
        return self.start(name)

    def layers(self, image: str) -> list[int]:
        """Bytes of the layers of an image, that of its base first."""
        said = json.loads(self("inspect", "--type", "image", image))
        return [int(layer["size"]) for layer in json.loads(said["Manifest"])["layers"]]

    @cached_property
    def index(self) -> list[str]:
        """Options that mount what pip is told on this machine: where packages are, and whom to trust."""
        told = run(COMMANDS / "pip", "config", "list", cwd=self.folder).stdout
        said = dict(re.findall(r"^[:\w]+\.([\w-]+)='(.*)'$", told, re.MULTILINE))
        said.pop("constraint", None)  # the lock says which versions
        settings, text = configparser.RawConfigParser(), io.StringIO()
        settings["global"] = {name: value.replace("\\n", "\n  ") for name, value in said.items()}
        settings.write(text)
        (self.folder / "pip.conf").write_text(text.getvalue(), encoding="utf-8")
        # The files of an index in a folder stand beside the folder.
        folders = {Path(path).parent for path in re.findall(r"file://(/\S+)", told)}
        files = {
            path for path in map(Path, re.findall(r"(?<![\w/:])/[\w./-]+", " ".join(said.values()))) if path.exists()
        }
        mounts = [f"{self.folder / 'pip.conf'}:/etc/pip.conf:ro", *(f"{path}:{path}:ro" for path in folders | files)]
        return [word for mount in sorted(mounts) for word in ("--volume", mount)]


@contextmanager
def storage() -> Iterator[Storage]:
    """A storage with the base; gone with the block."""
    for program in ("buildah", "mmdebstrap"):
        if not shutil.which(program):
            missing(f"no {program} on this machine: apt-get install {program}")
    if os.geteuid() != 0:
        missing("building an image without Docker needs root")
    with tempfile.TemporaryDirectory() as name:
        made = Storage(Path(name))
        made.load(base(), PYTHON)
        yield made


@contextmanager
def started(container: Container, *options: str, **variables: str) -> Iterator["Started"]:
    """What an image starts, as its user; ended with the block."""
    words = [*container.settings["Entrypoint"], *container.settings["Cmd"]]
    process = subprocess.Popen(container.line(words, *options, **variables), env=environment())
    running = Started(process)
    try:
        yield running
    finally:
        running.signal(signal.SIGKILL)
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Started:
    """A command in a container, and buildah, which waits for it."""

    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int | None:
        """The command's own process: the last of the chain that begins with buildah."""
        parents: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/status"):
            try:
                parents[int(DESCENDANTS.findall(path.read_text(encoding="utf-8"))[0])] = int(path.parent.name)
            except OSError:
                continue
        found = last = self.process.pid
        while found in parents:
            found, last = parents[found], found
        return found if found != last else None

    def status(self, name: str) -> str:
        """A line of what the system says of it."""
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return text.partition(f"\n{name}:")[2].partition("\n")[0].strip()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        if self.process.poll() is None and (pid := self.pid):
            os.kill(pid, number)
