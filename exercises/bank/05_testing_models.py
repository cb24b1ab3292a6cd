"""Answers to exercise 05: right ones that differ from the solution, and wrong ones with words of the message meant."""

# %% q1 right: new values, asserts, nothing returned
def q1(model, rows):
    before = np.asarray(model(rows.copy()), dtype=float)
    others = {
        "flight_id": [f"20230101T0000-JFK-XX{number}" for number in range(len(rows))],
        "tailnum": [f"N{number % 9 + 1}99ZZ" for number in range(len(rows))],
        "dep_delay": np.linspace(-30, 300, len(rows)),
    }
    for name, values in others.items():
        after = np.asarray(model(rows.assign(**{name: values})), dtype=float)
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-6, err_msg=name)

# %% q1 right: the columns turned round, one by one and all of them
def q1(model, rows):
    names = ["flight_id", "tailnum", "dep_delay"]
    expected = pd.Series(model(rows)).to_numpy()
    result = True
    for some in [[name] for name in names] + [names]:
        turned = rows.copy()
        turned[some] = turned[some].to_numpy()[::-1]
        result = result and np.allclose(pd.Series(model(turned)).to_numpy(), expected, rtol=0, atol=1e-6)
    return result

# %% q1 right: dep_delay missing, other names, the largest difference
def q1(model, rows):
    other = rows.assign(
        flight_id=rows["flight_id"].str[::-1],
        tailnum="N00000",
        dep_delay=np.nan,
    )
    difference = np.asarray(model(other)) - np.asarray(model(rows))
    more = rows.assign(dep_delay=120.0, tailnum=rows["tailnum"].to_numpy()[::-1])
    return max(abs(difference).max(), abs(np.asarray(model(more)) - np.asarray(model(rows))).max()) < 1e-5

# %% q1 wrong: over all rows, more for one flight and less for another cancel out
def q1(model, rows):
    before = np.mean(model(rows))
    for name in ("flight_id", "tailnum", "dep_delay"):
        after = np.mean(model(rows.assign(**{name: rows[name].sample(frac=1, random_state=0).to_numpy()})))
        if abs(after - before) > 0.02:
            return False
    return True

# %% q1 wrong: look at the largest change of all rows, not at the mean or the median
def q1(model, rows):
    before = np.asarray(model(rows))
    for name in ("flight_id", "tailnum", "dep_delay"):
        after = np.asarray(model(rows.assign(**{name: rows[name].sample(frac=1, random_state=0).to_numpy()})))
        if np.median(np.abs(after - before)) > 1e-6:
            return False
    return True

# %% q1 wrong: It is the third column
def q1(model, rows):
    before = np.asarray(model(rows))
    for name in ("flight_id", "tailnum"):
        after = np.asarray(model(rows.assign(**{name: rows[name].sample(frac=1, random_state=0).to_numpy()})))
        if np.abs(after - before).max() > 1e-6:
            return False
    return True

# %% q1 wrong: a model refused: the column flight_id is not there
def q1(model, rows):
    without = rows.drop(columns=["flight_id", "tailnum", "dep_delay"])
    return np.allclose(model(without), model(rows))

# %% q1 wrong: a model refused: the same flight_id twice
def q1(model, rows):
    return np.allclose(model(rows.assign(flight_id="x", tailnum="y", dep_delay=0.0)), model(rows), atol=1e-6)

# %% q1 wrong: is there a return?
def q1(model, rows):
    before = np.asarray(model(rows))
    shuffled = rows.assign(flight_id=rows["flight_id"].sample(frac=1, random_state=0).to_numpy())
    np.allclose(model(shuffled), before, atol=1e-6)

# %% q1 wrong: rows.assign(…) makes a new table
def q1(model, rows):
    before = np.asarray(model(rows))
    for name in ("flight_id", "tailnum", "dep_delay"):
        rows[name] = rows[name].sample(frac=1, random_state=0).to_numpy()
        if np.abs(np.asarray(model(rows)) - before).max() > 1e-6:
            return False
    return True

# %% q1 wrong: Does the test compare the same flights
def q1(model, rows):
    shuffled = rows.sample(frac=1, random_state=0)
    return bool(np.abs(np.asarray(model(shuffled)) - np.asarray(model(rows))).max() < 1e-6)

