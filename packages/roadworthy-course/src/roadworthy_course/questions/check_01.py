"""The visible checks of exercise 01; see `checks.py` of roadworthy_course for how they are written."""

from typing import Any

import numpy as np
import pandas as pd

from roadworthy.project import Project
from roadworthy_course import answers, drawn
from roadworthy_course.answers import require
from roadworthy_course.checks import Question

NO_ROWS_LOST = "every flight is there exactly once"


class Q1(Question):
    """Count without losing"""

    prepare = staticmethod(drawn.flights)

    def __init__(self, project: Project, seed: int, q1: object) -> None:
        tables = drawn.flights(project, seed)
        flights = tables["flights"].to_pandas()
        late = flights["arr_delay"].ge(15).where(flights["arr_delay"].notna())
        right = flights.assign(late=late.astype(float)).groupby("carrier")
        right = right.agg(flights=("id", "size"), late_share=("late", "mean")).reset_index()
        self.right = right.merge(tables["airlines"].to_pandas(), on="carrier")
        self.found = answers.rows(tables, q1, ["carrier", "name", "flights", "late_share"])
        once = self.found.drop_duplicates("carrier")
        self.both = answers.by_key(self.right, once, ["carrier"])

    def check_rows(self) -> None:
        """one row for each carrier"""
        require(
            len(self.found) == len(self.right) and set(self.found["carrier"]) == set(self.right["carrier"]),
            expected=f"{len(self.right)} rows, one for each carrier that flies",
            came=f"{len(self.found)} rows, {self.found['carrier'].nunique()} carriers",
            cause="Is it grouped by carrier and name alone, and begun from flights?",
        )

    def check_names(self) -> None:
        """the name is that of the carrier"""
        off = answers.unequal(self.both["name"], self.both["name_yours"])
        _first(self.both, off, "name", "Which column do flights and airlines have in common?", key="carrier")

    def check_flights(self) -> None:
        """cancelled flights are counted"""
        off = answers.unequal(self.both["flights"], self.both["flights_yours"])
        cause = "count(*) counts cancelled flights too; a filter on arr_delay, or count of a column, loses them"
        _first(self.both, off, "flights", cause, key="carrier")

    def check_share(self) -> None:
        """late_share is the share of the known delays that are 15 minutes or more"""
        off = answers.unequal(self.both["late_share"], self.both["late_share_yours"])
        yours = pd.to_numeric(self.both["late_share_yours"], errors="coerce")
        all_flights = self.both["late_share"] * 0 + yours
        cause = "Late is >= 15, and a flight without an arrival delay is neither late nor punctual"
        if (all_flights > 1).any():
            cause = "Is it a count or a percentage? A share lies between 0 and 1"
        elif yours.isin([0, 1]).all():
            cause = "Only 0 and 1: was a whole number divided, or a share rounded?"
        elif ((yours - self.both["late_share"]).abs() < 0.006).all():
            cause = "It is rounded: leave all decimals"
        _first(self.both, off, "late_share", cause, key="carrier")


class Q2(Question):
    """Join without fan-out or loss"""

    prepare = staticmethod(drawn.flights)

    def __init__(self, project: Project, seed: int, q2: object) -> None:
        tables = drawn.flights(project, seed)
        flights, weather = tables["flights"].to_pandas(), tables["weather"].to_pandas()
        self.right = flights[["id", "origin", "time_hour"]].merge(weather, on=["origin", "time_hour"], how="left")
        self.found = answers.rows(tables, q2, ["id", "temp", "wind_speed"])
        self.both = answers.by_key(self.right, self.found.drop_duplicates("id"), ["id"])

    def check_no_fan_out(self) -> None:
        """no flight appears twice"""
        doubled = int(self.found["id"].duplicated().sum())
        require(
            doubled == 0,
            expected="each id once",
            came=f"{doubled:,} rows too many",
            cause="Three airports report each hour: join by origin, too",
        )

    def check_no_loss(self) -> None:
        """no flight is lost"""
        _nothing_lost(
            self.right, self.found, "An inner join loses the flights without weather; so does `where` on its columns"
        )

    def check_weather(self) -> None:
        """the weather is that of the airport and the hour"""
        off = answers.unequal(self.both["temp"], self.both["temp_yours"])
        off &= self.both["id"].isin(self.found["id"])
        _first(self.both, off, "temp", "Join on origin and on time_hour, both as they are", key="id")

    def check_wind(self) -> None:
        """the wind is that of the same observation"""
        _same_row(self.both[self.both["id"].isin(self.found["id"])])


