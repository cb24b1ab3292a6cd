"""Every way to get a project gives the same project."""

import hashlib
import json
from pathlib import Path

import pytest
from environments import install
from machine import COMMANDS, git, run

COOKIECUTTER = COMMANDS / "cookiecutter"
CRUFT = COMMANDS / "cruft"
ASKED = '{"cells": [], "metadata": {"answer": "..."}, "nbformat": 4, "nbformat_minor": 5}\n'
UPDATED = "A sentence that came with an update."


def sums(project: Path) -> dict[str, str]:
    """SHA-256 of every file of a project but cruft's own record."""
    files = (path for path in project.rglob("*") if path.is_file() and ".git" not in path.relative_to(project).parts)
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != ".cruft.json"
    }


@pytest.fixture(scope="module")
def expected(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Sums of the project that `cookiecutter PATH` makes."""
    where = tmp_path_factory.mktemp("expected")
    run(COOKIECUTTER, repository, "--no-input", cwd=where, HOME=str(where))
    return sums(where / "flight-delays")


def test_the_default_answers_are_those_of_the_readme(expected: dict[str, str]) -> None:
    assert "src/flight_delays/__init__.py" in expected
    assert "notebooks/06_retraining.ipynb" in expected
    assert ".github/workflows/ci.yml" in expected


@pytest.mark.parametrize(
    "options",
    [
        ["--no-input"],
        ["--no-input", "--directory", "template"],
        ["--no-input", "--overwrite-if-exists"],
        ["--no-input", "--default-config"],
    ],
    ids=" ".join,
)
def test_a_local_path(options: list[str], repository: Path, expected: dict[str, str], tmp_path: Path) -> None:
    run(COOKIECUTTER, repository, *options, cwd=tmp_path, HOME=str(tmp_path / "home"))
    assert sums(tmp_path / "flight-delays") == expected


def test_without_hooks_only_the_library_is_missing(repository: Path, expected: dict[str, str], tmp_path: Path) -> None:
    run(COOKIECUTTER, repository, "--no-input", "--accept-hooks", "no", cwd=tmp_path, HOME=str(tmp_path / "home"))
    project = tmp_path / "flight-delays"
    made = sums(project)
    assert made.items() < expected.items()
    missing = {name for name in expected.keys() - made.keys() if not name.startswith("vendor/")}
    assert missing == {"notebooks/delivered.json"}  # a lesson asserts no figure without it


@pytest.mark.slow
def test_without_hooks_the_first_installation_says_what_is_missing(repository: Path, tmp_path: Path) -> None:
    run(COOKIECUTTER, repository, "--no-input", "--accept-hooks", "no", cwd=tmp_path, HOME=str(tmp_path / "home"))
    with pytest.raises(AssertionError) as refused:
        install(tmp_path / "flight-delays", "3.11")
    assert "vendor/ holds no library: this project was generated without the template's hooks" in str(refused.value)
    assert "accept them (--accept-hooks yes)" in str(refused.value)


def test_the_current_folder(repository: Path, expected: dict[str, str], tmp_path: Path) -> None:
    run(COOKIECUTTER, ".", "--no-input", "--output-dir", tmp_path, cwd=repository, HOME=str(tmp_path / "home"))
    assert sums(tmp_path / "flight-delays") == expected


@pytest.mark.parametrize("options", [[], ["--directory", "template"]], ids=["root", "directory"])
def test_a_git_url(options: list[str], repository: Path, expected: dict[str, str], tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), "cookiecutter-mle.git")
    url = (tmp_path / "cookiecutter-mle.git").as_uri()
    run(COOKIECUTTER, url, "--no-input", *options, cwd=tmp_path, HOME=str(tmp_path / "home"))
    assert sums(tmp_path / "flight-delays") == expected


@pytest.mark.parametrize("options", [[], ["--directory", "template"]], ids=["root", "directory"])
def test_a_zip_file(options: list[str], repository: Path, expected: dict[str, str], tmp_path: Path) -> None:
    git(repository, "archive", "--prefix=cookiecutter-mle/", f"--output={tmp_path / 'mle.zip'}", "HEAD")
    run(COOKIECUTTER, tmp_path / "mle.zip", "--no-input", *options, cwd=tmp_path, HOME=str(tmp_path / "home"))
    assert sums(tmp_path / "flight-delays") == expected


def test_a_replay_repeats_the_answers_of_the_last_project(repository: Path, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    answers = ["project_name=Späte Züge", "licence=BSD-3-Clause", "ci_provider=none"]
    run(COOKIECUTTER, repository, "--no-input", *answers, cwd=tmp_path, HOME=home)
    again = tmp_path / "again"
    run(COOKIECUTTER, repository, "--directory", "template", "--replay", "--output-dir", again, cwd=tmp_path, HOME=home)
    assert sums(again / "spaete-zuege") == sums(tmp_path / "spaete-zuege")


def test_the_course_is_left_out_where_the_data_are_ones_own_and_a_word_says_no(
    repository: Path, tmp_path: Path
) -> None:
    made = []
    for number, course in enumerate([[], ["course=no"]]):
        where, home = tmp_path / str(number), str(tmp_path / "home")
        where.mkdir()
        run(COOKIECUTTER, repository, "--no-input", "data=own", *course, cwd=where, HOME=home)
        made.append(sums(where / "flight-delays"))
    assert made[0] == made[1]
    assert not [name for name in made[0] if name.startswith(("data/", "exercises/", "vendor/roadworthy_course/"))]


def test_an_existing_folder_is_left_alone(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "flight-delays").mkdir()
    done = run(COOKIECUTTER, repository, "--no-input", cwd=tmp_path, code=1, HOME=str(tmp_path / "home"))
    assert "already exists" in done.stdout + done.stderr
    assert list((tmp_path / "flight-delays").iterdir()) == []


@pytest.fixture
def template(repository: Path, tmp_path: Path) -> Path:
    """A clone of the repository that a test may change."""
    git(tmp_path, "clone", "--quiet", str(repository), "template")
    return tmp_path / "template"


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """A project that cruft made from `template`, committed."""
    run(CRUFT, "create", template, "--directory", "template", "--no-input", cwd=tmp_path, HOME=str(tmp_path / "home"))
    made = tmp_path / "flight-delays"
    commit(made)
    return made


def commit(folder: Path) -> None:
    """Commit everything in `folder`, which becomes a git repository if it is none."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=all")


