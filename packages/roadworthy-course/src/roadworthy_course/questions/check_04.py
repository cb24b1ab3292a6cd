"""The visible checks of exercise 04; see `checks.py` of roadworthy_course for how they are written."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn import metrics

from roadworthy.model import evaluation
from roadworthy.project import Project
from roadworthy_course import answers, forecasts
from roadworthy_course.answers import require
from roadworthy_course.checks import Fault, Question
from roadworthy_course.forecasts import SAME, Forecast
from roadworthy_course.numeric import Floats, column, interval, kind, modules, named, number, pair

NOT_MEASURED = "A missing kwh counts as nothing, neither in the sum nor in the number of sessions"
AT_END = ("kwh", "ended", "hours", "dollars")  # what a session's row says only when it is over


class Q1(Question):
    """Split in time"""

    @staticmethod
    def prepare(seed: int) -> object:
        """Read the sessions."""
        return forecasts.history(seed)

    def __init__(self, seed: int, q1: object) -> None:
        self.history = forecasts.history(seed)
        given = self.history.sessions.copy()
        found = answers.called(q1, given, self.history.cut, self.history.delay)
        if not isinstance(found, (tuple, list)) or [type(each) for each in found] != [pd.DataFrame] * 2:
            raise Fault(expected="two tables: train, test", came=kind(found), cause="End with: return train, test")
        self.unchanged = given.equals(self.history.sessions)
        for each in found:
            came = f"the columns {', '.join(map(str, each.columns))}"
            cause = "Select rows, and keep the columns as they are"
            complete = {"session", "started", "ended"} <= set(each.columns)
            require(complete, expected="all columns", came=came, cause=cause)
        self.train, self.test = (self._rows(each) for each in found)

    def _rows(self, found: pd.DataFrame) -> pd.DataFrame:
        return self.history.sessions.set_index("session", drop=False).loc[found["session"]]

    def check_known(self) -> None:
        """no label of training was reported after the cut"""
        wrong = self.train[~self.train["session"].isin(self.history.train["session"])]
        cause = (
            "They were reported after the cut. When is a label known? At ended + delay. Neither started nor ended is it"
        )
        if (wrong["started"] >= self.history.cut).any():
            cause = "Some begin after the cut: a random split, or a share of the rows, mixes the times"
        elif wrong["ended"].isna().all():
            cause = "They have no end: their energy was never reported"
        require(wrong.empty, expected="labels known at the cut", came=f"{len(wrong)} others in train", cause=cause)

    def check_all_known(self) -> None:
        """training has every session that is known at the cut"""
        wanted = self.history.train
        lost = wanted[~wanted["session"].isin(self.train["session"])]
        edge = (lost["ended"] + self.history.delay == self.history.cut).all()
        cause = "What is known exactly at the cut counts: <=" if edge else "What is known teaches: is the gap too wide?"
        came = f"{len(wanted) - len(lost)}, with {self.train['session'].duplicated().sum()} twice"
        complete = lost.empty and self.train["session"].is_unique
        require(complete, expected=f"{len(wanted)} sessions in train", came=came, cause=cause)

    def check_test(self) -> None:
        """the test has every session from the cut on that has an end, and no other"""
        right, found = self.history.test["session"], self.test["session"]
        more, lost = self.test[~found.isin(right)], self.history.test[~right.isin(found)]
        cause = "A session that starts right after the cut is a question too: the gap is taken from training"
        if (more["started"] < self.history.cut).any():
            cause = "Some begin before the cut. The test is not what training leaves over: some are in neither"
        elif len(more):
            cause = "A session without an end has no label that a prediction could be judged by"
        elif (lost["started"] == self.history.cut).all():
            cause = "A session that starts exactly at the cut belongs to the test: >="
        came = f"{len(found)}: {len(more)} that do not belong there, {len(lost)} missing"
        same = more.empty and lost.empty and found.is_unique
        require(same, expected=f"{len(right)} sessions in test", came=came, cause=cause)

    def check_input(self) -> None:
        """the table that was given is as before"""
        cause = "The caller still needs it: select rows, or work on a copy"
        require(self.unchanged, expected="sessions as they were", came="other ones", cause=cause)


class Q2(Question):
    """A baseline"""

    def __init__(self, seed: int, q2: object) -> None:
        self.q2 = q2
        self.train, self.test = forecasts.metered(seed)
        given = self.train.copy(), self.test.copy()
        self.found = column(answers.called(q2, *given), self.test)
        self.unchanged = given[0].equals(self.train) and given[1].equals(self.test)
        measured = self.train.dropna(subset="kwh")
        self.overall = float(measured["kwh"].to_numpy().mean())
        energy, drivers = measured["kwh"].to_numpy(), measured["driver"].to_numpy()
        self.means = {who: energy[drivers == who].mean() for who in np.unique(drivers)}
        self.known = self.test["driver"].isin(list(self.means)).to_numpy()
        self.right = np.array([self.means.get(who, self.overall) for who in self.test["driver"]])

    def check_known(self) -> None:
        """a driver who is known gets the mean of his or her sessions in training"""
        grouped, count = self.train.groupby("driver")["kwh"], self.train.groupby("driver").size()
        both = pd.concat([self.train, self.test]).groupby("driver")["kwh"].mean()
        mistakes = {
            "This is the mean of everybody: group by driver first": pd.Series(self.overall, self.means.keys()),
            "The energy of the test is in it: a leak. Use train alone": both,
            NOT_MEASURED: grouped.sum() / count,
            "This is the median: asked is the mean": grouped.median(),
        }
        self._compare(self.known, {cause: self.test["driver"].map(made) for cause, made in mistakes.items()})

    def check_new(self) -> None:
        """a driver without a known energy gets the mean of all sessions in training"""
        mistakes = {
            "A mean of means gives a rare driver the weight of a daily one: take the mean of the sessions": np.mean(
                list(self.means.values())
            ),
            "The energy of the test is in it: a leak": pd.concat([self.train, self.test])["kwh"].mean(),
            NOT_MEASURED: self.train["kwh"].fillna(0).mean(),
            "This is the median: asked is the mean": self.train["kwh"].median(),
            "These are means of the test: a leak": self.test["kwh"].mean(),
        }
        self._compare(~self.known, {cause: pd.Series(made, self.test.index) for cause, made in mistakes.items()})

    def _compare(self, rows: Any, mistakes: Mapping[str, pd.Series]) -> None:
        right, found = self.right[rows], self.found[rows]
        wrong = ~(np.abs(found - right) <= 1e-6)
        if not wrong.any():
            return
        at = int(wrong.argmax())
        made = {cause: wrong.to_numpy()[rows] for cause, wrong in mistakes.items()}
        fitting = (cause for cause, wrong in made.items() if np.allclose(found, wrong, atol=1e-6, equal_nan=True))
        cause = next(fitting, "The mean of train, of the same driver: look at one driver by hand")
        if np.isnan(found).any():
            cause = "Of this driver training knows no energy: a lookup gives NaN. Fill it with the mean of all sessions"
        elif (found == 0).any():
            cause = "0 kWh is an answer, and a bad one: nobody plugs in for nothing"
        if np.allclose(np.sort(self.found), np.sort(self.right)):
            cause = "The right numbers in another order: does a merge or a sort move rows? map keeps their order"
        who = self.test["driver"].to_numpy()[rows][at]
        require(False, expected=f"{right[at]:.3f} for driver {who}", came=f"{found[at]:.3f}", cause=cause)

    def check_leak(self) -> None:
        """the energy of the test changes nothing"""
        other = self.test.assign(kwh=self.test["kwh"] * 3 + 1)
        again = column(answers.called(self.q2, self.train.copy(), other), self.test)
        cause = "The answer is used in the question: in production there is no kwh when the car plugs in"
        same = np.allclose(again, self.found, equal_nan=True)
        require(same, expected="the same numbers for other kwh in test", came="other ones", cause=cause)

    def check_input(self) -> None:
        """the tables that were given are as before"""
        cause = "The caller still needs them: work on a copy, or use assign"
        require(self.unchanged, expected="both tables as they were", came="changed ones", cause=cause)


class Q3(Question):
    """Two scores, by hand"""

    names: ClassVar = "auc, brier"

    def __init__(self, project: Project, seed: int, q3: object) -> None:
        self.q3, self.tied = q3, forecasts.late(project, seed, digits=1)
        base = forecasts.late(project, seed)
        apart = np.argsort(np.lexsort((np.random.default_rng(seed).random(len(base.p)), base.p)))  # no two alike
        self.plain = Forecast(base.y, (apart + 1.0) / (len(apart) + 2), base.day)
        self.found = self._scores(self.plain)

    def _scores(self, made: Forecast) -> tuple[float, float]:
        return pair(answers.called(self.q3, made.y.copy(), made.p.copy()), self.names)

    def check_auc(self) -> None:
        """the AUC ranks late above punctual flights"""
        y, p, right = self.plain.y, self.plain.p, metrics.roc_auc_score(self.plain.y, self.plain.p)
        mistakes = {
            "It is 1 - AUC: the late one wins when its p is higher. Are labels or signs swapped?": 1 - right,
            "p was made a class (>= .5) first: that throws the ranking away": metrics.roc_auc_score(y, p >= 0.5),
            "This is the accuracy: asked is the share of pairs": metrics.accuracy_score(y, p >= 0.5),
            "This is the average precision, another curve": metrics.average_precision_score(y, p),
        }
        cause = named(
            self.found[0], mistakes, "Of all pairs of a late and a punctual flight, in which share is p higher?"
        )
        came = f"{self.found[0]:.4f}"
        require(abs(self.found[0] - right) <= 1e-6, expected=f"an AUC of {right:.4f}", came=came, cause=cause)

    def check_ties(self) -> None:
        """a pair with the same p counts one half"""
        y, p, found = self.tied.y, self.tied.p, self._scores(self.tied)[0]
        difference = p[y == 1][:, None] - p[y == 0]
        won, tied = (difference > 0).mean(), (difference == 0).mean()
        mistakes = {
            "Pairs with the same p are lost here: each counts one half": won,
            "Pairs with the same p are won here (>=): each counts one half": won + tied,
            "Pairs with the same p are left out here: each counts one half": won / (1 - tied),
            "Pairs with the same p are lost here, and the labels swapped": 1 - won - tied,
        }
        cause = named(
            found, mistakes, "With ranks: the same p, the same rank, the mean of theirs; a sort alone does not"
        )
        right = won + tied / 2
        expected = f"an AUC of {right:.4f} where p has one digit"
        require(abs(found - right) <= 1e-6, expected=expected, came=f"{found:.4f}", cause=cause)

    def check_brier(self) -> None:
        """the Brier score is the mean squared difference"""
        y, p, found = self.plain.y, self.plain.p, self.found[1]
        mistakes = {
            "p was made a class (>= .5) first: this is the share of errors": float(((p >= 0.5) != y).mean()),
            "This is its square root": float(np.sqrt(((p - y) ** 2).mean())),
            "This is the mean absolute difference: square it": float(np.abs(p - y).mean()),
            "This is the sum: asked is the mean": float(((p - y) ** 2).sum()),
            "The labels are swapped: y is 1 for a late flight": float(((p - 1 + y) ** 2).mean()),
            "This is the log loss": metrics.log_loss(y, p),
        }
        right = metrics.brier_score_loss(y, p)
        cause = named(found, mistakes, "Square the difference of p and y in each row, then take the mean")
        require(abs(found - right) <= 1e-6, expected=f"a Brier score of {right:.4f}", came=f"{found:.4f}", cause=cause)

    def check_one_class(self) -> None:
        """without pairs the AUC is NaN, and there still is a Brier score"""
        for label, what in ((0, "no flight is late"), (1, "every flight is late")):
            y, p = np.full(len(self.tied.y), label), self.tied.p
            auc, brier = self._scores(Forecast(y, p, self.tied.day))
            expected = f"nan and {((p - y) ** 2).mean():.4f} when {what}"
            good = math.isnan(auc) and abs(brier - ((p - y) ** 2).mean()) <= 1e-6
            cause = (
                "There is no pair, so there is no share of them: .5 would be taken for a result. Brier needs no pair"
            )
            require(good, expected=expected, came=f"{auc:.4f} and {brier:.4f}", cause=cause)

    def check_by_hand(self) -> None:
        """no library does the scoring"""
        used = modules(lambda: self._scores(self.tied))
        library = next(
            (name for name in sorted(used) if name.startswith(("sklearn", "roadworthy.model.evaluation"))), None
        )
        cause = "Write what the two sentences say, with numpy or pandas"
        require(library is None, expected="scores by hand", came=f"a call of {library}", cause=cause)


class Q4(Question):
    """How sure is a score?"""

    within: ClassVar = 0.08  # of the width: the chance of 2,000 draws is about a fourth of it

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """Draw the flights."""
        return forecasts.late(project, seed + 40)

    def __init__(self, project: Project, seed: int, q4: object) -> None:
        self.seed, self.q4, self.made = seed, q4, forecasts.late(project, seed + 40)
        self.low, self.high = self._interval()
        self.right = evaluation.evaluate(self.made.y, self.made.p, self.made.day, draws=10_000, seed=seed + 1)
        self.width = self.right.brier_high - self.right.brier_low
        came = f"{self.low:.4f} and {self.high:.4f}"
        cause = "Is it a score and its error? Return two quantiles of the 2,000 scores, the lower one first"
        require(self.low < self.high, expected="low, high, in this order", came=came, cause=cause)

    def _interval(self) -> tuple[float, float]:
        made = self.made
        return pair(answers.called(self.q4, made.y.copy(), made.p.copy(), made.day.copy(), self.seed), "low, high")

    def check_place(self) -> None:
        """it is where the score of all rows is"""
        auc, score, made = self.right.auc, self.right.brier, self.made
        middle, daily = (self.low + self.high) / 2, pd.Series((made.p - made.y) ** 2).groupby(made.day).mean().mean()
        cause = "Does each draw score the rows of the drawn days, as (p - y) squared?"
        if self.low < auc < self.high:
            cause = f"It holds the AUC, {auc:.3f}: asked is the interval of the Brier score"
        elif abs(middle - daily) < abs(middle - score) / 2:
            cause = f"Its middle is the mean of daily scores, {daily:.4f}: score the rows of all drawn days together"
        expected = f"an interval around {score:.4f}, about {self.right.brier_low:.4f} to {self.right.brier_high:.4f}"
        near = abs(middle - (self.right.brier_low + self.right.brier_high) / 2) <= self.within * self.width
        require(near, expected=expected, came=f"{self.low:.4f} to {self.high:.4f}", cause=cause)

    def check_width(self) -> None:
        """it is as wide as whole days make it"""
        ratio = (self.high - self.low) / self.width
        squares = (self.made.p - self.made.y) ** 2
        rows = 2 * 1.96 * float(squares.std()) / math.sqrt(len(squares)) / self.width
        widths = {
            "This is what a bootstrap of rows gives: draw days, they are late together. The rows are in no order": rows,
            "This is one standard error to each side, 68%: for 95% take the quantiles 2.5% and 97.5%": 0.52,
            "This is a 90% interval: 2.5% and 97.5% leave out 5%": 0.845,
            "This is a 99% interval: 2.5% and 97.5%": 1.3,
        }
        cause = named(ratio, widths, "In each draw as many days as there are, with replacement", within=0.06)
        expected = f"a width of about {self.width:.4f}"
        require(abs(ratio - 1) <= self.within, expected=expected, came=f"{self.high - self.low:.4f}", cause=cause)

    def check_repeated(self) -> None:
        """the same seed gives the same interval"""
        again = self._interval()
        cause = "Make the generator inside, from the seed: np.random.default_rng(seed)"
        came = f"{again[0]:.5f} to {again[1]:.5f} the second time"
        same = np.allclose(again, (self.low, self.high), atol=1e-9)
        require(same, expected=f"{self.low:.5f} to {self.high:.5f} again", came=came, cause=cause)


class Q5(Question):
    """Is A better than B?"""

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """Plant the differences."""
        return forecasts.pairs(project, seed)

    def __init__(self, project: Project, seed: int, q5: object) -> None:
        self.said = {}
        for name, made in forecasts.pairs(project, seed).items():
            found = answers.called(q5, *(each.copy() for each in (made.y, made.a, made.b, made.day)), seed)
            known = {"a": "A", "b": "B", SAME: SAME}
            said = known.get(found.strip().lower()) if isinstance(found, str) else None
            self.said[name] = said or ""
            require(said, expected=f'"A", "B" or "{SAME}"', came=repr(found), cause="Return one of the three texts")
        self.right = {name: made.right for name, made in forecasts.pairs(project, seed).items()}

    def check_clear(self) -> None:
        """a clear difference is seen, in both directions"""
        for name in ("clear", "turned"):
            cause = "It is far from chance: does the interval come from the differences, row by row?"
            if self.said[name] != SAME:
                cause = "The other one: a lower Brier score is better. Which sign does a - b have then?"
            self._require(name, "clearly better", cause)

    def check_chance(self) -> None:
        """what chance does is no difference"""
        self._require(
            "chance", "less apart than chance puts them", "One of two numbers is always lower: ask the interval"
        )

    def check_paired(self) -> None:
        """a small difference that is there on nearly every flight is seen"""
        cause = (
            "Each score moves with the days, both together, so their own intervals overlap. Take the difference on "
            "each flight first, and draw the same days for both"
        )
        self._require("paired", "a little better on nearly every flight", cause)

    def check_days(self) -> None:
        """a difference of a few days is not one"""
        cause = "By rows it would be one. But it comes from whole days, and other days come next: draw days"
        self._require("days", "better on some days and worse on others", cause)

    def _require(self, name: str, what: str, cause: str) -> None:
        right, said = self.right[name], self.said[name]
        require(said == right, expected=f'"{right}" ({what})', came=f'"{said}"', cause=cause)


class Q6(Question):
    """A threshold has a price"""

    def __init__(self, project: Project, seed: int, q6: object) -> None:
        self.q6, self.made = q6, forecasts.distorted(project, seed)
        random = np.random.default_rng(seed)
        self.usual = [(float(random.integers(80, 130)), float(random.integers(250, 500))) for _ in range(2)]
        self.found = [self._threshold(*costs) for costs in self.usual]

    def _threshold(self, false_alarm: float, miss: float) -> float:
        found = number(answers.called(self.q6, self.made.y.copy(), self.made.p.copy(), false_alarm, miss), "threshold")
        cause = "Compare costs, and return where they are least"
        require(not math.isnan(found), expected="a threshold", came="nan", cause=cause)
        return found

    def _cost(self, threshold: float, false_alarm: float, miss: float, *, above: bool = False) -> float:
        stands_by = self.made.p > threshold if above else self.made.p >= threshold
        late = self.made.y == 1
        return float((stands_by & ~late).sum() * false_alarm + (~stands_by & late).sum() * miss)

    def _best(self, false_alarm: float, miss: float, *, above: bool = False) -> float:
        tried = [-1.0, *map(float, np.unique(self.made.p)), 2.0]
        return min(tried, key=lambda threshold: self._cost(threshold, false_alarm, miss, above=above))

    def check_cheapest(self) -> None:
        """no other threshold costs less"""
        for found, (alarm, miss) in zip(self.found, self.usual, strict=True):
            best = self._cost(self._best(alarm, miss), alarm, miss)
            cost = self._cost(found, alarm, miss)
            came = f"{cost:,.0f} with the threshold {found:.4f}"
            expected = f"a cost of {best:,.0f} (a false alarm {alarm:.0f}, a miss {miss:.0f})"
            require(cost <= best + 1e-6, expected=expected, came=came, cause=self._cause(found, alarm, miss))

    def _cause(self, found: float, alarm: float, miss: float) -> str:
        lowest = self._cost(self._best(alarm, miss), alarm, miss)
        exact = {
            ".5 treats both errors alike: a miss is dearer here": 0.5,
            "false_alarm / (false_alarm + miss) is right for calibrated probabilities. These are not: count": alarm
            / (alarm + miss),
            "This is the lowest cost itself: return the threshold that has it": lowest,
        }
        mistakes = {
            "The costs are swapped: a miss is a late flight below the threshold": self._best(miss, alarm),
            "This counts errors as if they cost the same: multiply each kind by its price": self._best(1, 1),
            "It was counted with p > threshold: a crew stands by at p >= threshold": self._best(
                alarm, miss, above=True
            ),
        }
        at = (self.made.p >= found).sum()
        same = [cause for cause, wrong in mistakes.items() if (self.made.p >= wrong).sum() == at]
        otherwise = "Try every p that occurs, not a coarse grid, and one above them all"
        return named(found, exact, (same or [otherwise])[0])

    def check_all(self) -> None:
        """when a miss is very dear, a crew stands by for every flight"""
        self._extreme(1.0, 5000.0, "the lowest p that occurs is a threshold too")

    def check_none(self) -> None:
        """when a false alarm is very dear, nobody stands by"""
        self._extreme(5000.0, 1.0, "the threshold is above every p that occurs: is there one among those you try?")

    def _extreme(self, alarm: float, miss: float, cause: str) -> None:
        found, best = self._threshold(alarm, miss), self._best(alarm, miss)
        many = int((self.made.p >= best).sum())
        came = f"{int((self.made.p >= found).sum())} with the threshold {found:.4f}"
        expected = f"{many} of {len(self.made.p)} flights with a crew (a false alarm {alarm:.0f}, a miss {miss:.0f})"
        good = self._cost(found, alarm, miss) <= self._cost(best, alarm, miss) + 1e-6
        require(good, expected=expected, came=came, cause=f"With these costs {cause}")


class Q7(Question):
    """A model that earns its place (open)"""

    def __init__(self, seed: int, q7: object) -> None:
        self.q7, self.history = q7, forecasts.history(seed)
        self.train, self.whole = self.history.train, self.history.test
        self.test = self.whole[list(forecasts.AT_START)]
        self.found = self._predicted(self.test)

    def _predicted(self, rows: pd.DataFrame) -> Floats:
        try:
            found = answers.called(self.q7, self.train.copy(), rows.copy())
        except KeyError as error:
            missing = [name for name in AT_END if name in str(error)]
            cause = "It is known only when the session is over: in production the column is empty"
            require(not missing, expected="columns known at the start", came=f"a use of {missing} in test", cause=cause)
            raise
        return column(found, rows)

    def check_numbers(self) -> None:
        """every session gets a number, also those of new drivers"""
        missing = np.isnan(self.found)
        new = ~self.test["driver"].isin(self.train["driver"]).to_numpy()
        came = f"{missing.sum()} without, {(missing & new).sum()} of them of new drivers"
        cause = "A driver, or a driver at a site, whom training does not know: fall back on what is known of all"
        require(not missing.any(), expected="a number for each session", came=came, cause=cause)

    def check_better(self) -> None:
        """its mean absolute error is below that of the driver's mean, beyond chance"""
        truth, who = self.whole["kwh"].to_numpy(), self.whole["driver"]
        means = self.train.groupby("driver")["kwh"].mean()
        base = who.map(means).fillna(self.train["kwh"].mean()).to_numpy()
        gain = np.abs(base - truth) - np.abs(np.nan_to_num(self.found) - truth)
        low, high = interval(gain, self.whole["started"].dt.strftime("%Y-%m-%d"))
        came = f"{gain.mean():.3f} kWh [{low:.3f}, {high:.3f}], baseline {np.abs(base - truth).mean():.3f}"
        cause = "The interval holds 0: that may be chance. Is the mean the best figure for absolute errors?"
        if np.allclose(self.found, base, equal_nan=True):
            cause = "This is the baseline itself. A mean is best for squared errors; what is for absolute ones?"
        elif gain.mean() <= 0:
            cause = "It is no better than the baseline. Who the driver is says most: Does the model know the driver?"
        require(low > 0, expected="a gain whose interval is above 0", came=came, cause=cause)

    def check_alone(self) -> None:
        """a session's answer does not depend on the others that are asked about"""
        some = self.test.sample(200, random_state=1)
        at = self.test.index.get_indexer(some.index)
        cause = "Do ranks, codes, means or scales come from test? Take everything from train; and set random_state"
        self._same(self._predicted(some), self.found[at], "the same number in a smaller test", cause)

    def check_repeated(self) -> None:
        """the same question gets the same answer"""
        cause = "The model draws at random: set its random_state, or nobody can reproduce what was promoted"
        self._same(self._predicted(self.test), self.found, "the same numbers again", cause)

    def _same(self, found: Floats, before: Floats, expected: str, cause: str) -> None:
        other = ~np.isclose(found, before, atol=1e-6, equal_nan=True)
        require(not other.any(), expected=expected, came=f"{other.sum()} of {len(other)} differ", cause=cause)
