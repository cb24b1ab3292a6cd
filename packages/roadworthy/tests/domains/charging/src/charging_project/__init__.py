"""Electric cars at workplaces: which of them stay longer than planned."""

from pathlib import Path

import roadworthy as rw

from .contract import CONTRACT

OWN = f"{__name__}.extensions"

PROJECT = rw.Definition(
    contract=CONTRACT,
    sql=Path(__file__).parent,
    model=f"{__name__}.model:build",
    search=f"{__name__}.model:SEARCH",
    incidents=f"{__name__}.incidents:INCIDENTS",
    sources={"from csv": f"{OWN}:from_csv"},
    feature_steps={"need": f"{OWN}:need"},
    metrics={"top tenth": f"{OWN}:top_tenth"},
    checks={"sites are open": f"{OWN}:sites_are_open"},
    gates={"Own 1": f"{OWN}:warns_of_a_few"},
    monitors={"certain": f"{OWN}:certain"},
    commands={"busiest": f"{OWN}:busiest"},
)
