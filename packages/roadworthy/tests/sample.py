"""The project on which library and course are tried: that of the flights, rendered from the template as it stands now.

`scripts/package_tests.py` makes it before the tests start; its vendor/ holds links to the sources beside these tests.
"""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
HOME = REPOSITORY / "build" / "sample" / "flight-delays"

assert HOME.is_dir(), f"{HOME} is missing: start these tests with `make test-packages`, which makes it"
