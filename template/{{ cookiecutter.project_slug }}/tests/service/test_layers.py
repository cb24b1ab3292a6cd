"""Serving needs the bundle and nothing of training."""

import subprocess
import sys

import pytest

FOREIGN = "sklearn pandas mlflow pandera matplotlib skl2onnx onnx scipy papermill pyarrow duckdb IPython"
OURS = "contract data data_checks evaluation export model model_tests pages pipeline retraining tracking training"
CODE = """
import sys, time
start = time.perf_counter()
import {module}
print(round(time.perf_counter() - start, 2), "s")
print(*sys.modules)
"""


def loaded(module: str) -> set[str]:
    command = [sys.executable, "-c", CODE.format(module=module)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    took, names = ended.stdout.splitlines()
    print(f"import {module}: {took}")  # noqa: T201 - to look at, machines differ
    return set(names.split())


@pytest.mark.parametrize("module", ["service", "service.__main__", "bundle", "monitoring.log"])
def test_serving_loads_no_training(module: str) -> None:
    names = loaded(f"roadworthy.{module}")
    assert f"roadworthy.{module}" in names
    assert sorted(names & set(FOREIGN.split())) == []
    assert sorted(names & {f"roadworthy.{name}" for name in OURS.split()}) == []


@pytest.mark.parametrize("module", ["bundle", "monitoring.log"])
def test_the_bundle_and_the_log_need_no_web_framework(module: str) -> None:
    found = loaded(f"roadworthy.{module}")
    assert not found & {"fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client"}
