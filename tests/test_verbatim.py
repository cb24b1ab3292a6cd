"""The extension that carries the lessons: what is no template comes as it is."""

import json
from pathlib import Path

import pytest
from cookiecutter.utils import create_env_with_context
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader
from machine import REPOSITORY
from machine import TEMPLATE
from verbatim import verbatim

ANSWERS = {"package_name": "late_trains", "project_slug": "late-trains"}
PIECES = ["{{", "}}", "{%", "{#", "{% endraw %}", "\\", "'"]
SOURCES = st.lists(st.one_of(st.text(), st.sampled_from(PIECES))).map("".join)


def rendered(source: str) -> str:
    """What cookiecutter makes of a file of the template."""
    environment = create_env_with_context({"cookiecutter": {"_extensions": ["verbatim.Verbatim"]}})
    environment.loader = DictLoader({"file": source})
    return str(environment.get_template("file").render(cookiecutter=ANSWERS))


@given(SOURCES)
@example('f"{{{name}}}" % "{% x %}"\nimport roadworthy as rw  # 🚀\n')
def test_a_source_that_is_no_template_comes_as_it_is(source: str) -> None:
    assert rendered(source) == source


def test_a_file_that_mentions_cookiecutter_is_rendered() -> None:
    source = "{% if cookiecutter.package_name %}import {{ cookiecutter.package_name }}{% endif %}\n"
    assert rendered(source) == "import late_trains\n"


def test_a_lesson_comes_byte_for_byte_and_is_not_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "template" / "inner").mkdir(parents=True)
    (tmp_path / "a.ipynb").write_text('{"source": "{{ cookiecutter.package_name }} {{ 7 }} {# x #}"}', encoding="utf-8")
    monkeypatch.chdir(tmp_path / "template" / "inner")
    assert verbatim(ANSWERS, "a.ipynb") == '{"source": "{{ cookiecutter.package_name }} {{ 7 }} {# x #}"}'


def test_every_stub_has_its_source_and_every_notebook_its_stub() -> None:
    stubs = {path.relative_to(TEMPLATE).as_posix() for path in (TEMPLATE / "notebooks").iterdir()}
    sources = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "notebooks").iterdir()}
    assert stubs == sources
    for stub in stubs:
        assert (TEMPLATE / stub).read_text(encoding="utf-8") == f'{{{{ cookiecutter | verbatim("{stub}") }}}}'


@pytest.mark.parametrize("path", sorted((REPOSITORY / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_lesson_is_stored_as_make_lessons_stores_it(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for number, cell in enumerate(notebook["cells"], start=1):
        assert cell["id"] == f"{path.stem}-{number:02d}"
    assert not any("execution" in cell["metadata"] for cell in notebook["cells"])
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
