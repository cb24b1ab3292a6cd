"""The visible checks of exercise 06; see `checks.py` of roadworthy_course for how they are written."""

import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from roadworthy.project import Project
from roadworthy.serving.request import BadRequestError
from roadworthy_course import answers, latency, serving, situations, spies
from roadworthy_course.answers import require
from roadworthy_course.checks import Fault, Question


def number(value: object) -> float:
    """A value as a number; NaN when it is none, or no answer at all."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


class Q1(Question):
    """The body of a request"""

    @staticmethod
    def prepare(project: Project, seed: int) -> object:
        """The flights are read, the reader is built."""
        return serving.reader(project), serving.departures(project, seed)

    def __init__(self, project: Project, seed: int, q1: object) -> None:
        self.reader = serving.reader(project)
        self.q1, self.given, self.fields = q1, serving.departures(project, seed), serving.names(project)
        rows = self.given.copy()
        self.body = self._body(rows)
        self.unchanged = rows.equals(self.given)
        self.sent = self._rows(self.body)
        self.by_key = {row.get("flight_id"): row for row in self.sent}

    def _body(self, rows: pd.DataFrame) -> bytes:
        body = answers.called(self.q1, rows, list(self.fields))
        cause = "json.dumps makes the text of a dictionary; that is what goes over the wire"
        require(isinstance(body, (str, bytes)), expected="JSON as text", came=f"a {type(body).__name__}", cause=cause)
        return body.encode() if isinstance(body, str) else bytes(body)

    @staticmethod
    def _rows(body: bytes) -> list[dict[str, Any]]:
        shape = '{"rows": [{...}, {...}]}, also for a single row'
        try:
            content = json.loads(body)
        except ValueError as error:
            cause = "str(…) of a dictionary is Python, not JSON, and to_json(lines=True) is a text of many: json.dumps"
            raise Fault(expected=shape, came=f"a text that is no JSON: {error}", cause=cause) from error
        rows = content.get("rows") if isinstance(content, dict) else content
        came = "a list without a name" if isinstance(content, list) else f"rows as a {type(rows).__name__}"
        good = isinstance(content, dict) and isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
        cause = 'to_dict("records") gives a list of rows; put it into {"rows": …}. A text in it was dumped twice'
        require(good, expected=shape, came=came, cause=cause)
        return list(rows or ())

    def check_accepted(self) -> None:
        """the service's reader accepts it"""
        try:
            self.reader.read(self.body)
        except BadRequestError as error:
            first = error.problems[0]
            raise Fault(
                expected="no problem", came=f"{error.count}: {first.message}", cause=self._why(first)
            ) from error

    def _why(self, problem: Any) -> str:
        if "not known" in problem.message:
            return "Take rows[fields]: what is known only later (late, arr_delay) is no part of a question"
        if problem.field == "as_of":
            return "moment.isoformat() with its zone. A number of milliseconds, or a time without zone, is refused"
        if "finite" in problem.message:
            return "JSON knows no NaN, None becomes null: astype(object) first, then where(notna, None)"
        if problem.value.startswith('"'):
            return "Text where a number is meant: default=str and astype(str) make text of everything"
        return "What is required and what is allowed says the message, as the service says it to its clients"

    def check_rows(self) -> None:
        """each row of the table is there once, in order"""
        for rows, sent in ((self.given, self.sent), (self.given.head(1), self._rows(self._body(self.given.head(1))))):
            keys, wanted = [row.get("flight_id") for row in sent], rows["flight_id"].to_list()
            cause = "dropna loses rows that the model can answer; the answers come in the order of the rows"
            require(
                keys == wanted, expected=f"{len(wanted)} rows in their order", came=f"{len(keys)} rows", cause=cause
            )

    def check_missing(self) -> None:
        """what is missing is null or left out, and nothing else is"""
        for row in self.given.to_dict("records"):
            sent = self.by_key.get(row["flight_id"], {})
            for name in self.fields:
                value, missing = sent.get(name), pd.isna(row[name])
                came, cause = (
                    f"{name}: {value!r}",
                    "No weather is not 0 degrees: the model has learned what missing means",
                )
                require(not missing or value is None, expected=f"{name}: null", came=came, cause=cause)
                cause = "Only a missing value is null; was the field left out, or is its zero taken for false?"
                require(missing or value is not None, expected=f"{name}: {row[name]}", came="null", cause=cause)

    def check_values(self) -> None:
        """numbers and texts are those of the table"""
        for row in self.given.to_dict("records"):
            sent = self.by_key.get(row["flight_id"], {})
            for name in [name for name in self.fields if name != "as_of" and not pd.isna(row[name])]:
                value, right = sent.get(name), row[name]
                text = isinstance(right, str)
                same = value == right if text else not isinstance(value, str) and abs(number(value) - right) <= 1e-6
                cause = "Was it rounded, or did it become text?"
                require(same, expected=f"{name}: {right!r}", came=repr(value), cause=cause)

    def check_time(self) -> None:
        """as_of is the same moment, with its zone"""
        for key, right in zip(self.given["flight_id"], self.given["as_of"], strict=True):
            value = self.by_key.get(key, {}).get("as_of")
            found: Any = pd.to_datetime(value, errors="coerce") if isinstance(value, str) else pd.NaT
            cause = "moment.isoformat() writes it. A number does not say its unit, nor its zone"
            require(not pd.isna(found), expected=right.isoformat(), came=repr(value), cause=cause)
            cause = "It has lost its zone: another machine reads another hour"
            require(found.tzinfo is not None, expected=right.isoformat(), came=repr(value), cause=cause)
            cause = "Z means UTC: behind the time of New York it is another moment. Use isoformat, or tz_convert"
            require(
                abs(found - right) <= pd.Timedelta(seconds=1), expected=right.isoformat(), came=repr(value), cause=cause
            )

    def check_input(self) -> None:
        """the table that was given is as before"""
        cause = "The caller still needs it: work on a copy, such as rows[fields].astype(object)"
        require(self.unchanged, expected="the same table", came="a changed one", cause=cause)


