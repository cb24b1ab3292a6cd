"""Real tables of other shapes, with contract, SQL and settings written by hand, through the commands."""

from pathlib import Path

import pandas as pd
import pytest
from assembled import OTHER_DATA, assemble, command, run_tests_of_a_project, told

from roadworthy.bundle.bundle import Bundle, predict_frame
from roadworthy.data import snapshots
from roadworthy.project import Project

pytestmark = pytest.mark.slow
WITHOUT_TIME = {"Data 3", "Data 4", "Model 4", "Monitoring 4"}


@pytest.fixture(scope="module", params=OTHER_DATA)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of each table's project, with a champion; the gates may be red."""
    folder = assemble(request.param, tmp_path_factory.mktemp(request.param) / request.param)
    assert all(each["passed"] for each in told(folder, "check"))
    trained = command(folder, "train")
    assert (trained.returncode, "split at random, row by row" in trained.stderr) == (0, True)
    assert command(folder, "registry", "promote", "1").returncode == 0
    return folder


def test_most_gates_are_green_and_the_others_say_why(home: Path) -> None:
    judged = {each["gate"]: each for each in told(home, "gates")}
    timeless = {name for name, each in judged.items() if (each["waived"] or {}).get("by") == "the contract"}
    assert timeless == WITHOUT_TIME
    assert all("the rows have no time" in judged[name]["evidence"] for name in timeless)
    assert sum(bool(each["passed"]) for each in judged.values()) >= 22


def test_the_split_is_drawn_by_the_seed_and_by_nothing_else(home: Path) -> None:
    project = Project.open(home)
    parts = project.data.split()
    share = len(parts.test) / (len(parts.test) + len(parts.train))
    assert share == pytest.approx(0.4, abs=0.05)
    again = Project(home, project.settings.model_copy(update={"split": project.settings.split}), project.definition)
    assert again.data.split().test["sample"].tolist() == parts.test["sample"].tolist()
    other = project.settings.split.model_copy(update={"seed": 7})
    drawn = Project(home, project.settings.model_copy(update={"split": other}), project.definition).data.split()
    assert set(drawn.test["sample"]) != set(parts.test["sample"])
    # A row alone, as `trace` makes it, has the day that it has among all.
    alone = snapshots.make_features(
        project, snapshots.open_snapshot(project, project.settings.snapshot()), "sample = $sample", sample="S007"
    )
    assert alone["drawn_day"].iloc[0] == project.data.features().set_index("sample")["drawn_day"]["S007"]


def test_words_are_asked_for_and_ones_come_out(home: Path) -> None:
    rows = Project.open(home).data.features()
    raw = pd.read_parquet(home / "data" / "1993" / "samples.parquet").set_index("sample")
    assert rows.set_index("sample")["diagnosis"].eq(1).equals((raw["diagnosis"] == "malignant").loc[rows["sample"]])


def test_raw_rows_are_scored_and_what_came_is_watched(home: Path, tmp_path: Path) -> None:
    scored = command(home, "score", "--raw", str(home / "data" / "1993"), str(tmp_path / "scored.parquet"))
    assert "569 of 569 rows scored" in scored.stderr
    answers = pd.read_parquet(tmp_path / "scored.parquet").set_index("sample")["probability"]
    rows = Project.open(home).data.features()
    bundle = Bundle.load(home / "registry" / "versions" / "1")
    expected = predict_frame(bundle, rows)
    assert answers.loc[rows["sample"]].to_numpy() == pytest.approx(expected, abs=1e-6)
    retrained = command(home, "retrain")
    assert (retrained.returncode, "kept as challenger" in retrained.stderr + retrained.stdout) == (0, True)
    card = next(home.glob("registry/decisions/*/card.html")).read_text(encoding="utf-8")
    assert "drawn at random" in card


def test_the_tests_of_a_project_hold(home: Path, tmp_path: Path) -> None:
    run_tests_of_a_project(home, tmp_path / home.name)
