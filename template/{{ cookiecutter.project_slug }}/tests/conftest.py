"""What every test uses: this project."""

from pathlib import Path

import pytest

import roadworthy as rw


@pytest.fixture(scope="session")
def project() -> rw.Project:
    """The project, as the commands open it."""
    return rw.Project.open(Path(__file__).parents[1])