class Q2(Question):
    """Read a load test"""

    def __init__(self, seed: int, q2: object) -> None:
        self.q2, self.rows = q2, serving.load_test(seed)
        self.right = latency.figures(self.rows)
        self.found = self._asked(self.rows)

    def _asked(self, rows: pd.DataFrame) -> dict[str, Any]:
        found = answers.called(self.q2, rows.copy())
        named = isinstance(found, (Mapping, pd.Series))
        came = ", ".join(map(str, found.keys())) if named else f"a {type(found).__name__}"
        complete = named and all(name in found for name in self.right)
        expected = f"a dictionary with {', '.join(self.right)}"
        require(complete, expected=expected, came=came, cause="Names as in the question")
        return dict(found)

    def _judge(self, name: str) -> None:
        figure, value = self.right[name], number(self.found[name])

        def same(other: float) -> bool:
            return math.isclose(value, other, rel_tol=1e-6, abs_tol=1e-9)

        known = [why for why, wrong in figure.mistakes.items() if same(wrong)]
        came = repr(self.found[name]) if math.isnan(value) else f"{value:.6g}"
        require(same(figure.right), expected=f"{name} {figure.right:.6g}", came=came, cause=[*known, figure.hint][0])

    def check_throughput(self) -> None:
        """throughput counts successes over the whole time"""
        self._judge("throughput")

    def check_errors(self) -> None:
        """errors is the share of all requests that were no success"""
        self._judge("errors")

    def check_p50(self) -> None:
        """p50 is the middle latency of the successes"""
        self._judge("p50")

    def check_p99(self) -> None:
        """p99 is a measured latency of a success"""
        self._judge("p99")

    def check_planned(self) -> None:
        """p99_planned counts the wait before a late request was sent"""
        self._judge("p99_planned")

    def check_none(self) -> None:
        """a service that fails each time has an answer, too"""
        found = self._asked(self.rows.assign(status=503))
        right = number(found["throughput"]) == 0 and number(found["errors"]) == 1
        empty = all(found[name] is None or math.isnan(number(found[name])) for name in latency.LATENCIES)
        came = ", ".join(f"{name} {value}" for name, value in found.items())
        cause = "There is no latency of no success: ask for len(…) before you take a percentile"
        require(right and empty, expected="throughput 0, errors 1, latencies None", came=came, cause=cause)


