"""Damage that is no change of a text, a table or a setting: to files of a bundle, of a snapshot, of the registry.

Each function takes the folder of the copy that it damages.
"""

from pathlib import Path

from .. import settings
from ..contract import CONTRACT
from ..data import connect


def raw_rows_in_a_report(home: Path) -> None:
    """Show the first rows of the table that has a private column on a page of its own in the reports."""
    config = settings.load(home)
    table = next(table for table in CONTRACT.tables if any(column.private for column in table.columns))
    rows = connect(config.snapshot().folder).sql(f"select * from {table.name} limit 20").to_arrow_table().to_pandas()
    config.paths.reports.mkdir(parents=True, exist_ok=True)
    (config.paths.reports / "meeting.html").write_text(rows.to_html(), encoding="utf-8")
