"""Answers to exercise 08: right ones that differ from the solution, and wrong ones with words of the message meant."""

# %% q1 right: one expression, a list
def q1(weeks):
    last, before = weeks.to_dict("records")[-1], weeks.to_dict("records")[-2]
    rules = [
        ("repair", "data_quality", last["data_quality"]),
        ("wait", "new_days", last["new_days"] <= 27),
        ("retrain", "performance", last["performance"] and before["performance"]),
        ("retrain", "age", last["age"] >= 181),
        ("wait", "nothing", True),
    ]
    return [list(rule[:2]) for rule in rules if rule[2]][0]

# %% q1 right: from the last rule to the first, sorted by week, capitals
def q1(weeks):
    table = weeks.sort_values("week").tail(2).set_index("week")
    now = table.iloc[1]
    said = "Wait", "nothing"
    if now.age > 180:
        said = "Retrain", "age"
    if table.performance.sum() == 2:
        said = "Retrain", "performance"
    if now.new_days < 28:
        said = "Wait", "new_days"
    if now.data_quality:
        said = "Repair", "data_quality"
    return said

# %% q1 right: numpy
def q1(weeks):
    quality, performance = weeks["data_quality"].to_numpy(), weeks["performance"].to_numpy()
    fits = np.array([quality[-1], weeks["new_days"].max() < 28, performance[-2:].min(), weeks["age"].max() > 180, True])
    names = ["data_quality", "new_days", "performance", "age", "nothing"]
    which = int(np.argmax(fits))
    return ["repair", "wait", "retrain", "retrain", "wait"][which], names[which]

# %% q1 wrong: Drift alone is no reason to retrain
def q1(weeks):
    now = weeks.iloc[-1]
    if now["data_quality"]:
        return "repair", "data_quality"
    if now["new_days"] < 28:
        return "wait", "new_days"
    if weeks["performance"].iloc[-2:].all():
        return "retrain", "performance"
    if now["drift"]:
        return "retrain", "drift"
    return ("retrain", "age") if now["age"] > 180 else ("wait", "nothing")

# %% q1 wrong: It has to ring in both of the two newest weeks
def q1(weeks):
    now = weeks.iloc[-1]
    if now["data_quality"]:
        return "repair", "data_quality"
    if now["new_days"] < 28:
        return "wait", "new_days"
    if now["performance"]:
        return "retrain", "performance"
    return ("retrain", "age") if now["age"] > 180 else ("wait", "nothing")

# %% q1 wrong: iloc[-2:] and all(), not any()
def q1(weeks):
    now = weeks.iloc[-1]
    if now["data_quality"]:
        return "repair", "data_quality"
    if now["new_days"] < 28:
        return "wait", "new_days"
    if weeks["performance"].iloc[-2:].any():
        return "retrain", "performance"
    return ("retrain", "age") if now["age"] > 180 else ("wait", "nothing")

# %% q1 wrong: Below 28 is too early, 28 is enough
def q1(weeks):
    now = weeks.iloc[-1]
    if now["data_quality"]:
        return "repair", "data_quality"
    if now["new_days"] <= 28:
        return "wait", "new_days"
    if weeks["performance"].iloc[-2:].all():
        return "retrain", "performance"
    return ("retrain", "age") if now["age"] > 180 else ("wait", "nothing")

# %% q1 wrong: Above 180 is too old, 180 is not
def q1(weeks):
    now = weeks.iloc[-1]
    if now["data_quality"]:
        return "repair", "data_quality"
    if now["new_days"] < 28:
        return "wait", "new_days"
    if weeks["performance"].iloc[-2:].all():
        return "retrain", "performance"
    return ("retrain", "age") if now["age"] >= 180 else ("wait", "nothing")

# %% q1 wrong: what was repaired is repaired
def q1(weeks):
    now = weeks.iloc[-1]
    if weeks["data_quality"].any():
        return "repair", "data_quality"
    if now["new_days"] < 28:
        return "wait", "new_days"
    if weeks["performance"].iloc[-2:].all():
        return "retrain", "performance"
    return ("retrain", "age") if now["age"] > 180 else ("wait", "nothing")

# %% q1 wrong: The rule of the new days comes before
def q1(weeks):
    now = weeks.iloc[-1]
    if now["data_quality"]:
        return "repair", "data_quality"
    if weeks["performance"].iloc[-2:].all():
        return "retrain", "performance"
    if now["age"] > 180:
        return "retrain", "age"
    return ("wait", "new_days") if now["new_days"] < 28 else ("wait", "nothing")