class Q3(Question):
    """Speed up"""

    most: ClassVar = 30  # calls of Python functions for a session more
    order: ClassVar = "The values are right, their order is not: what was sorted for merge_asof must be put back"
    moment: ClassVar = "Valid from its first moment: since <= started, not <"

    @staticmethod
    def prepare(seed: int) -> object:
        """The first question of a database loads much."""
        return serving.newest(*serving.tariffs(seed))

    def __init__(self, seed: int, q3: object) -> None:
        self.q3, self.seed = q3, seed
        self.sessions, self.prices = serving.tariffs(seed)
        self.store, found, self.work = self._run(self.sessions)
        self.valid = serving.newest(self.sessions, self.prices)
        self.right = self.store.answer(self.valid["hours"].to_numpy(), self.valid["price"].to_numpy())
        require(
            len(found) == len(self.sessions),
            expected=f"{len(self.sessions)} answers, one for each session",
            came=f"{len(found)}",
            cause="An inner join loses sessions without a price, a join on the site alone gives one for each price",
        )
        self.found = np.array([number(value) for value in found])

    def _run(self, sessions: pd.DataFrame) -> tuple[spies.Store, list[Any], int]:
        store = spies.Store(self.seed)
        given = sessions.copy(), self.prices.copy(), store.load
        found, work = spies.calls(lambda: answers.called(self.q3, *given))
        listed = isinstance(found, (list, tuple, np.ndarray, pd.Series))
        cause = "Return the answers in the order of the sessions, NaN where there is none"
        require(listed, expected="a list, an array or a Series", came=f"a {type(found).__name__}", cause=cause)
        return store, list(found), work

    def check_missing(self) -> None:
        """a session without hours or price has NaN, and only such a one"""
        off = np.isnan(self.found) != np.isnan(self.right)
        cause = "Which rows can be answered? Keep the place of the others: a NaN in an array as long as the sessions"
        if (off & (self.valid["price"].isna()).to_numpy()).any():
            cause = "A price that begins after the start is none: neither the nearest nor a later one; and NaN is no 0"
        if self._mixed():
            cause = self.order
        elif (off & self.valid["exact"].to_numpy()).any():
            cause = self.moment
        expected = "NaN where, and only where, hours or price are missing"
        require(not off.any(), expected=expected, came=self._shown(off), cause=cause)

    def check_answers(self) -> None:
        """the answers are those of the slow function, in its order"""
        with np.errstate(invalid="ignore"):
            off = np.abs(self.found - self.right) > 1e-9
        cause = "The price that was valid at the start: not the newest of today, nor the first in the table"
        if self._mixed():
            cause = self.order
        elif not (off & ~self.valid["exact"].to_numpy()).any():
            cause = self.moment
        require(not off.any(), expected="the answers of the slow function", came=self._shown(off), cause=cause)

    def _mixed(self) -> bool:
        one, two = (np.sort(values[~np.isnan(values)]) for values in (self.found, self.right))
        return len(one) == len(two) and np.allclose(one, two)

    def _shown(self, off: np.ndarray) -> str:
        at = int(np.argmax(off))
        return f"{off.sum()} others, the first at place {at}: {self.found[at]:.4f} instead of {self.right[at]:.4f}"

    def check_loads(self) -> None:
        """the model is loaded once"""
        cause = "Reading the file costs more than all answers: load before the loop, or without any loop"
        require(self.store.loads <= 1, expected="one call of load", came=f"{self.store.loads}", cause=cause)

    def check_calls(self) -> None:
        """predict is called once, with all rows"""
        came = f"{len(self.store.packs)} calls, with up to {max(self.store.packs, default=0)} rows"
        cause = "A call costs the same for one row and for a thousand: make a table of all rows first"
        require(len(self.store.packs) <= 1, expected="one call of predict", came=came, cause=cause)

    def check_work(self) -> None:
        """pandas does no work for each row by itself"""
        few = self.sessions.drop_duplicates("site")  # all sites: a loop over sites is no loop over sessions
        each = (self.work - self._run(few)[2]) / (len(self.sessions) - len(few))
        cause = "iloc, iterrows, filters, sorting, apply(axis=1) for each row: one join (merge_asof) does it for all"
        expected = f"at most {self.most} calls of functions for each session more"
        require(each <= self.most, expected=expected, came=f"{each:,.0f}", cause=cause)

    def check_empty(self) -> None:
        """sessions that cannot be answered, or none, are no error"""
        for what, sessions in (
            ("no session", self.sessions.head(0)),
            ("no hours", self.sessions.head(12).assign(hours=np.nan)),
        ):
            try:
                found = self._run(sessions)[1]
            except ValueError as error:
                cause = "The model refuses a call without rows: ask for any() before you call it"
                raise Fault(
                    expected=f"{len(sessions)} times NaN, and no error: {what}", came=str(error), cause=cause
                ) from error
            right = len(found) == len(sessions) and all(math.isnan(number(value)) for value in found)
            came = f"{len(found)} answers, some of them numbers" if found else "0 answers"
            require(
                right,
                expected=f"{len(sessions)} times NaN: {what}",
                came=came,
                cause="Hours that are missing are not 0",
            )


