"""The page on a table of one's own: every command of it is run in a new project, and prints what the page says."""

import pytest
from installed_projects import Installed, grouped
from machine import REPOSITORY, run
from run_page import agrees, run_page, steps

PAGE = REPOSITORY / "docs" / "own_data.md"


@pytest.mark.slow
@grouped(("page", "3.11"))
def test_every_command_of_the_page_prints_what_the_page_says(
    configuration: str, version: str, installed: Installed
) -> None:
    project = installed(configuration, version)
    run("git", "init", "--quiet", cwd=project.folder)

    def start(words: list[str]) -> list[str]:
        return [*project.line(words[0]), *words[1:]]

    done = 0
    for step, _, lines in run_page(PAGE.read_text(encoding="utf-8"), project.folder, start):
        assert step.command == "python" or agrees(step.expected, lines), "\n".join([step.command, *lines])
        done += 1
    assert done >= 15


def test_lines_agree_only_where_the_page_leaves_some_out() -> None:
    (step,) = steps("$ roadworthy check\n…\nall good\n")
    assert (step.command, step.expected) == ("roadworthy check", ("…", "all good"))
    assert agrees(step.expected, ["one", "two", "all good"])
    assert not agrees(step.expected, ["all good", "one"])
    assert not agrees(("all good",), ["one", "all good"])
