"""The extension that carries the lessons, and what makes it possible: a lesson names no project."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Generate
from cookiecutter.utils import create_env_with_context
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import DictLoader
from machine import REPOSITORY, TEMPLATE
from verbatim import verbatim

ANSWERS = {"package_name": "late_trains", "project_slug": "late-trains"}
NAMES = {"project_name": "Late Trains", "project_slug": "late-trains", "package_name": "rail_delays"}
OTHERS = {"IPython", "httpx", "numpy", "pandas", "sklearn"}  # of others, beside Python's own: a lesson needs few
COURSE = re.compile(r"\bcourse\b|\bexercises?\b|\bquiz\b|\bprogress\b|have you got it", re.IGNORECASE)
LESSONS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
OF_ANY_DATA = sorted((REPOSITORY / "notebooks" / "own_data").glob("*.ipynb"))
PIECES = ["{{", "}}", "{%", "{#", "{% endraw %}", "\\", "'"]
SOURCES = (
    st.lists(st.one_of(st.text(), st.sampled_from(PIECES)))
    .map("".join)
    .filter(lambda source: "cookiecutter" not in source)
)


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
    sources = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "notebooks").glob("*.*")}
    assert stubs == sources
    for stub in stubs:
        assert (TEMPLATE / stub).read_text(encoding="utf-8") == f'{{{{ cookiecutter | lesson("{stub}") }}}}'


def test_data_of_ones_own_get_the_notebooks_for_any_data_byte_for_byte(generate: Generate) -> None:
    project = generate({"data": "own"})
    made = sorted((project / "notebooks").iterdir())
    assert [path.name for path in made] == [path.name for path in OF_ANY_DATA] == [path.name for path in LESSONS[1:]]
    assert [path.read_bytes() for path in made] == [path.read_bytes() for path in OF_ANY_DATA]


each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
each_notebook = pytest.mark.parametrize(
    "path",
    [*LESSONS, *OF_ANY_DATA],
    ids=lambda path: path.relative_to(REPOSITORY / "notebooks").with_suffix("").as_posix(),
)
of_any_data = pytest.mark.parametrize("path", OF_ANY_DATA, ids=lambda path: path.stem)


def cells(path: Path, kind: str = "") -> list[dict[str, Any]]:
    """The cells of a lesson, of one kind if that is given, their source in one text and their tags at hand."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    kept = [cell for cell in found if not kind or cell["cell_type"] == kind]
    return [{**cell, "source": "".join(cell["source"]), "tags": cell["metadata"].get("tags", [])} for cell in kept]


def nodes(path: Path) -> Iterator[ast.AST]:
    """Everything that stands in the code of a lesson."""
    for cell in cells(path, "code"):
        yield from ast.walk(ast.parse(cell["source"]))


@each_notebook
def test_a_lesson_is_stored_as_make_lessons_stores_it(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for number, cell in enumerate(notebook["cells"], start=1):
        assert cell["id"] == f"{path.stem}-{number:02d}"
    assert not any("execution" in cell["metadata"] for cell in notebook["cells"])
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]


@each_notebook
def test_a_lesson_imports_one_thing_of_ours(path: Path) -> None:
    imports = [node for node in nodes(path) if isinstance(node, ast.Import | ast.ImportFrom)]
    roots = [
        name.partition(".")[0]
        for node in imports
        for name in ([each.name for each in node.names] if isinstance(node, ast.Import) else [f"{node.module}"])
    ]
    assert roots.count("roadworthy") == 1
    assert "import roadworthy as rw" in map(ast.unparse, imports)
    assert {*roots} - {"roadworthy"} <= OTHERS | {*sys.stdlib_module_names}
    assert len(imports) <= 9


