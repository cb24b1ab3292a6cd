"""Carries the lessons and every other source into the generated project (a Jinja extension).

The lessons, the exercises and the project's tests are written and run under a stand-in name. While the project is
rendered, the stand-in gives way to the name that was chosen. A file of the template is a Jinja template only if it
mentions `cookiecutter`; every other file is copied as it is, so that braces in Python, SQL and HTML mean nothing here.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension

STAND_INS = {"mle_standin": "package_name", "mle-standin": "project_slug"}


class Lessons(Extension):
    """The filter `lesson`, and the stand-in names replaced in every file that is rendered."""

    def __init__(self, environment: Environment) -> None:
        """Register the filter."""
        super().__init__(environment)
        environment.filters["lesson"] = lesson

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Put the answers' expressions in the place of the stand-in names of a file; only files have a `name`."""
        del filename
        return renderable(source) if name else source


def lesson(answers: Mapping[str, str], path: str) -> str:
    """Text of the file `path` at the top of this repository, under the names in `answers`.

    Cookiecutter and cruft render with the template's inner folder as the working folder, however the repository came
    to this machine. Jinja does not render a filter's output again.
    """
    text = Path("../..", path).read_text(encoding="utf-8")
    for stand_in, answer in STAND_INS.items():
        text = text.replace(stand_in, answers[answer])
    return text


def renderable(source: str) -> str:
    """Jinja source of a file: as it stands if it mentions `cookiecutter`, else quoted; stand-ins as expressions."""
    kept = str if "cookiecutter" in source else quoted
    parts = re.split(f"({'|'.join(STAND_INS)})", source)
    return "".join(f"{{{{ cookiecutter.{STAND_INS[part]} }}}}" if part in STAND_INS else kept(part) for part in parts)


def quoted(text: str) -> str:
    """Jinja source that renders to `text` whatever it holds."""
    return f"{{{{ {text!a} }}}}"