class Q4(Question):
    """A stream that never ends"""

    def __init__(self, seed: int, q4: object) -> None:
        self.q4, self.random = q4, np.random.default_rng(seed)
        self.seed, self.size = seed, int(self.random.integers(5, 12))

    def _sizes(self, batches: int, rest: int | None = None) -> list[int]:
        sizes = self.random.integers(0, 2 * self.size + 3, batches).tolist()
        wanted = int(self.random.integers(1, self.size)) if rest is None else rest
        return [*sizes, 0, (wanted - sum(sizes)) % self.size, 0]

    def _run(self, sizes: list[int], **more: Any) -> tuple[spies.Stream, Any]:
        stream = spies.Stream(self.seed, sizes, **more)
        with spies.watched():
            return stream, answers.called(self.q4, stream.batches(), stream.predict, stream.write, self.size)

    def check_all(self) -> None:
        """each row is answered once, in order"""
        for rest in (None, 0):
            stream, _ = self._run(self._sizes(12, rest))
            wanted, got = [key for key, _ in stream.right], [key for key, _ in stream.written]
            lost = len(set(wanted) - set(got))
            came = f"{len(got)} rows, {lost} missing, {len(got) - len(set(got))} twice"
            cause = (
                "What is left when the stream ends is a pack, too"
                if 0 < lost < self.size
                else "What is written is left behind: neither again nor never"
            )
            require(sorted(got) == sorted(wanted), expected=f"{len(wanted)} rows", came=came, cause=cause)
            require(
                got == wanted,
                expected="the order of the rows",
                came="another",
                cause="First in, first out: take packs from the front",
            )
            same = all(abs(number(a) - b) < 1e-9 for (_, a), (_, b) in zip(stream.written, stream.right, strict=True))
            cause = "zip(pack, predict(pack)): each key with its own answer"
            require(same, expected="the answer of each row", came="one of another row", cause=cause)

    def check_packs(self) -> None:
        """each pack is full, but for the last"""
        stream, _ = self._run(self._sizes(12))
        *full, last = stream.packs or [0]
        cause = f"Batches and packs have different sizes: collect rows until there are {self.size}, then take those"
        good = all(pack == self.size for pack in full) and last == len(stream.values) % self.size
        require(
            good,
            expected=f"packs of {self.size}, the last of {len(stream.values) % self.size}",
            came=str(stream.packs),
            cause=cause,
        )

    def check_empty(self) -> None:
        """no row, no pack; and the count is returned"""
        cause = "A rest of 0 rows is no pack: if pack: …"
        for sizes in ([], [0, 0], self._sizes(6, rest=0), self._sizes(6)):
            stream, count = self._run(sizes)
            came = f"packs of {stream.packs}"
            require(
                0 not in stream.packs,
                expected=f"no call of predict without rows, for batches of {sizes}",
                came=came,
                cause=cause,
            )
            came = repr(count)
            require(
                number(count) == sum(sizes),
                expected=f"{sum(sizes)} as the count of rows",
                came=came,
                cause="Add up what is written, and return it",
            )

    def check_memory(self) -> None:
        """no more than two packs and a batch are in memory"""
        largest = 2 * self.size + 2
        stream, _ = self._run(self._sizes(150), patience=2 * self.size + largest)
        most = max(stream.most, stream.ahead)
        cause = "Rows that are written must be forgotten: del waiting[:size], or a new list of the rest"
        require(
            most <= 2 * self.size + largest,
            expected=f"at most {2 * self.size + largest} rows",
            came=f"{most}",
            cause=cause,
        )

    def check_break(self) -> None:
        """a stream that breaks is told, and what came before is written"""
        sizes = self._sizes(20)
        stream = spies.Stream(self.seed, sizes, breaks=15)
        try:
            count = answers.called(self.q4, stream.batches(), stream.predict, stream.write, self.size)
        except ConnectionError:
            full = stream.read // self.size * self.size
            came = f"{len(stream.written)} of {stream.read} that came"
            cause = "Write each pack as soon as it is full"
            require(len(stream.written) >= full, expected=f"{full} rows in full packs written", came=came, cause=cause)
        else:
            cause = "An error that is caught and not told looks like the end of the stream: nobody knows of the loss"
            raise Fault(expected="the error of the stream, to the caller", came=repr(count), cause=cause)


