"""What the documents say exists: commands with their options, and files."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from roadworthy.cli.program import commands
from sample import HOME

DOCUMENTS = [HOME / "README.md", *sorted(HOME.glob("docs/*.md")), *sorted(HOME.glob("exercises/*.md"))]
HIDDEN = [*HOME.glob(".github/**/*.md"), *HOME.glob(".gitlab/**/*.md")]
NAME = "roadworthy"


def named(text: str) -> Iterator[list[str]]:
    """The words of each command between backticks, up to what is no command or option; an import is no command."""
    for line in re.findall(rf"(?<!import )(?<!from ){NAME} ([a-z][^`\n|]*)", text):
        yield re.split(r"[;,.:]? ", line.strip())


def missing(words: list[str]) -> str:
    """What of the words is neither a command nor an option; empty when all of it exists."""
    found: click.Command = commands
    for word in words:
        if isinstance(found, click.Group):
            command = found.get_command(click.Context(found), word)
            if command is None:
                return word
            found = command
        elif word.startswith("--"):
            option = word.rstrip(".,;:)\"'")
            if not any(option in parameter.opts for parameter in found.params):
                return option
        else:
            continue
    return ""


@pytest.mark.parametrize("document", [*DOCUMENTS, *HIDDEN], ids=lambda path: path.stem)
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert [words for words in named(text) if missing(words)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    places = "config.toml|README.md|src/|docs/|exercises/|deploy/|drills/|tests/|notebooks/"
    for path in re.findall(rf"`((?:{places})[\w./-]*)`", text):
        assert (HOME / path).exists(), path


def test_a_command_that_does_not_exist_is_found() -> None:
    assert list(named("`roadworthy tarin`, import roadworthy as rw, from roadworthy import data")) == [["tarin"]]
    assert missing(["tarin"]) == "tarin"
    assert missing(["registry", "promot", "2"]) == "promot"
    assert missing(["retrain", "--lost"]) == "--lost"
    assert not missing(["registry", "promote", "VERSION"])
