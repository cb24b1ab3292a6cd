"""The repository as a stranger would clone it, and projects generated from it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from cookiecutter.main import cookiecutter
from machine import REPOSITORY, git, known_files

collect_ignore = ["generated"]  # scripts/package_tests.py runs it, in the environment of the packages
# A busy machine is no failure.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

Generate = Callable[..., Path]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository of all files that belong to this one, uncommitted changes included."""
    copy = tmp_path_factory.mktemp("clone") / "cookiecutter-mle"
    for name in known_files(REPOSITORY):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target)
    git(copy, "init", "--quiet", "--initial-branch=main")
    git(copy, "add", "--all", "--force")
    git(copy, "commit", "--quiet", "--message=all")
    return copy


@pytest.fixture(scope="session")
def generate(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Generate:
    """Make a project from `repository` with some answers given and the others left at their defaults."""
    home = tmp_path_factory.mktemp("home")
    settings = home / "settings.yaml"
    settings.write_text(f"cookiecutters_dir: {home / 'templates'}\nreplay_dir: {home / 'replay'}\n", encoding="utf-8")

    def make(answers: dict[str, str], folder: Path | None = None) -> Path:
        where = folder or tmp_path_factory.mktemp("generated")
        options = {"output_dir": str(where), "config_file": str(settings)}
        return Path(cookiecutter(str(repository), no_input=True, extra_context=dict(answers), **options))

    return make
