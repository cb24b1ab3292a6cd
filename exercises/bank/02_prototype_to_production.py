"""Answers to exercise 02: right ones that differ from the solution, and wrong ones with words of the message meant."""

# %% q1 right: a set, in another order
q1 = {"station_day", "driver_mean", "free", "dollars", "kwh", "kw"}

# %% q1 right: with columns that leak, but are none of the model's
q1 = ("ended", "hours", "long", "kwh", "dollars", "free", "kw", "driver_mean", "station_day")

# %% q1 wrong: dollars > 0 is the label in other words
q1 = ["dollars", "kwh", "kw", "driver_mean", "station_day"]

# %% q1 wrong: A low AUC makes it no honest column
q1 = [name for name, auc in zip(numbers, alone) if auc > 0.9]

# %% q1 wrong: this session itself, and those that came later
q1 = ["kwh", "dollars", "free", "kw"]

# %% q1 wrong: cumcount counts the sessions that began before
q1 = ["kwh", "dollars", "free", "kw", "driver_mean", "station_day", "driver_visits"]

# %% q1 wrong: that it is often missing is no leak
q1 = ["kwh", "dollars", "free", "kw", "driver_mean", "station_day", "distance"]

# %% q1 wrong: before get_dummies
q1 = list(X.columns)

# %% q1 wrong: Then nothing is left to predict from
q1 = numbers + categories

# %% q1 wrong: They are the names in the lists
q1 = ["Dollars", "KWH"]

# %% q1 wrong: As in ["first", "second"]
q1 = [4, 5, 6, 7]

# %% q1 wrong: 2 of these 2 not named
q1 = "dollars"

# %% q2 right: a copy, and columns added
def q2(table):
    out = table.copy()
    out["hour"] = out["started"].dt.hour + out["started"].dt.minute / 60
    out["weekday"] = out["started"].dt.day_of_week
    return out[["hour", "weekday", "platform", "distance", "manager_vehicle", "facility_type"]]

# %% q2 right: row by row, by hand
def q2(rows):
    made = {
        "hour": [time.hour + time.minute / 60 for time in rows["started"]],
        "weekday": [time.weekday() for time in rows["started"]],
    }
    for name in ("platform", "distance", "manager_vehicle", "facility_type"):
        made[name] = rows[name].to_list()
    return pd.DataFrame(made, index=rows.index)

# %% q2 right: a dictionary of columns, another order
def q2(sessions):
    times = sessions["started"]
    midnight = times.dt.floor("D")
    return pd.DataFrame({
        "facility_type": sessions["facility_type"],
        "platform": sessions["platform"],
        "weekday": times.dt.strftime("%u").astype(int) - 1,
        "hour": (times.dt.floor("min") - midnight).dt.total_seconds() / 3600,
        "manager_vehicle": sessions["manager_vehicle"] == 1,
        "distance": sessions["distance"].astype("float64"),
    })

# %% q2 wrong: Does it read df or sessions of the notebook
def q2(rows):
    return df[["hour", "weekday", "platform", "distance", "manager_vehicle", "facility_type"]]

# %% q2 wrong: a new column hour in it
def q2(rows):
    rows["hour"] = rows["started"].dt.hour + rows["started"].dt.minute / 60
    rows["weekday"] = rows["started"].dt.day_of_week
    return rows[["hour", "weekday", "platform", "distance", "manager_vehicle", "facility_type"]]

# %% q2 wrong: Filling is a decision of the model
def q2(rows):
    out = rows[["platform", "distance", "manager_vehicle", "facility_type"]].copy()
    out["distance"] = out["distance"].fillna(out["distance"].mean())
    time = rows["started"].dt
    return out.assign(hour=time.hour + time.minute / 60, weekday=time.day_of_week)

# %% q2 wrong: 13:45 is 13.75
def q2(rows):
    out = rows[["platform", "distance", "manager_vehicle", "facility_type"]]
    return out.assign(hour=rows["started"].dt.hour, weekday=rows["started"].dt.day_of_week)