# %% q1 wrong: is worse than an old one: this rule comes first
def q1(weeks):
    now = weeks.iloc[-1]
    if now["new_days"] < 28:
        return "wait", "new_days"
    if weeks["performance"].iloc[-2:].all():
        return "retrain", "performance"
    if now["data_quality"]:
        return "repair", "data_quality"
    return ("retrain", "age") if now["age"] > 180 else ("wait", "nothing")

# %% q1 wrong: performance comes before age
def q1(weeks):
    now = weeks.iloc[-1]
    if now["data_quality"]:
        return "repair", "data_quality"
    if now["new_days"] < 28:
        return "wait", "new_days"
    if now["age"] > 180:
        return "retrain", "age"
    return ("retrain", "performance") if weeks["performance"].iloc[-2:].all() else ("wait", "nothing")

# %% q1 wrong: End with: return decision, reason
def q1(weeks):
    return "retrain" if weeks["performance"].iloc[-2:].all() else "wait"

# %% q1 wrong: do not call it
q1 = ("wait", "nothing")

# %% q2 right: in place on a copy, numpy, sorted
def q2(rows, as_of, window, days):
    mine = rows.copy()
    seconds = (as_of - mine["scheduled"]).dt.total_seconds().to_numpy()
    mine["weight"] = np.exp(-np.log(2) * seconds / 86400 / days) if window == "weighted" else 1
    fits = (mine["known"] <= as_of).to_numpy()
    if window == "sliding":
        fits = fits & (seconds <= days * 86400)
    return mine[fits].sort_values("scheduled", ignore_index=True)

# %% q2 right: query and match, fewer columns
def q2(rows, as_of, window, days):
    known = rows.loc[rows["known"].le(as_of), ["id", "scheduled"]]
    match window:
        case "sliding":
            start = as_of - pd.Timedelta(days=days)
            return known.loc[known["scheduled"].ge(start)].assign(weight=1)
        case "weighted":
            return known.assign(weight=lambda t: 2 ** ((t["scheduled"] - as_of) / pd.Timedelta(days=days)))
    return known.assign(weight=1)

# %% q2 wrong: compare known, not scheduled, with as_of
def q2(rows, as_of, window, days):
    past = rows[(rows["scheduled"] <= as_of) & rows["late"].notna()]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    if window == "sliding":
        return past[age <= days].assign(weight=1.0)
    return past.assign(weight=0.5 ** (age / days) if window == "weighted" else 1.0)

# %% q2 wrong: its opposite does not
def q2(rows, as_of, window, days):
    past = rows[~(rows["known"] > as_of)]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    if window == "sliding":
        return past[age <= days].assign(weight=1.0)
    return past.assign(weight=0.5 ** (age / days) if window == "weighted" else 1.0)

# %% q2 wrong: A label known at as_of itself counts
def q2(rows, as_of, window, days):
    past = rows[rows["known"] < as_of]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    if window == "sliding":
        return past[age <= days].assign(weight=1.0)
    return past.assign(weight=0.5 ** (age / days) if window == "weighted" else 1.0)

# %% q2 wrong: to the minute, and that moment counts
def q2(rows, as_of, window, days):
    past = rows[rows["known"] <= as_of]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    if window == "sliding":
        return past[age < days].assign(weight=1.0)
    return past.assign(weight=0.5 ** (age / days) if window == "weighted" else 1.0)

# %% q2 wrong: which are in no order
def q2(rows, as_of, window, days):
    past = rows[rows["known"] <= as_of]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    if window == "sliding":
        return past.tail(int((age <= days).sum())).assign(weight=1.0)
    return past.assign(weight=0.5 ** (age / days) if window == "weighted" else 1.0)

# %% q2 wrong: exp(-age / days) falls to .37
def q2(rows, as_of, window, days):
    past = rows[rows["known"] <= as_of]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    if window == "sliding":
        return past[age <= days].assign(weight=1.0)
    return past.assign(weight=np.exp(-age / days) if window == "weighted" else 1.0)

# %% q2 wrong: Parts of a day count
def q2(rows, as_of, window, days):
    past = rows[rows["known"] <= as_of]
    start = as_of - pd.Timedelta(days=days or 0)
    if window == "sliding":
        return past[past["scheduled"] >= start].assign(weight=1.0)
    return past.assign(weight=0.5 ** ((as_of - past["scheduled"]).dt.days / days) if window == "weighted" else 1.0)

