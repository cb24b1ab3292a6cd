"""The visible checks of exercise 03; see `checks.py` of roadworthy_course for how they are written."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pandas as pd

from roadworthy.contract.schema import Column, Law, Rule
from roadworthy_course import answers, defects, drawn
from roadworthy_course.answers import require
from roadworthy_course.checks import Fault, Question

QUIET = "A check that is red on clean data is switched off by the third week. What in these rows is rare, and allowed?"


def listed(answer: object, kind: type) -> list[Any]:
    """The answer as a list of columns, rules or laws; Fault when it is something else."""
    one = [answer] if isinstance(answer, kind) else answer
    if not isinstance(one, Sequence) or isinstance(one, str) or not all(isinstance(each, kind) for each in one):
        name = kind.__name__
        came = f"a {type(answer).__name__}"
        raise Fault(expected=f"a list of {name}(…)", came=came, cause=f"Put each {name} into the brackets of the list")
    return list(one)


class Q1(Question):
    """Columns: what a value may be"""

    names: ClassVar = ("site", "plug", "ended", "kwh")

    @staticmethod
    def prepare(seed: int) -> object:
        """The first check loads much; the learner need not wait for it."""
        return defects.judged(drawn.sessions_of(seed), defects.table())

    def __init__(self, seed: int, q1: object) -> None:
        self.seed, self.clean = seed, drawn.sessions_of(seed)
        self.columns = {column.name: column for column in listed(q1, Column)}
        missing = [name for name in self.names if name not in self.columns]
        require(
            not missing,
            expected="a Column for site, plug, ended and kwh",
            came=f"none for {', '.join(missing)}",
            cause="name= is the name in the table, in small letters",
        )
        self.table = defects.table([self.columns[name] for name in self.names])

    def check_quiet(self) -> None:
        """clean rows are accepted, also those of next month"""
        for seed in (self.seed, self.seed + 500):
            report = defects.judged(drawn.sessions_of(seed), self.table)
            lost = report.quarantine["sessions"]
            cause = QUIET if lost.empty else f"{lost['reason'].iloc[0]}. {QUIET}"
            require(lost.empty, expected="no clean row refused", came=f"{len(lost)} refused", cause=cause)

    def check_kwh(self) -> None:
        """energy below zero, above 100 kWh, in Wh, or missing is refused"""
        cause = (
            "0 kWh is possible, and 100 is the largest battery: low=, high=, both inclusive; and nothing for max_null"
        )
        self._refused("kwh", (-1.0, -0.01, 100.5, 7400.0, None), cause)

    def check_site(self) -> None:
        """a site that is not two capitals, a hyphen and two digits is refused"""
        cause = (
            'Bind the pattern to the whole text: "^[A-Z]{2}-[0-9]{2}$". A list of the sites of today is wrong tomorrow'
        )
        self._refused("site", ("la-10", "LA10", "LA-1", "LA-100", " LA-10", "XLA-10", ""), cause)

    def check_plug(self) -> None:
        """a plug that does not exist is refused"""
        cause = "There are three: allowed=(…) is a closed set, written as in the data"
        self._refused("plug", ("TYPE2", "type 2", "schuko", "c"), cause)

    def check_missing(self) -> None:
        """few missing ends are normal, many are not"""
        half = self.clean.copy()
        half.loc[half.index[::2], "ended"] = pd.NaT
        red = [f.check for f in defects.judged(half, self.table).findings if not f.passed]
        cause = "2% are still charging: max_null=0.05 allows for them. Without a limit a broken clock stays unseen"
        require(
            any("missing" in check for check in red),
            expected="red when half of the ends are missing",
            came="green",
            cause=cause,
        )

    def _refused(self, name: str, values: tuple[object, ...], cause: str) -> None:
        rows = self.clean.copy()
        rows[name] = [*values, *rows[name].iloc[len(values) :]]
        lost = defects.judged(rows, self.table).quarantine["sessions"]
        kept = [value for number, value in enumerate(values, start=1) if number not in lost.index]
        shown = "a missing value" if None in kept[:1] else repr(kept[0]) if kept else ""
        require(not kept, expected=f"{name} {shown} refused", came="accepted", cause=cause)


class Q2(Question):
    """The key: what identifies a session"""

    def __init__(self, seed: int, q2: object) -> None:
        self.rows = drawn.sessions_of(seed)
        one = (q2,) if isinstance(q2, str) else q2
        if not isinstance(one, (tuple, list, set)):
            kind = type(one).__name__
            raise Fault(expected="a tuple of names", came=f"a {kind}", cause='As in ("first", "second")')
        self.key = list(one)
        unknown = [name for name in self.key if name not in self.rows.columns]
        require(
            not unknown and self.key,
            expected=f"names of columns: {', '.join(self.rows.columns)}",
            came=f"{', '.join(map(str, unknown)) or 'none'}",
            cause="Is it written as in the table?",
        )

    def check_unique(self) -> None:
        """no two clean sessions have the same key"""
        doubled = self.rows[self.rows.duplicated(self.key, keep=False)]
        cause = "Each site counts its sessions for itself, and a fleet starts two cars at the same moment"
        came = f"{len(doubled)} clean rows share theirs"
        require(doubled.empty, expected="a key for each session", came=came, cause=cause)

    def check_caught(self) -> None:
        """a session that was sent twice is noticed, though a value differs"""
        again = defects.sent_twice(self.rows)
        require(
            again.duplicated(self.key).sum() >= defects.TWICE,
            expected=f"{defects.TWICE} doubled sessions noticed",
            came=f"{again.duplicated(self.key).sum()}",
            cause="The second message has other kwh and a later end: what changes is no part of a key",
        )

    def check_minimal(self) -> None:
        """no column of it can be left out"""
        for name in self.key if len(self.key) > 1 else []:
            rest = [other for other in self.key if other != name]
            require(
                self.rows.duplicated(rest).any(),
                expected="as few columns as possible",
                came=f"{name}, without which it is unique as well",
                cause="Each column more lets a doubled session through",
            )


class Q3(Question):
    """Rules between columns"""

    def __init__(self, seed: int, q3: object) -> None:
        self.seed, self.rules = seed, listed(q3, Rule)
        self.clean = drawn.sessions_of(seed)

    def check_quiet(self) -> None:
        """clean rows keep every rule"""
        for seed in (self.seed, self.seed + 500):
            lost = self._refused(drawn.sessions_of(seed))
            if len(lost):
                row = lost.iloc[0]
                shown = f"{row['started']} to {row['ended']}, {row['kwh']} kWh, {row['dollars']} dollars"
                came = f"{len(lost)} refused, the first: {shown} ({row['reason']})"
                cause = (
                    "A session that is still charging has no end and is sound. A rule that gives NULL is kept, but "
                    "greatest leaves NULL out: greatest(NULL, 0) is 0. Begin with: ended is null or …"
                )
                rounded = f"22 kW for every hour is allowed (<=); a fee is rounded to a cent: abs(…) <= .01. {QUIET}"
                cause = cause if pd.isna(row["ended"]) else rounded
                require(False, expected="no clean row refused", came=came, cause=cause)

    def check_order(self) -> None:
        """an end before the start is refused"""
        self._caught(defects.swapped, "started and ended swapped", "ended >= started")

    def check_power(self) -> None:
        """more energy than 22 kW can give in the time is refused"""
        cause = "kwh <= 22 * hours, and hours are epoch(ended - started) / 3600; leave a tolerance of .01"
        self._caught(defects.too_fast, "30 kW, each value possible in itself", cause)

    def check_fee(self) -> None:
        """a fee that is not a dollar for each hour after the fourth is refused"""
        cause = "dollars is greatest(hours - 4, 0), to a cent: too little is as wrong as too much. Compare with abs(…)"
        self._caught(defects.no_fee, "no fee after six hours", cause)
        self._caught(defects.fee_from_start, "a fee for the free hours", cause)

    def _caught(self, plant: Callable[[pd.DataFrame], pd.DataFrame], what: str, cause: str) -> None:
        planted = plant(self.clean)
        bad = planted[(planted != self.clean).any(axis=1) & planted["ended"].notna()]
        numbers = set(bad.index + 1)
        found = numbers & set(self._refused(planted).index)
        came = f"{len(found)} of {len(numbers)} refused"
        require(found == numbers, expected=f"every row refused: {what}", came=came, cause=cause)

    def _refused(self, rows: pd.DataFrame) -> pd.DataFrame:
        return defects.judged(rows, defects.table((), rules=self.rules)).quarantine["sessions"]


class Q4(Question):
    """Quarantine with reasons"""

    def __init__(self, seed: int, q4: object) -> None:
        self.clean = drawn.sessions_of(seed)
        self.rows, self.reasons = defects.mixed(self.clean, seed)
        before = self.rows.copy()
        given = self.rows.copy()
        found = answers.called(q4, given)
        require(
            isinstance(found, tuple) and len(found) == 2 and all(isinstance(each, pd.DataFrame) for each in found),
            expected="two tables: good, bad",
            came=f"a {type(found).__name__}",
            cause="End with: return good, bad",
        )
        self.good, self.bad = found
        self.unchanged = before.equals(given)
        for each in (self.good, self.bad):
            require(
                "session" in each and "site" in each,
                expected="rows with all their columns",
                came=f"the columns {', '.join(map(str, each.columns))}",
                cause="Select rows, not columns; do not make the key the index",
            )

    @staticmethod
    def _keys(rows: pd.DataFrame) -> list[tuple[str, int]]:
        return sorted(zip(rows["site"].astype(str), rows["session"].astype(int), strict=True))

    def check_nothing_lost(self) -> None:
        """each row is in one of the two tables, once"""
        together = sorted(self._keys(self.good) + self._keys(self.bad))
        require(
            together == self._keys(self.rows),
            expected=f"{len(self.rows)} rows in good and bad together",
            came=f"{len(together)} ({len(self.good)} good, {len(self.bad)} bad)",
            cause="Bad rows are kept aside, never dropped; a row with two faults is still one row",
        )

    def check_good(self) -> None:
        """no bad row is among the good ones"""
        wrong = set(self._keys(self.good)) & set(self.reasons)
        broken = next((of for key, of in self.reasons.items() if key in wrong), ())
        require(
            not wrong,
            expected="good rows keep all three rules",
            came=f"{len(wrong)} bad ones among them, the first breaks: {'; '.join(broken)}",
            cause="A row is bad when any rule is broken; a missing kwh is bad as well",
        )

    def check_quiet(self) -> None:
        """no good row is in quarantine"""
        wrong = set(self._keys(self.bad)) - set(self.reasons)
        missing = self.rows["ended"].isna()
        running = set(self._keys(self.rows[missing])) & wrong
        cause = QUIET
        if running:
            cause = "A comparison with a missing value is False: a session that is still charging (no end) is good"
        require(not wrong, expected="only bad rows in quarantine", came=f"{len(wrong)} good ones", cause=cause)

    def check_reasons(self) -> None:
        """each bad row says all that is wrong with it"""
        require(
            "reason" in self.bad,
            expected="a column reason",
            came="none",
            cause="bad.assign(reason=…), text for each row",
        )
        said = dict(
            zip(zip(self.bad["site"], self.bad["session"].astype(int), strict=True), self.bad["reason"], strict=True)
        )
        for key, words in self.reasons.items():
            came = said.get(key, "")
            missing = [word for word in words if word not in str(came)]
            require(
                not missing,
                expected=f"a reason that names {' and '.join(words)}",
                came=repr(came),
                cause="Name the column that is wrong; a row with two faults needs both, not the first or the last",
            )

    def check_input(self) -> None:
        """the table that was given is as before"""
        require(
            self.unchanged,
            expected="the rows that were given, unchanged",
            came="changed ones",
            cause="The caller still needs them: work on a copy, or use assign",
        )


class Q5(Question):
    """A law of the table as a whole"""

    months: ClassVar = range(5)

    def __init__(self, seed: int, q5: object) -> None:
        laws = listed(q5, Law)
        require(laws, expected="a Law", came="an empty list", cause="Law(name, figure, low, high, about)")
        self.seed, self.laws = seed, laws

    def check_quiet(self) -> None:
        """it holds in every clean month"""
        for month in self.months:
            red = self._red(drawn.sessions_of(10 * self.seed + month))
            cause = f"Look at the figure in several clean months (other seeds) before you choose the limits. {QUIET}"
            require(not red, expected="green on clean months", came="; ".join(red), cause=cause)

    def check_local(self) -> None:
        """it is red when local time was written as UTC"""
        cause = "Each value is possible, but people plug in at work in the morning: watch the usual hour of the start"
        self._caught(defects.local_as_utc, "starts 8 hours early", cause)

    def check_later(self) -> None:
        """it is red when the clock is wrong the other way"""
        cause = "A limit below and one above: low and high, both close to what is usual"
        self._caught(defects.late_clock, "starts 5 hours late", cause)

    def _caught(self, plant: Callable[[pd.DataFrame], pd.DataFrame], what: str, cause: str) -> None:
        for month in self.months[:2]:
            red = self._red(plant(drawn.sessions_of(10 * self.seed + month)))
            require(red, expected=f"red: {what}", came="green", cause=cause)

    def _red(self, rows: pd.DataFrame) -> list[str]:
        return defects.broken_laws(rows, self.laws)


class Q6(Question):
    """Checks of your own (open)"""

    def __init__(self, seed: int, q6: object) -> None:
        self.seed, self.q6, self.usual = seed, q6, drawn.sessions_of(seed)
        self.new = drawn.sessions_of(seed + 700, sites=sorted(self.usual["site"].unique()))
        self._said(self.new)

    def _said(self, rows: pd.DataFrame) -> list[str]:
        said = answers.called(self.q6, self.usual.copy(), rows.copy())
        require(
            isinstance(said, (list, tuple)) and all(isinstance(each, str) for each in said),
            expected="a list of texts, empty when all is well",
            came=f"a {type(said).__name__}",
            cause="Begin with problems = [], append a sentence for each problem, and return problems",
        )
        return list(said)

    def check_quiet(self) -> None:
        """it finds nothing in clean months"""
        for month in range(4):
            sites = sorted(self.usual["site"].unique())
            said = self._said(drawn.sessions_of(100 * self.seed + month, sites=sites))
            require(not said, expected="an empty list", came="; ".join(said), cause=f"A false alarm. {QUIET}")

    def check_silent(self) -> None:
        """it notices a site that sends nothing any more"""
        cause = "Compare the sites, or the rows of each site, with those of the usual month"
        self._finds(defects.silent_site, "a site without a row", cause)

    def check_unit(self) -> None:
        """it notices a site that sends Wh instead of kWh"""
        self._finds(defects.in_watt_hours, "kwh a thousand times too large at one site", "Watch the largest value")

    def check_frozen(self) -> None:
        """it notices a meter that always sends the same value"""
        cause = (
            "Every row of a site has the same kwh, and each value is possible: count the different values of each site"
        )
        self._finds(defects.frozen, "the same kwh in every row of a site", cause)

    def check_missing(self) -> None:
        """it notices that ends are missing more often"""
        cause = "2% are usual: compare the share with a limit, well above what chance does"
        self._finds(defects.ends_missing, "30% of the ends missing", cause)

    def _finds(self, plant: Callable[[pd.DataFrame], pd.DataFrame], what: str, cause: str) -> None:
        said = self._said(plant(self.new))
        require(said, expected=f"a problem told: {what}", came="an empty list", cause=cause)