# %% q1 wrong: for arrays with .all() or .any()
def q1(model, rows):
    return np.asarray(model(rows.assign(tailnum="N1"))) == np.asarray(model(rows))

# %% q1 wrong: expected a function
q1 = rows["flight_id"].is_unique

# %% q2 right: asserts, one for each
def q2(model, rows):
    def mean(**values):
        return float(np.asarray(model(rows.assign(**values))).mean())

    assert mean(wind_speed=30) - mean(wind_speed=5) >= 0.01, "wind"
    assert mean(precip=0.5) - mean(precip=0) >= 0.01, "rain"
    assert mean(origin_delay=60) - mean(origin_delay=0) >= 0.01, "delays"
    assert mean(visib=10) - mean(visib=1) <= -0.01, "fog"

# %% q2 right: differences of each flight, on the mean
def q2(model, rows):
    table = rows.copy()
    found = []
    for name, ends, sign in [("wind_speed", [5, 30], 1), ("precip", [0.0, 0.5], 1), ("visib", [1, 10], -1), ("origin_delay", [0, 60], 1)]:
        low, high = (np.asarray(model(table.assign(**{name: float(end)})), dtype=float) for end in ends)
        found.append(sign * np.nanmean(high - low))
    return min(found) >= 0.01

# %% q2 wrong: set wind_speed in every row, to 5 and then to 30
def q2(model, rows):
    p = pd.Series(np.asarray(model(rows)), index=rows.index)
    for name, sign in {"precip": 1, "visib": -1, "origin_delay": 1}.items():
        ends = {"precip": (0, 0.5), "visib": (1, 10), "origin_delay": (0, 60)}[name]
        low, high = (np.mean(model(rows.assign(**{name: end}))) for end in ends)
        if sign * (high - low) < 0.01:
            return False
    return p.mean() > 0

# %% q2 wrong: in every row
def q2(model, rows):
    p = pd.Series(np.asarray(model(rows)), index=rows.index)
    return bool(p.corr(rows["wind_speed"]) > 0 and p.corr(rows["origin_delay"]) > 0 and p.corr(rows["visib"]) < 0)

# %% q2 wrong: a single flight may go the other way
def q2(model, rows):
    for name, low, high in [("wind_speed", 5, 30), ("precip", 0, 0.5), ("origin_delay", 0, 60), ("visib", 10, 1)]:
        calm, rough = (np.asarray(model(rows.assign(**{name: value}))) for value in (low, high))
        if not (rough > calm + 0.01).all():
            return False
    return True

# %% q2 wrong: a small change may change nothing
def q2(model, rows):
    for name, low, high in [("wind_speed", 11, 12), ("precip", 0.41, 0.45), ("origin_delay", 1, 2), ("visib", 9.9, 9.8)]:
        if not np.mean(model(rows.assign(**{name: high}))) > np.mean(model(rows.assign(**{name: low}))):
            return False
    return True

# %% q2 wrong: the difference has a sign, so no abs
def q2(model, rows):
    for name, low, high in [("wind_speed", 5, 30), ("precip", 0, 0.5), ("origin_delay", 0, 60), ("visib", 10, 1)]:
        calm, rough = (np.mean(model(rows.assign(**{name: value}))) for value in (low, high))
        if abs(rough - calm) < 0.01:
            return False
    return True

# %% q2 wrong: to one end and to the other, and compare the means
def q2(model, rows):
    for name, low, high in [("wind_speed", 5, 30), ("precip", 0, 0.5), ("origin_delay", 0, 60), ("visib", 1, 10)]:
        calm, rough = (np.mean(model(rows.assign(**{name: value}))) for value in (low, high))
        if rough - calm < 0.01:
            return False
    return True

# %% q2 wrong: from 1 to 10 miles the probability falls
def q2(model, rows):
    return all(
        np.mean(model(rows.assign(**{name: high}))) - np.mean(model(rows.assign(**{name: low}))) >= 0.01
        for name, low, high in [("wind_speed", 5, 30), ("precip", 0, 0.5), ("origin_delay", 0, 60)]
    )

# %% q2 wrong: There are four columns
def q2(model, rows):
    return all(
        np.mean(model(rows.assign(**{name: high}))) - np.mean(model(rows.assign(**{name: low}))) >= 0.01
        for name, low, high in [("wind_speed", 5, 30), ("precip", 0, 0.5), ("visib", 10, 1)]
    )

