"""What every test uses: this project."""

from pathlib import Path

import pytest

import roadworthy as rw
from roadworthy.base.settings import NO_DATA


def open_project() -> rw.Project:
    """The project, as the commands open it; whoever needs it is skipped until it has data."""
    try:
        return rw.Project.open(Path(__file__).parents[1])
    except rw.InputError as error:
        if error.what != NO_DATA:
            raise
        pytest.skip(f"{NO_DATA}: {error.hint}", allow_module_level=True)


@pytest.fixture(scope="session")
def project() -> rw.Project:
    """The project, opened once."""
    return open_project()
