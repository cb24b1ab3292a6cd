"""The visible checks of exercise 02; see `checks.py` of roadworthy_course for how they are written."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from roadworthy_course import answers, parity, prototype
from roadworthy_course.answers import require
from roadworthy_course.checks import Fault, NotAnsweredError, Question
from roadworthy_course.frames import GLOBAL, column, run, same, shuffled, unchanged


class Q1(Question):
    """What is not known yet"""

    leaks: ClassVar = {"kwh", "dollars", "free", "kw", "driver_mean", "station_day"}
    honest: ClassVar = {
        "hour": "the clock tells it",
        "weekday": "the calendar tells it",
        "distance": "it belongs to the driver; that it is often missing is no leak",
        "manager_vehicle": "it belongs to the driver",
        "driver_visits": "cumcount counts the sessions that began before this one, in rows sorted by started",
        "platform": "the app tells it",
        "facility_type": "it belongs to the site",
    }
    besides: ClassVar = {"hours", "ended", "long"}  # they leak, but are no column of the model

    @staticmethod
    def prepare(seed: int) -> object:
        """The first question reads the sessions for all."""
        return prototype.sessions(seed)

    def __init__(self, seed: int, q1: object) -> None:
        del seed  # the columns are the same for all drivers
        one = [q1] if isinstance(q1, str) else list(q1) if isinstance(q1, Iterable) else [q1]
        if not all(isinstance(name, str) for name in one):
            raise Fault(expected="a list of names", came=f"a {type(q1).__name__}", cause='As in ["first", "second"]')
        self.named = set(one)
        unknown = sorted(self.named - self.leaks - set(self.honest) - self.besides)
        came = f"{', '.join(unknown[:3]) or 'none'}"
        cause = "They are the names in the lists numbers and categories, before get_dummies"
        require(self.named and not unknown, expected="names of columns of the model", came=came, cause=cause)
        everything = self.leaks | set(self.honest)
        cause = "Then nothing is left to predict from. Which ones does the operator know when the plug goes in?"
        require(not self.named >= everything, expected="some of the columns", came="all of them", cause=cause)

    def check_money(self) -> None:
        """what the driver pays at the end is named"""
        cause = "Only who stays longer than four hours pays: dollars > 0 is the label in other words, and so is free"
        self._named({"dollars", "free"}, cause)

    def check_energy(self) -> None:
        """what the car got by the end is named"""
        self._named({"kwh", "kw"}, "The energy is counted while the car charges. A low AUC makes it no honest column")

    def check_groups(self) -> None:
        """what is calculated over later sessions is named"""
        cause = "A mean or a count over a group holds all its rows: this session itself, and those that came later"
        self._named({"driver_mean", "station_day"}, cause)

    def check_honest(self) -> None:
        """no column is named that is known at the start"""
        wrong = sorted(self.named & set(self.honest))
        cause = f"It is known when the car is plugged in: {self.honest[wrong[0]]}" if wrong else ""
        require(not wrong, expected="only columns that are not known yet", came=", ".join(wrong), cause=cause)

    def _named(self, wanted: set[str], cause: str) -> None:
        missing = len(wanted - self.named)
        require(
            not missing,
            expected=f"all leaks, {len(wanted)} of them of this kind",
            came=f"{missing} of these {len(wanted)} not named",
            cause=cause,
        )


class Q2(Question):
    """Features as a function"""

    def __init__(self, seed: int, q2: object) -> None:
        self.answer, self.seed = q2, seed
        self.rows = prototype.some(seed)
        self.given = self.rows.copy()
        self.found = self._called(self.given, f"It is called with other sessions than those of the notebook. {GLOBAL}")

    def check_values(self) -> None:
        """the values are those of the prototype"""
        causes = {
            "hour": "The hour in UTC and the minutes as its fraction: 13:45 is 13.75",
            "weekday": "Monday is 0, Sunday is 6",
            "distance": "Where it is there, it stays as it is, in miles",
        }
        for name in prototype.FEATURES:
            right = self._right(name)
            off = answers.unequal(right, self.found[name]) & right.notna()
            if off.any():
                first: Any = off.idxmax()
                expected = f"{name} {right[first]} for the start {self.rows['started'][first]}"
                cause = causes.get(name, "It stays as it is in the table that was given")
                raise Fault(expected=expected, came=f"{self.found[name][first]!r}", cause=cause)

    def check_missing(self) -> None:
        """a missing distance stays missing"""
        missing = self.rows["distance"].isna()
        filled = self.found["distance"][missing].dropna()
        cause = "Filling is a decision of the model: the mean comes from training rows, which one row does not have"
        came = f"{filled.iloc[0]:.4g}" if len(filled) else ""
        require(filled.empty, expected="NaN where the distance is missing", came=came, cause=cause)

    def check_pure(self) -> None:
        """the table that was given stays as it is, and a second call knows nothing of the first"""
        unchanged(self.given, self.rows)
        other = prototype.some(self.seed + 500, 100)
        between, again = (self._called(rows.copy(), GLOBAL) for rows in (other, self.rows))
        cause = "Is something kept between two calls, in a global list or in a default argument?"
        expected = "each call to depend on its argument alone"
        require(len(between) == 100 and again.equals(self.found), expected=expected, came="another table", cause=cause)

    def check_alone(self) -> None:
        """a row gives the same alone, in another order, with another index"""
        mixed = shuffled(self.rows, self.seed)
        right = self.found.iloc[(mixed.index - 1000) // 7]
        cause = "Does it use the position of a row, or other rows (a mean, a code by order of appearance)?"
        for rows, wanted in ((mixed, right), (mixed[:1], right[:1]), (mixed[-1:], right[-1:])):
            found = self._called(rows.copy(), "The index need not begin with 0, and there may be one row only")
            expected = "the same features for a row, whatever is above and below it"
            for name in prototype.FEATURES:
                off = answers.unequal(wanted[name].set_axis(rows.index), found[name])
                require(not off.any(), expected=expected, came=f"another {name}", cause=cause)

    def check_empty(self) -> None:
        """a table without rows gives one with the same columns"""
        cause = "apply and a loop may give nothing at all for no rows; calculate with whole columns"
        require(
            len(self._called(self.rows[:0].copy(), cause)) == 0,
            expected="no rows for no rows",
            came="some",
            cause=GLOBAL,
        )

    def _called(self, rows: pd.DataFrame, cause: str) -> pd.DataFrame:
        index = rows.index
        found = run(self.answer, rows, expected=f"a table for {len(rows)} rows", cause=cause)
        if not isinstance(found, pd.DataFrame):
            cause = "Return the table: a function that prints, or changes what it got, gives None"
            raise Fault(expected="a table (DataFrame)", came=f"a {type(found).__name__}", cause=cause)
        missing = [name for name in prototype.FEATURES if name not in found.columns]
        came = ", ".join(map(str, found.columns[:12]))
        expected = f"the columns {', '.join(prototype.FEATURES)}"
        require(not missing, expected=expected, came=came, cause=f"{', '.join(missing)} is not there. {cause}")
        more = [str(name) for name in found.columns if name not in prototype.FEATURES]
        cause = "A column more is one that a model may learn from by mistake. Choose the six at the end"
        require(not more, expected=expected, came=f"{', '.join(more[:4])} besides", cause=cause)
        expected = f"{len(index)} rows with the index that was given"
        cause = f"{GLOBAL} Was the index made anew?"
        require(found.index.equals(index), expected=expected, came=f"{len(found)} rows, other index", cause=cause)
        return found

    def _right(self, name: str) -> pd.Series:
        if name == "hour":
            seconds = self.rows["started"].map(lambda time: time.timestamp() // 60 * 60)
            return seconds % 86400 / 3600
        if name == "weekday":  # 1 January 1970 was a Thursday
            return self.rows["started"].map(lambda time: (time.timestamp() // 86400 + 3) % 7)
        return self.rows[name]


class Q3(Question):
    """History without the future"""

    def __init__(self, seed: int, q3: object) -> None:
        self.answer, self.seed = q3, seed
        self.rows = prototype.some(seed)
        self.right = prototype.mean_before(self.rows)
        self.running = ~same(self.right, prototype.FAULTY["future"][prototype.RUNNING](self.rows))
        self.given = self.rows.copy()
        self.found = self._called(self.given, "Run it on sessions.head(100) to see where it stops")

    def check_values(self) -> None:
        """it is the mean of the driver's earlier sessions"""
        self._equal(self.right.notna().to_numpy() & ~self.running, "groupby driver, earlier rows only, mean of hours")

    def check_running(self) -> None:
        """sessions that still run do not count"""
        asked = self.running & self.right.notna().to_numpy()
        self._equal(asked, "An earlier start is not enough: how long a session lasts is known when it has ended")

    def check_first(self) -> None:
        """where no earlier session had ended, it is missing"""
        first = self.right.isna().to_numpy()
        filled = self.found[first].dropna()
        cause = "0 hours would be a very short session, and a mean of all rows knows the future: leave it NaN"
        came = f"{filled.iloc[0]:.4g}" if len(filled) else ""
        require(filled.empty, expected="NaN for a driver's first session", came=came, cause=cause)

    def check_future(self) -> None:
        """it is the same in the table as it was at that moment, when nothing later was there"""
        cause = "A running session has no end yet: leave rows with a missing ended out before you merge or sort by it"
        moment = self.rows["started"].iloc[len(self.rows) * 6 // 10]
        then = prototype.at(moment, self.rows)
        off = (~same(self._called(then.copy(), cause), self.found[then.index])).sum()
        expected = f"the same values when all that happened after {moment:%d %B %H:%M} is taken away"
        cause = "It uses later sessions, or the length of sessions that had not ended"
        require(off == 0, expected=expected, came=f"other values in {off} rows", cause=cause)

    def check_order(self) -> None:
        """the order of the rows and the index do not matter, and the table stays as it is"""
        mixed = shuffled(self.rows, self.seed)
        found = self._called(mixed.copy(), "The rows come in any order, and the index need not begin with 0")
        off = ~same(found, self.found.iloc[(mixed.index - 1000) // 7])
        cause = "shift, expanding and cumsum take the rows as they lie: sort by time, and return them as they came"
        require(
            not off.any(), expected="the same for rows in another order", came=f"{off.sum()} other values", cause=cause
        )
        unchanged(self.given, self.rows)

    def _called(self, rows: pd.DataFrame, cause: str) -> pd.Series:
        kept = rows.copy()
        return column(run(self.answer, rows, expected=f"a Series for {len(rows)} rows", cause=cause), kept)

    def _equal(self, asked: np.ndarray, cause: str) -> None:
        off = asked & ~same(self.found, self.right, 1e-6)
        if off.any():
            first = int(np.argmax(off))
            like = [
                name
                for name, faulty in prototype.FAULTY["future"].items()
                if same(self.found[asked], faulty(self.rows)[asked], 1e-6).all()
            ]
            cause = f"It looks like {like[0]}. {cause}" if like else cause
            expected = f"{self.right.iloc[first]:.4f} in row {first} of {asked.sum()} such rows"
            raise Fault(expected=expected, came=f"{self.found.iloc[first]:.4f}, {off.sum()} rows differ", cause=cause)


class Q4(Question):
    """A split in time"""

    def __init__(self, seed: int, q4: object) -> None:
        rows = prototype.sessions(seed)
        middle = rows["started"].iloc[len(rows) // 2 : len(rows) * 7 // 10]
        runs = [((rows["started"] < time) & (rows["ended"] > time)).sum() for time in middle]
        self.start, self.end = middle.iloc[int(np.argmax(runs))], rows["started"].iloc[len(rows) * 17 // 20]
        self.rows = shuffled(rows, seed).set_index("session", drop=False).rename_axis(None)
        self.given = self.rows.copy()
        found = run(
            q4,
            self.given,
            self.start,
            self.end,
            expected="two tables",
            cause="start and end are times with a zone, UTC",
        )
        if (
            not isinstance(found, (tuple, list))
            or len(found) != 2
            or not all(isinstance(t, pd.DataFrame) for t in found)
        ):
            raise Fault(expected="two tables", came=f"a {type(found).__name__}", cause="End with: return train, test")
        self.train, self.test = found
        for table in found:
            lost = [name for name in rows.columns if name not in table.columns]
            came = f"{', '.join(lost[:3])} is lost"
            require(not lost, expected="tables with all columns", came=came, cause="Choose rows, not columns")

    def check_test(self) -> None:
        """test holds the sessions that started from start on until end"""
        numbers = set(self.test["session"])
        inside = self.rows["started"].between(self.start, self.end, inclusive="left")
        right = set(self.rows["session"][inside])
        (first,) = self.rows["session"][self.rows["started"] == self.start][:1]
        lost, more = right - numbers, numbers - right
        last = set(self.rows["session"][self.rows["started"] == self.end])
        cause = "Compare started with both times. A share of the rows is another split for each table"
        cause = "The session that starts exactly at start belongs to test: >=" if lost == {first} else cause
        cause = "The session that starts exactly at end does not: <" if more == last else cause
        came = f"{len(lost)} missing, {len(more)} too many"
        require(not lost and not more, expected=f"{len(right):,} sessions in test", came=came, cause=cause)

    def check_train(self) -> None:
        """train holds every session that had ended before start"""
        numbers = set(self.train["session"])
        lost = set(self.rows["session"][self.rows["ended"] < self.start]) - numbers
        cause = "Rows come in any order: compare times, not positions. Nothing is left out at random"
        require(not lost, expected="all sessions with ended before start", came=f"{len(lost):,} missing", cause=cause)

    def check_future(self) -> None:
        """train holds no session that started at start or later"""
        later = (self.train["started"] >= self.start).sum()
        cause = "A model that learned from later sessions looks better than it is: no random split, and < for start"
        require(later == 0, expected="no session from start on in train", came=f"{later:,}", cause=cause)

    def check_running(self) -> None:
        """train holds no session that still ran at start"""
        running = ((self.train["started"] < self.start) & ~(self.train["ended"] < self.start)).sum()
        cause = "They started before, but nobody knows yet how long they last: their label is missing. Look at ended"
        require(running == 0, expected="no running session in train", came=f"{running}", cause=cause)

    def check_rows(self) -> None:
        """rows keep their index, none is doubled, and the table stays as it is"""
        for table in (self.train, self.test):
            cause = "Choose rows by a condition: sessions[…]. No reset_index"
            kept = table.index.is_unique and (table.index == table["session"]).all()
            require(kept, expected="each row once, with its index", came="another index, or rows twice", cause=cause)
        unchanged(self.given, self.rows)


class Q5(Question):
    """A model that keeps what it learned"""

    tolerance: ClassVar = 0.04

    @staticmethod
    def prepare(seed: int) -> object:
        """Train the prototype's model."""
        return parity.learned(seed)

    def __init__(self, seed: int, q5: object) -> None:
        self.answer = q5
        self.features, self.labels, self.new, self.right = parity.learned(seed)
        self.given = self.features.copy()
        self.model = self._fitted(self.given)
        self.found = self._predicted(self.new, "A category may be missing in the first months")

    def check_agrees(self) -> None:
        """it predicts what the prototype predicts without the leaks"""
        off = np.abs(self.found - self.right)
        worst = self.new.iloc[int(np.argmax(off))]
        cause = "LogisticRegression(max_iter=1000) of scikit-learn, scaled numbers, a column for each category"
        if np.isin(self.found, [0, 1]).all():
            cause = "Only 0 and 1: probabilities are meant, not classes"
        elif self.found.mean() > 2 * self.right.mean():
            cause = "They are far too high on average. class_weight='balanced' spoils probabilities"
        elif worst.isna().any():
            cause = "The worst has a missing value: it gets the mean of the training rows, not 0 and no other constant"
        expected = f"probabilities within {self.tolerance} of the prototype's"
        require((off <= self.tolerance).all(), expected=expected, came=f"a difference of {off.max():.3f}", cause=cause)

    def check_again(self) -> None:
        """fitted again it is the same, and the tables stay as they are"""
        unchanged(self.given, self.features)
        again = self._fitted(self.features.copy()).predict_proba(self.new.copy())[:, 1]
        cause = "Something is drawn at random without a seed: give random_state, or shuffle nothing"
        require(
            same(again, self.found).all(), expected="the same model for the same rows", came="another one", cause=cause
        )

    def check_alone(self) -> None:
        """a row alone, also with missing values, gets the same as among others"""
        cause = "What is learned from rows (means, scales, categories) is kept by fit, not made anew in predict"
        missing = self.new["distance"].isna() | self.new["mean_before"].isna()
        for at in [*np.flatnonzero(missing)[:4], *np.flatnonzero(~missing)[:3]]:
            found = self._predicted(self.new.iloc[[at]], f"It was one row. {cause}")
            expected = f"{self.found[at]:.4f} for a row, as among the others"
            require(same(found, self.found[at], 1e-6).all(), expected=expected, came=f"{found[0]:.4f}", cause=cause)

    def check_unseen(self) -> None:
        """a category that was never seen gets a probability"""
        new = self.new.iloc[:6].copy()
        new.loc[new.index[0], "platform"] = "car"
        new.loc[new.index[1], "facility_type"] = "hotel"
        cause = "OneHotEncoder(handle_unknown='ignore'): the first driver with a new app must not stop the service"
        found = self._predicted(new, cause)
        require(
            same(found[2:], self.found[2:6], 1e-6).all(), expected="other rows as before", came="changed", cause=cause
        )

    def check_columns(self) -> None:
        """the order of the columns does not matter, and further columns neither"""
        new = self.new[list(self.new.columns[::-1])].assign(long=1, another="text")
        cause = "Choose columns by their names in predict, too, as a ColumnTransformer does; arrays have none"
        found = self._predicted(new, cause)
        off = (~same(found, self.found, 1e-6)).sum()
        require(off == 0, expected="the same for columns in another order", came=f"{off} others", cause=cause)

    def _fitted(self, features: pd.DataFrame) -> Any:
        cause = "The training rows have missing distances and histories, and two columns of text"
        model = run(self.answer, features, self.labels.copy(), expected="a fitted model", cause=cause)
        cause = "Return the pipeline itself, not its predictions; fit gives it back"
        require(
            hasattr(model, "predict_proba"),
            expected="a model with predict_proba",
            came=f"a {type(model).__name__}",
            cause=cause,
        )
        return model

    def _predicted(self, rows: pd.DataFrame, cause: str) -> np.ndarray:
        expected = f"{len(rows)} probabilities"
        found = np.asarray(run(self.model.predict_proba, rows.copy(), expected=expected, cause=cause), dtype=float)
        came = f"the shape {found.shape}"
        require(
            found.ndim == 2 and len(found) == len(rows) and found.shape[1] == 2,
            expected=expected,
            came=came,
            cause=cause,
        )
        inside = ((found >= 0) & (found <= 1)).all()
        require(inside, expected="probabilities between 0 and 1", came=f"{found[:2].tolist()}", cause=cause)
        return found[:, 1]


class Q6(Question):
    """A test that can fail"""

    seeds: ClassVar = (1,)  # nothing is drawn

    def __init__(self, seed: int, q6: object) -> None:
        del seed
        self.test = q6
        if not callable(q6):
            answers.called(q6)  # says so
        self.red = {name: why for name, right in prototype.RIGHT.items() if (why := self._tried(right))}

    def check_green(self) -> None:
        """it accepts right implementations"""
        cause = "Not promised: the name of the Series, exact equality of floats; and NaN == NaN (never true)"
        shown = next(iter(self.red.items()), ("", ""))
        require(not self.red, expected=f"green for {shown[0]}", came=shown[1], cause=cause)

    def check_future(self) -> None:
        """it is red for those that know the future"""
        cause = "Give a driver several sessions, one that still runs at the start of the next, and add another driver"
        self._noticed("future", cause)

    def check_order(self) -> None:
        """it is red for those that rely on the order of the rows"""
        self._noticed(
            "order", "Write the rows down in another order than that of time, with an index other than 0, 1, 2"
        )

    def check_input(self) -> None:
        """it is red for those that change the table they get"""
        cause = "Keep a copy before you call it, and compare the whole table with it afterwards"
        self._noticed("input", cause)

    def check_missing(self) -> None:
        """it is red for those that treat a missing history wrongly"""
        cause = (
            "For a first session NaN is expected, in a row that is there: isna(). A comparison with NaN is never true"
        )
        self._noticed("missing", cause)

    def _noticed(self, kind: str, cause: str) -> None:
        came = "a test that is red for the right one, too"
        require(
            not self.red,
            expected="a test that tells right from wrong",
            came=came,
            cause="First make it green for right ones",
        )
        for name, faulty in prototype.FAULTY[kind].items():
            require(self._tried(faulty), expected=f"red for {name}", came="green", cause=cause)

    def _tried(self, implementation: Callable[[pd.DataFrame], pd.Series]) -> str:
        """Why the learner's test is red for it; '' when it is green. Tables of the notebook stay as they are."""
        names = getattr(self.test, "__globals__", {})
        kept = {name: each.copy() for name, each in names.items() if isinstance(each, pd.DataFrame)}
        try:
            said = answers.called(self.test, implementation)
        except (Fault, NotAnsweredError):
            raise
        except Exception as error:  # noqa: BLE001 - a test may fail in any way
            return f"{type(error).__name__}: {' '.join(str(error).split())}"
        finally:
            names.update({name: each for name, each in kept.items() if not each.equals(names[name])})
        cause = "A test that returns False is green all the same: use assert"
        require(
            said is None, expected="nothing returned, an error raised when it is wrong", came=repr(said), cause=cause
        )
        return ""


class Q7(Question):
    """A gate for parity"""

    def __init__(self, seed: int, q7: object) -> None:
        self.answer = q7
        self.old, self.session = parity.predictions(seed)
        self._called(self.old, self.old, "equal predictions")

    def check_green(self) -> None:
        """it passes equal predictions, noise, and rows in another order"""
        cause = "1e-6 is allowed, and sessions belong together by their number: new.reindex(old.index)"
        for name, new in parity.good(self.old).items():
            passed, evidence = self._called(self.old, new, name)
            require(passed, expected=f"True for {name}", came=f"False: {evidence}", cause=cause)

    def check_values(self) -> None:
        """it stops wrong values, be it one"""
        cause = "A mean hides one row, and errors of both signs: judge the largest absolute difference"
        self._stopped(parity.wrong_values(self.old, self.session), cause)

    def check_rows(self) -> None:
        """it stops predictions in another's place, missing, doubled or unknown sessions"""
        cause = "First compare the sessions themselves: same ones, each once, and not none. Then by their number"
        self._stopped(parity.wrong_rows(self.old, self.session), cause)
        passed, _ = self._called(self.old[:0], self.old[:0], "no rows on both sides")
        require(not passed, expected="False when nothing was compared", came="True", cause=cause)

    def check_missing(self) -> None:
        """it stops what is no probability, also where both have it"""
        cause = (
            "A comparison with NaN is False, so off > 1e-6 lets it pass; not (off <= 1e-6) does not. Is it in 0 to 1?"
        )
        odd = parity.no_probabilities(self.old, self.session)
        self._stopped(odd, cause)
        for name, both in odd.items():
            passed, _ = self._called(both, both, f"{name}, on both sides")
            require(not passed, expected=f"False for {name}, on both sides", came="True", cause=cause)

    def check_evidence(self) -> None:
        """the evidence names a session that differs"""
        bad = {
            "differs": self.old.where(self.old.index != self.session, self.old + 0.001),
            "is NaN": self.old.where(self.old.index != self.session),
            "is missing": self.old.drop(self.session),
        }
        for name, new in bad.items():
            _, evidence = self._called(self.old, new, f"one session that {name}")
            named = str(self.session) in evidence.replace(",", "")
            expected = f"evidence that names session {self.session}, which {name}"
            cause = "Somebody must look at it: put the number from the index into the sentence"
            require(named, expected=expected, came=repr(evidence), cause=cause)

    def _stopped(self, bad: dict[str, pd.Series], cause: str) -> None:
        for name, new in bad.items():
            passed, _ = self._called(self.old, new, name)
            require(not passed, expected=f"False for {name}", came="True", cause=cause)

    def _called(self, old: pd.Series, new: pd.Series, name: str) -> tuple[bool, str]:
        cause = "A gate says why, it does not stop with an error"
        found = run(self.answer, old.copy(), new.copy(), expected=f"a verdict on {name}", cause=cause)
        right = isinstance(found, (tuple, list)) and len(found) == 2 and isinstance(found[0], (bool, np.bool_))
        came = f"a {type(found).__name__}"
        require(right, expected="True or False, and a sentence", came=came, cause="End with: return passed, evidence")
        told = isinstance(found[1], str) and found[1].strip()
        require(
            told,
            expected="a sentence as evidence",
            came=repr(found[1]),
            cause="The evidence is text, also when it passes",
        )
        return bool(found[0]), found[1]
