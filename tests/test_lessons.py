"""The extension that carries the lessons: the stand-in gives way to the names, and nothing else changes."""

import json
from pathlib import Path

import pytest
from cookiecutter.utils import create_env_with_context
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader
from lessons import lesson
from machine import REPOSITORY
from machine import TEMPLATE

ANSWERS = {"package_name": "late_trains", "project_slug": "late-trains"}
PIECES = ["mle_standin", "mle-standin", "{{", "}}", "{%", "{#", "{% endraw %}", "\\", "'"]
SOURCES = st.lists(st.one_of(st.text(), st.sampled_from(PIECES))).map("".join)


def rendered(source: str) -> str:
    """What cookiecutter makes of a file of the template."""
    environment = create_env_with_context({"cookiecutter": {"_extensions": ["lessons.Lessons"]}})
    environment.loader = DictLoader({"file": source})
    return str(environment.get_template("file").render(cookiecutter=ANSWERS))


@given(SOURCES)
@example('f"{{{name}}}" % "{% x %}"\nfrom mle_standin import settings  # mle-standin run 🚀\n')
def test_a_source_keeps_everything_but_the_stand_in(source: str) -> None:
    assert rendered(source) == source.replace("mle_standin", "late_trains").replace("mle-standin", "late-trains")


def test_a_file_that_mentions_cookiecutter_is_rendered() -> None:
    source = "{% if cookiecutter.package_name %}import mle_standin{% endif %}\n"
    assert rendered(source) == "import late_trains\n"


def test_a_lesson_takes_the_names_and_is_not_rendered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "template" / "inner").mkdir(parents=True)
    (tmp_path / "a.ipynb").write_text('{"source": "mle_standin {{ 7 }} {# mle-standin #}"}', encoding="utf-8")
    monkeypatch.chdir(tmp_path / "template" / "inner")
    assert lesson(ANSWERS, "a.ipynb") == '{"source": "late_trains {{ 7 }} {# late-trains #}"}'


def test_every_stub_has_its_source_and_every_notebook_its_stub() -> None:
    stubs = {path.relative_to(TEMPLATE).as_posix() for path in (TEMPLATE / "notebooks").iterdir()}
    sources = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "notebooks").iterdir()}
    assert stubs == sources
    for stub in stubs:
        assert (TEMPLATE / stub).read_text(encoding="utf-8") == f'{{{{ cookiecutter | lesson("{stub}") }}}}'


@pytest.mark.parametrize("path", sorted((REPOSITORY / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_lesson_is_stored_as_make_lessons_stores_it(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for number, cell in enumerate(notebook["cells"], start=1):
        assert cell["id"] == f"{path.stem}-{number:02d}"
    assert not any("execution" in cell["metadata"] for cell in notebook["cells"])
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
