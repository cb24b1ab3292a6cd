"""Master of exercise 01: see CONTRIBUTING.md. The learner's notebook and the solution are made from it."""

# %% [markdown]
# # Exercise 01: SQL for features
#
# You write the queries that a model's features are made of: joins that lose nothing and double nothing, windows, what
# was known when, time zones, and values that come from outside. You need lesson 01 and nothing else.
#
# **How it works.** Replace `...` by your answer, run its cell and the cell with `check` below it. It says which of
# several checks are right; for the others what was expected, what came, and the likely cause. Answers are run on other
# days than you see here, so that a copied number is no answer. Try things out in cells of your own.
#
# In a terminal, `roadworthy exercise hint 01 q1` gives a hint (three for each question), and
# `roadworthy exercise watch 01` checks again whenever you save.

# %%
import duckdb
import pandas as pd

import roadworthy as rw
from roadworthy_course import drawn, exercises

check = exercises.begin("01")
project = rw.Project.open()
tables = drawn.look(project, seed=0)
rw.ask(tables, "select id, carrier, origin, dest, time_hour, minute, arr_delay from flights limit 3")

# %% [markdown]
# These tables are there: `flights` (some days of 2023; `id` numbers the rows), `weather`, `planes`, `airlines` as in
# lesson 01, and charging sessions of electric cars: `sessions` and `sites`. All times are UTC. To try a query:

# %%
rw.ask(tables, "select * from weather limit 2")

# %%
rw.ask(tables, "select * from sessions limit 2")

# %%
rw.ask(tables, "select * from sites limit 2")

# %% [markdown]
# ## Question 1: count without losing
#
# One row for each carrier in `flights`, with the columns `carrier`, `name` (from `airlines`), `flights` (how many, the
# cancelled ones too) and `late_share`: of its flights with a known arrival delay, the share that arrived 15 minutes
# late or more. Write a query as text.

# %% question="q1"
# solution begins
q1 = """
    select carrier, name, count(*) as flights, avg((arr_delay >= 15)::int) as late_share
    from flights join airlines using (carrier)
    group by carrier, name
"""
# solution ends
# learner: q1 = ...

# %%
check("q1")

# %% [markdown]
# ## Question 2: join without fan-out or loss
#
# One row for each flight with `id`, and `temp` and `wind_speed` of its airport (`origin`) in its hour (`time_hour`).
# A flight without weather stays, with NULL.

# %% question="q2"
# solution begins
q2 = """
    select id, temp, wind_speed
    from flights left join weather using (origin, time_hour)
"""
# solution ends
# learner: q2 = ...

# %%
check("q2")

# %% [markdown]
# ## Question 3: a window
#
# One row for each flight with `id` and `flights_before`: how many flights were scheduled from the same airport in the
# 60 minutes before it. A flight is scheduled at `time_hour + to_minutes(minute)`. Exactly 60 minutes before counts, the
# same minute does not. Where there is none, the answer is 0.

# %% question="q3"
# solution begins
q3 = """
    with scheduled as (
        select id, origin, time_hour + to_minutes(minute) as departs from flights
    )
    select id, count(*) over (
        partition by origin order by departs
        range between interval 60 minute preceding and interval 1 minute preceding
    ) as flights_before
    from scheduled
"""
# solution ends
# learner: q3 = ...

# %%
check("q3")

# %% [markdown]
# ## Question 4: what was known
#
# As question 2, with the weather that was **known** at the scheduled departure: the latest observation of the flight's
# airport that was complete by then. An observation is complete one hour after its `time_hour`: that of 9:00 counts from
# 10:00 on. However old it is, it counts; a flight before all observations stays, with NULL.

# %% question="q4"
# solution begins
q4 = """
    select id, temp, wind_speed
    from flights f asof left join weather w
      on f.origin = w.origin and f.time_hour + to_minutes(f.minute) >= w.time_hour + interval 1 hour
"""
# solution ends
# learner: q4 = ...

# %%
check("q4")

# %% [markdown]
# ## Question 5: time zones
#
# Now the charging sessions. One row for each site and **local** day on which a session started there, with `site`,
# `day` (a date) and `sessions` (how many). The zone of a site is in `sites`. Some sites change their clocks in these
# weeks.

# %% question="q5"
# solution begins
q5 = """
    select site, (started at time zone zone)::date as day, count(*) as sessions
    from sessions join sites using (site)
    group by all
"""
# solution ends
# learner: q5 = ...

# %%
check("q5")

# %% [markdown]
# ## Question 6: a value from outside
#
# A web page asks for the sessions of one driver. Write a function that takes a connection and the driver's name, and
# returns a table with the columns `session`, `site` and `kwh`. The name is typed by a person: whatever it holds, it is
# a name and never SQL.

# %% question="q6"
def q6(connection: duckdb.DuckDBPyConnection, driver: str) -> pd.DataFrame:
    # solution begins
    query = "select session, site, kwh from sessions where driver = $driver"
    return rw.ask(connection, query, driver=driver)
    # solution ends
    # learner: return ...

# %%
check("q6")

# %% [markdown]
# ## Question 7: a feature of your own (open)
#
# One row for each flight with `id` and `feature`: a number that is known at the scheduled departure and says something
# about whether the flight arrives 15 minutes late or more. It counts as informative when its AUC is .56 or more, or
# .44 or less, on the days that are drawn. NULL is allowed for at most half of the flights. The check computes it again
# after taking away what was not known yet at some moments: what changes then is a leak.

# %% question="q7"
# solution begins
q7 = """
    select id, hour * 60 + minute as feature from flights
"""
# solution ends
# learner: q7 = ...

# %%
check("q7")

# %% [markdown]
# All right? `roadworthy exercise status` shows how far you are. Next: lesson 02.
