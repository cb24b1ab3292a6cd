"""What the signature forbids is refused by every way that serves: a request, a list, tensors, the files of a batch."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_inference import INFER, KINDS
from threaded import served

from roadworthy.bundle.bundle import Bundle
from roadworthy.serving import app, batch
from small import ROW

Row = dict[str, Any]
Way = tuple[str, Callable[[Row], Any]]
# Each breaks one rule of small.SIGNATURE.
OF_A_COLUMN: list[tuple[str, str | float | None]] = [
    ("carrier", "?"),
    ("carrier", "x" * 257),
    ("carrier", None),
    ("origin", "SFO"),
    ("origin", None),
    ("maker", "x" * 257),
    ("hour", -1),
    ("hour", 25),
    ("hour", 0.5),
    ("hour", None),
    ("temp", -41.0),
    ("temp", 131.0),
    ("distance", None),
    ("distance", 1e39),
]
OF_ANOTHER_TYPE = [("carrier", 7), ("hour", "7"), ("hour", True), ("temp", "warm"), ("temp", True), ("maker", 7)]
NO_NUMBERS = [("hour", "true"), ("temp", "warm")]  # what a CSV file may hold besides


def tensors(row: Row) -> Row:
    return {
        "inputs": [
            {"name": name, "datatype": KINDS.get(name, "FP64"), "shape": [1], "data": [value]}
            for name, value in row.items()
        ]
    }


WAYS: dict[str, Way] = {
    "a request": ("/v1/predict", lambda row: row),
    "a list": ("/v1/predict", lambda row: {"rows": [ROW, row]}),
    "tensors": (INFER, tensors),
}


@pytest.fixture(scope="module")
def client(built_registry: Path) -> Iterator[httpx.Client]:
    with served(app.create_app(app.champion_bundle(built_registry))) as client:
        yield client


@pytest.mark.parametrize("way", WAYS)
def test_a_value_that_breaks_a_rule_is_refused(client: httpx.Client, way: str) -> None:
    path, body = WAYS[way]
    assert client.post(path, json=body(ROW)).status_code == 200
    planted = [*OF_A_COLUMN, *OF_ANOTHER_TYPE]
    statuses = {each: client.post(path, json=body({**ROW, each[0]: each[1]})).status_code for each in planted}
    assert [each for each, status in statuses.items() if status not in {400, 422}] == []


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_nobody_knows_is_refused(client: httpx.Client, way: str) -> None:
    path, body = WAYS[way]
    assert client.post(path, json=body({**ROW, "unknown": 1})).status_code in {400, 422}
    for name in ROW:  # without its own name a value that may be missing would be missing
        misspelt = {key if key != name else f"{name}_": value for key, value in ROW.items()}
        assert client.post(path, json=body(misspelt)).status_code in {400, 422}, name


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_row_of_a_file_that_breaks_a_rule_is_not_answered(built_registry: Path, tmp_path: Path, kind: str) -> None:
    planted = [*OF_A_COLUMN, *(NO_NUMBERS if kind == "csv" else [])]
    table = [{**ROW, name: value, "flight_id": f"{name} {value}"} for name, value in planted]
    source = written(tmp_path / f"rows.{kind}", [*table, {**ROW, "flight_id": "sound"}])
    batch.score_file(Bundle.load(built_registry / "versions/1"), source, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["flight_id"].to_pylist() == ["sound"]


def written(file: Path, table: list[Row]) -> Path:
    if file.suffix == ".csv":
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
        return file
    types = {name: pa.float64() if isinstance(value, (int, float)) else pa.string() for name, value in ROW.items()}
    pq.write_table(pa.Table.from_pylist(table, pa.schema({**types, "flight_id": pa.string()})), file)
    return file
