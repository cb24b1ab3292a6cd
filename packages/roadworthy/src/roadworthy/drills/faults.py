"""The faults in the folder drills/ of the project: what goes wrong, which gate must catch it, how it is planted."""

import json
import shutil
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import onnx
from pydantic import BaseModel, ConfigDict, ValidationError

from ..base import errors
from ..base.errors import InputError
from ..base.files import write_atomic
from ..bundle.bundle import Bundle
from ..data import snapshots
from ..registry import releases
from ..registry.onnx_graph import LEAF
from ..registry.registry import CHAMPION, Registry
from ..registry.releases import reseal_bundle

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

FOLDER = "drills"
SECTIONS = ("data", "model", "infrastructure", "monitoring")
CLEAN = "clean.toml"  # variants without a fault, see board.py


class FaultPart(BaseModel):
    """Frozen, and no key that is not known."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Edit(FaultPart):
    """A change of text, `old` becomes `new`: in a file of the project's folder, or of its package."""

    file: str = ""
    package: str = ""
    old: str
    new: str


class Rewrite(FaultPart):
    """A table of a snapshot becomes the answer to `sql`; its sum is recorded anew unless `seal` is false."""

    table: str
    sql: str
    snapshot: str = ""
    seal: bool = True


class Fault(FaultPart):
    """A fault by its name, the gate that must catch it, and the story of how it happens.

    `train` says when the model is trained: before the fault is planted, or after it (a new version is judged then).
    `damage` names a function of this module, for what is no change of text, table or setting.
    """

    name: str
    gate: str
    story: str
    train: Literal["before", "after"] = "after"
    edit: tuple[Edit, ...] = ()
    table: tuple[Rewrite, ...] = ()
    setting: dict[str, Any] = {}
    damage: str = ""


def load_faults(home: Path, names: Sequence[str] = ()) -> list[Fault]:
    """The faults of the project in `home`, or those named; InputError for a name that is none and a bad file.

    Those of the four sections come first, as far as they are there, then those of any other file in the folder, a
    team's own.
    """
    sections = [home / FOLDER / f"{section}.toml" for section in SECTIONS]
    own = sorted(file for file in (home / FOLDER).glob("*.toml") if file not in sections and file.name != CLEAN)
    there = [*filter(Path.is_file, sections), *own]
    faults = [fault for file in there or sections for fault in _read_faults(file)]
    unknown = [name for name in names if name not in {fault.name for fault in faults}]
    if unknown:
        hint = "there are " + ", ".join(fault.name for fault in faults)
        raise InputError(f"there is no drill {unknown[0]!r}", where=home / FOLDER, hint=hint)
    return [fault for fault in faults if not names or fault.name in names]


def _read_faults(file: Path) -> list[Fault]:
    try:
        return [Fault.model_validate(each) for each in tomllib.loads(file.read_text(encoding="utf-8"))["drill"]]
    except FileNotFoundError as error:
        raise InputError("no such file", where=file, hint="restore it from version control") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValidationError) as error:
        hint = "a drill has name, gate, story, and one of edit, table, setting, damage"
        raise InputError(f"is no list of drills: {error}", where=file, hint=hint) from error


def flip_a_byte(copy: "Workspace") -> None:
    """One byte in the middle of the champion's model is another one, as a failing disk or cable makes it."""
    releases.flip_a_byte(_registry(copy).path() / "model.onnx")


def polish_metrics(copy: "Workspace") -> None:
    """The champion's recorded AUC or R2 is .02 higher than it was."""
    file = _registry(copy).path() / "metrics.json"
    metrics = _read_json(file)
    better = {name: value + 0.02 if name.startswith(("auc", "r2")) else value for name, value in metrics.items()}
    file.write_text(json.dumps(better, indent=1), encoding="utf-8")


def polish_metrics_and_sums(copy: "Workspace") -> None:
    """The same, and the sums in the manifest were made anew."""
    polish_metrics(copy)
    # The sums are right again, so that a gate has to find what is wrong with the content.
    reseal_bundle(_registry(copy).path())


def red_champion(copy: "Workspace") -> None:
    """Somebody wrote a version whose tests were red into aliases.json."""
    registry = _registry(copy)
    number = max(registry.versions()) + 1
    folder = registry.folder / "versions" / str(number)
    shutil.copytree(registry.path(), folder)
    red = errors.Verdict("better than the base rate", passed=False, evidence="AUC 0.512 [0.498, 0.527]")
    write_atomic(folder / "gates.json", errors.dump_verdicts([*errors.load_verdicts(folder / "gates.json")[1:], red]))
    reseal_bundle(folder)
    write_atomic(registry.folder / "aliases.json", json.dumps({**registry.aliases(), CHAMPION: number}))


def delete_old_versions(copy: "Workspace") -> None:
    """Every version but the champion was deleted, for space."""
    registry = _registry(copy)
    for number in set(registry.versions()) - {registry.resolve(CHAMPION)}:
        shutil.rmtree(registry.path(number))


