"""The rubric of the capstone: items with points, of which a project's folder earns the automatic ones by itself."""

import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from sqlite3 import DatabaseError
from subprocess import TimeoutExpired
from typing import Any
from xml.etree.ElementTree import ParseError

from roadworthy.base.errors import InputError, ProjectError

from . import capstone
from .project import Project

FILE = "capstone.toml"
BROKEN = (ProjectError, OSError, ValueError, LookupError, TypeError, AttributeError, DatabaseError, ParseError)
WORDS = {True: "right", False: "not yet", None: "by hand"}


@dataclass(frozen=True, kw_only=True)
class Item:
    """An item: its points, what it claims, and what to do when it does not hold.

    `check` names a function of `capstone`; an item without one is judged by a person, who answers `to_do`.
    """

    name: str
    points: int
    claim: str
    to_do: str
    check: str = ""


@dataclass(frozen=True)
class Judged:
    """An item with its evidence: right, not yet, or None when a person has to judge."""

    item: Item
    passed: bool | None
    evidence: str = ""

    @property
    def points(self) -> int:
        """What it has earned so far."""
        return self.item.points if self.passed else 0

    @property
    def lines(self) -> Iterator[str]:
        """For people."""
        earned = "?" if self.passed is None else self.points
        yield f"{WORDS[self.passed]:8} {earned:>2} of {self.item.points}  {self.item.claim}"
        if self.evidence:
            yield f"         {self.evidence}"
        if not self.passed:
            yield f"         {'to judge' if self.passed is None else 'to do'}: {self.item.to_do}"

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; the points of an item that a person judges are null."""
        earned = None if self.passed is None else self.points
        possible = self.item.points
        return {**asdict(self.item), "points": earned, "of": possible, "passed": self.passed, "evidence": self.evidence}


def load(path: Path) -> list[Item]:
    """The items of a rubric; InputError for a file that is none."""
    try:
        items = [Item(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["item"]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"is no rubric: {error}", where=path, hint="restore it from version control") from error
    unknown = [item.check for item in items if item.check and item.check not in capstone.CHECKS]
    if unknown:
        hint = f"there are {', '.join(capstone.CHECKS)}"
        raise InputError(f"there is no check {unknown[0]!r}", where=path, hint=hint)
    return items


def judge(folder: Path, items: Sequence[Item]) -> list[Judged]:
    """Judge the project in `folder` by each item; what cannot be read is not right, and its evidence says why."""
    if not (folder / "config.toml").is_file():
        hint = "give the folder of a generated project"
        raise InputError("is no project: it has no config.toml", where=folder, hint=hint)
    project = Project(folder.resolve())
    return [_judged(project, item) for item in items]


def summary(judged: Sequence[Judged]) -> str:
    """The points in a sentence."""
    automatic = [each for each in judged if each.passed is not None]
    by_hand = sum(each.item.points for each in judged if each.passed is None)
    possible = sum(each.item.points for each in automatic)
    right = sum(each.passed is True for each in automatic)
    earned = sum(each.points for each in automatic)
    return f"{right} of {len(automatic)} items are right: {earned} of {possible} points, and up to {by_hand} by hand"


def _judged(project: Project, item: Item) -> Judged:
    if not item.check:
        return Judged(item, None)
    try:
        return Judged(item, passed=True, evidence=capstone.CHECKS[item.check](project))
    except capstone.Lacking as lacking:
        return Judged(item, passed=False, evidence=str(lacking))
    except (*BROKEN, TimeoutExpired) as error:
        return Judged(item, passed=False, evidence=_told(error, project.folder))


def _told(error: Exception, folder: Path) -> str:
    text = str(error) if isinstance(error, ProjectError) else f"cannot be read: {type(error).__name__}: {error}"
    # The hint of an error is for the command that raised it: what to do here, the item says.
    return text.partition("\n")[0].replace(f"{folder}{os.sep}", "")
