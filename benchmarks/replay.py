"""2013 and then 2023 played again, with a model of January to June 2013: what rings when, and why; what is found.

Once as it was: the alarms by month with their causes, false alarms in the twelve months before 2023 begins, and the
estimated against the realised metrics. Then the second half of 2013 with one incident each time, from 1 September on.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import roadworthy as rw
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from roadworthy.monitoring.estimates import Estimate
from roadworthy.monitoring.watch import Watched
from roadworthy.serving.simulation import Alarm

START, LATER, NEW_WORLD, END = (
    datetime(*day, tzinfo=UTC) for day in ((2013, 1, 1), (2013, 7, 1), (2014, 1, 1), (2014, 12, 24))
)
HAPPENS = datetime(2013, 9, 1, tzinfo=UTC)
OTHER_WORLD = "2023-begins"  # the incident that is no mistake
WEEK = 7
# What is known about the data, apart from the monitors: month and monitor, and the cause.
REAL = {
    ("2013-09", "base rate"): "real: 14% late, 23% said",
    ("2013-09", "calibration"): "real: follows from the base rate",
    ("2013-10", "base rate"): "real: the base rate of September, judged over four weeks",
    ("2013-12", "base rate"): "real: 34% late, 25% said",
}
PLANES = "other planes, and the register knows more of them: 15% were missing, now 2%"
WIND = "the wind is missing now and then; in training it never was"
CAUSES = {  # by feature, or by monitor
    "carrier": "other carriers: a quarter of the flights by unseen ones",
    "dest": "destinations that training lacks",
    **dict.fromkeys(("engines", "manufacturer", "plane_age", "seats"), PLANES),
    "wind_gust": "gusts are reported nearly always: 71% were missing, now 2%",
    **dict.fromkeys(("wind_speed", "wind_dir"), WIND),
    "humid": "gusts help to estimate it and are reported nearly always now: without them its PSI is .11, not .83",
    "volume": "a third more flights",
}
RED, BLUE, GREY, LIGHT = "#c53030", "#2b6cb0", "#718096", "#cbd5e0"


class Replay:
    """The flights of a project by year, and its champion, made from the settings."""

    def __init__(self, project: rw.Project) -> None:
        self.project = project
        self.worlds = {name: project.data.features(name) for name in project.settings.data.snapshots}
        self.version = project.model.ensure()
        self.batch = project.monitoring.batch(list(self.worlds.values()), self.version)

    def watched(self, what: Sequence[str], start: datetime, end: datetime) -> Watched:
        """What the monitors say about a period in which these incidents happen, each written as NAME@YYYY-MM-DD."""
        monitoring = self.project.monitoring
        rows = monitoring.happen(self.worlds, "2013", [monitoring.incident(each) for each in what])
        return monitoring.rehearse(rows, (start, end), self.version, days=WEEK, batch=self.batch)

    def rung(self, watched: Watched, since: datetime) -> list[Alarm]:
        """The alarms that begin to ring after `since`."""
        return self.project.monitoring.rung(watched.timeline, WEEK, since)

    def months(self) -> list[dict[str, Any]]:
        """The estimates of each month after training with what was realised: window, metric, value, bounds."""
        monitoring, bundle = self.project.monitoring, self.project.registry.bundle(self.version)
        rows = pd.concat(list(self.worlds.values()), ignore_index=True)
        rows = rows[rows["day"] >= pd.Timestamp(LATER.date())]
        windows = {
            str(month): monitoring.window(part, rw.predict(bundle, part))
            for month, part in rows.groupby(rows["day"].dt.strftime("%Y-%m"))
        }
        return [_values(each) for each in monitoring.estimates(windows, self.version)]


def measure(project: rw.Project) -> dict[str, Any]:
    """The alarms of both years by month with causes, estimates by month with their coverage, and the incidents."""
    replay = Replay(project)
    begun = time.perf_counter()
    watched = replay.watched([f"{OTHER_WORLD}@{NEW_WORLD:%Y-%m-%d}"], START, END)
    seconds = (time.perf_counter() - begun) / ((END - START).days / 365)
    rows = [_explained(alarm) for alarm in replay.rung(watched, START)]
    false = [row for row in rows if row["cause"] == "false"]
    for row in rows:
        print(f"{row['month']}  {row['alarm']}: {row['cause']}", flush=True)
    months = replay.months()
    weeks = [_values(each) for each in watched.estimates if each.window >= f"{LATER:%Y-%m-%d}"]
    return {
        "seconds_per_year": round(seconds, 1),
        "alarms": rows,
        "false_alarms_before_2023": len(false),
        "estimates": months,
        "coverage": _coverage(months),
        "coverage_of_weeks": _coverage(weeks),
        "incidents": _incidents(replay),
    }


def draw(found: dict[str, Any], folder: Path) -> None:
    """Draw `replay.svg`: alarms by month, estimated and realised AUC by month, days until each incident rings."""
    figure = Figure(figsize=(10, 8.4), layout="constrained")
    alarms, auc, days = figure.subplots(3, 1, height_ratios=[4, 3, 3])
    _draw_alarms(alarms, found["alarms"])
    _draw_auc(auc, [row for row in found["estimates"] if row["metric"] == "auc"])
    names = sorted(found["incidents"], key=lambda name: -(found["incidents"][name]["days"] or 999))
    waited = [found["incidents"][name]["days"] or 0 for name in names]
    bars = days.barh(names, waited, color=BLUE)
    firsts = [found["incidents"][name]["first"] for name in names]
    days.bar_label(bars, [f"{n} days, {first}" for n, first in zip(waited, firsts, strict=True)])
    days.set_title("Days until a planted incident rings, and what rings first", loc="left", fontsize=10)
    days.set_xlim(right=max(waited) * 1.8)
    for axes in (alarms, auc, days):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.savefig(folder / "replay.svg", metadata={"Date": None})


def _values(estimate: Estimate) -> dict[str, Any]:
    return {**vars(estimate), "holds": estimate.holds}


def _explained(alarm: Alarm) -> dict[str, str]:
    """The alarm in the months of the data: what is played from 2014 on happened in 2023."""
    window = datetime.fromisoformat(alarm.window).replace(tzinfo=UTC)
    if window + timedelta(days=WEEK) <= NEW_WORLD:
        cause = REAL.get((alarm.window[:7], alarm.monitor), "false")
    else:
        cause = CAUSES.get(alarm.subject or alarm.monitor, "the model of 2013 in 2023")
    month = alarm.window[:7].replace("2014", "2023")
    named = f"{alarm.monitor} {alarm.subject}".strip()
    return {"month": month, "monitor": alarm.monitor, "alarm": named, "cause": cause}


def _coverage(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {}
    for metric in dict.fromkeys(row["metric"] for row in rows):
        known = [row for row in rows if row["metric"] == metric and row["holds"] is not None]
        widths = {
            year: round(sum(each) / len(each), 3)
            for year in ("2013", "2023", "2014")
            if (each := [row["high"] - row["low"] for row in known if row["window"].startswith(year)])
        }
        found[metric] = {"inside": sum(row["holds"] for row in known), "of": len(known), "mean_width": widths}
    return found


def _incidents(replay: Replay) -> dict[str, dict[str, Any]]:
    def alarms(what: list[str], since: datetime) -> list[dict[str, Any]]:
        return [vars(alarm) for alarm in replay.rung(replay.watched(what, LATER, NEW_WORLD), since)]

    def is_new(alarm: dict[str, Any]) -> bool:
        """An alarm that rings without the incident too does not count because it rings two weeks sooner or later."""
        same = (each for each in quiet if (each["monitor"], each["subject"]) == (alarm["monitor"], alarm["subject"]))
        first = datetime.fromisoformat(alarm["window"])
        return all(abs(first - datetime.fromisoformat(each["window"])) > timedelta(days=2 * WEEK) for each in same)

    quiet = alarms([], LATER)
    found = {}
    for name in replay.project.definition.extensions("incidents"):
        if name == OTHER_WORLD:
            continue
        rang = alarms([f"{name}@{HAPPENS:%Y-%m-%d}"], HAPPENS)
        new = [alarm for alarm in rang if is_new(alarm)]
        first = f"{new[0]['monitor']} {new[0]['subject']}".strip() if new else "nothing"
        without = next((alarm for alarm in new if alarm["monitor"] != "skew"), None)
        days = {"days": new[0]["days"] if new else None, "days_without_skew": without and without["days"]}
        found[name] = {**days, "first": first, "alarms": new}
        print(f"{name}: {days}, first {first}", flush=True)
    return found


def _draw_alarms(axes: Axes, rows: Sequence[dict[str, str]]) -> None:
    months = [str(month) for year in (2013, 2023) for month in pd.period_range(f"{year}-01", f"{year}-12", freq="M")]
    monitors = sorted({row["monitor"] for row in rows})
    for row in {(each["month"], each["monitor"]): each for each in rows}.values():
        at = (months.index(row["month"]), monitors.index(row["monitor"]))
        count = sum((each["month"], each["monitor"]) == (row["month"], row["monitor"]) for each in rows)
        false = row["cause"] == "false"
        axes.scatter(*at, s=170, marker="X" if false else "o", color=RED if false else BLUE)
        axes.annotate(str(count), at, ha="center", va="center", fontsize=7, color="white")
    axes.axvline(11.5, color=GREY, linewidth=1, linestyle="--")
    axes.set_xticks(range(len(months)), months, rotation=60, ha="right")
    axes.set_yticks(range(len(monitors)), monitors)
    axes.set_xlim(-0.6, len(months) - 0.4)
    axes.set_ylim(-0.7, len(monitors) - 0.3)
    axes.set_title("Alarms that begin to ring in a month (crosses: false alarms)", loc="left", fontsize=10)


def _draw_auc(axes: Axes, rows: Sequence[dict[str, Any]]) -> None:
    x, value = range(len(rows)), [row["value"] for row in rows]
    away = [[row["value"] - row["low"] for row in rows], [row["high"] - row["value"] for row in rows]]
    marks = {"fmt": "_", "color": GREY, "ecolor": LIGHT, "elinewidth": 9, "markersize": 12}
    axes.errorbar(x, value, away, **marks, label="estimated, 95%")
    axes.plot(x, [row["realised"] for row in rows], "o", color=BLUE, label="realised")
    axes.set_xticks(x, [row["window"] for row in rows], rotation=60, ha="right")
    axes.set_title("AUC by the predictions alone, and by the labels", loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
