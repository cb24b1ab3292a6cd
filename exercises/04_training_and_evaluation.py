"""Master of exercise 04: see CONTRIBUTING.md. The learner's notebook and the solution are made from it."""

# %% [markdown]
# # Exercise 04: training and evaluation
#
# Two teams ask you to judge their models. The charging operator wants to know how much energy a car will take when it
# plugs in; the airport wants to know which flights will be late. You split in time, set a baseline, score, say how sure
# the score is, compare, choose a threshold, and at last train a model of your own that beats the baseline.
#
# You need lesson 02. Replace `...` by your answer, run its cell and the cell with `check` below it. Answers are tried
# on other data than you see here. `roadworthy exercise hint 04 q1` gives a hint.

# %%
import numpy as np
import pandas as pd

import roadworthy as rw
from roadworthy_course import exercises, forecasts

check = exercises.begin("04")
project = rw.Project.open()
history = forecasts.history(seed=0)  # real charging sessions, and a moment to cut at; other seeds, other moments
history.sessions.head(3)

# %% [markdown]
# `started` and `ended` are UTC, `kwh` is the energy, `hours` the length, `dollars` the fee. The rows come in no order.
# Some `ended` are missing: their message was lost.

# %%
print(f"{len(history.sessions):,} sessions, cut {history.cut:%Y-%m-%d %H:%M}, reported {history.delay} after the end")

# %% [markdown]
# ## Question 1: split in time
#
# A model is trained at the moment `cut` and then used. The energy of a session is reported `delay` after its end (a
# `Timedelta`): only then is it known. Write a function that returns two tables, `train` and `test`, with all columns:
#
# - `train`: every session whose energy is known at the cut, or exactly then, and no other;
# - `test`: every session that starts at the cut or later.
#
# A session without an end has no label and is in neither. `sessions` stays as it is.

# %% question="q1"
def q1(sessions: pd.DataFrame, cut: pd.Timestamp, delay: pd.Timedelta) -> tuple[pd.DataFrame, pd.DataFrame]:
    # solution begins
    train = sessions[sessions["ended"] + delay <= cut]
    test = sessions[(sessions["started"] >= cut) & sessions["ended"].notna()]
    return train, test
    # solution ends
    # learner: return ...

# %%
check("q1")

# %% [markdown]
# ## Question 2: a baseline
#
# Before any model: people charge as they always do. A function that returns one number for each row of `test`, in the
# order of its rows: the mean `kwh` of the same `driver` in `train`. For a driver of whom training knows no energy, it
# is the mean of all sessions in training.
#
# In training some `kwh` are missing (a meter failed): such a session counts for nothing. `test` has the column `kwh` as
# well; whoever uses the model will not have it.

# %% question="q2"
def q2(train: pd.DataFrame, test: pd.DataFrame) -> pd.Series:
    # solution begins
    means = train.groupby("driver")["kwh"].mean()
    return test["driver"].map(means).fillna(train["kwh"].mean())
    # solution ends
    # learner: return ...

# %%
check("q2")

# %% [markdown]
# ## Question 3: two scores, by hand
#
# Now the flights: `y` is 1 for a late flight and 0 for a punctual one, `p` a forecast that it will be late. Both are
# numpy arrays. Write a function that returns two numbers, `(auc, brier)`, without scikit-learn and without the library:
# whoever has written a score once reads it differently.
#
# - ROC AUC: of all pairs of a late and a punctual flight, the share in which the late one has the higher `p`; a pair
#   with the same `p` counts one half. There are no pairs when all flights are late, or none: then `float("nan")`.
# - Brier score: the mean of the squared differences of `p` and `y`.

# %%
flights = forecasts.late(project, seed=0)  # y, p and day; the forecast knows the carrier, the hour, and last winter
pd.DataFrame({"y": flights.y, "p": flights.p, "day": flights.day}).head(3)

