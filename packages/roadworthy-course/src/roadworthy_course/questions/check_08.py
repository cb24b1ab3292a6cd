"""The visible checks of exercise 08; see `checks.py` of roadworthy_course for how they are written."""

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss

from roadworthy.project import Project
from roadworthy_course import answers, contenders, interrupted, intervals, notes, releases
from roadworthy_course.answers import require
from roadworthy_course.checks import Fault, Question

KINDS = ("better", "worse")
MISREAD = {  # by the reason that was given and is none
    "drift": "Drift alone is no reason to retrain: it rings for every season",
    "data_quality": "Only the newest week of data_quality counts: what was repaired is repaired",
}


def two_words(answer: object) -> tuple[str, str]:
    """A decision and its reason; Fault when the answer is something else."""
    right = isinstance(answer, tuple | list) and len(answer) == 2 and all(isinstance(each, str) for each in answer)
    came = repr(answer) if isinstance(answer, str | tuple | list) else f"a {type(answer).__name__}"
    require(right, expected="(decision, reason), two texts", came=came, cause="End with: return decision, reason")
    decision, reason = (str(each).strip() for each in cast("tuple[object, object]", answer))
    return decision.lower(), reason


class Q1(Question):
    """Is it time?"""

    def __init__(self, seed: int, q1: object) -> None:
        self.said = {}
        for case in releases.CASES:
            for month in range(2):
                weeks = releases.weeks(10 * seed + month, case)
                self.said[case, month] = two_words(answers.called(q1, weeks))

    def check_broken(self) -> None:
        """broken data are repaired first"""
        self._right("repair")

    def check_early(self) -> None:
        """with fewer than 28 new days it is too early"""
        self._right("wait", "new_days")

    def check_needed(self) -> None:
        """a champion that fails or is too old is replaced"""
        self._right("retrain")

    def check_quiet(self) -> None:
        """without one of these reasons nothing is done"""
        self._right("wait", "nothing")

    def _right(self, decision: str, reason: str = "") -> None:
        for (case, _), (decided, why) in self.said.items():
            if case.decision == decision and reason in ("", case.reason):
                require(
                    (decided, why.lower()) == (case.decision, case.reason),
                    expected=f'("{case.decision}", "{case.reason}") when {case.story}',
                    came=f'("{decided}", "{why}")',
                    cause=MISREAD.get(why.lower(), case.cause) if why.lower() != case.reason else case.cause,
                )


