"""Master of exercise 07: see CONTRIBUTING.md. The learner's notebook and the solution are made from it."""

# %% [markdown]
# # Exercise 07: monitoring and alerting
#
# You are on call for a model that says whether a flight will be 15 minutes late. You build what rings: a measure of
# drift that knows the season, a score that knows no future, an alarm that does not flap, limits from a replay. Then you
# find an incident in a log and write to the person on call. You need lesson 05.
#
# Replace `...` by your answer, run its cell and the cell with `check` below it. Your answers are tried on other logs
# than those you see. An alarm in a quiet week counts as much as an incident that nobody saw.
# `roadworthy exercise hint 07 q1` gives a hint.

# %%
import numpy as np
import pandas as pd

import roadworthy as rw
from roadworthy_course import exercises, replays, watched

check = exercises.begin("07")
project = rw.Project.open()
history = watched.history(project, seed=0)  # the predictions of 2022, in which nothing went wrong
log = watched.log(project, seed=0, first="2023-05-01", days=56)  # eight weeks of 2023; other seeds give other flights
history.head(3)

# %% [markdown]
# Each row is a prediction. `day` and `hour` are local and scheduled, `scheduled` is the departure in UTC. `temp`
# (Fahrenheit) and `wind` (miles an hour) were measured an hour before, `distance` is in miles. The days are real ones
# of 2023, drawn again with a seed. About 80 predictions are made each day, and the small carriers do not fly every day.
#
# The labels come from another system, in no order: `late` is 0 or 1, `known_at` (UTC) is when the label arrived.

# %%
log.labels.head(3)

# %% [markdown]
# ## Question 1: how far a column has moved
#
# A function that takes two Series of numbers, a reference and a window, and returns the population stability index
# (PSI) as a number.
#
# - The bins are fixed by the reference: nine edges, its quantiles 0.1, 0.2 … 0.9, missing values left out. Equal edges
#   count once. A value that equals an edge belongs to the bin above it. What is below the first edge is a bin, and so
#   is what is above the last one.
# - Missing values are one bin more.
# - The share of a bin is its rows divided by all rows, missing ones among them. A share below 0.0001 counts as 0.0001.
# - PSI is the sum of (a - e) * ln(a / e) over the bins: e is the share in the reference, a that in the window.

# %% question="q1"
def q1(reference: pd.Series, window: pd.Series) -> float:
    # solution begins
    edges = np.unique(reference.quantile(np.arange(1, 10) / 10))

    def shares(values: pd.Series) -> np.ndarray:
        known = np.searchsorted(edges, values.dropna(), side="right")
        counts = [*np.bincount(known, minlength=len(edges) + 1), values.isna().sum()]
        return np.maximum(np.array(counts) / len(values), 0.0001)

    e, a = shares(reference), shares(window)
    return float(((a - e) * np.log(a / e)).sum())
    # solution ends
    # learner: return ...

# %%
check("q1")

# %% [markdown]
# ## Question 2: the score as it was known
#
# How good was the model by what was known at the time `as_of` (UTC)? A flight is *due* 12 hours after its scheduled
# departure (`scheduled` + 12 hours <= `as_of`). Before that, its label may be there already, but then it is a short
# flight that was on time: what is not due is not judged.
#
# Return a dict of three:
#
# - `due`: the number of flights that are due
# - `coverage`: the share of them whose label is known, that is, arrived at `as_of` or before. A cancelled flight never
#   gets one
# - `brier`: the Brier score of those, mean of (probability - late)². A flight without a label is not judged
#
# Some labels are corrected: then the same `id` has a second row, which arrived later. What counts is the newest one
# that was known at `as_of`. If nothing is due, `coverage` and `brier` are None; if no label is known, `brier` is.

# %% question="q2"
def q2(predictions: pd.DataFrame, labels: pd.DataFrame, as_of: pd.Timestamp) -> dict:
    # solution begins
    due = predictions[predictions["scheduled"] + pd.Timedelta(hours=12) <= as_of]
    known = labels[labels["known_at"] <= as_of].sort_values("known_at").drop_duplicates("id", keep="last")
    judged = due.merge(known, on="id")
    return {
        "due": len(due),
        "coverage": len(judged) / len(due) if len(due) else None,
        "brier": ((judged["probability"] - judged["late"]) ** 2).mean() if len(judged) else None,
    }
    # solution ends
    # learner: return ...

