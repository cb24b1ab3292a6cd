"""Removes the folders that rendering leaves empty when their files belong to another CI provider."""

from contextlib import suppress
from pathlib import Path

for folder in (".github/workflows", ".github"):
    with suppress(OSError):  # rmdir refuses a folder that holds something
        Path(folder).rmdir()