# %% q2 wrong: Monday is 0
def q2(rows):
    out = rows[["platform", "distance", "manager_vehicle", "facility_type"]]
    hour = rows["started"].dt.hour + rows["started"].dt.minute / 60
    return out.assign(hour=hour, weekday=rows["started"].dt.day_of_week + 1)

# %% q2 wrong: there may be one row only
def q2(rows):
    hour = []
    for i in range(len(rows)):
        hour.append(rows["started"][i].hour + rows["started"][i].minute / 60)
    out = rows[["platform", "distance", "manager_vehicle", "facility_type"]]
    return out.assign(hour=hour, weekday=rows["started"].dt.day_of_week)

# %% q2 wrong: a loop may give nothing at all for no rows
def q2(rows):
    out = [
        {"hour": r.started.hour + r.started.minute / 60, "weekday": r.started.weekday(), "platform": r.platform,
         "distance": r.distance, "manager_vehicle": r.manager_vehicle, "facility_type": r.facility_type}
        for r in rows.itertuples()
    ]
    return pd.DataFrame(out).set_index(rows.index)

# %% q2 wrong: Was the index made anew
def q2(rows):
    out = rows.sort_values("started", ignore_index=True)
    out["hour"] = out["started"].dt.hour + out["started"].dt.minute / 60
    out["weekday"] = out["started"].dt.day_of_week
    return out[["hour", "weekday", "platform", "distance", "manager_vehicle", "facility_type"]]

# %% q2 wrong: gives None
def q2(rows):
    out = rows.copy()
    out["hour"] = out["started"].dt.hour + out["started"].dt.minute / 60
    out["weekday"] = out["started"].dt.day_of_week
    print(out[["hour", "weekday"]].head(2))

# %% q2 wrong: weekday is not there
def q2(rows):
    out = rows[["platform", "distance", "manager_vehicle", "facility_type"]]
    return out.assign(hour=rows["started"].dt.hour + rows["started"].dt.minute / 60)

# %% q2 wrong: A column more is one that a model may learn from
def q2(rows):
    time = rows["started"].dt
    return rows.assign(hour=time.hour + time.minute / 60, weekday=time.day_of_week)

# %% q2 wrong: kept between two calls
cache = {}
def q2(rows):
    if len(rows) not in cache:
        out = rows[["platform", "distance", "manager_vehicle", "facility_type"]]
        hour = rows["started"].dt.hour + rows["started"].dt.minute / 60
        cache[len(rows)] = out.assign(hour=hour, weekday=rows["started"].dt.day_of_week)
        cache[240, "calls"] = 0
    cache[240, "calls"] += 1
    return cache[len(rows)].set_axis(rows.index).assign(distance=rows["distance"] + (cache[240, "calls"] > 1))

# %% q2 wrong: a code by order of appearance
def q2(rows):
    out = rows[["distance", "manager_vehicle", "facility_type"]]
    hour = rows["started"].dt.hour + rows["started"].dt.minute / 60
    names = rows["platform"].to_list()
    return out.assign(hour=hour, weekday=rows["started"].dt.day_of_week, platform=names[:1] * len(names))

# %% q3 right: each driver by merge
def q3(sessions):
    rows = sessions.assign(row=range(len(sessions)))
    pairs = rows[["row", "driver", "started"]].merge(rows[["driver", "ended", "hours"]], on="driver")
    pairs = pairs[pairs["ended"] <= pairs["started"]]
    means = pairs.groupby("row")["hours"].mean().reindex(range(len(rows)))
    return means.set_axis(sessions.index)

# %% q3 right: sums up to the last end
def q3(sessions):
    ended = sessions.dropna(subset=["ended"]).sort_values("ended")
    mean = ended.groupby("driver")["hours"].expanding().mean().droplevel(0)
    ended = ended.assign(mean=mean)[["driver", "ended", "mean"]]
    starts = sessions[["driver", "started"]].assign(row=sessions.index).sort_values("started")
    found = pd.merge_asof(starts, ended, left_on="started", right_on="ended", by="driver")
    return found.set_index("row")["mean"].reindex(sessions.index)

