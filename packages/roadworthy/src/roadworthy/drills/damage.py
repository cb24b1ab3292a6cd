"""Damage that is no change of a text, a table or a setting: to files of a bundle, of a snapshot, of the registry.

Each function takes the project of the copy that it damages.
"""

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from .. import data, gates, steps
from ..bundle import Bundle
from ..data import connect
from ..errors import InputError
from ..evidence import rehearsal
from ..evidence.rehearsal import reseal
from ..evidence.trees import LEAF
from ..files import write_atomic
from ..registry import CHAMPION, Registry

if TYPE_CHECKING:
    from ..project import Project


def flip_a_byte(copy: "Project") -> None:
    """One byte in the middle of the champion's model is another one, as a failing disk or cable makes it."""
    rehearsal.flip_a_byte(copy.registry.path() / "model.onnx")


def polish_metrics(copy: "Project") -> None:
    """The champion's recorded AUC is .02 higher than it was."""
    file = copy.registry.path() / "metrics.json"
    metrics = json.loads(file.read_text(encoding="utf-8"))
    better = {name: value + 0.02 if name.startswith("auc") else value for name, value in metrics.items()}
    file.write_text(json.dumps(better, indent=1), encoding="utf-8")


def polish_metrics_and_sums(copy: "Project") -> None:
    """The same, and the sums in the manifest were made anew."""
    polish_metrics(copy)
    reseal(copy.registry.path())


def red_champion(copy: "Project") -> None:
    """Somebody wrote a version whose tests were red into aliases.json."""
    registry = copy.registry
    number = max(registry.versions()) + 1
    folder = registry.folder / "versions" / str(number)
    shutil.copytree(registry.path(), folder)
    red = gates.Verdict("better than the base rate", passed=False, evidence="AUC 0.512 [0.498, 0.527]")
    write_atomic(folder / "gates.json", gates.dump([*gates.load(folder / "gates.json")[1:], red]))
    reseal(folder)
    write_atomic(registry.folder / "aliases.json", json.dumps({**registry.aliases(), CHAMPION: number}))


def delete_old_versions(copy: "Project") -> None:
    """Every version but the champion was deleted, for space."""
    registry = copy.registry
    for number in set(registry.versions()) - {registry.resolve(CHAMPION)}:
        shutil.rmtree(registry.path(number))


def damage_the_version_before(copy: "Project") -> None:
    """The model of the version before the champion ended in the middle of a copy."""
    model = copy.registry.path(_before(copy)) / "model.onnx"
    model.write_bytes(model.read_bytes()[:1000])


def empty_history(copy: "Project") -> None:
    """The history of the registry was lost with a log rotation."""
    (copy.registry.folder / "history.jsonl").write_text("", encoding="utf-8")


def write_over_the_version_before(copy: "Project") -> None:
    """The champion was deployed into the folder of the version before it."""
    registry = copy.registry
    shutil.copytree(registry.path(), registry.path(_before(copy)), dirs_exist_ok=True)


