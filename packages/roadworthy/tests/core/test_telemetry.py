"""No part of the library calls home: what ONNX Runtime would send and keep is switched off before it is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, sys
from pathlib import Path
if sys.argv[2]:
    os.environ["ORT_DISABLE_TELEMETRY"] = sys.argv[2]
from roadworthy.bundle.bundle import Bundle
Bundle.load(Path(sys.argv[1]))
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""
# In continuous integration and in tests of its own ONNX Runtime keeps quiet by itself.
QUIET = {"CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "BUILD_ID", "ORT_DISABLE_TELEMETRY"}


def loaded(bundle: Path, home: Path, chosen: str = "") -> tuple[str, list[Path]]:
    """Load a bundle with an empty home: the variable then, and what was kept there."""
    variables = {name: value for name, value in os.environ.items() if name not in QUIET}
    variables |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    command = [sys.executable, "-c", CODE, str(bundle), chosen]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=60)
    kept = [path for path in home.rglob("*") if "Microsoft" in path.parts]
    return done.stdout.strip(), kept


def test_a_bundle_is_loaded_without_telemetry(small_bundle: Path, tmp_path: Path) -> None:
    assert loaded(small_bundle, tmp_path) == ("1", [])


@pytest.mark.parametrize("chosen", ["0", "1"])
def test_whoever_chooses_otherwise_is_heard(chosen: str, small_bundle: Path, tmp_path: Path) -> None:
    assert loaded(small_bundle, tmp_path, chosen)[0] == chosen
