"""Two domains beside this project go through everything by the real commands: the library knows no column."""

import json
import re
import shutil
import sys
import urllib.request
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from assembled import NAMES, assemble, champion_of, change, command, run_tests_of_a_project, sent, served, told

from roadworthy.base import databases
from roadworthy.bundle.bundle import Bundle, predict_frame
from roadworthy.data import snapshots
from roadworthy.drills import faults, practice
from roadworthy.gates import run, whole_pipeline
from roadworthy.gates.bench import Bench
from roadworthy.gates.run import GATES
from roadworthy.monitoring.log import PredictionLog
from roadworthy.project import Project
from roadworthy.registry import releases
from roadworthy.serving import simulation
from roadworthy.serving.app import create_app
from roadworthy.serving.asgi import PREDICT

pytestmark = pytest.mark.slow
SAME = 1e-6


# Rows in quarantine, by snapshot.
LOST = {"charging": {"2024": 5}, "plant": {"line-a": 2, "line-b": 2}}
TABLES = {"charging": ("sessions", "sites"), "plant": ("machines", "readings", "services")}
REGISTRY = {"charging": "registry", "plant": "kept/registry"}
END = {"charging": "2024-11-04", "plant": "2031-09-15"}  # of the test period
# What happens, and the monitors that must ring for it.
INCIDENTS = {
    "charging": ("site-closed@2024-08-12", {"volume"}),
    "plant": ("sensor-silent@2031-08-01", {"nulls", "drift", "skew"}),
}
# Settings that name what features.sql does not make, in a command, and what it says.
WRONG = [
    ("train", "MLE_TESTS__SLICES", '["makker"]', "[tests] slices: there is no column 'makker'"),
    ("evaluate", "MLE_TESTS__SLICES", '["product", "makker"]', "[tests] slices: there is no column 'makker'"),
    ("test-model", "MLE_TESTS__INVARIANT", '["makker"]', "[tests] invariant: there is no column 'makker'"),
    ("train", "MLE_TESTS__RISES_WITH", "{ lod = [0, 1] }", "[tests.rises_with]: there is no column of numbers 'lod'"),
    (
        "train",
        "MLE_TESTS__FALLS_WITH",
        "{ maker = [0, 1] }",
        "[tests.falls_with]: there is no column of numbers 'maker'",
    ),
]
# The same for gates, whose evidence says it.
WRONG_OF_GATES: list[tuple[str, str, dict[str, str], str]] = [
    ("Data 2", "kept", {"lod": "why"}, "config.toml: [gates.kept]: there is no column 'lod'; features.sql"),
    ("Model 7", "groups", {"who": "lod > 1"}, "config.toml: [gates.groups] who: 'lod > 1' cannot be evaluated: Binder"),
    ("Model 7", "groups", {"who": "maker ="}, "[gates.groups] who: 'maker =' cannot be evaluated: Parser"),
    ("Model 7", "groups", {"who": "maker::integer"}, "'maker::integer' cannot be evaluated: Conversion"),
]


# The words of the library for the roles of the columns.
ROLES = {"reading": "key", "taken_at": "time", "shift": "day", "faulty": "label", "inspected_at": "known_at"}
# The gates that read contract, SQL, model and bundle; what others measure, they measure once for each domain above.
READING = {"Data": "14567", "Model": "127", "Infrastructure": "2345", "Monitoring": "23"}


@pytest.fixture(params=NAMES)
def home(request: pytest.FixtureRequest) -> Path:
    """The folder of each domain in turn, with a champion."""
    return champion_of(request.param)


@pytest.fixture
def project(home: Path) -> Project:
    """The same as an object."""
    return Project.open(home)


def champion(project: Project) -> Bundle:
    return Bundle.load(project.settings.paths.registry / "versions" / "1")


