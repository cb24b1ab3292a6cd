"""A run of small lessons: order, parameters, key figures, failures, going on after them."""

import json
import re
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from called import call
from lessons_made import command, make_project, record, write_lesson
from roadworthy.base.errors import InputError
from roadworthy.notebooks import lessons, runs
from roadworthy.notebooks.kernels import Kernel, NotebookFailure, execute_notebook
from sample import REPOSITORY

FIGURES = "from roadworthy import record\nrecord(rows=rows, auc=0.71)"
WAIT_FOR_OTHER = """
import pathlib, time
pathlib.Path("{mine}").touch()
end = time.monotonic() + 60
while not pathlib.Path("{other}").exists():
    assert time.monotonic() < end, "ran alone"
    time.sleep(0.05)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project whose path has what breaks careless code: a blank, braces, an umlaut."""
    return make_project(tmp_path / "my {Projekt} ü")


def execute_one(
    home: Path, *sources: str, parameters: str = "", **given: object
) -> tuple[NotebookFailure | None, Path]:
    """Execute a lesson of these cells."""
    source = write_lesson(home, "00_one", *sources, parameters=parameters)
    target = home / "done.ipynb"
    failure = execute_notebook(source, target, given, home=home, kernel=Kernel(), tell=lambda *_: None)
    return failure, target


def outputs(notebook: Path) -> list[str]:
    """All text that the code cells of a notebook have printed."""
    return [output.get("text", "") for cell in nbformat.read(notebook, 4).cells for output in cell.get("outputs", ())]


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, int]:
    """A run that stopped at its second lesson of three, what it said and its exit code."""
    home = make_project(tmp_path_factory.mktemp("failed"))
    write_lesson(home, "00_good", FIGURES, parameters="rows = 10  # from 1 to 100: how many")
    write_lesson(home, "01_bad", "x = 1", "def ask(x):\n    raise ValueError('no <such> thing')\n\nask(x)", "y = 2")
    write_lesson(home, "02_after", "x = 1")
    (home / "reports" / "data of 2013").mkdir(parents=True)
    (home / "reports" / "data of 2013" / "index.html").write_text("a report")
    done = command(home, "run", "-p", "rows", "20")
    return home, done.stderr, done.returncode


def test_a_failing_cell_ends_the_run_with_lesson_cell_and_error_named(failed: tuple[Path, str, int]) -> None:
    _, said, code = failed
    assert code == 1
    assert "lesson 01_bad, cell 3: ValueError: no <such> thing" in said
    assert "def ask(x):" in said
    assert "run --resume" in said
    assert "Traceback" not in said


def test_the_record_of_a_run_has_parameters_key_figures_and_states(failed: tuple[Path, str, int]) -> None:
    steps = record(failed[0])
    assert [steps[name]["state"] for name in ("00_good", "01_bad", "02_after")] == ["done", "failed", "waiting"]
    assert steps["00_good"]["parameters"] == {"rows": 20}
    assert steps["00_good"]["figures"] == {"rows": 20, "auc": 0.71}


def test_the_page_of_a_run_shows_what_failed_and_links_to_the_notebooks(failed: tuple[Path, str, int]) -> None:
    folder = next((failed[0] / "runs").glob("*/"))
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "no &lt;such&gt; thing" in page
    assert '<span class="badge bad">bad</span>' in page
    assert "0.71" in page
    links = re.findall(r'<a href="([^"#]+)"', page)
    assert len(links) == 3, "two notebooks and a report"
    assert all((folder / unquote(link)).is_file() for link in links)


def test_the_partial_notebook_keeps_what_was_done_before_the_failure(failed: tuple[Path, str, int]) -> None:
    folder = next((failed[0] / "runs").glob("*/"))
    cells = nbformat.read(folder / "01_bad.ipynb", 4).cells
    done = {cell.source: cell.execution_count for cell in cells if cell.cell_type == "code"}
    assert done["x = 1"] == 1
    assert done["y = 2"] is None
    assert not (folder / "02_after.ipynb").exists()


@pytest.mark.slow
def test_resume_goes_on_with_the_lessons_that_are_not_done(failed: tuple[Path, str, int]) -> None:
    home = failed[0]
    folder = next((home / "runs").glob("*/"))
    before = (folder / "00_good.ipynb").read_bytes()
    write_lesson(home, "01_bad", "x = 1")
    done = command(home, "run", "--resume")
    assert done.returncode == 0, done.stderr
    assert len(list((home / "runs").glob("*/"))) == 1
    assert {step["state"] for step in record(home).values()} == {"done"}
    assert record(home)["00_good"]["parameters"] == {"rows": 20}
    assert (folder / "00_good.ipynb").read_bytes() == before


def plan(home: Path, *given: tuple[str, str], resume: bool = False) -> runs.Run:
    """A plan for all lessons of the project."""
    return runs.plan_run(home, home / "runs", (), given, resume=resume, data=[home / "data" / "2013" / "SHA256SUMS"])


def finish(run: runs.Run) -> None:
    """Pretend that everything was executed."""
    for step in run.steps:
        step.state = runs.DONE
    run.save()