class Q2(Question):
    """What may it learn from?"""

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """The first check reads much; the learner need not wait for it."""
        return contenders.days_of(project, seed, 42)

    def __init__(self, project: Project, seed: int, q2: object) -> None:
        random = np.random.default_rng(seed)
        self.days = int(random.integers(8, 16))
        self.rows = contenders.days_of(project, seed, 42).sample(frac=1, random_state=seed)
        chosen = self.rows[self.rows["known"].notna()].sort_values("scheduled")["known"].iloc[len(self.rows) * 3 // 4]
        self.as_of = chosen  # one label becomes known at this very moment
        edge = self.rows.index[(self.rows["known"] < self.as_of)][0]
        self.edge = int(self.rows.loc[edge, "id"])
        self.rows.loc[edge, "scheduled"] = self.as_of - pd.Timedelta(days=self.days)
        self.before = self.rows.copy()
        self.found = {
            window: self._asked(q2, window, None if window == "expanding" else self.days)
            for window in ("expanding", "sliding", "weighted")
        }

    def _asked(self, q2: object, window: str, days: int | None) -> pd.DataFrame:
        found = answers.called(q2, self.rows, self.as_of, window, days)
        require(
            isinstance(found, pd.DataFrame),
            expected=f'a table for "{window}"',
            came=f"a {type(found).__name__}",
            cause="Return rows of the table that was given",
        )
        for name in ("id", "weight"):
            require(
                name in found,
                expected=f'a column {name} for "{window}"',
                came=f"the columns {', '.join(map(str, found.columns))}",
                cause="Return the rows with all their columns, and .assign(weight=…)",
            )
        table: pd.DataFrame = found
        return table

    def check_known(self) -> None:
        """no row whose label was not known at as_of"""
        known = self.before.set_index("id")["known"]
        for window, found in self.found.items():
            at = known.reindex(found["id"])
            late = int((at > self.as_of).sum())
            cause = "A flight that has left is not yet labelled: compare known, not scheduled, with as_of"
            require(late == 0, expected=f'no later label for "{window}"', came=f"{late} of them", cause=cause)
            none = int(at.isna().sum())
            require(
                none == 0,
                expected=f'no cancelled flight for "{window}"',
                came=f"{none} of them",
                cause=(
                    "Where known is missing there is no label; a comparison known <= as_of "
                    "leaves it out, its opposite does not"
                ),
            )

    def check_rows(self) -> None:
        """all rows that may be learned from are there, once"""
        for window in ("expanding", "weighted"):
            self._rows(
                window,
                self.before["known"] <= self.as_of,
                "A label known at as_of itself counts; nothing else is left out",
            )

    def check_sliding(self) -> None:
        """the sliding window has the newest days"""
        start = self.as_of - pd.Timedelta(days=self.days)
        fits = (self.before["known"] <= self.as_of) & (self.before["scheduled"] >= start)
        cause = (
            f"It begins {self.days} days before as_of, to the minute, and that moment counts; it is not the last "
            "rows, which are in no order, and not whole days"
        )
        self._rows("sliding", fits, cause)

    def check_weights(self) -> None:
        """weights halve every so many days; without, all are 1"""
        for window in ("expanding", "sliding"):
            weights = pd.to_numeric(self.found[window]["weight"], errors="coerce")
            off = (weights != 1).sum()
            cause = "Only the weighted window weighs"
            require(off == 0, expected=f'weight 1 for "{window}"', came=f"{off} other weights", cause=cause)
        found = self.found["weighted"]
        age = (self.as_of - self.before.set_index("id")["scheduled"].reindex(found["id"])).dt.total_seconds() / 86400
        yours = pd.to_numeric(found["weight"], errors="coerce").to_numpy(float)
        right = 2.0 ** -(age.to_numpy() / self.days)
        at = int(np.argmax(np.where(np.isfinite(yours), np.abs(yours - right), np.inf)))
        came = f"{yours[at]:.4f}"
        expected = (
            f"{right[at]:.4f} for a flight of {age.iloc[at]:.2f} days before as_of, when {self.days} days halve it"
        )
        require(
            abs(yours[at] - right[at]) < 1e-6, expected=expected, came=came, cause=self._weights(age.to_numpy(), yours)
        )

    def _weights(self, age: "np.ndarray[Any, Any]", yours: "np.ndarray[Any, Any]") -> str:
        def near(other: Any) -> bool:
            return bool(np.allclose(yours, other, atol=1e-4))

        if near(np.exp(-age / self.days)):
            return "exp(-age / days) falls to .37 in that time; a half is 0.5 ** (age / days)"
        if near(0.5 ** (np.floor(age) / self.days)) or near(0.5 ** (np.ceil(age) / self.days)):
            return "Parts of a day count: .dt.days cuts them off; divide by pd.Timedelta(days=1)"
        if near(0.5 ** ((age - age.min()) / self.days)):
            return "The age counts from as_of, not from the newest row"
        if (np.diff(yours[np.argsort(age)]) > 0).any():
            return "An older flight weighs less: the age is as_of - scheduled"
        return "0.5 ** (age / days), where the age is as_of - scheduled, in days"

    def check_unchanged(self) -> None:
        """the table that was given is as before"""
        require(
            self.before.equals(self.rows),
            expected="the rows that were given, unchanged",
            came="changed ones",
            cause="The caller still needs them: use assign, or work on a copy",
        )

    def _rows(self, window: str, fits: "pd.Series[bool]", cause: str) -> None:
        right, yours = set(self.before.loc[fits, "id"]), self.found[window]["id"].tolist()
        more, less = set(yours) - right, right - set(yours)
        came = (
            f"{len(yours):,} rows: {len(less)} are missing, {len(more)} do not belong, "
            f"{len(yours) - len(set(yours))} are doubled"
        )
        require(sorted(yours) == sorted(right), expected=f'{len(right):,} rows for "{window}"', came=came, cause=cause)


class Q3(Question):
    """Is it better?"""

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """Models are drawn until chance does not hide what they are."""
        return [contenders.meeting(project, seed, kind) for kind in contenders.KINDS]

    def __init__(self, project: Project, seed: int, q3: object) -> None:
        self.meeting = contenders.meeting(project, seed, KINDS[seed % 2])
        found = answers.called(q3, self.meeting.rows.sample(frac=1, random_state=seed), self.meeting.learned_until)
        self.yours = intervals.three(found)
        self.right = _in_all(project, seed, KINDS[seed % 2])

    def check_difference(self) -> None:
        """the difference is that of the Brier scores, on days that neither model knows"""
        cause = intervals.why_difference(self.meeting, self.yours[0])
        off = abs(abs(self.yours[0]) - abs(self.right[0])) > 1e-6
        require(not off, expected=f"a difference of {self.right[0]:+.5f}", came=f"{self.yours[0]:+.5f}", cause=cause)

    def check_sign(self) -> None:
        """above 0 the challenger is better"""
        word = "better" if self.right[0] > 0 else "worse"
        require(
            np.sign(self.yours[0]) == np.sign(self.right[0]),
            expected=f"{self.right[0]:+.5f}: the challenger is {word}",
            came=f"{self.yours[0]:+.5f}",
            cause=(
                "The sign is swapped: a smaller Brier score is better, so it is that of "
                "the champion minus that of the challenger"
            ),
        )

    def check_order(self) -> None:
        """the difference lies in its interval"""
        middle, low, high = self.yours
        came = f"({middle:.5f}, {low:.5f}, {high:.5f})"
        cause = "When the sign of a difference turns, low and high change places, and turn as well"
        require(low <= middle <= high, expected="low <= difference <= high", came=came, cause=cause)

    def check_interval(self) -> None:
        """the interval is that of whole days, paired"""
        cause = intervals.why_width(self.meeting, self.yours, self.right)
        expected = f"an interval about as wide as {self.right[1]:+.4f} to {self.right[2]:+.4f}"
        came = f"{self.yours[1]:+.4f} to {self.yours[2]:+.4f}"
        require(intervals.as_wide(self.yours, self.right), expected=expected, came=came, cause=cause)


@cache
def _in_all(project: Project, seed: int, kind: str) -> contenders.Interval:
    rows = contenders.meeting(project, seed, kind).judged
    return contenders.by_days(contenders.gains(rows), rows["day"], draws=4000)


class Q4(Question):
    """May it serve?"""

    prepare = Q3.prepare

    def __init__(self, project: Project, seed: int, q4: object) -> None:
        self.project, self.seed = project, seed
        self.chance = "equal" if seed % 2 else "worse"
        self.said = {
            kind: two_words(answers.called(q4, contenders.meeting(project, seed, kind).judged))
            for kind in ("better", self.chance, "two days", "slice")
        }

    def check_better(self) -> None:
        """a challenger that is better, and for no carrier worse, is promoted"""
        cause = (
            f"{contenders.SMALL} looks worse, but its few flights allow no verdict: "
            "only an interval that lies below 0 as a "
            "whole stops a promotion"
        )
        self._decided("better", "promote", cause)

    def check_chance(self) -> None:
        """one that is not better beyond chance is kept out"""
        cause = "Its interval holds 0: a difference above 0 is not enough, low has to be"
        if self.chance == "worse":
            cause = "Its Brier score is larger. Has the sign been swapped? Smaller is better"
        self._decided(self.chance, "keep", cause)

    def check_two_days(self) -> None:
        """one that was lucky on two days is kept out"""
        cause = "Two days make the whole gain: an interval by flights does not see it, one by whole days does"
        self._decided("two days", "keep", cause)

    def check_slice(self) -> None:
        """one that is worse for a carrier is kept out, and the reason names it"""
        worst = contenders.meeting(self.project, self.seed, "slice").slice
        self._decided("slice", "keep", f"Better in all, but worse for {worst}: look at each carrier by itself")
        reason = self.said["slice"][1]
        named = {name for name in (*contenders.LARGE, contenders.SMALL) if re.search(rf"\b{name}\b", reason)}
        cause = "The reason names the carriers whose interval lies below 0, and no other"
        require(named == {worst}, expected=f"a reason that names {worst}", came=repr(reason), cause=cause)

    def check_reason(self) -> None:
        """the reason gives the interval"""
        for kind in ("better", self.chance, "two days"):
            right, reason = _in_all(self.project, self.seed, kind), self.said[kind][1]
            numbers = notes.numbers(reason)
            near = [[abs(number - end) < 0.25 * (right[2] - right[1]) for number in numbers] for end in right[1:]]
            expected = f"a reason with about {right[1]:+.4f} and {right[2]:+.4f}"
            cause = "Write both ends into the sentence, with 4 decimals: f'{low:+.4f} to {high:+.4f}'"
            require(all(any(ends) for ends in near), expected=expected, came=repr(reason), cause=cause)

    def _decided(self, kind: str, right: str, cause: str) -> None:
        decision = self.said[kind][0]
        require(decision == right, expected=f'"{right}"', came=f'"{decision}"', cause=cause)


class Q5(Question):
    """A registry on disk"""

    def __init__(self, seed: int, q5: object) -> None:
        pair = list(q5.values()) if isinstance(q5, Mapping) else q5
        right = isinstance(pair, Sequence) and len(pair) == 2 and all(callable(each) for each in pair)
        cause = "q5 = (promote, roll_back): the functions themselves, without brackets behind them"
        require(right, expected="two functions", came=f"{type(q5).__name__} {q5!r}", cause=cause)
        self.promote, self.back = cast("Sequence[Callable[..., object]]", pair)
        self.seed = seed

    def check_promote(self) -> None:
        """a promotion writes the champion and who was it before"""
        with tempfile.TemporaryDirectory() as name:
            folder, (one, two, three, *_) = _shelf(name, self.seed)
            cause = "Before the first promotion there is no file and no champion: former is empty then"
            self._does(folder, [("promote", two)], two, [], cause)
            cause = "The old champion goes to the end of former; the new one is not in it"
            self._does(folder, [("promote", one), ("promote", three)], three, [two, one], cause)
            cause = "A version that serves already: to add it to former would make the next way back lead nowhere"
            self._does(folder, [("promote", three)], three, [two, one], cause)

    def check_back(self) -> None:
        """rolling back goes one step, twice goes two"""
        with tempfile.TemporaryDirectory() as name:
            folder, (one, two, three, *_) = _shelf(name, self.seed)
            self._does(
                folder, [("promote", each) for each in (three, one, two)], two, [three, one], "promote comes first"
            )
            cause = (
                "The last of former becomes the champion and leaves former; the "
                "version that was rolled back is not added"
            )
            self._does(folder, [("back", 0)], one, [three], cause)
            cause = "Two in a row go back twice"
            self._does(folder, [("back", 0)], three, [], cause)

    def check_log(self) -> None:
        """the log keeps what happened"""
        with tempfile.TemporaryDirectory() as name:
            folder, (one, two, *_) = _shelf(name, self.seed)
            before: list[str] = []
            for what, version in (("promote", one), ("promote", two), ("promote", two), ("back", 0)):
                self._do(folder, what, version)
                log = list(self._state(folder).get("log", ()))
                more = 0 if (what, len(before)) == ("promote", 2) else 1
                expected = f"a log of {len(before) + more} texts after: {_told(what, version)}"
                cause = "Each change adds one text at the end, also a way back; what changes nothing adds none"
                kept = log[: len(before)] == before and len(log) == len(before) + more
                require(
                    kept and all(isinstance(each, str) for each in log), expected=expected, came=repr(log), cause=cause
                )
                before = log

    def check_refused(self) -> None:
        """what cannot be done is refused, and changes nothing"""
        with tempfile.TemporaryDirectory() as name:
            folder, (one, two, *_) = _shelf(name, self.seed)
            for steps, what, version, cause in (
                ([], "back", 0, "Nobody was champion: raise an error, without a file as well"),
                ([], "promote", 77, "versions/77 does not exist: look before you write, and raise an error"),
                ([one], "back", 0, "Nobody was champion before the first one: raise an error, former is empty"),
                ([two], "promote", 77, "versions/77 does not exist: look before you write, and raise an error"),
            ):
                for each in steps:
                    self._do(folder, "promote", each)
                before = releases.state(folder)
                try:
                    (self.promote(folder, version) if what == "promote" else self.back(folder))
                    told = "no error"
                except Exception as error:  # noqa: BLE001 - any error is right
                    told = "an error that says nothing" if not str(error).strip() else ""
                require(not told, expected=f"an error: {_told(what, version)}", came=told, cause=cause)
                after = releases.state(folder)
                came = f"{after} instead of {before}"
                require(after == before, expected="champion.json as it was", came=came, cause="Refuse before you write")

    def check_killed(self) -> None:
        """a process that is killed leaves the old state or the new one"""
        with tempfile.TemporaryDirectory() as name:
            folder, (one, two, three, *_) = _shelf(name, self.seed)
            self._do(folder, "promote", one)
            self._do(folder, "promote", two)
            kept = (folder / releases.STATE).read_bytes()
            for what in ("promote", "back"):
                (folder / releases.STATE).write_bytes(kept)
                action = self._action(folder, what, three)
                steps = interrupted.steps(action, folder)
                _beside(steps, folder)
                new = releases.state(folder)
                for number, step in enumerate(steps):
                    (folder / releases.STATE).write_bytes(kept)
                    with suppress(Exception):
                        interrupted.killed(action, folder, number)
                    _whole(folder, (json.loads(kept), new), step)

    def _do(self, folder: Path, what: str, version: int) -> None:
        self._action(folder, what, version)()

    def _action(self, folder: Path, what: str, version: int) -> Callable[[], object]:
        arguments = (folder, version) if what == "promote" else (folder,)
        return lambda: answers.called(self.promote if what == "promote" else self.back, *arguments)

    def _state(self, folder: Path) -> dict[str, Any]:
        try:
            found = releases.state(folder)
        except ValueError:
            found = "no JSON"
        cause = "Write it with json.dumps({'champion': …, 'former': […], 'log': […]})"
        require(isinstance(found, dict), expected="a dictionary in champion.json", came=repr(found), cause=cause)
        return dict(found)

    def _does(self, folder: Path, steps: list[tuple[str, int]], champion: int, former: list[int], cause: str) -> None:
        for what, version in steps:
            self._do(folder, what, version)
        found = self._state(folder)
        expected = f'"champion": {champion}, "former": {former} after: {_told(*steps[-1])}'
        came = ", ".join(f'"{name}": {found.get(name)}' for name in ("champion", "former"))
        right = (found.get("champion"), found.get("former")) == (champion, former)
        require(right, expected=expected, came=came, cause=cause)


def _shelf(name: str, seed: int) -> tuple[Path, list[int]]:
    folder = Path(name).resolve()
    return folder, releases.shelf(folder, seed)


def _told(what: str, version: int) -> str:
    return f"promote version {version}" if what == "promote" else "roll back"


def _beside(steps: list[interrupted.Step], folder: Path) -> None:
    """The state is never written in its place, nor moved there from another disk."""
    place = folder / releases.STATE
    for step in steps:
        if step.path == place:
            cause = "A process killed while it writes leaves half a file: write another file beside it, then os.replace"
            written = step.event in ("open", "os.truncate")
            require(not written, expected="champion.json is never opened for writing", came="it is", cause=cause)
            came = f"a file of {step.source.parent}" if step.source else ""
            outside = step.source is not None and folder not in step.source.parents
            cause = "From another disk a rename is a copy, or fails: write the new file into the same folder"
            require(not outside, expected="a file beside it, renamed", came=came, cause=cause)


def _whole(folder: Path, states: tuple[Any, Any], step: interrupted.Step) -> None:
    try:
        found = releases.state(folder)
    except ValueError:
        found = "half a file"
    cause = "Do not remove the old file first: os.replace puts the new one into its place in one step"
    if found is not None:
        cause = "All of a change in one file, written once: two files or two writes can be cut apart"
    expected = f"the old state or the new one, when killed before {step.event} of {step.path.name}"
    require(found in states, expected=expected, came="no file" if found is None else repr(found), cause=cause)


class Q6(Question):
    """A card with its lineage"""

    def __init__(self, project: Project, seed: int, q6: object) -> None:
        with tempfile.TemporaryDirectory() as name:
            self.run = releases.run(project, Path(name), seed)
            self.record = json.loads(json.dumps(self.run.record))
            self.rows = self.run.rows
            found = answers.called(q6, Path(name), self.record, self.rows.copy())
        require(
            isinstance(found, Mapping),
            expected="a dictionary",
            came=f"a {type(found).__name__}",
            cause="End with: return {…}",
        )
        self.card: dict[str, Any] = dict(found)
        missing = [
            name for name in ("data", "commit", "parameters", "brier", "carriers", "limits") if name not in found
        ]
        expected, came = f"a key {missing[0] if missing else ''}", f"the keys {', '.join(map(str, found))}"
        require(not missing, expected=expected, came=came, cause="The names are those of the question")

    def check_data(self) -> None:
        """the sums are those of the files"""
        yours = _mapping(self.card["data"], "data")
        plain = {Path(str(name)).name: str(each).lower().removeprefix("sha256:") for name, each in yours.items()}
        names = f"{', '.join(sorted(self.run.sums))}"
        cause = "One entry for each file of the folder, by its name"
        require(
            sorted(plain) == sorted(self.run.sums), expected=names, came=", ".join(sorted(plain)) or "none", cause=cause
        )
        by_hand = "hashlib.sha256(path.read_bytes()).hexdigest()"
        cause = f"The sum is that of the bytes: files.file_sha256(path), or {by_hand}"
        for name, right in self.run.sums.items():
            require(plain[name] == right, expected=f"{right} of {name}", came=plain[name], cause=cause)

    def check_origin(self) -> None:
        """commit and parameters are those of the record"""
        cause = "The caller still needs the record: build a new dictionary"
        require(self.record == self.run.record, expected="the record as it was", came="another", cause=cause)
        for name in ("commit", "parameters"):
            right, yours = self.run.record[name], self.card[name]
            cause = "As in the record, whole: with a shorter commit or without a parameter nobody makes it again"
            require(yours == right, expected=f"{name}: {right}", came=repr(yours), cause=cause)

    def check_brier(self) -> None:
        """the Brier score of the challenger has its interval by days"""
        yours = intervals.three(self.card["brier"])
        late = self.rows["late"].to_numpy()
        scores = {name: float(brier_score_loss(late, self.rows[name])) for name in ("challenger", "champion")}
        cause = "The mean of (challenger - late)² over the flights, not rounded"
        if abs(yours[0] - scores["champion"]) < 1e-6:
            cause = "That is the score of the champion; the card is that of the challenger"
        near = abs(yours[0] - scores["challenger"]) < 1e-6
        require(near, expected=f"{scores['challenger']:.6f}", came=f"{yours[0]:.6f}", cause=cause)
        squares = (self.rows["challenger"].to_numpy() - late) ** 2
        right = contenders.by_days(squares, self.rows["day"], draws=4000)
        cause = (
            "By whole days, as in question 3, and in the order [value, low, high]; "
            "flights of a day are no independent witnesses"
        )
        expected, came = (f"about {low:.4f} to {high:.4f}" for _, low, high in (right, yours))
        require(yours[1] < yours[2] and intervals.as_wide(yours, right), expected=expected, came=came, cause=cause)

    def check_carriers(self) -> None:
        """each carrier with enough flights has its own score"""
        yours = _mapping(self.card["carriers"], "carriers")
        late, p = self.rows["late"], self.rows["challenger"]
        counts = self.rows["carrier"].value_counts()
        right = sorted(str(name) for name, count in counts.items() if count >= releases.FEW)
        cause = "Those with at least 30 flights, and no other: a score of 29 flights says nothing"
        require(sorted(yours) == right, expected=", ".join(right), came=", ".join(sorted(map(str, yours))), cause=cause)
        for name in right:
            at = self.rows["carrier"] == name
            score = float(((p[at] - late[at]) ** 2).mean())
            said = _mapping(yours[name], f"the carrier {name}")
            near = said.get("flights") == at.sum() and abs(float(said.get("brier", 9)) - score) < 1e-6
            expected, cause = (
                f"{name}: flights {at.sum()}, brier {score:.4f}",
                "Of the challenger, on the flights of this carrier",
            )
            require(near, expected=expected, came=str(said), cause=cause)

    def check_limits(self) -> None:
        """the limits follow from the data"""
        limits = self.card["limits"]
        texts = [limits] if isinstance(limits, str) else list(limits) if isinstance(limits, list | tuple) else []
        said = " ".join(map(str, texts))
        until = self.run.record["learned_until"]
        cause = "The day is record['learned_until']; the first day on which it was judged is another"
        require(until in said, expected=f"a sentence with {until}", came=repr(said), cause=cause)
        named = {each for each in self.rows["carrier"].unique() if re.search(rf"\b{each}\b", said)}
        expected = f"a sentence with {' and '.join(self.run.few)}"
        cause = "Name the carriers with fewer than 30 flights, found in these rows, and no others"
        require(named == set(self.run.few), expected=expected, came=repr(said), cause=cause)

    def check_plain(self) -> None:
        """it can be written as JSON and read by everybody"""
        cause = "int(…), float(…) and str(…) make plain values of those of numpy, pandas and pathlib"
        try:
            text = json.dumps(self.card)
        except (TypeError, ValueError) as error:
            raise Fault(expected="plain values", came=f"{error}", cause=cause) from error
        cause = "Do not copy the whole record: name what belongs into the card"
        leaked = self.run.record["password"] in text
        require(not leaked, expected="no password in the card", came="the password of the record", cause=cause)


def _mapping(value: object, name: str) -> dict[Any, Any]:
    cause = "A dictionary by name"
    require(
        isinstance(value, Mapping), expected=f"a dictionary for {name}", came=f"a {type(value).__name__}", cause=cause
    )
    return dict(cast("Mapping[Any, Any]", value))


class Q7(Question):
    """The note to the team"""

    kinds: ClassVar = ("better", "equal", "slice", "worse")
    prepare = Q3.prepare

    def __init__(self, project: Project, seed: int, q7: object) -> None:
        self.notes = []
        for kind in self.kinds:
            facts = releases.facts(project, seed, kind)
            text = answers.called(q7, {**facts, "worse": dict(facts["worse"])})
            came = f"a {type(text).__name__}"
            require(isinstance(text, str), expected="a text", came=came, cause="End with: return text, do not print it")
            found = notes.lines(text)
            missing = [word for word in notes.WORDS if word not in found]
            expected = f"a line that begins with {missing[0] if missing else ''}:"
            came, cause = (
                repr(text),
                "Five lines, each with its word and a colon first; '\\n'.join(…) puts them together",
            )
            require(not missing, expected=expected, came=came, cause=cause)
            self.notes.append((facts, found, text))

    def check_decision(self) -> None:
        """it says what was decided, and which version serves"""
        for facts, said, text in self.notes:
            promoted = facts["decision"] == "promote"
            serves = facts["challenger"] if promoted else facts["champion"]
            right = notes.claims(said["Decision"], "promot\\w*") == promoted and notes.says(said["Decision"], serves)
            word = "promoted" if promoted else "kept"
            cause = (
                "The decision is in the facts, and the version that serves is the challenger only when it is promoted"
            )
            right &= promoted or bool(
                re.search(r"\b(keep|kept|keeps|stays?|remains?)\b", said["Decision"], re.IGNORECASE)
            )
            require(right, expected=f"version {serves} is {word}", came=said["Decision"], cause=cause)
            cause = "Nothing is promoted here: the word misleads who reads quickly"
            quiet = promoted or not notes.claims(text, "promot\\w*")
            require(quiet, expected='no "promoted" in the note', came=text, cause=cause)

    def check_figure(self) -> None:
        """it has the difference with its interval, to 4 decimals"""
        for facts, said, _ in self.notes:
            _rounded(said["Figure"], facts["difference"])

    def check_claim(self) -> None:
        """it claims a difference only when the interval leaves out 0"""
        for facts, said, text in self.notes:
            _, low, high = facts["difference"]
            better, worse = (notes.claims(said["Figure"], words) for words in (notes.BETTER, notes.WORSE))
            right = (low > 0, high < 0)
            word = "better" if low > 0 else "worse" if high < 0 else "no claim"
            cause = (
                f"The interval is {low:+.4f} to {high:+.4f}: above 0 is better, below "
                "0 worse, and with 0 inside neither"
            )
            require((better, worse) == right, expected=word, came=said["Figure"], cause=cause)
            if low <= 0 <= high and not facts["worse"]:
                claimed = notes.claims(text, f"{notes.BETTER}|{notes.WORSE}")
                require(not claimed, expected="no claim of a difference", came=text, cause=cause)

    def check_change(self) -> None:
        """it says what changes for whom"""
        for facts, said, _ in self.notes:
            line, (before, after) = said["Change"], facts["warnings"]
            if facts["decision"] == "promote":
                right = facts["who"] in line and notes.says(line, before) and notes.says(line, after)
                expected = f"{facts['who']}: {after} warnings a day instead of {before}"
                cause = "Who acts on the warnings, how many with the challenger, and how many before"
            else:
                right = bool(re.search(r"\bnothing\b|\bno change", line, re.IGNORECASE)) and not notes.says(line, after)
                expected, cause = "nothing changes", "The champion stays, so the warnings do"
            require(right, expected=expected, came=line, cause=cause)

    def check_risk(self) -> None:
        """it says what is not known, and who pays"""
        for facts, said, _ in self.notes:
            line = said["Risk"]
            gone = [facts[name] for name in ("first", "last") if facts[name] not in line]
            cause = "The days on which it was judged, as in the facts: what it does on others is not known"
            require(not gone, expected=f"{facts['first']} and {facts['last']}", came=line, cause=cause)
            for name, (middle, *_) in facts["worse"].items():
                right = re.search(rf"\b{name}\b", line) and not notes.missing(line, [middle])
                cause = "Each carrier of facts['worse'], with its difference"
                require(right, expected=f"{name} {middle:+.4f}", came=line, cause=cause)

    def check_back(self) -> None:
        """it says how to go back, if there is something to take back"""
        for facts, said, text in self.notes:
            if facts["decision"] == "promote":
                right = facts["command"] in said["Way back"] and notes.says(said["Way back"], facts["champion"])
                expected = f"{facts['command']} and version {facts['champion']}"
                cause = "The command, and the version that serves after it: the champion of today"
                require(right, expected=expected, came=said["Way back"], cause=cause)
            else:
                cause = "Nothing was promoted: the command would take away the champion that is good"
                require(facts["command"] not in text, expected="no command", came=said["Way back"], cause=cause)


def _rounded(line: str, figures: contenders.Interval) -> None:
    lost = notes.missing(line, figures)
    written = notes.decimals(line)
    cause = "The difference and both ends, each with :+.4f"
    if any(f"{int(each * 10000) / 10000:.4f}" in written for each in figures if f"{each:.4f}" in lost):
        cause = "A digit is cut off instead of rounded: f'{value:.4f}' rounds"
    elif any(len(each.partition(".")[2]) != 4 for each in written):
        cause = "All three with the same 4 decimals: a figure is not more certain than its interval"
    elif any(f"{-each:.4f}" in written for each in figures if f"{each:.4f}" in lost):
        cause = "The sign is lost or swapped: a minus says that the challenger is worse"
    expected = ", ".join(f"{each:+.4f}" for each in figures)
    require(not lost, expected=expected, came=line, cause=cause)