# %% q3 right: apply over rows, a list
def q3(rows):
    def before(row):
        mine = rows[(rows["driver"] == row["driver"]) & (rows["ended"] <= row["started"])]
        return mine["hours"].mean() if len(mine) else None

    return [before(row) for _, row in rows.iterrows()]

# %% q3 right: in SQL, with the order kept
def q3(sessions):
    import duckdb
    rows = sessions[["driver", "started", "ended", "hours"]].reset_index(drop=True).reset_index(names="row")
    for name in ("started", "ended"):
        rows[name] = rows[name].dt.tz_localize(None)
    with duckdb.connect() as connection:
        connection.register("s", rows)
        found = connection.execute(
            "select a.row, avg(b.hours) as mean from s a left join s b on a.driver = b.driver and b.ended <= a.started "
            "group by a.row order by a.row"
        ).fetchnumpy()
    return pd.Series(np.ma.filled(found["mean"].astype(float), np.nan), index=sessions.index)

# %% q3 wrong: the later ones too
def q3(rows):
    by_driver = rows.groupby("driver")["hours"]
    return (by_driver.transform("sum") - rows["hours"]) / (by_driver.transform("count") - 1)

# %% q3 wrong: It uses later sessions
def q3(rows):
    return rows.groupby("driver")["hours"].transform("mean")

# %% q3 wrong: It looks like one that counts sessions that still run
def q3(rows):
    ordered = rows.sort_values("started")
    by_driver = ordered.groupby("driver")["hours"]
    return by_driver.transform(lambda hours: hours.shift().expanding().mean()).reindex(rows.index)

# %% q3 wrong: counts the session itself
def q3(rows):
    values = []
    for row in rows.itertuples():
        ended = (rows["driver"] == row.driver) & (rows["ended"] <= row.started)
        values.append(rows["hours"][ended | (rows.index == row.Index)].mean())
    return pd.Series(values, index=rows.index)

# %% q3 wrong: takes the sessions of all drivers
def q3(rows):
    values = [rows["hours"][rows["ended"] <= row.started].mean() for row in rows.itertuples()]
    return pd.Series(values, index=rows.index)

# %% q3 wrong: a mean of all rows knows the future
def q3(rows):
    values = []
    for row in rows.itertuples():
        earlier = (rows["driver"] == row.driver) & (rows["ended"] <= row.started)
        values.append(rows["hours"][earlier].mean())
    return pd.Series(values, index=rows.index).fillna(rows["hours"].mean())

# %% q3 wrong: 0 hours would be a very short session
def q3(rows):
    values = []
    for row in rows.itertuples():
        earlier = rows[(rows["driver"] == row.driver) & (rows["ended"] <= row.started)]
        values.append(earlier["hours"].sum() / max(len(earlier), 1))
    return pd.Series(values, index=rows.index)

# %% q3 wrong: shift, expanding and cumsum take the rows as they lie
def q3(rows):
    return rows.groupby("driver")["hours"].transform(lambda hours: hours.shift().expanding().mean())

# %% q3 wrong: leave rows with a missing ended out before you merge
def q3(rows):
    ended = rows.sort_values("ended")
    mean = ended.groupby("driver")["hours"].expanding().mean().droplevel(0)
    ended = ended.assign(mean=mean)[["driver", "ended", "mean"]]
    starts = rows[["driver", "started"]].assign(row=rows.index).sort_values("started")
    found = pd.merge_asof(starts, ended, left_on="started", right_on="ended", by="driver")
    return found.set_index("row")["mean"].reindex(rows.index)

# %% q3 wrong: Was a row left out
def q3(rows):
    values = {}
    for row in rows.itertuples():
        earlier = rows[(rows["driver"] == row.driver) & (rows["ended"] <= row.started)]
        if len(earlier):
            values[row.Index] = earlier["hours"].mean()
    return pd.Series(values)

