import json

import numpy as np
import pandas as pd
import pytest

from roadworthy.base import databases
from roadworthy.project import Project
from roadworthy.serving.request import BadRequestError
from roadworthy_course import serving, situations, spies
from roadworthy_course.checks import Fault


def test_departures_are_accepted_as_they_are_but_for_what_json_cannot_say(project: Project) -> None:
    rows = serving.departures(project, 7)
    assert rows["temp"].isna().sum() >= 4
    plain = rows.assign(as_of=[moment.isoformat() for moment in rows["as_of"]])
    records = databases.plain_records(plain, serving.names(project))
    read, _ = serving.reader(project).read(json.dumps({"rows": records}, allow_nan=False).encode())
    assert [row["flight_id"] for row in read] == rows["flight_id"].to_list()
    with pytest.raises(BadRequestError, match="not known"):
        serving.reader(project).read(json.dumps({"rows": [records[0] | {"late": 1.0}]}).encode())


def test_a_stall_is_seen_from_the_plan_and_hidden_from_sent() -> None:
    rows = serving.load_test(7)
    good = rows[rows["status"] == 200]
    sent, planned = ((good["done"] - good[since]).quantile(0.99) for since in ("sent", "planned"))
    assert planned > 20 * sent
    ordered = rows.sort_values("sent")
    assert (ordered["sent"].to_numpy()[1:] >= ordered["done"].to_numpy()[:-1]).all(), "one connection asks in turn"


def test_the_newest_price_is_that_of_a_loop() -> None:
    sessions, prices = serving.tariffs(7)
    found = serving.newest(sessions, prices)
    assert found["exact"].any()
    for session, right in zip(sessions.itertuples(), found["price"], strict=True):
        known = prices[(prices["site"] == session.site) & (prices["since"] <= session.started)]
        price = known.sort_values("since")["price"].to_list()[-1] if len(known) else np.nan
        assert price == right or (pd.isna(price) and pd.isna(right))


def test_the_work_of_each_function_is_counted() -> None:
    def called() -> None:
        """Do nothing."""

    def three() -> str:
        for _ in range(3):
            called()
        return "done"

    assert spies.calls(three) == ("done", 4)


def test_a_stream_counts_what_is_held_and_stops_who_only_reads() -> None:
    stream = spies.Stream(7, [3] * 10)
    for batch in stream.batches():
        stream.write([(row["key"], answer) for row, answer in zip(batch, stream.predict(batch), strict=True)])
    assert stream.written == stream.right
    assert stream.most == 3
    held = spies.Stream(7, [3] * 10, patience=12)
    with pytest.raises(Fault, match="15 came"), spies.watched():
        list(held.batches())


def test_a_server_follows_its_script_and_stops_who_never_ends() -> None:
    server = spies.Server((503, TimeoutError("late"), 200))
    assert server.send({}, "k", 1)[0] == 503
    with pytest.raises(TimeoutError):
        server.send({}, "k", 1)
    assert server.send({}, "k", 1) == (200, {"probability": 0.5})
    with pytest.raises(Fault, match="4 tries"), spies.watched():
        list(iter(lambda: server.send({}, "k", 1), None))


def test_no_situation_fits_a_cheaper_way_than_its_own() -> None:
    for seed in range(20):
        for story, facts in situations.drawn(seed):
            slow_enough = facts["within"] >= 5 and facts["fresh"] >= 5
            does = {
                "batch": facts["known"] and facts["fresh"] >= situations.DAY,
                "stream": facts["connected"] and not facts["waits"] and slow_enough,
                "online": facts["connected"] and facts["within"] >= 0.05,
                "in process": True,
            }
            assert story.right == next(way for way, good in does.items() if good), story.about
