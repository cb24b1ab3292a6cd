"""The repository as a stranger would clone it, and projects generated from it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from cookiecutter.main import cookiecutter
from installed_projects import installed
from machine import REPOSITORY, git, known_files

__all__ = ["installed"]
collect_ignore = ["generated"]  # scripts/package_tests.py runs it, in the environment of the packages
# A busy machine is no failure.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

Generate = Callable[..., Path]
# The groups of tests that take minutes, the longest first: no worker is to be left alone with one at the end.
LONGEST = ("GitHub", "default-3.11", "demo", "GitLab", "long-3.11", "upgrade")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest groups first; the others keep their order (see `--no-loadscope-reorder` in the Makefile)."""

    def rank(item: pytest.Item) -> int:
        groups = [mark.args[0] for mark in item.iter_markers("xdist_group")]
        return LONGEST.index(groups[0]) if groups and groups[0] in LONGEST else len(LONGEST)

    items.sort(key=rank)


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
