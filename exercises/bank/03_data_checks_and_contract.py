"""Answers to exercise 03: right ones that differ from the solution, and wrong ones with words of the message meant."""

# %% q1 right: other order, other kinds of text
q1 = (
    Column(name="kwh", kind="number", about="", low=0.0, high=100.0),
    Column(name="ended", kind="time", about="", max_null=0.1),
    Column(name="plug", kind="text", about="", pattern="^(type2|ccs|chademo)$"),
    Column(name="site", kind="text", about="", pattern="^[A-Z][A-Z]-[0-9][0-9]$"),
)

# %% q1 right: all columns, a comprehension
q1 = [
    Column(name=name, about=name, **more)
    for name, more in {
        "driver": {"kind": "text"},
        "site": {"kind": "category", "pattern": r"^[A-Z]{2}-\d{2}$"},
        "plug": {"kind": "category", "allowed": drawn.PLUGS},
        "ended": {"kind": "time", "max_null": 0.04},
        "kwh": {"kind": "number", "low": 0, "high": 100},
    }.items()
]

# %% q1 wrong: none for kwh
q1 = [
    Column(name="site", kind="category", about="", pattern="^[A-Z]{2}-[0-9]{2}$"),
    Column(name="plug", kind="category", about="", allowed=("type2", "ccs", "chademo")),
    Column(name="ended", kind="time", about="", max_null=0.05),
]

# %% q1 wrong: A check that is red on clean data
q1 = [
    Column(name="site", kind="category", about="", allowed=tuple(sessions["site"].unique())),
    Column(name="plug", kind="category", about="", allowed=("type2", "ccs", "chademo")),
    Column(name="ended", kind="time", about="", max_null=0.05),
    Column(name="kwh", kind="number", about="", low=0, high=100),
]

# %% q1 wrong: 0 kWh is possible, and 100 is the largest
q1 = [
    Column(name="site", kind="category", about="", pattern="^[A-Z]{2}-[0-9]{2}$"),
    Column(name="plug", kind="category", about="", allowed=("type2", "ccs", "chademo")),
    Column(name="ended", kind="time", about="", max_null=0.05),
    Column(name="kwh", kind="number", about="", low=-5, high=10_000, max_null=0.05),
]

# %% q1 wrong: Bind the pattern to the whole text
q1 = [
    Column(name="site", kind="category", about="", pattern="[A-Z]{2}-[0-9]{2}"),
    Column(name="plug", kind="category", about="", allowed=("type2", "ccs", "chademo")),
    Column(name="ended", kind="time", about="", max_null=0.05),
    Column(name="kwh", kind="number", about="", low=0, high=100),
]

# %% q1 wrong: allowed=(…) is a closed set
q1 = [
    Column(name="site", kind="category", about="", pattern="^[A-Z]{2}-[0-9]{2}$"),
    Column(name="plug", kind="category", about="", pattern="^[a-z0-9 ]+$"),
    Column(name="ended", kind="time", about="", max_null=0.05),
    Column(name="kwh", kind="number", about="", low=0, high=100),
]

# %% q1 wrong: Without a limit a broken clock stays unseen
q1 = [
    Column(name="site", kind="category", about="", pattern="^[A-Z]{2}-[0-9]{2}$"),
    Column(name="plug", kind="category", about="", allowed=("type2", "ccs", "chademo")),
    Column(name="ended", kind="time", about="", max_null=1),
    Column(name="kwh", kind="number", about="", low=0, high=100),
]

# %% q1 wrong: A check that is red on clean data
q1 = [
    Column(name="site", kind="category", about="", pattern="^[A-Z]{2}-[0-9]{2}$"),
    Column(name="plug", kind="category", about="", allowed=("type2", "ccs", "chademo")),
    Column(name="ended", kind="time", about=""),
    Column(name="kwh", kind="number", about="", low=1, high=60),
]

# %% q1 wrong: Put each Column into the brackets
q1 = ["site", "plug", "ended", "kwh"]

# %% q2 right: the other way round
q2 = ("session", "site")

# %% q2 right: a list
q2 = ["site", "session"]

