"""Serving needs the bundle and nothing of training."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.project import Project
from sample import HOME

FOREIGN = "httpx sklearn pandas mlflow pandera matplotlib onnx scipy papermill pyarrow duckdb IPython"
OURS = (
    "contract data drills gates model notebooks project registry.export registry.releases reports retraining "
    "serving.batch serving.load_tests serving.simulation serving.tracing"
)
LIGHT = "pydantic numpy fastapi onnxruntime click rich"
CODE = """
import sys, time
start = time.perf_counter()
import {module}
print(round(time.perf_counter() - start, 2), "s")
print(*sys.modules)
"""


def loaded(module: str) -> set[str]:
    command = [sys.executable, "-c", CODE.format(module=module)]
    ended = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=True)
    took, names = ended.stdout.splitlines()
    print(f"import {module}: {took}")  # noqa: T201 - to look at, machines differ
    return set(names.split())


@pytest.mark.parametrize("module", ["serving", "serving.__main__", "bundle.bundle", "monitoring.log"])
def test_serving_loads_no_training(module: str) -> None:
    names = loaded(f"roadworthy.{module}")
    assert f"roadworthy.{module}" in names
    assert sorted(names & set(FOREIGN.split())) == []
    assert sorted(names & {f"roadworthy.{name}" for name in OURS.split()}) == []


def test_the_library_alone_loads_a_short_list_of_modules() -> None:
    bare, names = loaded("time"), loaded("roadworthy")
    assert {name for name in names if name.partition(".")[0] == "roadworthy"} == {"roadworthy"}
    assert sorted(packages(names) & {*FOREIGN.split(), *LIGHT.split()}) == []
    assert len(names - bare) <= 40, sorted(names - bare)


def test_a_project_that_is_opened_loads_neither_numbers_nor_its_model() -> None:
    names = loaded("roadworthy.project; roadworthy.project.Project.open()")
    own = Project.open(HOME).settings.project.package
    assert own in names
    assert f"{own}.model" not in names
    assert sorted(packages(names) & {*FOREIGN.split(), *LIGHT.split()} - {"pydantic"}) == []


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", ["bundle.bundle", "monitoring.log"])
def test_the_bundle_and_the_log_need_no_web_framework(module: str) -> None:
    found = loaded(f"roadworthy.{module}")
    assert not found & {"fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client"}


def test_a_command_that_needs_more_says_which_package_is_missing() -> None:
    blocked = "import sys\nsys.modules['duckdb'] = None\nfrom roadworthy.cli import main\nmain()"
    ended = subprocess.run(
        [sys.executable, "-c", blocked, "check"], cwd=HOME, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "this command needs the package 'duckdb'" in ended.stderr
    assert "requirements.txt" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("line", ["list", "list --json", "promote 2", "promote 2 --as challenger"])
def test_the_registry_is_kept_with_the_packages_of_the_service(versions: Path, line: str) -> None:
    blocked = (
        f"import sys\nsys.modules.update(dict.fromkeys({FOREIGN.split()}))\nfrom roadworthy.cli import main\nmain()"
    )
    command = [sys.executable, "-c", blocked, "registry", *line.split()]
    variables = {**os.environ, "MLE_PATHS__REGISTRY": str(versions)}
    ended = subprocess.run(command, cwd=HOME, env=variables, capture_output=True, text=True, check=True)
    told = {"list": "champion", "list --json": '"aliases": "champion"'}
    assert told.get(line, "Version 2 is the ch") in ended.stdout + ended.stderr
