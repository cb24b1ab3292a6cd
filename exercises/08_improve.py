"""Master of exercise 08: see CONTRIBUTING.md. The learner's notebook and the solution are made from it."""

# %% [markdown]
# # Exercise 08: improve
#
# A champion predicts which flights are late. Today it is your turn: is it time for a new model, what should that learn
# from, is it better, may it serve, how do you come back, and what do you tell the team? You need lesson 06.
#
# Replace `...` by your answer, run its cell and the cell with `check` below it. The flights are real ones of 2023, the
# two models are invented, so that it is known which is better. Your answers are tried on other flights and other models
# than those that you see. You may use what the library has, such as `compare` and `base/files.py`.
# `roadworthy exercise hint 08 q1` gives a hint.

# %%
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import roadworthy as rw
from roadworthy.base import files
from roadworthy_course import contenders, exercises, releases

check = exercises.begin("08")
project = rw.Project.open()
scratch = releases.scratch()  # a folder for what you write; it is gone when the notebook ends
weeks = releases.weeks(seed=0, case=releases.CASES[2])
weeks

# %% [markdown]
# ## Question 1: is it time?
#
# Above are weeks of monitoring, the oldest first. `data_quality`, `drift` and `performance` say whether an alarm of that
# kind rang in the week. `new_days`: labelled days that the champion has not learned from. `age`: days since the
# last day that it has learned from. The team has agreed on rules; the first one that fits decides:
#
# 1. `data_quality` rings in the newest week: `"repair"`. Nobody learns from broken data.
# 2. `new_days` of the newest week is below 28: `"wait"`. It is too early to judge a new model.
# 3. `performance` rings in both of the two newest weeks: `"retrain"`.
# 4. `age` in the newest week is above 180: `"retrain"`.
# 5. Otherwise `"wait"`. Drift alone is no reason: it rings for every season.
#
# Return the decision and the name of the column that decided; for rule 5 `"nothing"`. Above that is
# `("wait", "nothing")`.

# %% question="q1"
def q1(weeks: pd.DataFrame) -> tuple[str, str]:
    # solution begins
    newest = weeks.iloc[-1]
    if newest["data_quality"]:
        return "repair", "data_quality"
    if newest["new_days"] < 28:
        return "wait", "new_days"
    if weeks["performance"].iloc[-2:].all():
        return "retrain", "performance"
    return ("retrain", "age") if newest["age"] > 180 else ("wait", "nothing")
    # solution ends
    # learner: return ...

# %%
check("q1")

# %% [markdown]
# ## Question 2: what may it learn from?
#
# Each flight has an `id`, the moment of its scheduled departure, `scheduled`, and `known`, the moment at which
# it had arrived and its label was known; it is missing for a cancelled flight. The rows are in no order.

# %%
flights = contenders.days_of(project, seed=0, days=42).sample(frac=1, random_state=0)
as_of = pd.Timestamp(flights["scheduled"].median()).floor("h")
print(as_of)
flights.head(3)

# %% [markdown]
# A function that returns the rows to learn from at the moment `as_of`, with a column `weight` besides. Only rows whose
# label is known by then (at `as_of` itself counts). `window` is one of
#
# - `"expanding"`: all of these rows, with weight 1. `days` says nothing here, it may be None;
# - `"sliding"`: those of them that were scheduled at most `days` days before `as_of`, with weight 1;
# - `"weighted"`: all of them, and the weight halves every `days` days: 1 for a flight scheduled at `as_of`, .5 for one that
#   was scheduled `days` days before, .25 at twice as much. Parts of a day count: after 36 hours a flight is 1.5 days old.
#
# The table that was given stays as it is.

# %% question="q2"
def q2(rows: pd.DataFrame, as_of: pd.Timestamp, window: str, days: float | None) -> pd.DataFrame:
    # solution begins
    known = rows[rows["known"] <= as_of]
    age = (as_of - known["scheduled"]) / pd.Timedelta(days=1)
    if window == "sliding":
        return known[age <= days].assign(weight=1.0)
    return known.assign(weight=0.5 ** (age / days) if window == "weighted" else 1.0)
    # solution ends
    # learner: return ...

# %%
check("q2")

# %% [markdown]
# ## Question 3: is it better?
#
# Champion and challenger have both predicted the same flights, before their departure. `late` is 1 or 0, and missing for
# a cancelled flight. The challenger has learned from all days up to `learned_until`, that day included; the champion is
# older. The picture shows the mean gain of each day: the squared error of the champion minus that of the challenger.