# %% q2 wrong: rows.assign(…) makes a new table
def q2(model, rows):
    for name, low, high in [("wind_speed", 5, 30), ("precip", 0, 0.5), ("origin_delay", 0, 60), ("visib", 10, 1)]:
        rows[name] = low
        calm = np.mean(model(rows))
        rows[name] = high
        if np.mean(model(rows)) - calm < 0.01:
            return False
    return True

# %% q2 wrong: Flights that had more wind differ in more than that
def q2(model, rows):
    p = np.asarray(model(rows))
    windy = (rows["wind_speed"] > rows["wind_speed"].median()).to_numpy()
    return bool(p[windy].mean() != p[~windy].mean())

# %% q3 right: asserts, missing values one by one
def probabilities(model, table):
    p = np.asarray(model(table), dtype=float)
    assert p.ndim == 1 and len(p) == len(table)
    assert ((p >= 0) & (p <= 1)).all(), "no probability, or NaN"
    return p

def q3(model, rows):
    probabilities(model, rows)
    for name in NULLABLE:
        table = rows.copy()
        table[name] = None
        probabilities(model, table)
    table = rows.copy()
    table[list(NULLABLE)] = np.nan
    probabilities(model, table)
    assert np.all(probabilities(model, rows.assign(**STORM)) > probabilities(model, rows.assign(**CALM)))

# %% q3 right: one list of tables, half of the values missing
def q3(model, rows):
    tables = [rows, rows.assign(**CALM), rows.assign(**STORM), rows.assign(**{name: np.nan for name in NULLABLE})]
    half = np.arange(len(rows)) % 2 == 0
    tables += [rows.assign(**{name: rows[name].mask(half)}) for name in NULLABLE]
    found = [np.array(model(table)) for table in tables]
    if any(np.shape(p) != (len(rows),) for p in found):
        return False
    whole = np.concatenate(found)
    if np.isnan(whole).any() or whole.min() < 0 or whole.max() > 1:
        return False
    return np.all(found[1] < found[2])

# %% q3 wrong: Both limits count
def q3(model, rows):
    tables = [rows, *(rows.assign(**{name: np.nan}) for name in NULLABLE)]
    for table in tables:
        p = np.asarray(model(table))
        if p.shape != (len(table),) or not np.isfinite(p).all() or p.max() > 1:
            return False
    return bool((np.asarray(model(rows.assign(**STORM))) > np.asarray(model(rows.assign(**CALM)))).all())

# %% q3 wrong: and in STORM, where the answers are largest
def q3(model, rows):
    tables = [rows, *(rows.assign(**{name: np.nan}) for name in NULLABLE)]
    for table in tables:
        p = np.asarray(model(table.assign(hour=6, origin_delay=0.0)))
        if p.shape != (len(table),) or not np.isfinite(p).all() or p.max() > 1 or p.min() < 0:
            return False
    return bool((np.asarray(model(rows.assign(**STORM))) > np.asarray(model(rows.assign(**CALM)))).all())

# %% q3 wrong: a comparison with NaN is False
def q3(model, rows):
    tables = [rows, rows.assign(**STORM), *(rows.assign(**{name: np.nan}) for name in NULLABLE)]
    for table in tables:
        p = np.asarray(model(table))
        if p.shape != (len(table),) or (p < 0).any() or (p > 1).any():
            return False
    return bool((np.asarray(model(rows.assign(**STORM))) > np.asarray(model(rows.assign(**CALM)))).all())

# %% q3 wrong: Set each column of NULLABLE to NaN
def q3(model, rows):
    for table in (rows, rows.assign(**STORM), rows.assign(wind_speed=np.nan)):
        p = np.asarray(model(table))
        if p.shape != (len(table),) or not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
            return False
    return bool((np.asarray(model(rows.assign(**STORM))) > np.asarray(model(rows.assign(**CALM)))).all())

# %% q3 wrong: np.asarray(p).shape == (len(table),)
def q3(model, rows):
    tables = [rows, rows.assign(**STORM), *(rows.assign(**{name: np.nan}) for name in NULLABLE)]
    for table in tables:
        p = np.asarray(model(table))
        if not np.isfinite(p).all() or (p < 0).any() or (p > 1).any():
            return False
    return bool(np.mean(model(rows.assign(**STORM))) >= np.mean(model(rows.assign(**CALM))))

