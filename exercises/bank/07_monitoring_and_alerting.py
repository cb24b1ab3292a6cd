"""Answers to exercise 07: right ones that differ from the solution, and wrong ones with words of the message meant."""

# %% q1 right: the histogram of numpy, with open ends
def q1(reference, window):
    cuts = sorted(set(np.nanpercentile(reference, range(10, 100, 10))))
    edges = [-np.inf, *cuts, np.inf]
    total = 0.0
    pairs = []
    for values in (reference.to_numpy(), window.to_numpy()):
        known = values[~np.isnan(values)]
        pairs.append([*np.histogram(known, edges)[0] / len(values), np.isnan(values).mean()])
    for e, a in zip(*pairs):
        e, a = max(e, 1e-4), max(a, 1e-4)
        total += (a - e) * np.log(a / e)
    return total

# %% q1 right: pd.cut and the psi of the project
def q1(reference, window):
    from roadworthy.monitoring import distributions

    edges = reference.quantile([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]).unique()
    cuts = [-float("inf"), *edges, float("inf")]
    counts = [pd.cut(each, cuts, right=False).value_counts(dropna=False, sort=False) for each in (reference, window)]
    both = pd.concat([each.rename(str(number)) for number, each in enumerate(counts)], axis=1).fillna(0)
    return distributions.psi(both["0"], both["1"])

# %% q1 wrong: yours come from the window
def q1(reference, window):
    edges = np.unique(window.quantile(np.arange(1, 10) / 10))
    def shares(values):
        bins = np.searchsorted(edges, values.dropna(), side="right")
        return np.maximum(np.array([*np.bincount(bins, minlength=len(edges) + 1), values.isna().sum()]) / len(values), 1e-4)
    e, a = shares(reference), shares(window)
    return ((a - e) * np.log(a / e)).sum()

# %% q1 wrong: yours come from both together
def q1(reference, window):
    edges = np.unique(pd.concat([reference, window]).quantile(np.arange(1, 10) / 10))
    def shares(values):
        bins = np.searchsorted(edges, values.dropna(), side="right")
        return np.maximum(np.array([*np.bincount(bins, minlength=len(edges) + 1), values.isna().sum()]) / len(values), 1e-4)
    e, a = shares(reference), shares(window)
    return ((a - e) * np.log(a / e)).sum()

# %% q1 wrong: not ten bins of equal width
def q1(reference, window):
    edges = np.linspace(reference.min(), reference.max(), 11)[1:-1]
    def shares(values):
        bins = np.searchsorted(edges, values.dropna(), side="right")
        return np.maximum(np.array([*np.bincount(bins, minlength=len(edges) + 1), values.isna().sum()]) / len(values), 1e-4)
    e, a = shares(reference), shares(window)
    return ((a - e) * np.log(a / e)).sum()

# %% q1 wrong: A value that equals an edge belongs to the bin above
def q1(reference, window):
    edges = np.unique(reference.quantile(np.arange(1, 10) / 10))
    def shares(values):
        bins = np.searchsorted(edges, values.dropna())
        return np.maximum(np.array([*np.bincount(bins, minlength=len(edges) + 1), values.isna().sum()]) / len(values), 1e-4)
    e, a = shares(reference), shares(window)
    return ((a - e) * np.log(a / e)).sum()

# %% q1 wrong: Missing values are a bin
def q1(reference, window):
    edges = np.unique(reference.quantile(np.arange(1, 10) / 10))
    def shares(values):
        known = values.dropna()
        bins = np.searchsorted(edges, known, side="right")
        return np.maximum(np.bincount(bins, minlength=len(edges) + 1) / len(known), 1e-4)
    e, a = shares(reference), shares(window)
    return ((a - e) * np.log(a / e)).sum()

# %% q1 wrong: the first and the last bin have no end
def q1(reference, window):
    edges = np.unique(reference.quantile(np.arange(0, 11) / 10))
    def shares(values):
        inside = values[values.isna() | values.between(edges[0], edges[-1])]
        counts = [*np.histogram(inside.dropna(), edges)[0], inside.isna().sum()]
        return np.maximum(np.array(counts) / len(inside), 1e-4)
    e, a = shares(reference), shares(window)
    return ((a - e) * np.log(a / e)).sum()

# %% q1 wrong: An empty bin is left out
def q1(reference, window):
    edges = np.unique(reference.quantile(np.arange(1, 10) / 10))
    def shares(values):
        bins = np.searchsorted(edges, values.dropna(), side="right")
        return np.array([*np.bincount(bins, minlength=len(edges) + 1), values.isna().sum()]) / len(values)
    e, a = shares(reference), shares(window)
    used = (e > 0) & (a > 0)
    return ((a - e) * np.log(np.where(used, a, 1) / np.where(used, e, 1)))[used].sum()

