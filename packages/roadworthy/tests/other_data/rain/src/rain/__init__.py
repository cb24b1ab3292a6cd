"""Whether it will rain tomorrow: one row a day, for four years."""

from pathlib import Path

import roadworthy as rw

from .contract import CONTRACT

PROJECT = rw.Definition(
    contract=CONTRACT,
    sql=Path(__file__).parent,
    model=f"{__name__}.model:build",
    search=f"{__name__}.model:SEARCH",
)
