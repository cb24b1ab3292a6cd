"""All about the installation stands in pyproject.toml; this only says what is missing when nothing was copied."""

import sys
from pathlib import Path

from setuptools import setup

if not Path(__file__).with_name("vendor").joinpath("roadworthy", "__init__.py").is_file():
    sys.exit(
        "vendor/ holds no library: this project was generated without the template's hooks, which copy it.\n"
        "Generate it again and accept them (--accept-hooks yes)."
    )
setup()
