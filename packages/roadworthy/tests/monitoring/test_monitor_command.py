"""The command `monitor` as people and machines start it: in a process of its own, with settings in the environment."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
import world
from click.testing import CliRunner
from people import chat, listening
from prometheus_client.parser import text_string_to_metric_families

from roadworthy.bundle.signature import Signature
from roadworthy.cli.program import commands
from roadworthy.monitoring.log import PredictionLog
from roadworthy.monitoring.monitors import Reading, Thresholds, Window
from roadworthy.monitoring.notifications import Exposition
from roadworthy.monitoring.timeline import Timeline
from small import SIGNATURE, write_bundle

FEATURES = ["carrier", "origin", "hour", "temp", "distance"]  # of the small bundle that are no secret
UNTIL = "2013-08-06"  # 31 weeks after the first day of the world
Command = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, small_files: dict[str, bytes]) -> Path:
    known = [feature for feature in world.FEATURES if feature["name"] in FEATURES]
    made = {"reference.json": world.reference(known), "metrics.json": world.METRICS}
    folder = tmp_path_factory.mktemp("watched") / "registry"
    files = {**small_files, **{name: json.dumps(content).encode() for name, content in made.items()}}
    write_bundle(folder / "versions" / "1", files)
    (folder / "aliases.json").write_text('{"champion": 1}')
    return folder


def write(path: Path, weeks: list[world.Week]) -> None:
    with PredictionLog(path, Signature.parse(json.dumps(SIGNATURE))) as log:
        for week in weeks:
            time_ = week["day"].astype("datetime64[us]") + np.timedelta64(12, "h")
            keys = np.array([f"{moment}-{i}" for i, moment in enumerate(time_)], dtype=object)
            log.append({**week, "key": keys, "time": time_, "version": "1", "decision": np.zeros(len(keys), bool)})
            known = ~np.isnan(week["label"])
            log.append_labels(keys[known], week["label"][known], (time_ + np.timedelta64(timedelta(hours=5)))[known])


@pytest.fixture
def monitor(registry: Path, tmp_path: Path) -> Iterator[Command]:
    """Start `monitor` with options, and settings of [monitoring]."""
    began = []

    def start(*options: str, **given: str) -> "subprocess.Popen[str]":
        paths = {"REGISTRY": registry, "PREDICTIONS": tmp_path / "log.db", "REPORTS": tmp_path / "reports"}
        settings = {f"MLE_PATHS__{name}": str(path) for name, path in paths.items()}
        settings |= {f"MLE_MONITORING__{name.upper()}": value for name, value in given.items()}
        words = ["monitor", "--until", UNTIL, *options]
        command = [sys.executable, "-m", "roadworthy", *words]
        pipe, more = subprocess.PIPE, {**os.environ, **settings}
        began.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=more))
        return began[-1]

    yield start
    for process in began:
        process.kill()
        process.communicate()


def loud(log: Path) -> None:
    weeks = [world.week(number) for number in range(26, 29)]
    write(log, [*weeks, *(world.renamed(world.week(number)) for number in (29, 30))])


def metrics(text: str) -> dict[tuple[str, str, str], float]:
    """The values of metrics by name, monitor and subject."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {(s.name, s.labels.get("monitor", ""), s.labels.get("subject", "")): s.value for s in samples}


def test_a_file_for_prometheus_says_what_rings(monitor: Command, tmp_path: Path) -> None:
    loud(tmp_path / "log.db")
    before = time.time()
    process = monitor("--metrics", str(tmp_path / "monitor.prom"), "--every", "86400", "--json")
    told, _ = process.communicate()
    assert process.returncode == 1
    found = metrics((tmp_path / "monitor.prom").read_text())
    alarms = {
        (monitor_, subject) for (name, monitor_, subject), value in found.items() if name == "monitor_alarm" and value
    }
    assert ("unseen", "carrier") in alarms
    verdicts = json.loads(told)["verdicts"]
    assert {name for name, _ in alarms} == {v["gate"].split(":")[0] for v in verdicts if v["passed"] is False}
    assert found["monitor_value", "unseen", "carrier"] > found["monitor_limit", "unseen", "carrier"] > 0
    assert found["monitor_alarm", "drift", "origin"] == 0
    assert before <= found["monitor_last_run_timestamp_seconds", "", ""] <= time.time()
    assert found["monitor_every_seconds", "", ""] == 86400
    assert [path.name for path in tmp_path.glob("*.prom")] == ["monitor.prom"]