# %% q2 wrong: The age counts from as_of, not from the newest row
def q2(rows, as_of, window, days):
    past = rows[rows["known"] <= as_of]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    if window == "sliding":
        return past[age <= days].assign(weight=1.0)
    return past.assign(weight=0.5 ** ((age - age.min()) / days) if window == "weighted" else 1.0)

# %% q2 wrong: An older flight weighs less
def q2(rows, as_of, window, days):
    past = rows[rows["known"] <= as_of]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    if window == "sliding":
        return past[age <= days].assign(weight=1.0)
    return past.assign(weight=0.5 ** (-age / days) if window == "weighted" else 1.0)

# %% q2 wrong: Only the weighted window weighs
def q2(rows, as_of, window, days):
    past = rows[rows["known"] <= as_of]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    weighed = past.assign(weight=0.5 ** (age / (days or 30)))
    return weighed[age <= days] if window == "sliding" else weighed

# %% q2 wrong: use assign, or work on a copy
def q2(rows, as_of, window, days):
    rows["weight"] = 1.0
    age = (as_of - rows["scheduled"]) / pd.Timedelta(days=1)
    if window == "weighted":
        rows["weight"] = 0.5 ** (age / days)
    past = rows["known"] <= as_of
    return rows[past & (age <= days)] if window == "sliding" else rows[past]

# %% q2 wrong: and .assign(weight=…)
def q2(rows, as_of, window, days):
    past = rows[rows["known"] <= as_of]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    return past[age <= days] if window == "sliding" else past

# %% q2 wrong: a table for "expanding"
def q2(rows, as_of, window, days):
    past = rows[rows["known"] <= as_of]
    age = (as_of - past["scheduled"]) / pd.Timedelta(days=1)
    return past, 0.5 ** (age / days) if window == "weighted" else 1.0

# %% q3 right: the library
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").set_index("day", drop=False).sort_index()
    fair = fair.loc[learned_until + pd.Timedelta(days=1) :]
    said = rw.compare(fair["late"], fair["challenger"], fair["champion"], fair["day"], draws=1000)
    return -said.brier, -said.brier_high, -said.brier_low

# %% q3 right: a loop over draws of tables
def q3(rows, learned_until):
    fair = rows[rows["late"].notna() & (rows["day"] > learned_until)]
    fair = fair.assign(gain=(fair["champion"] - fair["late"]) ** 2 - (fair["challenger"] - fair["late"]) ** 2)
    by_day = [part["gain"].to_numpy() for _, part in fair.groupby("day")]
    random = np.random.default_rng(7)
    drawn = []
    for _ in range(1000):
        chosen = random.integers(0, len(by_day), len(by_day))
        drawn.append(np.concatenate([by_day[each] for each in chosen]).mean())
    return np.array([fair["gain"].mean(), np.percentile(drawn, 2.5), np.percentile(drawn, 97.5)])

# %% q3 right: the spread of the days and Student's t
def q3(rows, learned_until):
    from scipy.stats import t

    fair = rows[rows["late"].notna() & (rows["day"] > learned_until)]
    gain = (fair["champion"] - fair["late"]).pow(2) - (fair["challenger"] - fair["late"]).pow(2)
    sums = (gain - gain.mean()).groupby(fair["day"]).sum()
    half = t.ppf(0.975, len(sums) - 1) * np.sqrt((sums**2).sum()) / len(gain)
    return gain.mean(), gain.mean() - half, gain.mean() + half

# %% q3 wrong: The sign is swapped
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day > @learned_until")
    said = rw.compare(fair["late"], fair["challenger"], fair["champion"], fair["day"], draws=1000)
    return said.brier, said.brier_low, said.brier_high

# %% q3 wrong: low and high change places
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day > @learned_until")
    said = rw.compare(fair["late"], fair["challenger"], fair["champion"], fair["day"], draws=1000)
    return -said.brier, -said.brier_low, -said.brier_high

# %% q3 wrong: it knows those by heart
def q3(rows, learned_until):
    fair = rows.dropna(subset="late")
    said = rw.compare(fair["late"], fair["champion"], fair["challenger"], fair["day"], draws=1000)
    return said.brier, said.brier_low, said.brier_high

# %% q3 wrong: The day learned_until itself is among them
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day >= @learned_until")
    said = rw.compare(fair["late"], fair["champion"], fair["challenger"], fair["day"], draws=1000)
    return said.brier, said.brier_low, said.brier_high