@pytest.mark.parametrize("changed", ["lesson", "settings", "sums", "environment", "parameter"])
def test_resume_repeats_from_the_first_lesson_whose_inputs_changed(
    home: Path, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("00_a", "01_b", "02_c"):
        write_lesson(home, name, "x = 1", parameters="rows = 1" if name == "01_b" else "")
    (home / "data" / "2013").mkdir(parents=True)
    (home / "data" / "2013" / "SHA256SUMS").write_text("0  flights.parquet\n")
    finish(plan(home))
    given: tuple[tuple[str, str], ...] = ()
    if changed == "lesson":
        write_lesson(home, "01_b", "x = 2", parameters="rows = 1")
    elif changed == "settings":
        (home / "config.toml").write_text((home / "config.toml").read_text() + "\n")
    elif changed == "sums":
        (home / "data" / "2013" / "SHA256SUMS").write_text("1  flights.parquet\n")
    elif changed == "environment":
        monkeypatch.setenv("MLE_MODEL__SEED", "7")
    else:
        given = (("rows", "2"),)
    states = [step.state for step in plan(home, *given, resume=True).steps]
    one, every = ["done", "waiting", "waiting"], ["waiting"] * 3
    assert states == (one if changed in {"lesson", "parameter"} else every)


def test_a_run_knows_the_snapshots_of_the_settings_wherever_they_are(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    text = (home / "config.toml").read_text(encoding="utf-8")
    (home / "config.toml").write_text(text.replace("data/2013", "tables/of/line-a"), encoding="utf-8")
    (home / "tables" / "of" / "line-a").mkdir(parents=True)
    monkeypatch.setenv("MLE_HOME", str(home))
    write_lesson(home, "00_a", "x = 1")
    planned: list[runs.Run] = []
    monkeypatch.setattr(runs.Runner, "execute", lambda self, _: planned.append(self.run))
    for sums in ("0  parts.parquet\n", "1  parts.parquet\n"):
        (home / "tables" / "of" / "line-a" / "SHA256SUMS").write_text(sums, encoding="utf-8")
        assert call(monkeypatch, capfd, "run").code == 0
    assert planned[0].steps[0].inputs != planned[1].steps[0].inputs


def test_no_lesson_names_a_snapshot() -> None:
    # The lessons are the same in every project, its snapshots are called as in its config.toml.
    for lesson in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        code = "\n".join(cell.source for cell in lessons.code_cells(lesson))
        assert not re.findall(r"""(?:connect|features)\("\d+"|snapshots?=?\(?\s*=?\s*\(?"\d+\"""", code), lesson
        if default := lessons.lesson_parameters(lesson).get("snapshot"):
            assert default.default == "", lesson


def test_resume_keeps_a_lesson_whose_outputs_alone_changed(home: Path) -> None:
    path = write_lesson(home, "00_a", "print(1)")
    finish(plan(home))
    document = json.loads(path.read_text())
    document["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1\n"}]
    path.write_text(json.dumps(document))
    assert plan(home, resume=True).complete


def test_resume_without_a_run_says_what_to_do(home: Path) -> None:
    write_lesson(home, "00_a", "x = 1")
    with pytest.raises(InputError, match="there is no run to go on with") as error:
        plan(home, resume=True)
    assert "without --resume" in str(error.value)


def test_lessons_are_chosen_by_the_beginning_of_their_names(home: Path) -> None:
    for name in ("02_c", "00_a", "01_b"):
        write_lesson(home, name)
    write_lesson(home, "scratch")
    assert [path.stem for path in lessons.choose_lessons(home / "notebooks")] == ["00_a", "01_b", "02_c"]
    assert [path.stem for path in lessons.choose_lessons(home / "notebooks", ["01", "00_a"])] == ["00_a", "01_b"]


def test_a_damaged_notebook_is_named(home: Path) -> None:
    write_lesson(home, "00_a").write_text("{ half a notebook")
    with pytest.raises(InputError, match=r"00_a\.ipynb: is no notebook"):
        plan(home)


def test_a_lesson_runs_in_its_folder_with_this_interpreter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = home / "share" / "kernels" / "python3"
    elsewhere.mkdir(parents=True)
    spec = {"argv": ["no-such-python", "-f", "{connection_file}"], "display_name": "other", "language": "python"}
    (elsewhere / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(home / "share"))
    asked = "import os, sys\nprint(os.getcwd(), sys.executable, os.environ['MLE_HOME'], sep='\\n')"
    failure, target = execute_one(home, asked)
    assert failure is None
    assert outputs(target)[0].split("\n")[:3] == [str(home / "notebooks"), sys.executable, str(home)]


def test_the_cell_with_the_given_parameters_is_not_counted(home: Path) -> None:
    failure, target = execute_one(home, "assert rows == 2", "1 / 0", parameters="rows = 1", rows=2)
    assert failure
    assert failure.cell == 3
    assert failure.error.startswith("ZeroDivisionError")
    assert lessons.key_figures(target) == {}


@pytest.mark.slow
def test_two_jobs_run_beside_each_other_but_wait_for_the_training(home: Path) -> None:
    write_lesson(home, "02_training", "import pathlib, time\ntime.sleep(1)\npathlib.Path('trained').touch()")
    for mine, other in (("a", "b"), ("b", "a")):
        needed = "import pathlib\nassert pathlib.Path('trained').exists()"
        write_lesson(home, f"03_{mine}", needed, WAIT_FOR_OTHER.format(mine=mine, other=other))
    run = runs.Runner(plan(home), home, jobs=2).execute(lambda *_: None)
    assert run.complete, run


def test_a_lesson_over_its_limit_is_ended_and_the_run_goes_red(home: Path) -> None:
    write_lesson(home, "00_a", "import time\ntime.sleep(60)")
    begun = time.monotonic()
    run = runs.Runner(plan(home), home, limit=4).execute(lambda *_: None)
    assert time.monotonic() - begun < 30
    assert run.failed
    assert run.failed.failure
    assert "longer than the limit of 4 seconds" in run.failed.failure["error"]
