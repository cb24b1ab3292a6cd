"""Parts of a plant: which of them are faulty, before anybody has inspected them."""

from pathlib import Path

import roadworthy as rw

from .contract import CONTRACT
from .incidents import INCIDENTS
from .model import SEARCH, build

PROJECT = rw.Definition(contract=CONTRACT, sql=Path(__file__).parent, model=build, search=SEARCH, incidents=INCIDENTS)