# %% q2 wrong: Each site counts its sessions for itself
q2 = ("session",)

# %% q2 wrong: a fleet starts two cars
q2 = ("driver", "started")

# %% q2 wrong: what changes is no part of a key
q2 = ("site", "session", "kwh")

# %% q2 wrong: what changes is no part of a key
q2 = ("site", "driver", "plug", "started", "ended", "kwh", "dollars", "session")

# %% q2 wrong: lets a doubled session through
q2 = ("site", "session", "driver")

# %% q2 wrong: Is it written as in the table
q2 = ("Site", "session_id")

# %% q2 wrong: Each site counts its sessions for itself
q2 = "session"

# %% q3 right: other words for the same
q3 = [
    Rule("a", "not ended < started", ""),
    Rule("b", "ended <= started or kwh / (date_diff('second', started, ended) / 3600.0) <= 22.1", ""),
    Rule("c", "ended is null or dollars between greatest(0, epoch(ended) - epoch(started) - 14400) / 3600 - 0.05"
         " and greatest(0, epoch(ended) - epoch(started) - 14400) / 3600 + 0.05", ""),
]

# %% q3 right: one rule for each side of the fee
h = "(epoch(ended - started) / 3600)"
q3 = (
    Rule("order", "started <= ended", "order"),
    Rule("power", f"kwh - {h} * 22 < 0.1", "power"),
    Rule("free", f"{h} > 4 or dollars = 0", "four hours are free"),
    Rule("dear", f"{h} <= 4 or (dollars between {h} - 4.05 and {h} - 3.95)", "then they cost"),
)

# %% q3 wrong: greatest leaves NULL out
q3 = [
    Rule("order", "ended >= started", ""),
    Rule("power", "kwh <= 22 * epoch(ended - started) / 3600 + 0.01", ""),
    Rule("fee", "abs(dollars - greatest(epoch(ended - started) / 3600 - 4, 0)) < 0.02", ""),
]

# %% q3 wrong: started and ended swapped
q3 = [
    Rule("power", "kwh <= 22 * abs(epoch(ended - started)) / 3600 + 0.01", ""),
    Rule("fee", "ended is null or ended < started or abs(dollars - greatest(epoch(ended - started) / 3600 - 4, 0)) < 0.02", ""),
]

# %% q3 wrong: hours are epoch(ended - started) / 3600
q3 = [
    Rule("order", "ended >= started", ""),
    Rule("power", "kwh <= 100", ""),
    Rule("fee", "ended is null or abs(dollars - greatest(epoch(ended - started) / 3600 - 4, 0)) < 0.02", ""),
]

# %% q3 wrong: too little is as wrong as too much
q3 = [
    Rule("order", "ended >= started", ""),
    Rule("power", "kwh <= 22 * epoch(ended - started) / 3600 + 0.01", ""),
    Rule("fee", "ended is null or dollars <= greatest(epoch(ended - started) / 3600 - 4, 0) + 0.02", ""),
]

# %% q3 wrong: has no end and is sound
q3 = [
    Rule("order", "ended is not null and ended >= started", ""),
    Rule("power", "kwh <= 22 * epoch(ended - started) / 3600 + 0.01", ""),
    Rule("fee", "ended is null or abs(dollars - greatest(epoch(ended - started) / 3600 - 4, 0)) < 0.02", ""),
]

# %% q3 wrong: a fee is rounded to a cent
q3 = [
    Rule("order", "ended >= started", ""),
    Rule("power", "kwh < 22 * epoch(ended - started) / 3600", ""),
    Rule("fee", "dollars = greatest(epoch(ended - started) / 3600 - 4, 0)", ""),
]

# %% q3 wrong: Put each Rule into the brackets
q3 = ["ended >= started"]

# %% q3 wrong: an answer that runs
q3 = [Rule("order", "end >= start", "")]

# %% q3 wrong: no clean row refused
q3 = [
    Rule("order", "ended >= started", ""),
    Rule("power", "kwh <= 22 * epoch(ended - started) / 3600 + 0.01", ""),
    Rule("fee", "abs(dollars - epoch(ended - started) / 3600 - 4) < 0.02", ""),
]

