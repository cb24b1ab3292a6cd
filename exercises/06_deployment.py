"""Master of exercise 06: see CONTRIBUTING.md. The learner's notebook and the solution are made from it."""

# %% [markdown]
# # Exercise 06: deployment
#
# A model is worth what its answers are worth to somebody, in time. You write what stands around it: the request, the
# load test, the fast and the endless way of scoring, the client that survives a bad minute, the decision about a new
# version. You need lesson 04.
#
# Replace `...` by your answer, run its cell and the cell with `check` below it. Your answers are tried on other data,
# and with stand-ins for the model, the stream and the service that count what is done to them. No check measures a time:
# what is counted are calls, rows, tries. `roadworthy exercise hint 06 q1` gives a hint.

# %%
import json
import math
import uuid

import numpy as np
import pandas as pd

import roadworthy as rw
from roadworthy_course import exercises, serving, situations, spies

check = exercises.begin("06")
project = rw.Project.open()
rows = serving.departures(project, seed=0)  # flights of 2023; other seeds are other days
rows.head(3).T

# %% [markdown]
# ## Question 1: the body of a request
#
# A function that takes such rows and the `fields` of a request (their names), and returns the body as JSON text:
# `{"rows": [{...}, {...}]}`, a row of JSON for each row of the table, in the same order, with these fields and no other.
# The service is strict: a number is a number, what is missing is `null` (or is left out), JSON knows no NaN. `as_of` is
# a time in ISO 8601 with its zone, such as `2023-07-01T14:05:00Z`; in the table it is in the time of New York. The table
# that was given stays as it is. What you write is read by the service's own reader.

# %%
fields = serving.names(project)
print(*fields)
print(rows[fields].dtypes.value_counts().to_dict())
print(f"{rows[fields].isna().any(axis=1).sum()} of {len(rows)} rows miss a value")

# %% question="q1"
def q1(rows: pd.DataFrame, fields: list[str]) -> str:
    # solution begins
    table = rows[fields].astype(object)
    table["as_of"] = [moment.isoformat() for moment in rows["as_of"]]
    records = table.where(table.notna(), None).to_dict("records")
    return json.dumps({"rows": records}, allow_nan=False)
    # solution ends
    # learner: return ...

# %%
check("q1")

# %% [markdown]
# ## Question 2: read a load test
#
# A client with one connection asks every 10 ms, by plan. While an answer is late it cannot ask, and sends the next
# requests late as well. The table has a row for each request, in no order: `planned`, `sent` and `done` in seconds, and
# the `status`. Only 200 is a success. Return a dictionary:
#
# - `throughput`: successes a second, from the first `sent` to the last `done` of all requests
# - `errors`: share of all requests that were no success
# - `p50` and `p99`: latency of the successes in milliseconds, from `sent` to `done`. The p99 is the smallest of the
#   measured latencies that at least 99% of the successes do not exceed: nothing is interpolated
# - `p99_planned`: the same from `planned` to `done`: what users wait who come when they like, and not when the last
#   answer is there
#
# Without any success, the throughput is 0 and the three latencies are `None`.

# %%
measured = serving.load_test(seed=0).sort_values("planned")
axes = ((measured["done"] - measured["sent"]) * 1000).set_axis(measured["planned"]).plot(label="from sent", logy=True)
((measured["done"] - measured["planned"]) * 1000).set_axis(measured["planned"]).plot(ax=axes, label="from planned")
axes.set(title="One stall of the service", xlabel="planned, seconds", ylabel="latency, milliseconds")
_ = axes.legend()

# %% question="q2"
def q2(requests: pd.DataFrame) -> dict[str, float | None]:
    # solution begins
    good = requests[requests["status"] == 200]
    seconds = requests["done"].max() - requests["sent"].min()

    def percentile(latency: pd.Series, percent: int) -> float | None:
        return float(np.percentile(latency * 1000, percent, method="inverted_cdf")) if len(latency) else None

    return {
        "throughput": len(good) / seconds,
        "errors": 1 - len(good) / len(requests),
        "p50": percentile(good["done"] - good["sent"], 50),
        "p99": percentile(good["done"] - good["sent"], 99),
        "p99_planned": percentile(good["done"] - good["planned"], 99),
    }
    # solution ends
    # learner: return ...

# %%
check("q2")

# %% [markdown]
# ## Question 3: speed up
#
# A colleague scores charging sessions. For each one the price of its site counts that was valid at its start: the newest
# one with `since` not after `started`. A session without hours, or without a price, gets NaN: the model refuses missing
# values, and a call without rows. The answers are right, and take all night.

