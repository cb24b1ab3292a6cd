"""A cohort: every submission in a sandbox of its own, some at a time; what was graded before is not graded again."""

import hashlib
import json
import re
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

from roadworthy.base.errors import InputError
from roadworthy.base.files import write_atomic

from .. import checks, exercises, here, notebooks
from . import hidden, inside, one, record, sandbox, submissions
from .one import Assignment
from .record import Grades
from .submissions import Submission

Tell = Callable[[str, int, int], None]


def assignment(
    home: Path, number: str, walls: sandbox.Walls, limits: sandbox.Limits, hidden_in: Path | None
) -> Assignment:
    """What is graded: the clean notebook of the project, its checks, or those of the folder `hidden_in`.

    Raises InputError when one of them is missing or hidden checks are not those of the exercise.
    """
    path = exercises.notebook(home, number)
    number = path.stem[:2]
    visible = checks.questions(here.questions(home) / f"check_{number}.py")
    source = hidden.read(hidden_in, number) if hidden_in else ""
    asked = _hidden(source, here.questions(home), number, hidden_in) if hidden_in else visible
    if list(asked) != list(visible):
        hint = f"they ask {', '.join(asked)}; the exercise asks {', '.join(visible)}"
        raise InputError("the hidden checks are of other questions", where=str(hidden_in), hint=hint)
    return Assignment(number, notebooks.read(path), asked, source, walls, limits)


def prove(given: Assignment) -> None:
    """Run the clean notebook in the sandbox: nothing may stop it, and all of it must be blank; InputError otherwise."""
    with one.Course(given, submissions.Answers(submissions.blanks(given.clean))) as course:
        wrong = [each for name in given.asked if (each := course.graded(name)).verdict != record.BLANK]
    if wrong:
        first = wrong[0]
        hint = "grade with a project whose exercises nobody has touched: restore the notebook from version control"
        what = f"the clean notebook should be blank; {first.question} is {first.verdict}. {first.reason}".strip()
        raise InputError(what, where=f"exercise {given.number}", hint=hint)


def cohort(
    given: Assignment, found: Sequence[Submission], kept: Path, *, jobs: int, resume: bool, tell: Tell
) -> list[Grades]:
    """The grades of all submissions, in their order; each is kept in the folder `kept` as soon as it is there.

    With `resume`, what is kept of the same submission, checks and limits is taken from there. `tell` hears a learner,
    and how many are done.
    """
    common = _common(given)
    keys = {each.learner: _key(common, each) for each in found}
    places = {each.learner: kept / f"{file_name(each.learner)}.json" for each in found}
    done = {
        learner: grades
        for learner, place in places.items()
        if resume and (grades := record.loaded(place, keys[learner])) is not None
    }
    left = [each for each in found if each.learner not in done]
    inside.HALT.clear()
    if left:
        prove(given)
    with closing(_graded(given, left, jobs)) as graded:
        for grades in graded:
            learner = grades.learner
            write_atomic(places[learner], record.dumped(grades, keys[learner]))
            done[learner] = grades
            tell(learner, len(done), len(found))
    return [done[each.learner] for each in found]


def file_name(learner: str) -> str:
    """A learner's name as that of a file on any system; two learners never share one."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", learner).strip("-")[:60]
    same = plain == learner and plain == plain.lower()
    return plain if same else f"{plain}-{hashlib.sha256(learner.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _graded(given: Assignment, left: Sequence[Submission], jobs: int) -> Generator[Grades, None, None]:
    # Each process is started and ended by the same thread: bubblewrap's ends with the thread that has started it.
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="grading")
    # Read before, in one thread: Python 3.11 loses count of its depth when two threads parse at a time.
    answers = [(each.learner, submissions.read(each, given.clean)) for each in left]
    futures = [pool.submit(one.graded, given, *each) for each in answers]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        inside.end_all()
        raise
    pool.shutdown()


def _hidden(source: str, folder: Path, number: str, given: Path | None) -> hidden.Questions:
    try:
        return hidden.questions(source, folder, number)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"the hidden checks do not run: {error}", where=str(given), hint="correct them") from error


def _common(given: Assignment) -> str:
    """What the grades of all submissions depend on, as a sum."""
    package = Path(__file__).parents[1]
    exercise = here.questions(given.walls.home) / f"check_{given.number}.py"
    files = [exercise, *sorted(package.glob("*.py")), *sorted((package / "grading").glob("*.py"))]
    limits = asdict(replace(given.limits, processes=0))  # follows the machine
    about = json.dumps([given.number, given.clean, given.source, limits, given.walls.trusted], sort_keys=True)
    sums = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return hashlib.sha256("\n".join([about, *sums]).encode()).hexdigest()


def _key(common: str, submission: Submission) -> str:
    content = submission.path.read_bytes() if submission.path and submission.path.is_file() else b""
    return hashlib.sha256(common.encode() + bool(submission.path).to_bytes() + content).hexdigest()