# %% q1 wrong: ln is the natural logarithm
def q1(reference, window):
    edges = np.unique(reference.quantile(np.arange(1, 10) / 10))
    def shares(values):
        bins = np.searchsorted(edges, values.dropna(), side="right")
        return np.maximum(np.array([*np.bincount(bins, minlength=len(edges) + 1), values.isna().sum()]) / len(values), 1e-4)
    e, a = shares(reference), shares(window)
    return ((a - e) * np.log10(a / e)).sum()

# %% q1 wrong: yours has another floor
def q1(reference, window):
    edges = np.unique(reference.quantile(np.arange(1, 10) / 10))
    def shares(values):
        bins = np.searchsorted(edges, values.dropna(), side="right")
        return np.array([*np.bincount(bins, minlength=len(edges) + 1), values.isna().sum()]) / len(values)
    e, a = shares(reference).clip(1e-6), shares(window).clip(1e-6)
    return ((a - e) * np.log(a / e)).sum()

# %% q1 wrong: Return the figure itself
def q1(reference, window):
    print("0.1")

# %% q2 right: a dictionary of labels, flight by flight
def q2(predictions, labels, as_of):
    newest = {}
    for row in labels.sort_values("known_at").itertuples():
        if row.known_at <= as_of:
            newest[row.id] = row.late
    scheduled = predictions["scheduled"] + pd.Timedelta("12h")
    ids = predictions.loc[scheduled <= as_of, "id"].tolist()
    said = dict(zip(predictions["id"], predictions["probability"]))
    squares = [(said[each] - newest[each]) ** 2 for each in ids if each in newest]
    coverage = len(squares) / len(ids) if ids else None
    return dict(due=len(ids), coverage=coverage, brier=np.mean(squares) if squares else None)

# %% q2 right: in SQL
def q2(predictions, labels, as_of):
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("p", predictions[["id", "scheduled", "probability"]].assign(scheduled=predictions["scheduled"].astype("int64")))
        connection.register("l", labels.assign(known_at=labels["known_at"].astype("int64")))
        now = int(pd.Timestamp(as_of).timestamp() * 1e6)
        sql = """select count(*), avg((late is not null)::integer), avg(power(probability - late, 2)) from p left join (
            select id, arg_max(late, known_at) as late from l where known_at <= $now group by id) using (id)
            where scheduled + 43200000000 <= $now"""
        due, coverage, brier = connection.execute(sql, {"now": now}).fetchall()[0]
    return {"due": due, "coverage": coverage, "brier": brier}

# %% q2 right: mapped, with nan where nothing is known
def q2(predictions, labels, as_of):
    known = labels.loc[labels["known_at"].le(as_of)].sort_values("known_at").groupby("id")["late"].last()
    rows = predictions.loc[predictions["scheduled"].le(as_of - pd.Timedelta(hours=12))]
    late = rows["id"].map(known)
    return {"brier": rows["probability"].sub(late).pow(2).mean(), "coverage": late.notna().mean(), "due": late.size}

# %% q2 wrong: not at its departure
def q2(predictions, labels, as_of):
    due = predictions[predictions["scheduled"] <= as_of]
    known = labels[labels["known_at"] <= as_of].sort_values("known_at").drop_duplicates("id", keep="last")
    judged = due.merge(known, on="id")
    return {"due": len(due), "coverage": len(judged) / len(due) if len(due) else None,
            "brier": ((judged["probability"] - judged["late"]) ** 2).mean() if len(judged) else None}

# %% q2 wrong: also those that have none
def q2(predictions, labels, as_of):
    due = predictions[predictions["scheduled"] + pd.Timedelta(hours=12) <= as_of]
    known = labels[labels["known_at"] <= as_of].sort_values("known_at").drop_duplicates("id", keep="last")
    judged = due.merge(known, on="id")
    return {"due": len(judged), "coverage": len(judged) / len(due) if len(due) else None,
            "brier": ((judged["probability"] - judged["late"]) ** 2).mean() if len(judged) else None}

# %% q2 wrong: Labels that arrived after as_of are the future
def q2(predictions, labels, as_of):
    due = predictions[predictions["scheduled"] + pd.Timedelta(hours=12) <= as_of]
    newest = labels.sort_values("known_at").drop_duplicates("id", keep="last")
    judged = due.merge(newest, on="id")
    return {"due": len(due), "coverage": len(judged) / len(due) if len(due) else None,
            "brier": ((judged["probability"] - judged["late"]) ** 2).mean() if len(judged) else None}