# %%
found = contenders.meeting(project, seed=0, kind="equal")
gain = found.by_day
print(f"the challenger has learned until {found.learned_until:%d %B}")
rw.charts.bars([f"{day:%d %b}" for day in gain.index], gain, title="Days that neither knows", label="gain", line=0.0)

# %%
found.rows.head(3)

# %% [markdown]
# Return `(difference, low, high)`. The difference is the Brier score of the champion minus that of the challenger, so that
# **above 0 the challenger is better**. The Brier score is the mean of the squared errors over the flights. Judge on labelled flights
# of days that neither model has learned from. `low` and `high` are its 95% interval, by drawing
# whole days with replacement, at least 1000 times, the same days for both models: flights of a day are late together.

# %% question="q3"
def q3(rows: pd.DataFrame, learned_until: pd.Timestamp) -> tuple[float, float, float]:
    # solution begins
    fair = rows[(rows["day"] > learned_until) & rows["late"].notna()]
    gains = (fair["champion"] - fair["late"]) ** 2 - (fair["challenger"] - fair["late"]) ** 2
    days = gains.groupby(fair["day"]).agg(["sum", "count"]).to_numpy()
    drawn = days[np.random.default_rng(0).integers(0, len(days), (2000, len(days)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return float(gains.mean()), float(low), float(high)
    # solution ends
    # learner: return ...

# %%
check("q3")

# %% [markdown]
# ## Question 4: may it serve?
#
# Here `rows` are only flights on which both models can be judged: labelled, of days that neither knows (`found.judged`).
# Return a decision and its reason. `"promote"` only if
#
# - the interval of the difference, as in question 3, lies above 0 as a whole, **and**
# - no carrier gets worse beyond chance: none has an interval, of its own flights, that lies below 0 as a whole.
#
# Otherwise `"keep"`: the champion stays. The reason is a sentence. If the interval in all lies above 0 and a carrier is
# in the way, it names the carrier by its code. In all other cases it gives both ends of the interval in all, to 4
# decimals.

# %% question="q4"
def q4(rows: pd.DataFrame) -> tuple[str, str]:
    # solution begins
    def gained(part: pd.DataFrame) -> tuple[float, float]:
        said = rw.compare(part["late"], part["challenger"], part["champion"], part["day"])
        return -said.brier_high, -said.brier_low

    low, high = gained(rows)
    worse = [name for name, part in rows.groupby("carrier") if gained(part)[1] < 0]
    if low > 0 and worse:
        return "keep", f"worse for {', '.join(worse)}"
    return "promote" if low > 0 else "keep", f"the Brier score gains {low:+.4f} to {high:+.4f}"
    # solution ends
    # learner: return ...

# %%
check("q4")

# %% [markdown]
# ## Question 5: a registry on disk
#
# The versions of the model lie in `versions/<number>/` of a folder. Which one serves stands in `champion.json` there,
# and the service reads it at any moment. You write it.

# %%
folder = scratch / "registry"
print("versions:", releases.shelf(folder, seed=0))
print(json.dumps({"champion": 9, "former": [2, 5], "log": ["promoted 2", "promoted 5", "promoted 9"]}))

# %% [markdown]
# Write two functions, and put both into `q5`: `q5 = promote, roll_back`.
#
# - `promote(folder: Path, version: int)` makes a version the champion. The champion before it, if there was one, is added
#   at the end of `former`. A version that is the champion already stays it, and nothing changes.
# - `roll_back(folder: Path)` makes the last of `former` the champion and takes it out of `former`. So two in a row go back
#   twice.
# - Each change adds one text of your own to the end of `log`. What is in it stays.
# - To promote a version whose folder does not exist, or to roll back when nobody was champion before, raises an
#   error (of any kind) that says why, and changes nothing.
# - Before the first promotion there is no `champion.json`.
# - The process may be killed at any moment. Whoever reads `champion.json` then finds the whole old state or the whole
#   new one. So write beside it, in the same folder, and rename; `files.write_atomic` of the library does so, too.

# %% question="q5"
# solution begins
def load(folder: Path) -> dict[str, Any]:
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def save(folder: Path, champion: int, former: list[int], log: list[str]) -> None:
    files.write_atomic(folder / "champion.json", json.dumps({"champion": champion, "former": former, "log": log}))


def promote(folder: Path, version: int) -> None:
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"there is no version {version}")
    now = load(folder)
    if now["champion"] == version:
        return
    before = [] if now["champion"] is None else [now["champion"]]
    save(folder, version, now["former"] + before, now["log"] + [f"promoted {version}"])


def roll_back(folder: Path) -> None:
    now = load(folder)
    if not now["former"]:
        raise ValueError("no version was the champion before")
    *former, back = now["former"]
    save(folder, back, former, now["log"] + [f"rolled back to {back}"])


q5 = (promote, roll_back)
# solution ends
# learner: q5 = ...

# %%
check("q5")

# %% [markdown]
# ## Question 6: a card with its lineage
#
# A year from now somebody asks what the model was made of. You have the folder with the data files it has learned from,
# the record of its training, and the flights on which it was judged, as in question 4.

# %%
data_folder = scratch / "data"
data_folder.mkdir(exist_ok=True)
made = releases.run(project, data_folder, seed=0)
print(*sorted(path.name for path in data_folder.iterdir()), sep="\n")
made.record

# %% [markdown]
# A function of the three that returns a dictionary of plain values (`json.dumps` writes it):
#
# - `data`: for each file of the folder, by its name, the SHA-256 sum of its bytes, 64 hexadecimal digits;
# - `commit` and `parameters`: as in the record;
# - `brier`: the Brier score of the challenger (smaller is better) as a list `[value, low, high]`, the 95% interval by whole
#   days, as in question 3;
# - `carriers`: for each carrier with at least 30 flights, by its code, `{"flights": 412, "brier": 0.1712}`;
# - `limits`: a list of sentences. One says until which day the model has learned (as in the record, 2023-05-21); one
#   names each carrier with fewer than 30 flights: nothing is known about it.
#
# The card is read by everybody; the record also holds a password. Do not round, and leave the record as it is.

# %% question="q6"
def q6(folder: Path, record: dict[str, Any], rows: pd.DataFrame) -> dict[str, Any]:
    # solution begins
    said = rw.evaluate(rows["late"], rows["challenger"], rows["day"], draws=1000)
    parts = {name: part for name, part in rows.groupby("carrier")}
    few = [name for name, part in parts.items() if len(part) < 30]
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": {
            name: {"flights": len(part), "brier": float(((part["challenger"] - part["late"]) ** 2).mean())}
            for name, part in parts.items()
            if name not in few
        },
        "limits": [f"It has learned until {record['learned_until']}.", f"Fewer than 30 flights of {', '.join(few)}."],
    }
    # solution ends
    # learner: return ...

