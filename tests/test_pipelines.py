"""The CI files of generated projects: they run what the documents name, once for each change, and it works."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from configurations import CONFIGURATIONS
from conftest import Generate
from images import PYTHON, Container, storage
from machine import git

# In the order in which mistakes are cheap to find.
CHECKS = [
    "ruff check",
    "ruff format --check",
    "mypy",
    "pytest -n auto",
    "roadworthy train",
    "roadworthy registry promote 1",
    "roadworthy gates",
    "pytest --nbval -n auto --dist loadscope notebooks",
    "roadworthy run",
]
QUICK = 3  # the first checks; the others take minutes, and are the same words for both providers
FILES = {"GitHub": ".github/workflows/ci.yml", "GitLab": ".gitlab-ci.yml"}
# GitHub's runs everything, the lessons against their stored outputs too: in a project with other names than those that
# the outputs were stored in.
ANSWERS = {
    "GitHub": {**CONFIGURATIONS["umlaut"], "ci_provider": "GitHub"},
    "GitLab": {"ci_provider": "GitLab", "course": "no"},
}
HOME = "/home/runner"


@dataclass(frozen=True)
class Pipeline:
    """What a CI file says: when it runs, on which Python, with which variables, and its commands."""

    said: dict[Any, Any]

    @property
    def job(self) -> dict[str, Any]:
        """The one job."""
        job: dict[str, Any] = self.said["jobs"]["check"] if "jobs" in self.said else self.said["check"]
        return job

    @property
    def commands(self) -> list[str]:
        """The commands in their order, as they stand."""
        if "steps" in self.job:
            return [step["run"] for step in self.job["steps"] if "run" in step]
        return [*self.job["before_script"], *self.job["script"]]

    @property
    def variables(self) -> dict[str, str]:
        """The environment that the file gives them."""
        given = self.job.get("env") or self.job["variables"]
        return {name: value.replace("$CI_PROJECT_DIR", "/project") for name, value in given.items()}

    @property
    def python(self) -> str:
        """The version of Python."""
        if "image" in self.job:
            return str(self.job["image"]).removeprefix("python:")
        return next(str(step["with"]["python-version"]) for step in self.job["steps"] if "setup-python" in str(step))


def pipeline(project: Path) -> Pipeline:
    """The CI file of a project."""
    (path,) = (project / name for name in FILES.values() if (project / name).exists())
    return Pipeline(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("course", ["yes", "no"])
def test_both_providers_run_the_same_commands(course: str, generate: Generate) -> None:
    one, other = (pipeline(generate({"ci_provider": name, "course": course})) for name in FILES)
    assert one.commands == other.commands
    assert one.python == other.python == "3.11"
    install, project, *checks = one.commands
    assert install.split("-r ")[0] == "python -m pip install --require-hashes --no-deps "
    locks = re.findall(r"-r (\S+)", install)
    assert locks == ["requirements.txt", "requirements-exercises.txt"][: 2 if course == "yes" else 1]
    assert project == "python -m pip install --no-deps --no-build-isolation -e ."
    assert checks == CHECKS


def test_every_command_can_fail_the_pipeline_and_none_needs_more_than_python(generate: Generate) -> None:
    for provider, file in FILES.items():
        text = (generate({"ci_provider": provider}) / file).read_text(encoding="utf-8")
        assert not re.search(r"continue-on-error|allow_failure|\|\||sudo|apt|services:|docker", text)


def test_each_change_runs_once(generate: Generate) -> None:
    github, gitlab = (pipeline(generate({"ci_provider": name})).said for name in FILES)
    # YAML 1.1 reads the key `on` as true.
    assert github[True] == {"push": {"branches": ["main"]}, "pull_request": None}
    rules = [rule["if"] for rule in gitlab["workflow"]["rules"]]
    assert rules == ['$CI_PIPELINE_SOURCE == "merge_request_event"', "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"]


def test_documents_and_templates_of_requests_name_the_commands_of_the_pipeline(generate: Generate) -> None:
    for provider, place in (("GitHub", ".github/pull_request_template.md"), ("GitLab", ".gitlab")):
        project = generate({"ci_provider": provider})
        readme = (project / "README.md").read_text(encoding="utf-8")
        block = readme.partition("\n## Checks\n")[2].split("```")[1]
        assert block.split("\n")[1:-1] == CHECKS
        request = project / place
        template = request if request.is_file() else request / "merge_request_templates" / "Default.md"
        for document in (project / "docs/definition_of_done.md", template):
            named = set(re.findall(r"`([^`]+)`", document.read_text(encoding="utf-8")))
            assert {re.sub(r" \d+$", "", command) for command in CHECKS} <= named, document
            # Nor another form of them.
            assert {name for name in named if re.match("pytest|ruff|mypy", name)} <= set(CHECKS), document


@pytest.fixture(scope="module")
def bare(request: pytest.FixtureRequest, generate: Generate) -> Iterator[tuple[Pipeline, Container]]:
    """A clone of a project at /project of a fresh root, with nothing in it but Debian's Python and git."""
    with storage() as place:
        provider = request.param
        project = generate(ANSWERS[provider])
        git(project, "init", "--quiet", "--initial-branch=main")
        git(project, "add", "--all")
        git(project, "commit", "--quiet", "--message=as generated")
        container = place.start(PYTHON)
        container.run("sh -ec 'apt-get -qq update && apt-get -qq install --no-install-recommends git'", minutes=5)
        git(place.folder, "clone", "--quiet", f"file://{project}", str(container.root / "project"))
        place("config", "--workingdir", "/project", container.name)
        if provider == "GitHub":  # its machines run the steps as a user who owns the clone and the Python, and no more
            for name in ("project", "usr/local", HOME[1:]):
                (container.root / name).mkdir(parents=True, exist_ok=True)
                own(container.root / name, 1001)
            place("config", "--user", "1001:1001", "--env", f"HOME={HOME}", container.name)
        yield pipeline(project), container


def own(folder: Path, user: int) -> None:
    """Give a folder to a user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "bare", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in FILES], indirect=True, ids=FILES
)
def test_the_steps_of_the_file_work_in_a_fresh_root(
    request: pytest.FixtureRequest, bare: tuple[Pipeline, Container]
) -> None:
    """GitHub's all of them, GitLab's (of a project without the course) up to the types."""
    file, container = bare
    install, project, *checks = file.commands
    variables: dict[str, Any] = {"CI": "true", **file.variables}
    container.run(f"sh -ec '{install}'", *container.storage.index, minutes=10, **variables)
    container.run(f"sh -ec '{project}'", **variables)
    whole = request.node.callspec.params["bare"] == "GitHub"
    for command in checks if whole else checks[:QUICK]:
        container.run(f"sh -ec '{command}'", minutes=20, **variables)
    if whole:
        assert list((container.root / "project" / "runs").glob("*/index.html"))