# %% q2 wrong: the flight counts once, with the newest
def q2(predictions, labels, as_of):
    due = predictions[predictions["scheduled"] + pd.Timedelta(hours=12) <= as_of]
    judged = due.merge(labels[labels["known_at"] <= as_of], on="id")
    return {"due": len(due), "coverage": len(judged) / len(due) if len(due) else None,
            "brier": ((judged["probability"] - judged["late"]) ** 2).mean() if len(judged) else None}

# %% q2 wrong: it is not on time
def q2(predictions, labels, as_of):
    due = predictions[predictions["scheduled"] + pd.Timedelta(hours=12) <= as_of]
    known = labels[labels["known_at"] <= as_of].sort_values("known_at").drop_duplicates("id", keep="last")
    judged = due.merge(known, on="id", how="left")
    return {"due": len(due), "coverage": judged["late"].notna().mean() if len(due) else None,
            "brier": ((judged["probability"] - judged["late"].fillna(0)) ** 2).mean() if len(known) else None}

# %% q2 wrong: take the newest that was known
def q2(predictions, labels, as_of):
    due = predictions[predictions["scheduled"] + pd.Timedelta(hours=12) <= as_of]
    known = labels[labels["known_at"] <= as_of].sort_values("known_at").drop_duplicates("id")
    judged = due.merge(known, on="id")
    return {"due": len(due), "coverage": len(judged) / len(due) if len(due) else None,
            "brier": ((judged["probability"] - judged["late"]) ** 2).mean() if len(judged) else None}

# %% q2 wrong: only the short and punctual ones have labels
def q2(predictions, labels, as_of):
    due = predictions[predictions["scheduled"] + pd.Timedelta(hours=12) <= as_of]
    known = labels[labels["known_at"] <= as_of].sort_values("known_at").drop_duplicates("id", keep="last")
    judged = predictions.merge(known, on="id")
    found = due["id"].isin(known["id"]).mean() if len(due) else None
    return {"due": len(due), "coverage": found,
            "brier": ((judged["probability"] - judged["late"]) ** 2).mean() if len(judged) else None}

# %% q2 wrong: 0 would be a perfect score
def q2(predictions, labels, as_of):
    due = predictions[predictions["scheduled"] + pd.Timedelta(hours=12) <= as_of]
    known = labels[labels["known_at"] <= as_of].sort_values("known_at").drop_duplicates("id", keep="last")
    judged = due.merge(known, on="id")
    return {"due": len(due), "coverage": len(judged) / len(due) if len(due) else 0,
            "brier": ((judged["probability"] - judged["late"]) ** 2).mean() if len(judged) else 0}

# %% q2 wrong: an answer that runs
def q2(predictions, labels, as_of):
    due = predictions[predictions["scheduled"] + pd.Timedelta(hours=12) <= as_of]
    known = labels[labels["known_at"] <= as_of].sort_values("known_at").drop_duplicates("id", keep="last")
    judged = due.merge(known, on="id")
    return {"due": len(due), "coverage": len(judged) / len(due),
            "brier": ((judged["probability"] - judged["late"]) ** 2).sum() / len(judged)}

# %% q2 wrong: a dict with due, coverage and brier
def q2(predictions, labels, as_of):
    return len(predictions), 1.0, 0.15

# %% q3 right: the distance by the rest of a division
def q3(predictions, day):
    days = predictions["day"].dt.day_of_year
    forward, back = (days - day.day_of_year) % 365, (day.day_of_year - days) % 365
    age = (day - predictions["day"]).dt.days
    return predictions.loc[((forward <= 21) | (back <= 21)) & (age >= 28)].copy()

# %% q3 right: a list of the days of last year and this one
def q3(predictions, day):
    wanted = set()
    for years in range(0, 4):
        for shift in range(-21, 22):
            wanted.add(day - pd.Timedelta(days=365 * years) + pd.Timedelta(days=shift))
    wanted = [each for each in wanted if each <= day - pd.Timedelta(days=28)]
    return predictions[predictions["day"].isin(wanted)].reset_index(drop=True)

# %% q3 right: row by row
def q3(predictions, day):
    def near(other):
        apart = abs(other.day_of_year - day.day_of_year)
        return min(apart, 365 - apart) <= 21 and other + pd.Timedelta(days=28) <= day
    days = {each: near(each) for each in predictions["day"].unique()}
    return predictions[predictions["day"].map(days).astype(bool)].sample(frac=1, random_state=1)