# %%
check("q6")

# %% [markdown]
# ## Question 7: the note to the team
#
# The decision is taken. Now tell it to people who did not see the notebook. You get the facts:

# %%
releases.facts(project, seed=0, kind="better")

# %%
releases.facts(project, seed=0, kind="slice")

# %% [markdown]
# `difference` is that of question 3 with its interval, judged on the days `first` to `last`; `worse` has the carriers
# that get worse beyond chance, each with its difference; `warnings` how many flights a day the champion warns of,
# and how many the challenger; `who` acts on the warnings.
#
# A function that returns a text of five lines, each of which begins with its word:
#
# - `Decision:` is a version promoted or kept? Name the one that serves from now on. Do not write "promoted" or "promote" when it is not.
# - `Figure:` the difference and both ends of its interval, each rounded to 4 decimals. If the interval lies above 0, say that the
#   challenger is better; if below, worse; if it holds 0, claim neither.
# - `Change:` when promoted: `who` sees how many warnings a day, instead of how many? When kept: say "nothing changes".
# - `Risk:` the first and the last of the days on which it was judged, as in the facts: other days may differ. And each carrier
#   that gets worse, with its difference, to 4 decimals.
# - `Way back:` when promoted: the `command`, and the version that it brings back. When kept nothing has been promoted, so
#   the command would take away a good champion: leave it out, and say that there is nothing to take back.

# %% question="q7"
def q7(facts: dict[str, Any]) -> str:
    # solution begins
    difference, low, high = facts["difference"]
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    promoted = facts["decision"] == "promote"
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    worse = "".join(f" Worse for {name}: {of[0]:+.4f}." for name, of in facts["worse"].items())
    lines = {
        "Decision": f"version {new} is promoted." if promoted else f"version {old} is kept.",
        "Figure": f"Brier score {difference:+.4f} [{low:+.4f}, {high:+.4f}]: {claim}.",
        "Change": f"{facts['who']} sees {after} warnings a day instead of {before}."
        if promoted
        else "nothing changes.",
        "Risk": f"judged on {facts['first']} to {facts['last']} only; other days may differ.{worse}",
        "Way back": f"`{facts['command']}` brings back version {old}." if promoted else "nothing to take back.",
    }
    return "\n".join(f"{word}: {text}" for word, text in lines.items())
    # solution ends
    # learner: return ...

# %%
check("q7")

# %% [markdown]
# All right? `roadworthy exercise status` shows how far you are. You have been through the whole life cycle.
