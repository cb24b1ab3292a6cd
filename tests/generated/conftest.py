"""What a generated project holds is tried with the fixtures of the library; see library_fixtures.py among its tests."""

pytest_plugins = ["library_fixtures"]
