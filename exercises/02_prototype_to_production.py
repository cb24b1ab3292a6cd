"""Master of exercise 02: see CONTRIBUTING.md. The learner's notebook and the solution are made from it."""

# %% [markdown]
# # Exercise 02: from prototype to production
#
# A data scientist leaves for a holiday and hands you a notebook: "It predicts which charging sessions block the plug
# for more than four hours. Accuracy 100%. Just put it into production." You take it apart: find what is too good to be
# true, make functions of the rest, test them, and show that what you made predicts the same. You need lesson 02.
#
# Replace `...` by your answer, run its cell and the cell with `check` below it. Your functions are called with sessions
# of other drivers than you see here. `roadworthy exercise hint 02 q1` gives a hint.

# %%
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import roadworthy as rw
from roadworthy_course import exercises, prototype

check = exercises.begin("02")
sessions = prototype.sessions(seed=0)  # real sessions at workplaces; other seeds are other drivers
sessions.head(3)

# %% [markdown]
# A row is a session: a car is plugged in at `started` and unplugged at `ended` (both UTC), which is `hours` later. By
# then it got `kwh`, and the driver paid `dollars`. `distance` is how many miles from home the driver works; it is
# missing for a third of the sessions. `manager_vehicle` is 0 or 1. The value in `driver` is an account: two people may
# share one, so a session may start while another one of the same driver still runs. The model is asked at the moment
# when the car is plugged in.
#
# This is the prototype, as it was found:

# %%
# FINAL v7 - do not touch, run from top to bottom!!
df = prototype.sessions(seed=0)  # was: pd.read_csv("D:/jo/desktop/sessions_new2.csv")
df["long"] = (df["hours"] > 4).astype(int)

hour = []
for i in range(len(df)):
    hour.append(df["started"][i].hour + df["started"][i].minute / 60)
df["hour"] = hour
df["weekday"] = [time.weekday() for time in df["started"]]  # Monday is 0

df["free"] = (df["dollars"] == 0).astype(int)
df["kw"] = df["kwh"] / df["hours"]
df["driver_mean"] = df.groupby("driver")["hours"].transform("mean")
df["driver_visits"] = df.groupby("driver").cumcount()  # how often he was here before (rows are sorted by started)
df["station_day"] = df.groupby(["station", df["started"].dt.date])["session"].transform("size")

numbers = ["hour", "weekday", "distance", "manager_vehicle", "kwh", "dollars"]
numbers += ["free", "kw", "driver_mean", "driver_visits", "station_day"]
categories = ["platform", "facility_type"]
n = int(len(df) * 0.8)
X = pd.get_dummies(df[numbers + categories]).astype(float)
X = X.fillna(X[:n].mean())
X = (X - X[:n].mean()) / (X[:n].std() + 1e-9)
model = LogisticRegression(max_iter=1000).fit(X[:n], df["long"][:n])
print("accuracy", round(model.score(X[n:], df["long"][n:]), 3))

# %% [markdown]
# A first look: how well does each number alone separate the long sessions from the others? .5 is chance.

# %%
alone = [roc_auc_score(df["long"], df[name].fillna(df[name].mean())) for name in numbers]
alone = [max(auc, 1 - auc) for auc in alone]
rw.charts.bars(numbers, alone, title="Each number alone", label="AUC", line=0.9)

# %% [markdown]
# ## Question 1: what is not known yet
#
# Of the columns in `numbers` and `categories`: a list of all that hold something which is not known when the car is
# plugged in, about this session or others. Not every leak has a high AUC.

# %% question="q1"
# solution begins
q1 = ["kwh", "dollars", "free", "kw", "driver_mean", "station_day"]
# solution ends
# learner: q1 = ...

# %%
check("q1")

# %% [markdown]
# ## Question 2: features as a function
#
# A function that takes a table like `sessions` and returns a table with these six columns: `hour`, `weekday`,
# `platform`, `distance`, `manager_vehicle`, `facility_type`. Each holds the same values as in the prototype; a missing
# distance stays missing. The rows of the result have the order and the index of the rows that were given.
#
# In production it is called with one row, with rows in any order and with any index, and with none: then the result has
# no rows and the same columns. It uses nothing but its argument, and leaves that as it was.

# %% question="q2"
def q2(sessions: pd.DataFrame) -> pd.DataFrame:
    # solution begins
    started = sessions["started"].dt
    features = sessions[["platform", "distance", "manager_vehicle", "facility_type"]]
    return features.assign(hour=started.hour + started.minute / 60, weekday=started.day_of_week)
    # solution ends
    # learner: return ...

# %%
check("q2")

# %% [markdown]
# ## Question 3: history without the future
#
# `driver_mean` was a good idea, badly done. A function that returns for each row the mean of `hours` over the sessions
# of the same driver that had **ended** when this session started (`ended <= started`). Where there is none, it is
# missing (NaN). The result is a Series with the index of the rows that were given; they come in any order and with any
# index, and stay as they are.
#
# In production the table is as it is at that moment: a session that still runs is in it, and its `ended` and `hours`
# are missing.

# %% question="q3"
def q3(sessions: pd.DataFrame) -> pd.Series:
    # solution begins
    values = []
    for row in sessions.itertuples():
        earlier = (sessions["driver"] == row.driver) & (sessions["ended"] <= row.started)
        values.append(sessions["hours"][earlier].mean())
    return pd.Series(values, index=sessions.index, dtype=float)
    # solution ends
    # learner: return ...

