"""What a cohort's grades say: a page for each learner, and one that shows who is stuck where, and on what."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from roadworthy.reports import charts
from roadworthy.reports.pages import Link, Section, write_page

from ..checks import Result
from . import record, similar, submissions
from .grade import file_name
from .one import Assignment
from .record import Graded, Grades
from .submissions import Submission

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 40  # learners in one figure
MOST = 25  # rows of a table of misconceptions or pairs
LONGEST = 4_000  # characters of an answer that are shown
COLORS = {record.RIGHT: "good", record.PARTLY: "begun", record.BLANK: "open", record.MISSING: "open"}
ALIKE = (
    "Pairs whose answers are alike after names, comments and layout are taken away, without what more than half of the "
    "cohort writes. Wrong answers in common say more than right ones. It is a reason to talk, not a proof."
)


def write(given: Assignment, found: Sequence[Submission], cohort: Sequence[Grades], folder: Path) -> Path:
    """Write all pages into `folder`; returns that of the cohort."""
    answers = {each.learner: submissions.read(each, given.clean).sources for each in found}
    pages = {grades.learner: _learner(grades, answers[grades.learner], folder) for grades in cohort}
    sections = [
        Section("Who is stuck where", "Points of each question, the best submission first.", figures=_heat(cohort)),
        Section("Questions by difficulty", table=_difficulty(cohort)),
        _misconceptions(cohort),
        _to_look_at(cohort),
        _alike(given, cohort, answers),
        Section("Learners", table=_learners(cohort, pages, folder)),
        Section("How it was graded", _how(given)),
    ]
    points = sorted(grades.points for grades in cohort)
    lead = f"{len(cohort)} submissions, {cohort[0].of} points at most, {points[len(points) // 2]} in the middle"
    return write_page(folder / "index.html", f"Exercise {given.number}: the cohort", sections, lead=lead)


def _learner(grades: Grades, answers: Mapping[str, str], folder: Path) -> Path:
    sections = [_question(each, answers.get(each.question, "")) for each in grades.questions]
    lead = f"{grades.points} of {grades.of} points"
    if grades.problem or grades.notes:
        told = "\n\n".join(filter(None, (grades.problem, *grades.notes)))
        sections = [Section("The notebook", told, status="bad" if grades.problem else ""), *sections]
    path = folder / "learners" / f"{file_name(grades.learner)}.html"
    return write_page(path, f"{grades.learner}: exercise {grades.exercise}", sections, lead=lead)


def _question(each: Graded, answer: str) -> Section:
    heading = f"{each.question} {each.title}: {each.points} of {each.of}"
    if each.verdict == record.BLANK:
        return Section(heading, "Not answered.", status="bad")
    checked = each.results and not each.reason.startswith(record.HALTED)
    words = ["" if checked else each.reason, each.note]
    text = "\n\n".join(word[:1].upper() + word[1:] for word in words if word)
    table = pd.DataFrame(list(_checked(each.results))) if checked else None
    code = answer[:LONGEST] + (" …" if len(answer) > LONGEST else "")
    return Section(heading, text, table, status="good" if each.verdict == record.RIGHT else "bad", code=code)


def _checked(results: Sequence[Result]) -> Iterator[dict[str, str]]:
    """A row for each check; a fault of several checks is told once, and nothing is told of right ones."""
    told: set[tuple[str, ...]] = set()
    for result in results:
        fault = (result.expected, result.came, result.cause)
        said = ("", "as above", "") if fault in told else fault
        told |= set() if result.passed else {fault}
        row = {"status": "good" if result.passed else "bad", "check": result.claim}
        wrong = dict(zip(("expected", "came", "likely cause"), said, strict=True))
        yield row if all(each.passed for each in results) else {**row, **wrong}


def _heat(cohort: Sequence[Grades]) -> "tuple[Figure, ...]":
    ordered = sorted(cohort, key=lambda grades: (-grades.points, grades.learner))
    parts = [ordered[at : at + ROWS] for at in range(0, len(ordered), ROWS)]
    title = "green: right, orange: partly, red: wrong or stopped, grey: no answer"
    return tuple(charts.tiles({each.learner[:30]: _tiles(each) for each in part}, title=title) for part in parts)


def _tiles(grades: Grades) -> list[tuple[str, str]]:
    return [(f"{q.question} {q.points}/{q.of}", COLORS.get(q.verdict, "bad")) for q in grades.questions]


def _difficulty(cohort: Sequence[Grades]) -> pd.DataFrame:
    rows = []
    for asked in zip(*(grades.questions for grades in cohort), strict=True):
        count = Counter(each.verdict for each in asked)
        share = sum(each.points for each in asked) / max(sum(each.of for each in asked), 1)
        verdicts = (record.RIGHT, record.PARTLY, record.WRONG, record.STOPPED, record.BLANK)
        counts = {verdict: count[verdict] for verdict in verdicts}
        rows.append({"question": f"{asked[0].question} {asked[0].title}", "points in %": round(100 * share), **counts})
    return pd.DataFrame(rows).sort_values("points in %", kind="stable", ignore_index=True)


def _misconceptions(cohort: Sequence[Grades]) -> Section:
    count: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], Result] = {}
    for grades in cohort:
        for key, result in _causes(grades):
            count[key] += 1
            example.setdefault(key, result)
    rows = [
        {"question": q, "learners": n, "likely cause": cause, "one of them": example[q, cause].came}
        for (q, cause), n in sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]
    ]
    text = "What the checks take for the cause, by the number of learners." if rows else "There are none."
    return Section("Commonest misconceptions", text, pd.DataFrame(rows) if rows else None)


def _causes(grades: Grades) -> Iterator[tuple[tuple[str, str], Result]]:
    """Each cause once for a question, however many checks name it."""
    for each in grades.questions:
        if each.verdict in {record.PARTLY, record.WRONG} and not each.reason.startswith(record.HALTED):
            wrong = {result.cause: result for result in reversed(each.results) if not result.passed}
            for cause, result in wrong.items():
                yield (each.question, cause), result


def _to_look_at(cohort: Sequence[Grades]) -> Section:
    rows = []
    for grades in cohort:
        rows += [{"learner": grades.learner, "question": "", "what": each} for each in (grades.problem, *grades.notes)]
        for each in grades.questions:
            unusual = each.verdict in {record.STOPPED, record.TAMPERED} or each.reason.startswith(record.HALTED)
            told = (each.reason if unusual else "", each.note)
            rows += [{"learner": grades.learner, "question": each.question, "what": what} for what in told]
    shown = pd.DataFrame([row for row in rows if row["what"]])
    text = "" if len(shown) else "Nothing."
    return Section("To look at", text, shown if len(shown) else None)


def _alike(given: Assignment, cohort: Sequence[Grades], answers: Mapping[str, Mapping[str, str]]) -> Section:
    blanks = submissions.blanks(given.clean)
    own = {
        learner: {question: source for question, source in of.items() if source != blanks.get(question)}
        for learner, of in answers.items()
    }
    wrong = {grades.learner: {q.question for q in grades.questions if q.verdict != record.RIGHT} for grades in cohort}
    rows = [
        {
            "learners": f"{pair.first}, {pair.second}",
            "alike in %": round(100 * pair.alike),
            "questions": ", ".join(pair.questions),
            "wrong in both": ", ".join(pair.wrong),
        }
        for pair in similar.pairs(own, wrong)[:MOST]
    ]
    return Section("Similar submissions", ALIKE if rows else "None.", pd.DataFrame(rows) if rows else None)


def _learners(cohort: Sequence[Grades], pages: Mapping[str, Path], folder: Path) -> pd.DataFrame:
    rows = [
        {
            "learner": Link(grades.learner, pages[grades.learner].relative_to(folder).as_posix()),
            "points": grades.points,
            "right": sum(each.verdict == record.RIGHT for each in grades.questions),
            "open": ", ".join(each.question for each in grades.questions if each.verdict != record.RIGHT),
        }
        for grades in cohort
    ]
    return pd.DataFrame(rows)


def _how(given: Assignment) -> str:
    limits = given.limits
    checks = "hidden checks, on data that learners do not see" if given.source else "the checks that learners have"
    return (
        f"By {checks}. Each answer in the clean notebook, question by question: {limits.seconds:g} s for its cell and "
        f"as many for its checks, {limits.memory >> 20:,} MB of memory, {limits.file >> 20} MB for a file.\n\n"
        f"{given.walls.told}."
    )
