"""What an answer costs: each way is asked for the rows that it is charged with, and a refusal is no answer."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from threaded import served

from roadworthy.bundle.bundle import Bundle
from roadworthy.serving import app, load_tests
from roadworthy.serving.client import Row
from roadworthy.serving.load_tests import REPEATS, Cost, compare_ways, cpu_of_service
from small import ROW, rows


def table(count: int) -> pd.DataFrame:
    """Rows as a table of features has them, with columns that no request holds."""
    keys = [f"F{number}" for number in range(count)]
    return pd.DataFrame(rows(count)).assign(flight_id=keys, late=0.0, day=pd.Timestamp("2026-01-01"))


def client_told(text: str, status: int = 200) -> httpx.Client:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, text=text))
    return httpx.Client(base_url="http://service", transport=transport)


def test_every_way_answers_the_rows_that_it_is_charged_with(small_bundle: Path) -> None:
    bundle = Bundle.load(small_bundle)
    with served(app.create_app(bundle)) as client:
        found = compare_ways(str(client.base_url), bundle, table(7), table(50), core_hour=0.04)
        told = client.get("/metrics").text
    assert list(found.index) == ["online, one row", "online, many rows", "in process", "batch"]
    assert (found["one client waits, µs a row"] > 0).all()
    assert (found["CPU, µs a row"] >= 0).all()
    (asked,) = re.findall(r'^service_requests_total\{path="/v1/predict",status="200"\} (\S+)$', told, re.MULTILINE)
    assert float(asked) == 7 + REPEATS


def test_a_question_is_what_a_client_writes_into_a_request(small_bundle: Path) -> None:
    bundle = Bundle.load(small_bundle)
    asked = pd.DataFrame([{**ROW, "flight_id": "F1", "temp": np.nan, "late": 1.0}])
    assert load_tests.questions_of(bundle, asked) == [{"flight_id": "F1", **ROW, "temp": None}]


def test_the_time_of_the_processor_is_divided_by_the_rows() -> None:
    seconds = iter([10.0, 12.0])
    assert load_tests.measure_once(lambda: time.sleep(0.04), 4, lambda: next(seconds)).cpu == 0.5


def test_what_is_waited_is_divided_by_the_rows() -> None:
    assert load_tests.measure_once(lambda: time.sleep(0.04), 4, time.process_time).waited >= 0.01


def test_the_dollars_are_those_of_the_processor_and_not_of_waiting() -> None:
    # A million rows of half a millisecond are 500 seconds, and a core of 3.60 dollars an hour costs .001 a second.
    found = load_tests.cost_table({"batch": Cost(waited=7.0, cpu=0.0005)}, core_hour=3.6)
    assert found.loc["batch", "dollars per million"] == 0.5
    assert found.loc["batch", "CPU, µs a row"] == 500
    assert found.loc["batch", "the answer is as old as"] == "the last night"


@pytest.mark.parametrize("ask", [load_tests.one_by_one, load_tests.ask_together], ids=["one by one", "together"])
def test_a_refusal_is_no_answer_that_is_fast(ask: Callable[[httpx.Client, list[Row]], None]) -> None:
    with client_told("", status=422) as client, pytest.raises(httpx.HTTPStatusError):
        ask(client, [ROW])


def test_the_processor_of_the_service_is_read_from_its_metrics() -> None:
    with client_told("# HELP\nprocess_cpu_seconds_total 1.5\nother 2\n") as client:
        assert cpu_of_service(client) == 1.5


def test_where_a_service_does_not_tell_its_processor_the_clock_stands_for_it() -> None:
    with client_told("other 2\n") as client:
        before = time.perf_counter()
        assert before <= cpu_of_service(client) <= time.perf_counter()
