"""The fixtures of library and course (see library_fixtures.py), and which tests are run by every Python."""

from collections.abc import Sequence

import pytest

pytest_plugins = ["library_fixtures"]
# What differs between Pythons is the language and the packages, not what a gate thinks of the data.
FOLDERS = {"core", "data", "model", "service"}


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark the tests that 3.12 and 3.13 run as well; none that takes more than a few seconds."""
    for item in items:
        if item.path.parent.name in FOLDERS and not item.get_closest_marker("slow"):
            item.add_marker("every_python")