# %% q3 wrong: July is compared with winter
def q3(predictions, day):
    return predictions[predictions["day"] <= day - pd.Timedelta(days=28)]

# %% q3 wrong: The year is a circle
def q3(predictions, day):
    near = abs(predictions["day"].dt.day_of_year - day.day_of_year) <= 21
    return predictions[near & (predictions["day"] <= day - pd.Timedelta(days=28))]

# %% q3 wrong: What is wrong now may have been wrong for weeks
def q3(predictions, day):
    apart = abs(predictions["day"].dt.day_of_year - day.day_of_year)
    return predictions[np.minimum(apart, 365 - apart) <= 21]

# %% q3 wrong: What is wrong now may have been wrong for weeks
def q3(predictions, day):
    apart = abs(predictions["day"].dt.day_of_year - day.day_of_year)
    return predictions[(np.minimum(apart, 365 - apart) <= 21) & (predictions["day"] < day)]

# %% q3 wrong: Both ends count
def q3(predictions, day):
    apart = abs(predictions["day"].dt.day_of_year - day.day_of_year)
    return predictions[(np.minimum(apart, 365 - apart) < 21) & (predictions["day"] <= day - pd.Timedelta(days=28))]

# %% q3 wrong: days are missing
def q3(predictions, day):
    same = predictions["day"].dt.month == day.month
    return predictions[same & (predictions["day"] <= day - pd.Timedelta(days=28))]

# %% q3 wrong: Last summer is in the table
def q3(predictions, day):
    near = predictions["day"].between(day - pd.Timedelta(days=21), day + pd.Timedelta(days=21))
    return predictions[near & (predictions["day"] <= day - pd.Timedelta(days=28))]

# %% q3 wrong: Select rows, not columns
def q3(predictions, day):
    apart = abs(predictions["day"].dt.day_of_year - day.day_of_year)
    near = (np.minimum(apart, 365 - apart) <= 21) & (predictions["day"] <= day - pd.Timedelta(days=28))
    return predictions.loc[near, ["temp", "wind", "day"]]

# %% q3 wrong: Select: predictions[condition]
def q3(predictions, day):
    apart = abs(predictions["day"].dt.day_of_year - day.day_of_year)
    return (np.minimum(apart, 365 - apart) <= 21) & (predictions["day"] <= day - pd.Timedelta(days=28))

# %% q4 right: a state for each window
def q4(verdicts, n, m):
    rings, found = False, []
    judged = []
    for number, verdict in enumerate(verdicts):
        if verdict is not None:
            judged.append(int(verdict))
            last = judged[-m:]
            if not rings and sum(last) >= n:
                rings = True
                found.append([number, None])
            elif rings and sum(last) == 0:
                rings = False
                found[-1][1] = number
    return [tuple(pair) for pair in found]

# %% q4 right: numbers of the judged windows, a deque
def q4(verdicts, n, m):
    from collections import deque

    last, pairs, ringing = deque(maxlen=m), [], False
    for window in [number for number, verdict in enumerate(verdicts) if verdict is not None]:
        last.append(verdicts[window])
        if ringing:
            if not any(last):
                pairs[-1] = (pairs[-1][0], window)
                ringing = False
        elif sum(last) >= n:
            pairs.append((window, None))
            ringing = True
    return tuple(pairs)

# %% q4 wrong: One quiet window does not end it
def q4(verdicts, n, m):
    judged, begin, found = [], None, []
    for window, violated in enumerate(verdicts):
        if violated is None:
            continue
        judged = [*judged, violated][-m:]
        if begin is None and sum(judged) >= n:
            begin = window
        elif begin is not None and sum(judged) < n:
            found.append((begin, window))
            begin = None
    return found if begin is None else [*found, (begin, None)]

# %% q4 wrong: nor do fewer violations than n
def q4(verdicts, n, m):
    from roadworthy.monitoring.timeline import alarm_history

    rung = alarm_history(verdicts, n, m)
    begins = [w for w, on in enumerate(rung) if on and (w == 0 or not rung[w - 1])]
    return [(w, next((x for x in range(w, len(rung)) if not rung[x]), None)) for w in begins]

# %% q4 wrong: None is neither quiet nor violated
def q4(verdicts, n, m):
    judged, begin, found = [], None, []
    for window, violated in enumerate(verdicts):
        judged = [*judged, bool(violated)][-m:]
        if begin is None and sum(judged) >= n:
            begin = window
        elif begin is not None and not any(judged):
            found.append((begin, window))
            begin = None
    return found if begin is None else [*found, (begin, None)]

