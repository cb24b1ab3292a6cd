"""The project on which library and course are tried: that of the flights, rendered from the template as it stands now.

`scripts/package_tests.py` makes it before the tests start; its vendor/ holds links to the sources beside these tests.
With ROADWORTHY_SAMPLE in the environment it is another one: a copy without vendor/, to try a mutated library on.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
HOME = Path(os.environ.get("ROADWORTHY_SAMPLE") or REPOSITORY / "build" / "sample" / "flight-delays")

assert HOME.is_dir(), f"{HOME} is missing: start these tests with `make test-packages`, which makes it"