# %% q3 wrong: Return the column itself, not a table
def q3(rows):
    return rows.groupby("driver")[["hours"]].mean()

# %% q3 wrong: a new column mean_before in it
def q3(rows):
    values = []
    for row in rows.itertuples():
        values.append(rows["hours"][(rows["driver"] == row.driver) & (rows["ended"] <= row.started)].mean())
    rows["mean_before"] = values
    return rows["mean_before"]

# %% q3 wrong: groupby driver, earlier rows only, mean of hours
def q3(rows):
    values = []
    for row in rows.itertuples():
        values.append(rows["hours"][(rows["driver"] == row.driver) & (rows["ended"] <= row.started)].median())
    return pd.Series(values, index=rows.index)

# %% q3 wrong: where its argument is meant
def q3(rows):
    return df["driver_mean"]

# %% q4 right: lists of labels
def q4(rows, start, end):
    train = [row.Index for row in rows.itertuples() if row.ended < start]
    test = [row.Index for row in rows.itertuples() if start <= row.started < end]
    return rows.loc[train], rows.loc[test]

# %% q4 right: between, and a list
def q4(sessions, start, end):
    known = sessions["ended"].lt(start)
    later = sessions["started"].between(start, end, inclusive="left")
    return [sessions.loc[known].copy(), sessions.loc[later].sort_values("started")]

# %% q4 wrong: their label is missing
def q4(rows, start, end):
    return rows[rows["started"] < start], rows[(rows["started"] >= start) & (rows["started"] < end)]

# %% q4 wrong: The session that starts exactly at start belongs to test
def q4(rows, start, end):
    return rows[rows["ended"] < start], rows[(rows["started"] > start) & (rows["started"] < end)]

# %% q4 wrong: The session that starts exactly at end does not
def q4(rows, start, end):
    return rows[rows["ended"] < start], rows[rows["started"].between(start, end)]

# %% q4 wrong: compare times, not positions
def q4(rows, start, end):
    n = int(0.8 * len(rows))
    return rows[:n], rows[n:]

# %% q4 wrong: no random split
def q4(rows, start, end):
    test = rows.sample(frac=0.2, random_state=0)
    return rows.drop(test.index), test

# %% q4 wrong: No reset_index
def q4(rows, start, end):
    train = rows[rows["ended"] < start].reset_index(drop=True)
    test = rows[(rows["started"] >= start) & (rows["started"] < end)].reset_index(drop=True)
    return train, test

# %% q4 wrong: End with: return train, test
def q4(rows, start, end):
    return {"train": rows[rows["ended"] < start], "test": rows[(rows["started"] >= start) & (rows["started"] < end)]}

# %% q4 wrong: Compare started with both times
def q4(rows, start, end):
    return rows[rows["ended"] < start], rows[rows["started"] >= start]

# %% q4 wrong: tables with all columns
def q4(rows, start, end):
    columns = ["session", "started", "hours"]
    test = (rows["started"] >= start) & (rows["started"] < end)
    return rows.loc[rows["ended"] < start, columns], rows.loc[test, columns]

# %% q4 wrong: times with a zone, UTC
def q4(rows, start, end):
    start, end = start.tz_localize(None), end.tz_localize(None)
    return rows[rows["ended"] < start], rows[(rows["started"] >= start) & (rows["started"] < end)]

# %% q4 wrong: a new column day in it
def q4(rows, start, end):
    rows["day"] = rows["started"].dt.floor("D")
    return rows[rows["ended"] < start], rows[(rows["started"] >= start) & (rows["started"] < end)]

# %% q4 wrong: Compare started with both times
def q4(rows, start, end):
    return rows[rows["ended"] < start], rows[(rows["started"] >= start) & (rows["ended"] < end)]

