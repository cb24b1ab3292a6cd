"""A question, the independent checks of an answer to it, and the verdict.

A question is a class: its docstring is the title, its constructor takes a seed and the learner's names (`q1`), which
are looked up in the notebook, and each method `check_...` is one check, whose docstring is what it claims. Everything
is done again for each of the `seeds`, so that an answer copied from an output fails. A check that finds a mistake
raises `Fault`; one that the constructor raises holds for all checks. A constructor or a `prepare` that has an argument
`project` is given the project, whose data it reads; for the others none is opened.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, ClassVar

from roadworthy.base.errors import InputError
from roadworthy.project import Project

BLANK = "not answered yet: replace ... by your answer"
LONGEST = 400  # characters of what came that are shown
OURS = ("seed", "project")  # arguments of a question that are no names of the notebook
Opens = Callable[[], Project]


class Fault(Exception):  # noqa: N818 - it is the learner's, not the program's
    """What is wrong with an answer: what was expected, what came, and the likely cause, in the learner's terms."""

    def __init__(self, *, expected: str, came: str, cause: str) -> None:
        """Sentences without a full stop; a long `came` is cut."""
        self.expected, self.came, self.cause = expected, came[:LONGEST], cause
        super().__init__(f"expected {expected}; {self.came} came. {cause}")


class NotAnsweredError(Exception):
    """The learner's function returns `...`."""


class Question:
    """The base of all questions; see the module."""

    seeds: ClassVar[tuple[int, ...]] = (1, 2)

    @staticmethod
    def prepare(*given: Any) -> object:
        """Read or draw what a check needs, by its seed, before the learner waits for it: when a notebook begins."""
        return given


@dataclass(frozen=True)
class Result:
    """What one check says: its claim, and the fault as expected, came, cause; none of them when it is right."""

    claim: str
    expected: str = ""
    came: str = ""
    cause: str = ""

    @property
    def passed(self) -> bool:
        """Whether the answer is right in this respect."""
        return not self.expected

    @property
    def lines(self) -> list[str]:
        """For people."""
        if self.passed:
            return [f"  right    {self.claim}"]
        told = {"expected": self.expected, "came": self.came, "cause": self.cause}
        return [f"  not yet  {self.claim}", *(f"    {name:9}{text}" for name, text in told.items())]


@dataclass(frozen=True)
class Verdict:
    """What all checks of a question say; `blank` when there is no answer yet."""

    question: str
    title: str
    results: tuple[Result, ...]
    blank: bool = False

    @property
    def passed(self) -> bool:
        """Whether all checks are right."""
        return self.points == len(self.results)

    @property
    def points(self) -> int:
        """How many checks are right."""
        return sum(result.passed for result in self.results) if not self.blank else 0

    @property
    def message(self) -> str:
        """The first fault in a sentence; empty when there is none."""
        wrong = [result for result in self.results if not result.passed]
        if self.blank or not wrong:
            return BLANK if self.blank else ""
        return f"expected {wrong[0].expected}; {wrong[0].came} came. {wrong[0].cause}"

    def __repr__(self) -> str:
        """The verdict as a notebook and a terminal show it; one fault of several checks is told once."""
        if self.blank:
            return f"{self.question}: {BLANK}"
        head = f"{self.question}: {'right' if self.passed else 'not yet'}, {self.points} of {len(self.results)} checks"
        return "\n".join([head, *(line for shown in self._shown() for line in shown.lines)])

    def _shown(self) -> Iterator[Result]:
        told = set()
        for result in self.results:
            fault = (result.expected, result.came, result.cause)
            if result.passed or fault not in told:
                yield result
            told.add(fault)


def prepare(question: type[Question], opens: Opens) -> None:
    """Read or draw what the checks of a question need; `opens` gives the project."""
    # By position: what is kept of a cached function is found again only when its arguments are given alike.
    project = _project(question.prepare, opens).values()
    for seed in question.seeds:
        question.prepare(*project, seed)