# %%
def slow(sessions, prices, load):
    answers = []
    for number in range(len(sessions)):
        session = sessions.iloc[number]
        model = load()  # reads a file of 200 MB
        ordered = prices.sort_values("since")
        valid = ordered[(ordered["site"] == session["site"]) & (ordered["since"] <= session["started"])]
        if valid.empty or pd.isna(session["hours"]):
            answers.append(float("nan"))
            continue
        table = pd.DataFrame({"hours": [session["hours"]], "price": [valid["price"].iloc[-1]]})
        answers.append(float(model.predict(table)[0]))
    return answers


sessions, prices = serving.tariffs(seed=0)
store = spies.Store(seed=0)
some, work = spies.calls(lambda: slow(sessions.head(20), prices, store.load))
print(f"20 sessions: {store.loads} loads, {len(store.packs)} calls of predict, {work:,} calls of Python functions")
sessions.head(3)

# %% [markdown]
# Write a function with the same arguments and the same answers, in the order of the sessions: a list, an array or a
# Series. The model is loaded at most once, `predict` is called at most once, with all rows that can be answered, and
# pandas does no work for each row by itself: every session more costs at most 30 calls of Python functions, counted as
# above; a join needs none. There may be no session at all.

# %% question="q3"
def q3(sessions: pd.DataFrame, prices: pd.DataFrame, load) -> list[float]:
    # solution begins
    numbered = sessions.assign(place=range(len(sessions))).sort_values("started")
    newest_last = prices.sort_values("since")
    table = pd.merge_asof(numbered, newest_last, left_on="started", right_on="since", by="site").sort_values("place")
    answers = np.full(len(sessions), np.nan)
    usable = table[["hours", "price"]].notna().all(axis=1).to_numpy()
    if usable.any():
        answers[usable] = load().predict(table.loc[usable, ["hours", "price"]])
    return answers.tolist()
    # solution ends
    # learner: return ...

# %%
check("q3")

# %% [markdown]
# ## Question 4: a stream that never ends
#
# Meters send rows in batches of any size, sometimes empty ones: `batches` is an iterator of lists, and nobody knows how
# long it is. A row is a dictionary with `key` and `value`. The model takes packs: `predict(pack)` gets a list of rows and
# returns an answer for each. Each pack holds exactly `size` rows, except the last one, which holds the rest and is never
# empty. After each pack call `write(pairs)` with a list of `(key, answer)`, in the order of the rows. Never hold more
# than two packs and one batch. If the stream breaks with an error, what was a full pack before is written, and the
# error goes on to the caller. Return how many rows were written.

# %% question="q4"
def q4(batches, predict, write, size: int) -> int:
    # solution begins
    def flush(pack: list) -> int:
        if pack:
            write([(row["key"], answer) for row, answer in zip(pack, predict(pack), strict=True)])
        return len(pack)

    written, waiting = 0, []
    for batch in batches:
        waiting.extend(batch)
        while len(waiting) >= size:
            written += flush(waiting[:size])
            del waiting[:size]
    return written + flush(waiting)
    # solution ends
    # learner: return ...

# %%
check("q4")

# %% [markdown]
# ## Question 5: reachable on a bad day
#
# A client. `send(row, key=…, timeout=…)` asks the service once: it returns a status and a content, or raises
# `TimeoutError` when there was no answer in `timeout` seconds. `sleep(seconds)` waits (in the checks it only counts).
# Return a pair: the probability and where it comes from, `"model"` or `"fallback"`.
#
# - Status 200: `content["probability"]` and `"model"`.
# - Status 429, 503 and `TimeoutError` may pass: ask again, four times in all. Wait before each new try: 0.1 s, then 0.2,
#   then 0.4, up to double of it each (an addition by chance keeps a thousand clients from coming back together).
# - Any other status is a mistake that stays: raise `ValueError` at once. So does whatever else `send` raises: it is a
#   fault of the program and goes on as it is.
# - After the fourth try, `usual` (the rate of late flights) and `"fallback"`: somebody waits for an answer.
# - A timeout does not say that nothing was done. Every try for one row has the same `key`, a text, by which the service
#   knows it again; every call of your function has another one, also for the same row.
# - `timeout` is a number of seconds, above 0 and at most 2.

# %% question="q5"
def q5(send, sleep, row: dict, usual: float) -> tuple[float, str]:
    # solution begins
    key = str(uuid.uuid4())
    for number in range(4):
        if number:
            sleep(0.1 * 2 ** (number - 1))
        try:
            status, content = send(row, key=key, timeout=1.0)
        except TimeoutError:
            continue
        if status == 200:
            return content["probability"], "model"
        if status not in {429, 503}:
            raise ValueError(f"{status}: {content}")
    return usual, "fallback"
    # solution ends
    # learner: return ...

# %%
check("q5")

