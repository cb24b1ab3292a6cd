"""The fixtures of library and course (library_fixtures.py), what every Python runs, and the real table of the day."""

from collections.abc import Sequence

import pytest

import other_tables

pytest_plugins = ["library_fixtures"]
# What differs between Pythons is the language and the packages, not what a gate thinks of the data.
FOLDERS = {"core", "data", "model", "service"}
# Files that start many processes for rules of ours, or ask other packages: what Python does there, others ask as well.
ONCE = {
    "estimators",
    "numbers",
    "upgrading",
    "limits",
    "keys",
    "request_costs",
    "faults",
    "raw_tables",
    "any_table",
    "deliveries",
}


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark the tests that 3.12 and 3.13 run as well; none that takes more than a few seconds."""
    for item in items:
        asked = item.path.parent.name in FOLDERS and item.path.stem.removeprefix("test_") not in ONCE
        if asked and not item.get_closest_marker("slow"):
            item.add_marker("every_python")


def pytest_configure() -> None:
    """Choose the real tables before other processes ask for them."""
    other_tables.choose_for_this_run()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the real tables, for whoever wants to run the same ones again."""
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    if any("test_other_data" in getattr(report, "nodeid", "") for report in reports):
        chosen = ", ".join(other_tables.of_this_run())
        terminalreporter.write_line(f"real tables of this run: {chosen} ({other_tables.VARIABLE}=NAME or all: others)")