# %% q5 right: get_dummies kept by a class of one's own
class Kept:
    def fit(self, features, labels):
        self.mean = features[["hour", "weekday", "distance", "manager_vehicle", "mean_before"]].mean()
        self.std = features[self.mean.index].std()
        self.names = [(c, v) for c in ("platform", "facility_type") for v in sorted(features[c].unique())]
        self.model = LogisticRegression(max_iter=1000).fit(self.made(features), labels)
        return self

    def made(self, features):
        numbers = (features[self.mean.index].fillna(self.mean) - self.mean) / self.std
        return np.column_stack([numbers] + [(features[c] == v).astype(float) for c, v in self.names])

    def predict_proba(self, features):
        return self.model.predict_proba(self.made(features))


def q5(features, labels):
    return Kept().fit(features, labels)

# %% q5 right: ColumnTransformer and Pipeline, scaled before filled
def q5(features, labels):
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    numbers = ["mean_before", "distance", "hour", "weekday", "manager_vehicle"]
    columns = ColumnTransformer([
        ("cat", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["facility_type", "platform"]),
        ("num", Pipeline([("scale", StandardScaler()), ("fill", SimpleImputer(strategy="mean"))]), numbers),
    ])
    regression = LogisticRegression(max_iter=1000, solver="newton-cholesky")
    model = Pipeline([("columns", columns), ("regression", regression)])
    model.fit(features, labels)
    return model

# %% q5 wrong: the first driver with a new app
def q5(features, labels):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, ["hour", "weekday", "distance", "manager_vehicle", "mean_before"]),
        (OneHotEncoder(categories=[sorted(df[name].unique()) for name in categories]), categories),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, labels)

# %% q5 wrong: not 0 and no other constant
def q5(features, labels):
    numbers = make_pipeline(SimpleImputer(strategy="constant", fill_value=0), StandardScaler())
    columns = make_column_transformer(
        (numbers, ["hour", "weekday", "distance", "manager_vehicle", "mean_before"]),
        (OneHotEncoder(handle_unknown="ignore"), ["platform", "facility_type"]),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, labels)

# %% q5 wrong: class_weight='balanced' spoils probabilities
def q5(features, labels):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, ["hour", "weekday", "distance", "manager_vehicle", "mean_before"]),
        (OneHotEncoder(handle_unknown="ignore"), ["platform", "facility_type"]),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000, class_weight="balanced")).fit(features, labels)

# %% q5 wrong: The training rows have missing distances
def q5(features, labels):
    columns = make_column_transformer(
        (StandardScaler(), ["hour", "weekday", "distance", "manager_vehicle", "mean_before"]),
        (OneHotEncoder(handle_unknown="ignore"), ["platform", "facility_type"]),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, labels)

# %% q5 wrong: not made anew in predict
class Anew:
    def fit(self, features, labels):
        self.columns = pd.get_dummies(features, columns=["platform", "facility_type"]).columns
        self.model = LogisticRegression(max_iter=1000).fit(self.made(features), labels)
        return self

    def made(self, features):
        wide = pd.get_dummies(features, columns=["platform", "facility_type"])
        wide = wide.reindex(columns=self.columns, fill_value=0)
        return StandardScaler().fit_transform(wide.fillna(wide.mean()).fillna(0).astype(float))

    def predict_proba(self, features):
        return self.model.predict_proba(self.made(features))


def q5(features, labels):
    return Anew().fit(features, labels)

# %% q5 wrong: Choose columns by their names in predict, too
class ByPlace:
    def fit(self, features, labels):
        self.model = make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(), StandardScaler()), [0, 1, 3, 4, 6]),
                (OneHotEncoder(handle_unknown="ignore"), [2, 5]),
            ),
            LogisticRegression(max_iter=1000),
        ).fit(self.made(features), labels)
        return self

    def made(self, features):
        return features.to_numpy(dtype=object)

    def predict_proba(self, features):
        return self.model.predict_proba(self.made(features))


def q5(features, labels):
    return ByPlace().fit(features, labels)

# %% q5 wrong: Return the pipeline itself
def q5(features, labels):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, ["hour", "weekday", "distance", "manager_vehicle", "mean_before"]),
        (OneHotEncoder(handle_unknown="ignore"), ["platform", "facility_type"]),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, labels).predict_proba(features)[:, 1]