def asked(project: Project, bundle: Bundle, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a client sends them."""
    return databases.plain_records(rows, [project.contract.key, *bundle.names])


def test_the_tables_are_sound_and_a_few_rows_are_set_aside(home: Path) -> None:
    for snapshot, lost in LOST[home.name].items():
        found = told(home, "check", "--snapshot", snapshot)
        assert {each["table"] for each in found} - {"project"} == set(TABLES[home.name])
        assert all(each["passed"] for each in found)
        kept = [each for each in found if each["check"] == "rows keep the contract"]
        assert sum(each["rows"] for each in kept) == lost


def test_a_version_is_trained_listed_evaluated_and_tested(home: Path) -> None:
    (version,) = told(home, "registry", "list")
    assert (version["version"], version["aliases"]) == (1, "champion")
    result = told(home, "evaluate")
    assert result["auc"] == pytest.approx(version["auc"], abs=1e-4)
    assert result["auc_low"] > 0.65
    assert len(result["slices"]) > 5
    assert all(each["passed"] for each in told(home, "test-model"))


LIGHTGBM = """from lightgbm import LGBMClassifier

NAMES = {"max_iter": "n_estimators", "max_leaf_nodes": "num_leaves"}


def named(values):
    return {NAMES.get(name, name): value for name, value in values.items()}
"""


def test_the_tests_of_a_project_hold_for_other_data(home: Path, tmp_path: Path) -> None:
    """What a project is generated with says nothing of flights, but for one file and what that needs."""
    folder = run_tests_of_a_project(home, tmp_path / home.name)
    tested = {path.stem for path in (folder / "tests").glob("test_*.py")}
    assert tested == {f"test_{name}" for name in ("contract", "drill", "feature_examples", "incidents", "model")}


OTHER_MODELS = {
    # What is imported, what is built, its search space, and the lines of config.toml that change.
    "logistic": (
        "from sklearn.linear_model import LogisticRegression",
        'LogisticRegression(C=spec.parameters["C"], max_iter=1000, random_state=spec.seed)',
        'rw.SearchSpace(grid={"C": (0.1, 1.0)}, quick=({"C": 0.1},))',
        {"max_iter = 40\nlearning_rate = 0.1\nmax_leaf_nodes = 8\n": "parameters = { C = 1.0 }\n"},
    ),
    "calibrated LightGBM": (
        LIGHTGBM,
        "LGBMClassifier(**named(spec.hyperparameters), verbose=-1, random_state=spec.seed)",
        'rw.SearchSpace(grid={**NAMES, "learning_rate": ()}, quick=({"max_iter": 20},))',
        {
            "seed = 0\n": 'seed = 0\ncalibration = "isotonic"\n',
            "[gates.kept]\n": '[gates.kept]\nplace = "sites say nearly the same; the operators ask for it"\n',
        },
    ),
}


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_another_estimator_goes_through_everything(name: str, tmp_path: Path) -> None:
    home = assemble("charging", tmp_path / "charging")
    imported, built, search, changes = OTHER_MODELS[name]
    model = f"{imported}\n\nimport roadworthy as rw\n\n\ndef build(spec):\n    return {built}\n\n\nSEARCH = {search}\n"
    (home / "src" / "charging_project" / "model.py").write_text(model, encoding="utf-8")
    for old, new in changes.items():
        change(home / "config.toml", old, new)
    assert all(each["passed"] for each in told(home, "train"))
    assert command(home, "registry", "promote", "1").returncode == 0
    red = {each["gate"]: each["evidence"] for each in told(home, "gates") if not each["passed"]}
    assert red == {}
    key = str(pd.read_parquet(home / "data" / "2024" / "sessions.parquet")["session"].iloc[-1])
    steps = told(home, "trace", key)
    assert steps["probability"] == pytest.approx(steps["answer"], abs=1e-5)
    assert sum(each["moved"] for each in steps["features"]) == pytest.approx(steps["sum"] - steps["mean"])
    line = steps["formula"]
    assert line.startswith("1 / (1 + exp(" if name == "logistic" else "calibration of ")


def test_an_estimator_without_an_export_is_refused_before_it_is_fitted(tmp_path: Path) -> None:
    home = assemble("charging", tmp_path / "charging")
    model = "from sklearn.naive_bayes import GaussianNB\n\n\ndef build(spec):\n    return GaussianNB()\n"
    (home / "src" / "charging_project" / "model.py").write_text(model, encoding="utf-8")
    done = command(home, "train")
    assert done.returncode == 2
    assert "a GaussianNB has no export" in done.stderr
    assert "the nearest that has one: LogisticRegression" in done.stderr


def test_the_bundle_has_the_roles_of_its_contract(project: Project) -> None:
    bundle, contract, spec = champion(project), project.contract, project.settings.model
    signature = bundle.signature
    assert (signature.key, signature.time, signature.target) == (contract.key, contract.time, contract.target)
    assert set(bundle.names) == set(spec.features)
    assert {feature.kind for feature in signature.features} == {"category", "integer", "number"}
    assert not any(feature.private for feature in signature.features)
    assert project.registry.folder == project.folder / REGISTRY[project.folder.name]
    # Parts are inspected, and cars unplugged, within a day.
    reference = json.loads((project.registry.path() / "reference.json").read_text(encoding="utf-8"))
    assert reference["traffic"]["label_delay_days"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can catch")
def test_the_service_answers_as_the_bundle_and_keeps_what_it_answered(project: Project, tmp_path: Path) -> None:
    bundle = champion(project)
    rows = asked(project, bundle, snapshots.split_features(project).test.iloc[:50])
    with served(project.folder, tmp_path / "log.db") as address:
        status, answer = sent(address, {"rows": rows})
        assert status == 200
        wrong, refusal = sent(address, {**rows[0], bundle.names[0]: ["no value"]})
        assert (wrong, bundle.names[0] in json.dumps(refusal)) == (422, True)
        with urllib.request.urlopen(f"{address}/v1/model", timeout=30) as about:  # noqa: S310
            assert json.load(about)["target"] == project.contract.target
    said = [each["probability"] for each in answer["predictions"]]
    assert answer["version"] == "1"
    assert np.allclose(said, bundle.predict_rows(rows), rtol=0, atol=SAME)
    assert [each["key"] for each in answer["predictions"]] == [row[project.contract.key] for row in rows]
    with PredictionLog(tmp_path / "log.db", bundle.signature) as log:
        assert log.read()["probability"].tolist() == said


def test_a_file_is_scored_as_the_bundle_answers_and_a_bad_row_is_set_aside(project: Project, tmp_path: Path) -> None:
    bundle, contract = champion(project), project.contract
    suffix = {"charging": "parquet", "plant": "csv"}[project.folder.name]
    rows = (
        snapshots.split_features(project).test[[contract.key, *bundle.names, contract.time, contract.target]].iloc[:500]
    )
    number = next(feature.name for feature in bundle.signature.features if feature.kind == "number")
    bad = rows.iloc[:1].assign(**dict[str, Any]({contract.key: "bad", number: 1e9}))
    place, target = tmp_path / f"rows.{suffix}", tmp_path / f"scored.{suffix}"
    together = pd.concat([rows, bad])
    together.to_parquet(place) if suffix == "parquet" else together.to_csv(place, index=False)
    found = told(project.folder, "score", str(place), str(target))
    assert (found["version"], found["rows"], found["scored"], found["quarantined"]) == ("1", 501, 500, 1)
    assert any(number in reason for reason in found["reasons"])
    scored = pd.read_parquet(target) if suffix == "parquet" else pd.read_csv(target)
    assert scored[contract.key].to_list() == rows[contract.key].to_list()
    assert np.allclose(scored["probability"], predict_frame(bundle, rows), rtol=0, atol=SAME)


def new_rows(project: Project, folder: Path) -> int:
    """A folder with the last rows of the first table, of which nobody knows how they end, and the others; how many."""
    first, place = project.contract.tables[0], project.settings.snapshot().folder
    shutil.copytree(place, folder)
    rows = pd.read_parquet(place / f"{first.name}.parquet").tail(300)
    rows = rows.drop(columns=[column.name for column in first.columns if column.known == "after"])
    (folder / f"{first.name}.parquet").unlink()
    if project.folder.name == "charging":
        rows.to_csv(folder / f"{first.name}.csv", index=False)
    else:
        rows.to_parquet(folder / f"{first.name}.parquet")
    return len(rows)


def test_new_rows_are_scored_from_raw_tables_as_from_their_features(project: Project, tmp_path: Path) -> None:
    home, count = project.folder, new_rows(project, tmp_path / "new")
    file, scores, at_once = (str(tmp_path / name) for name in ("features.parquet", "scores.parquet", "raw.parquet"))
    made = told(home, "features", str(tmp_path / "new"), file)
    lost = made["quarantined"][project.contract.tables[0].name]
    assert (made["rows"], made["tables"][project.contract.tables[0].name]) == (count - lost, count)
    assert set(made["tables"]) == set(TABLES[home.name])
    how = ("--version", "1", "--for-monitoring")
    counted = told(home, "score", file, scores, *how)
    found = told(home, "score", "--raw", str(tmp_path / "new"), at_once, *how)
    assert found == {**counted, "raw": made}
    assert Path(scores).read_bytes() == Path(at_once).read_bytes()
    # What the team trained on is the same of these rows, but for what only the past of the site or machine says.
    key, past = project.contract.key, {"recent", "recent_faults", "since_service"}
    whole = snapshots.checked_features(project).set_index(key)
    now = pd.read_parquet(file).set_index(key)
    names = [name for name in project.settings.model.features if name not in past]
    assert now[project.contract.target].isna().all()
    pd.testing.assert_frame_equal(now[names], whole.loc[now.index, names], check_dtype=False)
    watched = command(home, "monitor", "--scored", at_once, "--json")
    assert any(each["gate"].startswith("drift") for each in json.loads(watched.stdout)["verdicts"]), watched.stderr


def test_a_file_is_taken_for_the_first_table_and_a_folder_for_a_snapshot(project: Project, tmp_path: Path) -> None:
    home, first = project.folder, project.contract.tables[0].name
    place = project.settings.snapshot().folder
    for words in ((), ("--table",), ("--table", first)):
        found = told(home, "check", str(place / f"{first}.parquet"), *words)
        assert {each["table"] for each in found} == {first}
    unsealed = shutil.copytree(place, tmp_path / "unsealed")
    (unsealed / "SHA256SUMS").unlink()
    by_folder, by_name = told(home, "check", str(unsealed)), told(home, "check")
    assert sorted(map(str, by_folder)) == sorted(map(str, by_name))


def test_a_prediction_is_traced_from_its_raw_rows_to_the_answer(project: Project) -> None:
    bundle, contract = champion(project), project.contract
    row = snapshots.split_features(project).test.dropna().iloc[[700]]
    key = str(row[contract.key].iloc[0])
    found = told(project.folder, "trace", key)
    assert (found["key"], set(found["raw"])) == (key, set(TABLES[project.folder.name]))
    values = {each["feature"]: each["value"] for each in found["features"]}
    assert values == pytest.approx(databases.plain_records(row, bundle.names)[0])
    moved = sum(each["moved"] for each in found["features"])
    assert found["mean"] + moved == pytest.approx(found["sum"], abs=1e-5)
    assert found["probability"] == pytest.approx(1 / (1 + np.exp(-found["sum"])), abs=SAME)
    assert found["answer"] == pytest.approx(predict_frame(bundle, row)[0], abs=SAME)
    assert not {"driver"} & {name for rows in found["raw"].values() for each in rows for name in each}


def test_quiet_months_ring_nothing_and_an_incident_rings(project: Project, tmp_path: Path) -> None:
    home, frame, (start, end) = project.folder, snapshots.checked_features(project), project.settings.split.test
    times = frame[project.contract.time]
    inside = frame[(times >= pd.Timestamp(start, tz="UTC")) & (times < pd.Timestamp(end, tz="UTC"))]
    quiet, loud = tmp_path / "quiet.db", tmp_path / "loud.db"
    found = told(home, "simulate", "--log", str(quiet))
    labelled = int(inside[project.contract.target].notna().sum())
    assert (found["predictions"], found["labels"], found["alarms"]) == (len(inside), labelled, [])
    incident, rung = INCIDENTS[home.name]
    found = told(home, "simulate", "--log", str(loud), "--incident", incident)
    assert rung <= {alarm["monitor"] for alarm in found["alarms"]}
    # The command `monitor` says the same of these logs: of the quiet one here, of the loud one there.
    log, code = (quiet, 0) if home.name == "charging" else (loud, 1)
    watched = told(home, "monitor", "--log", str(log), "--until", END[home.name], code=code)
    red = {each["gate"].partition(":")[0] for each in watched["verdicts"] if each["passed"] is False}
    assert red <= rung | {"skill", "auc", "base rate", "calibration", "prediction"}
    assert bool(red & rung) == bool(code)
    own = [each["gate"] for each in watched["verdicts"] if each["gate"].startswith("certain")]
    assert own == (["certain: Few answers are nearly certain"] if home.name == "charging" else [])


@pytest.mark.parametrize(("word", "name", "value", "words"), WRONG)
def test_a_setting_that_names_no_column_is_told_with_those_there_are(
    word: str, name: str, value: str, words: str
) -> None:
    refused = command(champion_of("plant"), word, **{name: value})
    assert (refused.returncode, words in refused.stderr, "since_service" in refused.stderr) == (2, True, True)


@pytest.mark.parametrize(("gate", "key", "value", "words"), WRONG_OF_GATES)
def test_a_gate_says_which_setting_names_no_column(gate: str, key: str, value: dict[str, str], words: str) -> None:
    project = Project.open(champion_of("plant"))
    gates = project.settings.gates.model_copy(update={key: value})
    found = run.judge_named(gate, Bench(project.using(project.settings.model_copy(update={"gates": gates}))))
    assert (found.passed, words in found.evidence, "since_service" in found.evidence) == (False, True, True), found


def test_a_project_without_groups_or_slices_is_told_that_they_are_missing() -> None:
    project = Project.open(champion_of("plant"))
    config = project.settings
    empty: dict[str, Any] = {"slices": (), "groups": {}}
    parts = {name: getattr(config, name).model_copy(update=empty) for name in ("tests", "gates")}
    bench = Bench(project.using(config.model_copy(update=parts)))
    assert [run.judge_named(gate, bench).passed for gate in ("Model 6", "Model 7")] == [None, None]
    assert "[tests] slices" in run.judge_named("Model 6", bench).evidence


def test_a_waived_gate_is_shown_and_lets_the_command_end_well(tmp_path: Path) -> None:
    home = Path(shutil.copytree(champion_of("plant"), tmp_path / "plant"))
    waived = '{ "Data 5" = { reason = "asked until spring", by = "Ada", until = 2099-03-01 } }'
    settings = {"MLE_GATES__NO_PRIVATE_COLUMNS": "", "MLE_GATES__WAIVED": waived}
    done = command(home, "gates", **settings)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "27 green, 1 waived")
    assert re.search(r"Data 5 +waived", done.stdout)
    (recorded,) = (home / "kept" / "registry" / "judged").iterdir()
    assert [each["gate"] for each in json.loads(recorded.read_text(encoding="utf-8")) if "waived" in each] == ["Data 5"]


def test_the_gates_are_green(home: Path) -> None:
    words = {"charging": "scorecard", "plant": "gates"}[home.name]
    found = told(home, words)
    judged = {each["gate"]: each for each in (found["tests"] if words == "scorecard" else found)}
    assert all(each["passed"] for each in found["own"]) if words == "scorecard" else True
    assert list(judged) == [gate.name for gate in GATES]
    assert {name: each["evidence"] for name, each in judged.items() if each["passed"] is not True} == {}


def test_limits_are_measured_on_the_history_of_any_project(home: Path) -> None:
    before = (home / "config.toml").read_bytes()
    measured = {row["limit"]: row for row in told(home, "calibrate", "--variants", "4")}
    assert {"max_error_loss", "max_slice_drop", "max_version_psi", "max_step"} <= set(measured)
    for row in measured.values():
        assert row["proposed"] >= row["now"] or row["guards_against"] == "chance: derived"
    assert (home / "config.toml").read_bytes() == before


def test_a_drill_finds_its_tables_and_its_drills_wherever_they_stand(project: Project, tmp_path: Path) -> None:
    copy = practice.copy_project(project, tmp_path / "copy")
    files = {file.name for file in project.settings.snapshot().folder.iterdir()}
    assert {file.name for file in copy.snapshot().iterdir()} == files
    assert practice._sampling_interval(copy.snapshot()) == 1, "there are few rows: each one is needed"
    for fault in faults.load_faults(project.folder):
        assert fault.gate in {gate.name for gate in GATES}
        practice.fresh_copy(copy, tmp_path / fault.name).plant(fault)


def test_a_retraining_decides_and_records_it(project: Project) -> None:
    home = project.folder
    row = told(home, "retrain")
    assert (row["decision"], row["champion"], row["version"], row["outcome"]) == (1, 1, 2, "promoted")
    # In both worlds something has changed that the new model has learned.
    assert row["gain"] > 0.005
    red = [reason.partition(":")[0] for reason in row["reason"].split("; ")]
    assert red == ["better than the champion", "no slice is worse"]
    assert told(home, "retrain", "--list") == [row]
    assert project.registry.aliases() == {"champion": 2, "challenger": 2}
    (card,) = project.registry.folder.glob("decisions/*/card.json")
    about = project.contract.features.column(project.contract.target).about
    assert json.loads(card.read_text(encoding="utf-8"))["use"]["answers"] == about
    assert command(home, "registry", "rollback").returncode == 0
    assert project.registry.aliases()["champion"] == 1


def test_two_projects_in_one_process_know_nothing_of_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "GATES", [gate for gate in GATES if gate.name[-1] in READING[gate.section]])
    both = {name: _elsewhere(Project.open(champion_of(name)), tmp_path / name) for name in NAMES}
    one, other = both.values()
    assert one.contract.sha256 != other.contract.sha256
    frames = {name: snapshots.checked_features(project) for _ in range(2) for name, project in both.items()}
    for name, project in both.items():
        assert set(frames[name].columns) == set(project.contract.features.names)
        assert project.contract.key in project.sql("features.sql")
        assert project.build.__module__ == f"{name}_project.model"
    versions = {name: releases.train_version(project).version for name, project in both.items()}
    judged = {name: run.judge_version(project, versions[name]) for name, project in both.items()}
    for name in NAMES:
        assert {each.gate: each.evidence for each in judged[name].gates if each.passed is not True} == {}
    # The models are those that each project trained alone, in a process of its own.
    for name, project in reversed(both.items()):
        alone, here = champion(Project.open(champion_of(name))), Bundle.load(project.registry.path(versions[name]))
        assert here.manifest["lineage"] == alone.manifest["lineage"]
        for file in ("model.onnx", "signature.json", "reference.json"):
            assert here.manifest["sha256"][file] == alone.manifest["sha256"][file]


def _elsewhere(project: Project, folder: Path) -> Project:
    """The same project, which writes somewhere else."""
    names = ("registry", "runs", "reports", "cache", "artifacts")
    paths: dict[str, Any] = {name: folder / name for name in names}
    paths |= {"tracking": folder / "mlflow.db", "predictions": folder / "log.db"}
    settings = project.settings
    return project.using(settings.model_copy(update={"paths": settings.paths.model_copy(update=paths)}))


def test_two_services_in_one_process_answer_each_for_its_own(tmp_path: Path) -> None:
    both = {name: Project.open(champion_of(name)) for name in NAMES}
    bundles = {name: champion(project) for name, project in both.items()}
    apps = {name: create_app(bundle, predictions=tmp_path / f"{name}.db") for name, bundle in bundles.items()}
    rows = {
        name: asked(both[name], bundles[name], snapshots.split_features(both[name]).test.iloc[:6]) for name in NAMES
    }
    for at in range(6):
        for name, app in apps.items():
            status, answer = whole_pipeline.run_coroutine(_ask(app, rows[name][at]))
            assert (status, answer["model"]) == (200, both[name].settings.model.name)
            assert answer["probability"] == pytest.approx(bundles[name].predict_rows([rows[name][at]])[0], abs=SAME)
            foreign = next(rows[each][at] for each in NAMES if each != name)
            assert whole_pipeline.run_coroutine(_ask(app, foreign))[0] == 422


async def _ask(app: Any, row: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answer = await client.post(PREDICT, json=row)
        return answer.status_code, answer.json()


def test_roles_may_have_the_names_by_which_the_library_speaks_of_them(tmp_path: Path) -> None:
    home = Path(shutil.copytree(champion_of("plant"), tmp_path / "words", ignore=shutil.ignore_patterns("kept")))
    package = (home / "src" / "plant_project").rename(home / "src" / "words_project")
    change(home / "config.toml", "plant_project", "words_project")
    sql, contract = (package / name for name in ("features.sql", "contract.py"))
    head, features, rest = contract.read_text(encoding="utf-8").partition("FEATURES = Table(")
    for old, name in ROLES.items():
        rest = re.sub(rf"\b{old}\b", name, rest)
    contract.write_text(f"{head}{features}{rest}", encoding="utf-8")
    named = ", ".join(f"{old} as {name}" for old, name in ROLES.items())
    others = f"* exclude ({', '.join(ROLES)})"
    made = f"select {named}, {others} from (\n{sql.read_text(encoding='utf-8')})\norder by time, key\n"
    sql.write_text(made, encoding="utf-8")
    project = Project.open(home)
    assert releases.train_version(project).version == 1
    bench = Bench(project, 1)
    for gate in ("Data 4", "Model 2", "Infrastructure 3", "Infrastructure 5", "Monitoring 3"):
        found = run.judge_named(gate, bench)
        assert found.passed, found.evidence
    start, end = (datetime.combine(day, time(), UTC) for day in project.settings.split.test)
    watched = simulation.rehearse_period(project.contract, bench.frame, bench.folder, (start, end))
    assert all(verdict.passed for verdict in watched.verdicts)


def test_a_feature_with_a_name_of_the_library_is_refused_in_a_sentence(tmp_path: Path) -> None:
    home = Path(shutil.copytree(champion_of("plant"), tmp_path / "plant"))
    for file, old in (("features.sql", "as load"), ("contract.py", 'name="load"')):
        change(home / "src" / "plant_project" / file, old, old.replace("load", "prediction"))
    change(home / "config.toml", '"load"', '"prediction"')
    refused = command(home, "train")
    assert (refused.returncode, "the library has a column 'prediction' of its own" in refused.stderr) == (2, True)


def test_a_table_with_a_column_of_the_checks_is_refused_in_a_sentence(tmp_path: Path) -> None:
    home = Path(shutil.copytree(champion_of("plant"), tmp_path / "plant"))
    change(home / "src" / "plant_project" / "contract.py", 'name="rated"', 'name="row"')
    refused = command(home, "check")
    assert (refused.returncode, "the checks have a column 'row' of their own" in refused.stderr) == (2, True)
