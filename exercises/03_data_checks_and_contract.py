"""Master of exercise 03: see CONTRIBUTING.md. The learner's notebook and the solution are made from it."""

# %% [markdown]
# # Exercise 03: data checks and a contract
#
# A charging operator sends you its sessions every month. You write down what they must look like, so that a fault is
# noticed before a model learns it, and nobody is woken when nothing is wrong. You need lesson 01; the classes are in
# `schema.py` of the library, `roadworthy`.
#
# Replace `...` by your answer, run its cell and the cell with `check` below it. Your answers are tried on clean months
# and on months with planted faults that you have not seen. A check that is red on clean data counts as much as one that
# misses a fault. `roadworthy exercise hint 03 q1` gives a hint.

# %%
import pandas as pd

from roadworthy import Column, Law, Rule
from roadworthy_course import drawn, exercises

check = exercises.begin("03")
sessions = drawn.sessions_of(seed=0)  # a clean "month", of eight weeks; other seeds give others, of other sites
sessions.head(3)

# %% [markdown]
# What the operator tells you:
#
# - `site` is two capital letters, a hyphen and two digits; they do not tell its time zone. New sites open every month.
#   Each site counts its sessions by itself, in `session`.
# - There are three kinds of `plug`: type2, ccs, chademo.
# - `started` and `ended` are in UTC. `ended` is missing while a car is still charging: 2% of the sessions.
# - `kwh` is always there, from 0 to 100 (the largest battery). No plug gives more than 22 kW.
# - `dollars`: four hours are free, then a dollar for each hour, to the cent (4.5 hours cost .50).
# - A fleet has one account, `FLEET`, and plugs in two cars at the same moment.

# %%
sessions.describe(include="all")

# %% [markdown]
# ## Question 1: what a value may be
#
# A list of four columns of the contract: `site`, `plug`, `ended` and `kwh`, each with what the operator tells you. The
# kinds are those of `schema.py`: category, number, time … For example:
# `Column(name="dollars", kind="number", about="the fee", low=0, high=50)`.

# %% question="q1"
# solution begins
q1 = [
    Column(name="site", kind="category", about="where", pattern="^[A-Z]{2}-[0-9]{2}$"),
    Column(name="plug", kind="category", about="which plug", allowed=("type2", "ccs", "chademo")),
    Column(name="ended", kind="time", about="unplugged", known="after", max_null=0.05),
    Column(name="kwh", kind="number", about="energy", unit="kWh", known="after", low=0, high=100),
]
# solution ends
# learner: q1 = ...

# %%
check("q1")

# %% [markdown]
# ## Question 2: the key
#
# The names of the columns that identify a session, as few as possible, as a tuple. Sometimes a session is sent twice,
# the second time with more energy and a later end: the key must notice it.

# %% question="q2"
# solution begins
q2 = ("site", "session")
# solution ends
# learner: q2 = ...

# %%
check("q2")

# %% [markdown]
# ## Question 3: rules between columns
#
# Each value can be possible and the row still wrong. A list of rules that refuse an end before the start, more energy
# than the plug can give in that time, and a fee that does not fit the hours. A rule is an SQL condition that holds in
# every sound row; where it gives NULL (no end yet), it counts as kept. For example:
# `Rule("positive", "kwh >= 0", "energy is not negative")`. `epoch(ended - started)` gives seconds,
# and `greatest(a, b)` the larger value; mind that it leaves NULL out.

# %% question="q3"
# solution begins
hours = "epoch(ended - started) / 3600"
q3 = [
    Rule("order", "ended >= started", "a session ends after its start"),
    Rule("power", f"kwh <= 22 * {hours} + 0.01", "a plug gives at most 22 kW"),
    Rule("fee", f"ended is null or abs(dollars - greatest({hours} - 4, 0)) < 0.02", "four hours are free, then a dollar"),
]
# solution ends
# learner: q3 = ...

# %%
check("q3")

# %% [markdown]
# ## Question 4: quarantine
#
# A function that takes the rows of a month and returns two tables: the good rows, and the bad ones with a column
# `reason` besides. A row is bad when `kwh` is missing or not in 0 to 100, when `plug` is none of the three, or when
# `ended` is before `started`. The reason names each column that is wrong (`kwh`, `plug`, `ended`). No row is lost, and
# the table that was given stays as it is.

# %% question="q4"
def q4(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    # solution begins
    wrong = pd.DataFrame(
        {
            "kwh": ~rows["kwh"].between(0, 100),
            "plug": ~rows["plug"].isin(["type2", "ccs", "chademo"]),
            "ended": rows["ended"] < rows["started"],
        }
    )
    reason = wrong.apply(lambda row: "; ".join(f"{name} is not allowed" for name in wrong.columns if row[name]), axis=1)
    bad = wrong.any(axis=1)
    return rows[~bad], rows[bad].assign(reason=reason[bad])
    # solution ends
    # learner: return ...

# %%
check("q4")

# %% [markdown]
# ## Question 5: a law of the whole table
#
# Last spring a new clock wrote local time where UTC was meant: every session started eight hours early. In winter
# another one was five hours late. No row was impossible. Write a `Law`, a figure of the whole table (SQL, an aggregate,
# a number) with its limits, that is red for both and green in every clean month. For example:
# `Law("energy", "avg(kwh)", 10, 40, "mean energy of a session")`.

# %% question="q5"
# solution begins
q5 = Law("morning", "median(extract(hour from started))", 8, 11, "usual hour, in UTC, in which a session starts")
# solution ends
# learner: q5 = ...

# %%
check("q5")

# %% [markdown]
# ## Question 6: checks of your own (open)
#
# A function that compares a new month with a usual one, of the same sites, and returns a list of problems as sentences:
# empty when all is well. It will see clean months; a site that sends nothing, Wh instead of kWh at one site, a meter
# that always shows the same value, and ends that are missing more often. Each of the four counts. Another clean month
# of the same sites, to try it on: `drawn.sessions_of(seed=1, sites=sorted(sessions["site"].unique()))`.

# %% question="q6"
def q6(usual: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    # solution begins
    problems = []
    if gone := set(usual["site"]) - set(new["site"]):
        problems.append(f"sites without a row: {gone}")
    if new["kwh"].max() > 100:
        problems.append(f"kwh up to {new['kwh'].max()}")
    if (new.groupby("site")["kwh"].nunique() == 1).any():
        problems.append("a meter that does not move")
    if new["ended"].isna().mean() > 0.1:
        problems.append(f"{new['ended'].isna().mean():.0%} of the ends are missing")
    return problems
    # solution ends
    # learner: return ...

# %%
check("q6")

# %% [markdown]
# All right? `roadworthy exercise status` shows how far you are. Next: lesson 02.