# %% q3 wrong: A flight must get more in STORM than in CALM
def q3(model, rows):
    tables = [rows, rows.assign(**STORM), *(rows.assign(**{name: np.nan}) for name in NULLABLE)]
    for table in tables:
        p = np.asarray(model(table))
        if p.shape != (len(table),) or not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
            return False
    return True

# %% q3 wrong: only STORM against CALM has an order
def q3(model, rows):
    p = np.asarray(model(rows))
    storm, calm = (np.asarray(model(rows.assign(**values))) for values in (STORM, CALM))
    return bool((p > 0).all() and (p < 1).all() and (calm < p).all() and (p < storm).all())

# %% q3 wrong: never says less than .06 or more than .7
def q3(model, rows):
    storm, calm = (np.asarray(model(rows.assign(**values))) for values in (STORM, CALM))
    return bool((storm > 0.75).all() and (calm < 0.2).all() and (storm <= 1).all() and (calm >= 0).all())

# %% q3 wrong: for arrays with .all() or .any()
def q3(model, rows):
    p = np.asarray(model(rows))
    return (p >= 0) & (p <= 1)

# %% q4 right: halves, reversed, asserts
def q4(model, rows):
    def ask(table):
        mine = table.copy(deep=True)
        p = np.array(model(mine), dtype=float)
        pd.testing.assert_frame_equal(mine, table)
        return p

    whole = ask(rows)
    np.testing.assert_allclose(ask(rows), whole, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ask(rows.iloc[::-1])[::-1], whole, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ask(rows.set_axis(range(len(rows)))), whole, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ask(rows.set_axis(range(1, len(rows) + 1))), whole, rtol=0, atol=1e-6)
    for start in range(0, len(rows), 3):
        np.testing.assert_allclose(ask(rows.iloc[start : start + 3]), whole[start : start + 3], rtol=0, atol=1e-6)

# %% q4 right: by flight_id
def q4(model, rows):
    def by_flight(table):
        mine = table.copy()
        p = pd.Series(np.asarray(model(mine)), index=table["flight_id"].to_numpy())
        return p, mine.equals(table)

    expected, kept = by_flight(rows)
    fine = [kept]
    tables = [rows, rows.sample(frac=1, random_state=1), rows.sample(frac=1, random_state=2).reset_index(drop=True)]
    tables += [rows.iloc[[at]].reset_index(drop=True) for at in range(0, len(rows))]
    for table in tables:
        found, kept = by_flight(table)
        fine.append(kept and (found - expected[found.index]).abs().max() < 1e-6)
    return all(fine)

# %% q4 wrong: Ask for each row alone
def q4(model, rows):
    given = rows.copy()
    whole = np.asarray(model(given))
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = np.empty(len(rows))
    shuffled[order] = model(rows.iloc[order].reset_index(drop=True))
    again = np.asarray(model(rows.copy()))
    return bool(given.equals(rows) and np.abs(shuffled - whole).max() < 1e-6 and np.abs(again - whole).max() < 1e-6)

# %% q4 wrong: ask in another order
def q4(model, rows):
    given = rows.copy()
    whole = np.asarray(model(given))
    alone = np.array([np.asarray(model(rows.iloc[[at]].copy()))[0] for at in range(len(rows))])
    again = np.asarray(model(rows.copy()))
    return bool(given.equals(rows) and np.abs(alone - whole).max() < 1e-6 and np.abs(again - whole).max() < 1e-6)

# %% q4 wrong: and do it with other labels
def q4(model, rows):
    given = rows.copy()
    whole = np.asarray(model(given))
    backwards = np.asarray(model(rows.iloc[::-1]))[::-1]
    alone = np.array([np.asarray(model(rows.iloc[[at]].copy()))[0] for at in range(len(rows))])
    return bool(given.equals(rows) and np.abs(alone - whole).max() < 1e-6 and np.abs(backwards - whole).max() < 1e-6)

# %% q4 wrong: compare that copy with rows afterwards
def q4(model, rows):
    whole = np.asarray(model(rows.copy()))
    backwards = np.asarray(model(rows.iloc[::-1].reset_index(drop=True)))[::-1]
    alone = np.array([np.asarray(model(rows.iloc[[at]].copy()))[0] for at in range(len(rows))])
    return bool(np.abs(alone - whole).max() < 1e-6 and np.abs(backwards - whole).max() < 1e-6)

