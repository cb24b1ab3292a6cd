"""Copies the library into vendor/, and removes what the answers leave without a purpose.

`REPOSITORY` is written into this file while it is rendered: the folder of the template's repository, wherever a clone
of it lies.
"""

import shutil
import sys
from contextlib import suppress
from pathlib import Path

REPOSITORY = Path({{ cookiecutter | repository }})
sys.path.insert(0, str(REPOSITORY / "template"))
sys.dont_write_bytecode = True  # the clone stays as it is

from vendoring import record_delivered  # noqa: E402
from vendoring import vendor  # noqa: E402

COURSE = {{ (cookiecutter.course == "yes") | string }}
OF_THE_COURSE = ("exercises", "requirements-exercises.in", "requirements-exercises.txt")
OF_THE_COURSE += ("docs/backlog.md", "docs/capstone.md", "docs/capstone_note.md")

# What `roadworthy adopt` writes for other data.
OWN_DATA, PACKAGE = {{ (cookiecutter.data == "own") | string }}, Path("src/{{ cookiecutter.package_name }}")
OF_THE_FLIGHTS = ("data", "drills", "notebooks/00_start_here.ipynb", "tests/feature_examples")
OF_THE_FLIGHTS += ("tests/small_tables.py", "tests/test_flights.py", *map(str, PACKAGE.iterdir()))
WITHOUT_DATA = '"""This project, once it has data: `roadworthy adopt FILE --target NAME` writes the rest of this package."""\n'

vendor(REPOSITORY, Path("vendor"), ["roadworthy", "roadworthy_course"] if COURSE else ["roadworthy"])
if not OWN_DATA:
    record_delivered(Path())
for path in map(Path, (*(() if COURSE else OF_THE_COURSE), *(OF_THE_FLIGHTS if OWN_DATA else ()))):
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
if OWN_DATA:
    (PACKAGE / "__init__.py").write_text(WITHOUT_DATA, encoding="utf-8", newline="\n")

GITHUB = (".github/workflows", ".github/ISSUE_TEMPLATE", ".github")
GITLAB = (".gitlab/issue_templates", ".gitlab/merge_request_templates", ".gitlab")
for folder in (*GITHUB, *GITLAB, "exercises/solutions"):
    with suppress(OSError):  # rmdir refuses a folder that holds something
        Path(folder).rmdir()
