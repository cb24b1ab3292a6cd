"""Removes the folders that rendering leaves empty when their files were not asked for."""

from contextlib import suppress
from pathlib import Path

for folder in (".github/workflows", ".github", "exercises/solutions"):
    with suppress(OSError):  # rmdir refuses a folder that holds something
        Path(folder).rmdir()