@each_notebook
def test_a_lesson_defines_nothing_that_somebody_would_copy(path: Path) -> None:
    defined = [node for node in nodes(path) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    named = [
        node
        for node in nodes(path)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and isinstance(node.value, ast.Lambda)
    ]
    assert [ast.unparse(node) for node in (*defined, *named)] == []


@each_notebook
def test_a_lesson_calls_nothing_that_python_calls_itself(path: Path) -> None:
    names = [node.attr for node in nodes(path) if isinstance(node, ast.Attribute)]
    names += [node.id for node in nodes(path) if isinstance(node, ast.Name)]
    assert [name for name in names if re.match(r"_\w", name)] == []


@each_notebook
def test_a_lesson_and_its_outputs_name_no_project(path: Path) -> None:
    answers = json.loads((REPOSITORY / "template" / "cookiecutter.json").read_text(encoding="utf-8"))
    slug = answers["project_name"].lower().replace(" ", "-")
    text = path.read_text(encoding="utf-8")
    for name in (answers["project_name"], slug, slug.replace("-", "_"), "mle_", "mle-", "roadworthy_course"):
        assert name not in text.replace("application/vnd.mle.figures+json", ""), name


@of_any_data
def test_a_notebook_for_any_data_has_no_output_and_speaks_of_no_data_and_no_course(path: Path) -> None:
    assert [cell for cell in cells(path, "code") if cell["outputs"] or cell["execution_count"]] == []
    text = "\n".join(cell["source"] for cell in cells(path))
    assert not COURSE.search(text)
    assert "as_delivered" not in text, "no figure of one table is asserted"
    assert "project.contract" in text
    # The lesson of the flights goes the same way.
    parameters = [cell for cell in cells(path, "code") if cell["tags"] == ["parameters"]]
    assert len(parameters) == 1
    titles = {cells(each)[0]["source"].partition(":")[0] for each in (path, REPOSITORY / "notebooks" / path.name)}
    assert len(titles) == 1, titles


@each_lesson
def test_what_belongs_to_the_course_is_tagged(path: Path) -> None:
    for cell in cells(path):
        assert bool(COURSE.search(cell["source"])) == ("course" in cell["tags"]), cell["source"]


@each_lesson
def test_a_lesson_asks_its_own_questions_once(path: Path) -> None:
    asked = [cell for cell in cells(path, "code") if "rw.course.ask" in cell["source"]]
    assert [cell["source"] for cell in asked] == [f'rw.course.ask("{path.stem[:2]}")']


@each_lesson
def test_a_lesson_runs_without_the_course(path: Path) -> None:
    of_the_course = [cell["source"] for cell in cells(path, "code") if "course" in cell["tags"]]
    statements = [statement for source in of_the_course for statement in ast.parse(source).body]
    assert statements
    assert all(isinstance(statement, ast.Expr) for statement in statements), "it makes nothing that others use"
    others = [node for node in nodes(path) if isinstance(node, ast.Attribute) and node.attr == "course"]
    assert len(others) == len(statements)


@each_lesson
def test_a_lesson_opens_a_step_as_real_source(path: Path) -> None:
    opened = [cell for cell in cells(path, "code") if cell["source"].startswith("rw.show(")]
    assert len(opened) == 1
    (output,) = opened[0]["outputs"]
    place, _, source = "".join(output["data"]["text/plain"]).partition("\n")
    assert re.fullmatch(r"# roadworthy/[\w/]+\.py", place), "without the number of a line, which any edit changes"
    assert len(source.splitlines()) <= 30


def test_without_the_course_its_cells_are_left_out_and_nothing_else(generate: Generate) -> None:
    project = generate({"course": "no"})
    for path in LESSONS:
        whole, made = (json.loads(file.read_text("utf-8")) for file in (path, project / "notebooks" / path.name))
        kept = [cell for cell in whole["cells"] if "course" not in cell["metadata"].get("tags", [])]
        assert made == {**whole, "cells": kept}
        assert len(kept) < len(whole["cells"])


def test_the_lessons_of_two_projects_are_the_same_bytes(generate: Generate) -> None:
    one, other = generate({}), generate(NAMES)
    assert other.name == "late-trains"
    for path in LESSONS:
        text = path.read_bytes()
        assert (one / "notebooks" / path.name).read_bytes() == text
        assert (other / "notebooks" / path.name).read_bytes() == text
