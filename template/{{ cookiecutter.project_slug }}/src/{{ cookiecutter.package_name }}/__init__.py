"""This project, put together: what its data look like, what its model is, what may happen to it in production.

`PROJECT` is what the library asks for. Functions of the team's own (a source, a feature step, a metric, a check, a
gate, a monitor, a command) are registered here by their names; docs/extensions.md has an example of each.
"""

from pathlib import Path

import roadworthy as rw

from .contract import CONTRACT

PROJECT = rw.Definition(
    contract=CONTRACT,
    sql=Path(__file__).parent,  # features.sql, the repairs that config.toml names, and trace_TABLE.sql
    model=f"{__name__}.model:build",
    search=f"{__name__}.model:SEARCH",
    incidents=f"{__name__}.incidents:INCIDENTS",
)