# %% q4 wrong: keep the numbers of all windows
def q4(verdicts, n, m):
    judged, begin, found = [], None, []
    for window, violated in enumerate(each for each in verdicts if each is not None):
        judged = [*judged, violated][-m:]
        if begin is None and sum(judged) >= n:
            begin = window
        elif begin is not None and not any(judged):
            found.append((begin, window))
            begin = None
    return found if begin is None else [*found, (begin, None)]

# %% q4 wrong: None is neither quiet nor violated
def q4(verdicts, n, m):
    judged, begin, found = [], None, []
    for window, violated in enumerate(verdicts):
        judged = [*judged, violated is not False][-m:]
        if begin is None and sum(judged) >= n:
            begin = window
        elif begin is not None and not any(judged):
            found.append((begin, window))
            begin = None
    return found if begin is None else [*found, (begin, None)]

# %% q4 wrong: fewer than m windows are enough
def q4(verdicts, n, m):
    judged, begin, found = [], None, []
    for window, violated in enumerate(verdicts):
        if violated is None:
            continue
        judged = [*judged, violated][-m:]
        if begin is None and len(judged) == m and sum(judged) >= n:
            begin = window
        elif begin is not None and not any(judged):
            found.append((begin, window))
            begin = None
    return found if begin is None else [*found, (begin, None)]

# %% q4 wrong: It rings on: the end is None
def q4(verdicts, n, m):
    judged, begin, found = [], None, []
    for window, violated in enumerate(verdicts):
        if violated is None:
            continue
        judged = [*judged, violated][-m:]
        if begin is None and sum(judged) >= n:
            begin = window
        elif begin is not None and not any(judged):
            found.append((begin, window))
            begin = None
    return found if begin is None else [*found, (begin, len(verdicts) - 1)] if len(verdicts) > 2 else [(begin, None)]

# %% q4 wrong: the m-th is the end
def q4(verdicts, n, m):
    judged, begin, found, last = [], None, [], None
    for window, violated in enumerate(verdicts):
        if violated is None:
            continue
        judged = [*judged, violated][-m:]
        last = window if violated else last
        if begin is None and sum(judged) >= n:
            begin = window
        elif begin is not None and not any(judged):
            found.append((begin, last))
            begin = None
    return found if begin is None else [*found, (begin, None)]

# %% q4 wrong: n and m are arguments
def q4(verdicts, n, m):
    judged, begin, found = [], None, []
    for window, violated in enumerate(verdicts):
        if violated is None:
            continue
        judged = [*judged, violated][-3:]
        if begin is None and sum(judged) >= 2:
            begin = window
        elif begin is not None and not any(judged):
            found.append((begin, window))
            begin = None
    return found if begin is None else [*found, (begin, None)]

# %% q4 wrong: then append (begin, end)
def q4(verdicts, n, m):
    return [sum(each or 0 for each in verdicts[max(0, w - m + 1) : w + 1]) >= n for w in range(len(verdicts))]

# %% q5 right: the replays without an incident, a little more than their largest
def q5(readings):
    largest = readings[readings["incident"] == ""].pivot_table(index="monitor", values="value", aggfunc="max")
    return {name: 1.05 * float(value) for name, value in largest["value"].items()}

# %% q5 right: between what is quiet and what is not
def q5(readings):
    limits = {}
    for name, rows in readings.groupby("monitor"):
        during = (rows["incident"] == name) & (rows["week"] >= rows["began"])
        before = (rows["began"] < 0) | (rows["week"] < rows["began"])
        low, high = rows.loc[before, "value"].quantile(0.99), rows.loc[during, "value"].median()
        limits[name] = low * (max(high, low) / low) ** 0.25
    return limits

# %% q5 right: tried on the replays, the lowest that never rings twice in three weeks
def q5(readings):
    quiet = readings[(readings["began"] < 0) | (readings["week"] < readings["began"])]
    limits = {}
    for name, rows in quiet.groupby("monitor"):
        seconds = []
        for _, each in rows.groupby("replay"):
            values = each.sort_values("week")["value"].to_list()
            seconds += [sorted(values[max(0, w - 2) : w + 1])[-2] for w in range(1, len(values))]
        limits[name] = max(max(seconds) * 1.3, rows["value"].quantile(0.99))
    return pd.Series(limits)

# %% q5 wrong: One limit for all
def q5(readings):
    return {name: 0.2 for name in readings["monitor"].unique()}