# %% question="q3"
def q3(y: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    # solution begins
    late, punctual = p[y == 1], p[y == 0]
    brier = ((p - y) ** 2).mean()
    if not len(late) or not len(punctual):
        return float("nan"), brier
    wins = (late[:, None] > punctual).mean() + (late[:, None] == punctual).mean() / 2
    return wins, brier
    # solution ends
    # learner: return ...

# %%
check("q3")

# %% [markdown]
# ## Question 4: how sure is a score?
#
# Will a charging session be longer than four hours? Here is the AUC of one forecast by month, with 95% intervals.
# October has 95 sessions. Is the forecast broken since then? Nobody can say: the interval goes from .2, far worse than
# guessing, to .6, about as good as September.

# %%
stays = forecasts.long_stays()
months = {
    f"{month} ({len(part)} sessions)": rw.evaluate(part["y"], part["p"], part["day"])
    for month, part in stays.groupby("month")
}
rw.charts.intervals(
    list(months),
    [month.auc for month in months.values()],
    [month.auc_low for month in months.values()],
    [month.auc_high for month in months.values()],
    title="Longer than four hours? One forecast, four months",
    label="ROC AUC with 95% interval by days",
    line=0.5,
)

# %% [markdown]
# Back to the flights. Flights of one day share their weather: 1,000 rows of 24 days say less than 1,000 rows of 1,000
# days. Write a function that returns the 95% interval, `(low, high)`, of the **Brier score** (the mean over rows) by a
# block bootstrap:
#
# - draw whole days with replacement, as many as there are, and score all rows of the drawn days together: a day drawn
#   twice counts twice, a day with many flights counts more;
# - do it 2,000 times; `low` and `high` are the 2.5% and 97.5% quantiles;
# - the same `seed` gives the same interval.
#
# The rows come in no order. Write it yourself; `evaluation` of the library is what you are compared with.

# %% question="q4"
def q4(y: np.ndarray, p: np.ndarray, day: np.ndarray, seed: int) -> tuple[float, float]:
    # solution begins
    names, code = np.unique(day, return_inverse=True)
    sums, counts = np.bincount(code, (p - y) ** 2), np.bincount(code)
    drawn = np.random.default_rng(seed).integers(0, len(names), (2000, len(names)))
    scores = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(scores, [0.025, 0.975])
    return low, high
    # solution ends
    # learner: return ...

# %%
check("q4")

# %% [markdown]
# ## Question 5: is A better than B?
#
# Two forecasts `a` and `b` of the same flights. Return `"A"`, `"B"` or `"no difference"`: the better one has the lower
# Brier score, but only if the 95% interval of the **difference** leaves out 0. Both saw the same flights, so compare
# them flight by flight; and whole days are what chance draws.
#
# Sums for each day are enough, as they are for question 4; with them a thousand draws cost nothing.

# %% question="q5"
def q5(y: np.ndarray, a: np.ndarray, b: np.ndarray, day: np.ndarray, seed: int) -> str:
    # solution begins
    names, code = np.unique(day, return_inverse=True)
    sums, counts = np.bincount(code, (a - y) ** 2 - (b - y) ** 2), np.bincount(code)
    drawn = np.random.default_rng(seed).integers(0, len(names), (1000, len(names)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return "A" if high < 0 else "B" if low > 0 else "no difference"
    # solution ends
    # learner: return ...

# %%
check("q5")

# %% [markdown]
# ## Question 6: a threshold has a price
#
# A crew stands by when `p >= threshold`. Standing by for a punctual flight costs `false_alarm` dollars, a late flight
# without a crew `miss` dollars; all else is free. Return the threshold with the lowest total cost on these flights.
#
# The forecast was made by somebody who did not care for calibration: it ranks well, but .30 does not mean three in ten.
# When it is cheapest to stand by for every flight, or for none, the threshold has to say so.

# %% question="q6"
def q6(y: np.ndarray, p: np.ndarray, false_alarm: float, miss: float) -> float:
    # solution begins
    thresholds = np.append(np.unique(p), np.inf)
    stands_by = p >= thresholds[:, None]
    costs = (stands_by & (y == 0)).sum(axis=1) * false_alarm + (~stands_by & (y == 1)).sum(axis=1) * miss
    return thresholds[costs.argmin()]
    # solution ends
    # learner: return ...

# %%
check("q6")

# %% [markdown]
# ## Question 7: a model that earns its place (open)
#
# The driver's mean is hard to beat: boosted trees that have every column but the driver are no better. Write a function
# that learns from `train`, by any means, and returns a prediction of `kwh` for each row of `test`, in their order.
#
# - It is judged by the **mean absolute error**, against the baseline of question 2, by days and paired: the interval of
#   the gain has to be above 0.
# - `test` has only what is known when a car plugs in: see below. New drivers come, and need a number too.
# - The service asks about one session at a time: an answer must not depend on which other rows are asked about.
# - Twice the same question, twice the same answer.

# %%
train, test = history.train, history.test[list(forecasts.AT_START)]
test.head(3)

# %% question="q7"
def q7(train: pd.DataFrame, test: pd.DataFrame) -> pd.Series:
    # solution begins
    medians = train.groupby("driver")["kwh"].median()
    return test["driver"].map(medians).fillna(train["kwh"].median())
    # solution ends
    # learner: return ...

# %%
check("q7")

# %% [markdown]
# All right? `roadworthy exercise status` shows how far you are. Next: lesson 03.