def cruft(project: Path, *words: str, code: int = 0) -> str:
    """Output of a cruft command in a project."""
    return run(CRUFT, *words, cwd=project, code=code, HOME=str(project.parent / "home")).stdout


def test_cruft_makes_the_same_project(project: Path, expected: dict[str, str]) -> None:
    assert sums(project) == expected
    assert json.loads((project / ".cruft.json").read_text(encoding="utf-8"))["directory"] == "template"
    assert cruft(project, "check")
    assert cruft(project, "diff") == ""


def change_lesson(template: Path) -> None:
    """Add a cell to a lesson of the template, as its author would."""
    path = template / "notebooks" / "01_data_checks.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"].append({"cell_type": "markdown", "id": "new", "metadata": {}, "source": [UPDATED]})
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    commit(template)


def test_cruft_brings_a_changed_lesson_and_keeps_own_work(project: Path, template: Path) -> None:
    change_lesson(template)
    (project / "exercises").mkdir(exist_ok=True)
    (project / "exercises" / "own.ipynb").write_text("my answer\n", encoding="utf-8")
    with (project / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("\nOur own paragraph.\n")
    commit(project)
    cruft(project, "check", code=1)
    cruft(project, "update", "--skip-apply-ask")
    lesson = json.loads((project / "notebooks" / "01_data_checks.ipynb").read_text(encoding="utf-8"))
    assert lesson["cells"][-1]["source"] == [UPDATED]
    assert (project / "exercises" / "own.ipynb").read_text(encoding="utf-8") == "my answer\n"
    assert (project / "README.md").read_text(encoding="utf-8").endswith("\nOur own paragraph.\n")
    assert not list(project.rglob("*.rej"))


def test_an_update_leaves_an_edited_exercise_as_it_is(template: Path, tmp_path: Path) -> None:
    source = template / "exercises" / "99_example.ipynb"
    stub = template / "template" / "{{ cookiecutter.project_slug }}" / "exercises" / "99_example.ipynb"
    for path, text in ((source, ASKED), (stub, '{{ cookiecutter | verbatim("exercises/99_example.ipynb") }}')):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    commit(template)
    run(CRUFT, "create", template, "--directory", "template", "--no-input", cwd=tmp_path, HOME=str(tmp_path / "home"))
    project = tmp_path / "flight-delays"
    mine = project / "exercises" / "99_example.ipynb"
    assert mine.read_text(encoding="utf-8") == ASKED
    mine.write_text(ASKED.replace("...", "42"), encoding="utf-8")
    commit(project)
    source.write_text(ASKED.replace("...", "...  # in hours"), encoding="utf-8")
    commit(template)
    cruft(project, "update", "--skip-apply-ask")
    assert mine.read_text(encoding="utf-8") == ASKED.replace("...", "42")
    assert not list(project.rglob("*.rej"))
