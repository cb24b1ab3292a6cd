"""What each feature costs: to check and encode it in a request, in bytes, and to make all of them in SQL.

Times are CPU, the least of several repeats, and always relative to something measured in the same minute: a busy
machine slows both. Sizes are exact.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd

from .. import export
from ..data import thinned
from ..schema import Contract, Table
from ..service.request import BadRequestError, RequestReader
from ..signature import Feature, Signature
from .bench import Bench
from .some_days import excerpt

if TYPE_CHECKING:
    from ..project import Project

ROWS = 400  # in a request
REPEATS = 7
DAYS = (5, 20)  # of the snapshot, for the SQL
MICRO = 1e6


@dataclass(frozen=True)
class Costs:
    """By feature: micros (CPU to check and encode a value), request and bundle (bytes); and all of them in SQL."""

    table: pd.DataFrame
    making: "Making"


@dataclass(frozen=True)
class Making:
    """What the SQL of all features costs, for each event.

    touched: rows that its operators hand on; growth: by how much more that is with four times the data; joins: CPU time
    in as-of joins of the events with themselves.
    """

    touched: float
    growth: float
    joins: float


def measure(bench: Bench) -> Costs:
    """Costs of the version under judgement, on rows of the test period."""
    signature = bench.bundle.signature
    rows = thinned(bench.test, ROWS).head(ROWS)
    columns = export.columns(rows, signature.names)
    reference = json.loads((bench.folder / "reference.json").read_text(encoding="utf-8"))["features"]
    described = json.loads((bench.folder / "signature.json").read_text(encoding="utf-8"))["features"]
    found = {}
    for feature, said in zip(signature.features, described, strict=True):
        values = [_plain(value, feature) for value in columns[feature.name].tolist()]
        sizes = {"request": _size(values) / len(values), "bundle": _size(said) + _size(reference.get(feature.name))}
        found[feature.name] = {"micros": serving(feature, signature, values), **sizes}
    return Costs(pd.DataFrame.from_dict(found, orient="index"), making(bench))


def serving(feature: Feature, signature: Signature, values: list[object]) -> float:
    """CPU microseconds to check one value in a request and to encode it for the model, on both ways to it."""
    reader = RequestReader(replace(signature, features=(feature,)), len(values))
    values = [value for value in values if _readable(reader, {feature.name: value})]
    if not values:
        return float("nan")  # what serving refuses costs nothing; another gate says so
    body = json.dumps({"rows": [{feature.name: value} for value in values]}).encode()
    column = np.array(values, dtype=object if feature.kind == "category" else np.float64)
    return (least(lambda: reader.read(body)) + least(lambda: feature.encode(column))) / len(values) * MICRO


def _readable(reader: RequestReader, row: dict[str, object]) -> bool:
    try:
        reader.read(json.dumps(row).encode())
    except BadRequestError:
        return False
    return True


def making(bench: Bench) -> Making:
    """What it takes to make the features of a few days, and of four times as many."""
    times = bench.frame[bench.contract.time]
    few, more = (excerpt(bench.contract, bench.connection, times.iloc[len(times) // 2], days) for days in DAYS)
    touched = [_touched(bench.project, connection) for connection in (few, more)]
    table = _events(bench.contract, more)
    join = f"select count(b) from {table.name} as a asof join {table.name} as b on a.{table.time} >= b.{table.time}"
    joins = least(lambda: more.execute(_all_features(bench.project, more)).fetchall(), 2) / least(
        lambda: more.execute(join).fetchall(), 3
    )
    return Making(touched[1], touched[1] / touched[0], joins)


def _events(contract: Contract, connection: duckdb.DuckDBPyConnection) -> Table:
    """The largest table: that of the events for which features are made."""
    return max(contract.tables, key=lambda table: _count(connection, table.name))


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    return int(connection.execute(f"select count(*) from {name}").fetchall()[0][0])


def _all_features(project: "Project", connection: duckdb.DuckDBPyConnection) -> str:
    made = connection.sql(project.sql("features.sql"))
    # As text, under an aggregate, so that no column can be left out.
    columns = ", ".join(f'max("{name}"::varchar)' for name in made.columns)
    return f"select {columns} from ({project.sql('features.sql')})"


def _touched(project: "Project", connection: duckdb.DuckDBPyConnection) -> float:
    """Rows that all operators of the query hand on, for each row of its result; exact, whatever the machine does."""
    plan = json.loads(
        connection.execute(f"explain (analyze, format json) {_all_features(project, connection)}").fetchall()[0][1]
    )
    made = _count(connection, f"({project.sql('features.sql')})")
    return rows_of(plan[0] if isinstance(plan, list) else plan) / max(made, 1)


def rows_of(step: dict[str, Any]) -> int:
    """The rows that an operator of DuckDB's plan and all below it hand on."""
    below = sum(rows_of(each) for name in ("operator", "children") for each in step.get(name, []))
    return int(step.get("intermediate_rows", step.get("operator_cardinality", 0))) + below


def _size(value: object) -> int:
    return len(json.dumps(value).encode())


def _plain(value: Any, feature: Feature) -> object:
    if value is None or value != value:  # noqa: PLR0124 - NaN is the value that differs from itself
        return None
    return int(value) if feature.kind == "integer" else value


def least(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """CPU seconds of the fastest of several repeats: what it costs when nothing else disturbs."""
    times = []
    for _ in range(repeats):
        since = time.process_time()
        work()
        times.append(time.process_time() - since)
    return min(times)
