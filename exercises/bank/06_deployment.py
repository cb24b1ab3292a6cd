"""Answers to exercise 06: right ones that differ from the solution, and wrong ones with words of the message meant."""

# %% q1 right: by way of pandas
def q1(rows, fields):
    return '{"rows": ' + rows[fields].to_json(orient="records", date_format="iso") + "}"

# %% q1 right: row by row, missing ones left out, bytes
def q1(table, names):
    found = []
    for values in table[names].itertuples(index=False):
        row = {}
        for name, value in zip(names, values):
            if pd.isna(value):
                continue
            if isinstance(value, pd.Timestamp):
                value = value.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
            row[name] = value.item() if hasattr(value, "item") else value
        found.append(row)
    return json.dumps({"rows": found}).encode()

# %% q1 right: a default for what json does not know
def q1(rows, fields):
    def plain(value):
        return value.isoformat() if isinstance(value, pd.Timestamp) else value.item()

    records = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in rows[fields].to_dict("records")]
    return json.dumps({"rows": records}, default=plain, indent=1)

# %% q1 wrong: JSON knows no NaN
def q1(rows, fields):
    table = rows[fields].assign(as_of=[moment.isoformat() for moment in rows["as_of"]])
    return json.dumps({"rows": table.to_dict("records")})

# %% q1 wrong: No weather is not 0 degrees
def q1(rows, fields):
    table = rows[fields].assign(as_of=[moment.isoformat() for moment in rows["as_of"]])
    table["manufacturer"] = table["manufacturer"].astype(object).where(table["manufacturer"].notna(), None)
    return json.dumps({"rows": table.fillna({name: 0 for name in fields if name != "manufacturer"}).to_dict("records")})

# %% q1 wrong: A number of milliseconds, or a time without zone
def q1(rows, fields):
    table = rows[fields].astype(object)
    table["as_of"] = [int(moment.timestamp() * 1000) for moment in rows["as_of"]]
    return json.dumps({"rows": table.where(table.notna(), None).to_dict("records")})

# %% q1 wrong: Z means UTC
def q1(rows, fields):
    table = rows[fields].astype(object)
    table["as_of"] = rows["as_of"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"rows": table.where(table.notna(), None).to_dict("records")})

