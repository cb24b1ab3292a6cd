"""When a test may be skipped."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test because this machine lacks something; fail it in continuous integration, which skips nothing."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