# %%
check("q3")

# %% [markdown]
# ## Question 4: a split in time
#
# A function that takes sessions and two times, and returns two tables, `train` and `test`. A model that is trained at
# `start` can learn from sessions whose length is known by then: `train` holds those with `ended` before `start`. `test`
# holds those that started from `start` on (inclusive) until `end` (exclusive). Both keep the columns and the index of
# the rows that were given, which come in any order.

# %% question="q4"
def q4(sessions: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    # solution begins
    train = sessions[sessions["ended"] < start]
    test = sessions[(sessions["started"] >= start) & (sessions["started"] < end)]
    return train, test
    # solution ends
    # learner: return ...

# %%
check("q4")

# %% [markdown]
# ## Question 5: a model that keeps what it learned
#
# A function that takes the features of question 2 and besides them `mean_before` (question 3), and the labels (0 or 1,
# a Series), and returns a fitted model. Its `predict_proba(features)[:, 1]` gives the probability of a long session, as
# scikit-learn does. It is the prototype's model without the leaks: missing numbers get the mean of the training rows,
# numbers are scaled, each value of a category gets a column of 0 and 1, then `LogisticRegression(max_iter=1000)`. No
# probability may differ from the prototype's by more than .04.
#
# In production it gets one row at a time, a platform that was never seen before (it counts as none of the known ones),
# values that are missing, and columns in another order or more of them.

# %% question="q5"
def q5(features: pd.DataFrame, labels: pd.Series) -> object:
    # solution begins
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, ["hour", "weekday", "distance", "manager_vehicle", "mean_before"]),
        (OneHotEncoder(handle_unknown="ignore"), ["platform", "facility_type"]),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, labels)
    # solution ends
    # learner: return ...

# %%
check("q5")

# %% [markdown]
# ## Question 6: a test that can fail
#
# Write the test for question 3. It gets an implementation, `mean_before`, which takes a table and returns a Series as
# described there. Your test returns nothing when the implementation is right, and raises `AssertionError` when it is
# wrong (`assert`, or `pd.testing.assert_series_equal`). It will see right ones, which may differ in the last digits and
# in the name of the Series, and wrong ones: some know the future, some rely on the order of the rows or make the index
# anew, some change the table that they get, some treat a missing history wrongly.
#
# A table of a few rows that you write down, with the values that you expect, is a good begin. It needs the columns
# `driver`, `started`, `ended` and `hours`; times are in UTC, as `pd.Timestamp("2015-03-02 09:00Z")`.

# %% question="q6"
def q6(mean_before) -> None:
    # solution begins
    day = pd.Timestamp("2015-03-02", tz="UTC")
    rows = pd.DataFrame(
        {
            "driver": [7, 7, 8, 7, 7],
            "started": [day + pd.Timedelta(hours=hours) for hours in (30, 2, 3, 1, 60)],
            "hours": [5.0, 4.0, 2.0, 3.0, 1.0],
        },
        index=[50, 10, 40, 20, 30],
    )
    rows["ended"] = rows["started"] + pd.to_timedelta(rows["hours"], unit="h")
    given = rows.copy()
    found = mean_before(given)
    pd.testing.assert_frame_equal(given, rows)
    expected = pd.Series([3.5, np.nan, np.nan, np.nan, 4.0], index=rows.index)
    pd.testing.assert_series_equal(found, expected, check_names=False)
    # solution ends
    # learner: return ...

# %%
check("q6")

# %% [markdown]
# ## Question 7: a gate for parity (open)
#
# Before your code replaces the prototype, a gate compares both. A function that takes the predictions of the old and
# of the new code, two Series of probabilities by session (the number of the session is the index), and returns two
# things: whether the new code may go live (True or False), and the evidence as a sentence.
#
# A difference of up to 1e-6 is noise of another machine, and the rows may come in another order: both pass. A
# difference of .001 in a single session is a fault. The gate will see many faults; sessions that are missing, doubled
# or in each other's place, and predictions that are no probabilities, are among them. If a few sessions differ, the
# evidence names one of them by its number, so that somebody can look at it.

# %% question="q7"
def q7(old: pd.Series, new: pd.Series) -> tuple[bool, str]:
    # solution begins
    if old.empty or not new.index.is_unique or set(old.index) != set(new.index):
        odd = [*new.index[new.index.duplicated()], *sorted(set(old.index) ^ set(new.index))]
        return False, f"not the same sessions: {len(old)} old, {len(new)} new, for example {odd[:3]}"
    off = (old - new.reindex(old.index)).abs()
    wrong = off[~(off <= 1e-6) | ~new.reindex(old.index).between(0, 1)]
    if len(wrong):
        return False, f"{len(wrong)} of {len(old)} differ, first session {wrong.index[0]} by {wrong.iloc[0]}"
    return True, f"{len(old)} sessions, largest difference {off.max():.1g}"
    # solution ends
    # learner: return ...

# %%
check("q7")

# %% [markdown]
# All right? `roadworthy exercise status` shows how far you are. What your project does with its own features is in
# `features.sql` and `model.py` of its package and in `model/training.py` of the library; the gates that keep a leak out are
# those of lesson 03.
