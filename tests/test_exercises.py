"""Masters become notebooks, the same bytes each time; what is not for learners stays here; the bank is as expected."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Generate
from environments import install
from exercise_notebooks import cells, notebook
from machine import REPOSITORY, TEMPLATE, run

MASTERS = sorted((REPOSITORY / "exercises").glob("[0-9][0-9]_*.py"))
QUESTIONS = REPOSITORY / "packages" / "roadworthy-course" / "src" / "roadworthy_course" / "questions"
ANSWER = re.compile(r"^# %% q\d+ (right|wrong): ", re.MULTILINE)
SMALL = '''"""For authors."""

# %% [markdown]
# # Title
#
# Words.

# %%
x = 1

# %% question="q1"
def q1() -> int:
    # solution begins
    secret = 42
    return secret
    # solution ends
    # learner: return ...

# %%
check("q1")
'''


def sources(text: str) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"]]


def test_the_learner_gets_blanks_and_the_instructor_the_solution() -> None:
    learner, solved = (sources(notebook(SMALL, "s", solved=solved)) for solved in (False, True))
    assert learner == ["# Title\n\nWords.", "x = 1", "def q1() -> int:\n    return ...", 'check("q1")']
    assert solved[2] == "def q1() -> int:\n    secret = 42\n    return secret"
    assert [solved[0], solved[1], solved[3]] == [learner[0], learner[1], learner[3]]


def test_an_answer_cell_names_its_question_and_cells_are_numbered() -> None:
    made = json.loads(notebook(SMALL, "s", solved=False))["cells"]
    assert [cell["id"] for cell in made] == ["s-01", "s-02", "s-03", "s-04"]
    assert made[2]["metadata"] == {"question": "q1", "tags": ["answer"]}


@pytest.mark.parametrize("broken", ["    # solution begins\n", "    # solution ends\n", "    # learner: return ...\n"])
def test_a_master_that_would_show_its_solution_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match="q1: one"):
        notebook(SMALL.replace(broken, ""), "s", solved=False)


def test_a_header_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="question="):
        list(cells("# %% questoin='q1'\n"))


@pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)
def test_no_line_of_a_solution_is_in_the_learners_notebook(master: Path) -> None:
    text = master.read_text(encoding="utf-8")
    learner = "\n".join(sources(notebook(text, master.stem, solved=False)))
    for solution in re.findall(r"# solution begins\n(.*?)# solution ends", text, re.DOTALL):
        lines = [line.strip() for line in solution.splitlines() if len(line.strip()) > 12]
        assert lines
        assert not [line for line in lines if line in learner]


def test_a_project_gets_no_solution_and_nothing_hidden_unless_asked(generate: Generate) -> None:
    learners = [generate({}), generate({})]
    files = {path.relative_to(learners[0]).as_posix() for path in (learners[0] / "exercises").rglob("*")}
    names = [path.stem for path in MASTERS]
    assert files == {f"exercises/{name}.ipynb" for name in names}
    for name in files:
        assert (learners[0] / name).read_bytes() == (learners[1] / name).read_bytes()
    instructor = generate({"solutions": "yes"})
    more = {path.relative_to(instructor).as_posix() for path in (instructor / "exercises").rglob("*.*")} - files
    assert more == {f"exercises/solutions/{name}.ipynb" for name in names}
    for project in (*learners, instructor):
        assert not [path for path in project.rglob("*") if {"hidden", "bank"} & set(path.parts[-3:])]


def test_the_bank_holds_enough_answers() -> None:
    kinds = [
        kind
        for path in (REPOSITORY / "exercises" / "bank").glob("[0-9]*.py")
        for kind in ANSWER.findall(path.read_text("utf-8"))
    ]
    solved = sum(len([cell for cell in cells(master.read_text("utf-8")) if cell.question]) for master in MASTERS)
    assert solved >= 48
    assert kinds.count("wrong") >= 240
    assert kinds.count("right") >= 96


def test_every_exercise_has_its_checks_hints_and_stubs() -> None:
    for master in MASTERS:
        name, number = master.stem, master.stem[:2]
        stubs = {
            f"{name}.ipynb": f'{{{{ cookiecutter | learner_notebook("exercises/{name}.py") }}}}',
            f"solutions/{{% if cookiecutter.solutions == 'yes' %}}{name}.ipynb{{% endif %}}": (
                f'{{{{ cookiecutter | solution_notebook("exercises/{name}.py") }}}}'
            ),
        }
        for stub, text in stubs.items():
            assert (TEMPLATE / "exercises" / stub).read_text(encoding="utf-8") == text
        for file in (QUESTIONS / f"check_{number}.py", QUESTIONS / f"hints_{number}.toml"):
            assert file.is_file()
        assert (REPOSITORY / "exercises" / "hidden" / f"check_{number}.py").is_file()


def test_the_capstone_knows_which_features_are_those_of_the_flights(generate: Generate) -> None:
    project = generate({})
    code = "from flight_delays.contract import CONTRACT; print(*CONTRACT.features.names)"
    path = os.pathsep.join(map(str, (project / "src", project / "vendor")))
    names = run(sys.executable, "-c", code, cwd=project, PYTHONPATH=path).stdout.split()
    source = (project / "vendor" / "roadworthy_course" / "capstone.py").read_text(encoding="utf-8")
    known = re.search(r"^FLIGHTS = frozenset\(\{(.*?)^\}\)", source, re.DOTALL | re.MULTILINE)
    assert known
    assert set(re.findall(r'"(\w+)"', known[1])) == set(names)
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert "flight from New York" in " ".join(readme.split()), "what own_readme of the rubric looks for"


def test_every_section_of_the_capstones_note_is_to_be_filled_in() -> None:
    text = (REPOSITORY / "exercises" / "capstone_note.md").read_text(encoding="utf-8")
    sections = text.split("\n## ")[1:]
    assert len(sections) >= 6
    assert all("FILL IN" in section for section in sections)
    assert any(section.startswith("Red gates and alarms\n") for section in sections)


def test_every_exercise_is_a_story_of_the_backlog() -> None:
    backlog = (TEMPLATE / "docs" / "backlog.md").read_text(encoding="utf-8")
    for master in MASTERS:
        assert f"\n## {master.stem[:2]} " in backlog
        assert f"`roadworthy exercise check {master.stem[:2]}`" in backlog


@pytest.fixture(scope="session")
def with_solutions(generate: Generate) -> tuple[Path, Path]:
    """A project that has the solutions, and the Python it is installed in."""
    project = generate({"solutions": "yes"})
    return project, install(project, "3.11") / "python"


def papermill(project: Path, python: Path, source: str) -> dict[str, dict[str, Any]]:
    """Run a notebook of the project from top to bottom; what its checks noted of each question."""
    folder = project / "runs" / Path(source).with_suffix("").as_posix().replace("/", "-")
    folder.mkdir(parents=True)
    out, noted = folder / "out.ipynb", folder / "progress.json"
    command = [python, "-m", "papermill", "--no-progress-bar", "--cwd", "exercises", source, out]
    run(*map(str, command), cwd=project, minutes=5, EXERCISE_PROGRESS=str(noted), MLE_HOME=str(project))
    return dict(json.loads(noted.read_text(encoding="utf-8"))[Path(source).name[:2]])


@pytest.mark.slow
@pytest.mark.xdist_group("papermill")
@pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)
def test_a_learners_notebook_with_blanks_runs_from_top_to_bottom(
    master: Path, with_solutions: tuple[Path, Path]
) -> None:
    noted = papermill(*with_solutions, f"exercises/{master.stem}.ipynb")
    assert set(noted) == questions(master)
    assert {question for question, each in noted.items() if each["passed"] or each["points"]} == set()


@pytest.mark.slow
@pytest.mark.xdist_group("papermill")
@pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)
def test_a_solution_runs_from_top_to_bottom_and_every_check_passes(
    master: Path, with_solutions: tuple[Path, Path]
) -> None:
    noted = papermill(*with_solutions, f"exercises/solutions/{master.stem}.ipynb")
    assert set(noted) == questions(master)
    assert {question: each["verdict"]["results"] for question, each in noted.items() if not each["passed"]} == {}


def questions(master: Path) -> set[str]:
    """The questions of an exercise."""
    return {cell.question for cell in cells(master.read_text(encoding="utf-8")) if cell.question}
