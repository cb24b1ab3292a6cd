"""The visible checks of exercise 05; see `checks.py` of roadworthy_course for how they are written."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from roadworthy.project import Project
from roadworthy_course import answers, faulty, specimens, suspects
from roadworthy_course.answers import require
from roadworthy_course.checks import Question
from roadworthy_course.specimens import Specimen
from roadworthy_course.trials import Trial


class Tested(Trial):
    """A test of models."""

    def check_quiet(self) -> None:
        """green on every sound model"""
        self.quiet()


class Q1(Tested):
    """Invariance: what must not matter"""

    advice: ClassVar = "Does the test compare the same flights, and change these three columns only?"

    def __init__(self, project: Project, seed: int, q1: object) -> None:
        super().__init__(project, seed, q1)

    def check_rows(self) -> None:
        """the rows are as before"""
        self.leaves_rows()

    def check_names(self) -> None:
        """red on models that look at the names of flight and plane"""
        cause = "Compare the answers row by row: over all rows, more for one flight and less for another cancel out"
        self.catches(("flight id", "tail number"), cause)

    def check_future(self) -> None:
        """red on a model that looks at the departure delay"""
        self.catches(
            ("departure delay",), "It is the third column: change dep_delay in every row, for instance shuffle it"
        )

    def check_few(self) -> None:
        """red on a model that knows a few flights by heart"""
        cause = "Most answers do not move: look at the largest change of all rows, not at the mean or the median"
        self.catches(("few flights",), cause)


class Q2(Tested):
    """Directional expectation: what must matter"""

    advice: ClassVar = "Set the column in every row, to one end and to the other, and compare the means over all rows"

    def __init__(self, project: Project, seed: int, q2: object) -> None:
        super().__init__(project, seed, q2)

    def check_rows(self) -> None:
        """the rows are as before"""
        self.leaves_rows()

    def check_wind(self) -> None:
        """red on models that take no notice of the wind"""
        cause = (
            "All else equal: set wind_speed in every row, to 5 and then to 30. Flights that had more wind differ in "
            "more than that; they left in the afternoon"
        )
        self.catches(("no wind", "wind by hour"), cause)

    def check_rain(self) -> None:
        """red on a model for which rain helps"""
        self.catches(("rain helps",), "Rain makes flights late: the difference has a sign, so no abs(…)")

    def check_sight(self) -> None:
        """red on a model for which fog helps"""
        cause = "Good visibility makes flights punctual: from 1 to 10 miles the probability falls"
        self.catches(("fog helps",), cause)

    def check_delays(self) -> None:
        """red on a model that takes no notice of the delays at the airport"""
        self.catches(("no delays",), "There are four columns: origin_delay from 0 to 60 minutes, and at least .01 more")


class Q3(Tested):
    """Minimum functionality: probabilities, and easy cases in order"""

    complete: ClassVar = True
    advice: ClassVar = "0 to 1 is allowed in full, and only STORM against CALM has an order"

    def __init__(self, project: Project, seed: int, q3: object) -> None:
        super().__init__(project, seed, q3)

    def check_scale(self) -> None:
        """red on what is no probability"""
        cause = "Both limits count, below 0 and above 1; and in STORM, where the answers are largest"
        self.catches(("log odds", "percent", "above one"), cause)

    def check_missing(self) -> None:
        """red on models that answer NaN when a value is missing"""
        cause = (
            "Set each column of NULLABLE to NaN, and ask np.isfinite(p).all(): a comparison with NaN is False, so "
            "(p < 0).any() does not see it"
        )
        self.catches(("missing wind", "missing seats"), cause)

    def check_shape(self) -> None:
        """red when there is not one number for each row"""
        self.catches(("too few", "two columns"), "np.asarray(p).shape == (len(table),), also when values are missing")

    def check_order(self) -> None:
        """red on models that do not see a storm"""
        cause = "A flight must get more in STORM than in CALM: compare the answers to rows.assign(**STORM) and (**CALM)"
        self.catches(("swapped", "constant"), cause)


class Q4(Tested):
    """Alone or in company: no answer depends on the other rows"""

    count: ClassVar = 30
    advice: ClassVar = "Compare with a tolerance of .000001, and each answer with that for the same flight"

    def __init__(self, project: Project, seed: int, q4: object) -> None:
        super().__init__(project, seed, q4)

    def check_others(self) -> None:
        """red on models that look at the other rows"""
        cause = "Ask for each row alone, rows.iloc[[number]], and compare with its answer among all"
        self.catches(("rescaled", "filled by batch"), cause)

    def check_order(self) -> None:
        """red on models that depend on the order of the rows or on their labels"""
        cause = (
            "The rows that you are given are in the order of time: ask in another "
            "order, put the answers back into the old "
            "one, and do it with other labels, reset_index(drop=True)"
        )
        self.catches(("sorted", "carried on", "row label"), cause)

    def check_again(self) -> None:
        """red on models that answer differently when they are asked again"""
        self.catches(("random", "warming up"), "Ask twice for the very same rows and compare")

    def check_table(self) -> None:
        """red on models that change the table"""
        cause = "Hand the model a copy, and compare that copy with rows afterwards: given.equals(rows)"
        self.catches(("fills in place", "adds a column"), cause)


class Q5(Question):
    """Features that know the future"""

    words: ClassVar = {
        "temp": "it became known in the very minute of the question, and that is in time",
        "origin_delay": "it is the best honest feature: AUC below .80",
        "carrier": "it is text and was known in time",
    }

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """Reading the flights takes longest."""
        return suspects.features(project, seed)

    def __init__(self, project: Project, seed: int, q5: object) -> None:
        self.given = suspects.features(project, seed)
        tables = (self.given.table, self.given.known, self.given.asked, self.given.late)
        found = answers.called(q5, *(each.copy() for each in tables))
        kind = type(found).__name__
        cause = "Begin with names = [], append the name of each feature that cannot be used, and return names"
        named = isinstance(found, list | tuple | set | frozenset | pd.Index | pd.Series | np.ndarray)
        require(named, expected="a list of names", came=f"a {kind}", cause=cause)
        self.found = {str(name) for name in found}
        unknown = self.found - set(self.given.table)
        first = min(unknown, default="")
        require(
            not unknown, expected="names of columns of features", came=repr(first), cause="As in x01; not its value"
        )

    def check_quiet(self) -> None:
        """no honest feature is named"""
        for name in sorted(self.found & set(self.given.honest)):
            what = self.given.honest[name]
            why = self.words.get(what, "it was known in time, and alone it ranks hardly better than chance")
            require(
                False, expected=f"{name} ({what}) to be used", came="named as one that cannot be", cause=f"Look: {why}"
            )

    def check_late(self) -> None:
        """a feature that becomes known too late is named"""
        self._named("all", "known[name] > asked, row by row: it comes 20 minutes late in every row")

    def check_some(self) -> None:
        """a feature that is late in a few rows is named"""
        self._named("some", "It comes late in 3 rows of 100: .any(), not the mean or the median")

    def check_good(self) -> None:
        """a feature that is too good is named"""
        cause = "Its times look right, but alone it has an AUC of .9: compute roc_auc_score(late, values) for each one"
        self._named("dep_delay", cause)

    def check_negated(self) -> None:
        """a feature that is too good the other way round is named, though values are missing"""
        cause = (
            "Its AUC is near 0, which gives the answer away as well: max(auc, 1 - auc), over the rows where it is known"
        )
        self._named("arr_delay", cause)

    def _named(self, guilty: str, cause: str) -> None:
        by_source = {"all": "all", "some": "some", "dep_delay": "good", "arr_delay": "negated"}
        name = next(name for name, kind in self.given.guilty.items() if kind == by_source[guilty])
        require(name in self.found, expected=f"{name} among the names", came=f"{sorted(self.found)}", cause=cause)


class Q6(Question):
    """A gate for slices"""

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """Reading the flights takes longest."""
        return [
            suspects.slices(project, seed, fault, draw)
            for fault in suspects.STORIES
            for draw in range(1 if fault else 3)
        ]

    def __init__(self, project: Project, seed: int, q6: object) -> None:
        self.project, self.seed, self.q6 = project, seed, q6
        self.clean = self._said(suspects.slices(project, seed))

    def _said(self, given: suspects.Slices) -> tuple[bool, str]:
        found = answers.called(self.q6, given.answers.copy())
        pair = isinstance(found, tuple | list) and len(found) == 2 and isinstance(found[0], bool | np.bool_)
        cause = 'Return (True, "") or (False, name): the verdict itself, not an array of them'
        require(
            pair, expected="a pair of True or False and a name", came=f"{type(found).__name__}: {found}", cause=cause
        )
        return bool(found[0]), str(found[1])

    def check_quiet(self) -> None:
        """green on the answers of sound models"""
        for draw in range(3):
            given = suspects.slices(self.project, self.seed, draw=draw)
            passed, name = self._said(given)
            if not passed:
                self._false_alarm(given, name)

    def _false_alarm(self, given: suspects.Slices, name: str) -> None:
        rows = given.answers[given.answers["carrier"] == name]
        said, late = rows["p"].mean(), rows["late"].mean()
        came = f"red for {name!r}: {len(rows)} flights, p {said:.3f} on the mean, late {late:.3f}"
        cause = "It differs by less than .03: certain, but too small to matter"
        if len(rows) <= 10 and not rows["late"].any():
            cause = (
                "None of so few flights was late, which chance does; an interval from "
                "late alone, or from drawing them again, "
                "has no width then. Take the spread that p promises, p * (1 - p) for each flight, or Wilson's interval"
            )
        elif abs(said - late) > suspects.TOLERANCE:
            cause = "With so few flights chance explains it: how far may the share be off, if the model is right?"
        require(False, expected="green on the answers of a sound model", came=came, cause=cause)

    def check_large(self) -> None:
        """red for a large carrier that is late more often than it says"""
        self._bad("large", "Compare late and p within each carrier: groupby('carrier')")

    def check_hidden(self) -> None:
        """red when the mean over all carriers is right"""
        self._bad(
            "hidden", "Others make up for it in the mean over all flights: judge each carrier, and name the worst"
        )

    def check_fewer(self) -> None:
        """red for a carrier that is late less often than it says"""
        self._bad("fewer", "Up or down: abs(late - p). Who warns of flights that are in time is wrong, too")

    def check_small(self) -> None:
        """red for a small carrier that is certainly bad"""
        self._bad(
            "small",
            "20 flights, nearly all of them late: the interval is wide and yet far from p; leave no carrier out",
        )

    def _bad(self, fault: str, cause: str) -> None:
        passed, name = self.clean
        given = suspects.slices(self.project, self.seed, fault)
        if not passed:
            self._false_alarm(suspects.slices(self.project, self.seed), name)
        passed, name = self._said(given)
        require(not passed, expected=f"red for {given.bad}: {given.story}", came="green", cause=cause)
        second = "The second value is the name of the worst carrier, as it stands in the table"
        require(name == given.bad, expected=f"(False, {given.bad!r})", came=f"(False, {name!r})", cause=second)


class Q7(Tested):
    """A suite of tests (open)"""

    count: ClassVar = 1000
    advice: ClassVar = "Which of your tests is red there? Try them one by one; outcomes differ by chance, too"
    known: ClassVar = (
        *(
            "flight id",
            "departure delay",
            "no delays",
            "rain helps",
            "fog helps",
            "log odds",
            "above one",
            "missing seats",
        ),
        *("swapped", "rescaled", "sorted", "row label", "random", "fills in place"),
    )
    by_outcome: ClassVar = ("worse carrier", "other unit", "too sure")
    every: ClassVar = (*known, "new carrier", *by_outcome)

    @classmethod
    def prepare(cls, project: Project, seed: int) -> object:
        """Reading the flights takes longest, then drawing the outcomes."""
        return [specimens.outcomes(project, name, seed, cls.count) for name in specimens.SOUND]

    def __init__(self, project: Project, seed: int, q7: object) -> None:
        super().__init__(project, seed, q7)
        self.missed: list[Specimen] | None = None

    def more(self, specimen: Specimen) -> Sequence[Any]:
        """What became of the flights, as the sound model or the sound twin has it."""
        twin = specimen.twin or specimen
        return (specimens.outcomes(self.project, twin.name, self.seed, self.count).copy(),)

    def check_half(self) -> None:
        """red on 9 of 18 faulty models"""
        self._at_least(9)

    def check_most(self) -> None:
        """red on 14 of 18 faulty models"""
        self._at_least(14)

    def check_outcome(self) -> None:
        """red on one of those that only the outcome shows"""
        missed = [each for each in self._missed() if each.name in self.by_outcome]
        cause = (
            "Compare the mean of p with that of late, over all flights, for each carrier, and where p is low or high"
        )
        expected = f"red on one at least, such as {self._told(missed)}"
        require(len(missed) < len(self.by_outcome), expected=expected, came="green on all three", cause=cause)

    def _at_least(self, count: int) -> None:
        missed = self._missed()
        caught, what = len(self.every) - len(missed), self._told(missed)
        came = f"{caught}; one that it misses is {what}"
        cause = "It returned nothing, which counts as green: is there a return?"
        cause = cause if self.silent else "Write a test for that one; q1 to q4 may be called here"
        require(caught >= count, expected=f"red on {count} of {len(self.every)}", came=came, cause=cause)

    def _missed(self) -> list[Specimen]:
        if self.missed is None:
            models = faulty.faulty(self.seed, self.every).values()
            self.missed = [each for each in models if not self.caught(each)]
        return self.missed

    @staticmethod
    def _told(missed: Sequence[Specimen]) -> str:
        return f"'{missed[0].name}': {missed[0].story}" if missed else ""
