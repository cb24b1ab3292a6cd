"""Master of exercise 05: see CONTRIBUTING.md. The learner's notebook and the solution are made from it."""

# %% [markdown]
# # Exercise 05: tests of models
#
# Next week somebody hands you a model that says how likely a flight is to arrive 15 minutes late. You will not see its
# code. You write the tests that it must pass, so that a fault is found before a passenger finds it, and no sound model
# is sent back. You need lesson 03; `model_tests.py` of the library holds the tests of this project.
#
# - **A model** is a function: `model(rows)` takes a table of flights and returns one number for each row, as a numpy
#   array or a Series. It needs every column of the table, and may refuse a table in which a `flight_id` stands twice.
# - **A test** is a function of a model and rows that returns True when the model is sound and False when it is faulty.
#   In place of False it may raise AssertionError, so `assert` may be used; a test that returns nothing counts as True.
#   It leaves `rows` as they are, and asks a model at most 100 times.
#
# Your tests are tried on seven sound models and on faulty ones, none of which you see. A test that is red on a sound
# model counts as much as a fault that it misses. Replace `...` by your answer, run its cell and the cell with `check`
# below it. `roadworthy exercise hint 05 q1` gives a hint.

# %%
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

import roadworthy as rw
from roadworthy_course import exercises, faulty, specimens, suspects
from roadworthy_course.specimens import Model

check = exercises.begin("05")
project = rw.Project.open()
rows = specimens.rows(project, seed=0)  # flights of some days of 2023; other seeds are other days
rows.head(3)

# %% [markdown]
# To try your tests on: two sound models, and three with a fault each. One of the sound ones follows every bit of wind up
# and down, as fitted models do; yet over all flights it rises with the wind.

# %%
sound = {name: specimens.sound(seed=0)[name].make() for name in ("steps", "wavy")}
broken = {name: each.make() for name, each in faulty.faulty(0, ("no wind", "percent", "rescaled")).items()}
wind = np.arange(0, 41)
shown = {**sound, "no wind": broken["no wind"]}

picture = rw.charts.Picture(figsize=(7.2, 3))
axes = picture.subplots()
for name, model in shown.items():
    all_flights = [np.mean(model(rows.assign(wind_speed=speed))) for speed in wind]
    one_flight = [np.asarray(model(rows.head(1).assign(wind_speed=speed)))[0] for speed in wind]
    (line,) = axes.plot(wind, all_flights, label=f"{name}, mean of all flights")
    axes.plot(wind, one_flight, ":", color=line.get_color(), label=f"{name}, one flight")
axes.set(xlabel="wind_speed set to (mph)", ylabel="probability")
axes.legend(fontsize=7)
picture

# %% [markdown]
# ## Question 1: what must not matter
#
# `flight_id` and `tailnum` are names. `dep_delay` is how late the flight left: nobody knows it when the model is asked.
# The test is True when no answer moves by more than .000001, whatever stands in these three columns. The columns must
# stay in the table, and each `flight_id` once. `rows` are 150 flights.

# %% question="q1"
def q1(model: Model, rows: pd.DataFrame) -> bool:
    # solution begins
    before = np.asarray(model(rows))
    for name in ("flight_id", "tailnum", "dep_delay"):
        shuffled = rows[name].sample(frac=1, random_state=0).to_numpy()
        after = np.asarray(model(rows.assign(**{name: shuffled})))
        if np.abs(after - before).max() > 1e-6:
            return False
    return True
    # solution ends
    # learner: return ...

# %%
check("q1")

# %% [markdown]
# ## Question 2: what must matter, and in which direction
#
# All else equal, the mean probability of the rows must rise by at least .01 when `wind_speed` goes from 5 to 30 mph in
# every row, when `precip` goes from 0 to .5 inches, and when `origin_delay` (mean delay at the airport) goes from 0 to
# 60 minutes; and it must fall by at least .01 when `visib` goes from 1 to 10 miles. A single flight may go the other
# way. The test is True when all four hold. In some rows some of these values are missing.

