"""What the documents say exists: commands, files, links."""

import re
from pathlib import Path

import pytest
from conftest import Generate
from machine import COMMANDS, REPOSITORY, run

DOCUMENTS = [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").glob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def links(text: str) -> list[str]:
    """Targets of the links and pictures of a page that point into the repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return [link.partition("#")[0] for link in found if not re.match(r"https?:|mailto:|#", link)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_command_of_a_document_exists(document: Path) -> None:
    named = re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert {first or second for first, second in named} <= TARGETS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_to_a_file(document: Path) -> None:
    for link in links(document.read_text(encoding="utf-8")):
        assert (document.parent / link).exists(), link


def test_the_readme_names_the_two_commands() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^make ([a-z-]+)$", readme, re.MULTILINE) == ["demo", "test"]


def test_the_paths_in_a_projects_readme_exist(generate: Generate) -> None:
    project = generate({})
    readme = (project / "README.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:src|data|notebooks|requirements|config)[\w./-]*)`", readme))
    assert paths
    for path in paths:
        assert (project / path).exists(), path


def test_make_without_a_target_lists_every_command() -> None:
    told = run("make", cwd=REPOSITORY).stdout
    for target in TARGETS - {"help"}:
        assert f"make {target} " in told


def test_an_old_python_is_refused_with_a_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\nexec "$REAL" -c "import sys; sys.version_info = (3, 10); $2"\n', encoding="utf-8")
    old.chmod(0o755)
    (tmp_path / "requirements-dev.txt").write_text("", encoding="utf-8")
    (tmp_path / "Makefile").write_text((REPOSITORY / "Makefile").read_text(encoding="utf-8"), encoding="utf-8")
    python = str(COMMANDS / "python")
    done = run("make", "demo", f"PYTHON={old}", cwd=tmp_path, code=2, REAL=python)
    assert "Python 3.11 or newer is needed" in done.stdout + done.stderr
    assert not (tmp_path / ".venv").exists()
