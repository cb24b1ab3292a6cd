"""What was tracked stays with the project, wherever its folder goes."""

import shutil
from pathlib import Path

import pytest

from roadworthy.registry import releases
from tracked import recorded_runs


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "model.txt").write_text("a model", encoding="utf-8")
    return folder


def record(home: Path, name: str, bundle: Path) -> str:
    store = home / "tracking" / "mlflow.db"
    return releases.record_run(store, "flights", name, parameters={"trees": 3}, metrics={"auc": 0.7}, artifacts=bundle)


def test_a_copied_project_keeps_its_artifacts_to_itself(tmp_path: Path, bundle: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "100% copy"
    first = record(original, "first", bundle)
    shutil.copytree(original, copy)
    second = record(copy, "second", bundle)
    assert {path.name for path in (original / "tracking" / "artifacts").iterdir()} == {first}
    assert {path.name for path in (copy / "tracking" / "artifacts").iterdir()} == {first, second}
    names = [run["name"] for run in recorded_runs(copy / "tracking" / "mlflow.db", "flights")]
    assert names == ["second", "first"]
