"""Damage that is no change of a text, a table or a setting: to files of a bundle, of a snapshot, of the registry.

Each function takes the folder of the copy that it damages.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx

from .. import data
from ..bundle import Bundle
from ..bundle import manifest_sums
from ..contract import CONTRACT
from ..errors import InputError
from ..files import write_atomic
from ..registry import Registry
from ..settings import load


def cut_table(home: Path) -> None:
    """The largest table of the snapshot ends in the middle of its file, and its sum was recorded after that."""
    folder = load(home).snapshot().folder
    file = max(folder.glob("*.parquet"), key=lambda path: path.stat().st_size)
    content = file.read_bytes()
    file.unlink()  # it may be a link to the project's own file
    file.write_bytes(content[: len(content) // 2])
    data.seal(folder)


def registers_of_another_snapshot(home: Path) -> None:
    """The tables without a time, which are registers, are those of another snapshot."""
    config = load(home)
    folder = config.snapshot().folder
    other = next(each.folder for name, each in config.data.snapshots.items() if name != config.data.snapshot)
    for name in [table.name for table in CONTRACT.tables if not table.time]:
        (folder / f"{name}.parquet").unlink()
        shutil.copy2(other / f"{name}.parquet", folder)
    data.seal(folder)


def old_champion(home: Path) -> None:
    """The oldest version serves, and nobody knows that there was another one."""
    registry = load(home).paths.registry
    write_atomic(registry / "aliases.json", json.dumps({"champion": Registry(registry).versions()[0]}))
    (registry / "history.jsonl").unlink()


def other_libraries(home: Path) -> None:
    """The champion was made with libraries of a year ago, by its own manifest."""
    manifest = Registry(load(home).paths.registry).path() / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["lineage"]["packages"] = {name: f"0.{version}" for name, version in content["lineage"]["packages"].items()}
    write_atomic(manifest, json.dumps(content))


def leaf_without_a_number(home: Path) -> None:
    """One leaf of the champion is NaN, one that no golden record reaches, so that it loads."""
    folder = Registry(load(home).paths.registry).path()
    _change_leaf(folder, float("nan"))


def leaf_out_of_proportion(home: Path) -> None:
    """One leaf of the champion is 999, the number that stood for a missing value somewhere."""
    folder = Registry(load(home).paths.registry).path()
    _change_leaf(folder, 999.0)


def record_sums(folder: Path) -> None:
    """Write the sums of a bundle's files as they are now into its manifest."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    write_atomic(folder / "manifest.json", json.dumps({**manifest, "sha256": manifest_sums(folder)}))


def _change_leaf(folder: Path, value: float) -> None:
    """Change one leaf, the last one that leaves the golden answers as they are, and record the sums anew."""
    model, golden = onnx.load(folder / "model.onnx"), json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    leaves = next(each for each in model.graph.node[0].attribute if each.name == "class_weights").floats
    rows = [record["features"] for record in golden]
    expected = Bundle.load(folder).predict_rows(rows)
    for at in reversed(range(len(leaves))):
        was, leaves[at] = leaves[at], value
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        record_sums(folder)
        if _answers_are(folder, rows, expected):
            return
        leaves[at] = was


def _answers_are(folder: Path, rows: list[dict[str, object]], expected: np.ndarray) -> bool:
    try:
        return bool(np.array_equal(Bundle.load(folder).predict_rows(rows), expected))
    except InputError:
        return False
