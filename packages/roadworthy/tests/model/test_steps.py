"""The life cycle on real flights, with a small model: train, take what is there, promote, retrain, roll back."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from roadworthy.base import errors, settings
from roadworthy.base.errors import InputError, RedError
from roadworthy.bundle.bundle import Bundle
from roadworthy.cli import program
from roadworthy.data import snapshots
from roadworthy.model import training
from roadworthy.monitoring import watch
from roadworthy.project import Project
from roadworthy.registry import releases
from roadworthy.serving import simulation
from tracked import recorded_runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with places of its own, and shorter periods."""
    home, config = tmp_path_factory.mktemp("home"), project.settings
    paths = {"registry": home / "registry", "tracking": home / "tracking" / "mlflow.db"}
    split = {"train": (date(2013, 5, 1), date(2013, 7, 1)), "test": (date(2013, 7, 1), date(2013, 8, 1))}
    changes = {"paths": config.paths.model_copy(update=paths), "split": config.split.model_copy(update=split)}
    return project.using(config.model_copy(update=changes))


def test_a_model_that_exists_is_not_trained_again(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = releases.ensure_version(own)
    assert own.registry.aliases() == {"champion": first}, "the first green version serves"
    manifest = json.loads((releases.bundle_folder(own, first) / "manifest.json").read_text())
    assert manifest["lineage"]["data"]["2013"]["flights.parquet"].startswith("11fc8793")
    (tracked,) = recorded_runs(own.settings.paths.tracking, own.settings.model.name)
    assert tracked["version"] == str(first)

    def never(*_: object) -> releases.Release:
        raise AssertionError("it was trained again")

    monkeypatch.setattr(releases, "train_version", never)
    assert releases.ensure_version(own) == first
    spec = own.settings.model.model_copy(update={"seed": 1})
    other = own.using(own.settings.model_copy(update={"model": spec}))
    with pytest.raises(AssertionError, match="trained again"):
        releases.ensure_version(other)


def test_evaluating_a_version_gives_what_was_recorded_when_it_was_made(own: Project) -> None:
    recorded = json.loads((releases.bundle_folder(own, releases.ensure_version(own)) / "metrics.json").read_text())
    result, slices = releases.evaluate_version(own)
    assert result.to_dict() == pytest.approx(recorded, abs=1e-6)
    assert slices["auc_high"].is_monotonic_increasing
    assert all(verdict.passed for verdict in releases.rerun_model_tests(own))


def test_a_simulated_incident_rings_and_the_log_can_be_watched(
    own: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.ensure_version(own)
    monkeypatch.setattr(Project, "open", lambda: own)
    log = str(tmp_path / "log.db")
    words = ["--from", "2013-07-01", "--to", "2013-07-22", "--incident", "carrier-renamed@2013-07-08", "--log", log]
    command = ["simulate", *words, "--json", "--version", str(releases.ensure_version(own))]
    told = json.loads(CliRunner().invoke(program.commands, command, catch_exceptions=False).stdout)
    assert told["predictions"] > told["labels"] > 15_000
    (rang,) = (each for each in told["alarms"] if (each["monitor"], each["subject"]) == ("unseen", "carrier"))
    assert (rang["window"], rang["days"]) == ("2013-07-15", 14)
    # What the snapshot says about the same flights needs no second week.
    (skewed,) = (each for each in told["alarms"] if each["monitor"] == "skew")
    assert (skewed["subject"], skewed["window"], skewed["days"]) == ("carrier", "2013-07-08", 7)
    watched = watch.monitor_log(
        releases.bundle_folder(own, releases.ensure_version(own)), Path(log), now=datetime(2013, 7, 22, tzinfo=UTC)
    )
    assert watched.passed is False
    with pytest.raises(InputError, match="there is such a file already"):
        CliRunner().invoke(program.commands, command, catch_exceptions=False)


def test_monitoring_against_a_snapshot_tells_the_skew_and_an_estimate_of_each_window(
    own: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = releases.ensure_version(own)
    incident = simulation.Incident.parse(own, "kilometres@2013-07-08")
    rows = snapshots.checked_features(own, "2013")
    played = simulation.apply_incidents(own.contract, {"2013": rows}, "2013", [incident])
    period = datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 7, 15, tzinfo=UTC)
    folder = releases.bundle_folder(own, version)
    batch = watch.batch_columns(own.contract, Bundle.load(folder).names, [rows])
    watched = simulation.rehearse_period(own.contract, played, folder, period, batch=batch)
    assert [alarm.subject for alarm in simulation.begun_alarms(watched.timeline, 7, incident.start)] == ["distance"]
    log = tmp_path / "log.db"
    simulation.play_into_log(own.contract, played, Bundle.load(folder), log, period)
    paths = own.settings.paths.model_copy(update={"reports": tmp_path / "reports"})
    reporting = own.using(own.settings.model_copy(update={"paths": paths}))
    monkeypatch.setattr(Project, "open", lambda: reporting)
    words = ["monitor", "--log", str(log), "--until", "2013-07-15", "--against", "2013", "--json"]
    result = CliRunner().invoke(program.commands, words)
    assert isinstance(result.exception, RedError)
    told = json.loads(result.stdout)
    red = [verdict["gate"].split(":")[0] for verdict in told["verdicts"] if verdict["passed"] is False]
    assert "skew" in red
    # Two months of training are too few to know how far an estimate is off.
    assert told["estimates"] == []


def test_the_rows_of_training_are_held_out_in_parts_of_whole_days(
    project: Project, trained: training.Trained, split: snapshots.Split
) -> None:
    spec = project.settings.model.model_copy(update={"max_iter": 3})
    found = training.held_out_predictions(replace(trained, spec=spec))
    assert found is not None
    assert len(found) == len(split.train)
    assert found["probability"].between(0, 1).all()
    days = found.groupby("day")["part"].agg(["min", "max"])
    assert (days["min"] == days["max"]).all()
    assert days["min"].is_monotonic_increasing
    assert set(days["min"].value_counts()) <= {15, 16}
    # The answers of the last part are those of a model that saw the first, second, fourth and fifth.
    out = found["part"] == 5
    kept = split.train[~found["part"].isin([2, 5]).to_numpy()]
    expected = training.predict(training.fit_pipeline(project, kept, spec), spec, split.train[out.to_numpy()])
    np.testing.assert_allclose(found["probability"][out], expected)


def test_red_data_stop_the_training(own: Project) -> None:
    config = own.settings
    raw = settings.Snapshot(folder=config.snapshot("2023").folder)
    of_data = {"snapshots": {**config.data.snapshots, "raw": raw}, "snapshot": "raw"}
    broken = own.using(config.model_copy(update={"data": config.data.model_copy(update=of_data)}))
    with pytest.raises(RedError, match="rule utc"):
        releases.train_version(broken)


def test_no_verdict_is_not_green() -> None:
    with pytest.raises(RedError, match="no gate has judged"):
        errors.require_green([])
    with pytest.raises(RedError, match="unsure"):
        errors.require_green([errors.Verdict("unsure", None, "no data yet")])