# %% q5 wrong: LogisticRegression(max_iter=1000) of scikit-learn
def q5(features, labels):
    from sklearn.dummy import DummyClassifier
    return DummyClassifier().fit(features, labels)

# %% q5 wrong: Only 0 and 1: probabilities are meant
def q5(features, labels):
    from sklearn.tree import DecisionTreeClassifier
    columns = make_column_transformer(
        (SimpleImputer(), ["hour", "weekday", "distance", "manager_vehicle", "mean_before"]),
        (OneHotEncoder(handle_unknown="ignore"), ["platform", "facility_type"]),
    )
    return make_pipeline(columns, DecisionTreeClassifier(random_state=0)).fit(features, labels)

# %% q5 wrong: drawn at random without a seed
def q5(features, labels):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, ["hour", "weekday", "distance", "manager_vehicle", "mean_before"]),
        (OneHotEncoder(handle_unknown="ignore"), ["platform", "facility_type"]),
    )
    part = features.sample(frac=0.9)
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(part, labels[part.index])

# %% q5 wrong: a new column platform_ios
def q5(features, labels):
    features["platform_ios"] = features["platform"] == "ios"
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, ["hour", "weekday", "distance", "manager_vehicle", "mean_before"]),
        (OneHotEncoder(handle_unknown="ignore"), ["platform", "facility_type"]),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, labels)

# %% q6 right: small tables, plain asserts, one for each fear
def q6(mean_before):
    def table(*rows):
        made = pd.DataFrame(rows, columns=["driver", "started", "ended"])
        for name in ("started", "ended"):
            made[name] = pd.to_datetime("2015-05-04 " + made[name] + "Z")
        made["hours"] = (made["ended"] - made["started"]).dt.total_seconds() / 3600
        return made.set_index(pd.Index(list("zyxwv")[: len(made)]))

    rows = table(("a", "12:00", "13:00"), ("a", "08:00", "10:00"), ("a", "09:00", "12:30"), ("b", "11:00", "14:00"))
    kept = rows.copy()
    found = mean_before(rows)
    assert list(found.index) == list(kept.index)
    assert abs(found["z"] - 2) < 1e-6
    assert found[["y", "x", "w"]].isna().all()
    assert rows.equals(kept)

# %% q6 right: real sessions, the future taken away, another order
def q6(history):
    day = pd.Timestamp("2015-06-01T00:00Z")
    hours = pd.Series([9.0, 1.0, 2.0])
    rows = pd.DataFrame({"driver": 5, "started": day + pd.to_timedelta([0, 1, 3], unit="h"), "hours": hours})
    assert np.allclose(history(rows.assign(ended=rows["started"] + pd.to_timedelta(hours, unit="h")))[2], 1)

    rows = prototype.some(7, 120)[::-1]
    given = rows.copy()
    found = history(given)
    assert given.equals(rows)
    assert found.index.equals(rows.index)
    pd.testing.assert_series_equal(history(rows[::-1].copy())[::-1], found, check_names=False)
    assert found[~rows["driver"].duplicated(keep="last")].isna().all()
    for at in range(20, 120, 10):
        then = prototype.at(rows["started"][at], rows)
        then.loc[at, "hours"] = 99.0
        assert np.allclose(history(then.copy()), found[then.index], equal_nan=True)
    lonely = rows[rows["driver"] == rows["driver"][0]]
    assert np.allclose(history(lonely.copy()), found[lonely.index], equal_nan=True)

# %% q6 right: another implementation as the judge, values only
def q6(mean_before):
    rows = sessions.sample(150, random_state=1)
    expected = [
        rows["hours"][(rows["driver"] == r.driver) & (rows["ended"] <= r.started)].mean() for r in rows.itertuples()
    ]
    given = rows.copy()
    np.testing.assert_allclose(mean_before(given).loc[rows.index], expected)
    assert given.equals(rows)