def damage_the_version_before(copy: "Workspace") -> None:
    """The model of the version before the champion ended in the middle of a copy."""
    model = _registry(copy).path(_version_before(copy)) / "model.onnx"
    model.write_bytes(model.read_bytes()[:1000])


def empty_history(copy: "Workspace") -> None:
    """The history of the registry was lost with a log rotation."""
    (_registry(copy).folder / "history.jsonl").write_text("", encoding="utf-8")


def write_over_the_version_before(copy: "Workspace") -> None:
    """The champion was deployed into the folder of the version before it."""
    registry = _registry(copy)
    shutil.copytree(registry.path(), registry.path(_version_before(copy)), dirs_exist_ok=True)


def cut_table(copy: "Workspace") -> None:
    """The largest table of the snapshot ends in the middle of its file, and its sum was recorded after that."""
    folder = copy.settings.snapshot().folder
    file = max(folder.glob("*.parquet"), key=lambda path: path.stat().st_size)
    content = file.read_bytes()
    file.unlink()  # it may be a link to the project's own file
    file.write_bytes(content[: len(content) // 2])
    snapshots.seal_snapshot(folder)


def old_champion(copy: "Workspace") -> None:
    """The oldest version serves, and nobody knows that there was another one."""
    registry = _registry(copy)
    write_atomic(registry.folder / "aliases.json", json.dumps({CHAMPION: registry.versions()[0]}))
    (registry.folder / "history.jsonl").unlink()


def other_libraries(copy: "Workspace") -> None:
    """The champion was made with libraries of a year ago, by its own manifest."""
    manifest = _registry(copy).path() / "manifest.json"
    content = _read_json(manifest)
    # No sums are made anew: the manifest is in none of them.
    content["lineage"]["packages"] = {name: f"0.{version}" for name, version in content["lineage"]["packages"].items()}
    write_atomic(manifest, json.dumps(content))


def leaf_without_a_number(copy: "Workspace") -> None:
    """One leaf of the champion is NaN, the last one that no golden record reaches, so that it loads."""
    folder = _registry(copy).path()
    model, golden = onnx.load(folder / "model.onnx"), _read_json(folder / "golden.json")
    leaves = next(each for each in model.graph.node[0].attribute if each.name.endswith("_weights")).floats
    rows = [record["features"] for record in golden]
    expected = Bundle.load(folder).predict_rows(rows)
    for at in reversed(range(len(leaves))):
        before, leaves[at] = leaves[at], float("nan")
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        reseal_bundle(folder)
        with suppress(InputError):
            if np.array_equal(Bundle.load(folder).predict_rows(rows), expected):
                return
        leaves[at] = before


def exchange_two_categories(copy: "Workspace") -> None:
    """Two categories of a feature stand in each other's place in the champion's signature, and so have other codes.

    They are the most frequent neighbours in a list that no golden record has, so that it loads.
    """
    folder = _registry(copy).path()
    signature, golden, reference = (
        _read_json(folder / f"{name}.json") for name in ("signature", "golden", "reference")
    )
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
    reseal_bundle(folder)


def round_thresholds_up(copy: "Workspace") -> None:
    """The champion was converted once more, by a tool that rounds each threshold up to the next number of 32 bits."""
    file = _registry(copy).path() / "model.onnx"
    model = onnx.load(file)
    attributes = {each.name: each for each in model.graph.node[0].attribute}
    thresholds = attributes["nodes_values"].floats
    for at, mode in enumerate(attributes["nodes_modes"].strings):
        if mode != LEAF.encode():
            thresholds[at] = float(np.nextafter(np.float32(thresholds[at]), np.float32(np.inf)))
    file.write_bytes(model.SerializeToString())
    reseal_bundle(file.parent)


def training_rows_in_the_bundle(copy: "Workspace") -> None:
    """The champion's folder holds the rows that it was trained on, and its sums were made anew with them."""
    folder = _registry(copy).path()
    snapshots.split_features(copy, snapshots.checked_features(copy)).train.to_parquet(folder / "rows.parquet")
    reseal_bundle(folder)


def raw_rows_in_a_report(copy: "Workspace") -> None:
    """Show the first rows of the table that has a private column on a page of its own in the reports."""
    config, contract = copy.settings, copy.contract
    table = next(table for table in contract.tables if any(column.private for column in table.columns))
    connection = snapshots.connect_snapshot(copy, config.snapshot().folder)
    rows = connection.sql(f"select * from {table.name} limit 20").to_arrow_table().to_pandas()
    config.paths.reports.mkdir(parents=True, exist_ok=True)
    (config.paths.reports / "meeting.html").write_text(rows.to_html(), encoding="utf-8")


def _read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _version_before(copy: "Workspace") -> int:
    registry = _registry(copy)
    return max(number for number in registry.versions() if number != registry.resolve(CHAMPION))


def _registry(copy: "Workspace") -> Registry:
    return Registry(copy.settings.paths.registry)