class Q3(Question):
    """A window"""

    prepare = staticmethod(drawn.flights)

    def __init__(self, project: Project, seed: int, q3: object) -> None:
        tables = drawn.flights(project, seed)
        flights = tables["flights"].to_pandas()
        flights["at"] = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
        counted = [self._before(rows) for _, rows in flights.groupby("origin")]
        self.right = pd.concat(counted)
        self.found = answers.rows(tables, q3, ["id", "flights_before"])
        self.both = answers.by_key(self.right, self.found.drop_duplicates("id"), ["id"])
        self.yours = pd.to_numeric(self.both["flights_before_yours"], errors="coerce")

    @staticmethod
    def _before(rows: pd.DataFrame) -> pd.DataFrame:
        mine = ((rows["at"] - rows["at"].min()) // pd.Timedelta(minutes=1)).to_numpy()
        at = np.sort(mine)
        count = np.searchsorted(at, mine) - np.searchsorted(at, mine - 60)
        same = np.searchsorted(at, mine, side="right") - np.searchsorted(at, mine)
        return rows[["id", "origin", "at"]].assign(flights_before=count, same=same)

    def check_rows(self) -> None:
        """every flight is there exactly once"""
        _nothing_lost(self.right, self.found, "A window keeps every row; a join or a filter may lose or double them")
        require(
            len(self.found) == len(self.right),
            expected=f"{len(self.right):,} rows",
            came=f"{len(self.found):,}",
            cause="A join with all earlier flights doubles a flight; count per flight, or use a window",
        )

    def check_zero(self) -> None:
        """where there is none before, it is 0"""
        first = self.both[self.both["flights_before"] == 0]
        require(
            not first["flights_before_yours"].isna().any(),
            expected="0 for the first flight of an airport",
            came="NULL",
            cause="coalesce(…, 0), or count instead of sum",
        )
        came = pd.to_numeric(first["flights_before_yours"], errors="coerce")
        cause = "Too many: is it partitioned by origin, and ordered by the minute, too?"
        if (came == first["same"]).mean() > 0.9:
            cause = "Does the flight count itself?"
        elif (came < first["same"]).all():
            cause = "Do other flights of the same minute count? The window ends one minute before"
        require(
            (came == 0).all(),
            expected="0 for the first flight of an airport",
            came=f"{first['flights_before_yours'].max():g}",
            cause=cause,
        )

    def check_window(self) -> None:
        """it counts the 60 minutes before, of the same airport"""
        off = answers.unequal(self.both["flights_before"], self.both["flights_before_yours"])
        off &= self.both["id"].isin(self.found["id"])
        usual, right, same = self.yours.median(), self.both["flights_before"], self.both["same"]
        cause = "From 60 minutes before (included) to the minute before"
        if (self.yours - right == same).mean() > 0.9:
            cause = "The flights of the same minute are counted, the flight itself among them: end one minute before"
        elif (self.yours - right == same - 1).mean() > 0.9:
            cause = "The other flights of the same minute are counted: end one minute before"
        elif usual > 2 * right.median():
            cause = "Far too many: partition by origin, order by time_hour and minute together, end after 60 minutes"
        elif (self.yours <= right).mean() > 0.99:
            cause = (
                "Too few: a flight exactly 60 minutes before counts, and it is minutes that count, not rows or hours"
            )
        _first(self.both, off, "flights_before", cause, key="id")


class Q4(Question):
    """What was known"""

    prepare = staticmethod(drawn.flights)

    def __init__(self, project: Project, seed: int, q4: object) -> None:
        tables = drawn.flights(project, seed)
        flights, weather = tables["flights"].to_pandas(), tables["weather"].to_pandas()
        weather = weather[weather["time_hour"] >= flights["time_hour"].min()]  # the first flights have none before them
        tables = {**tables, "weather": answers.arrow(weather)}
        self.right = self._known(flights, weather, hours=1)
        self.leak = self._known(flights, weather, hours=0)
        self.found = answers.rows(tables, q4, ["id", "temp", "wind_speed"])
        self.both = answers.by_key(self.right, self.found.drop_duplicates("id"), ["id"])

    @staticmethod
    def _known(flights: pd.DataFrame, weather: pd.DataFrame, hours: int) -> pd.DataFrame:
        at = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
        left = flights[["id", "origin"]].assign(at=at).sort_values("at")
        right = weather.assign(at=weather["time_hour"] + pd.Timedelta(hours=hours)).sort_values("at")
        known = pd.merge_asof(left, right[["at", "origin", "temp", "wind_speed"]], on="at", by="origin")
        return known.sort_values("id", ignore_index=True)

    def check_no_fan_out(self) -> None:
        """every flight is there exactly once"""
        _nothing_lost(
            self.right, self.found, "A join without `left` loses flights before all observations; so does a filter"
        )
        require(
            len(self.found) == len(self.right),
            expected=f"{len(self.right):,} rows",
            came=f"{len(self.found):,}",
            cause="A join with >= keeps every earlier observation; an asof join keeps the latest",
        )

    def check_no_leak(self) -> None:
        """nothing is from after the departure"""
        both = answers.by_key(self.leak, self.found.drop_duplicates("id"), ["id"])
        different = answers.unequal(self.leak["temp"], self.right["temp"])
        leaks = ~answers.unequal(both["temp"], both["temp_yours"]) & different
        require(
            leaks.mean() < 0.5 * different.mean(),
            expected="the last full hour's weather",
            came="the weather of the hour of departure",
            cause="It is complete only when the flight has left: a leak. 9:00 is known at 10:00",
        )

    def check_latest(self) -> None:
        """it is the latest observation that was known"""
        off = answers.unequal(self.both["temp"], self.both["temp_yours"])
        cause = "From 10:00 (>=) to 10:59 the observation of 9:00 is the latest, of the flight's own airport"
        if self.both.loc[off, "temp_yours"].isna().mean() > 0.5:
            cause = "NULL although an older observation was known: an equality loses it where an hour is missing"
        _first(self.both, off, "temp", cause, key="id")

    def check_wind(self) -> None:
        """temp and wind are of the same observation"""
        _same_row(self.both)


class Q5(Question):
    """Time zones"""

    prepare = staticmethod(drawn.charging)

    def __init__(self, seed: int, q5: object) -> None:
        tables = drawn.charging(seed)
        self.sessions, sites = tables["sessions"].to_pandas(), tables["sites"].to_pandas()
        self.sessions["zone"] = self.sessions["site"].map(dict(sites[["site", "zone"]].to_numpy()))
        local = [at.tz_convert(zone) for at, zone in self.sessions[["started", "zone"]].itertuples(index=False)]
        self.sessions["day"] = [at.strftime("%Y-%m-%d") for at in local]
        self.right = self._counted(self.sessions)
        self.found = answers.rows(tables, q5, ["site", "day", "sessions"])
        days = self.found["day"]
        self.text = days.astype(str).str[:10] if not hasattr(days, "dt") else days.dt.strftime("%Y-%m-%d")
        self.mine = {key: int(n) for *key_, n in self._rows() for key in [tuple(key_)]}

    def _rows(self) -> list[tuple[str, str, Any]]:
        return list(zip(self.found["site"], self.text, self.found["sessions"], strict=True))

    @staticmethod
    def _counted(sessions: pd.DataFrame) -> dict[tuple[str, str], int]:
        return {(str(s), str(d)): len(rows) for (s, d), rows in sessions.groupby(["site", "day"])}

    def check_sessions(self) -> None:
        """every session is counted once"""
        came = int(pd.to_numeric(self.found["sessions"]).sum())
        require(
            came == len(self.sessions),
            expected=f"{len(self.sessions)} sessions in all",
            came=f"{came}",
            cause="Count each session (also of one driver on one day) once, and lose no site in the join",
        )

    def check_rows(self) -> None:
        """one row for each site and day"""
        doubled = len(self.found) - len(set(zip(self.found["site"], self.text, strict=True)))
        require(
            doubled == 0,
            expected="each pair of site and day once",
            came=f"{doubled} pairs more than once",
            cause="Group by the date alone: a time of day in `day`, or another column, splits it",
        )

    def check_local(self) -> None:
        """the day is that of the site's own clock"""
        cause = "Use the zone of the site, and convert once; a second conversion turns the clock the wrong way"
        self._same(~self._near_a_change(), cause)

    def check_clock_changes(self) -> None:
        """it holds before and after the clocks change"""
        self._same(
            self._near_a_change(), "A fixed number of hours is wrong for a part of the year: use the zone's name"
        )

    def _near_a_change(self) -> "pd.Series[bool]":
        zones = ["America/Los_Angeles", "America/New_York", "Europe/Berlin", "Australia/Sydney"]
        changes: pd.Series[bool] = self.sessions["zone"].isin(zones)
        return changes

    def _same(self, of: "pd.Series[bool]", cause: str) -> None:
        utc = self.sessions.assign(day=self.sessions["started"].dt.strftime("%Y-%m-%d"))
        if self.mine == self._counted(utc):
            cause = (
                "These are days in UTC. At 23:30 UTC it is tomorrow in Tokyo: use `at time zone` with the site's zone"
            )
        for key, count in self._counted(self.sessions[of]).items():
            came = self.mine.get(key, 0)
            require(came == count, expected=f"{count} sessions at {key[0]} on {key[1]}", came=f"{came}", cause=cause)


class Q6(Question):
    """A value from outside"""

    prepare = staticmethod(drawn.charging)
    HOSTILE = (
        "nobody' or 'a' = 'a",
        "x'; drop table sessions; --",
        "' union select 1, 'LA-10', 2.0 --",
        "$driver",
        "%",
    )

    def __init__(self, seed: int, q6: object) -> None:
        self.tables, self.q6 = drawn.charging(seed), q6
        self.sessions = self.tables["sessions"].to_pandas()
        self._asked(self.sessions["driver"].iloc[0])

    def _asked(self, driver: str, tables: Any = None) -> pd.DataFrame:
        given = tables or self.tables
        with answers.opened(given) as connection:
            found = answers.called(self.q6, connection, driver)
            left = connection.execute("select count(*) from sessions").fetchall()[0][0]
        require(
            left == len(self.sessions),
            expected="a table that is as before",
            came=f"{left} rows left in it",
            cause="The name was read as SQL: give it as a parameter, $driver",
        )
        require(
            isinstance(found, pd.DataFrame),
            expected="a table (DataFrame)",
            came=f"a {type(found).__name__}",
            cause="Return what rw.ask returns, or end with .df(); a function without return gives None",
        )
        table: pd.DataFrame = found
        return table

    def check_rows(self) -> None:
        """the sessions of a driver come, and no others"""
        for driver in self.sessions["driver"].unique()[:5]:
            right = self.sessions[self.sessions["driver"] == driver]
            found = self._asked(driver)
            came = f"{len(found)} rows for {driver}"
            cause = "Compare driver with the value that the function is given"
            require(len(found) == len(right), expected=f"{len(right)} rows for {driver}", came=came, cause=cause)
            wanted = sorted(zip(right["site"], right["session"].astype(int), strict=True))
            missing = {"site", "session", "kwh"} - set(found.columns)
            require(not missing, expected="session, site and kwh", came=f"no {missing}", cause="Add it to the select")
            mine = sorted(zip(found["site"], found["session"].astype(int), strict=True))
            require(mine == wanted, expected=f"{wanted[:2]}", came=f"{mine[:2]}", cause=cause)

    def check_injection(self) -> None:
        """a name that holds SQL is a name"""
        for name in self.HOSTILE:
            try:
                came = len(self._asked(name))
            except Exception as error:
                cause = "The name was read as SQL: give it as a parameter, $driver, and do not put it into the text"
                if type(error).__name__ == "NotAnsweredError":
                    raise
                require(False, expected=f"no row for the driver {name!r}", came=type(error).__name__, cause=cause)
            cause = "The name was read as SQL, or as a pattern: give it as a parameter, $driver, and compare with ="
            require(came == 0, expected=f"no row for the driver {name!r}", came=f"{came} rows", cause=cause)

    def check_quotes(self) -> None:
        """a name with a quote is found"""
        table = self.tables["sessions"].to_pandas()
        named = self._with(table.assign(driver="D'Arc -- x"))
        found = self._asked("D'Arc -- x", named)
        require(
            len(found) == len(table),
            expected=f'{len(table)} rows for the driver "D\'Arc -- x"',
            came=f"{len(found)}",
            cause="Do not remove or double quotes, nor refuse them: a parameter takes every value as it is",
        )

    def _with(self, sessions: pd.DataFrame) -> dict[str, Any]:
        return {**self.tables, "sessions": answers.arrow(sessions)}


class Q7(Question):
    """A feature of your own (open)"""

    prepare = staticmethod(drawn.flights)

    def __init__(self, project: Project, seed: int, q7: object) -> None:
        self.tables, self.q7 = drawn.flights(project, seed), q7
        self.flights = self.tables["flights"].to_pandas()
        self.found = answers.rows(self.tables, q7, ["id", "feature"])
        self.flights["at"] = self.flights["time_hour"] + pd.to_timedelta(self.flights["minute"], unit="min")
        self.both = self.flights.merge(self.found.drop_duplicates("id"), on="id", how="left")
        self.both["feature"] = pd.to_numeric(self.both["feature"].astype(object), errors="coerce").astype(float)

    def check_rows(self) -> None:
        """every flight is there exactly once"""
        _nothing_lost(self.flights, self.found, "Begin from flights, and join with left joins")
        require(
            len(self.found) == len(self.flights),
            expected=f"{len(self.flights):,} rows",
            came=f"{len(self.found):,}",
            cause="A join doubles flights: its key is not unique in the other table",
        )

    def check_known(self) -> None:
        """it is a number, for at least half of the flights"""
        share = float(self.both["feature"].isna().mean())
        require(
            share <= 0.5,
            expected="a number for half of the flights",
            came=f"none for {share:.0%}",
            cause="Is it text? Or a join that finds no partner?",
        )

    def check_no_leak(self) -> None:
        """it is the same when what was not known yet is taken away"""
        busy = self.flights["at"].value_counts().head(40).index.sort_values()
        for moment in busy[[5, 20, 35]]:
            now = self.flights["at"] == moment
            known = answers.rows(self._as_of(moment), self.q7, ["id", "feature"]).drop_duplicates("id")
            both = self.both[now].merge(known, on="id", how="left", suffixes=("", "_then"))
            changed = answers.unequal(both["feature"], both["feature_then"].astype(float))
            first = both[changed].head(1)
            require(
                not changed.any(),
                expected=f"the same as at the scheduled departure, {_shown(first['feature_then'].max())}",
                came=f"{_shown(first['feature'].max())} with what came later",
                cause="A leak: its own delay, that of a flight not yet landed (or gone), or an hour that is not over",
            )

    def check_informative(self) -> None:
        """it tells late flights from others"""
        judged = self.both[self.both["arr_delay"].notna() & self.both["feature"].notna()]
        late, rank = judged["arr_delay"] >= 15, judged["feature"].rank()
        positives, negatives = int(late.sum()), int((~late).sum())
        auc = (rank[late].sum() - positives * (positives + 1) / 2) / max(positives * negatives, 1)
        require(
            auc >= 0.56 or auc <= 0.44,
            expected="an AUC of .56 or more, or .44 or less",
            came=f"{auc:.3f}",
            cause="Close to .5 it says nothing. What makes flights late? The hour, the weather, delays before",
        )

    def _as_of(self, moment: pd.Timestamp) -> dict[str, Any]:
        """The tables as they were at a moment: the same schedule, no outcome and no weather from after it."""
        flights, weather = self.flights.drop(columns="at"), self.tables["weather"].to_pandas()
        departed = self.flights["at"] + pd.to_timedelta(self.flights["dep_delay"], unit="min") <= moment
        air = pd.to_timedelta(self.flights["air_time"].fillna(1440) + 20, unit="min")
        landed = departed & (
            self.flights["at"] + pd.to_timedelta(self.flights["dep_delay"], unit="min") + air <= moment
        )
        for name in ("dep_time", "dep_delay"):
            flights[name] = flights[name].where(departed).astype("Int32")
        for name in ("arr_time", "arr_delay", "air_time"):
            flights[name] = flights[name].where(landed).astype("Int32")
        known = weather[weather["time_hour"] + pd.Timedelta(hours=1) <= moment]
        then = {"flights": flights, "weather": known}
        return {**self.tables, **{name: answers.arrow(frame) for name, frame in then.items()}}


def _nothing_lost(right: pd.DataFrame, found: pd.DataFrame, cause: str) -> None:
    lost = len(set(right["id"]) - set(found["id"]))
    require(lost == 0, expected=f"{len(right):,} flights", came=f"{lost:,} of them are missing; the rest", cause=cause)


def _first(both: pd.DataFrame, off: "pd.Series[bool]", name: str, cause: str, *, key: str) -> None:
    """Raise the fault that the first differing row shows."""
    if off.any():
        row = both[off].iloc[0]
        expected = f"{name} {_shown(row[name])} for {key} {row[key]}"
        count = f"{int(off.sum()):,} of {len(both):,} rows differ"
        require(False, expected=expected, came=f"{_shown(row[f'{name}_yours'])} ({count})", cause=cause)


def _same_row(both: pd.DataFrame) -> None:
    """Raise the fault that the first row with another wind shows; where temp is right, the cause is the wind's own."""
    off = answers.unequal(both["wind_speed"], both["wind_speed_yours"])
    alone = off & ~answers.unequal(both["temp"], both["temp_yours"])
    if alone.mean() > 0.5 * off.mean():
        _first(both, alone, "wind_speed", "Take temp and wind_speed from the same row, without a default", key="id")
    _first(both, off, "wind_speed", "It is another observation, as with temp above: correct that first", key="id")


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "NULL"
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
