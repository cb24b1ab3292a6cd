"""The ML Test Score of a version: every test with its verdict, its evidence, its code, and the drills that prove it.

Breck, Cai, Nielsen, Salib, Sculley, "The ML Test Score" (2017): one point for each automated test, and the score is the
minimum of the four sections. A test counts as automated here only if a drill plants the fault it exists for.
"""

import inspect
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from ..base import errors
from ..base.files import write_atomic
from ..base.settings import VENDOR
from ..base.source_code import RELEASED
from ..contract.workspace import SECTIONS
from ..drills.board import DrillResult
from ..drills.faults import Fault
from ..reports import charts
from ..reports.pages import Link, Section, Status, write_page
from .bench import Gate
from .run import GATES, Judged

NO_PART = "They stop a promotion like the others and have no part in the score."
WORDS: Mapping[str, Status] = {errors.GREEN: "good", errors.RED: "bad", errors.WAIVED: "waived"}


@dataclass(frozen=True)
class Test:
    """One of the 28 tests: what its gate says, where its code stands, the drills that plant its faults.

    `caught` counts those that the last run of the drills caught; None when none of them was run.
    """

    judged: Judged
    code: str
    drills: tuple[str, ...]
    caught: int | None

    @property
    def automated(self) -> bool:
        """Whether it runs by itself and is proven by a drill; one that is waived decides nothing, so it is no point."""
        return bool(self.drills) and errors.verdict_word(self.judged) != errors.WAIVED


@dataclass(frozen=True)
class Scorecard:
    """All 28 tests of one version, and the gates of the project's own, which have no part in the score."""

    version: int
    tests: tuple[Test, ...]
    own: tuple[Test, ...] = ()

    @property
    def sections(self) -> dict[str, int]:
        """The number of automated tests by section."""
        points = Counter(test.judged.gate.split()[0] for test in self.tests if test.automated)
        return {name: points[name] for name in SECTIONS}

    @property
    def score(self) -> int:
        """The ML Test Score: the minimum of the sections."""
        return min(self.sections.values())

    @property
    def green(self) -> int:
        """How many gates are green."""
        return _green(self.tests)

    @property
    def counts(self) -> str:
        """How many gates are green, and how many are not in which way."""
        others = errors.count_verdicts([test.judged for test in self.tests if not test.judged.passed])
        return ", ".join(filter(None, (f"{self.green} of {len(self.tests)} gates are green", others)))

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        tests, own = (
            [
                {**test.judged.to_dict(), "code": test.code, "drills": list(test.drills), "caught": test.caught}
                for test in group
            ]
            for group in (self.tests, self.own)
        )
        automated = sum(test.automated for test in self.tests)
        waived = sum(errors.verdict_word(test.judged) == errors.WAIVED for test in self.tests)
        head = {"version": self.version, "score": self.score, "automated": automated, "green": self.green}
        return {**head, "waived": waived, "sections": self.sections, "tests": tests, "own": own}


def make_scorecard(
    version: int,
    judged: Sequence[Judged],
    faults: Sequence[Fault],
    home: Path,
    drilled: Path,
    own: Sequence[Gate[Any]] = (),
) -> Scorecard:
    """The scorecard of what the gates said, the project's `own` after the 28.

    `drilled` is the file with what the drills found, if they were run.
    """
    results = read_drilled(drilled)
    code = {gate.name: _code_place(gate.judge, home) for gate in GATES}
    code |= {gate.name: _code_place(gate.gather, home) for gate in own}
    # The verdict about vendor/ has no function that could be shown: the sums of the release stand for it.
    tests = [_test(each, code.get(each.gate, f"{VENDOR}/{RELEASED}:1"), faults, results) for each in judged]
    # Judged in the order of the paper; the gates of the project and the verdict about vendor/ come behind the 28.
    return Scorecard(version, tuple(tests[: len(GATES)]), tuple(tests[len(GATES) :]))


def write_scorecard(card: Scorecard, path: Path, home: Path, name: str) -> Path:
    """Write the page."""
    sums = ", ".join(f"{section} {points}" for section, points in card.sections.items())
    lead = f"ML Test Score {card.score}: the minimum of {sums}. {card.counts}."
    board = charts.scoreboard([test.judged for test in card.tests], title="28 tests, each with its gate")
    sections = [Section("At a glance", figures=(board,))]
    for section, points in card.sections.items():
        tests = [test for test in card.tests if test.judged.gate.startswith(section)]
        text = f"{points} of {len(tests)} automated, {errors.count_verdicts([test.judged for test in tests])}."
        sections.append(_gate_section(section, tests, text, home, path))
    if card.own:
        text = f"{_green(card.own)} of {len(card.own)} green. {NO_PART}"
        sections.append(_gate_section("Gates of this project", card.own, text, home, path))
    status, title = _status((*card.tests, *card.own)), f"{name}: scorecard of version {card.version}"
    return write_page(path, title, sections, lead=lead, status=status)


def write_drilled(path: Path, drilled: Sequence[DrillResult]) -> None:
    """Remember what drills found, beside what other drills found before."""
    known = read_drilled(path) | {each.fault: vars(each) for each in drilled}
    write_atomic(path, json.dumps(list(known.values()), indent=1))


def read_drilled(path: Path) -> dict[str, Mapping[str, Any]]:
    """What the last run of each drill found, by the name of the fault."""
    if not path.is_file():
        return {}
    return {each["fault"]: each for each in json.loads(path.read_text(encoding="utf-8"))}


def _test(judged: Judged, code: str, faults: Sequence[Fault], results: Mapping[str, Mapping[str, Any]]) -> Test:
    drills = tuple(fault.name for fault in faults if fault.gate == judged.gate)
    caught = [results[name]["caught"] for name in drills if name in results]
    return Test(judged, code, drills, sum(caught) if caught else None)


def _code_place(function: Any, home: Path) -> str:
    file, (_, line) = Path(inspect.getsourcefile(function) or ""), inspect.getsourcelines(function)
    shown = file.relative_to(home) if file.is_relative_to(home) else file
    return f"{shown.as_posix()}:{line}"


def _gate_section(name: str, tests: Sequence[Test], text: str, home: Path, page: Path) -> Section:
    return Section(name, text, pd.DataFrame([_row(test, home, page) for test in tests]), status=_status(tests))


def _status(tests: Sequence[Test]) -> Status:
    words = {errors.verdict_word(test.judged) for test in tests}
    return "bad" if words - {errors.GREEN, errors.WAIVED} else "waived" if errors.WAIVED in words else "good"


def _green(tests: Sequence[Test]) -> int:
    return sum(test.judged.passed is True for test in tests)


def _row(test: Test, home: Path, page: Path) -> dict[str, object]:
    file, _, line = test.code.rpartition(":")
    # Relative, so that the links hold when the project is moved.
    target = Path(os.path.relpath(home / file, page.parent)).as_posix()
    proven = f" ({test.caught} caught)" if test.caught is not None else ""
    return {
        "test": test.judged.gate,
        "status": WORDS.get(errors.verdict_word(test.judged), errors.NOT_JUDGED),
        "claim": test.judged.claim,
        "evidence": errors.verdict_evidence(test.judged),
        "code": Link(f"{Path(file).name}:{line}", quote(target)),
        "drills": f"{len(test.drills)}{proven}: {', '.join(test.drills)}",
    }