# %% q3 wrong: A cancelled flight is neither late nor punctual
def q3(rows, learned_until):
    fair = rows.fillna({"late": 0}).query("day > @learned_until")
    said = rw.compare(fair["late"], fair["champion"], fair["challenger"], fair["day"], draws=1000)
    return said.brier, said.brier_low, said.brier_high

# %% q3 wrong: leave them out before anything is calculated
def q3(rows, learned_until):
    fair = rows[rows["day"] > learned_until]
    gains = ((fair["champion"] - fair["late"]) ** 2 - (fair["challenger"] - fair["late"]) ** 2).to_numpy()
    drawn = [np.random.default_rng(n).choice(gains, len(gains)).mean() for n in range(100)]
    return gains.mean(), np.quantile(drawn, 0.025), np.quantile(drawn, 0.975)

# %% q3 wrong: That is the difference of the AUC
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day > @learned_until")
    said = rw.compare(fair["late"], fair["challenger"], fair["champion"], fair["day"], draws=1000)
    return said.auc, said.auc_low, said.auc_high

# %% q3 wrong: as narrow as an interval by flights
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day > @learned_until")
    gains = ((fair["champion"] - fair["late"]) ** 2 - (fair["challenger"] - fair["late"]) ** 2).to_numpy()
    random = np.random.default_rng(0)
    drawn = [random.choice(gains, len(gains)).mean() for _ in range(1000)]
    return gains.mean(), np.quantile(drawn, 0.025), np.quantile(drawn, 0.975)

# %% q3 wrong: as if the two models had met on different days
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day > @learned_until")
    draws = {}
    for number, name in enumerate(["champion", "challenger"]):
        squares = (fair[name] - fair["late"]) ** 2
        sums = squares.groupby(fair["day"]).agg(["sum", "count"]).to_numpy()
        drawn = sums[np.random.default_rng(number).integers(0, len(sums), (2000, len(sums)))].sum(axis=1)
        draws[name] = squares.mean(), drawn[:, 0] / drawn[:, 1]
    apart = draws["champion"][1] - draws["challenger"][1]
    return draws["champion"][0] - draws["challenger"][0], np.quantile(apart, 0.025), np.quantile(apart, 0.975)

# %% q3 wrong: isin() keeps it once
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day > @learned_until")
    gains = (fair["champion"] - fair["late"]) ** 2 - (fair["challenger"] - fair["late"]) ** 2
    names, random = fair["day"].unique(), np.random.default_rng(0)
    drawn = [gains[fair["day"].isin(random.choice(names, len(names)))].mean() for _ in range(1000)]
    return gains.mean(), np.quantile(drawn, 0.025), np.quantile(drawn, 0.975)

# %% q3 wrong: each flight counts once, so large days count more
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day > @learned_until")
    gains = (fair["champion"] - fair["late"]) ** 2 - (fair["challenger"] - fair["late"]) ** 2
    days = gains.groupby(fair["day"]).mean().to_numpy()
    drawn = days[np.random.default_rng(0).integers(0, len(days), (2000, len(days)))].mean(axis=1)
    return days.mean(), np.quantile(drawn, 0.025), np.quantile(drawn, 0.975)

# %% q3 wrong: Without the square it is no Brier score
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day > @learned_until")
    gains = (fair["champion"] - fair["late"]).abs() - (fair["challenger"] - fair["late"]).abs()
    days = gains.groupby(fair["day"]).agg(["sum", "count"]).to_numpy()
    drawn = days[np.random.default_rng(0).integers(0, len(days), (2000, len(days)))].sum(axis=1)
    drawn = drawn[:, 0] / drawn[:, 1]
    return gains.mean(), np.quantile(drawn, 0.025), np.quantile(drawn, 0.975)

# %% q3 wrong: End with: return difference, low, high
def q3(rows, learned_until):
    fair = rows.dropna(subset="late").query("day > @learned_until")
    return rw.compare(fair["late"], fair["champion"], fair["challenger"], fair["day"], draws=1000)

# %% q4 right: sums by day, an interval by hand
def q4(rows):
    gain = (rows["champion"] - rows["late"]) ** 2 - (rows["challenger"] - rows["late"]) ** 2

    def ends(part):
        days = gain[part.index].groupby(part["day"]).agg(["sum", "size"]).to_numpy()
        drawn = days[np.random.default_rng(1).integers(0, len(days), (1500, len(days)))].sum(axis=1)
        return np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])

    low, high = ends(rows)
    interval = f"between {low:.4f} and {high:.4f}"
    if low <= 0:
        return "keep", interval
    bad = [code for code in sorted(set(rows["carrier"])) if ends(rows[rows["carrier"] == code])[1] < 0]
    return ("keep", f"{' and '.join(bad)} would get worse") if bad else ("promote", interval)