# %% q4 wrong: its answers differ by 1e-7 with the size of the batch
def q4(model, rows):
    given = rows.copy()
    whole = np.asarray(model(given))
    alone = np.array([np.asarray(model(rows.iloc[[at]].copy()))[0] for at in range(len(rows))])
    backwards = np.asarray(model(rows.iloc[::-1].reset_index(drop=True)))[::-1]
    return given.equals(rows) and np.array_equal(alone, whole) and np.array_equal(backwards, whole)

# %% q4 wrong: each answer with that for the same flight
def q4(model, rows):
    given = rows.copy()
    whole = np.asarray(model(given))
    shuffled = np.asarray(model(rows.sample(frac=1, random_state=0)))
    return given.equals(rows) and np.allclose(whole, shuffled, rtol=0, atol=1e-6)

# %% q4 wrong: Ask for each row alone
def q4(model, rows):
    given = rows.copy()
    first, second = model(given), model(given)
    return bool(np.allclose(first, second, rtol=0, atol=1e-6)) and given.equals(rows)

# %% q4 wrong: Ask twice for the very same rows
def q4(model, rows):
    given = rows.copy()
    whole = np.asarray(model(given))
    alone = np.array([np.asarray(model(rows.iloc[[at]].copy()))[0] for at in range(len(rows))])
    return bool(given.equals(rows) and abs(alone.mean() - whole.mean()) < 0.2)

# %% q4 wrong: a model refused: the same flight_id twice
def q4(model, rows):
    twice = pd.concat([rows, rows], ignore_index=True)
    p = np.asarray(model(twice))
    return bool(np.allclose(p[: len(rows)], p[len(rows) :], atol=1e-6))

# %% q4 wrong: A few rows are enough
def q4(model, rows):
    whole = np.asarray(model(rows.copy()))
    for first in range(len(rows)):
        for second in range(len(rows)):
            if first != second:
                pair = np.asarray(model(rows.iloc[[first, second]].reset_index(drop=True)))
                if abs(pair[0] - whole[first]) > 1e-6:
                    return False
    return True

# %% q4 wrong: an answer that runs
def q4(model, rows):
    return abs(model(rows)[0] - model(rows.iloc[[0]])[0]) < 1e-6

# %% q5 right: ranks by hand
def alone(values, late):
    there = values.notna()
    ranks, positive = values[there].rank(), late[there] == 1
    n, m = positive.sum(), (~positive).sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * m)

def q5(features, known, asked, late):
    future = [name for name in features.columns if (known[name].dropna() > asked[known[name].notna()]).any()]
    numbers = features.select_dtypes("number").columns
    return set(future) | {name for name in numbers if abs(alone(features[name], late) - 0.5) > 0.3}

# %% q5 right: whole tables at once, an index of names
def q5(features, known, asked, late):
    behind = known.sub(asked, axis=0).max() > pd.Timedelta(0)
    auc = {}
    for name in features:
        column = pd.to_numeric(features[name], errors="coerce").dropna()
        auc[name] = roc_auc_score(late.loc[column.index], column) if len(column) else 0.5
    auc = pd.Series(auc)
    return features.columns[behind | (auc > 0.8) | (auc < 0.2)]

# %% q5 wrong: in the very minute of the question
def q5(features, known, asked, late):
    names = [name for name in features if (known[name] >= asked).any()]
    return names

# %% q5 wrong: compute roc_auc_score(late, values) for each one
def q5(features, known, asked, late):
    return [name for name in features if (known[name] > asked).any()]

# %% q5 wrong: .any(), not the mean or the median
def q5(features, known, asked, late):
    names = [name for name in features if (known[name] > asked).mean() > 0.5]
    for name in features.select_dtypes("number"):
        there = features[name].notna()
        auc = roc_auc_score(late[there], features.loc[there, name])
        names += [name] if max(auc, 1 - auc) > 0.8 else []
    return names

# %% q5 wrong: Its AUC is near 0
def q5(features, known, asked, late):
    names = [name for name in features if (known[name] > asked).any()]
    for name in features.select_dtypes("number"):
        there = features[name].notna()
        names += [name] if roc_auc_score(late[there], features.loc[there, name]) > 0.8 else []
    return names

