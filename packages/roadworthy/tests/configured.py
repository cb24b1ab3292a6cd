"""The real service in its own process, with settings as an administrator would set them: in the environment."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roadworthy.serving.client import stop_process


@contextmanager
def configured(registry: Path, folder: Path, **limits: Any) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """The process and its address; `folder` gets its prediction log and what it says, `limits` are of [service]."""
    given = {f"MLE_SERVICE__{name.upper()}": str(value) for name, value in limits.items()}
    paths = {"MLE_PATHS__REGISTRY": str(registry), "MLE_PATHS__PREDICTIONS": str(folder / "log.db")}
    command = [sys.executable, "-m", "roadworthy.serving", "--port", "0", "--with-parent"]
    with (folder / "said").open("wb") as said:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, env={**os.environ, **given, **paths})
        try:
            assert process.stdout
            yield process, process.stdout.readline().decode().strip()
        finally:
            stop_process(process)