# %% q4 right: capitals, an interval by the spread of days
def q4(rows):
    gain = (rows["champion"] - rows["late"]) ** 2 - (rows["challenger"] - rows["late"]) ** 2

    def ends(values, days):
        off = (values - values.mean()).groupby(days).sum()
        half = 2.05 * np.sqrt((off**2).sum()) / len(values)
        return values.mean() - half, values.mean() + half

    whole = ends(gain, rows["day"])
    worse = [code for code, part in gain.groupby(rows["carrier"]) if ends(part, rows["day"][part.index])[1] < 0]
    if whole[0] > 0 and worse:
        return ["Keep", f"worse for: {worse}"]
    return ["Promote" if whole[0] > 0 else "Keep", "the gain is %+.4f to %+.4f" % whole]

# %% q4 wrong: low has to be
def q4(rows):
    said = rw.compare(rows["late"], rows["champion"], rows["challenger"], rows["day"])
    return "promote" if said.brier > 0 else "keep", f"{said.brier_low:+.4f} to {said.brier_high:+.4f}"

# %% q4 wrong: look at each carrier by itself
def q4(rows):
    said = rw.compare(rows["late"], rows["champion"], rows["challenger"], rows["day"])
    return "promote" if said.brier_low > 0 else "keep", f"{said.brier_low:+.4f} to {said.brier_high:+.4f}"

# %% q4 wrong: but its few flights allow no verdict
def q4(rows):
    said = rw.compare(rows["late"], rows["champion"], rows["challenger"], rows["day"])
    gain = (rows["champion"] - rows["late"]) ** 2 - (rows["challenger"] - rows["late"]) ** 2
    of = gain.groupby(rows["carrier"]).mean()
    worse = of[of < 0].index.tolist()
    if said.brier_low > 0 and worse:
        return "keep", f"worse for {', '.join(worse)}"
    return "promote" if said.brier_low > 0 else "keep", f"{said.brier_low:+.4f} to {said.brier_high:+.4f}"

# %% q4 wrong: an interval by flights does not see it
def q4(rows):
    gain = (rows["champion"] - rows["late"]) ** 2 - (rows["challenger"] - rows["late"]) ** 2
    half = 1.96 * gain.std() / np.sqrt(len(gain))
    low, high = gain.mean() - half, gain.mean() + half
    of = gain.groupby(rows["carrier"]).agg(["mean", "std", "count"])
    worse = of[of["mean"] + 1.96 * of["std"] / np.sqrt(of["count"]) < 0].index.tolist()
    if low > 0 and worse:
        return "keep", f"worse for {', '.join(worse)}"
    return "promote" if low > 0 else "keep", f"{low:+.4f} to {high:+.4f}"

# %% q4 wrong: Has the sign been swapped
def q4(rows):
    said = rw.compare(rows["late"], rows["challenger"], rows["champion"], rows["day"])
    return "promote" if said.brier_low > 0 else "keep", f"{said.brier_low:+.4f} to {said.brier_high:+.4f}"

# %% q4 wrong: a reason that names
def q4(rows):
    said = rw.compare(rows["late"], rows["champion"], rows["challenger"], rows["day"])
    worse = False
    for _, part in rows.groupby("carrier"):
        of = rw.compare(part["late"], part["champion"], part["challenger"], part["day"])
        worse = worse or of.brier_high < 0
    reason = f"{said.brier_low:+.4f} to {said.brier_high:+.4f}"
    return ("promote" if said.brier_low > 0 and not worse else "keep"), reason

# %% q4 wrong: Write both ends into the sentence
def q4(rows):
    said = rw.compare(rows["late"], rows["champion"], rows["challenger"], rows["day"])
    worse = []
    for name, part in rows.groupby("carrier"):
        of = rw.compare(part["late"], part["champion"], part["challenger"], part["day"])
        if of.brier_high < 0:
            worse.append(name)
    if said.brier_low > 0 and worse:
        return "keep", f"worse for {', '.join(worse)}"
    return ("promote", "it is better") if said.brier_low > 0 else ("keep", "it is not better")

# %% q4 wrong: End with: return decision, reason
def q4(rows):
    said = rw.compare(rows["late"], rows["champion"], rows["challenger"], rows["day"])
    return said.brier_low > 0, f"{said.brier_low:+.4f}"

