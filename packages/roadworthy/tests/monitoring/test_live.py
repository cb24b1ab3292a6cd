"""Months that are played again against the running service: as they would have come, and as the fast way plays them."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import world

from configured import configured
from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle
from roadworthy.monitoring import watch
from roadworthy.monitoring.log import PredictionLog
from roadworthy.project import Project
from roadworthy.serving import access, simulation
from roadworthy.serving.client import Client
from small import ROW, SIGNATURE, write_bundle

FEATURES = ["carrier", "origin", "hour", "temp", "distance"]  # of the small bundle that are no secret
WEEKS = range(27, 31)
START = datetime(2013, 7, 9, tzinfo=UTC)
END = START + timedelta(weeks=len(WEEKS))
Serving = Callable[..., AbstractContextManager[tuple[object, str]]]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, small_files: dict[str, bytes]) -> Path:
    known = [feature for feature in world.FEATURES if feature["name"] in FEATURES]
    # In the invented world a distance may be missing.
    features = [{**each, "nullable": True} if each["name"] == "distance" else each for each in SIGNATURE["features"]]
    signature = {**SIGNATURE, "features": features}
    made = {"reference.json": world.reference(known), "metrics.json": world.METRICS, "signature.json": signature}
    folder = tmp_path_factory.mktemp("live") / "registry"
    files = {**small_files, **{name: json.dumps(content).encode() for name, content in made.items()}}
    write_bundle(folder / "versions" / "1", files)
    (folder / "aliases.json").write_text('{"champion": 1}')
    return folder


@pytest.fixture(scope="module")
def bundle(registry: Path) -> Bundle:
    return Bundle.load(registry / "versions" / "1")


@pytest.fixture
def serving(registry: Path, tmp_path: Path) -> Serving:
    return lambda **limits: configured(registry, tmp_path, **{"given_times": "true", **limits})


def flights(numbers: range = WEEKS) -> pd.DataFrame:
    """Weeks of the invented world as flights: their labels come five hours later, or never."""
    week = world.join([world.week(number) for number in numbers])
    time = pd.Series(pd.to_datetime(week["day"])).dt.as_unit("us").dt.tz_localize("UTC")
    time += pd.to_timedelta(np.arange(len(time)) % 200 * 7, unit="min")
    names = [*FEATURES, "maker"]
    return pd.DataFrame({name: week[name] for name in names}).assign(
        flight_id=[f"F{i}" for i in range(len(time))],
        as_of=time,
        day=time.dt.tz_localize(None).dt.normalize(),
        late=week["label"],
        known_at=time + pd.Timedelta(hours=5),
    )


def alarms(folder: Path, log: Path) -> list[simulation.Alarm]:
    watched = watch.monitor_log(folder, log, now=END, windows=len(WEEKS))
    return simulation.begun_alarms(watched.timeline, 7, START)


def test_both_ways_write_the_same_log_and_ring_the_same_alarms(
    project: Project, serving: Serving, bundle: Bundle, registry: Path, tmp_path: Path
) -> None:
    incident = simulation.Incident.parse(project, f"kilometres@{START + timedelta(weeks=2):%Y-%m-%d}")
    rows = simulation.apply_incidents(project.contract, {"2013": flights()}, "2013", [incident])
    fast, slow = tmp_path / "fast.db", tmp_path / "log.db"
    simulation.play_into_log(project.contract, rows, bundle, fast, (START, END))
    told: list[tuple[int, int]] = []
    with serving() as (_, url), Client(url) as client:
        played = simulation.play_live(
            project.contract, rows, bundle, client, slow, (START, END), progress=lambda *at: told.append(at)
        )
    assert told == [(at, len(WEEKS)) for at in range(1, len(WEEKS) + 1)]
    with PredictionLog(fast, bundle.signature) as one, PredictionLog(slow, bundle.signature) as two:
        known, found = one.read(known_by=END), two.read()
    assert (played.predictions, played.refused) == (len(rows), {})
    assert played.labels == np.sum(~np.isnan(known["label"])) < np.sum(~np.isnan(rows["late"]))
    for name in ("key", "time", "version", *FEATURES, "label", "known_at"):
        np.testing.assert_array_equal(found[name], known[name], err_msg=name)
    np.testing.assert_allclose(found["probability"], known["probability"], atol=1e-6)
    folder = registry / "versions" / "1"
    assert alarms(folder, slow) == alarms(folder, fast)
    assert ("drift", "distance") in {(alarm.monitor, alarm.subject) for alarm in alarms(folder, slow)}


def test_rows_that_the_contract_refuses_are_counted_and_all_others_answered(
    project: Project, serving: Serving, bundle: Bundle, tmp_path: Path
) -> None:
    rows = flights(range(27, 28))
    rows.loc[100:144, "temp"] = 999.0  # more than one answer names
    rows.loc[7, "hour"] = -1
    with serving(max_rows=400) as (_, url), Client(url) as client:
        played = simulation.play_live(project.contract, rows, bundle, client, tmp_path / "log.db", (START, END))
    assert played.refused == {"temp": 45, "hour": 1}
    assert played.predictions == len(rows) - 46
    with PredictionLog(tmp_path / "log.db", bundle.signature) as log:
        assert set(log.read()["key"]) == set(rows["flight_id"]) - {"F7", *(f"F{i}" for i in range(100, 145))}


def test_a_log_with_predictions_is_not_mixed_with_what_is_simulated(
    project: Project, serving: Serving, bundle: Bundle, tmp_path: Path
) -> None:
    with serving() as (_, url), Client(url) as client:
        simulation.play_live(
            project.contract, flights(range(27, 28)), bundle, client, tmp_path / "log.db", (START, END)
        )
        with pytest.raises(InputError, match="there are predictions in it already"):
            simulation.play_live(
                project.contract, flights(range(27, 28)), bundle, client, tmp_path / "log.db", (START, END)
            )


def test_another_log_than_that_of_the_service_is_noticed(
    project: Project, serving: Serving, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "PATIENCE", 0.5)
    with (
        serving() as (_, url),
        Client(url) as client,
        pytest.raises(InputError, match="what the service answered is not in the log"),
    ):
        simulation.play_live(
            project.contract, flights(range(27, 28)), bundle, client, tmp_path / "other.db", (START, END)
        )


def test_a_service_that_keeps_its_own_time_is_refused(
    project: Project, serving: Serving, bundle: Bundle, tmp_path: Path
) -> None:
    with serving(given_times="false") as (_, url), Client(url) as client:
        with pytest.raises(InputError, match=r"time of the clock.*\n.*MLE_SERVICE__GIVEN_TIMES=true"):
            simulation.play_live(project.contract, flights(), bundle, client, tmp_path / "log.db", (START, END))
        assert client.about()["time"] is None
        row = {**ROW, "as_of": "2013-07-09T00:00:00Z"}
        refused = httpx.post(f"{url}/v1/predict", json=row)
        assert refused.status_code == 422
        assert "as_of is not known" in refused.text


@pytest.mark.parametrize("time", ["yesterday", "2013-07-09T00:00:00", 1373328000, None])
def test_a_time_that_is_none_is_refused_in_words(registry: Path, tmp_path: Path, time: object) -> None:
    with configured(registry, tmp_path, given_times="true") as (_, url):
        refused = httpx.post(f"{url}/v1/predict", json={**ROW, "as_of": time})
    assert refused.status_code == 422
    assert "allowed: a time with its zone, such as 2013-07-01T14:05:00Z" in refused.json()["errors"][0]["message"]


def test_a_row_without_a_time_has_that_of_its_request(registry: Path, tmp_path: Path, bundle: Bundle) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    with configured(registry, tmp_path, given_times="true") as (_, url):
        rows = [ROW, {**ROW, "as_of": "2013-07-09T02:00:00+02:00"}]
        assert httpx.post(f"{url}/v1/predict", json={"rows": rows}).status_code == 200
    with PredictionLog(tmp_path / "log.db", bundle.signature) as log:
        given, own = log.read()["time"]
    assert given == np.datetime64("2013-07-09T00:00:00")
    assert np.datetime64(before) <= own <= np.datetime64(datetime.now(UTC).replace(tzinfo=None))


def test_another_version_and_another_contract_are_refused(
    project: Project, serving: Serving, tmp_path: Path, small_files: dict[str, bytes]
) -> None:
    signature = json.dumps({**SIGNATURE, "version_of_contract": "1" * 64}).encode()
    write_bundle(tmp_path / "versions" / "2", small_files)
    write_bundle(tmp_path / "other" / "1", {**small_files, "signature.json": signature})
    with serving() as (_, url), Client(url) as client:
        for folder, words in (("versions/2", "version 1 answers, and version 2"), ("other/1", "another contract")):
            bundle = Bundle.load(tmp_path / folder)
            with pytest.raises(InputError, match=words):
                simulation.play_live(project.contract, flights(), bundle, client, tmp_path / "log.db", (START, END))


@pytest.fixture
def key(tmp_path: Path) -> str:
    return access.add_key(tmp_path / "keys.txt", "simulation")


def test_a_key_is_asked_for_and_sent(serving: Serving, key: str, tmp_path: Path) -> None:
    with serving(keys_file=tmp_path / "keys.txt") as (_, url):
        with Client(url) as client, pytest.raises(InputError, match=r"asks for an API key\n.*MLE_API_KEY"):
            client.about()
        with Client(url, key) as client:
            assert client.predict([ROW]) == (1, {})


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "ftp://127.0.0.1", "http://[::1"])
def test_a_service_that_is_not_there_is_told_in_a_sentence(url: str) -> None:
    with pytest.raises(InputError, match=r"cannot be reached|is no address"), Client(url) as client:
        client.about()
