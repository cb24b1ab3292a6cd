"""One submission: its answers in the clean notebook, run in the sandbox, question by question.

A question whose answer has to be stopped costs that question: the process is started anew without that answer, the
earlier ones are run again without their checks, and the later ones still count.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from roadworthy.base.errors import InputError

from .. import checks, notebooks
from . import record, sandbox, submissions
from .hidden import Questions
from .inside import Inside, Stopped
from .record import Graded, Grades

CHECK = re.compile(r"\s*check\(")
UNDEFINED = re.compile(r"NameError: name '(\w+)' is not defined")


@dataclass(frozen=True)
class Assignment:
    """What all submissions of an exercise have in common; `source`: the hidden checks as text, '' without them."""

    number: str
    clean: Mapping[str, Any]
    asked: Questions
    source: str
    walls: sandbox.Walls
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)

    def missing(self, name: str, reason: str) -> Graded:
        """No points for a question that nothing answers."""
        return self.graded(name, record.MISSING, reason)

    def graded(self, name: str, verdict: str, reason: str) -> Graded:
        """No points for a question, for a reason."""
        asked = self.asked[name]
        return Graded(name, checks.title(asked), 0, len(checks.claims(asked)), verdict, record.plain(reason))


@dataclass(frozen=True)
class Cell:
    """A code cell of the notebook as it is run; the question that it answers, if it does."""

    source: str
    question: str = ""


def graded(assignment: Assignment, learner: str, found: submissions.Answers) -> Grades:
    """The grades of what was found in a submission, whatever it does."""
    if found.problem:
        questions = tuple(assignment.missing(name, found.problem) for name in assignment.asked)
    else:
        with Course(assignment, found) as course:
            questions = tuple(course.graded(name) for name in assignment.asked)
    problem = found.problem and record.plain(found.problem)
    return Grades(learner, assignment.number, questions, problem, found.notes)


class Course:
    """The run of a submission through its questions, in as many processes as it takes."""

    def __init__(self, assignment: Assignment, found: submissions.Answers) -> None:
        """Nothing is started yet."""
        self.assignment, self.found = assignment, found
        self.cells = _cells(notebooks.rebuilt(assignment.clean, found.sources))
        self.blanks = {cell.question: cell for cell in _cells(assignment.clean) if cell.question}
        self.disabled: set[str] = set()
        self.inside: Inside | None = None
        self.at = 0  # cells that this process has run
        self.running = ""
        self.errors: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Nothing to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.stop()

    def stop(self) -> None:
        """End the process; the next question starts another one."""
        if self.inside:
            self.inside.end()
        self.inside, self.at = None, 0

    def graded(self, name: str) -> Graded:
        """The grade of a question."""
        if name not in self.found.sources:
            return self.assignment.missing(name, "no cell answers it")
        try:
            self._run_to(name)
            said = self._judged(name, self.assignment.source)
        except Stopped as stopped:
            self._disable(name)
            return self.assignment.graded(name, record.STOPPED, str(stopped))
        if said["changed"]:
            self._disable(name)
            reason = f"it changed what judges it: {', '.join(map(str, said['changed'][:3]))}"
            return self.assignment.graded(name, record.TAMPERED, reason)
        result = self._explained(name, said["verdict"])
        if said["threads"] > 0:  # it would take time from the other questions
            self._disable(name)
            result = replace(result, note=result.note or "it left a thread running, which was ended")
        return result

    def _run_to(self, name: str) -> None:
        """Run the cells up to the answer; an earlier answer that stops the process now is left out as well."""
        while True:
            try:
                self._run_cells(name)
            except Stopped:
                if self.running in {name, "", *self.disabled}:
                    raise
                self._disable(self.running)
            else:
                return

    def _run_cells(self, name: str) -> None:
        inside = self._started()
        last = [cell.question for cell in self.cells].index(name)
        for number in range(self.at, last + 1):
            cell = self.cells[number]
            cell = self.blanks[cell.question] if cell.question in self.disabled else cell
            self.running = cell.question or self.running
            named = cell.question or f"cell {number + 1}"
            said = inside.ask("run", self.assignment.limits.seconds, name=named, source=cell.source)
            inside.sweep()
            self.errors[cell.question] = str(said["error"])
            self.at = number + 1

    def _judged(self, name: str, source: str) -> dict[str, Any]:
        inside, limits = self._started(), self.assignment.limits
        changed = inside.ask("prepare", limits.start, question=name, source=source)["changed"]
        if changed:
            return {"changed": changed, "threads": 0}
        said = inside.ask("judged", limits.seconds, question=name)
        inside.sweep()
        verdict = _verdict(said["verdict"], self.assignment.asked[name])
        return {**said, "verdict": verdict}

    def _explained(self, name: str, verdict: checks.Verdict) -> Graded:
        """The verdict as a grade, with the likely cause that only the whole notebook shows."""
        words = record.BLANK if verdict.blank else record.WRONG if not verdict.points else record.PARTLY
        if verdict.passed:
            return _of(verdict, record.RIGHT, "")
        stopped = self.errors.get(name, "")
        reason = f"{record.HALTED}: {stopped}" if stopped else verdict.message
        note = ""
        helper = UNDEFINED.search(reason)
        if helper and helper[1] in self.found.elsewhere:
            note = f"{helper[1]} is defined in another cell: only the cell of the answer is graded"
        elif self.assignment.source and not verdict.blank and not stopped and self._right_where_seen(name):
            note = "right on the data that learners see: is a value written in that only holds there?"
        return _of(verdict, words, reason, note)

    def _right_where_seen(self, name: str) -> bool:
        try:
            said = self._judged(name, "")
            return not said["changed"] and bool(said["verdict"].passed)
        except Stopped:
            self._disable(name)
            return False

    def _disable(self, name: str) -> None:
        self.disabled.add(name)
        self.stop()

    def _started(self) -> Inside:
        if not self.inside:
            self.running, self.at = "", 0
            self.inside = started(self.assignment)
        return self.inside


def started(assignment: Assignment) -> Inside:
    """A process that has imported the checks; InputError when two do not get so far: no answer has been run yet."""
    for _ in range(2):
        inside = Inside(assignment.walls, assignment.limits)
        try:
            inside.begin(assignment.number)
        except Stopped as stopped:
            inside.end()
            what = f"the process does not start: {stopped} {' '.join(inside.said)[-500:]}"
        except BaseException:
            inside.end()
            raise
        else:
            return inside
    hint = "as root, the project and its Python must be readable for all; or grade as an ordinary user"
    raise InputError(what, where="grade", hint=hint)


def _verdict(said: Mapping[str, Any], asked: type[checks.Question]) -> checks.Verdict:
    """The verdict that came; Stopped when it is not one of this question's checks."""
    try:
        verdict = checks.from_dict(said)
        if [result.claim for result in verdict.results] == checks.claims(asked):
            return verdict
    except (TypeError, KeyError, ValueError, AttributeError):
        pass
    raise Stopped("what came is no verdict of these checks")


def _of(verdict: checks.Verdict, words: str, reason: str, note: str = "") -> Graded:
    results = tuple(
        checks.Result(each.claim, *map(record.plain, (each.expected, each.came, each.cause)))
        for each in verdict.results
    )
    points = 0 if verdict.blank else verdict.points
    return Graded(
        verdict.question, verdict.title, points, len(results), words, record.plain(reason), results, note
    )  # fmt: skip


def _cells(notebook: Mapping[str, Any]) -> list[Cell]:
    """The code cells but the checks, which the grader runs itself."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [
        Cell(str(cell["source"]), str(cell["metadata"].get("question", "")))
        for cell in code
        if "answer" in cell["metadata"].get("tags", ()) or not CHECK.match(cell["source"])
    ]