# %% q5 right: os.replace by hand, a class
class Shelf:
    def __init__(self, folder):
        self.place = folder / "champion.json"
        self.state = {"champion": None, "former": [], "log": []}
        if self.place.exists():
            self.state = json.loads(self.place.read_text(encoding="utf-8"))

    def keep(self, champion, former, words):
        import os

        beside = self.place.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump({"champion": champion, "former": former, "log": [*self.state["log"], words]}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.place)


def promote(folder, version):
    shelf = Shelf(folder)
    if not (folder / "versions" / f"{version}").exists():
        raise FileNotFoundError(f"no version {version}")
    old = shelf.state["champion"]
    if old != version:
        shelf.keep(version, [each for each in [*shelf.state["former"], old] if each], f"{old} -> {version}")


def roll_back(folder):
    shelf = Shelf(folder)
    if not shelf.state["former"]:
        raise RuntimeError("nowhere to go back to")
    shelf.keep(shelf.state["former"][-1], shelf.state["former"][:-1], "back")


q5 = [promote, roll_back]

# %% q5 right: tempfile in the same folder, Path.rename, a dictionary of functions
def _read(folder):
    try:
        return json.loads((folder / "champion.json").read_text())
    except FileNotFoundError:
        return dict(champion=None, former=[], log=[])


def _write(folder, state):
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, suffix=".json") as file:
        file.write(json.dumps(state, indent=2))
    Path(file.name).replace(folder / "champion.json")


def up(folder, version):
    if str(version) not in [path.name for path in (folder / "versions").iterdir()]:
        raise KeyError(version)
    state = _read(folder)
    if state["champion"] != version:
        if state["champion"] is not None:
            state["former"].append(state["champion"])
        state["champion"] = version
        state["log"].append(f"up to {version}")
        _write(folder, state)


def down(folder):
    state = _read(folder)
    if not state["former"]:
        raise LookupError("no champion before this one")
    state["champion"] = state["former"].pop()
    state["log"].append(f"down to {state['champion']}")
    _write(folder, state)


q5 = {"promote": up, "roll_back": down}