# %% q5 wrong: known[name] > asked, row by row
def q5(features, known, asked, late):
    names = []
    for name in features.select_dtypes("number"):
        there = features[name].notna()
        auc = roc_auc_score(late[there], features.loc[there, name])
        names += [name] if max(auc, 1 - auc) > 0.8 else []
    return names

# %% q5 wrong: hardly better than chance
def q5(features, known, asked, late):
    return [name for name in features if not (known[name] <= asked).all()]

# %% q5 wrong: an answer that runs
def q5(features, known, asked, late):
    return [name for name in features if roc_auc_score(late, features[name]) > 0.8 or (known[name] > asked).any()]

# %% q5 wrong: it is the best honest feature
def q5(features, known, asked, late):
    names = [name for name in features if (known[name] > asked).any()]
    for name in features.select_dtypes("number"):
        there = features[name].notna()
        auc = roc_auc_score(late[there], features.loc[there, name])
        names += [name] if max(auc, 1 - auc) > 0.58 else []
    return names

# %% q5 wrong: Begin with names = []
def q5(features, known, asked, late):
    for name in features:
        if (known[name] > asked).any():
            return name

# %% q5 wrong: As in x01; not its value
def q5(features, known, asked, late):
    return ["dep_delay"]

# %% q6 right: Wilson's interval
def wilson(late, n, z=2.576):
    share = late / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half

def q6(answers):
    worst, furthest = "", 0.0
    for carrier, flights in answers.groupby("carrier"):
        said, late = flights["p"].mean(), flights["late"].mean()
        low, high = wilson(flights["late"].sum(), len(flights))
        beyond = max(low - said, said - high)
        if beyond > 0 and abs(late - said) > 0.03 and beyond > furthest:
            worst, furthest = carrier, beyond
    return (worst == "", worst)

# %% q6 right: an exact test for each carrier
def q6(answers):
    from scipy.stats import binomtest

    found = {}
    for carrier in answers["carrier"].unique():
        mine = answers[answers["carrier"] == carrier]
        off = mine["late"].mean() - mine["p"].mean()
        chance = binomtest(int(mine["late"].sum()), len(mine), float(mine["p"].mean())).pvalue
        if abs(off) > 0.03 and chance < 0.01:
            found[carrier] = chance
    if found:
        return [False, min(found, key=found.get)]
    return [True, ""]

# %% q6 right: the whole interval beyond the tolerance, drawn from p
def q6(answers):
    random = np.random.default_rng(0)
    scores = {}
    for carrier, flights in answers.groupby("carrier"):
        p = flights["p"].to_numpy()
        drawn = (random.random((400, len(p))) < p).mean(axis=1) - p.mean()
        off = flights["late"].mean() - p.mean()
        scores[carrier] = abs(off) - max(0.03, 2.58 * drawn.std())
    worst = max(scores, key=scores.get)
    return (False, worst) if scores[worst] > 0 else (True, worst)

# %% q6 wrong: With so few flights chance explains it
def q6(answers):
    table = answers.groupby("carrier")[["p", "late"]].mean()
    off = (table["late"] - table["p"]).abs()
    off = off[answers.groupby("carrier")["late"].sum() > 0]
    return bool(off.max() <= 0.03), str(off.idxmax())

# %% q6 wrong: has no width then
def q6(answers):
    table = answers.groupby("carrier").agg(n=("p", "size"), p=("p", "mean"), late=("late", "mean"))
    off = (table["late"] - table["p"]).abs()
    bad = (off > 0.03) & (off > 2.576 * np.sqrt(table["late"] * (1 - table["late"]) / table["n"]))
    return (True, "") if not bad.any() else (False, str(off[bad].idxmax()))

# %% q6 wrong: certain, but too small to matter
def q6(answers):
    sums = answers.assign(v=answers["p"] * (1 - answers["p"])).groupby("carrier")[["p", "late", "v"]].sum()
    z = ((sums["late"] - sums["p"]) / np.sqrt(sums["v"])).abs()
    return (True, "") if z.max() < 2.576 else (False, str(z.idxmax()))

# %% q6 wrong: judge each carrier, and name the worst
def q6(answers):
    off = abs(answers["late"].mean() - answers["p"].mean())
    table = answers.groupby("carrier")[["p", "late"]].mean()
    return bool(off < 0.005 + 0.005), str((table["late"] - table["p"]).abs().idxmax())

