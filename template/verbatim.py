"""Carries the lessons and every other source into the generated project as they are (a Jinja extension).

A file of the template is a Jinja template only if it mentions `cookiecutter`; every other file is copied as it is, so
that braces in Python, SQL and HTML mean nothing here. Lessons and exercises stand at the top of this repository; a stub
of one line fetches each. The library stands there too; a hook copies it.
"""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension


class Verbatim(Extension):
    """The filter `verbatim`, and every file that does not mention `cookiecutter` kept as it is."""

    def __init__(self, environment: Environment) -> None:
        """Register the filter."""
        super().__init__(environment)
        environment.filters["verbatim"] = verbatim

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Quote a file that is no template; only files have a `name`."""
        del filename
        return quoted(source) if name and "cookiecutter" not in source else source


def verbatim(answers: Mapping[str, str], path: str) -> str:
    """Text of the file `path` at the top of this repository.

    Cookiecutter and cruft render with the template's inner folder as the working folder, however the repository came
    to this machine. Jinja does not render a filter's output again. `answers` are there because a stub has to mention
    `cookiecutter` to be rendered.
    """
    del answers
    return Path("../..", path).read_text(encoding="utf-8")


def quoted(text: str) -> str:
    """Jinja source that renders to `text` whatever it holds."""
    return f"{{{{ {text!a} }}}}"