# %% question="q2"
def q2(model: Model, rows: pd.DataFrame) -> bool:
    # solution begins
    ends = {"wind_speed": (5, 30), "precip": (0, 0.5), "origin_delay": (0, 60), "visib": (10, 1)}
    for name, (low, high) in ends.items():
        calm, rough = (np.mean(model(rows.assign(**{name: value}))) for value in (low, high))
        if rough - calm < 0.01:
            return False
    return True
    # solution ends
    # learner: return ...

# %%
check("q2")

# %% [markdown]
# ## Question 3: the least that can be asked
#
# The test is True when the answers are probabilities and easy cases are in order:
#
# - one number for each row, finite, from 0 to 1: for `rows`, for the same flights in `CALM` and in `STORM`, and when
#   columns of `NULLABLE` are missing (NaN), one of them or all;
# - each flight gets more in `STORM` than in `CALM`.
#
# Nothing is missing in the `rows` that the test is given: what is missing, you must take away.

# %%
CALM = {"hour": 6, "wind_speed": 3.0, "precip": 0.0, "visib": 10.0, "origin_delay": -3.0}
STORM = {"hour": 20, "wind_speed": 30.0, "precip": 0.5, "visib": 1.0, "origin_delay": 60.0}
NULLABLE = specimens.NULLABLE
NULLABLE

# %% question="q3"
def q3(model: Model, rows: pd.DataFrame) -> bool:
    # solution begins
    calm, storm = rows.assign(**CALM), rows.assign(**STORM)
    some_missing = [rows.assign(**{name: np.nan}) for name in NULLABLE]
    all_missing = rows.assign(**dict.fromkeys(NULLABLE, np.nan))
    for table in (rows, calm, storm, *some_missing, all_missing):
        p = np.asarray(model(table))
        if p.shape != (len(table),) or not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
            return False
    return bool((np.asarray(model(storm)) > np.asarray(model(calm))).all())
    # solution ends
    # learner: return ...

# %%
check("q3")

# %% [markdown]
# ## Question 4: alone or in company
#
# Flights come in one by one from the service and by the thousand from batch scoring, and both must get the same. The
# test is True when the answer for a flight is the same, to .000001,
#
# - alone and together with any other rows,
# - in any order of the rows, and with any labels of the index,
# - when the model is asked again;
#
# and when the table that the model was handed is unchanged after that. `rows` are 30 flights; some values are missing.
# Sound models in single precision differ by .0000001 from batch to batch.

# %% question="q4"
def q4(model: Model, rows: pd.DataFrame) -> bool:
    # solution begins
    given = rows.copy()
    whole = np.asarray(model(given))
    if not given.equals(rows):
        return False
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = np.empty(len(rows))
    shuffled[order] = model(rows.iloc[order].reset_index(drop=True))
    again = np.asarray(model(rows.copy()))
    alone = [np.asarray(model(rows.iloc[[number]].copy()))[0] for number in range(len(rows))]
    return all(np.allclose(whole, other, rtol=0, atol=1e-6) for other in (shuffled, again, alone))
    # solution ends
    # learner: return ...

# %%
check("q4")

# %% [markdown]
# ## Question 5: features that know the future
#
# A colleague brings fourteen features and a splendid score. `features` holds their values, `known` has the same columns
# and rows and says when each value became known, `asked` is when the model was asked for the flight, and `late` is 1 or
# 0. Return the names of the features that cannot be used:
#
# - a value of it became known after the model was asked, be it in a few rows only (in the same minute is in time); or
# - it is too good to be true, whatever `known` says. Alone, the best honest feature here ranks late before punctual
#   flights with an AUC of .75; nobody believes .80. A feature may rank them the other way round (.20), too.
#
# Values may be missing (so is their time), and a feature may be text, which is judged by its times only.

# %%
given = suspects.features(project, seed=0)
features, known, asked, late = given.table, given.known, given.asked, given.late
features.head(3)

