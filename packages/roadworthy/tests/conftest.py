"""The fixtures of library and course (see library_fixtures.py), and which tests are run by every Python."""

from collections.abc import Sequence

import pytest

pytest_plugins = ["library_fixtures"]
# What differs between Pythons is the language and the packages, not what a gate thinks of the data.
FOLDERS = {"core", "data", "model", "service"}
# Files that start many processes for rules of ours, or ask other packages: what Python does there, others ask as well.
ONCE = {"estimators", "upgrading", "limits", "keys", "request_costs", "faults", "raw_tables", "any_table"}


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark the tests that 3.12 and 3.13 run as well; none that takes more than a few seconds."""
    for item in items:
        asked = item.path.parent.name in FOLDERS and item.path.stem.removeprefix("test_") not in ONCE
        if asked and not item.get_closest_marker("slow"):
            item.add_marker("every_python")