# %% q5 wrong: never opened for writing
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    (folder / "champion.json").write_text(json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: leaves half a file
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    with open(folder / "champion.json", "w") as file:
        json.dump(state, file)


q5 = (promote, roll_back)

# %% q5 wrong: From another disk a rename is a copy
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    import shutil

    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        json.dump(state, file)
    shutil.move(file.name, folder / "champion.json")


q5 = (promote, roll_back)

# %% q5 wrong: Do not remove the old file first
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    beside = folder / "new.json"
    beside.write_text(json.dumps(state))
    (folder / "champion.json").unlink(missing_ok=True)
    beside.rename(folder / "champion.json")


q5 = (promote, roll_back)

# %% q5 wrong: written once
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    place = folder / "champion.json"
    old = read(folder)
    files.write_atomic(place, json.dumps({**old, "champion": state["champion"]}))
    files.write_atomic(place, json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: look before you write, and raise an error
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        return
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: look before you write, and raise an error
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: Nobody was champion
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        return
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: an error that says nothing
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: lead nowhere
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if True:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: the version that was rolled back is not added
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former + [now["champion"]], "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: The last of former becomes the champion
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    back, *former = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: former is empty then
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + [now["champion"]]
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: Each change adds one text at the end
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: Each change adds one text at the end
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"][:-1]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q5 wrong: the functions themselves, without brackets
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = now["former"] + ([] if now["champion"] is None else [now["champion"]])
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = promote

# %% q5 wrong: The old champion goes to the end of former
def read(folder):
    place = folder / "champion.json"
    return json.loads(place.read_text()) if place.exists() else {"champion": None, "former": [], "log": []}


def promote(folder, version):
    if not (folder / "versions" / str(version)).is_dir():
        raise ValueError(f"no version {version}")
    now = read(folder)
    if now["champion"] != version:
        former = [] if now["champion"] is None else [now["champion"]]
        write(folder, {"champion": version, "former": former, "log": now["log"] + [f"promoted {version}"]})


def roll_back(folder):
    now = read(folder)
    if not now["former"]:
        raise ValueError("nobody was champion before")
    *former, back = now["former"]
    write(folder, {"champion": back, "former": former, "log": now["log"] + [f"back to {back}"]})


def write(folder, state):
    files.write_atomic(folder / "champion.json", json.dumps(state))


q5 = (promote, roll_back)

# %% q6 right: hashlib, groupby, an interval by hand
def q6(folder, record, rows):
    import hashlib

    error = (rows["challenger"] - rows["late"]) ** 2
    days = error.groupby(rows["day"]).agg(["sum", "count"]).to_numpy()
    drawn = days[np.random.default_rng(3).integers(0, len(days), (3000, len(days)))].sum(axis=1)
    ends = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    by = error.groupby(rows["carrier"]).agg(["size", "mean"])
    enough = by[by["size"] > 29]
    card = {key: record[key] for key in ("commit", "parameters")}
    card["data"] = {}
    for path in sorted(folder.glob("*")):
        card["data"][path.name] = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest().upper()
    card["brier"] = [error.mean().item(), *ends.tolist()]
    card["carriers"] = {str(n): {"flights": int(r["size"]), "brier": float(r["mean"])} for n, r in enough.iterrows()}
    card["limits"] = [f"until {record['learned_until']}"] + [f"nothing known of {n}" for n in by.index[by["size"] < 30]]
    return card

# %% q6 right: the library's slices, more keys
def q6(folder, record, rows):
    whole = rw.evaluate(rows["late"], rows["challenger"], rows["day"], draws=2000).to_dict()
    counts = rows["carrier"].value_counts()
    carriers = {}
    for name in counts[counts >= 30].index:
        part = rows[rows["carrier"] == name]
        said = rw.evaluate(part["late"], part["challenger"], part["day"], draws=2)
        carriers[name] = {"flights": said.rows, "brier": said.brier, "days": said.days}
    return dict(
        title="challenger",
        data={each.name: files.file_sha256(each) for each in folder.iterdir()},
        commit=str(record["commit"]),
        parameters=dict(record["parameters"]),
        brier=(whole["brier"], whole["brier_low"], whole["brier_high"]),
        carriers=carriers,
        limits=(f"Learned until {record['learned_until']}; too few of: {sorted(counts[counts < 30].index)}.",),
    )

# %% q6 wrong: The sum is that of the bytes
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: __import__("hashlib").sha256(path.name.encode()).hexdigest() for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: The sum is that of the bytes
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: __import__("hashlib").md5(path.read_bytes()).hexdigest() for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: One entry for each file of the folder
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir() if "flights" in path.name},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: with a shorter commit
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"][:7],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: with a shorter commit
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": {"max_iter": 200, "learning_rate": 0.1, "seed": 0},
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: That is the score of the champion
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, rows["champion"], rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: not rounded
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [round(said.brier, 3), said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: By whole days
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, np.arange(len(rows)) // 3, draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: By whole days
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_high, said.brier_low],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: End with: return difference, low, high
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": said.brier,
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: a score of 29 flights says nothing
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if True:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: on the flights of this carrier
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(said.brier)}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: a sentence with
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}."],
    }

# %% q6 wrong: Name the carriers with fewer than 30 flights
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of WN and HA."],
    }

# %% q6 wrong: record['learned_until']
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {rows['day'].min():%Y-%m-%d}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: name what belongs into the card
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        **record,
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: make plain values of those of numpy
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": at.sum(), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: build a new dictionary
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    record["parameters"]["rows"] = 1
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limits": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q6 wrong: a key limits
def q6(folder, record, rows):
    late, p = rows["late"], rows["challenger"]
    said = rw.evaluate(late, p, rows["day"], draws=1000)
    counts = rows["carrier"].value_counts()
    few = [name for name, count in counts.items() if count < 30]
    carriers = {}
    for name in counts.index:
        at = rows["carrier"] == name
        if name not in few:
            carriers[name] = {"flights": int(at.sum()), "brier": float(((p[at] - late[at]) ** 2).mean())}
    return {
        "data": {path.name: files.file_sha256(path) for path in folder.iterdir()},
        "commit": record["commit"],
        "parameters": record["parameters"],
        "brier": [said.brier, said.brier_low, said.brier_high],
        "carriers": carriers,
        "limit": [f"It has learned until {record['learned_until']}.", f"Too few flights of {', '.join(few)}."],
    }

