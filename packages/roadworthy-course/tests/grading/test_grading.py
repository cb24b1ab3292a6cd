"""A cohort with hostile submissions: every other question is graded rightly, and nothing is left of them."""

import csv
import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import cohort as made
import psutil
import pytest

from roadworthy.base.errors import InputError
from roadworthy_course.grading import cohort_page, grade, inside, one, record, sandbox, submissions

LIMITS = sandbox.Limits(seconds=3)


@pytest.fixture(scope="session")
def bwrap() -> None:
    """Skip where there is no sandbox; in continuous integration that is a failure, unless NO_SANDBOX says so."""
    if os.environ.get("NO_SANDBOX"):
        pytest.skip("NO_SANDBOX is set")
    if not shutil.which(sandbox.TOOL):
        why = "bubblewrap is missing: apt-get install bubblewrap"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project with the small exercise."""
    return made.project(tmp_path / "project")


def assigned(home: Path, *, hidden: bool = True, trusted: bool = False) -> one.Assignment:
    """The exercise, graded by hidden checks that lie inside the project."""
    folder = home / "exercises" / "hidden"
    walls = sandbox.Walls(home, hidden=(folder, home / "submissions", home / "report"), trusted=trusted)
    sandbox.check(walls)
    return grade.assignment(home, "07", walls, LIMITS, folder if hidden else None)


def graded(given: one.Assignment, path: Path) -> dict[str, record.Graded]:
    """The grades of a notebook by question."""
    return {each.question: each for each in one_graded(given, path).questions}


def one_graded(given: one.Assignment, path: Path) -> record.Grades:
    """The grades of a notebook."""
    return one.graded(given, "eve", submissions.read(submissions.Submission("eve", path), given.clean))


@dataclass
class Listener:
    """A port of this machine that counts who connects."""

    port: int
    seen: list[object] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener on the loopback, in this process; it has heard one call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Listener(server.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(server, found), daemon=True)
        thread.start()
        with socket.create_connection(("127.0.0.1", found.port)):
            pass
        while not found.seen:
            thread.join(0.01)
        yield found
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, found: Listener) -> None:
    with suppress(OSError):
        while True:
            connection, address = server.accept()
            found.seen.append(address)
            connection.close()


def running(mark: str) -> list[list[str]]:
    """The commands of processes with this word among their arguments."""
    return [found for each in psutil.process_iter(["cmdline"]) if mark in (found := each.info["cmdline"] or [])]


def files(folder: Path) -> dict[str, bytes]:
    """What stands in a folder, but for the bytecode that the grader's own Python keeps."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@dataclass(frozen=True)
class Done:
    """A cohort that was graded: what was handed in, what came, and what there was before."""

    given: one.Assignment
    hostiles: dict[str, made.Hostile]
    found: list[submissions.Submission]
    grades: list[record.Grades]
    results: Path
    mark: str
    before: dict[str, bytes]
    heard: int

    def of(self, learner: str) -> dict[str, record.Graded]:
        """The questions of a learner."""
        return next({q.question: q for q in each.questions} for each in self.grades if each.learner == learner)

    def points(self, *learners: str) -> list[int]:
        """The points of these learners."""
        return [sum(each.points for each in self.of(learner).values()) for learner in learners]


