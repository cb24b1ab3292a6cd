"""Do what a Dockerfile says, without Docker: each stage is a folder that stands for its root."""

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from environments import UV
from machine import run

PLACES = ("app", "build", "opt", "predictions", "registry")  # of the image; everything else is the machine's


@dataclass
class Image:
    """A stage: its root, the folder it works in, its environment and its commands."""

    root: Path
    folder: str = "/"
    variables: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        """A text in which the image's absolute paths are those of the folder that stands for its root."""
        return re.sub(rf"(?<![\w.])/(?={'|'.join(PLACES)})", f"{self.root}/", text)

    @property
    def environment(self) -> dict[str, Any]:
        """The variables that the Dockerfile sets, with the machine's commands behind those of the image."""
        path = self.variables.get("PATH", "").removesuffix("$PATH")
        found = {name: self(value) for name, value in self.variables.items()}
        return {**found, "PATH": f"{self(path)}{self.root}/usr/local/bin:{os.environ['PATH']}"}

    def command(self, *names: str) -> list[str]:
        """The words of commands in the form of a list, such as ENTRYPOINT and CMD, one after the other."""
        lists = [re.findall(r'"([^"]*)"', self.said[name].partition("[")[2]) for name in names]
        return [word for words in lists for word in words]


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """The instructions with their words; comments are left out and lines joined."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


def build(project: Path, folder: Path, python: Path) -> Image:
    """The last image of the Dockerfile of a project, in `folder`; `python` is the one that its base would bring."""
    stages: dict[str, Image] = {}
    image = Image(folder)
    for word, rest in instructions(project / "deploy" / "Dockerfile"):
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "last"
            image = stages[name] = Image(folder / name)
            run(UV, "venv", "--quiet", "--seed", "--python", python, image.root / "usr" / "local", cwd=project)
        elif word == "WORKDIR":
            image.folder = rest
            Path(image(rest)).mkdir(parents=True, exist_ok=True)
        elif word == "ENV":
            image.variables |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "COPY":
            copy(rest.split(), project, stages, image)
        elif word == "RUN":
            run("sh", "-euc", image(rest), cwd=Path(image(image.folder)), minutes=10, **image.environment)
        else:
            image.said[word] = rest
    return image


def copy(words: list[str], project: Path, stages: dict[str, Image], image: Image) -> None:
    """Do a COPY from the project, or from another stage; owners are set where this user may."""
    flags = dict(word.removeprefix("--").split("=") for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    place = Path(image(image.folder if target in {".", "./"} else target))
    whole = target.endswith("/") or target == "." or len(sources) > 1
    for name in sources:
        source = Path(stages[flags["from"]](name)) if "from" in flags else project / name
        goal = place / source.name if whole else Path(image(f"{image.folder}/{target}")) if target[0] != "/" else place
        goal.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, goal, symlinks=True)
        else:
            shutil.copy2(source, goal)
        if "chown" in flags and os.geteuid() == 0:
            user, _, group = flags["chown"].partition(":")
            os.chown(goal, int(user), int(group))