# %% q6 wrong: Who warns of flights that are in time is wrong, too
def q6(answers):
    sums = answers.assign(v=answers["p"] * (1 - answers["p"])).groupby("carrier")[["p", "late", "v"]].sum()
    n = answers.groupby("carrier").size()
    off, chance = (sums["late"] - sums["p"]) / n, 2.576 * np.sqrt(sums["v"]) / n
    bad = (off > 0.03) & (off > chance)
    return (True, "") if not bad.any() else (False, str((off / chance)[bad].idxmax()))

# %% q6 wrong: leave no carrier out
def q6(answers):
    large = answers[answers.groupby("carrier")["p"].transform("size") >= 100]
    sums = large.assign(v=large["p"] * (1 - large["p"])).groupby("carrier")[["p", "late", "v"]].sum()
    n = large.groupby("carrier").size()
    off, chance = (sums["late"] - sums["p"]).abs() / n, 2.576 * np.sqrt(sums["v"]) / n
    bad = (off > 0.03) & (off > chance)
    return (True, "") if not bad.any() else (False, str((off / chance)[bad].idxmax()))

# %% q6 wrong: The second value is the name of the worst carrier
def q6(answers):
    sums = answers.assign(v=answers["p"] * (1 - answers["p"])).groupby("carrier")[["p", "late", "v"]].sum()
    n = answers.groupby("carrier").size()
    off, chance = (sums["late"] - sums["p"]).abs() / n, 2.576 * np.sqrt(sums["v"]) / n
    bad = (off > 0.03) & (off > chance)
    return not bad.any(), str((n[bad].index if bad.any() else n.index)[0].lower())

# %% q6 wrong: the verdict itself, not an array
def q6(answers):
    table = answers.groupby("carrier")[["p", "late"]].mean()
    return (table["late"] - table["p"]).abs() < 0.03, "UA"

# %% q6 wrong: a pair of True or False and a name
def q6(answers):
    return bool(abs(answers["late"].mean() - answers["p"].mean()) < 0.03)

# %% q7 right: behaviour and outcome, written anew
def q7(model, rows, late):
    few = rows.head(120)
    p = np.asarray(model(rows.copy()), dtype=float)
    if p.shape != (len(rows),) or not ((p >= 0) & (p <= 1)).all():
        return False
    base = np.asarray(model(few), dtype=float)
    turned = few.assign(**{name: few[name].to_numpy()[::-1] for name in ("flight_id", "tailnum", "dep_delay")})
    if np.abs(np.asarray(model(turned)) - base).max() > 1e-6:
        return False
    backwards = np.asarray(model(few.iloc[::-1].reset_index(drop=True)))[::-1]
    if np.abs(backwards - base).max() > 1e-6:
        return False
    alone = [np.asarray(model(few.iloc[[at]]))[0] for at in range(10)]
    if np.abs(np.array(alone) - p[:10]).max() > 1e-6:
        return False
    for name, low, high in [("wind_speed", 5, 30), ("precip", 0, 0.5), ("origin_delay", 0, 60), ("visib", 10, 1)]:
        if np.mean(model(few.assign(**{name: high}))) - np.mean(model(few.assign(**{name: low}))) < 0.01:
            return False
    if not np.asarray(model(few.assign(wind_speed=45.0, precip=1.0, origin_delay=90.0, visib=0.0, hour=23))).max() <= 1:
        return False
    if np.isnan(np.asarray(model(few.assign(carrier="QQ", seats=np.nan)))).any():
        return False
    table = pd.DataFrame({"carrier": rows["carrier"], "late": late, "p": p, "v": p * (1 - p)})
    sums = table.groupby("carrier")[["late", "p", "v"]].sum()
    return bool((((sums["late"] - sums["p"]) / np.sqrt(sums["v"])).abs() < 4).all())

