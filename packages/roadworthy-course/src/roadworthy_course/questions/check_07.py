"""The visible checks of exercise 07; see `checks.py` of roadworthy_course for how they are written."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from roadworthy.project import Project
from roadworthy_course import answers, replays, slips, watched
from roadworthy_course.answers import require
from roadworthy_course.checks import Fault, Question

QUIET = "An alarm that rings in quiet weeks is switched off by the third"


class Q1(Question):
    """PSI, with bins that the reference fixes"""

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """The flights are read once."""
        return watched.history(project, seed)

    def __init__(self, project: Project, seed: int, q1: object) -> None:
        self.q1, random = q1, np.random.default_rng(seed)
        rows = watched.history(project, seed).sample(3000, random_state=seed)
        self.temp = rows["temp"].dropna().reset_index(drop=True)[:2000]
        self.wind = rows["wind"].dropna().reset_index(drop=True)[:2000]
        self.window = watched.log(project, seed + 20, "2023-07-01", 14).predictions["temp"].dropna()
        self.steps = pd.Series(random.choice([0.0, 3.0, 5.0, 8.0], 1000, p=[0.5, 0.2, 0.2, 0.1]))

    def check_value(self) -> None:
        """it is the sum over the bins of the reference"""
        self._same(self.temp, self.window, "a week of July")
        self._same(self.temp, self.temp.sample(500, random_state=1), "a part of the reference")

    def check_edges(self) -> None:
        """values that equal an edge are in the bin above, and equal edges are one"""
        self._same(self.wind, self.wind.sample(700, random_state=2) * 0.5 + self.wind.min(), "wind, in steps")
        self._same(self.steps, self.steps.sample(300, random_state=3).replace(8.0, 5.0), "a column of four values")

    def check_outside(self) -> None:
        """what the reference never had is counted as well"""
        self._same(self.temp, pd.concat([self.temp[:600] + 60, self.temp[:300] - 80]), "temperatures never seen before")

    def check_missing(self) -> None:
        """missing values are a bin of their own"""
        holes = self.temp.where(np.arange(len(self.temp)) % 5 > 0)
        self._same(self.temp, holes, "each fifth value missing")
        self._same(holes.iloc[:1250].reset_index(drop=True), self.temp[:900], "values missing in the reference only")

    def _same(self, reference: pd.Series, window: pd.Series, what: str) -> None:
        came = answers.called(self.q1, reference.copy(), window.copy())
        slips.same_psi(came, reference.tolist(), window.tolist(), what)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


class Q2(Question):
    """The score as it was known"""

    def __init__(self, project: Project, seed: int, q2: object) -> None:
        self.q2, first = q2, pd.Timestamp(f"2023-0{seed % 7 + 2}-03")
        log, self.start = watched.log(project, seed, str(first.date()), 8), first.tz_localize("UTC")
        labels = log.labels.copy()  # each twelfth label was kept for a day: its flight is due, but not known
        labels["known_at"] += pd.to_timedelta((labels["id"] % 12 == 0) * 24, unit="h")
        self.rows, self.labels = log.predictions, labels
        self.times = [self.start + pd.Timedelta(hours=hours) for hours in (67.5, 140)]
        flights, known = (_records(table) for table in (self.rows, labels))
        self.right = [slips.Known(flights, known, as_of) for as_of in self.times]

    def _asked(self, labels: pd.DataFrame, as_of: pd.Timestamp) -> dict[str, object]:
        said = answers.called(self.q2, self.rows.copy(), labels.copy(), as_of)
        if not isinstance(said, Mapping) or not {"due", "coverage", "brier"} <= set(said):
            came = f"the keys {', '.join(map(str, said))}" if isinstance(said, Mapping) else f"a {type(said).__name__}"
            cause = 'return {"due": …, "coverage": …, "brier": …}'
            raise Fault(expected="a dict with due, coverage and brier", came=came, cause=cause)
        return dict(said)

    def _same(self, key: str, cause: str) -> None:
        for as_of, right in zip(self.times, self.right, strict=True):
            right.same(key, self._asked(self.labels, as_of)[key], cause)

    def check_due(self) -> None:
        """what is due is counted, and nothing else"""
        self._same("due", "scheduled + 12 hours <= as_of, one row for each flight, whether it has a label or not")

    def check_coverage(self) -> None:
        """coverage counts each due flight once, and no label of the future"""
        self._same(
            "coverage", "The due flights with a label that arrived at as_of or before, divided by the due flights"
        )

    def check_brier(self) -> None:
        """the score is that of the labels as they were known"""
        self._same(
            "brier", "Mean of (probability - late)²: due flights, each once, with the newest label known at as_of"
        )

    def check_none(self) -> None:
        """where nothing is due or known, it says so"""
        early = self._asked(self.labels, self.start)
        cause = "A mean over no rows is no number, and 0 would be a perfect score: return None"
        right = early["due"] == 0 and slips.nothing(early["coverage"]) and slips.nothing(early["brier"])
        came = ", ".join(f"{name} {value}" for name, value in early.items())
        require(right, expected="due 0, coverage None and brier None before any flight is due", came=came, cause=cause)
        silent = self._asked(self.labels[:0], self.times[0])
        right = silent["coverage"] == 0 and slips.nothing(silent["brier"])
        came = f"coverage {silent['coverage']}, brier {silent['brier']}"
        require(right, expected="coverage 0 and brier None when no label came", came=came, cause=cause)


class Q3(Question):
    """The same season"""

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """Two years."""
        return watched.history(project, seed, 730)

    def __init__(self, project: Project, seed: int, q3: object) -> None:
        self.project, self.seed, self.q3 = project, seed, q3
        self.rows = watched.history(project, seed, 730)
        self.summer = pd.Timestamp(f"2023-07-{10 + seed % 10}")
        self.found = self._asked(self.summer)

    def _asked(self, day: pd.Timestamp) -> pd.DataFrame:
        found = answers.called(self.q3, self.rows.copy(), day)
        if not isinstance(found, pd.DataFrame):
            came = f"a {type(found).__name__}"
            raise Fault(expected="rows of the table, all columns", came=came, cause="Select: predictions[condition]")
        lost = [name for name in self.rows.columns if name not in found]
        require(
            not lost, expected="all columns", came=f"none named {', '.join(lost)}", cause="Select rows, not columns"
        )
        return found

    def check_summer(self) -> None:
        """a clean week of summer is no incident against these rows"""
        now = watched.log(self.project, self.seed + 500, str(self.summer.date()), 7).predictions
        came = f"{len(self.found)}"
        require(len(self.found) > 500, expected="rows to compare with", came=came, cause="Last summer is in the table")
        edges = [20, 35, 50, 60, 70, 80]  # quiet weeks of July have no day of winter
        before, after = (np.histogram(each["temp"].dropna(), [-99, *edges, 199])[0] for each in (self.found, now))
        moved = float(replays.psi(before, after))
        cause = "July is compared with winter. Take the rows whose day of the year is near: 21 days to both sides"
        require(moved < 2, expected="a PSI of temp below 2 in a quiet week", came=f"{moved:.1f}", cause=cause)

    def check_days(self) -> None:
        """it takes 21 days to both sides of the day, and all their rows"""
        self._same(pd.Timestamp(f"2023-0{4 + self.seed % 6}-1{self.seed % 10}"))

    def check_circle(self) -> None:
        """the year is a circle: December is near to January"""
        self._same(pd.Timestamp(f"2023-12-{15 + self.seed % 10}"))

    def check_past(self) -> None:
        """nothing is newer than 28 days before the day"""
        day = pd.Timestamp(f"2023-01-{10 + self.seed % 9}")
        newest = self._asked(day)["day"].max()
        cause = (
            "What is wrong now may have been wrong for weeks, and rows after the day "
            "are the future: day - 28 days or before"
        )
        came = f"rows up to {newest:%Y-%m-%d}" if not pd.isna(newest) else "no row"
        require(
            newest <= day - pd.Timedelta(days=28),
            expected=f"rows 28 days older than {day.date()}",
            came=came,
            cause=cause,
        )
        self._same(day)

    def _same(self, day: pd.Timestamp) -> None:
        found = self._asked(day)
        dates = [day - pd.Timedelta(days=back) for back in range(28, 760)]  # each day by hand
        other = {each.day_of_year for each in (day + pd.Timedelta(days=days) for days in range(-21, 22))}
        wanted = self.rows[self.rows["day"].isin([each for each in dates if each.day_of_year in other])]
        days, came = ({each.date() for each in table["day"]} for table in (wanted, found))
        few, many = sorted(days - came), sorted(came - days)
        cause = "Both ends count: a distance of 21 days, an age of 28. The year is a circle: min(d, 365 - d)"
        shown = (
            f"{len(few)} days are missing, such as {few[0]}"
            if few
            else f"{len(many)} more, such as {(many or [''])[0]}"
        )
        require(not few and not many, expected=f"{len(days)} days for {day.date()}", came=shown, cause=cause)
        came_ = f"{len(found)} rows"
        require(
            len(found) == len(wanted), expected=f"{len(wanted)} rows", came=came_, cause="Each row of these days, once"
        )


Pairs = list[tuple[int, int | None]]


class Q4(Question):
    """From verdicts to alarms"""

    def __init__(self, seed: int, q4: object) -> None:
        self.q4, self.random = q4, np.random.default_rng(seed)
        self._asked([False, False, False], 2, 3)

    def _asked(self, verdicts: list[bool | None], n: int, m: int) -> Pairs:
        said = answers.called(self.q4, list(verdicts), n, m)
        try:
            return [(int(begin), None if slips.nothing(end) else int(end)) for begin, end in said]
        except (TypeError, ValueError):
            cause = "alarms = [], then append (begin, end), and return alarms"
            raise Fault(expected="a list of pairs (begin, end)", came=f"{said!r}", cause=cause) from None

    def _same(self, verdicts: list[bool | None], n: int, m: int, cause: str) -> None:
        slips.same_alarms(self._asked(verdicts, n, m), verdicts, n, m, cause)

    def _drawn(self, length: int, missing: float) -> list[bool | None]:
        violated = np.repeat(self.random.random(length) < 0.4, self.random.integers(1, 4, length))[:length]
        return [None if self.random.random() < missing else bool(each) for each in violated]

    def check_begin(self) -> None:
        """it begins in the window in which n of the last m are violated"""
        cause = (
            "The window in which the n-th violation is seen, not the first violated "
            "one; fewer than m windows are enough"
        )
        self._same([False, True, False, False, True, False, True], 2, 3, cause)
        self._same([True, True], 2, 3, cause)
        self._same([], 2, 3, "No window, no alarm: an empty list")

    def check_end(self) -> None:
        """it ends when the last m are quiet, and rings until then"""
        cause = (
            "One quiet window does not end it, nor do fewer violations than n: the "
            "last m must be quiet, the m-th is the end"
        )
        self._same([True, True, False, True, False, False, False, True], 2, 3, cause)
        self._same([True, True, False, False, True, False], 2, 3, "It rings on: the end is None. " + cause)

    def check_missing(self) -> None:
        """windows that were not judged are left out"""
        cause = (
            "None is neither quiet nor violated: take the last m that were judged, and keep the numbers of all windows"
        )
        self._same([True, None, None, True, False, None, False, None, False], 2, 3, cause)
        self._same([True, True, False, None, False, None], 2, 3, cause)

    def check_any(self) -> None:
        """it is right for other n and m, and for long histories"""
        cause = "Go through the windows one by one, with the state: does it ring? n and m are arguments"
        for n, m, missing in ((1, 1, 0.0), (3, 5, 0.1), (2, 4, 0.3), (3, 3, 0.0)):
            for _ in range(8):
                self._same(self._drawn(25, missing), n, m, cause)


class Q5(Question):
    """Limits from a replay"""

    missed, false = 2, 4  # of 14 incidents; of 28 replays

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """Three sets of replays; two of them are shared."""
        return replays.readings(project, seed), Q5.unseen(project, seed)

    @staticmethod
    def unseen(project: Project, seed: int) -> list[pd.DataFrame]:
        """The replays that judge."""
        return [replays.readings(project, 100 + seed // 10 * 10 + number_) for number_ in range(2)]

    def __init__(self, project: Project, seed: int, q5: object) -> None:
        self.project, self.seed, self.q5 = project, seed, q5
        self.random = np.random.default_rng(seed)
        self.rows = replays.readings(project, seed)
        self.limits = self._asked(self.rows)

    def _asked(self, rows: pd.DataFrame) -> dict[str, float]:
        given = rows.sample(frac=1, random_state=self.seed, ignore_index=True)
        said = answers.called(self.q5, given)
        found = said.to_dict() if isinstance(said, pd.Series) else said
        if not isinstance(found, Mapping):
            cause = '{"temp": …, …}; groupby("monitor")["value"] gives one figure for each'
            raise Fault(expected="a dict: a limit for each monitor", came=f"a {type(said).__name__}", cause=cause)
        missing = [name for name in watched.KINDS if name not in found]
        came = f"none for {', '.join(missing)}"
        require(
            not missing,
            expected="a limit for each of the seven monitors",
            came=came,
            cause="Their names are in monitor",
        )
        limits = {name: slips.number(found[name], f"the limit of {name}") for name in watched.KINDS}
        wrong = [name for name, limit in limits.items() if not isfinite(limit)]
        cause = "A quantile over no rows? Look at the readings that you select"
        require(not wrong, expected="limits that are numbers", came=f"{', '.join(wrong)}: nan or inf", cause=cause)
        return limits

    def _outcome(
        self, limits: dict[str, float], factors: Mapping[str, float] | None = None
    ) -> tuple[list[str], list[str]]:
        missed, false = [], []
        for rows in self.unseen(self.project, self.seed):
            scaled = rows if factors is None else rows.assign(value=rows["value"] * rows["monitor"].map(factors))
            some = replays.outcome(scaled, limits)
            missed += some[0]
            false += some[1]
        return missed, false

    def check_quiet(self) -> None:
        """it seldom rings when nothing is wrong"""
        _, false = self._outcome(self.limits)
        cause = (
            "One limit for all? temp moves with the weather, carrier hardly at all. "
            "Look at the readings of quiet weeks, "
            f"those before an incident too, and go to their upper end, for each monitor by itself. {QUIET}"
        )
        came = f"{len(false)}: {'; '.join(false[:4])}"
        require(len(false) <= self.false, expected=f"at most {self.false} false alarms", came=came, cause=cause)

    def check_found(self) -> None:
        """it finds the incidents in time"""
        missed, _ = self._outcome(self.limits)
        cause = (
            "The limits are too high. Are weeks of incidents among those that you measure, or monitors of other scales?"
        )
        came = f"{14 - len(missed)}; not found: {', '.join(sorted(missed))}"
        expected = f"at least {14 - self.missed} of 14 incidents"
        require(len(missed) <= self.missed, expected=expected, came=came, cause=cause)

    def check_units(self) -> None:
        """limits follow the unit of the readings"""
        factors = {name: 10.0 ** self.random.integers(-2, 3) for name in watched.KINDS}
        rows = self.rows.assign(value=self.rows["value"] * self.rows["monitor"].map(factors))
        missed, false = self._outcome(self._asked(rows), factors)
        cause = (
            "Numbers that are written into the function hold in one unit only: compute each limit from its own readings"
        )
        came = f"{14 - len(missed)} of 14 found, {len(false)} false alarms"
        good = len(missed) <= self.missed and len(false) <= self.false
        require(good, expected="the same in other units", came=came, cause=cause)


class Q6(Question):
    """Find the incident"""

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """The logs."""
        return replays.logs(project, seed)

    def __init__(self, project: Project, seed: int, q6: object) -> None:
        self.logs, before = replays.logs(project, seed), watched.history(project, seed)
        self.said = {
            name: answers.called(q6, before.copy(), each.predictions.copy(), each.labels.copy())
            for name, each in self.logs.items()
        }
        for said in self.said.values():
            pair = said is None or (isinstance(said, (tuple, list)) and len(said) == 2)
            require(pair, expected="(day, what), or None", came=f"{said!r}", cause="return day, what")

    def check_quiet(self) -> None:
        """it finds nothing in quiet weeks of spring and autumn"""
        cause = f"The weather changes, a storm cancels flights, and a holiday is no incident: they pass. {QUIET}"
        came = f"{self.said['quiet']}"
        require(self.said["quiet"] is None, expected="None in quiet weeks", came=came, cause=cause)

    def check_inputs(self) -> None:
        """it finds a column in another unit, and one with missing values"""
        self._found(("temp", "distance", "wind"))

    def check_arrivals(self) -> None:
        """it finds what no longer arrives, or arrives twice"""
        self._found(("labels", "traffic", "carrier"))

    def check_probability(self) -> None:
        """it finds probabilities that are not those of the model"""
        self._found(("probability",))

    def check_day(self) -> None:
        """it says since when"""
        right = [what for what in watched.KINDS if self.said[what] is not None and self.said[what][1] == what]
        cause = "Find one that is there first"
        require(right, expected="incidents that are found", came="none", cause=cause)
        for what in right:
            day, began = self.said[what][0], self.logs[what].day
            try:
                seen: Any = pd.Timestamp(day)
                off = abs((seen.tz_localize(None) - began).days)
            except (TypeError, ValueError):
                came = f"{day!r}"
                raise Fault(expected="a day", came=came, cause="The value of the column day, not a number") from None
            cause = (
                "The first day of those that last to the end: not the day on which you "
                "are sure, nor the start of its week"
            )
            require(off <= 2, expected=f"{what} since {began:%Y-%m-%d}", came=f"{seen:%Y-%m-%d}", cause=cause)

    def _found(self, kinds: Sequence[str]) -> None:
        causes: dict[str, str] = {
            "temp": "Celsius in summer are Fahrenheit of winter: compare with the same season of `history`",
            "distance": "Kilometres are 1.6 times miles: compare the mean of a day with the first two weeks",
            "wind": "Half of the values are missing: compare the share by day with the first two weeks",
            "labels": "Flights whose id is in labels, by day: none from then on",
            "traffic": "Predictions by day, against the first two weeks: twice as many, or about a third",
            "carrier": (
                "A large carrier without any flight, day after day; traffic falls a "
                "little, but that is not where it began"
            ),
            "probability": "The mean of a day is far above .5, or all values of a day are the same",
        }
        for what in kinds:
            said, day = self.said[what], self.logs[what].day
            expected, came = (
                f"{what}, since {day:%Y-%m-%d}",
                f"{said and said[1]!r}, since {said[0]}" if said else "None",
            )
            require(said is not None and said[1] == what, expected=expected, came=came, cause=causes[what])


class Q7(Question):
    """The message (open)"""

    longest, line = 600, 72

    def __init__(self, project: Project, seed: int, q7: object) -> None:
        self.q7, self.cases = q7, replays.calls(project, seed)
        self.texts = [self._asked(*case) for case in self.cases]

    def _asked(self, found: object, rows: pd.DataFrame, runbook: object) -> str:
        said = answers.called(self.q7, found, rows.copy(), runbook)
        require(
            isinstance(said, str),
            expected="a text",
            came=f"a {type(said).__name__}",
            cause="return the text, not print",
        )
        return str(said)

    def _each(self) -> Iterable[tuple[dict[str, Any], pd.DataFrame, dict[str, tuple[str, str]], str, str]]:
        for case, text in zip(self.cases, self.texts, strict=True):
            yield *case, text, (text.splitlines() or [""])[0]

    def check_first_line(self) -> None:
        """the first line says how urgent it is, what is wrong and since when"""
        for found, _, runbook, _, first in self._each():
            urgency, what, day = runbook[found["what"]][0], found["what"], f"{found['day']:%Y-%m-%d}"
            cause = "It is what a telephone shows: urgency of the runbook, what, since which day, in 72 characters"
            short = len(first) <= self.line
            require(
                short, expected=f"at most {self.line} characters in the first line", came=f"{len(first)}", cause=cause
            )
            require(
                first.startswith(urgency),
                expected=f"a first line that begins with {urgency}",
                came=repr(first),
                cause=cause,
            )
            for word in (what, day):
                require(word in first, expected=f"{word} in the first line", came=repr(first), cause=cause)
            others = [kind for kind in watched.KINDS if kind != what and kind in first]
            cause = "Who reads it looks at the wrong place: name the one that is wrong"
            require(not others, expected=f"{what} and no other in the first line", came=repr(first), cause=cause)

    def check_how_bad(self) -> None:
        """it says how bad it is: value, limit, predictions"""
        for found, rows, _, text, _ in self._each():
            plain = text.replace(",", "").replace("'", "").replace("_", "")
            for name in ("value", "limit"):
                right = f"{found[name]:.2f}"
                cause = f"{name} with two decimals, as format(found['{name}'], '.2f')"
                require(right in text, expected=f"the {name} {right}", came=repr(text), cause=cause)
            count, every = int((rows["day"] >= found["day"]).sum()), len(rows)
            after = int((rows["day"] > found["day"]).sum())
            cause = "The rows with day >= found['day']"
            cause = "All predictions of the log: count those since it began" if str(every) in plain else cause
            cause = "That day included: day >= found['day']" if str(after) in plain else cause
            words = plain.replace(".", " ").replace(";", " ").replace(":", " ").replace("(", " ").split()
            require(str(count) in words, expected=f"{count} predictions since then", came=repr(text), cause=cause)

    def check_step(self) -> None:
        """it says what to do first, as the runbook does"""
        for found, _, runbook, text, _ in self._each():
            step = runbook[found["what"]][1]
            cause = "At night nobody looks it up: the second part of runbook[found['what']], word by word"
            require(step in text, expected=f"the step: {step}", came=repr(text), cause=cause)

    def check_readable(self) -> None:
        """it is short, and written for people"""
        for _, _, _, text, _ in self._each():
            cause = "Leave out what does not help at three in the morning"
            short = len(text) <= self.longest
            require(short, expected=f"at most {self.longest} characters", came=f"{len(text)}", cause=cause)
            odd = [mark for mark in ("{", "}", "nan", "None", "00:00", "Timestamp") if mark in text]
            cause = 'Write a sentence, and the day as f"{day:%Y-%m-%d}", not the dict or a table as they are'
            require(not odd, expected="a text for people", came=f"{', '.join(odd)} in it", cause=cause)

    def check_quiet(self) -> None:
        """nothing found, nothing said"""
        text = self._asked(None, self.cases[0][1], self.cases[0][2])
        cause = "A message that all is well is one that nobody reads the next time"
        require(text.strip() == "", expected='"" when nothing was found', came=repr(text), cause=cause)
