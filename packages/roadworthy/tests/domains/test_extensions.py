"""One extension of each kind in the domain of charging sessions: used and listed beside what the library has itself."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from assembled import champion_of, change, command, told

from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle
from roadworthy.contract.workspace import EXTENSIONS, Definition
from roadworthy.gates import run
from roadworthy.project import Project

pytestmark = pytest.mark.slow
OWN = "src/charging_project/extensions.py"
PACKAGE = "src/charging_project/__init__.py"


@pytest.fixture
def home() -> Path:
    """The project with its champion."""
    return champion_of("charging")


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(home, tmp_path / "charging"))


def test_a_snapshot_is_read_by_a_source_whose_values_are_remembered(home: Path, copy: Path) -> None:
    assert not (home / "data" / "2024" / "sites.parquet").exists()
    assert {each["table"] for each in told(home, "check")} >= {"sessions", "sites"}
    manifest = json.loads((home / "registry" / "versions" / "1" / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["lineage"]["data"]["2024"]) == {"sessions.parquet", "sites from from csv"}
    (copy / "data" / "2024" / "sites.csv").unlink()
    refused = command(copy, "check")
    assert (refused.returncode, "sites.csv" in refused.stderr) == (2, True)


def test_a_feature_made_by_a_step_reaches_the_bundle_and_the_trace(home: Path) -> None:
    bundle = Bundle.load(home / "registry" / "versions" / "1")
    assert "need" in bundle.names
    row = bundle.golden[0]["features"]
    assert row["need"] == pytest.approx((100 - row["battery"]) / (row["planned"] / 60))
    traced = {each["feature"]: each["value"] for each in told(home, "trace", "S008000")["features"]}
    assert traced["need"] == pytest.approx((100 - traced["battery"]) / (traced["planned"] / 60))


def test_a_metric_is_shown_by_evaluate_and_kept_with_the_version(home: Path) -> None:
    shown = told(home, "evaluate")
    kept = json.loads((home / "registry" / "versions" / "1" / "metrics.json").read_text(encoding="utf-8"))
    assert shown["top tenth"] == pytest.approx(kept["top tenth"])
    assert shown["base_rate"] < shown["top tenth"] < 1


def test_a_check_is_listed_and_a_red_one_stops_training(home: Path, copy: Path) -> None:
    (found,) = [each for each in told(home, "check") if each["check"] == "sites are open"]
    assert (found["passed"], found["evidence"]) == (True, "0 sessions before their site was opened")
    change(copy / "data" / "2024" / "sites.csv", "2021-03-01", "2031-03-01")
    versions = {each.name for each in (copy / "registry" / "versions").iterdir()}
    red = command(copy, "train")
    assert (red.returncode, "sites are open" in red.stderr) == (1, True)
    assert {each.name for each in (copy / "registry" / "versions").iterdir()} == versions


def test_a_gate_that_is_red_stops_promotion_as_the_28_do(
    home: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That it is judged and shown after the 28, see test_domains.py; these take ten seconds, and are left out here.
    monkeypatch.setattr(run, "GATES", ())
    project = Project.open(home)
    paths = project.settings.paths.model_copy(update={"registry": copy / "registry"})
    elsewhere = project.using(project.settings.model_copy(update={"paths": paths}))
    (green,) = run.judge_version(elsewhere, 1).gates
    assert (green.gate, green.passed) == ("Own 1", True)
    assert green.claim == "A warning is sent to fewer than half of the drivers"
    assert command(copy, "registry", "promote", "1").returncode == 0
    red = replace(project.definition, gates={"Own 1": lambda _: (False, "too many warnings")})
    run.judge_version(Project(home, elsewhere.settings, red), 1)
    refused = command(copy, "registry", "promote", "1")
    assert (refused.returncode, "Own 1: too many warnings" in refused.stderr) == (1, True)


def test_a_monitor_reads_each_window_and_rings(copy: Path) -> None:
    change(copy / OWN, "HIGHEST = 0.98", "HIGHEST = 0.3")
    alarms = told(copy, "simulate", "--version", "1", "--log", "log.db")["alarms"]
    assert [alarm["monitor"] for alarm in alarms] == ["certain"]


def test_an_incident_is_known_by_its_name_and_others_are_refused(home: Path, tmp_path: Path) -> None:
    refused = command(home, "simulate", "--incident", "flood@2024-08-12", "--log", str(tmp_path / "log.db"))
    assert refused.returncode == 2
    assert "there is no incident 'flood'" in refused.stderr
    assert "site-closed, tariff-in-cents" in refused.stderr or "tariff-in-cents, site-closed" in refused.stderr


def test_a_command_is_listed_and_gets_the_project(home: Path) -> None:
    listed = command(home, "--help")
    assert (listed.returncode, "Show the site with most sessions" in listed.stdout) == (0, True)
    found = command(home, "busiest")
    assert (found.returncode, found.stdout) == (0, "ABK with 3,513 sessions\n")


NOWHERE = "charging_project.nowhere:nothing"
OTHER = "charging_project.incidents:INCIDENTS"
# A function that is registered wrongly, a command that uses it, and what is said.
MISTAKES = {
    "sources": ({"from csv": NOWHERE}, "check", f"{NOWHERE!r} cannot be imported"),
    "checks": ({"sites are open": "charging_project.extensions:from_csv"}, "check", "has other arguments"),
    "metrics": ({"auc": "charging_project.extensions:top_tenth"}, "evaluate", "the name 'auc' is taken"),
    "incidents": ({"flood": OTHER}, "simulate --incident flood@2024-08-12 --log log.db", "is no function"),
    "commands": ({"train": "charging_project.extensions:busiest"}, "nothing", "the name 'train' is taken"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_in_the_package_is_told_in_a_sentence(copy: Path, kind: str) -> None:
    given, words, sentence = MISTAKES[kind]
    file = copy / PACKAGE
    text = re.sub(rf"\n    {kind}=.*,\n", f"\n    {kind}={given!r},\n", file.read_text(encoding="utf-8"))
    file.write_text(text, encoding="utf-8")
    refused = command(copy, *words.split())
    assert (refused.returncode, sentence in refused.stderr) == (2, True), refused.stderr
    assert kind in refused.stderr
    assert len(refused.stderr) < 700


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_every_kind_refuses_every_mistake(home: Path, kind: str) -> None:
    definition = Project.open(home).definition
    takes = ", ".join(EXTENSIONS[kind])

    def registered(**functions: object) -> Definition:
        return replace(definition, **{kind: functions})  # type: ignore[arg-type]

    with pytest.raises(InputError, match="cannot be imported"):
        registered(one=NOWHERE).extensions(kind)
    with pytest.raises(InputError, match="the name 'one' is taken by the library"):
        registered(one=NOWHERE).extensions(kind, ["one", "two"])
    with pytest.raises(InputError, match="is no function"):
        registered(one=OTHER).extensions(kind)
    if takes:
        with pytest.raises(InputError, match="has other arguments") as refused:
            registered(one=lambda: None).extensions(kind)
        assert f"takes ({takes})" in str(refused.value)
