"""The fixtures of library and course; see library_fixtures.py."""

pytest_plugins = ["library_fixtures"]