# %% q5 wrong: Are weeks of incidents among those
def q5(readings):
    return readings.groupby("monitor")["value"].max().to_dict()

# %% q5 wrong: Are weeks of incidents among those
def q5(readings):
    return readings.groupby("monitor")["value"].quantile(0.99).to_dict()

# %% q5 wrong: monitors of other scales
def q5(readings):
    quiet = readings[readings["incident"] == ""]
    return {name: quiet["value"].max() for name in readings["monitor"].unique()}

# %% q5 wrong: go to their upper end
def q5(readings):
    quiet = readings[readings["incident"] == ""]
    return quiet.groupby("monitor")["value"].mean().to_dict()

# %% q5 wrong: go to their upper end
def q5(readings):
    quiet = readings[readings["incident"] == ""].groupby("monitor")["value"]
    return (quiet.mean() + quiet.std()).to_dict()

# %% q5 wrong: The limits are too high
def q5(readings):
    quiet = readings[readings["incident"] == ""].groupby("monitor")["value"]
    return (3 * quiet.max()).to_dict()

# %% q5 wrong: hold in one unit only
def q5(readings):
    return {"carrier": 0.08, "temp": 1.9, "distance": 0.064, "wind": 0.19, "labels": 0.26, "traffic": 0.21, "probability": 0.1}

# %% q5 wrong: a limit for each of the seven monitors
def q5(readings):
    broken = readings[readings["incident"] == "temp"]
    return broken[broken["monitor"] == "temp"].groupby("monitor")["value"].max().to_dict()

# %% q5 wrong: a dict: a limit for each monitor
def q5(readings):
    return readings[readings["incident"] == ""]["value"].max()

# %% q5 wrong: nan or inf
def q5(readings):
    during = readings[(readings["incident"] == "none")]
    return {name: during["value"].quantile(0.99) for name in watched.KINDS}

# %% q6 right: before and after each day, the day at which they differ most
def q6(history, predictions, labels):
    days = sorted(predictions["day"].unique())
    by_day = predictions.groupby("day")
    usual = history.groupby("day")["temp"].mean()
    season = [usual[np.abs(usual.index.day_of_year - day.day_of_year) <= 10].mean() for day in days]
    carriers = history["carrier"].value_counts().index[:5]
    share = {each: (predictions["carrier"] == each).groupby(predictions["day"]).mean() for each in carriers}
    figures = {
        "labels": (predictions["id"].isin(labels["id"]).groupby(predictions["day"]).mean(), 0.7),
        **{("carrier", each): (values, values.iloc[:14].mean() * 0.9) for each, values in share.items()},
        "wind": (predictions["wind"].isna().groupby(predictions["day"]).mean(), 0.33),
        "temp": (by_day["temp"].mean() - season, 24),
        "distance": (by_day["distance"].mean(), 350),
        "probability": (by_day["probability"].mean(), 0.3),
        ("probability", "flat"): (-by_day["probability"].std(), 0.07),
        "traffic": (np.log(by_day.size()), 0.5),
    }
    for what, (values, least) in figures.items():
        jumps = [abs(values.iloc[cut:].mean() - values.iloc[:cut].mean()) for cut in range(10, 45)]
        spread = [values.iloc[:cut].var() * cut + values.iloc[cut:].var() * (49 - cut) for cut in range(10, 45)]
        cut = int(np.argmin(spread))
        if jumps[cut] > least:
            return days[cut + 10], what if isinstance(what, str) else what[0]
    return None

# %% q6 right: from the end backwards, with dates and plain loops
def q6(history, predictions, labels):
    known = set(labels["id"])
    low = {m: history[history["day"].dt.month == m].groupby("day")["temp"].mean().mean() for m in range(1, 13)}
    large = [c for c, count in history["carrier"].value_counts().items() if count > 0.08 * len(history)]
    days = [(day, rows) for day, rows in predictions.groupby("day")]
    size = np.mean([len(rows) for _, rows in days[:14]])
    far = np.median([rows["distance"].mean() for _, rows in days[:14]])
    tests = {
        "probability": lambda day, rows: rows["probability"].mean() > 0.5 or rows["probability"].nunique() == 1,
        "temp": lambda day, rows: rows["temp"].mean() < low[day.month] - 18,
        "distance": lambda day, rows: rows["distance"].mean() > 1.35 * far,
        "wind": lambda day, rows: rows["wind"].isna().mean() > 0.34,
        "labels": lambda day, rows: not known & set(rows["id"]),
        "traffic": lambda day, rows: not 0.6 * size < len(rows) < 1.5 * size,
    }
    for carrier in large:
        tests["carrier " + carrier] = lambda day, rows, carrier=carrier: carrier not in set(rows["carrier"])
    for what, test in tests.items():
        seen = [test(day, rows) for day, rows in days]
        began, good = None, 0
        for number in range(len(days) - 1, 13, -1):
            good = 0 if seen[number] else good + 1
            if good > 2:
                break
            began = number if seen[number] else began
        if began is not None and sum(seen[began:]) > 5:
            return str(days[began][0].date()), what.split()[0]
    return None