# %% q1 wrong: It has lost its zone
def q1(rows, fields):
    table = rows[fields].astype(object)
    table["as_of"] = rows["as_of"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    return json.dumps({"rows": table.where(table.notna(), None).to_dict("records")})

# %% q1 wrong: what is known only later
def q1(rows, fields):
    return '{"rows": ' + rows.to_json(orient="records", date_format="iso") + "}"

# %% q1 wrong: make text of everything
def q1(rows, fields):
    table = rows[fields].astype(object)
    table["as_of"] = [moment.isoformat() for moment in rows["as_of"]]
    return json.dumps({"rows": table.astype(str).where(table.notna(), None).to_dict("records")})

# %% q1 wrong: dropna loses rows
def q1(rows, fields):
    return '{"rows": ' + rows[fields].dropna().to_json(orient="records", date_format="iso") + "}"

# %% q1 wrong: put it into {"rows": …}
def q1(rows, fields):
    return rows[fields].to_json(orient="records", date_format="iso")

# %% q1 wrong: json.dumps makes the text
def q1(rows, fields):
    return {"rows": rows[fields].to_dict("records")}

# %% q1 wrong: str(…) of a dictionary is Python
def q1(rows, fields):
    return str({"rows": json.loads(rows[fields].to_json(orient="records", date_format="iso"))})

# %% q1 wrong: The caller still needs it
def q1(rows, fields):
    rows["as_of"] = [moment.isoformat() for moment in rows["as_of"]]
    table = rows[fields].astype(object)
    return json.dumps({"rows": table.where(table.notna(), None).to_dict("records")})

# %% q1 wrong: is its zero taken for false
def q1(rows, fields):
    table = json.loads(rows[fields].to_json(orient="records", date_format="iso"))
    return json.dumps({"rows": [{name: value or None for name, value in row.items()} for row in table]})

# %% q1 wrong: Was it rounded
def q1(rows, fields):
    numbers = rows[fields].select_dtypes("number").round(0)
    return '{"rows": ' + rows[fields].assign(**numbers).to_json(orient="records", date_format="iso") + "}"

# %% q2 right: sorted and counted by hand
def q2(requests):
    def rank(values, percent):
        ordered = sorted(values)
        return ordered[math.ceil(percent * len(ordered) / 100) - 1] if ordered else None

    good = [row for row in requests.itertuples() if row.status == 200]
    took = [1000 * (row.done - row.sent) for row in good]
    return {
        "p50": rank(took, 50),
        "p99": rank(took, 99),
        "p99_planned": rank([1000 * (row.done - row.planned) for row in good], 99),
        "throughput": len(good) / (max(requests["done"]) - min(requests["sent"])),
        "errors": (len(requests) - len(good)) / len(requests),
    }

# %% q2 right: a Series, NaN for none
def q2(requests):
    success = requests["status"].eq(200)
    good = requests[success]
    table = pd.DataFrame({"sent": good["done"] - good["sent"], "planned": good["done"] - good["planned"]}) * 1e3

    def at(name, q):
        ordered = np.sort(table[name].to_numpy())
        position = np.searchsorted(np.arange(1, len(ordered) + 1) / max(len(ordered), 1), q)
        return ordered[position] if len(ordered) else np.nan

    return pd.Series(
        {
            "throughput": success.sum() / np.ptp(requests[["sent", "done"]].to_numpy()),
            "errors": (~success).mean(),
            "p50": at("sent", 0.5),
            "p99": at("sent", 0.99),
            "p99_planned": at("planned", 0.99),
        }
    )

# %% q2 wrong: Between two measured latencies is nothing
def q2(requests):
    good = requests[requests["status"] == 200]
    took, planned = (good["done"] - good["sent"]) * 1000, (good["done"] - good["planned"]) * 1000
    return {
        "throughput": len(good) / (requests["done"].max() - requests["sent"].min()),
        "errors": (requests["status"] != 200).mean(),
        "p50": took.quantile(0.5), "p99": took.quantile(0.99), "p99_planned": planned.quantile(0.99),
    }

# %% q2 wrong: the table has seconds
def q2(requests):
    good = requests[requests["status"] == 200]
    took, planned = good["done"] - good["sent"], good["done"] - good["planned"]
    p = lambda values, q: np.percentile(values, q, method="inverted_cdf") if len(values) else None
    return {
        "throughput": len(good) / (requests["done"].max() - requests["sent"].min()),
        "errors": (requests["status"] != 200).mean(),
        "p50": p(took, 50), "p99": p(took, 99), "p99_planned": p(planned, 99),
    }

# %% q2 wrong: an error comes at once
def q2(requests):
    good = requests[requests["status"] == 200]
    took, planned = 1000 * (requests["done"] - requests["sent"]), 1000 * (requests["done"] - requests["planned"])
    p = lambda values, q: np.percentile(values, q, method="inverted_cdf") if len(good) else None
    return {
        "throughput": len(good) / (requests["done"].max() - requests["sent"].min()),
        "errors": (requests["status"] != 200).mean(),
        "p50": p(took, 50), "p99": p(took, 99), "p99_planned": p(planned, 99),
    }

# %% q2 wrong: coordinated omission
def q2(requests):
    good = requests[requests["status"] == 200]
    took = 1000 * (good["done"] - good["sent"])
    p = lambda values, q: np.percentile(values, q, method="inverted_cdf") if len(values) else None
    return {
        "throughput": len(good) / (requests["done"].max() - requests["sent"].min()),
        "errors": (requests["status"] != 200).mean(),
        "p50": p(took, 50), "p99": p(took, 99), "p99_planned": p(took, 99),
    }

# %% q2 wrong: An error is no work done
def q2(requests):
    good = requests[requests["status"] == 200]
    took, planned = 1000 * (good["done"] - good["sent"]), 1000 * (good["done"] - good["planned"])
    p = lambda values, q: np.percentile(values, q, method="inverted_cdf") if len(values) else None
    return {
        "throughput": len(requests) / (requests["done"].max() - requests["sent"].min()),
        "errors": (requests["status"] != 200).mean(),
        "p50": p(took, 50), "p99": p(took, 99), "p99_planned": p(planned, 99),
    }

# %% q2 wrong: not a percentage
def q2(requests):
    good = requests[requests["status"] == 200]
    took, planned = 1000 * (good["done"] - good["sent"]), 1000 * (good["done"] - good["planned"])
    p = lambda values, q: np.percentile(values, q, method="inverted_cdf") if len(values) else None
    return {
        "throughput": len(good) / (requests["done"].max() - requests["sent"].min()),
        "errors": 100 * (requests["status"] != 200).mean(),
        "p50": p(took, 50), "p99": p(took, 99), "p99_planned": p(planned, 99),
    }

# %% q2 wrong: There are other errors besides 503
def q2(requests):
    good = requests[requests["status"] != 503]
    took, planned = 1000 * (good["done"] - good["sent"]), 1000 * (good["done"] - good["planned"])
    p = lambda values, q: np.percentile(values, q, method="inverted_cdf") if len(values) else None
    return {
        "throughput": len(good) / (requests["done"].max() - requests["sent"].min()),
        "errors": (requests["status"] == 503).mean(),
        "p50": p(took, 50), "p99": p(took, 99), "p99_planned": p(planned, 99),
    }

# %% q2 wrong: The rows are in no order
def q2(requests):
    good = requests[requests["status"] == 200]
    took, planned = 1000 * (good["done"] - good["sent"]), 1000 * (good["done"] - good["planned"])
    p = lambda values, q: np.percentile(values, q, method="inverted_cdf") if len(values) else None
    return {
        "throughput": len(good) / (requests["done"].iloc[-1] - requests["sent"].iloc[0]),
        "errors": (requests["status"] != 200).mean(),
        "p50": p(took, 50), "p99": p(took, 99), "p99_planned": p(planned, 99),
    }

# %% q2 wrong: There is no latency of no success
def q2(requests):
    good = requests[requests["status"] == 200]
    took, planned = 1000 * (good["done"] - good["sent"]), 1000 * (good["done"] - good["planned"])
    p = lambda values, q: np.percentile(values, q, method="inverted_cdf") if len(values) else 0
    return {
        "throughput": len(good) / (requests["done"].max() - requests["sent"].min()),
        "errors": (requests["status"] != 200).mean(),
        "p50": p(took, 50), "p99": p(took, 99), "p99_planned": p(planned, 99),
    }

# %% q2 wrong: A mean hides the few that wait
def q2(requests):
    good = requests[requests["status"] == 200]
    took, planned = 1000 * (good["done"] - good["sent"]), 1000 * (good["done"] - good["planned"])
    return {
        "throughput": len(good) / (requests["done"].max() - requests["sent"].min()),
        "errors": (requests["status"] != 200).mean(),
        "p50": took.mean(), "p99": took.max(), "p99_planned": planned.max(),
    }

# %% q2 wrong: Names as in the question
def q2(requests):
    good = requests[requests["status"] == 200]
    return {"throughput": len(good) / (requests["done"].max() - requests["sent"].min()), "p50": None}

# %% q3 right: a dictionary of sorted prices, plain loops
def q3(sessions, prices, load):
    import bisect

    history = {}
    ordered = prices.sort_values("since")
    for site, since, price in zip(ordered["site"], ordered["since"], ordered["price"]):
        history.setdefault(site, ([], []))
        history[site][0].append(since)
        history[site][1].append(price)
    found = []
    for site, started in zip(sessions["site"], sessions["started"]):
        since, values = history.get(site, ([], []))
        place = bisect.bisect_right(since, started)
        found.append(values[place - 1] if place else np.nan)
    table = pd.DataFrame({"hours": sessions["hours"].to_numpy(), "price": found})
    usable = table.dropna()
    result = pd.Series(np.nan, index=table.index)
    if len(usable):
        result[usable.index] = load().predict(usable)
    return result

# %% q3 right: every pair of a site, the newest kept
def q3(sessions, prices, load):
    left = sessions.reset_index(drop=True).reset_index(names="place")
    pairs = left.merge(prices, on="site")
    pairs = pairs[pairs["since"] <= pairs["started"]].sort_values("since").drop_duplicates("place", keep="last")
    pairs = pairs.dropna(subset=["hours"])
    answers = [float("nan")] * len(sessions)
    if not pairs.empty:
        for place, answer in zip(pairs["place"].tolist(), load().predict(pairs).tolist()):
            answers[place] = answer
    return tuple(answers)

# %% q3 right: merge_asof, put back by its index
def q3(sessions, prices, load):
    numbered = sessions.reset_index(drop=True)
    ordered = numbered.sort_values("started").reset_index()
    found = pd.merge_asof(ordered, prices.sort_values("since"), left_on="started", right_on="since", by="site")
    found = found.set_index("index")
    good = found[found["hours"].notna() & found["price"].notna()]
    answers = pd.Series(np.nan, index=numbered.index, dtype=float)
    if not good.empty:
        model = load()
        answers.loc[good.index] = model.predict(good[["hours", "price"]])
    return answers.to_numpy()

# %% q3 right: site by site
def q3(sessions, prices, load):
    found = np.full(len(sessions), np.nan)
    history = prices.sort_values("since")
    for site in sessions["site"].unique():
        here = (sessions["site"] == site).to_numpy()
        known = history[history["site"] == site]
        place = known["since"].searchsorted(sessions.loc[here, "started"], side="right") - 1
        found[here] = np.append(known["price"].to_numpy(), np.nan)[place]
    table = pd.DataFrame({"price": found, "hours": sessions["hours"].to_numpy()}).dropna()
    answers = np.full(len(sessions), np.nan)
    if len(table) > 0:
        answers[table.index] = load().predict(table)
    return list(answers)

# %% q3 wrong: load before the loop
def q3(sessions, prices, load):
    return slow(sessions, prices, load)

# %% q3 wrong: A call costs the same for one row and for a thousand
def q3(sessions, prices, load):
    model = load()
    return slow(sessions, prices, lambda: model)

# %% q3 wrong: for each row: one join
def q3(sessions, prices, load):
    ordered = prices.sort_values("since")
    found = []
    for _, session in sessions.iterrows():
        valid = ordered[(ordered["site"] == session["site"]) & (ordered["since"] <= session["started"])]
        found.append(np.nan if valid.empty else valid["price"].iloc[-1])
    table = pd.DataFrame({"hours": sessions["hours"].to_numpy(), "price": found})
    usable = table.notna().all(axis=1).to_numpy()
    answers = np.full(len(table), np.nan)
    if usable.any():
        answers[usable] = load().predict(table[usable])
    return answers

# %% q3 wrong: their order is not
def q3(sessions, prices, load):
    table = pd.merge_asof(
        sessions.sort_values("started"), prices.sort_values("since"), left_on="started", right_on="since", by="site"
    )
    answers = np.full(len(table), np.nan)
    usable = (table["hours"].notna() & table["price"].notna()).to_numpy()
    if usable.any():
        answers[usable] = load().predict(table[usable])
    return answers

# %% q3 wrong: not the newest of today
def q3(sessions, prices, load):
    newest = prices.sort_values("since").drop_duplicates("site", keep="last")
    table = sessions.merge(newest, on="site", how="left")
    answers = np.full(len(table), np.nan)
    usable = (table["hours"].notna() & table["price"].notna()).to_numpy()
    if usable.any():
        answers[usable] = load().predict(table[usable])
    return answers

# %% q3 wrong: An inner join loses sessions
def q3(sessions, prices, load):
    table = sessions.merge(prices, on="site")
    table = table[table["since"] <= table["started"]].dropna()
    return load().predict(table) if len(table) else []

# %% q3 wrong: Valid from its first moment
def q3(sessions, prices, load):
    numbered = sessions.assign(place=range(len(sessions))).sort_values("started")
    table = pd.merge_asof(
        numbered, prices.sort_values("since"), left_on="started", right_on="since", by="site", allow_exact_matches=False
    ).sort_values("place")
    answers = np.full(len(table), np.nan)
    usable = (table["hours"].notna() & table["price"].notna()).to_numpy()
    if usable.any():
        answers[usable] = load().predict(table[usable])
    return answers

# %% q3 wrong: neither the nearest nor a later one
def q3(sessions, prices, load):
    numbered = sessions.assign(place=range(len(sessions))).sort_values("started")
    table = pd.merge_asof(
        numbered, prices.sort_values("since"), left_on="started", right_on="since", by="site", direction="nearest"
    ).sort_values("place")
    answers = np.full(len(table), np.nan)
    usable = (table["hours"].notna() & table["price"].notna()).to_numpy()
    if usable.any():
        answers[usable] = load().predict(table[usable])
    return answers

# %% q3 wrong: Hours that are missing are not 0
def q3(sessions, prices, load):
    numbered = sessions.assign(place=range(len(sessions)), hours=sessions["hours"].fillna(0)).sort_values("started")
    table = pd.merge_asof(
        numbered, prices.sort_values("since"), left_on="started", right_on="since", by="site"
    ).sort_values("place")
    answers = np.full(len(table), np.nan)
    usable = table["price"].notna().to_numpy()
    if usable.any():
        answers[usable] = load().predict(table[usable])
    return answers

# %% q3 wrong: The model refuses a call without rows
def q3(sessions, prices, load):
    numbered = sessions.assign(place=range(len(sessions))).sort_values("started")
    table = pd.merge_asof(
        numbered, prices.sort_values("since"), left_on="started", right_on="since", by="site"
    ).sort_values("place")
    answers = np.full(len(table), np.nan)
    usable = (table["hours"].notna() & table["price"].notna()).to_numpy()
    answers[usable] = load().predict(table[usable])
    return answers

# %% q3 wrong: predict was called with missing values
def q3(sessions, prices, load):
    numbered = sessions.assign(place=range(len(sessions))).sort_values("started")
    table = pd.merge_asof(numbered, prices.sort_values("since"), left_on="started", right_on="since", by="site")
    return load().predict(table.sort_values("place"))

# %% q4 right: itertools
def q4(batches, predict, write, size):
    import itertools

    rows = itertools.chain.from_iterable(batches)
    total = 0
    while pack := list(itertools.islice(rows, size)):
        write(list(zip([row["key"] for row in pack], predict(pack))))
        total += len(pack)
    return total

# %% q4 right: row by row
def q4(batches, predict, write, size):
    pack, count = [], 0
    for batch in batches:
        for row in batch:
            pack.append(row)
            count += 1
            if len(pack) == size:
                write((kept["key"], answer) for kept, answer in zip(pack, predict(pack)))
                pack = []
    if pack:
        write((kept["key"], answer) for kept, answer in zip(pack, predict(pack)))
    return count

# %% q4 right: a deque and a generator of packs
def q4(batches, predict, write, size):
    from collections import deque

    def packs():
        waiting = deque()
        for batch in batches:
            waiting.extend(batch)
            while len(waiting) >= size:
                yield [waiting.popleft() for _ in range(size)]
        if waiting:
            yield list(waiting)

    written = 0
    for pack in packs():
        answers = predict(pack)
        write([(pack[i]["key"], answers[i]) for i in range(len(pack))])
        written += len(pack)
    return written

# %% q4 wrong: A list of all batches
def q4(batches, predict, write, size):
    rows = [row for batch in batches for row in batch]
    for begin in range(0, len(rows), size):
        pack = rows[begin : begin + size]
        write([(row["key"], answer) for row, answer in zip(pack, predict(pack))])
    return len(rows)

# %% q4 wrong: or of all answers
def q4(batches, predict, write, size):
    waiting, answers = [], []
    for batch in batches:
        waiting += batch
        while len(waiting) >= size:
            pack, waiting = waiting[:size], waiting[size:]
            answers += [(row["key"], answer) for row, answer in zip(pack, predict(pack))]
    if waiting:
        answers += [(row["key"], answer) for row, answer in zip(waiting, predict(waiting))]
    write(answers)
    return len(answers)

# %% q4 wrong: What is left when the stream ends
def q4(batches, predict, write, size):
    waiting, count = [], 0
    for batch in batches:
        waiting += batch
        while len(waiting) >= size:
            pack, waiting = waiting[:size], waiting[size:]
            write([(row["key"], answer) for row, answer in zip(pack, predict(pack))])
            count += size
    return count

# %% q4 wrong: Batches and packs have different sizes
def q4(batches, predict, write, size):
    count = 0
    for batch in batches:
        for begin in range(0, len(batch), size):
            pack = batch[begin : begin + size]
            write([(row["key"], answer) for row, answer in zip(pack, predict(pack))])
            count += len(pack)
    return count

# %% q4 wrong: A rest of 0 rows is no pack
def q4(batches, predict, write, size):
    waiting, count = [], 0
    for batch in batches:
        waiting += batch
        while len(waiting) >= size:
            pack, waiting = waiting[:size], waiting[size:]
            write([(row["key"], answer) for row, answer in zip(pack, predict(pack))])
            count += size
    write([(row["key"], answer) for row, answer in zip(waiting, predict(waiting))])
    return count + len(waiting)

# %% q4 wrong: Rows that are written must be forgotten
def q4(batches, predict, write, size):
    rows, done = [], 0
    for batch in batches:
        rows += batch
        while len(rows) - done >= size:
            pack = rows[done : done + size]
            write([(row["key"], answer) for row, answer in zip(pack, predict(pack))])
            done += size
    if rows[done:]:
        write([(row["key"], answer) for row, answer in zip(rows[done:], predict(rows[done:]))])
    return len(rows)

# %% q4 wrong: An error that is caught and not told
def q4(batches, predict, write, size):
    waiting, count = [], 0
    try:
        for batch in batches:
            waiting += batch
            while len(waiting) >= size:
                pack, waiting = waiting[:size], waiting[size:]
                write([(row["key"], answer) for row, answer in zip(pack, predict(pack))])
                count += size
    except Exception:
        pass
    if waiting:
        write([(row["key"], answer) for row, answer in zip(waiting, predict(waiting))])
    return count + len(waiting)

# %% q4 wrong: What is written is left behind
def q4(batches, predict, write, size):
    waiting, count = [], 0
    for batch in batches:
        waiting += batch
        if len(waiting) >= size:
            pack = waiting[:size]
            write([(row["key"], answer) for row, answer in zip(pack, predict(pack))])
            count += size
            waiting = []
    if waiting:
        write([(row["key"], answer) for row, answer in zip(waiting, predict(waiting))])
    return count + len(waiting)

# %% q4 wrong: Add up what is written
def q4(batches, predict, write, size):
    waiting = []
    for batch in batches:
        waiting += batch
        while len(waiting) >= size:
            pack, waiting = waiting[:size], waiting[size:]
            write([(row["key"], answer) for row, answer in zip(pack, predict(pack))])
    if waiting:
        write([(row["key"], answer) for row, answer in zip(waiting, predict(waiting))])

# %% q4 wrong: First in, first out
def q4(batches, predict, write, size):
    waiting, count = [], 0
    for batch in batches:
        waiting += batch
        while len(waiting) >= size:
            pack = [waiting.pop() for _ in range(size)]
            write([(row["key"], answer) for row, answer in zip(pack, predict(pack))])
            count += size
    if waiting:
        write([(row["key"], answer) for row, answer in zip(waiting, predict(waiting))])
    return count + len(waiting)

# %% q5 right: pauses with an addition by chance
def q5(send, sleep, row, usual):
    import random

    key, pause, tries = uuid.uuid4().hex, 0.1, 0
    while True:
        tries += 1
        try:
            status, content = send(row, key=key, timeout=2)
        except TimeoutError:
            status = None
        if status == 200:
            return content["probability"], "model"
        if status not in (None, 429, 503):
            raise ValueError(content)
        if tries == 4:
            return usual, "fallback"
        sleep(pause * random.uniform(1, 2))
        pause *= 2

# %% q5 right: one function for a try, a list of pauses
def q5(send, sleep, row, usual):
    key = "request-" + str(uuid.uuid1())

    def once():
        try:
            return send(dict(row), key=key, timeout=0.5)
        except TimeoutError:
            return 503, None

    for pause in (0, 0.1, 0.2, 0.4):
        if pause:
            sleep(pause)
        status, content = once()
        if status == 200:
            return [content["probability"], "model"]
        if status != 503 and status != 429:
            raise ValueError(f"the service refuses the row: {status}")
    return [usual, "fallback"]

# %% q5 wrong: a fault of the program for a bad network
def q5(send, sleep, row, usual):
    key = str(uuid.uuid4())
    for number in range(4):
        if number:
            sleep(0.1 * 2 ** (number - 1))
        try:
            status, content = send(row, key=key, timeout=1)
        except Exception:
            continue
        if status == 200:
            return content["probability"], "model"
        if status not in (429, 503):
            raise ValueError(content)
    return usual, "fallback"

# %% q5 wrong: is the same at the next try
def q5(send, sleep, row, usual):
    key = str(uuid.uuid4())
    for number in range(4):
        if number:
            sleep(0.1 * 2 ** (number - 1))
        try:
            status, content = send(row, key=key, timeout=1)
        except TimeoutError:
            continue
        if status == 200:
            return content["probability"], "model"
    return usual, "fallback"

# %% q5 wrong: A fallback would hide it
def q5(send, sleep, row, usual):
    key = str(uuid.uuid4())
    for number in range(4):
        if number:
            sleep(0.1 * 2 ** (number - 1))
        try:
            status, content = send(row, key=key, timeout=1)
        except TimeoutError:
            continue
        if status == 200:
            return content["probability"], "model"
        if status not in (429, 503):
            break
    return usual, "fallback"

# %% q5 wrong: with a new key it is done twice
def q5(send, sleep, row, usual):
    for number in range(4):
        if number:
            sleep(0.1 * 2 ** (number - 1))
        try:
            status, content = send(row, key=str(uuid.uuid4()), timeout=1)
        except TimeoutError:
            continue
        if status == 200:
            return content["probability"], "model"
        if status not in (429, 503):
            raise ValueError(content)
    return usual, "fallback"

# %% q5 wrong: A key made of the row
def q5(send, sleep, row, usual):
    for number in range(4):
        if number:
            sleep(0.1 * 2 ** (number - 1))
        try:
            status, content = send(row, key=row["flight_id"], timeout=1)
        except TimeoutError:
            continue
        if status == 200:
            return content["probability"], "model"
        if status not in (429, 503):
            raise ValueError(content)
    return usual, "fallback"

# %% q5 wrong: There is nothing to wait for after the last try
def q5(send, sleep, row, usual):
    key = str(uuid.uuid4())
    for number in range(4):
        try:
            status, content = send(row, key=key, timeout=1)
            if status == 200:
                return content["probability"], "model"
            if status not in (429, 503):
                raise ValueError(content)
        except TimeoutError:
            pass
        sleep(0.1 * 2**number)
    return usual, "fallback"

# %% q5 wrong: A service in need is not helped
def q5(send, sleep, row, usual):
    key = str(uuid.uuid4())
    for number in range(4):
        try:
            status, content = send(row, key=key, timeout=1)
        except TimeoutError:
            continue
        if status == 200:
            return content["probability"], "model"
        if status not in (429, 503):
            raise ValueError(content)
        if number < 3:
            sleep(0.1)
    return usual, "fallback"

# %% q5 wrong: Does the loop end
def q5(send, sleep, row, usual):
    key = str(uuid.uuid4())
    while True:
        try:
            status, content = send(row, key=key, timeout=1)
        except TimeoutError:
            sleep(0.1)
            continue
        if status == 200:
            return content["probability"], "model"
        if status not in (429, 503):
            raise ValueError(content)
        sleep(0.1)

# %% q5 wrong: Four tries in all
def q5(send, sleep, row, usual):
    key = str(uuid.uuid4())
    for number in range(3):
        try:
            status, content = send(row, key=key, timeout=1)
        except TimeoutError:
            status = 503
        if status == 200:
            return content["probability"], "model"
        if status not in (429, 503):
            raise ValueError(content)
        sleep(0.1 * 2**number)
    return usual, "fallback"

# %% q5 wrong: Without a limit a client waits for ever
def q5(send, sleep, row, usual):
    key = str(uuid.uuid4())
    for number in range(4):
        if number:
            sleep(0.1 * 2 ** (number - 1))
        try:
            status, content = send(row, key=key, timeout=None)
        except TimeoutError:
            continue
        if status == 200:
            return content["probability"], "model"
        if status not in (429, 503):
            raise ValueError(content)
    return usual, "fallback"

# %% q5 wrong: 429, 503 and TimeoutError may pass
def q5(send, sleep, row, usual):
    try:
        status, content = send(row, key=str(uuid.uuid4()), timeout=1)
    except TimeoutError:
        return usual, "fallback"
    if status == 200:
        return content["probability"], "model"
    if status in (429, 503):
        return usual, "fallback"
    raise ValueError(content)

# %% q5 wrong: Return content["probability"], "model"
def q5(send, sleep, row, usual):
    key = str(uuid.uuid4())
    for number in range(4):
        if number:
            sleep(0.1 * 2 ** (number - 1))
        try:
            status, content = send(row, key=key, timeout=1)
        except TimeoutError:
            continue
        if status == 200:
            return content["probability"]
        if status not in (429, 503):
            raise ValueError(content)
    return usual

# %% q6 right: one function for all, with NumPy
def q6(champion, canary):
    def share(table, what):
        hits = what(table).to_numpy()
        n = len(hits) + 2
        p = (hits.sum() + 1) / n
        return p, p * (1 - p) / n

    def mean(table):
        values = table["probability"].dropna().to_numpy()
        return (values.mean(), values.var(ddof=1) / len(values)) if len(values) > 1 else (np.nan, np.nan)

    def interval(side):
        (m0, v0), (m1, v1) = side(champion), side(canary)
        return m1 - m0 - 1.96 * (v0 + v1) ** 0.5, m1 - m0 + 1.96 * (v0 + v1) ** 0.5

    errors = interval(lambda table: share(table, lambda t: t["status"] != 200))
    late = interval(lambda table: share(table[table["status"] == 200], lambda t: t["ms"] > 100))
    level = interval(mean)
    states = []
    for (low, high), margin in ((errors, 0.01), (late, 0.02)):
        states.append("fine" if high < margin else "bad" if low > 0 else "open")
    low, high = level
    states.append("fine" if -0.02 < low <= high < 0.02 else "bad" if low > 0 or high < 0 else "open")
    return "roll back" if "bad" in states else "wait" if "open" in states else "promote"

# %% q6 right: other honest intervals: Newcombe's for shares, a bootstrap for the mean
def q6(champion, canary):
    def wilson(hits, n, z=1.96):
        middle = (hits + z * z / 2) / (n + z * z)
        half = z / (n + z * z) * math.sqrt(hits * (n - hits) / max(n, 1) + z * z / 4)
        return hits / max(n, 1), middle - half, middle + half

    def newcombe(a, b):
        p0, l0, u0 = wilson(a.sum(), len(a))
        p1, l1, u1 = wilson(b.sum(), len(b))
        return p1 - p0 - math.hypot(p1 - l1, u0 - p0), p1 - p0 + math.hypot(u1 - p1, p0 - l0)

    ok0, ok1 = champion[champion["status"] == 200], canary[canary["status"] == 200]
    parts = [(newcombe(champion["status"] != 200, canary["status"] != 200), 0.01)]
    if len(ok1) == 0:
        return "roll back" if parts[0][0][0] > 0 else "wait"
    parts.append((newcombe(ok0["ms"] > 100, ok1["ms"] > 100), 0.02))
    chance = np.random.default_rng(0)
    x, y = ok0["probability"].to_numpy()[:3000], ok1["probability"].to_numpy()[:3000]
    again = [chance.choice(y, len(y)).mean() - chance.choice(x, len(x)).mean() for _ in range(200)]
    low, high = np.quantile(again, [0.025, 0.975])
    if any(begin > 0 and end >= margin for (begin, end), margin in parts):
        return "roll back"
    inside = low > -0.02 and high < 0.02
    if not inside and (low > 0 or high < 0):
        return "roll back"
    return "promote" if inside and all(end < margin for (_, end), margin in parts) else "wait"

# %% q6 wrong: No error in twenty requests may be luck
def q6(champion, canary):
    good0, good1 = champion[champion["status"] == 200], canary[canary["status"] == 200]
    more = (canary["status"] != 200).mean() - (champion["status"] != 200).mean()
    slower = (good1["ms"] > 100).mean() - (good0["ms"] > 100).mean()
    shift = abs(good1["probability"].mean() - good0["probability"].mean())
    if more > 0.01 or slower > 0.02 or shift > 0.04:
        return "roll back"
    return "promote"

# %% q6 wrong: One error is no proof
def q6(champion, canary):
    good0, good1 = champion[champion["status"] == 200], canary[canary["status"] == 200]
    if len(canary) < 12:
        return "wait"
    more = (canary["status"] != 200).mean() - (champion["status"] != 200).mean()
    slower = (good1["ms"] > 100).mean() - (good0["ms"] > 100).mean()
    shift = abs(good1["probability"].mean() - good0["probability"].mean())
    if more > 0.01 or slower > 0.02 or shift > 0.04:
        return "roll back"
    return "promote" if len(canary) > 1000 else "wait"

# %% q6 wrong: Too few to exclude a margin
def q6(champion, canary):
    good0, good1 = champion[champion["status"] == 200], canary[canary["status"] == 200]
    if len(canary) < 100:
        return "wait"
    more = (canary["status"] != 200).mean() - (champion["status"] != 200).mean()
    slower = (good1["ms"] > 100).mean() - (good0["ms"] > 100).mean()
    shift = abs(good1["probability"].mean() - good0["probability"].mean())
    if more > 0.01 or slower > 0.02 or shift > 0.04:
        return "roll back"
    return "promote"

# %% q6 wrong: and too little to matter
def q6(champion, canary):
    def share(a, b):
        n0, n1 = len(a) + 2, len(b) + 2
        p0, p1 = (a.sum() + 1) / n0, (b.sum() + 1) / n1
        half = 1.96 * math.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
        return p1 - p0 - half, p1 - p0 + half

    good0, good1 = champion[champion["status"] == 200], canary[canary["status"] == 200]
    errors = share(champion["status"] != 200, canary["status"] != 200)
    late = share(good0["ms"] > 100, good1["ms"] > 100)
    shift = good1["probability"].mean() - good0["probability"].mean()
    if errors[0] > 0 or late[0] > 0 or abs(shift) > 0.05:
        return "roll back"
    return "promote" if errors[1] < 0.01 and late[1] < 0.02 and len(good1) > 1000 else "wait"

# %% q6 wrong: compare the two, not the canary with a fixed limit
def q6(champion, canary):
    good = canary[canary["status"] == 200]
    if len(canary) < 1000 and (canary["status"] != 200).mean() < 0.5:
        return "wait"
    if (canary["status"] != 200).mean() > 0.03 or (good["ms"] > 100).mean() > 0.05:
        return "roll back"
    mean = champion["probability"].mean()
    return "promote" if abs(good["probability"].mean() - mean) < 0.03 else "roll back"

# %% q6 wrong: Slow is a share
def q6(champion, canary):
    if len(canary) < 1000:
        return "roll back" if (canary["status"] != 200).mean() > 0.5 else "wait"
    more = (canary["status"] != 200).mean() - (champion["status"] != 200).mean()
    shift = abs(canary["probability"].mean() - champion["probability"].mean())
    slower = canary["ms"].median() > 2 * champion["ms"].median()
    return "roll back" if more > 0.01 or shift > 0.02 or slower else "promote"

# %% q6 wrong: Other answers to the same questions
def q6(champion, canary):
    if len(canary) < 1000:
        return "roll back" if (canary["status"] != 200).mean() > 0.5 else "wait"
    good0, good1 = champion[champion["status"] == 200], canary[canary["status"] == 200]
    more = (canary["status"] != 200).mean() - (champion["status"] != 200).mean()
    slower = (good1["ms"] > 100).mean() - (good0["ms"] > 100).mean()
    return "roll back" if more > 0.01 or slower > 0.02 else "promote"

# %% q6 wrong: Down is as bad as up
def q6(champion, canary):
    if len(canary) < 1000:
        return "roll back" if (canary["status"] != 200).mean() > 0.5 else "wait"
    good0, good1 = champion[champion["status"] == 200], canary[canary["status"] == 200]
    more = (canary["status"] != 200).mean() - (champion["status"] != 200).mean()
    slower = (good1["ms"] > 100).mean() - (good0["ms"] > 100).mean()
    higher = good1["probability"].mean() - good0["probability"].mean()
    return "roll back" if more > 0.01 or slower > 0.02 or higher > 0.02 else "promote"

# %% q6 wrong: Without any success two of the three cannot be judged
def q6(champion, canary):
    if len(canary) < 1000:
        return "wait"
    good0, good1 = champion[champion["status"] == 200], canary[canary["status"] == 200]
    more = (canary["status"] != 200).mean() - (champion["status"] != 200).mean()
    slower = (good1["ms"] > 100).mean() - (good0["ms"] > 100).mean()
    shift = good1["probability"].mean() - good0["probability"].mean()
    return "roll back" if more > 0.01 or slower > 0.02 or abs(shift) > 0.02 else "promote"

# %% q6 wrong: Less is not bad
def q6(champion, canary):
    def share(a, b):
        n0, n1 = len(a) + 2, len(b) + 2
        p0, p1 = (a.sum() + 1) / n0, (b.sum() + 1) / n1
        half = 1.96 * math.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
        return p1 - p0 - half, p1 - p0 + half

    low, high = share(champion["status"] != 200, canary["status"] != 200)
    if (low > 0 and high > 0.01) or high < 0:
        return "roll back"
    return "promote" if high < 0.01 else "wait"

# %% q6 wrong: what is better elsewhere does not make up
def q6(champion, canary):
    if len(canary) < 1000:
        return "roll back" if (canary["status"] != 200).mean() > 0.5 else "wait"
    good0, good1 = champion[champion["status"] == 200], canary[canary["status"] == 200]
    more = (canary["status"] != 200).mean() - (champion["status"] != 200).mean()
    slower = (good1["ms"] > 100).mean() - (good0["ms"] > 100).mean()
    shift = abs(good1["probability"].mean() - good0["probability"].mean())
    return "roll back" if more + slower > 0.02 or shift > 0.02 else "promote"

# %% q6 wrong: The words as they are in the question
def q6(champion, canary):
    return (canary["status"] != 200).mean() <= (champion["status"] != 200).mean()

# %% q7 right: in the other order
def q7(facts):
    lookup = facts["known"] and facts["fresh"] >= 24 * 3600
    if lookup:
        return "batch"
    if not facts["connected"] or facts["within"] < 0.05:
        return "in process"
    if facts["waits"] or facts["within"] < 5 or facts["fresh"] < 5:
        return "online"
    return "stream"

# %% q7 right: the first of the ways that do
def q7(facts):
    does = {
        "batch": facts["known"] and facts["fresh"] >= 86_400,
        "stream": facts["connected"] and not facts["waits"] and facts["within"] >= 5 and facts["fresh"] >= 5,
        "online": facts["connected"] and facts["within"] >= 0.05,
        "in process": True,
    }
    return next(way for way, good in does.items() if good)

# %% q7 wrong: answers made at night are looked up
def q7(facts):
    if facts["known"] and facts["fresh"] >= 86_400 and not facts["waits"]:
        return "batch"
    if not facts["waits"] and facts["connected"] and min(facts["within"], facts["fresh"]) >= 5:
        return "stream"
    return "online" if facts["connected"] and facts["within"] >= 0.05 else "in process"

# %% q7 wrong: Many rows are no reason
def q7(facts):
    if facts["rows_a_day"] > 1_000_000:
        return "stream"
    if facts["known"] and facts["fresh"] >= 86_400:
        return "batch"
    if not facts["waits"] and facts["connected"] and min(facts["within"], facts["fresh"]) >= 5:
        return "stream"
    return "online" if facts["connected"] and facts["within"] >= 0.05 else "in process"

# %% q7 wrong: an answer of last night is too old
def q7(facts):
    if facts["known"]:
        return "batch"
    if not facts["waits"] and facts["connected"] and min(facts["within"], facts["fresh"]) >= 5:
        return "stream"
    return "online" if facts["connected"] and facts["within"] >= 0.05 else "in process"

# %% q7 wrong: copied to where they are asked for
def q7(facts):
    if not facts["connected"]:
        return "in process"
    if facts["known"] and facts["fresh"] >= 86_400:
        return "batch"
    if not facts["waits"] and min(facts["within"], facts["fresh"]) >= 5:
        return "stream"
    return "online" if facts["within"] >= 0.05 else "in process"

# %% q7 wrong: nobody waits for a reply
def q7(facts):
    if facts["known"] and facts["fresh"] >= 86_400:
        return "batch"
    return "online" if facts["connected"] and facts["within"] >= 0.05 else "in process"

# %% q7 wrong: a stream takes 5 seconds
def q7(facts):
    if facts["known"] and facts["fresh"] >= 86_400:
        return "batch"
    if not facts["waits"] and facts["connected"]:
        return "stream"
    return "online" if facts["connected"] and facts["within"] >= 0.05 else "in process"

# %% q7 wrong: the model must be where the question is
def q7(facts):
    if facts["known"] and facts["fresh"] >= 86_400:
        return "batch"
    if not facts["waits"] and facts["connected"] and min(facts["within"], facts["fresh"]) >= 5:
        return "stream"
    return "online" if facts["connected"] else "in process"

# %% q7 wrong: neither a stream nor a service can be reached
def q7(facts):
    if facts["known"] and facts["fresh"] >= 86_400:
        return "batch"
    if not facts["waits"] and min(facts["within"], facts["fresh"]) >= 5:
        return "stream"
    return "online" if facts["within"] >= 0.05 else "in process"

# %% q7 wrong: Does every way through the ifs return a word
def q7(facts):
    if facts["known"] and facts["fresh"] >= 86_400:
        return "batch"
    if facts["connected"]:
        return "online"

# %% q7 wrong: one of "batch", "stream", "online", "in process"
def q7(facts):
    return "edge" if not facts["connected"] else "online"