# %% q6 wrong: one that takes the mean of the driver's other sessions
def q6(mean_before):
    found = mean_before(sessions.head(50))
    assert len(found) == 50

# %% q6 wrong: green
def q6(mean_before):
    pass

# %% q6 wrong: the name of the Series
def q6(mean_before):
    rows = sessions.sample(100, random_state=1)
    pd.testing.assert_series_equal(mean_before(rows), prototype.mean_before(rows).rename("mean_before"))

# %% q6 wrong: exact equality of floats
def q6(mean_before):
    rows = sessions.sample(100, random_state=1)
    kept = rows.copy()
    assert mean_before(rows).equals(prototype.mean_before(kept))
    assert rows.equals(kept)

# %% q6 wrong: A test that returns False is green
def q6(mean_before):
    rows = sessions.sample(100, random_state=1)
    kept = rows.copy()
    return np.allclose(mean_before(rows), prototype.mean_before(kept), equal_nan=True) and rows.equals(kept)

# %% q6 wrong: in another order than that of time
def q6(mean_before):
    rows = prototype.some(7)
    kept = rows.copy()
    assert np.allclose(mean_before(rows), prototype.mean_before(kept), equal_nan=True)
    assert rows.equals(kept)

# %% q6 wrong: Keep a copy before you call it
def q6(mean_before):
    rows = sessions.sample(100, random_state=1)
    expected = prototype.mean_before(rows)
    pd.testing.assert_series_equal(mean_before(rows), expected, check_names=False)

# %% q6 wrong: A comparison with NaN is never true
def q6(mean_before):
    rows = sessions.sample(100, random_state=1)
    kept = rows.copy()
    found = mean_before(rows)
    expected = prototype.mean_before(kept)
    for label in rows.index[expected.notna()]:
        assert abs(found[label] - expected[label]) < 1e-6
    assert rows.equals(kept)

# %% q6 wrong: one that still runs
def q6(mean_before):
    day = pd.Timestamp("2015-03-02", tz="UTC")
    starts = [day + pd.Timedelta(days=days) for days in (2, 0, 1, 1)]
    rows = pd.DataFrame({"driver": [1, 1, 2, 1], "started": starts, "hours": [1.0, 2.0, 9.0, 4.0]}, index=[9, 4, 5, 2])
    rows["ended"] = rows["started"] + pd.to_timedelta(rows["hours"], unit="h")
    kept = rows.copy()
    found = mean_before(rows)
    pd.testing.assert_series_equal(found, pd.Series([3.0, np.nan, np.nan, 2.0], rows.index), check_names=False)
    pd.testing.assert_frame_equal(rows, kept)

# %% q6 wrong: First make it green for right ones
def q6(mean_before):
    raise AssertionError("wrong")

# %% q6 wrong: NaN == NaN (never true)
def q6(mean_before):
    rows = sessions.sample(100, random_state=1)
    assert (mean_before(rows.copy()).round(6) == prototype.mean_before(rows).round(6)).all()

# %% q6 wrong: do not call it
q6 = prototype.mean_before(sessions.head(20)).isna().all()

# %% q7 right: a table of both, by session
def q7(old, new):
    both = pd.concat([old.rename("a").reset_index(), new.rename("b").reset_index().set_axis(["session", "b"], axis=1)])
    counts = both.groupby("session")[["a", "b"]].agg(["size", "count", "sum"])
    bad = (counts["a"]["count"] != 1) | (counts["b"]["count"] != 1)
    bad |= (counts["a"]["sum"] - counts["b"]["sum"]).abs() > 1e-5
    bad |= ~counts["a"]["sum"].between(0, 1) | ~counts["b"]["sum"].between(0, 1)
    if len(counts) == 0:
        return False, "nothing to compare"
    return not bad.any(), f"sessions that differ: {counts.index[bad].tolist()[:5]}"

