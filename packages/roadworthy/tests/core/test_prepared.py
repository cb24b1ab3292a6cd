"""What was computed before is taken only if it is what would be computed now."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from roadworthy.base import source_code
from roadworthy.data import snapshots
from roadworthy.project import Project

TABLE = pd.DataFrame(
    {
        "id": ["a", "b", None],
        "number": [1.5, float("nan"), -0.0],
        "whole": [1, 2, 3],
        "time": pd.to_datetime(["2013-01-01T05:00Z", "2013-01-02T05:00Z", "2013-01-02T06:00Z"]),
        "day": pd.to_datetime(["2013-01-01", "2013-01-01", "2013-01-02"]),
    }
)


class Maker:
    """Makes the table and counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def table(self) -> pd.DataFrame:
        self.made += 1
        return TABLE


@pytest.fixture
def make() -> Maker:
    return Maker()


def test_the_same_parts_are_computed_once_and_come_back_as_they_were(tmp_path: Path, make: Maker) -> None:
    first, again = (snapshots.cached_features(tmp_path, ("sums", 0.01), make.table) for _ in range(2))
    assert make.made == 1
    pd.testing.assert_frame_equal(first, TABLE)
    pd.testing.assert_frame_equal(again, TABLE)


def test_other_data_or_settings_are_computed_anew(tmp_path: Path, make: Maker) -> None:
    for parts in (("sums", 0.01), ("other sums", 0.01), ("sums", 0.02)):
        snapshots.cached_features(tmp_path, parts, make.table)
    assert make.made == 3


def test_another_line_of_code_is_computed_anew(tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "features.sql"
    monkeypatch.setattr(snapshots, "files_behind", lambda _: [code])
    for line in ("select 1", "select 2", "select 2"):
        code.write_text(line)
        snapshots.cached_features(tmp_path / "cache", "parts", make.table)
    assert make.made == 2


def test_the_code_behind_the_features_is_known() -> None:
    found = {path.name for path in source_code.files_behind(snapshots._checked_features)}
    assert found >= {"snapshots.py", "checks.py", "rules.py"}
    assert not found & {"training.py", "predictor.py", "batch.py"}


@pytest.fixture
def parts_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Project], object]:
    """What the features of 2023 depend on besides the library; nothing is computed."""
    seen: list[object] = []

    def keep(folder: Path, parts: object, *_: object) -> pd.DataFrame:
        del folder
        seen.append(parts)
        return TABLE

    monkeypatch.setattr(snapshots, "cached_features", keep)

    def parts_of(project: Project) -> object:
        snapshots.checked_features(project, "2023")
        return seen.pop()

    return parts_of


def test_what_the_project_has_itself_belongs_to_what_the_features_depend_on(
    project: Project, parts_of: Callable[[Project], object], tmp_path: Path
) -> None:
    def sees(**changed: Any) -> object:
        definition = replace(project.definition, **changed)
        return parts_of(Project(project.folder, project.settings, definition))

    def own(name: str) -> Path:
        folder = shutil.copytree(project.definition.sql, tmp_path / name)
        (folder / name).write_text(project.sql(name) + "\n-- another line", encoding="utf-8")
        return Path(folder)

    contract = project.contract
    other = [
        parts_of(project),
        sees(sql=own("features.sql")),
        sees(sql=own("repair_time_hour.sql")),
        sees(contract=replace(contract, tables=contract.tables[1:])),
        sees(feature_steps={"one": step}),
        sees(feature_steps={"two": step}),
        sees(checks={"one": check}),
    ]
    assert all(one != two for one, two in combinations(other, 2))
    assert parts_of(project) == sees(sql=own("trace_flights.sql")) == sees(incidents={}) == other[0]


def step(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def check(connection: object) -> tuple[bool, str]:
    del connection
    return True, "sound"


def test_a_file_that_is_cut_is_computed_anew(tmp_path: Path, make: Maker) -> None:
    snapshots.cached_features(tmp_path, "parts", make.table)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    pd.testing.assert_frame_equal(snapshots.cached_features(tmp_path, "parts", make.table), TABLE)
    pd.testing.assert_frame_equal(snapshots.cached_features(tmp_path, "parts", make.table), TABLE)
    assert make.made == 2


def test_a_place_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    pd.testing.assert_frame_equal(snapshots.cached_features(tmp_path / "cache", "parts", Maker().table), TABLE)


def test_old_files_are_forgotten(tmp_path: Path) -> None:
    for number in range(snapshots.KEPT + 3):
        snapshots.cached_features(tmp_path, number, Maker().table)
    assert len(list(tmp_path.iterdir())) == snapshots.KEPT
