"""Real tables of other shapes, with contract, SQL and settings written by hand, through the commands.

One of them in a run of all tests, another one each day; all of them, and what takes minutes, by `make other-data`.
"""

import json
import os
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pandas as pd
import pytest
from assembled import assemble, command, environment, run_tests_of_a_project, sent, served, told

from other_tables import OTHER_DATA, are_all, of_this_run
from roadworthy.base import databases
from roadworthy.bundle.bundle import Bundle, frame_columns, predict_frame
from roadworthy.data import snapshots
from roadworthy.drills import faults
from roadworthy.gates import clean_history
from roadworthy.gates.clean_history import CleanVariant, FittedVariant
from roadworthy.gates.speed import STABILITY_ROWS
from roadworthy.model import training
from roadworthy.model.evaluation import problem_of
from roadworthy.project import Project
from roadworthy.serving import tracing
from sample import HOME, REPOSITORY

pytestmark = pytest.mark.slow
WITHOUT_TIME = {"Data 3", "Data 4", "Model 4", "Monitoring 4"}
# What rightly rings over the test period.
RINGS = {"hotels": {"mean", "calibration", "error", "drift"}}  # the second summer is dearer than the first
# The seed of variants that nobody had seen when the limits were written; another one tries them anew.
SEED = os.environ.get("OTHER_DATA_SEED", "123710")


class Table:
    """The project of a table, with a champion, and where its snapshot is."""

    def __init__(self, home: Path) -> None:
        self.home, self.project = home, Project.open(home)
        self.contract = self.project.contract

    @property
    def raw(self) -> Path:
        return self.home / OTHER_DATA[self.home.name]

    @property
    def answer(self) -> str:
        return self.bundle.signature.answer

    @property
    def quality(self) -> str:
        return problem_of(self.contract).metrics[0]

    @property
    def rings(self) -> set[str]:
        return RINGS.get(self.home.name, set())

    @property
    def most(self) -> float:
        """By how much answers may differ on the ways to them."""
        return 1e-5 * self.bundle.signature.width

    @cached_property
    def rows(self) -> pd.DataFrame:
        return self.project.data.features()

    @cached_property
    def split(self) -> snapshots.Split:
        return self.project.data.split()

    @cached_property
    def bundle(self) -> Bundle:
        return Bundle.load(self.home / "registry" / "versions" / "1")


