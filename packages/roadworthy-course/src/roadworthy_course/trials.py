"""A learner's test of models, tried on sound models, on which it must be green, and on faulty ones made of them.

A test returns True (green) or False (red); it may raise AssertionError in place of False, and return nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from roadworthy.project import Project

from . import faulty, specimens
from .answers import called, require
from .checks import Fault, NotAnsweredError, Question
from .specimens import RefusedError, Specimen


class Trial(Question):
    """A test of models, tried on the sound ones and on faulty ones that are made of them."""

    count: ClassVar = 150
    complete: ClassVar = False
    advice: ClassVar = ""  # what a test overlooks that is red on a sound model

    @classmethod
    def rows(cls, project: Project, seed: int) -> pd.DataFrame:
        """The flights that the test is handed."""
        return specimens.rows(project, seed, cls.count, complete=cls.complete)

    @classmethod
    def prepare(cls, project: Project, seed: int) -> object:
        """Reading the flights takes longest."""
        return cls.rows(project, seed)

    def __init__(self, project: Project, seed: int, test: object) -> None:
        self.project, self.seed, self.test = project, seed, test
        self.given = self.rows(project, seed)
        self.silent = self.changed = False
        self.red: dict[str, str] = {}
        for specimen in specimens.sound(seed).values():
            said = self.said(specimen)
            if said is not None:
                self.red[specimen.name] = said

    def more(self, _: Specimen) -> Sequence[Any]:
        """What the test is handed besides the model and the rows."""
        return ()

    def said(self, specimen: Specimen) -> str | None:
        """None when the test is green, what it says when it is red; Fault when it says neither."""
        handed = self.given.copy()
        try:
            found = called(self.test, specimen.model(), handed, *self.more(specimen))
        except AssertionError as error:
            return f"red: {error}" if str(error) else "red"
        except RefusedError as error:
            cause = "Keep every column, and each flight_id once: shuffle the values, or make up new ones"
            raise Fault(
                expected="a table that every sound model answers to", came=f"a model refused: {error}", cause=cause
            ) from error
        finally:
            self.changed = self.changed or (specimen.twin is None and not handed.equals(self.given))
        self.silent = self.silent or found is None
        if found is not None and not isinstance(found, bool | np.bool_):
            cause = "Return True or False, for arrays with .all() or .any(); or raise AssertionError and return nothing"
            raise Fault(expected="True or False", came=f"a {type(found).__name__}", cause=cause)
        return "red" if found is not None and not found else None

    def green(self, name: str) -> None:
        """Raise Fault when the test is red on this sound model."""
        if name in self.red:
            story = specimens.sound(self.seed)[name].story
            count = f" (and on {len(self.red) - 1} more of the 7)" if len(self.red) > 1 else ""
            cause = f"It is sound: {story}. {self.advice}"
            require(False, expected=f"green on the sound model '{name}'", came=self.red[name] + count, cause=cause)

    def caught(self, specimen: Specimen) -> bool:
        """Whether the test tells a faulty model from its sound twin; an error on a faulty one is red as well."""
        assert specimen.twin is not None  # noqa: S101 - each has one
        self.green(specimen.twin.name)
        try:
            return self.said(specimen) is not None
        except (Fault, NotAnsweredError):
            raise
        except Exception:  # noqa: BLE001 - the test was green on the twin: it is the model that makes it stop
            return True

    def catches(self, names: Iterable[str], cause: str) -> None:
        """Raise Fault when the test is green on one of these faulty models."""
        for specimen in faulty.faulty(self.seed, names).values():
            if not self.caught(specimen):
                came = "green, for it returned nothing: is there a return?" if self.silent else "green"
                expected = f"red on the faulty model '{specimen.name}': {specimen.story}"
                require(False, expected=expected, came=came, cause=cause)

    def quiet(self) -> None:
        """Raise Fault when the test is red on a sound model."""
        for name in self.red:
            self.green(name)

    def leaves_rows(self) -> None:
        """Raise Fault when the test has changed the rows that it was handed with a sound model."""
        cause = "The next test still needs them: rows.assign(…) makes a new table, rows[…] = … changes the old one"
        require(not self.changed, expected="the rows that were given, unchanged", came="changed ones", cause=cause)
