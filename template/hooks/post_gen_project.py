"""Copies the library into vendor/, and removes the folders that rendering leaves empty.

`REPOSITORY` is written into this file while it is rendered: the folder of the template's repository, wherever a clone
of it lies.
"""

import sys
from contextlib import suppress
from pathlib import Path

REPOSITORY = Path({{ cookiecutter | repository }})
sys.path.insert(0, str(REPOSITORY / "template"))
sys.dont_write_bytecode = True  # the clone stays as it is

from vendoring import vendor  # noqa: E402

vendor(REPOSITORY, Path("vendor"))

GITHUB = (".github/workflows", ".github/ISSUE_TEMPLATE", ".github")
GITLAB = (".gitlab/issue_templates", ".gitlab/merge_request_templates", ".gitlab")
for folder in (*GITHUB, *GITLAB, "exercises/solutions"):
    with suppress(OSError):  # rmdir refuses a folder that holds something
        Path(folder).rmdir()