# %% [markdown]
# ## Question 6: promote, wait or roll back
#
# A new version answers some of the requests: the **canary**. Both tables have a row for each request: `status` (200 is a
# success), `ms`, and `probability` (missing without success). Labels come tomorrow. Three differences are looked at,
# canary minus champion, each with its 95% interval:
#
# | what | of | margin |
# |---|---|---|
# | share of errors | all requests | .01 |
# | share of answers that took more than 100 ms | successes | .02 |
# | mean probability | successes | .02, up or down |
#
# For shares, count one more of each kind on both sides (Agresti and Caffo, 2000): `p = (count + 1) / (n + 2)`, and
# the interval is `p1 - p0 ± 1.96 * sqrt(p0 (1 - p0) / (n0 + 2) + p1 (1 - p1) / (n1 + 2))`. So no error in 20 requests
# is not taken for none at all. For means it is `m1 - m0 ± 1.96 * sqrt(s0² / n0 + s1² / n1)`.
#
# - A share is *fine* when its interval ends below the margin, *bad* when it begins above 0 and is not fine.
# - The mean is *fine* when its interval lies between -.02 and .02, *bad* when it does not hold 0 and is not fine.
#
# Return `"roll back"` if any of the three is bad, `"promote"` if all are fine, else `"wait"`.

# %%
example = serving.worlds(seed=0)[4]
print(example.about)
example.canary.describe()

# %% question="q6"
def q6(champion: pd.DataFrame, canary: pd.DataFrame) -> str:
    # solution begins
    def share(hits0: pd.Series, hits1: pd.Series) -> tuple[float, float]:
        n0, n1 = len(hits0) + 2, len(hits1) + 2
        p0, p1 = (hits0.sum() + 1) / n0, (hits1.sum() + 1) / n1
        half = 1.96 * math.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
        return p1 - p0 - half, p1 - p0 + half

    good0, good1 = (table[table["status"] == 200] for table in (champion, canary))
    before, now = good0["probability"], good1["probability"]
    half = 1.96 * np.sqrt(before.var() / len(before) + now.var() / len(now)) if len(now) > 1 else np.nan
    low, high = now.mean() - before.mean() - half, now.mean() - before.mean() + half
    fine, bad = [-0.02 < low and high < 0.02], [low > 0 or high < 0]
    errors = share(champion["status"] != 200, canary["status"] != 200)
    slow_ones = share(good0["ms"] > 100, good1["ms"] > 100)
    for (begin, end), margin in ((errors, 0.01), (slow_ones, 0.02)):
        fine.append(end < margin)
        bad.append(begin > 0)
    if any(worse and not well for worse, well in zip(bad, fine, strict=True)):
        return "roll back"
    return "promote" if all(fine) else "wait"
    # solution ends
    # learner: return ...

# %%
check("q6")

# %% [markdown]
# ## Question 7: choose
#
# Four ways, from the cheapest to run to the dearest. Take the first that does the job:
#
# 1. `"batch"`: once at night, everything that is going to be asked is answered and kept where it will be asked for, also
#    where no network is. The features are as old as a day (86,400 s).
# 2. `"stream"`: each event that comes is answered into a table or a queue, within 5 s, with features that are up to 5 s
#    old. It needs the network, and nobody can wait for it: there is no reply.
# 3. `"online"`: a service replies within 50 ms to whoever asks, with the features of this moment. It needs the network.
# 4. `"in process"`: the model inside the program or the device that asks. It must be brought there, and renewed there.
#
# The facts of a problem are a dictionary: `known` (the questions are known the evening before), `waits` (somebody waits
# for the reply), `connected` (there is a network where it is asked), `fresh` (seconds that the features may be old),
# `within` (seconds in which the answer is needed), `rows_a_day`. Write a function of the facts that returns the way.

# %%
pd.DataFrame([facts | {"story": story.about} for story, facts in situations.drawn(seed=0)[::6]]).set_index("story").T

# %% question="q7"
def q7(facts: dict) -> str:
    # solution begins
    if facts["known"] and facts["fresh"] >= 86_400:
        return "batch"
    if not facts["waits"] and facts["connected"] and min(facts["within"], facts["fresh"]) >= 5:
        return "stream"
    if facts["connected"] and facts["within"] >= 0.05:
        return "online"
    return "in process"
    # solution ends
    # learner: return ...

# %%
check("q7")

# %% [markdown]
# ## The real service
#
# No check needed it, but your body of question 1 should please it as well. In `config.toml`, set `given_times = true`
# under `[service]`, because your rows say their time. Start it in a terminal, in the folder of the project, with the
# model that lesson 04 has left there: `roadworthy serve`. Then take the `#` away:

# %%
# import httpx
# answer = httpx.post("http://127.0.0.1:8000/v1/predict", content=q1(rows, fields))
# pd.DataFrame(answer.json()["predictions"]).head() if answer.status_code == 200 else answer.json()["errors"]

# %% [markdown]
# All right? `roadworthy exercise status` shows how far you are. Next: lesson 05.