class Q5(Question):
    """Reachable on a bad day"""

    def __init__(self, seed: int, q5: object) -> None:
        self.q5, random = q5, np.random.default_rng(seed)
        self.usual, self.probability = (float(value) for value in random.uniform(0.05, 0.9, 2).round(4))
        self.row = {"flight_id": f"f{seed}", "hour": int(random.integers(5, 23))}
        self.passing = [random.permutation(np.array([503, 429, 503])).tolist() for _ in range(2)]

    def _ask(self, *script: Any) -> tuple[spies.Server, Any]:
        server = spies.Server(script, self.probability)
        with spies.watched():
            return server, answers.called(self.q5, server.send, server.sleep, dict(self.row), self.usual)

    def _gives(self, right: tuple[float, str], script: tuple[Any, ...], tries: int, cause: str) -> spies.Server:
        server, found = self._ask(*script)
        told = ", ".join("timeout" if isinstance(each, TimeoutError) else str(each) for each in script)
        pair = isinstance(found, (tuple, list)) and len(found) == 2
        came = f"{found!r} after {len(server.keys)} tries"
        same = pair and abs(number(found[0]) - right[0]) < 1e-9 and found[1] == right[1]
        require(
            same and len(server.keys) == tries, expected=f"{right} after {tries} tries ({told})", came=came, cause=cause
        )
        return server

    def check_well(self) -> None:
        """an answer is returned at once, the row as it is"""
        cause = 'Return content["probability"], "model"; no second try, no pause'
        server = self._gives((self.probability, "model"), (200,), 1, cause)
        require(not server.pauses, expected="no pause", came=str(server.pauses), cause="Wait before a new try only")
        require(
            server.rows == [self.row],
            expected=str(self.row),
            came=str(server.rows),
            cause="Send the row that was given",
        )
        limit = server.timeouts[0]
        fair = not isinstance(limit, bool) and 0 < number(limit) <= 2
        cause = "Without a limit a client waits for ever for a service that hangs"
        require(fair, expected="a timeout above 0 s and at most 2 s", came=repr(limit), cause=cause)

    def check_passing(self) -> None:
        """what may pass is asked again"""
        for script in (
            (self.passing[0][0], 200),
            (*self.passing[1][:2], 200),
            (TimeoutError("late"), self.passing[0][1], 200),
        ):
            cause = "429, 503 and TimeoutError may pass: another try often has the answer"
            self._gives((self.probability, "model"), script, len(script), cause)

    def check_down(self) -> None:
        """after four tries there is another answer"""
        for script in ((503,), (TimeoutError("late"),), (*self.passing[0], 429)):
            cause = 'Four tries in all, then usual and "fallback": somebody waits for an answer'
            self._gives((self.usual, "fallback"), script, 4, cause)
        cause = "The fourth try counts as well: four tries, not three"
        self._gives((self.probability, "model"), (503, 503, 429, 200), 4, cause)

    def check_pauses(self) -> None:
        """each pause is twice the last, and none comes after the end"""
        for script in ((503,), (TimeoutError("late"),)):
            server, _ = self._ask(*script)
            cause = "Call the sleep that is given, longer each time. A service in need is not helped by more requests"
            if len(server.pauses) > 3:
                cause = "There is nothing to wait for after the last try"
            least = [0.1, 0.2, 0.4]
            fair = len(server.pauses) == 3 and all(
                a - 1e-9 <= b <= 2 * a + 1e-9 for a, b in zip(least, server.pauses, strict=True)
            )
            came = ", ".join(f"{pause:g}" for pause in server.pauses) or "none"
            require(fair, expected="pauses of 0.1, 0.2, 0.4 s, up to double of each", came=came, cause=cause)
            turns = ["try", "pause"] * 3 + ["try"]
            require(
                server.order == turns,
                expected=" ".join(turns),
                came=" ".join(server.order),
                cause="Wait between two tries",
            )

    def check_mistakes(self) -> None:
        """a mistake that stays is told at once"""
        for status in (422, 400, 401, 500):
            server = spies.Server((status,), self.probability)
            cause = f"{status} is the same at the next try: raise ValueError. A fallback would hide it for ever"
            self._raises(server, ValueError, cause)
        cause = "except Exception takes a fault of the program for a bad network: name TimeoutError, and nothing more"
        self._raises(spies.Server((KeyError("hour"),), self.probability), KeyError, cause)

    def _raises(self, server: spies.Server, kind: type[Exception], cause: str) -> None:
        try:
            with spies.watched():
                came = repr(answers.called(self.q5, server.send, server.sleep, dict(self.row), self.usual))
        except kind:
            came = f"{kind.__name__} after {len(server.keys)} tries"
            require(len(server.keys) == 1, expected=f"{kind.__name__} after 1 try", came=came, cause=cause)
        except Fault:
            raise
        except Exception as error:
            raise Fault(expected=f"{kind.__name__} ({server.script[0]})", came=repr(error), cause=cause) from error
        else:
            raise Fault(expected=f"{kind.__name__} ({server.script[0]!r})", came=came, cause=cause)

    def check_keys(self) -> None:
        """all tries for one row have one key, every call has another"""
        one, again = (self._ask(TimeoutError("late"), 503, 200)[0].keys for _ in range(2))
        text = all(isinstance(key, str) and key for key in [*one, *again])
        require(text, expected="a text as the key", came=repr(one[0]), cause="str(uuid.uuid4())")
        cause = "The first try may have been done, its answer lost: with a new key it is done twice. Make it once"
        require(len(set(one)) == 1, expected="one key for all tries", came=f"{len(set(one))} keys", cause=cause)
        cause = "A key made of the row makes two questions one: uuid.uuid4() for each call"
        require(one[0] != again[0], expected="another key for another call", came="the same one", cause=cause)