@pytest.fixture(scope="module", params=of_this_run())
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Each table of this run in turn; its gates may be red."""
    folder = assemble(request.param, tmp_path_factory.mktemp(request.param) / request.param)
    assert all(each["passed"] for each in told(folder, "check"))
    trained = command(folder, "train")
    assert trained.returncode == 0, trained.stderr
    assert command(folder, "registry", "promote", "1").returncode == 0
    made = Table(folder)
    assert ("split at random, row by row" in trained.stderr) == made.contract.timeless
    return made


@pytest.fixture
def timeless(table: Table) -> Table:
    """The table, if its rows have no time."""
    if not table.contract.timeless:
        pytest.skip("the rows have a time")
    return table


def test_most_gates_are_green_and_the_others_say_why(table: Table) -> None:
    judged = {each["gate"]: each for each in told(table.home, "gates")}
    by_contract = {name for name, each in judged.items() if (each["waived"] or {}).get("by") == "the contract"}
    assert by_contract == (WITHOUT_TIME if table.contract.timeless else set())
    assert all("the rows have no time" in judged[name]["evidence"] for name in by_contract)
    assert sum(bool(each["passed"]) for each in judged.values()) >= 22
    assert sum(bool(each["waived"]) for each in judged.values()) <= 4
    red = {name: each["evidence"] for name, each in judged.items() if not (each["passed"] or each["waived"])}
    # None of the present tables has a reason to be red; one that has needs a word here.
    assert red == {}


def test_a_version_is_evaluated_tested_listed_and_tuned(table: Table) -> None:
    (version,) = told(table.home, "registry", "list")
    result = told(table.home, "evaluate")
    name, problem = table.quality, problem_of(table.contract)
    assert (version["aliases"], result[name]) == ("champion", pytest.approx(version[name], abs=1e-4))
    assert result[f"{name}_low"] > problem.no_skill
    assert result["slices"], "each table names a column by which it is judged in parts"
    assert all(each["passed"] for each in told(table.home, "test-model"))
    assert len(told(table.home, "tune", "--quick")) == len(table.project.search.quick)


def test_a_prediction_is_traced_from_its_raw_rows_and_an_unknown_key_is_a_sentence(table: Table) -> None:
    row = table.split.test.iloc[[100]]
    key = str(row[table.contract.key].iloc[0])
    found = told(table.home, "trace", key)
    most = table.most
    assert found["answer"] == pytest.approx(predict_frame(table.bundle, row)[0], abs=most)
    assert found[table.answer] == pytest.approx(found["answer"], abs=most)
    assert found["mean"] + sum(each["moved"] for each in found["features"]) == pytest.approx(found["sum"], abs=most)
    shown = command(table.home, "trace", key)
    assert (shown.returncode, "version 1 answers" in shown.stdout) == (0, True)
    unknown = command(table.home, "trace", "NOSUCH")
    assert (unknown.returncode, "'NOSUCH'" in unknown.stderr) == (2, True)
    assert f"a key is a {table.contract.key}" in unknown.stderr


def test_raw_rows_are_scored_and_what_came_is_watched(table: Table, tmp_path: Path) -> None:
    raw, file, scores, at_once = (str(place) for place in (table.raw, *(tmp_path / f"{n}.parquet" for n in "abc")))
    made = told(table.home, "features", raw, file)
    how = ("--version", "1", "--for-monitoring")
    scored = command(table.home, "score", "--raw", raw, at_once, *how)
    count = len(table.rows)
    assert (made["rows"], f"{count:,} of {count:,} rows scored" in scored.stderr) == (count, True)
    assert told(table.home, "score", file, scores, *how)["scored"] == count
    assert Path(scores).read_bytes() == Path(at_once).read_bytes()
    answers = pd.read_parquet(at_once).set_index(table.contract.key)[table.answer]
    expected = predict_frame(table.bundle, table.rows)
    assert answers.loc[table.rows[table.contract.key]].to_numpy() == pytest.approx(expected, abs=table.most)
    watched = told(table.home, "monitor", "--scored", at_once, code=int(bool(table.rings)))
    assert {each["gate"].partition(":")[0] for each in watched["verdicts"] if each["passed"] is False} == table.rings


def test_the_test_period_rings_nothing_when_it_is_played_again(table: Table, tmp_path: Path) -> None:
    log, (_, end) = str(tmp_path / "quiet.db"), table.project.settings.split.test
    played = told(table.home, "simulate", "--log", log)
    assert (played["predictions"], played["labels"]) == (len(table.split.test),) * 2
    assert {alarm["monitor"] for alarm in played["alarms"]} == table.rings
    watched = told(table.home, "monitor", "--log", log, "--until", str(end), code=int(bool(table.rings)))
    judged = {each["gate"].partition(":")[0]: each["passed"] for each in watched["verdicts"]}
    first = "error" if table.contract.regression else "auc"
    quiet = {first, "nulls", "judged"} - table.rings
    assert judged["labels"] is not False, "None: those of the last window are not due"
    assert {name: judged[name] for name in quiet} == dict.fromkeys(quiet, True)
    nothing = command(table.home, "monitor")
    assert (nothing.returncode, "there is no prediction yet" in nothing.stdout) == (0, True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can catch")
def test_the_service_answers_as_the_bundle(table: Table, tmp_path: Path) -> None:
    rows = table.split.test.iloc[:20]
    asked = databases.plain_records(rows, [table.contract.key, *table.bundle.names])
    with served(table.home, tmp_path / "log.db") as address:
        status, answer = sent(address, {"rows": asked})
        refused, why = sent(address, {"rows": [{**asked[0], table.bundle.names[0]: ["no value"]}]})
    assert (status, refused, table.bundle.names[0] in json.dumps(why)) == (200, 422, True)
    answers = [each[table.answer] for each in answer["predictions"]]
    assert answers == pytest.approx(predict_frame(table.bundle, rows), abs=table.most)


def test_a_retraining_decides_and_the_same_again(table: Table) -> None:
    row = told(table.home, "retrain")
    assert row["outcome"] in {"promoted", "kept as challenger"}
    # What keeps a challenger back is that it is no better, and no gate and no number of rows that is ours.
    allowed = {"better than the champion", "no slice is worse"}
    assert {reason.partition(":")[0] for reason in row["reason"].split("; ")} <= allowed
    assert told(table.home, "retrain", "--list") == [row]
    assert command(table.home, "retrain", "--replay", "1").returncode == 0
    card = next(table.home.glob("registry/decisions/*/card.html")).read_text(encoding="utf-8")
    assert ("drawn at random" in card) == table.contract.timeless
    back = command(table.home, "registry", "rollback")
    assert back.returncode == (0 if row["outcome"] == "promoted" else 2), back.stderr


def test_every_drill_is_caught_by_its_gate(table: Table) -> None:
    drilled = told(table.home, "drill", "--all", "--jobs", "1")
    assert {each["fault"]: each["caught"] for each in drilled} == {
        fault.name: True for fault in faults.load_faults(table.home)
    }
    assert len(drilled) >= 2
    card = command(table.home, "scorecard")
    assert (card.returncode, "of 28 gates are green" in card.stderr) == (0, True)


def test_limits_are_measured_on_clean_variants(table: Table) -> None:
    before = (table.home / "config.toml").read_bytes()
    measured = {each["limit"]: each for each in told(table.home, "calibrate", "--variants", "4")}
    assert {"max_error_loss", "max_version_psi", "max_step"} <= set(measured)
    assert ("max_certain" in measured) == (not table.contract.regression)
    assert (table.home / "config.toml").read_bytes() == before


@pytest.mark.skipif(not are_all(of_this_run()), reason="takes minutes: see `make other-data`")
def test_no_limit_refuses_one_of_twenty_fresh_variants(table: Table) -> None:
    done = command(table.home, "calibrate", "--check", "--variants", "20", "--seed", SEED)
    assert done.returncode == 0, done.stderr
    assert "0 false alarms of " in done.stderr


def test_the_tests_of_a_project_hold(table: Table, tmp_path: Path) -> None:
    run_tests_of_a_project(table.home, tmp_path / table.home.name)


def test_the_notebooks_for_any_data_run_and_give_the_same_again(table: Table, tmp_path: Path) -> None:
    home = tmp_path / table.home.name
    shutil.copytree(table.home, home, ignore=shutil.ignore_patterns("decisions", "notebooks"))
    shutil.copytree(REPOSITORY / "notebooks" / "own_data", home / "notebooks")
    shutil.copy(HOME / "nbval.cfg", home)
    program(home, "roadworthy", "store")
    stored = sorted((home / "notebooks").glob("*.ipynb"))
    assert [path.name[:2] for path in stored] == ["01", "02", "03", "04", "05", "06"]
    # All of them a second time takes another minute; these two play months, write a report and decide.
    again = [path for path in stored if are_all(of_this_run()) or path.name[:2] in {"05", "06"}]
    program(
        home, "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-sanitize-with=nbval.cfg", *map(str, again)
    )


def program(home: Path, *words: str) -> None:
    """Run a module as a program in the folder of a project; it must end well."""
    line = [sys.executable, "-m", *words]
    done = subprocess.run(line, cwd=home, env=environment(), capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_split_is_drawn_by_the_seed_and_by_nothing_else(timeless: Table) -> None:
    project, key = timeless.project, timeless.contract.key
    parts, share = timeless.split, timeless.project.settings.split.test_share
    assert len(parts.test) / (len(parts.test) + len(parts.train)) == pytest.approx(share, abs=0.05)
    again = Project(
        timeless.home, project.settings.model_copy(update={"split": project.settings.split}), project.definition
    )
    assert again.data.split().test[key].tolist() == parts.test[key].tolist()
    other = project.settings.split.model_copy(update={"seed": 7})
    drawn = Project(
        timeless.home, project.settings.model_copy(update={"split": other}), project.definition
    ).data.split()
    assert set(drawn.test[key]) != set(parts.test[key])
    # A row alone, as `trace` makes it, has the day that it has among all.
    name = str(timeless.rows[key].iloc[6])
    connection = snapshots.open_snapshot(project, project.settings.snapshot())
    alone = snapshots.make_features(project, connection, f"{key} = $key", key=name)
    assert alone["drawn_day"].iloc[0] == timeless.rows.set_index(key)["drawn_day"][name]


def test_words_are_asked_for_and_ones_come_out(table: Table) -> None:
    if not table.contract.positive:
        pytest.skip("the target is no word")
    target, key = table.contract.target, table.contract.key
    raw = pd.read_parquet(table.raw / f"{table.contract.tables[0].name}.parquet").set_index(key)
    expected = (raw[target] == table.contract.positive).loc[table.rows[key]]
    assert table.rows.set_index(key)[target].eq(1).equals(expected)


def test_the_largest_step_of_a_variant_is_that_of_the_gate(table: Table) -> None:
    trained = training.train_and_evaluate(table.project)
    spec, test, none = table.project.settings.model, table.split.test, pd.DataFrame()
    fitted = FittedVariant(table.project, CleanVariant(table.split.train, test, none, none, spec))
    vars(fitted)["pipeline"] = trained.pipeline
    rows = snapshots.thin_rows(test, STABILITY_ROWS)
    inputs = table.bundle.encode_columns(frame_columns(rows, table.bundle.names))
    of_gate = tracing.largest_step(table.home / "registry" / "versions" / "1" / "model.onnx", inputs)
    of_variant = clean_history.figures_of_numbers(fitted)["max_step"]
    assert of_variant == pytest.approx(of_gate / table.bundle.signature.width, rel=1e-4)
