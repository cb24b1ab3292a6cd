"""Generated projects that are installed: one for each configuration and Python, shared by all tests of a worker."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from configurations import CONFIGURATIONS
from environments import KEPT, install, interpreter
from machine import run
from skips import missing

if TYPE_CHECKING:
    from conftest import Generate


@dataclass(frozen=True)
class Project:
    """A generated project and the commands of the environment it is installed in."""

    folder: Path
    commands: Path

    def run(self, command: str, *words: str, minutes: int = 10) -> str:
        """Output of a command of the environment, started in the project's folder."""
        cache = str(KEPT / "mypy")
        done = run(*self.line(command), *words, cwd=self.folder, minutes=minutes, MYPY_CACHE_DIR=cache)
        return done.stdout + done.stderr

    def line(self, command: str) -> list[str]:
        """How a command starts: by its own program, or as a module of the packages that all projects share."""
        program = self.commands / command
        return [str(program)] if program.exists() else [str(self.commands / "python"), "-m", command]


Installed = Callable[[str, str], Project]


@pytest.fixture(scope="session")
def installed(generate: "Generate") -> Installed:
    """Generate a configuration for a Python version and install it; each once in a test process."""
    made: dict[tuple[str, str], Project] = {}

    def project(configuration: str, version: str) -> Project:
        if interpreter(version) is None:
            missing(f"no Python {version} on this machine, put python{version} on the path")
        if (configuration, version) not in made:
            folder = generate({**CONFIGURATIONS[configuration], "python_version": version})
            made[configuration, version] = Project(folder, install(folder, version))
        return made[configuration, version]

    return project


def grouped(*pairs: tuple[str, str]) -> pytest.MarkDecorator:
    """Run a test for these pairs of configuration and version; one worker takes all tests of a pair."""
    params = [pytest.param(*pair, marks=pytest.mark.xdist_group("-".join(pair)), id="-".join(pair)) for pair in pairs]
    return pytest.mark.parametrize(("configuration", "version"), params)


# "umlaut" runs all of its checks in tests/test_pipelines.py, by its own CI file.
MAIN = [("default", "3.11"), ("long", "3.11")]
NO_DATA = ("own", "3.11")
OTHER = [("default", "3.12"), ("default", "3.13")]