class Q6(Question):
    """Promote, wait or roll back"""

    def __init__(self, seed: int, q6: object) -> None:
        self.said = [(world, self._asked(q6, world)) for world in serving.worlds(seed)]

    @staticmethod
    def _asked(q6: object, world: serving.World) -> str:
        said = answers.called(q6, world.champion.copy(), world.canary.copy())
        known = isinstance(said, str) and said in {"promote", "wait", "roll back"}
        cause = "The words as they are in the question"
        require(known, expected='"promote", "wait" or "roll back"', came=repr(said), cause=cause)
        return str(said)

    def _right(self, words: str) -> None:
        for world, said in self.said:
            if world.right == words:
                require(said == words, expected=f"{words!r}: {world.about}", came=repr(said), cause=world.mistake)

    def check_promote(self) -> None:
        """a version that is shown to be no worse is promoted"""
        self._right("promote")

    def check_wait(self) -> None:
        """what is not shown yet is waited for"""
        self._right("wait")

    def check_roll_back(self) -> None:
        """a version that is shown to be worse is rolled back"""
        self._right("roll back")


class Q7(Question):
    """Choose"""

    ways: ClassVar = (situations.BATCH, situations.STREAM, situations.ONLINE, situations.PROCESS)

    def __init__(self, seed: int, q7: object) -> None:
        self.q7 = q7
        self.said = [(story, facts, self._asked(q7, facts)) for story, facts in situations.drawn(seed)]

    def _asked(self, q7: object, facts: situations.Facts) -> str:
        said = answers.called(q7, dict(facts))
        known = isinstance(said, str) and said in self.ways
        names = ", ".join(f'"{way}"' for way in self.ways)
        require(
            known, expected=f"one of {names}", came=repr(said), cause="Does every way through the ifs return a word?"
        )
        return str(said)

    def _right(self, way: str) -> None:
        for story, facts, said in self.said:
            if story.right == way:
                told = ", ".join(f"{name} {value}" for name, value in facts.items())
                require(
                    said == way, expected=f"{way!r} for {story.about} ({told})", came=repr(said), cause=story.mistake
                )

    def check_rows_a_day(self) -> None:
        """the number of rows alone does not decide"""
        for story, facts, said in self.said:
            for count in (10, 10**9):
                other = self._asked(self.q7, facts | {"rows_a_day": count})
                cause = "Many rows are no reason for a stream, few are none for a batch: all four can be made larger"
                require(
                    other == said,
                    expected=f"{said!r} for {story.about}, also with {count:,} rows",
                    came=repr(other),
                    cause=cause,
                )

    def check_batch(self) -> None:
        """what can be answered the night before is"""
        self._right(situations.BATCH)

    def check_stream(self) -> None:
        """events that nobody waits for are a stream"""
        self._right(situations.STREAM)

    def check_online(self) -> None:
        """who waits, or cannot wait 5 seconds, is answered online"""
        self._right(situations.ONLINE)

    def check_process(self) -> None:
        """where a service is too far away, the model comes along"""
        self._right(situations.PROCESS)
