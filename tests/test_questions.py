"""Answers that would break a project are refused with a sentence; all others make a project that can be read."""

import keyword
import re
import sys
import tomllib
from pathlib import Path

import pytest
from answers import check_answers, quote, slug
from click import ClickException
from conftest import Generate
from hypothesis import given
from hypothesis import strategies as st
from machine import COMMANDS, run

NAMES = st.text(min_size=0, max_size=80)
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60)


def answers(name: str = "Flight Delays", **more: str) -> dict[str, str]:
    """Answers as cookiecutter derives them from the project's name."""
    made = {"project_name": name, "project_slug": slug(name), "author": "Ada"} | more
    return {"package_name": made["project_slug"].replace("-", "_")} | made


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Flight Delays", "flight-delays"),
        ("Zürcher Flüge „früh“", "zuercher-fluege-frueh"),
        ("Zu\u0308rcher", "zuercher"),
        ("Straße & Weg", "strasse-weg"),
        ('The "best" model\'s name', "the-best-model-s-name"),
        ("  spaces   and\ttabs ", "spaces-and-tabs"),
        ("CamelCase_and-more", "camelcase-and-more"),
        ("Прогноз", "prognoz"),
        ("!!!", ""),
    ],
)
def test_a_name_for_people_becomes_a_name_for_folders(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_a_long_name_is_cut_between_words() -> None:
    name = "Late arrivals of regional flights at the three airports of New York"
    assert slug(name) == "late-arrivals-of-regional-flights-at-the"


@pytest.mark.parametrize(
    ("given_answers", "why"),
    [
        (answers("!!!"), "is empty"),
        (answers("   "), "project_name is empty"),
        (answers("2013 Flights"), "starts with a digit"),
        (answers("Class"), "is a keyword"),
        (answers("Match"), "is a keyword"),
        (answers("Statistics"), "standard library"),
        (answers("sklearn"), "installs"),
        (answers("scikit-learn"), "installs"),
        (answers("Pandas"), "installs"),
        (answers("DuckDB"), "installs"),
        (answers("yaml"), "installs"),
        (answers("Notebooks"), "uses already"),
        (answers("mle"), "uses already"),
        (answers("Python"), "uses already"),
        (answers("con"), "uses already"),
        (answers(project_slug="../up"), "lower-case letters"),
        (answers(project_slug="Flight Delays"), "lower-case letters"),
        (answers(project_slug="a--b"), "lower-case letters"),
        (answers(project_slug="x" * 61), "has 61 characters"),
        (answers(package_name="flight-delays"), "no Python package name"),
        (answers(package_name="FlightDelays"), "no Python package name"),
        (answers(package_name="flüge"), "no Python package name"),
        (answers(package_name="_private"), "no Python package name"),
        (answers(package_name="import"), "is a keyword"),
        (answers(author="two\nlines"), "author holds a control character"),
        (answers(author="{{ 7 * 7 }}"), "author holds"),
        (answers(author=""), "author is empty"),
        (answers(course="no", solutions="yes"), "type course=yes or solutions=no"),
        (answers(course="maybe"), "course 'maybe' is neither yes nor no"),
        (answers(data="own", course="yes"), "type course=no and solutions=no, or data=flights"),
        (answers(data="own", course="no", solutions="yes"), "type course=no and solutions=no, or data=flights"),
        (answers("x" * 121), "project_name has 121 characters"),
    ],
)
def test_a_bad_answer_is_refused_with_its_reason(given_answers: dict[str, str], why: str) -> None:
    with pytest.raises(ClickException, match=re.escape(why)) as refusal:
        check_answers(given_answers)
    assert "type" in refusal.value.message


def test_every_answer_about_data_and_course_that_fits_is_accepted() -> None:
    for data, course in (("flights", "yes"), ("flights", "no"), ("own", "no")):
        assert check_answers(answers(data=data, course=course, solutions="no")) == "yes"


@pytest.mark.parametrize("name", [*sorted(sys.stdlib_module_names)[::7], *keyword.kwlist, *keyword.softkwlist])
def test_no_project_hides_a_module_or_a_keyword_of_python(name: str) -> None:
    with pytest.raises(ClickException):
        check_answers(answers(package_name=name))


@given(NAMES)
def test_whatever_is_proposed_instead_is_accepted(text: str) -> None:
    typed = answers(project_slug=text, package_name=text)
    try:
        check_answers(typed)
    except ClickException as refusal:
        proposals = dict(re.findall(r"^(\w+) .*; type for example (\S+)$", refusal.message, re.MULTILINE))
        check_answers(answers(**{**proposals, "project_slug": proposals.get("project_slug", "flight-delays")}))


@given(NAMES)
def test_a_name_that_is_accepted_can_be_imported_and_typed(text: str) -> None:
    made = answers(text)
    try:
        check_answers(made)
    except ClickException:
        return
    assert made["package_name"].isidentifier()
    assert made["package_name"].isascii()
    assert made["package_name"] not in sys.stdlib_module_names
    assert not keyword.iskeyword(made["package_name"])
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,39}", made["project_slug"])


@given(PRINTABLE)
def test_a_quoted_text_reads_back_from_toml(text: str) -> None:
    assert tomllib.loads(f"text = {quote(text)}") == {"text": text}


@pytest.mark.parametrize("author", ['Jürgen "JJ" O\'Neil', "C:\\new", "50% {off} #1: [x] & <y>", "山田 🚀", "$A `id`"])
def test_any_author_reaches_the_metadata_and_the_licence(author: str, generate: Generate) -> None:
    project = generate({"author": author, "project_name": f"Flüge {author}", "project_slug": "fluege"})
    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata["authors"] == [{"name": author}]
    assert metadata["description"] == f"Flüge {author}"
    assert author in (project / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("hooks", ["yes", "no"])
def test_a_refusal_is_a_sentence_and_leaves_nothing_behind(hooks: str, repository: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [
        COMMANDS / "cookiecutter",
        repository,
        "--no-input",
        "--accept-hooks",
        hooks,
        "project_name=sklearn",
    ]
    done = run(*command, cwd=tmp_path, code=1, HOME=str(tmp_path / "home"))
    assert done.stderr.splitlines() == [
        "Error: project_slug 'sklearn' is the name of a package that the project installs; type for example my-sklearn",
        "package_name 'sklearn' is the name of a package that the project installs; type for example my_sklearn",
    ]
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_for_an_empty_slug(repository: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [COMMANDS / "cookiecutter", repository, "--no-input", "project_name=!!!"]
    done = run(*command, cwd=tmp_path, code=1, HOME=str(tmp_path / "home"))
    assert "the project name has no letter or digit" in done.stderr
    assert list(tmp_path.iterdir()) == []