# %% q6 wrong: temp, since
def q6(history, predictions, labels):
    return None

# %% q6 wrong: Celsius in summer are Fahrenheit of winter
def q6(history, predictions, labels):
    by_day = predictions.groupby("day")
    temp = by_day["temp"].max()
    low = history["temp"].min() - 5
    for day in temp.index[14:]:
        if (temp[day:] < low).all():
            return day, "temp"
    return None

# %% q6 wrong: None in quiet weeks
def q6(history, predictions, labels):
    temp = predictions.groupby("day")["temp"].mean()
    first = temp.iloc[:14]
    for day in temp.index[14:]:
        if abs(temp[day] - first.mean()) > 2 * first.std():
            return day, "temp"
    return None

# %% q6 wrong: return day, what
def q6(history, predictions, labels):
    return "wind"

# %% q6 wrong: (day, what), or None
def q6(history, predictions, labels):
    return {"day": predictions["day"].max(), "what": "labels"}

# %% q6 wrong: an answer that runs
def q6(history, predictions, labels):
    return predictions.groupby("day")["carriers"].nunique().idxmin(), "carrier"

# %% q6 wrong: Predictions by day, against the first two weeks
def q6(history, predictions, labels):
    large = history["carrier"].value_counts().index[:5]
    usual = history.groupby(history["day"].dt.day_of_year)["temp"].median().rolling(29, center=True, min_periods=1).median()
    days = predictions.groupby("day")
    first = days["distance"].mean().iloc[:14].mean()
    known = predictions["id"].isin(labels["id"]).groupby(predictions["day"]).mean()
    signs = {
        "carrier": pd.Series({d: not set(large) <= set(r["carrier"]) for d, r in days}),
        "temp": days["temp"].median() < np.array([usual[d.day_of_year] for d, _ in days]) - 20,
        "distance": days["distance"].mean() > 1.3 * first,
        "wind": predictions["wind"].isna().groupby(predictions["day"]).mean() > 0.35,
        "labels": known < 0.2,
        "probability": (days["probability"].mean() > 0.5) | (days["probability"].std() < 0.01),
        "traffic": days.size() > 1.4 * days.size().iloc[:14].mean(),
    }
    for what, violated in signs.items():
        for day in violated.index[14:-4]:
            if violated[day] and violated[day:].mean() > 0.85 and what != "traffic":
                return day, what
    return None

# %% q6 wrong: not the day on which you are sure
def q6(history, predictions, labels):
    days = predictions.groupby("day")
    said = days["probability"].agg(["mean", "std"])
    signs = {
        "wind": predictions["wind"].isna().groupby(predictions["day"]).mean() > 0.35,
        "labels": ~predictions["id"].isin(labels["id"]).groupby(predictions["day"]).any(),
        "probability": (said["mean"] > 0.5) | (said["std"] < 0.01),
        "distance": days["distance"].mean() > 1.3 * days["distance"].mean().iloc[:14].mean(),
    }
    for what, violated in signs.items():
        lasting = violated.rolling(7).mean() > 0.8
        if lasting.any() and violated.iloc[-5:].mean() > 0.7:
            return lasting.idxmax(), what
    return None

# %% q6 wrong: that is not where it began
def q6(history, predictions, labels):
    size = predictions.groupby("day").size()
    usual = size.iloc[:14].mean()
    temp = predictions.groupby("day")["temp"].median()
    season = [history.loc[abs(history["day"].dt.day_of_year - d.day_of_year) < 15, "temp"].median() for d in temp.index]
    far = predictions.groupby("day")["distance"].mean()
    signs = {
        "temp": temp < np.array(season) - 20,
        "distance": far > 1.3 * far.iloc[:14].mean(),
        "wind": predictions["wind"].isna().groupby(predictions["day"]).mean() > 0.35,
        "labels": ~predictions["id"].isin(labels["id"]).groupby(predictions["day"]).any(),
        "traffic": abs(np.log(size / usual)) > 0.4,
    }
    for what, violated in signs.items():
        for day in violated.index[14:-4]:
            if violated[day] and violated[day:].mean() > 0.8:
                return day, what
    return None