# %% q7 right: marks, a list of lines, true minus signs
def q7(facts):
    said = ["{:+.4f}".format(each).replace("-", "−") for each in facts["difference"]]
    note = []
    if facts["decision"] == "promote":
        note += [f"- **Decision**: we promote version {facts['challenger']} in place of version {facts['champion']}."]
        note += [f"- **Figure**: Brier score improves by {said[0]}, 95% interval {said[1]} to {said[2]}."]
        note += [f"- **Change**: from {facts['warnings'][0]} to {facts['warnings'][1]} warnings a day for {facts['who']}."]
    else:
        word = "neither better nor worse"
        if facts["difference"][1] > 0:
            word = "the challenger is better in all"
        if facts["difference"][2] < 0:
            word = "the challenger is worse"
        note += [f"- **Decision**: version {facts['champion']} stays, version {facts['challenger']} is not promoted."]
        note += [f"- **Figure**: {said[0]}, 95% interval {said[1]} to {said[2]}: {word}."]
        note += ["- **Change**: Nothing changes for anybody."]
    days = f"we know {facts['first']} to {facts['last']}, no other days."
    note += ["- **Risk**: " + days + " ".join(f" {n} gets worse, {d:+.4f} [{l:+.4f}, {h:+.4f}]." for n, (d, l, h) in facts["worse"].items())]
    promoted = facts["decision"] == "promote"
    note += [f"- **Way back**: {facts['command']} (version {facts['champion']} serves again)." if promoted else "- **Way back**: not needed."]
    return "\n".join(note)

# %% q7 right: one template, blank lines, capitals
def q7(facts):
    low, high = facts["difference"][1:]
    line = "Brier difference %.4f (%.4f to %.4f): " % facts["difference"]
    line += {(True, False): "better beyond chance", (False, True): "worse"}.get((low > 0, high < 0), "within chance")
    parts = {"CHANGE": "no change", "WAY BACK": "nothing to take back"}
    parts["DECISION"] = f"keep version {facts['champion']}"
    if facts["decision"] == "promote":
        parts["DECISION"] = f"promote version {facts['challenger']}"
        parts["CHANGE"] = f"{facts['warnings'][1]} instead of {facts['warnings'][0]} a day for {facts['who']}"
        parts["WAY BACK"] = f"{facts['command']}, then version {facts['champion']} serves"
    risk = [f"judged from {facts['first']} until {facts['last']}"]
    risk += [f"{name} {value[0]:.4f}" for name, value in facts["worse"].items()]
    return f"""Decision: {parts['DECISION']}

Figure: {line}

Change: {parts['CHANGE']}
RISK: {'; '.join(risk)}
Way back: {parts['WAY BACK']}
"""

# %% q7 wrong: the version that serves is the challenger only
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {new} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: The decision is in the facts
def q7(facts):
    middle, low, high = facts["difference"]
    yes = middle > 0
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: the word misleads
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back. The next one may be promoted"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: a figure is not more certain than its interval
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.6f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: a figure is not more certain than its interval
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.3f}, {high:+.3f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: cut off instead of rounded
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{int(middle * 1e4) / 1e4:+.4f} [{int(low * 1e4) / 1e4:+.4f}, {int(high * 1e4) / 1e4:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: The sign is lost or swapped
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{abs(middle):.4f} [{abs(low):.4f}, {abs(high):.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: The difference and both ends
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f}, {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: with 0 inside neither
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if middle > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: with 0 inside neither
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if yes else "not better"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: no claim of a difference
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes, though the challenger is better by a little"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: Who acts on the warnings
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees fewer warnings" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: The champion stays, so the warnings do
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: what it does on others is not known
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"other days may differ{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: Each carrier of facts['worse']
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: would take away the champion that is good
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: the version that serves after it
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {new} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}"

# %% q7 wrong: a line that begins with Risk
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    return f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nWay back: {back}"

# %% q7 wrong: do not print it
def q7(facts):
    middle, low, high = facts["difference"]
    yes = facts["decision"] == "promote"
    old, new, (before, after) = facts["champion"], facts["challenger"], facts["warnings"]
    claim = "better" if low > 0 else "worse" if high < 0 else "no difference beyond chance"
    decision = f"version {new} is promoted" if yes else f"version {old} is kept"
    figure = f"{middle:+.4f} [{low:+.4f}, {high:+.4f}], {claim}"
    change = f"{facts['who']} sees {after} warnings a day instead of {before}" if yes else "nothing changes"
    worse = "".join(f"; worse for {name}: {of[0]:+.4f}" for name, of in facts["worse"].items())
    risk = f"judged on {facts['first']} to {facts['last']}{worse}"
    back = f"{facts['command']} brings version {old} back" if yes else "nothing to take back"
    print(f"Decision: {decision}\nFigure: {figure}\nChange: {change}\nRisk: {risk}\nWay back: {back}")