# %% question="q5"
def q5(features: pd.DataFrame, known: pd.DataFrame, asked: pd.Series, late: pd.Series) -> list[str]:
    # solution begins
    names = []
    for name in features:
        too_late = (known[name] > asked).any()
        auc = 0.5
        if pd.api.types.is_numeric_dtype(features[name]):
            there = features[name].notna()
            auc = roc_auc_score(late[there], features.loc[there, name])
        if too_late or max(auc, 1 - auc) > 0.8:
            names.append(name)
    return names
    # solution ends
    # learner: return ...

# %%
check("q5")

# %% [markdown]
# ## Question 6: a gate for slices
#
# The mean over all flights hides a carrier for which the model is wrong. `answers` holds a row for each flight:
# `carrier`, `p` (what the model said) and `late` (1 or 0). A carrier is bad when its share of late flights differs from
# the mean of its `p`, up or down, by more than .03 *and* by more than chance explains: outside of a 99% interval.
# A small carrier must not be failed for its size, nor be let through for it: twenty flights can be enough.
#
# Return a pair: `(True, "")` when no carrier is bad, and else False and the name of the worst, such as `(False, "UA")`.
# Take each flight as independent of the others. (In real data those of a day are not: lesson 02.)

# %%
answers = suspects.slices(project, seed=0).answers  # of a sound model; slices(project, 0, "large") has a bad carrier
answers.groupby("carrier").agg(flights=("p", "size"), said=("p", "mean"), late=("late", "mean")).round(3)

# %% question="q6"
def q6(answers: pd.DataFrame) -> tuple[bool, str]:
    # solution begins
    variance = answers["p"] * (1 - answers["p"])
    sums = answers.assign(variance=variance).groupby("carrier")[["p", "late", "variance"]].sum()
    flights = answers.groupby("carrier").size()
    off = (sums["late"] - sums["p"]).abs() / flights
    by_chance = 2.576 * np.sqrt(sums["variance"]) / flights  # if the model is right
    bad = off[(off > 0.03) & (off > by_chance)]
    if bad.empty:
        return True, ""
    return False, str((off / by_chance)[bad.index].idxmax())
    # solution ends
    # learner: return ...

# %%
check("q6")

# %% [markdown]
# ## Question 7: a suite of tests (open)
#
# One test for the model of next week. Besides the model and `rows` (1,000 flights, some values missing) it is handed
# `late`: 1 or 0 for each row, what became of the flight. The sound models are calibrated on them: by carrier, and among
# flights to which they give about the same, as many are late as they say, up to chance.
#
# There are 18 faulty models: kinds that you know from questions 1 to 4, others that only the outcome shows, and one that
# does not answer for a carrier that it has never seen. 14 of them are enough, without a single false alarm. You may call
# `q1` to `q4`; `rows.head(20)` are enough for what is asked row by row.

# %% question="q7"
def q7(model: Model, rows: pd.DataFrame, late: pd.Series) -> bool:
    # solution begins
    few = rows.head(150)
    p = np.asarray(model(rows.copy()))
    if p.shape != (len(rows),) or not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
        return False

    def by_chance(group: object) -> bool:
        """Whether in each group as many flights are late as the model says, up to 3.5 standard deviations."""
        sums = pd.DataFrame({"off": late.to_numpy() - p, "variance": p * (1 - p)}).groupby(group).sum()
        return bool((sums["off"].abs() <= 3.5 * np.sqrt(sums["variance"])).all())

    tenths = pd.qcut(pd.Series(p).rank(method="first"), 10, labels=False).to_numpy()
    return (
        bool(np.isfinite(np.asarray(model(few.assign(carrier="ZZ")))).all())
        and all(by_chance(group) for group in (np.zeros(len(p)), rows["carrier"].to_numpy(), tenths))
        and bool(q1(model, few) and q2(model, few) and q3(model, few.dropna()) and q4(model, rows.head(20)))
    )
    # solution ends
    # learner: return ...

# %%
check("q7")

# %% [markdown]
# All right? `roadworthy exercise status` shows how far you are. Next: lesson 04, where the model meets the world.