# %% q7 right: one text, other words
def q7(found, predictions, runbook):
    if not found:
        return ""
    word, first = runbook[found["what"]]
    since = pd.Timestamp(found["day"]).date().isoformat()
    rows = predictions.loc[predictions["day"].dt.date >= found["day"].date()]
    return (
        f"{word} {since} {found['what']}\n\nvalue {round(found['value'], 2):.2f} > limit {round(found['limit'], 2):.2f}"
        f"\nMade since then: {len(rows):,} predictions\nDo first: {first}\n"
    )

# %% q7 right: a template
def q7(found, predictions, runbook):
    if found is None:
        return ""
    text = "%s: %s since %s\nIt reads %.2f (limit %.2f). %d predictions since then.\n%s"
    what = found["what"]
    count = sum(predictions["day"] >= found["day"])
    return text % (runbook[what][0], what, found["day"].strftime("%Y-%m-%d"), found["value"], found["limit"], count, runbook[what][1])

# %% q7 wrong: A message that all is well
def q7(found, predictions, runbook):
    if found is None:
        return "Nothing was found."
    word, step = runbook[found["what"]]
    count = (predictions["day"] >= found["day"]).sum()
    return f"{word}: {found['what']} since {found['day']:%Y-%m-%d}\n{found['value']:.2f} {found['limit']:.2f} {count} {step}"

# %% q7 wrong: count those since it began
def q7(found, predictions, runbook):
    if found is None:
        return ""
    word, step = runbook[found["what"]]
    return f"{word}: {found['what']} since {found['day']:%Y-%m-%d}\n{found['value']:.2f} {found['limit']:.2f} {len(predictions)} {step}"

# %% q7 wrong: That day included
def q7(found, predictions, runbook):
    if found is None:
        return ""
    word, step = runbook[found["what"]]
    count = (predictions["day"] > found["day"]).sum()
    return f"{word}: {found['what']} since {found['day']:%Y-%m-%d}\n{found['value']:.2f} {found['limit']:.2f} {count} {step}"

# %% q7 wrong: a first line that begins with
def q7(found, predictions, runbook):
    if found is None:
        return ""
    step = runbook[found["what"]][1]
    count = (predictions["day"] >= found["day"]).sum()
    return f"PAGE: {found['what']} since {found['day']:%Y-%m-%d}\n{found['value']:.2f} {found['limit']:.2f} {count} {step}"

# %% q7 wrong: the step:
def q7(found, predictions, runbook):
    if found is None:
        return ""
    word = runbook[found["what"]][0]
    count = (predictions["day"] >= found["day"]).sum()
    return f"{word}: {found['what']} since {found['day']:%Y-%m-%d}\n{found['value']:.2f} {found['limit']:.2f} {count}: look into it"

# %% q7 wrong: and the day as
def q7(found, predictions, runbook):
    if found is None:
        return ""
    word, step = runbook[found["what"]]
    count = (predictions["day"] >= found["day"]).sum()
    return f"{word}: {found['what']} since {found['day']}\n{found['value']:.2f} {found['limit']:.2f} {count} {step}"

# %% q7 wrong: with two decimals
def q7(found, predictions, runbook):
    if found is None:
        return ""
    word, step = runbook[found["what"]]
    count = (predictions["day"] >= found["day"]).sum()
    return f"{word}: {found['what']} since {found['day']:%Y-%m-%d}\nabout {found['value']:.0f} times too much, {count} {step}"

# %% q7 wrong: at most 72 characters
def q7(found, predictions, runbook):
    if found is None:
        return ""
    word, step = runbook[found["what"]]
    count = (predictions["day"] >= found["day"]).sum()
    return f"{word}: {found['what']} since {found['day']:%Y-%m-%d}, {found['value']:.2f}, limit {found['limit']:.2f}, {count} rows. {step}"

# %% q7 wrong: and no other in the first line
def q7(found, predictions, runbook):
    if found is None:
        return ""
    word, step = runbook[found["what"]]
    count = (predictions["day"] >= found["day"]).sum()
    others = "temp, labels, wind"
    return f"{word}: {found['what']} since {found['day']:%Y-%m-%d} ({others}?)\n{found['value']:.2f} {found['limit']:.2f} {count} {step}"

# %% q7 wrong: return the text, not print
def q7(found, predictions, runbook):
    print(found, runbook)
