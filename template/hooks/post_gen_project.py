"""Removes the folders that rendering leaves empty when their files were not asked for."""

from contextlib import suppress
from pathlib import Path

GITHUB = (".github/workflows", ".github/ISSUE_TEMPLATE", ".github")
GITLAB = (".gitlab/issue_templates", ".gitlab/merge_request_templates", ".gitlab")

for folder in (*GITHUB, *GITLAB, "exercises/solutions"):
    with suppress(OSError):  # rmdir refuses a folder that holds something
        Path(folder).rmdir()