# %% q4 right: row by row
def q4(rows):
    reasons = []
    for row in rows.itertuples():
        found = []
        if not 0 <= row.kwh <= 100:
            found.append("kwh")
        if row.plug not in drawn.PLUGS:
            found.append("plug")
        if row.ended < row.started:
            found.append("ended")
        reasons.append(", ".join(found))
    judged = rows.assign(reason=reasons)
    return judged[judged["reason"] == ""].drop(columns="reason"), judged[judged["reason"] != ""].reset_index(drop=True)

# %% q4 right: text added column by column
def q4(rows):
    table = rows.copy()
    table["reason"] = ""
    table.loc[~((table["kwh"] >= 0) & (table["kwh"] <= 100)), "reason"] += "kwh "
    table.loc[~table["plug"].isin(["ccs", "chademo", "type2"]), "reason"] += "plug "
    table.loc[(table["ended"] - table["started"]).dt.total_seconds() < 0, "reason"] += "ended "
    return table.query("reason == ''"), table.query("reason != ''")

# %% q4 wrong: Bad rows are kept aside
def q4(rows):
    bad = ~rows["kwh"].between(0, 100) | ~rows["plug"].isin(drawn.PLUGS) | (rows["ended"] < rows["started"])
    return rows[~bad], rows[bad].assign(reason="kwh plug ended").head(3)

# %% q4 wrong: a session that is still charging
def q4(rows):
    bad = ~rows["kwh"].between(0, 100) | ~rows["plug"].isin(drawn.PLUGS) | ~(rows["ended"] >= rows["started"])
    return rows[~bad], rows[bad].assign(reason="kwh plug ended")

# %% q4 wrong: needs both, not the first
def q4(rows):
    reason = pd.Series("", index=rows.index)
    reason[rows["ended"] < rows["started"]] = "ended"
    reason[~rows["plug"].isin(drawn.PLUGS)] = "plug"
    reason[~rows["kwh"].between(0, 100)] = "kwh"
    return rows[reason == ""], rows[reason != ""].assign(reason=reason)

# %% q4 wrong: a missing kwh is bad as well
def q4(rows):
    wrong = {"kwh": (rows["kwh"] < 0) | (rows["kwh"] > 100), "plug": ~rows["plug"].isin(drawn.PLUGS)}
    wrong["ended"] = rows["ended"] < rows["started"]
    table = pd.DataFrame(wrong)
    bad = table.any(axis=1)
    reason = table.apply(lambda row: " ".join(row.index[row]), axis=1)
    return rows[~bad], rows[bad].assign(reason=reason)

# %% q4 wrong: work on a copy
def q4(rows):
    rows["reason"] = ""
    rows.loc[~rows["kwh"].between(0, 100), "reason"] += "kwh "
    rows.loc[~rows["plug"].isin(drawn.PLUGS), "reason"] += "plug "
    rows.loc[rows["ended"] < rows["started"], "reason"] += "ended "
    return rows[rows["reason"] == ""], rows[rows["reason"] != ""]

# %% q4 wrong: bad.assign(reason=…)
def q4(rows):
    bad = ~rows["kwh"].between(0, 100) | ~rows["plug"].isin(drawn.PLUGS) | (rows["ended"] < rows["started"])
    return rows[~bad], rows[bad]

# %% q4 wrong: End with: return good, bad
def q4(rows):
    return rows[rows["kwh"].between(0, 100)]

# %% q4 wrong: a row with two faults is still one row
def q4(rows):
    wrong = {"kwh": ~rows["kwh"].between(0, 100), "plug": ~rows["plug"].isin(drawn.PLUGS)}
    wrong["ended"] = rows["ended"] < rows["started"]
    bad = pd.concat([rows[found].assign(reason=name) for name, found in wrong.items()])
    return rows[~pd.DataFrame(wrong).any(axis=1)], bad

# %% q5 right: the mean
q5 = [Law("start", "avg(extract(hour from started))", 9, 12, "mean hour")]