# %%
check("q2")

# %% [markdown]
# ## Question 3: the same season
#
# Against the whole of last year each week of summer is an incident: the PSI of `temp` is above 1 in all of them.
# Compare with the same season instead. A function that takes the predictions so far (more than a year) and a day, and
# returns the rows to compare with it:
#
# - their day of the year is at most 21 days from that of `day`. The year is a circle of 365 days: 29 December is 5 days
#   from 3 January. No year here has 366
# - they are at least 28 days older than `day`: what is wrong now may have been wrong for three weeks, and nobody knows
#   what comes after it

# %% question="q3"
def q3(predictions: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    # solution begins
    apart = (predictions["day"].dt.day_of_year - day.day_of_year).abs()
    near = np.minimum(apart, 365 - apart) <= 21
    old = predictions["day"] <= day - pd.Timedelta(days=28)
    return predictions[near & old]
    # solution ends
    # learner: return ...

# %%
check("q3")

# %% [markdown]
# ## Question 4: from verdicts to alarms
#
# One bad week may be chance. A function that takes the verdicts of a monitor, one for each window from old to new, and
# returns the alarms as a list of pairs (begin, end), numbers of windows from 0.
#
# - A verdict is True (violated), False (quiet) or None (not judged: too few rows). Windows that were not judged are left
#   out of all counts: the last m windows are the last m that were judged.
# - An alarm begins in the window in which at least `n` of the last `m` are violated. In the first windows there are fewer
#   than m: n violated ones are enough.
# - It ends in the window in which the last `m` are all quiet, so that it does not flap. That window is `end`.
# - `end` is None while it rings.
#
# For example, with n=2 and m=3, `[True, None, True, False, False, False]` gives `[(2, 5)]`.

# %% question="q4"
def q4(verdicts: list[bool | None], n: int, m: int) -> list[tuple[int, int | None]]:
    # solution begins
    alarms, begin, judged = [], None, []
    for window, violated in enumerate(verdicts):
        if violated is None:
            continue
        judged = [*judged, violated][-m:]
        if begin is None and sum(judged) >= n:
            begin = window
        elif begin is not None and not any(judged):
            alarms.append((begin, window))
            begin = None
    return alarms if begin is None else [*alarms, (begin, None)]
    # solution ends
    # learner: return ...

# %%
check("q4")

# %% [markdown]
# ## Question 5: limits from a replay
#
# Seven monitors read something each week; more is worse. `replays.readings` has what they read in replays of 16 weeks:
# in seven of them one thing goes wrong and 40% of the requests meet it, in seven others nothing does.

# %%
readings = replays.readings(project, seed=0)
readings.head(3)

# %% [markdown]
# `monitor` is what it watches: the PSI of carrier, temp, distance and probability against the same season, the share of
# missing values of wind, the share of labels that never came, and traffic: how many times more or fewer
# predictions there are, as a logarithm. `incident` is the monitor that should ring, `""` in a quiet replay;
# `began` is the first week of the incident, -1 in a quiet replay. The dashed line is the 0.2 that many books name.

# %%
temps = readings[readings["monitor"] == "temp"]
shown = {name or "quiet": temps.loc[temps["incident"] == name, "value"].to_numpy()[:16] for name in ("", "temp")}
rw.charts.timeline([str(week) for week in range(16)], shown, title="PSI of temp by week", label="PSI", line=0.2)

# %% [markdown]
# A function that takes such readings and returns the limit of each monitor, a dict with seven names. It is tried with
# other readings, in which a monitor may be in another unit, such as percent. Then the limits are held against 28 replays
# that the function has not seen. A reading above its limit is violated, and two of the last three ring.
#
# At least 12 of 14 incidents must be found: the monitor of the incident rings in the week it began or in one of the two
# after. At most 4 false alarms are allowed in all 28 replays together: a monitor that rings in a quiet replay, or before
# the incident.

# %% question="q5"
def q5(readings: pd.DataFrame) -> dict[str, float]:
    # solution begins
    quiet = readings[(readings["incident"] == "") | (readings["week"] < readings["began"])]
    return quiet.groupby("monitor")["value"].max().to_dict()
    # solution ends
    # learner: return ...

# %%
check("q5")

# %% [markdown]
# ## Question 6: find the incident
#
# A function that takes the predictions of last year, and the predictions and labels of the last seven weeks. It returns
# the day on which something went wrong and what: `(day, what)`. It returns None when nothing did. Two days more or
# fewer are right. `what` is where it began, not all that it moves.
#
# | what | what has happened before |
# |---|---|
# | `"carrier"` | the flights of one of the five largest carriers no longer arrive |
# | `"temp"` | Celsius instead of Fahrenheit |
# | `"distance"` | kilometres instead of miles |
# | `"wind"` | half of the values are missing |
# | `"labels"` | no label arrives any more |
# | `"traffic"` | each request is made twice, or two of three are lost |
# | `"probability"` | 1 - p instead of p, or the same value for all |
#
# It never begins in the first two weeks, and goes on to the end. All labels of the log that will ever come are there. A
# storm, a holiday, a day without wind and a warm month are no incidents: they pass.

# %%
broken = watched.log(project, seed=0, first="2023-02-01", days=49, what="wind", after=25)
print(broken.what, broken.day.date(), len(broken.predictions))

# %% question="q6"
def q6(history: pd.DataFrame, predictions: pd.DataFrame, labels: pd.DataFrame) -> tuple | None:
    # solution begins
    days, usual = predictions.groupby("day"), history.groupby("day")["temp"].median()
    temp, distance = days["temp"].median(), days["distance"].mean()
    season = [usual[abs(usual.index.day_of_year - day.day_of_year) <= 14].median() for day in temp.index]
    traffic, said = np.log(days.size()), days["probability"].agg(["mean", "std"])
    carriers = pd.crosstab(predictions["day"], predictions["carrier"])
    large = history["carrier"].value_counts().index[:5]
    known = predictions["id"].isin(labels["id"])
    signs = {
        "carrier": (carriers.reindex(columns=large, fill_value=0) == 0).any(axis=1),
        "temp": temp < np.array(season) - 20,
        "distance": distance > 1.3 * distance.iloc[:14].mean(),
        "wind": predictions["wind"].isna().groupby(predictions["day"]).mean() > 0.35,
        "labels": ~known.groupby(predictions["day"]).any(),
        "probability": (said["mean"] > 0.5) | (said["std"] < 0.01),
        "traffic": abs(traffic - traffic.iloc[:14].mean()) > 0.4,
    }
    for what, violated in signs.items():
        for day in violated.index[14:-4]:
            if violated[day] and violated[day:].mean() > 0.8:
                return day, what
    return None
    # solution ends
    # learner: return ...

# %%
check("q6")

# %% [markdown]
# ## Question 7: the message (open)
#
# It is three in the morning. A function that takes what was found, the predictions, and the runbook, and returns the
# message as text. For example:

# %%
found = {"what": "temp", "day": pd.Timestamp("2023-05-20"), "value": 3.6667, "limit": 1.8379}
runbook = {
    "temp": ("PAGE", "Ask the weather feed for its units; roll back to the last parser."),
    "labels": ("TICKET", "Restart the import of arrivals."),
}

# %% [markdown]
# - The first line is all that a telephone shows: at most 72 characters. It begins with the word that the runbook has for
#   it, and says what is wrong (the word in `found["what"]`, and no other of the seven) and since which day, such as
#   2023-05-20.
# - Below it: the value and its limit, both with two decimals; how many predictions were made since that day, that day
#   included; and what to do first, word by word as in the runbook.
# - At most 600 characters. No braces, `nan`, `None`, or times such as 00:00:00.
# - Nothing was found: `found` is None, and the message is empty, `""`.

# %% question="q7"
def q7(found: dict | None, predictions: pd.DataFrame, runbook: dict[str, tuple[str, str]]) -> str:
    # solution begins
    if found is None:
        return ""
    urgency, step = runbook[found["what"]]
    count = int((predictions["day"] >= found["day"]).sum())
    return "\n".join(
        [
            f"{urgency}: {found['what']} is wrong since {found['day']:%Y-%m-%d}",
            f"The monitor reads {found['value']:.2f}, its limit is {found['limit']:.2f}.",
            f"{count} predictions were made since then.",
            f"First: {step}",
        ]
    )
    # solution ends
    # learner: return ...

# %%
check("q7")

# %% [markdown]
# All right? `roadworthy exercise status` shows how far you are. Next: lesson 06.