def cut_table(copy: "Project") -> None:
    """The largest table of the snapshot ends in the middle of its file, and its sum was recorded after that."""
    folder = copy.settings.snapshot().folder
    file = max(folder.glob("*.parquet"), key=lambda path: path.stat().st_size)
    content = file.read_bytes()
    file.unlink()  # it may be a link to the project's own file
    file.write_bytes(content[: len(content) // 2])
    data.seal(folder)


def old_champion(copy: "Project") -> None:
    """The oldest version serves, and nobody knows that there was another one."""
    registry = copy.settings.paths.registry
    write_atomic(registry / "aliases.json", json.dumps({"champion": Registry(registry).versions()[0]}))
    (registry / "history.jsonl").unlink()


def other_libraries(copy: "Project") -> None:
    """The champion was made with libraries of a year ago, by its own manifest."""
    manifest = copy.registry.path() / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["lineage"]["packages"] = {name: f"0.{version}" for name, version in content["lineage"]["packages"].items()}
    write_atomic(manifest, json.dumps(content))


def leaf_without_a_number(copy: "Project") -> None:
    """One leaf of the champion is NaN, one that no golden record reaches, so that it loads."""
    folder = copy.registry.path()
    _change_leaf(folder, float("nan"))


def leaf_out_of_proportion(copy: "Project") -> None:
    """One leaf of the champion is 999, the number that stood for a missing value somewhere."""
    folder = copy.registry.path()
    _change_leaf(folder, 999.0)


def exchange_two_categories(copy: "Project") -> None:
    """Two categories of a feature stand in each other's place in the champion's signature, and so have other codes.

    They are the most frequent neighbours in a list that no golden record has, so that it loads.
    """
    folder = copy.registry.path()
    signature, golden, reference = (_read(folder / f"{name}.json") for name in ("signature", "golden", "reference"))
    pairs = []
    for feature in signature["features"]:
        seen = {record["features"][feature["name"]] for record in golden}
        listed = feature.get("categories", [])
        counts = reference["features"].get(feature["name"], {}).get("counts", [])
        pairs += [
            (min(one, other), listed, at)
            for at, (one, other) in enumerate(pairwise(counts[: len(listed)]))
            if not seen & {*listed[at : at + 2]}
        ]
    _, listed, at = max(pairs, key=lambda pair: pair[0])
    listed[at], listed[at + 1] = listed[at + 1], listed[at]
    write_atomic(folder / "signature.json", json.dumps(signature, indent=1))
    reseal(folder)


def round_thresholds_up(copy: "Project") -> None:
    """The champion was converted once more, by a tool that rounds each threshold up to the next number of 32 bits."""
    file = copy.registry.path() / "model.onnx"
    model = onnx.load(file)
    held = {each.name: each for each in model.graph.node[0].attribute}
    thresholds = held["nodes_values"].floats
    for at, mode in enumerate(held["nodes_modes"].strings):
        if mode != LEAF:
            thresholds[at] = float(np.nextafter(np.float32(thresholds[at]), np.float32(np.inf)))
    file.write_bytes(model.SerializeToString())
    reseal(file.parent)


def training_rows_in_the_bundle(copy: "Project") -> None:
    """The champion's folder holds the rows that it was trained on, and its sums were made anew with them."""
    folder = copy.registry.path()
    steps.split(copy, steps.features(copy)).train.to_parquet(folder / "rows.parquet")
    reseal(folder)


def raw_rows_in_a_report(copy: "Project") -> None:
    """Show the first rows of the table that has a private column on a page of its own in the reports."""
    config, contract = copy.settings, copy.contract
    table = next(table for table in contract.tables if any(column.private for column in table.columns))
    rows = (
        connect(copy, config.snapshot().folder).sql(f"select * from {table.name} limit 20").to_arrow_table().to_pandas()
    )
    config.paths.reports.mkdir(parents=True, exist_ok=True)
    (config.paths.reports / "meeting.html").write_text(rows.to_html(), encoding="utf-8")


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _before(copy: "Project") -> int:
    registry = copy.registry
    return max(number for number in registry.versions() if number != registry.resolve(CHAMPION))


def _change_leaf(folder: Path, value: float) -> None:
    """Change one leaf, the last one that leaves the golden answers as they are, and record the sums anew."""
    model, golden = onnx.load(folder / "model.onnx"), json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    leaves = next(each for each in model.graph.node[0].attribute if each.name.endswith("_weights")).floats
    rows = [record["features"] for record in golden]
    expected = Bundle.load(folder).predict_rows(rows)
    for at in reversed(range(len(leaves))):
        was, leaves[at] = leaves[at], value
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        reseal(folder)
        if _answers_are(folder, rows, expected):
            return
        leaves[at] = was


def _answers_are(folder: Path, rows: list[dict[str, object]], expected: np.ndarray) -> bool:
    try:
        return bool(np.array_equal(Bundle.load(folder).predict_rows(rows), expected))
    except InputError:
        return False