# %% q7 right: a loop over dictionaries
def q7(old, new):
    before, after = dict(zip(old.index, old)), dict(zip(new.index, new))
    if not before or len(after) != len(new):
        twice = [name for name in after if list(new.index).count(name) > 1]
        return False, f"nothing to compare, or doubled: {twice[:3]}"
    for name in before | after:
        a, b = before.get(name, -1), after.get(name, -1)
        if not (0 <= a <= 1 and 0 <= b <= 1 and abs(a - b) < 2e-6):
            return False, f"session {name}: {a} was, {b} is"
    return True, "all equal"

# %% q7 right: numpy, with a numpy bool
def q7(old, new):
    old, new = old.sort_index(), new.sort_index()
    if not len(old) or len(old) != len(new) or (old.index != new.index).any():
        odd = old.index.symmetric_difference(new.index)
        return np.False_, f"other sessions: {list(odd[:4])}"
    good = np.isclose(old, new, rtol=0, atol=1e-5) & (new >= 0) & (new <= 1)
    return good.all(), "wrong: " + ", ".join(map(str, old.index[~good][:4]))

# %% q7 wrong: A mean hides one row
def q7(old, new):
    off = (old - new.reindex(old.index)).abs().mean()
    return bool(off < 1e-5), f"mean difference {off}"

# %% q7 wrong: errors of both signs
def q7(old, new):
    if set(old.index) != set(new.index) or not new.index.is_unique:
        return False, f"other sessions: {set(old.index) ^ set(new.index)}"
    off = old.sub(new).mean()
    return bool(abs(off) < 1e-7), f"mean difference {off}"

# %% q7 wrong: rows in another order
def q7(old, new):
    off = np.abs(old.to_numpy() - new.to_numpy())
    return bool(off.max() <= 1e-6), f"largest difference {off.max()}"

# %% q7 wrong: noise of 9e-7
def q7(old, new):
    return old.equals(new), "equal" if old.equals(new) else "not equal"

# %% q7 wrong: lets it pass
def q7(old, new):
    if old.empty or not new.index.is_unique or set(old.index) != set(new.index):
        return False, f"other sessions: {set(old.index) ^ set(new.index)}"
    off = (old - new.reindex(old.index)).abs()
    wrong = off[off > 1e-6]
    return bool(wrong.empty), f"wrong: {wrong.index[:3].tolist()}"

# %% q7 wrong: Somebody must look at it
def q7(old, new):
    if old.empty or not new.index.is_unique or set(old.index) != set(new.index):
        return False, "not the same sessions"
    off = (old - new.reindex(old.index)).abs()
    good = (off <= 1e-6) & new.reindex(old.index).between(0, 1)
    return bool(good.all()), f"{(~good).sum()} sessions differ"

# %% q7 wrong: it does not stop with an error
def q7(old, new):
    pd.testing.assert_series_equal(old.sort_index(), new.sort_index(), check_names=False)
    return True, "equal"

# %% q7 wrong: End with: return passed, evidence
def q7(old, new):
    off = (old - new.reindex(old.index)).abs()
    return bool(off.max() <= 1e-6)

# %% q7 wrong: same ones, each once, and not none
def q7(old, new):
    both = pd.concat([old.rename("old"), new[~new.index.duplicated()].rename("new")], axis=1, join="inner")
    wrong = both[~((both["old"] - both["new"]).abs() <= 1e-6) | ~both["new"].between(0, 1)]
    return bool(wrong.empty), f"wrong: {wrong.index[:3].tolist()}"

# %% q7 wrong: when nothing was compared
def q7(old, new):
    if not new.index.is_unique or set(old.index) != set(new.index):
        return False, f"other sessions: {set(old.index) ^ set(new.index)}"
    both = new.reindex(old.index)
    good = ((old - both).abs() <= 1e-6) & both.between(0, 1)
    return bool(good.all()), f"wrong: {good.index[~good][:3].tolist()}"

# %% q7 wrong: text, also when it passes
def q7(old, new):
    new = new.reindex(old.index)
    wrong = old.index[~((old - new).abs() <= 1e-6)]
    return len(wrong) == 0, wrong
