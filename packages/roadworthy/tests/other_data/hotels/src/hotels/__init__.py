"""What a night in a hotel brings: a number as target, with time, and many rows a day."""

from pathlib import Path

import roadworthy as rw

from .contract import CONTRACT

PROJECT = rw.Definition(
    contract=CONTRACT,
    sql=Path(__file__).parent,
    model=f"{__name__}.model:build",
    search=f"{__name__}.model:SEARCH",
    incidents={"euros as cents": f"{__name__}.incidents:euros_as_cents"},
)
