"""What a lesson needs of a project to try things out: a folder that goes, a registry of its own, its log."""

import subprocess
import sys
from pathlib import Path

import httpx
import pandas as pd
import pytest

from roadworthy.base.errors import InputError
from roadworthy.project import Project
from sample import HOME
from small import ROW

CODE = """
from roadworthy.project import Project
first, second = Project.open().scratch(), Project.open().scratch()
assert first.is_dir() and second.is_dir() and first != second
(first / "large").write_bytes(b"x")
print(first)
print(second)
"""


@pytest.fixture
def practice(project: Project, versions: Path) -> Project:
    """The project with the registry of small bundles, and all else beside it."""
    return project.writing_to(versions.parent)


def test_what_is_tried_out_goes_with_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], cwd=HOME, capture_output=True, text=True, check=True)
    first, second = map(Path, ended.stdout.split())
    assert not first.exists()
    assert not second.exists()


def test_a_service_of_the_project_logs_what_the_project_counts(practice: Project, tmp_path: Path) -> None:
    assert practice.monitoring.logged() == (0, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["registry"], "counting makes no log"
    (question,) = practice.service.questions(pd.DataFrame([{**ROW, "flight_id": "F1", "late": 0.0}]))
    service = practice.service.start(predictions=practice.settings.paths.predictions)
    answers = [httpx.post(f"{service.address}/v1/predict", json=question).status_code for _ in range(3)]
    service.stop()
    assert answers == [200] * 3
    assert practice.monitoring.logged() == (3, 0)


def test_a_service_that_was_stopped_is_stopped(practice: Project) -> None:
    service = practice.service.start(2)
    service.stop()
    service.stop()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{service.address}/healthz", timeout=2)


def test_the_ways_of_the_project_are_those_of_its_version(practice: Project) -> None:
    table = pd.DataFrame([{**ROW, "flight_id": f"F{number}"} for number in range(20)])
    service = practice.service.start()
    found = practice.service.compare_ways(service, table, table, core_hour=1.0)
    service.stop()
    assert list(found.index) == ["online, one row", "online, many rows", "in process", "batch"]


def test_the_trials_write_into_the_registry_of_the_project_that_is_asked(practice: Project) -> None:
    second = practice.model.with_threshold(0.5)
    told = practice.service.swap_under_load([second, 1], ROW)
    damaged = practice.service.promote_damaged(ROW)
    assert told.versions == ["1", str(second)]
    assert damaged.answers.versions == ["1"]
    assert practice.registry.versions() == [1, 2, 3, second, damaged.version]
    assert practice.registry.aliases() == {"champion": 1}


def test_a_gate_gives_the_function_that_judges(project: Project) -> None:
    assert project.gates.function("Monitoring 4").__name__ == "version_fresh"
    with pytest.raises(InputError, match="no gate 'Monitoring 99'"):
        project.gates.function("Monitoring 99")