@pytest.fixture(scope="module")
def done(bwrap: None, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Thirty submissions, graded by hidden checks."""
    del bwrap
    home, results = made.project(tmp_path_factory.mktemp("at") / "project"), tmp_path_factory.mktemp("results")
    mark = f"{os.getpid()}77"
    with listening() as listener:
        hostiles = made.hostile(home, listener.port, mark)
        made.cohort(home / "submissions", hostiles)
        before, given = files(home), assigned(home)
        found = submissions.find(home / "submissions", "07")
        grades = grade.cohort(given, found, results, jobs=2, resume=True, tell=lambda *_: None)
    return Done(given, hostiles, found, grades, results, mark, before, len(listener.seen))


@pytest.mark.slow
def test_each_of_thirty_submissions_is_graded_and_kept(done: Done) -> None:
    assert len(done.found) == len(done.grades) == len(list(done.results.glob("*.json"))) == 30


@pytest.mark.slow
@pytest.mark.parametrize("name", made.HOSTILES)
def test_a_hostile_answer_costs_its_question_alone(done: Done, name: str) -> None:
    of, each = done.of(name), done.hostiles[name]
    assert [(of[q].verdict, of[q].points) for q in ("q1", "q3")] == [("right", 2), ("right", 1)]
    assert of["q2"].verdict in each.verdicts, of["q2"]
    assert each.words in f"{of['q2'].reason} {of['q2'].note}", of["q2"]
    assert of["q2"].points == (each.verdicts == ("right",))


@pytest.mark.slow
def test_nothing_of_hostile_answers_is_left_running_or_written_and_nobody_was_called(done: Done) -> None:
    assert running(done.mark) == []
    assert [path for path in (Path(f"/{done.mark}"), Path(f"/usr/{done.mark}")) if path.exists()] == []
    assert files(done.given.walls.home) == done.before
    assert done.heard == 1  # the fixture's own call


@pytest.mark.slow
def test_notebooks_that_are_changed_or_broken_get_what_they_deserve(done: Done) -> None:
    assert done.points("renamed", "split", "anna", "bert", "square0", "square1", "carla") == [4, 4, 4, 3, 3, 3, 3]
    assert done.points("broken", "empty", "blank") == [0, 0, 0]
    assert {each.verdict for name in ("broken", "empty") for each in done.of(name).values()} == {"missing"}
    assert {each.verdict for each in done.of("blank").values()} == {"blank"}


@pytest.mark.slow
def test_a_value_copied_from_the_visible_data_is_told(done: Done) -> None:
    copied = done.of("known")["q1"]
    assert (copied.points, copied.of) == (1, 2)
    assert "right on the data that learners see" in copied.note


@pytest.mark.slow
def test_nothing_of_hidden_checks_and_solutions_is_told(done: Done) -> None:
    assert made.SECRET not in record.table(done.grades)
    assert made.SECRET.encode() in b"".join(done.before.values())


@pytest.mark.slow
def test_the_same_submissions_give_the_same_csv(done: Done, tmp_path: Path) -> None:
    names = {"loop", "lock", "memory", "burst", "forge", "square1", "blank"}
    some = [each for each in done.found if each.learner in names]
    again = grade.cohort(done.given, some, tmp_path, jobs=1, resume=True, tell=lambda *_: None)
    assert record.table(again) == record.table(each for each in done.grades if each.learner in names)


@pytest.mark.slow
def test_the_pages_show_who_is_stuck_on_what(done: Done, tmp_path: Path) -> None:
    page = cohort_page.write(done.given, done.found, done.grades, tmp_path).read_text(encoding="utf-8")
    assert len(list((tmp_path / "learners").glob("*.html"))) == 30
    assert re.search(r"<td>q1</td><td[^>]*>2</td><td>Is it the square\?</td>", page)
    assert re.search(r"<td>square0, square1</td><td[^>]*>100</td><td>q1</td><td>q1</td>", page)
    learner = (tmp_path / "learners" / "square0.html").read_text(encoding="utf-8")
    assert "q1 Double a number: 1 of 2" in learner
    assert "http" not in learner.replace("http-equiv", "")


@pytest.mark.slow
@pytest.mark.usefixtures("bwrap")
def test_what_was_graded_is_not_graded_again_unless_it_changed(home: Path, tmp_path: Path) -> None:
    given, results = assigned(home), tmp_path / "results"
    folder = home / "submissions"
    for name in ("anna", "bert"):
        made.write(folder / f"{name}.ipynb", made.notebook(made.RIGHT))
    found, told = submissions.find(folder, "07"), list[str]()

    def run() -> list[int]:
        told.clear()
        grades = grade.cohort(given, found, results, jobs=1, resume=True, tell=lambda name, *_: told.append(name))
        return [each.points for each in grades]

    assert (run(), told) == ([4, 4], ["anna", "bert"])
    assert (run(), told) == ([4, 4], [])
    made.write(folder / "bert.ipynb", made.notebook({**made.RIGHT, "q2": "q2 = 'Bob'"}))
    assert (run(), told) == ([4, 3], ["bert"])
    (results / "anna.json").write_text("{", encoding="utf-8")
    assert (run(), told) == ([4, 3], ["anna"])


@pytest.mark.slow
@pytest.mark.usefixtures("bwrap")
def test_an_interrupt_ends_what_runs_and_keeps_what_is_graded(home: Path, tmp_path: Path) -> None:
    folder = home / "submissions"
    made.write(folder / "anna.ipynb", made.notebook(made.RIGHT))
    sleeps = dict.fromkeys(made.RIGHT, "import time\ntime.sleep(3600)")
    made.write(folder / "bert.ipynb", made.notebook(sleeps))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    given, found = assigned(home), submissions.find(folder, "07")
    with pytest.raises(KeyboardInterrupt):
        grade.cohort(given, found, tmp_path / "results", jobs=2, resume=True, tell=interrupted)
    assert [path.stem for path in (tmp_path / "results").glob("*.json")] == ["anna"]
    assert not inside.ALIVE
    assert [each for each in psutil.Process().children(recursive=True) if each.name() == sandbox.TOOL] == []


@pytest.mark.slow
@pytest.mark.usefixtures("bwrap")
def test_a_project_whose_notebook_is_answered_already_grades_nobody(home: Path, tmp_path: Path) -> None:
    made.write(home / "exercises" / "07_toy.ipynb", made.notebook({**made.BLANKS, "q3": made.RIGHT["q3"]}))
    found = [submissions.Submission("anna", made.write(tmp_path / "anna.ipynb", made.notebook(made.BLANKS)))]
    with pytest.raises(InputError, match="should be blank; q3 is right"):
        grade.cohort(assigned(home), found, tmp_path / "results", jobs=1, resume=True, tell=lambda *_: None)


@pytest.mark.slow
def test_trusted_submissions_are_graded_without_a_sandbox_and_leave_nothing_running(home: Path, tmp_path: Path) -> None:
    given, mark = assigned(home, trusted=True), f"{os.getpid()}78"
    hostiles = made.hostile(home, 9, mark)
    for name in ("loop", "exit", "detached"):
        path = made.write(tmp_path / "handed-in.ipynb", made.notebook({**made.RIGHT, "q2": hostiles[name].source}))
        of = graded(given, path)
        assert [of[q].verdict for q in ("q1", "q2", "q3")] == ["right", *hostiles[name].verdicts, "right"]
    assert running(mark) == []
    assert given.walls.told.startswith("Trusted")


def test_without_bubblewrap_it_says_how_to_get_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(InputError, match=r"not installed(.|\n)*apt-get install bubblewrap(.|\n)*--trusted"):
        sandbox.check(sandbox.Walls(home))


def test_elsewhere_than_on_linux_only_trusted_submissions_are_graded(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(InputError, match="no sandbox on this system"):
        sandbox.check(sandbox.Walls(home))
    sandbox.check(sandbox.Walls(home, trusted=True))


def test_a_folder_of_submissions_that_holds_the_project_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(InputError, match="folders of their own"):
        sandbox.check(sandbox.Walls(home, hidden=(home.parent,)))


def test_hidden_checks_that_ask_something_else_are_refused(home: Path) -> None:
    hidden = home / "exercises" / "hidden" / "check_07.py"
    hidden.write_text(hidden.read_text(encoding="utf-8") + "\ndel Q2\n", encoding="utf-8")
    with pytest.raises(InputError, match="of other questions"):
        assigned(home, trusted=True)


def test_hidden_checks_that_do_not_run_are_refused(home: Path) -> None:
    (home / "exercises" / "hidden" / "check_07.py").write_text("1 / 0", encoding="utf-8")
    with pytest.raises(InputError, match="do not run: division by zero"):
        assigned(home, trusted=True)


def test_the_csv_has_a_row_for_each_question_and_a_total(home: Path) -> None:
    given = assigned(home, trusted=True)
    broken = home / "broken.ipynb"
    broken.write_text("[]", encoding="utf-8")
    rows = list(csv.DictReader(record.table([one_graded(given, broken)]).splitlines()))
    assert [(row["question"], row["points"], row["of"]) for row in rows] == [
        ("q1", "0", "2"), ("q2", "0", "1"), ("q3", "0", "1"), ("total", "0", "4")
    ]  # fmt: skip
    assert {row["verdict"] for row in rows} == {"missing", "0 of 3 right"}
    assert json.loads(record.dumped(one_graded(given, broken), "k"))["key"] == "k"