def judge(name: str, question: type[Question], names: Mapping[str, object], opens: Opens) -> Verdict:
    """Check the answer to a question, found among the `names` of a notebook; whatever it does is told, not raised.

    `opens` gives the project, if the question needs it. Writes nothing: a grader calls it as the notebook does.
    """
    methods = _methods(question)
    asked = [key for key in inspect.signature(question).parameters if key not in OURS]

    def verdict(faults: Sequence[Fault | None], *, blank: bool = False) -> Verdict:
        results = [_result(claim, fault) for claim, fault in zip(claims(question), faults, strict=True)]
        return Verdict(name, title(question), tuple(results), blank=blank)

    missing = [key for key in asked if key not in names]
    if missing:
        fault = Fault(
            expected=f"a value with the name {missing[0]}",
            came="nothing of that name",
            cause="Was the answer's cell run, did it stop with an error, or was the name changed?",
        )
        return verdict([fault] * len(methods))
    empty: list[Fault | None] = [Fault(expected="an answer", came="...", cause=BLANK)] * len(methods)
    if any(names[key] is ... for key in asked):
        return verdict(empty, blank=True)
    given = {**_project(question, opens), **{key: names[key] for key in asked}}
    try:
        found = [_once(question, seed, methods, given) for seed in question.seeds]
    except NotAnsweredError:
        return verdict(empty, blank=True)
    return verdict([next((fault for fault in faults if fault), None) for faults in zip(*found, strict=True)])


def title(question: type[Question]) -> str:
    """What the question is about."""
    return _first_line(question)


def claims(question: type[Question]) -> list[str]:
    """What each check of the question claims of a right answer."""
    return [_first_line(method) for method in _methods(question).values()]


def from_dict(kept: Mapping[str, Any]) -> Verdict:
    """The verdict that `dataclasses.asdict` has made a dictionary of."""
    return Verdict(**{**kept, "results": tuple(Result(**result) for result in kept["results"])})


def questions(path: Path) -> dict[str, type[Question]]:
    """The questions of a file of checks by name (q1 for the class Q1), in order; InputError when there is none."""
    if not path.is_file():
        raise InputError("no such file", where=path, hint="restore it from version control")
    return dict(_loaded(path, path.stat().st_mtime_ns))


def on_other_data(path: Path, seeds: tuple[int, ...]) -> dict[str, type[Question]]:
    """The questions of a file of checks with other seeds, by the names of their classes, for hidden checks."""
    return {
        name.upper(): type(name.upper(), (each,), {"__doc__": each.__doc__, "seeds": seeds})
        for name, each in questions(path).items()
    }


@cache
def _loaded(path: Path, changed: int) -> tuple[tuple[str, type[Question]], ...]:
    # Once for each state of the file: what it has read and calculated is kept for the next check.
    del changed
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None  # noqa: S101 - a path that ends in .py always has one
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {name.lower(): each for name, each in vars(module).items() if re.fullmatch(r"Q\d+", name)}
    return tuple(sorted(found.items(), key=lambda pair: int(pair[0][1:])))


def _project(function: Callable[..., object], opens: Opens) -> dict[str, Project]:
    return {"project": opens()} if "project" in inspect.signature(function).parameters else {}


def _once(
    question: type[Question], seed: int, methods: Mapping[str, Any], given: Mapping[str, object]
) -> list[Fault | None]:
    construct: Any = question
    try:
        asked = construct(seed=seed, **given)
    except NotAnsweredError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the learner's answer does is told, not raised
        return [_fault(error)] * len(methods)
    return [_tried(method, asked) for method in methods.values()]


def _tried(method: Any, asked: Question) -> Fault | None:
    try:
        method(asked)
    except NotAnsweredError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        return _fault(error)
    return None


def _methods(question: type[Question]) -> dict[str, Any]:
    inherited = {key: each for base in reversed(question.__mro__) for key, each in vars(base).items()}
    return {key: each for key, each in inherited.items() if key.startswith("check_")}


def _fault(error: Exception) -> Fault:
    if isinstance(error, Fault):
        return error
    said = str(error).strip().splitlines()
    came = f"{type(error).__name__}: {' '.join(said[:2])}" if said else type(error).__name__
    return Fault(expected="an answer that runs", came=came, cause="Run it in a cell of its own to see where it stops")


def _result(claim: str, fault: Fault | None) -> Result:
    return Result(claim, fault.expected, fault.came, fault.cause) if fault else Result(claim)


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0].rstrip(".")