def test_it_stays_and_is_asked_and_sees_what_comes_until_it_is_stopped(monitor: Command, tmp_path: Path) -> None:
    write(tmp_path / "log.db", [world.week(number) for number in range(26, 31)])
    process = monitor("--serve", "0", "--every", "1")
    assert process.stderr
    (address,) = re.findall(r"http://\S+/metrics", process.stderr.readline())

    def asked(name: str, monitor: str = "", subject: str = "") -> float:
        with urlopen(address, timeout=30) as answer:  # noqa: S310 - http on this machine
            return metrics(answer.read().decode()).get((name, monitor, subject), -1)

    wait_for(lambda: asked("monitor_alarm", "unseen", "carrier") == 0)
    (tmp_path / "log.db").unlink()
    loud(tmp_path / "new.db")
    (tmp_path / "new.db").replace(tmp_path / "log.db")
    wait_for(lambda: asked("monitor_alarm", "unseen", "carrier") == 1)
    last = asked("monitor_last_run_timestamp_seconds")
    (tmp_path / "log.db").write_bytes(b"no log at all, and longer than a few bytes")
    wait_for(lambda: asked("monitor_failures_total") >= 1)
    # What was known stays, with its age.
    assert asked("monitor_alarm", "unseen", "carrier") == 1
    assert asked("monitor_last_run_timestamp_seconds") >= last
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "cannot be used as a prediction log" in said
    assert "Traceback" not in said


def test_people_are_told_and_the_exit_code_stays_that_of_the_monitor(monitor: Command, tmp_path: Path) -> None:
    loud(tmp_path / "log.db")
    with listening(chat()) as friends:
        address = f"json://me:s3cr3tword@127.0.0.1:{friends.server_port}"
        for _ in range(2):
            process = monitor("--notify", notify=address)
            _, said = process.communicate()
            assert process.returncode == 1
            assert "warning" not in said
        assert ["unseen of carrier" in told["title"] for told in friends.kept] == [True]


def test_people_who_cannot_be_reached_are_a_warning(monitor: Command, tmp_path: Path) -> None:
    loud(tmp_path / "log.db")
    with listening(chat()) as deaf:
        port = deaf.server_port
    process = monitor("--notify", notify=f"json://me:s3cr3tword@127.0.0.1:{port}")
    told, said = process.communicate()
    assert process.returncode == 1
    assert "could not be told" in said
    assert "s3cr3tword" not in told + said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--notify"], "nobody is named"),
        (["--serve", "here"], "is no port"),
        (["--serve", "70000"], "is no port"),
        (["--every", "0"], "Invalid value"),
    ],
)
def test_usage_that_is_wrong_is_refused_at_once(options: list[str], words: str) -> None:
    ended = CliRunner().invoke(commands, ["monitor", *options])
    assert ended.exit_code != 0
    assert words in f"{ended.output} {ended.exception}"


def test_a_port_that_is_taken_is_named(monitor: Command) -> None:
    with listening(chat()) as other:
        process = monitor("--serve", str(other.server_port))
        _, said = process.communicate()
        assert process.returncode == 2
        assert f"127.0.0.1:{other.server_port}: cannot listen" in said


def test_what_cannot_be_judged_is_told_and_does_not_ring() -> None:
    exposition, nothing = Exposition(60), np.empty(0)
    assert "monitor_last_run_timestamp_seconds{" not in exposition.text().decode()
    assert ("monitor_last_run_timestamp_seconds", "", "") not in metrics(exposition.text().decode())
    days = ["2013-07-01", "2013-07-08", "2013-07-15"]
    readings = [Reading(day, "drift", "temp", 1.0, 0.2, True, "far") for day in days[:2]]
    readings += [Reading(days[0], "drift", "hour", 0.1, 0.2, False, "near")]
    readings += [Reading(days[2], "drift", "", float("nan"), float("nan"), None, "few rows")]
    windows = [Window(day, {}, nothing, nothing, nothing, nothing.astype(bool)) for day in days]
    exposition.show(Timeline(windows, readings, Thresholds()), 0.5)
    found = {key: value for key, value in metrics(exposition.text().decode()).items() if key[1]}
    expected: dict[Any, float] = {("monitor_alarm", "drift", "temp"): 1, ("monitor_alarm", "drift", ""): 0}
    expected |= {("monitor_judged", "drift", "temp"): 1, ("monitor_judged", "drift", ""): 0}
    expected |= {("monitor_value", "drift", "temp"): 1.0, ("monitor_limit", "drift", "temp"): 0.2}
    assert found == expected


def wait_for(claim: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert claim()
