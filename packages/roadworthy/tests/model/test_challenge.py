"""A retraining from the snapshot to the decision, on real flights with a small model: killed anywhere, replayed."""

import dataclasses
import json
import shutil
import signal
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import killed
import pytest
from click.testing import CliRunner

from roadworthy.base import settings
from roadworthy.base.errors import InputError, RedError, Verdict
from roadworthy.bundle.bundle import Bundle
from roadworthy.cli import program
from roadworthy.drills import practice
from roadworthy.project import Project
from roadworthy.registry import releases
from roadworthy.registry.registry import Registry
from roadworthy.retraining import decisions, replay, retrain
from roadworthy.retraining.decisions import PHASES, Decisions, decision_verdicts
from roadworthy.retraining.retrain import decide_retraining
from sample import HOME
from tracked import recorded_runs

pytestmark = pytest.mark.slow
CHANGES = {
    'train = ["2013-01-01", "2013-07-01"]': 'train = ["2013-05-01", "2013-06-01"]\nevery = 6',
    'test = ["2013-07-01", "2014-01-01"]': 'test = ["2013-06-01", "2013-07-01"]',
    'snapshots = ["2013", "2023"]': 'snapshots = ["2013"]',
    'train = ["2013-01-01", "2023-07-01"]': 'train = ["2013-05-01", "2013-09-01"]',
    'test = ["2023-07-01", "2024-01-01"]': 'test = ["2013-09-01", "2013-10-01"]',
    "max_iter = 200": "max_iter = 15",
    'slices = ["carrier", "origin", "hour"]': 'slices = ["origin"]',
    "min_auc_slice = 0.55": "min_auc_slice = 0.5",
    "max_invariance = 0.01": "max_invariance = 0.1",
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion that has seen one month, and with what it made of its data; read only."""
    home = tmp_path_factory.mktemp("ground")
    text = (HOME / "config.toml").read_text(encoding="utf-8")
    for old, new in CHANGES.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (home / "config.toml").write_text(text, encoding="utf-8")
    (home / "data").symlink_to(HOME / "data", target_is_directory=True)
    config = settings.load_settings(home)
    Registry(config.paths.registry).promote(
        releases.train_version(Project.open(home)).version, reason="the first version"
    )
    assert tomllib.loads(text)["retraining"]["snapshots"] == ["2013"]
    return home


@pytest.fixture
def home(ground: Path, tmp_path: Path) -> Path:
    """A copy of that project."""
    return Path(shutil.copytree(ground, tmp_path / "home", symlinks=True))


def decided(home: Path, **values: Any) -> decisions.Record:
    return decide_retraining(Project.open(home), **{"judge": retrain.tests_only, **values})


def state(home: Path) -> dict[str, Any]:
    """What must not be doubled or lost: versions, aliases, tracked runs, decisions; every version is whole."""
    config = settings.load_settings(home)
    registry = Registry(config.paths.registry)
    for number in registry.versions():
        Bundle.load(registry.path(number))
    runs = recorded_runs(config.paths.tracking, config.model.name)
    return {
        "versions": registry.versions(),
        "aliases": registry.aliases(),
        "runs": sorted(str(run["name"]) for run in runs),
        "decisions": [record.number for record in Decisions(registry.folder).all()],
    }


@pytest.fixture(scope="module")
def undisturbed(ground: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same project after a retraining that nobody disturbed; read only."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(ground, home, symlinks=True)
    decided(home)
    return home


def test_a_decision_follows_from_what_was_said_and_moves_the_aliases(undisturbed: Path) -> None:
    (record,) = Decisions(settings.load_settings(undisturbed).paths.registry).all()
    assert record.outcome is not None
    assert all(phase in record for phase in PHASES)
    said = decision_verdicts(record)
    promoted = all(verdict.passed for verdict in said)
    assert (record.outcome["promoted"], record.outcome["ended"]) == (promoted, "decided")
    assert state(undisturbed)["aliases"] == {"champion": 2 if promoted else 1, "challenger": 2}
    assert {"better than the champion", "on days that neither has seen", "sound in the shadow"} <= {
        v.gate for v in said
    }
    assert record["snapshot"]["sums"]["2013"]["flights.parquet"].startswith("11fc8793")
    assert (record["checks"]["test"]["first"], record["checks"]["test"]["last"]) == ("2013-09-01", "2013-09-30")


def test_a_retraining_that_is_killed_in_each_phase_leaves_a_valid_registry_and_the_next_one_goes_on(
    home: Path, undisturbed: Path
) -> None:
    champion, complete = state(home)["aliases"]["champion"], dict[str, str]()
    for phase in PHASES:
        child = practice._fork_server().Process(target=killed.main, args=(home, phase))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL, phase
        (record,) = Decisions(settings.load_settings(home).paths.registry).all()
        assert (list(record.content["phases"]), record.open) == (list(PHASES[: PHASES.index(phase)]), True)
        if phase != "promotion":
            assert state(home)["aliases"]["champion"] == champion
        times = {name: found["at"] for name, found in record.content["phases"].items()}
        assert complete.items() <= times.items(), "what was complete is not done again"
        complete = times
    ended = decided(home)
    assert state(home) == state(undisturbed), "as if nobody had killed it"
    (other,) = Decisions(settings.load_settings(undisturbed).paths.registry).all()
    assert ended["comparison"] == other["comparison"]
    assert ended["training"]["sums"] == other["training"]["sums"]
    assert complete.items() <= {name: found["at"] for name, found in ended.content["phases"].items()}.items()


def test_the_same_is_decided_once_unless_it_is_wanted_again(home: Path) -> None:
    first = decided(home)
    assert decided(home).content == first.content
    assert state(home)["decisions"] == [1]
    again = decided(home, again=True, why="by hand")
    # After a promotion the challenger would meet itself.
    assert (again.number, again["training"]["version"]) == (2, first["training"]["version"])


def test_another_question_leaves_the_open_decision_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> list[Verdict]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decided(home, judge=killed)
    monkeypatch.setenv("MLE_MODEL__SEED", "1")
    second = decided(home)
    first = Decisions(settings.load_settings(home).paths.registry).get(1)
    assert first.outcome is not None
    assert first.outcome["ended"] == "abandoned"
    assert second.number == 2
    with pytest.raises(InputError, match="decision 1 is abandoned"):
        replay.replay_decision(Project.open(home), 1)


@pytest.mark.parametrize("passed", [False, None])
def test_a_gate_that_is_not_green_keeps_the_challenger_where_it_is(home: Path, passed: bool | None) -> None:  # noqa: FBT001
    def one(*_: object) -> list[Verdict]:
        return [Verdict("Model 5", passed, "as if")]

    record = decided(home, judge=one)
    assert record.outcome is not None
    assert record.outcome["promoted"] is False
    assert "Model 5: as if" in record.outcome["reason"]
    assert state(home)["aliases"] == {"champion": 1, "challenger": 2}


def test_a_waived_gate_lets_a_challenger_pass_on_the_day_of_the_promotion_and_stands_in_its_card(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC).date()
    waived = {"reason": "asked until spring", "by": "Ada", "until": str(today + timedelta(days=1))}

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    def better(_: object) -> Verdict:
        return Verdict("better than the champion", passed=True, evidence="as if")

    def card() -> dict[str, Any]:
        (file,) = (home / "registry" / "decisions").glob("*/card.json")
        return dict(json.loads(file.read_text(encoding="utf-8")))

    monkeypatch.setattr(decisions, "better_than_champion", better)
    monkeypatch.setattr(decisions, "no_slice_worse", better)
    with monkeypatch.context() as patch:
        patch.setattr(retrain.DecisionWork, "promotion", interrupted)
        with pytest.raises(KeyboardInterrupt):
            decided(home, judge=lambda *_: [Verdict("Model 5", passed=False, evidence="as if", waived=waived)])
    assert card()["decision"]["promoted"] is True
    assert f"not green, but waived until {waived['until']} by Ada: asked until spring" in card()["use"]["limits"][0]
    (file,) = (home / "registry" / "decisions").glob("*/decision.json")
    file.write_text(file.read_text().replace(waived["until"], str(today)))
    record = decided(home)
    assert record.outcome is not None
    assert record.outcome["promoted"] is card()["decision"]["promoted"] is False
    assert f"Model 5: as if; its waiver ended on {today}" in record.outcome["reason"]


def test_a_champion_that_knows_the_days_is_not_beaten_on_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLE_RETRAINING__TRAIN", '["2013-04-01", "2013-05-15"]')
    monkeypatch.setenv("MLE_RETRAINING__TEST", '["2013-05-15", "2013-06-15"]')
    record = decided(home)
    assert record.outcome is not None
    assert record.outcome["promoted"] is False
    assert "the champion knows some of them" in record.outcome["reason"]


def test_data_that_were_changed_stop_it_before_anything_is_trained(home: Path) -> None:
    (home / "data").unlink()
    shutil.copytree(HOME / "data", home / "data")
    (home / "data" / "2013" / "airlines.parquet").write_bytes(b"other")
    with pytest.raises(InputError, match="was changed"):
        decided(home)
    assert state(home)["versions"] == [1]


def test_a_replay_says_the_same_and_what_has_changed(
    undisturbed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = Project.open(undisturbed)
    before = state(undisturbed)
    found = replay.replay_decision(project, 1)
    assert (found.same, found.changed, found.differ) == (True, (), ())
    assert found.figures >= 50
    assert state(undisturbed) == before, "a replay writes nothing"
    monkeypatch.setattr(retrain, "decision_code", lambda: "other")
    assert replay.replay_decision(project, 1).changed == ("code: the library is not that of then",)
    # The settings of today do not count, the data of today do.
    home = Path(shutil.copytree(undisturbed, tmp_path / "home", symlinks=True))
    (home / "data").unlink()
    shutil.copytree(HOME / "data", home / "data")
    sums = home / "data" / "2013" / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("11fc8793", "00000000"))
    changed = replay.replay_decision(Project.open(home), 1)
    assert changed.changed[0] == "data: 2013/flights.parquet has another sum"
    assert (changed.figures, changed.same) == (0, False)


def test_a_replay_tells_what_of_the_projects_package_has_changed(undisturbed: Path) -> None:
    project = Project.open(undisturbed)

    def build(spec: settings.Model) -> Any:
        return project.build(spec.model_copy(update={"max_iter": 3}))

    contract = dataclasses.replace(project.contract, tables=(*project.contract.tables[1:], project.contract.tables[0]))
    other = dataclasses.replace(project.definition, contract=contract, model=build)
    found = replay.replay_decision(Project(project.folder, project.settings, other), 1)
    assert found.changed == ("code: the contract is not that of then", "code: the model is not that of then")
    assert (bool(found.differ), found.same) == (True, False)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda content: content["phases"]["comparison"]["found"]["difference"].update(auc=0.5),
        lambda content: content["phases"]["training"]["found"]["sums"].update({"model.onnx": "0" * 64}),
        lambda content: content["outcome"].update(promoted=not content["outcome"]["promoted"]),
    ],
)
def test_a_record_that_was_changed_does_not_come_out_again(
    undisturbed: Path, tmp_path: Path, tamper: Callable[[dict[str, Any]], None]
) -> None:
    home = Path(shutil.copytree(undisturbed, tmp_path / "home", symlinks=True))
    file = home / "registry" / "decisions" / "0001" / "decision.json"
    content = json.loads(file.read_text())
    tamper(content)
    file.write_text(json.dumps(content))
    assert replay.replay_decision(Project.open(home), 1).same is False


def test_the_model_card_says_what_the_record_says(undisturbed: Path) -> None:
    (record,) = Decisions(settings.load_settings(undisturbed).paths.registry).all()
    card = json.loads((record.folder / "card.json").read_text())
    page = (record.folder / "card.html").read_text()
    assert record.outcome is not None
    assert card["decision"]["promoted"] == record.outcome["promoted"]
    assert card["metrics"]["difference"] == record["comparison"]["difference"]
    low, high = (f"{card['metrics']['difference'][name]:+.4f}" for name in ("auc_low", "auc_high"))
    assert f"[{low}, {high}]" in page
    for words in ("2013-09-01", card["files"]["model.onnx"], card["lineage"]["contract"], "max_iter", "not the gates"):
        assert str(words) in page
    assert card["lineage"]["model"] in page
    assert all(verdict["gate"] in page for verdict in card["verdicts"])
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_the_command_lists_replays_and_says_when_nothing_is_to_do(
    undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_HOME", str(undisturbed))

    def run(*words: str) -> Any:
        return CliRunner().invoke(program.commands, ["retrain", *words], catch_exceptions=False)

    (row,) = json.loads(run("--list", "--json").stdout)
    assert (row["decision"], row["champion"], row["version"]) == (1, 1, 2)
    assert json.loads(run("--replay", "1", "--json").stdout)["figures"] >= 50
    said = run("--if-needed")
    assert said.exit_code == 0
    assert "nothing to do" in said.stderr or "No rule asks" in said.stderr
    with pytest.raises(InputError, match="there is no decision 7"):
        run("--replay", "7")
    monkeypatch.setattr(
        replay,
        "replay_decision",
        lambda *_: dataclasses.replace(replay.Replayed(1, (), 9, ("auc",), True, recorded=True)),
    )
    with pytest.raises(RedError, match="comes out otherwise: auc"):
        run("--replay", "1")


def test_by_rule_it_starts_for_the_days_that_are_new(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLE_HOME", str(home))
    monkeypatch.setattr(retrain, "all_gates", retrain.tests_only)
    said = CliRunner().invoke(program.commands, ["retrain", "--if-needed"], catch_exceptions=False)
    assert "new days: yes, 92 labelled days" in said.stderr
    (record,) = Decisions(settings.load_settings(home).paths.registry).all()
    assert record.plan["why"].startswith("rule: ")
    assert "new days" in record.plan["why"]


def test_without_a_champion_it_says_what_to_do(home: Path) -> None:
    (home / "registry" / "aliases.json").unlink()
    with pytest.raises(InputError, match="train"):
        decided(home)


def test_two_at_a_time_are_one_too_many(home: Path) -> None:
    def nested(*_: object) -> list[Verdict]:
        with pytest.raises(InputError, match="another process is at work"):
            decided(home)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decided(home, judge=nested)


def test_what_is_no_decision_is_named(tmp_path: Path) -> None:
    file = tmp_path / "decisions" / "0001" / "decision.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"plan": 1}')
    with pytest.raises(InputError, match="is not a decision"):
        Decisions(tmp_path).all()
