"""Real tables, from the raw file to a watched model by `adopt --yes` and the other commands, without a line by hand.

One of them in a run of all tests, another one each day; all of them, with every drill, by `make other-data`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from assembled import command, environment, sent, served, told
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from other_tables import are_all, of_this_run
from raw_files import ASKED, NOT_HONEST, RAW, empty_project, options, planted
from roadworthy.base import databases
from roadworthy.bundle.bundle import Bundle, predict_frame
from roadworthy.contract.workspace import Workspace
from roadworthy.data import snapshots
from roadworthy.model.evaluation import problem_of

pytestmark = pytest.mark.slow
WITHOUT_TIME = {"Data 3", "Data 4", "Model 4", "Monitoring 4"}
SEED = os.environ.get("OTHER_DATA_SEED", "123710")
ALL = pytest.mark.skipif(not are_all(of_this_run()), reason="takes minutes: see `make other-data`")


class Adopted:
    """A project that was drafted from a raw table, with its champion."""

    def __init__(self, name: str, place: Path) -> None:
        self.name, self.raw, self.file = name, RAW[name](), place / f"{name}.csv"
        self.home = empty_project(place / f"own_{name}")
        self.faults = planted(name, self.raw)
        self.raw.assign(**self.faults).to_csv(self.file, index=False)
        done = command(self.home, "adopt", str(self.file), *options(name), "--yes")
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=of_this_run())
def adopted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Adopted:
    """Each table of this run, adopted with its faults; trained and promoted."""
    made = Adopted(request.param, tmp_path_factory.mktemp(request.param))
    assert all(each["passed"] for each in told(made.home, "check"))
    trained = command(made.home, "train")
    assert trained.returncode == 0, trained.stderr
    assert command(made.home, "registry", "promote", "1").returncode == 0
    return made


def test_no_fault_is_a_feature_and_what_is_honest_is(adopted: Adopted) -> None:
    project = Workspace.open(adopted.home)
    spelled = {column.name: column.spelled or column.name for column in project.contract.tables[0].columns}
    found = {spelled.get(name, name) for name in project.settings.model.features}
    assert found & set(adopted.faults) == set()
    asked = ASKED[adopted.name]
    honest = set(adopted.raw.columns) - {asked.target, asked.time} - NOT_HONEST
    assert len(honest - found) <= 0.05 * len(honest), honest - found


def test_most_gates_are_green_and_none_is_waived_but_by_the_contract(adopted: Adopted) -> None:
    judged = {each["gate"]: each for each in told(adopted.home, "gates", code=None)}
    red = {name: each["evidence"] for name, each in judged.items() if not (each["passed"] or each["waived"])}
    waived = {name for name, each in judged.items() if each["waived"]}
    assert waived == (WITHOUT_TIME if not ASKED[adopted.name].time else set())
    assert red == {}


def test_the_model_is_as_good_as_a_plain_pipeline_on_the_honest_columns(adopted: Adopted) -> None:
    project = Workspace.open(adopted.home)
    split, contract = snapshots.split_features(project), project.contract
    spec, problem = project.settings.model, problem_of(contract)
    bundle = Bundle.load(adopted.home / "registry" / "versions" / "1")
    frames = [split.train, split.test]
    texts = [name for name in spec.features if contract.features.column(name).kind == "category"]
    known = {name: sorted(split.train[name].dropna().unique()) for name in texts}
    coded = [
        frame[list(spec.features)].assign(
            **{name: pd.Index(known[name]).get_indexer(pd.Index(frame[name])) for name in texts}
        )
        for frame in frames
    ]
    plain = HistGradientBoostingRegressor if contract.regression else HistGradientBoostingClassifier
    model = plain(random_state=0).fit(coded[0], split.train[contract.target])
    answers = model.predict(coded[1]) if contract.regression else model.predict_proba(coded[1])[:, 1]
    own = predict_frame(bundle, split.test)
    difference = problem.compare(split.test[contract.target], own, answers, split.test[contract.day])
    assert difference.quality.high >= 0, "surely worse than a plain pipeline"


def test_the_delivered_file_is_scored_and_asked_for_under_its_own_names(adopted: Adopted, tmp_path: Path) -> None:
    scores = tmp_path / "scores.parquet"
    scored = command(adopted.home, "score", "--raw", str(adopted.file), str(scores))
    assert scored.returncode == 0, scored.stderr
    answers = pd.read_parquet(scores)
    project = Workspace.open(adopted.home)
    rows = snapshots.checked_features(project)
    assert len(answers) == len(rows)
    bundle = Bundle.load(adopted.home / "registry" / "versions" / "1")
    few = rows.iloc[:5]
    asked = databases.plain_records(few, bundle.names)
    spelled = {feature.name: feature.spelled or feature.name for feature in bundle.signature.features}
    named = [{spelled[name]: value for name, value in row.items()} for row in asked]
    with served(adopted.home, tmp_path / "log.db") as address:
        by_name = [sent(address, {"rows": each}) for each in (asked, named)]
    assert [status for status, _ in by_name] == [200, 200]
    first, second = ([each[bundle.signature.answer] for each in answer["predictions"]] for _, answer in by_name)
    assert first == second
    key = project.contract.key
    in_file = answers.set_index(key)[bundle.signature.answer].loc[few[key]]
    assert first == pytest.approx(in_file.tolist(), abs=1e-5 * bundle.signature.width)


def test_the_tests_of_the_project_are_green_and_untouched(adopted: Adopted) -> None:
    how = ["-q", "-p", "no:cacheprovider", "-o", "markers=slow", "-m", "not slow", "tests"]
    line = [sys.executable, "-m", "pytest", *how]
    done = subprocess.run(line, cwd=adopted.home, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_same_delivery_again_differs_in_nothing(adopted: Adopted) -> None:
    before = {path: path.read_bytes() for path in adopted.home.glob("src/**/*.*") if "__pycache__" not in path.parts}
    again = command(adopted.home, "adopt", "--again", str(adopted.file))
    assert again.returncode == 0, again.stderr + again.stdout
    assert {path: path.read_bytes() for path in before} == before
    twice = command(adopted.home, "adopt", str(adopted.file), *options(adopted.name), "--yes")
    assert (twice.returncode, "has its data already" in twice.stderr) == (2, True)


def test_it_is_played_again_and_retrained(adopted: Adopted, tmp_path: Path) -> None:
    played = told(adopted.home, "simulate", "--log", str(tmp_path / "quiet.db"))
    assert played["predictions"] > 0
    assert told(adopted.home, "retrain")["outcome"] in {"promoted", "kept as challenger"}
    assert command(adopted.home, "scorecard").returncode == 0
    assert told(adopted.home, "evaluate")["slices"]


@ALL
def test_nine_of_ten_drafted_drills_are_caught(adopted: Adopted) -> None:
    drilled = told(adopted.home, "drill", "--all", "--jobs", "1")
    missed = [each["fault"] for each in drilled if not each["caught"]]
    assert len(drilled) >= 15
    assert len(missed) <= 0.1 * len(drilled), missed


@ALL
def test_no_limit_refuses_one_of_twenty_fresh_variants(adopted: Adopted) -> None:
    done = command(adopted.home, "calibrate", "--check", "--variants", "20", "--seed", SEED)
    assert done.returncode == 0, done.stderr
    assert "0 false alarms of " in done.stderr