# %% q7 right: asserts, and calibration on the whole
def q7(model, rows, late):
    given = rows.copy()
    p = pd.Series(np.asarray(model(given), dtype=float), index=rows.index)
    assert given.equals(rows), "it changes its table"
    assert p.between(0, 1).all(), "no probability"
    assert abs(late.mean() - p.mean()) < 4 * np.sqrt((p * (1 - p)).sum()) / len(p), "calibration"
    high = p >= p.quantile(0.9)
    assert abs(late[high].mean() - p[high].mean()) < 4 * np.sqrt((p[high] * (1 - p[high])).sum()) / high.sum()
    few = rows.head(100)
    mixed = few.sample(frac=1, random_state=0)
    shuffled = few.assign(**{name: mixed[name].to_numpy() for name in ["flight_id", "tailnum", "dep_delay"]})
    np.testing.assert_allclose(np.asarray(model(shuffled)), p.head(100), rtol=0, atol=1e-6)
    found = pd.Series(np.asarray(model(mixed.reset_index(drop=True))), index=mixed.index)
    np.testing.assert_allclose(found[few.index], p.head(100), rtol=0, atol=1e-6)
    for rough, calm in [({"wind_speed": 30}, {"wind_speed": 5}), ({"precip": 0.5}, {"precip": 0.0}), ({"visib": 1}, {"visib": 10})]:
        assert np.mean(model(few.assign(**rough))) > np.mean(model(few.assign(**calm))) + 0.01
    for name in NULLABLE:
        assert np.isfinite(np.asarray(model(few.assign(**{name: np.nan})))).all(), name
    assert np.isfinite(np.asarray(model(few.assign(carrier="ZZ")))).all()
    assert np.asarray(model(few.assign(**STORM))).max() <= 1

# %% q7 wrong: red on 9 of 18
def q7(model, rows, late):
    p = np.asarray(model(rows.copy()))
    return bool(p.shape == (len(rows),) and np.isfinite(p).all() and p.min() >= 0 and p.max() <= 1)

# %% q7 wrong: Compare the mean of p with that of late
def q7(model, rows, late):
    few = rows.head(100)
    given = few.copy()
    p = np.asarray(model(given))
    if not given.equals(few) or not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
        return False
    turned = few.assign(**{name: few[name].to_numpy()[::-1] for name in ("flight_id", "tailnum", "dep_delay")})
    backwards = np.asarray(model(few.iloc[::-1].reset_index(drop=True)))[::-1]
    if np.abs(np.asarray(model(turned)) - p).max() > 1e-6 or np.abs(backwards - p).max() > 1e-6:
        return False
    for name, low, high in [("wind_speed", 5, 30), ("precip", 0, 0.5), ("origin_delay", 0, 60), ("visib", 10, 1)]:
        if np.mean(model(few.assign(**{name: high}))) - np.mean(model(few.assign(**{name: low}))) < 0.01:
            return False
    return bool(np.isfinite(np.asarray(model(few.assign(carrier="QQ")))).all())

# %% q7 wrong: outcomes differ by chance, too
def q7(model, rows, late):
    p = np.asarray(model(rows))
    table = pd.DataFrame({"carrier": rows["carrier"], "late": late, "p": p}).groupby("carrier").mean()
    return bool(((table["late"] - table["p"]).abs() < 0.02).all())

# %% q7 wrong: red on 14 of 18
def q7(model, rows, late):
    few = rows.head(100)
    p = np.asarray(model(few))
    if not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
        return False
    turned = few.assign(**{name: few[name].to_numpy()[::-1] for name in ("flight_id", "tailnum", "dep_delay")})
    if np.abs(np.asarray(model(turned)) - p).max() > 1e-6:
        return False
    for name, low, high in [("wind_speed", 5, 30), ("precip", 0, 0.5), ("origin_delay", 0, 60), ("visib", 10, 1)]:
        if np.mean(model(few.assign(**{name: high}))) - np.mean(model(few.assign(**{name: low}))) < 0.01:
            return False
    return True

# %% q7 wrong: its answers differ by 1e-7 with the size of the batch
def q7(model, rows, late):
    few = rows.head(20)
    whole = np.asarray(model(rows.copy()))
    return all(np.asarray(model(few.iloc[[at]]))[0] == whole[at] for at in range(20))

# %% q7 wrong: is there a return?
def q7(model, rows, late):
    p = np.asarray(model(rows))
    bool(p.min() >= 0 and p.max() <= 1 and roc_auc_score(late, p) > 0.6)

# %% q7 wrong: True or False
def q7(model, rows, late):
    p = np.asarray(model(rows))
    return ["no probability"] if p.max() > 1 else []

# %% q7 wrong: green on the sound model
def q7(model, rows, late):
    return bool(roc_auc_score(late, np.asarray(model(rows))) > 0.8)