# %% q5 right: a share of the mornings
q5 = Law("morning", "avg((extract(hour from started) between 7 and 12)::int)", 0.5, 1.0, "share of starts from 7 to 12")

# %% q5 wrong: Put each Law into the brackets
q5 = Rule("morning", "extract(hour from started) between 6 and 12", "starts in the morning")

# %% q5 wrong: watch the usual hour
q5 = Law("energy", "avg(kwh)", 5, 60, "mean energy")

# %% q5 wrong: A limit below and one above
q5 = Law("morning", "median(extract(hour from started))", 6, 24, "usual hour of the start")

# %% q5 wrong: Look at the figure in several clean months
q5 = Law("morning", "avg(extract(hour from started))", 11.0, 11.05, "mean hour of the start")

# %% q5 wrong: watch the usual hour
q5 = Law("order", "avg((ended >= started)::int)", 0.99, 1, "ends after it starts")

# %% q5 wrong: Look at the figure in several clean months
q5 = Law("first", "min(extract(hour from started))", 6, 8, "earliest hour")

# %% q5 wrong: an answer that runs
q5 = Law("morning", "avg(hour_of_start)", 8, 11, "usual hour of the start")

# %% q6 right: counts and quantiles
def q6(usual, new):
    found = []
    counts = new["site"].value_counts().reindex(usual["site"].unique()).fillna(0)
    if (counts == 0).any():
        found.append("silent")
    if new.groupby("site")["kwh"].quantile(0.99).max() > 3 * usual["kwh"].max():
        found.append("unit")
    if new.groupby("site")["kwh"].std().min() < 0.01:
        found.append("frozen")
    if new["ended"].isna().mean() > usual["ended"].isna().mean() + 0.1:
        found.append("ends")
    return found

# %% q6 right: a dictionary of conditions
def q6(before, now):
    sites = now.groupby("site")
    conditions = {
        "a site is gone": now["site"].nunique() < before["site"].nunique(),
        "too much energy": bool((now["kwh"] > 100).any()),
        "always the same": bool((sites["kwh"].max() == sites["kwh"].min()).any()),
        "no end": now["ended"].notna().mean() < 0.9,
    }
    return [what for what, holds in conditions.items() if holds]

# %% q6 wrong: Begin with problems = []
def q6(usual, new):
    if new["kwh"].max() > 100:
        print("too much energy")

# %% q6 wrong: A false alarm
def q6(usual, new):
    return ["other rows"] if len(new) != len(usual) or new["kwh"].sum() != usual["kwh"].sum() else []

# %% q6 wrong: Compare the sites
def q6(usual, new):
    found = ["unit"] if new["kwh"].max() > 100 else []
    found += ["frozen"] if (new.groupby("site")["kwh"].nunique() == 1).any() else []
    return found + (["ends"] if new["ended"].isna().mean() > 0.1 else [])

# %% q6 wrong: count the different values of each site
def q6(usual, new):
    found = ["unit"] if new["kwh"].max() > 100 else []
    found += ["gone"] if set(usual["site"]) - set(new["site"]) else []
    found += ["frozen"] if new["kwh"].nunique() == 1 else []
    return found + (["ends"] if new["ended"].isna().mean() > 0.1 else [])

# %% q6 wrong: 2% are usual
def q6(usual, new):
    found = ["unit"] if new["kwh"].max() > 100 else []
    found += ["gone"] if set(usual["site"]) - set(new["site"]) else []
    found += ["frozen"] if (new.groupby("site")["kwh"].nunique() == 1).any() else []
    return found + (["ends"] if new["ended"].isna().all() else [])

# %% q6 wrong: A false alarm
def q6(usual, new):
    return ["missing"] if new["ended"].isna().any() else []

# %% q6 wrong: Watch the largest value
def q6(usual, new):
    found = ["unit"] if new["kwh"].median() > 100 else []
    found += ["gone"] if set(usual["site"]) - set(new["site"]) else []
    found += ["frozen"] if (new.groupby("site")["kwh"].nunique() == 1).any() else []
    return found + (["ends"] if new["ended"].isna().mean() > 0.1 else [])
