"""Worked examples: some rows of the table, and the features that the SQL makes of them."""

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from ...data.delimited import identifier
from .package_files import features_sql
from .plan import Plan
from .records import TABLE


def _telling_keys(frame: pd.DataFrame, key: str) -> list[Any]:
    """The keys of some rows, two values of each column among them, and a missing one where there is one."""
    rows = frame.iloc[:: max(1, len(frame) // 5_000)]
    chosen = [0, len(rows) // 2]
    for name in rows.columns:
        values = rows[name]
        if values.iloc[chosen].nunique() < 2:
            other = (values.notna() & ~values.isin(values.iloc[chosen])).to_numpy().nonzero()[0]
            chosen += other[:1].tolist()
            if values.iloc[chosen].nunique() < 2:
                chosen += (values.notna() & ~values.isin(values.iloc[chosen])).to_numpy().nonzero()[0][:1].tolist()
        if values.isna().any() and values.iloc[chosen].notna().all():
            chosen.append(int(values.isna().to_numpy().nonzero()[0][0]))
    return list(rows[key].iloc[sorted({*chosen})])


def write_examples(connection: duckdb.DuckDBPyConnection, plan: Plan, frame: pd.DataFrame, folder: Path) -> None:
    """Some rows of the table, without private values, and the features that the SQL makes of them now."""
    folder.mkdir(parents=True, exist_ok=True)
    masked = [
        f"'private' as {identifier(column.name)}"
        for column in plan.raw
        if column.private and column.kind in ("text", "category")
    ]
    masked += [
        f"null as {identifier(column.name)}"
        for column in plan.raw
        if column.private and column.kind not in ("text", "category")
    ]
    star = f"* replace ({', '.join(masked)})" if masked else "*"
    key = plan.decided.roles.key or "row_id"
    connection.execute(
        "create or replace temp table chosen as select unnest($keys) as chosen", {"keys": _telling_keys(frame, key)}
    )
    connection.execute(
        f"create or replace temp table examples as select {star} from kept where {key} in (select chosen from chosen)"
    )
    sql = features_sql(plan).replace(f"from {TABLE}", f"from examples as {TABLE}")
    for name, query in ((TABLE, "select * from examples"), ("expected", sql.partition("\n")[2])):
        connection.execute(f"copy ({query}) to '{folder / name}.csv' (header, timestampformat '%Y-%m-%dT%H:%M:%SZ')")
