"""Damage that is no change of a text, a table or a setting: to files of a bundle, of a snapshot, of the registry.

Each function takes the folder of the copy that it damages.
"""

import json
import shutil
from pathlib import Path

from .. import gates
from .. import settings
from ..bundle import manifest_sums
from ..files import write_atomic
from ..registry import CHAMPION
from ..registry import Registry


def flip_a_byte(home: Path) -> None:
    """One byte in the middle of the champion's model is another one, as a failing disk or cable makes it."""
    model = _registry(home).path() / "model.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)


def cut_the_model(home: Path) -> None:
    """The copy of the champion's model ended at three quarters."""
    model = _registry(home).path() / "model.onnx"
    content = model.read_bytes()
    model.write_bytes(content[: len(content) * 3 // 4])


def polish_metrics(home: Path) -> None:
    """The champion's recorded AUC is .02 higher than it was."""
    file = _registry(home).path() / "metrics.json"
    metrics = json.loads(file.read_text(encoding="utf-8"))
    better = {name: value + 0.02 if name.startswith("auc") else value for name, value in metrics.items()}
    file.write_text(json.dumps(better, indent=1), encoding="utf-8")


def polish_metrics_and_sums(home: Path) -> None:
    """The same, and the sums in the manifest were made anew."""
    polish_metrics(home)
    _reseal(_registry(home).path())


def red_champion(home: Path) -> None:
    """Somebody wrote a version whose tests were red into aliases.json."""
    registry = _registry(home)
    number = max(registry.versions()) + 1
    folder = registry.folder / "versions" / str(number)
    shutil.copytree(registry.path(), folder)
    red = gates.Verdict("better than the base rate", passed=False, evidence="AUC 0.512 [0.498, 0.527]")
    write_atomic(folder / "gates.json", gates.dump([*gates.load(folder / "gates.json")[1:], red]))
    _reseal(folder)
    write_atomic(registry.folder / "aliases.json", json.dumps({**registry.aliases(), CHAMPION: number}))


def delete_old_versions(home: Path) -> None:
    """Every version but the champion was deleted, for space."""
    registry = _registry(home)
    for number in set(registry.versions()) - {registry.resolve(CHAMPION)}:
        shutil.rmtree(registry.path(number))


def damage_the_version_before(home: Path) -> None:
    """The model of the version before the champion ended in the middle of a copy."""
    model = _registry(home).path(_before(home)) / "model.onnx"
    model.write_bytes(model.read_bytes()[:1000])


def empty_history(home: Path) -> None:
    """The history of the registry was lost with a log rotation."""
    (_registry(home).folder / "history.jsonl").write_text("", encoding="utf-8")


def write_over_the_version_before(home: Path) -> None:
    """The champion was deployed into the folder of the version before it."""
    registry = _registry(home)
    shutil.copytree(registry.path(), registry.path(_before(home)), dirs_exist_ok=True)


def _registry(home: Path) -> Registry:
    return Registry(settings.load(home).paths.registry)


def _before(home: Path) -> int:
    registry = _registry(home)
    return max(number for number in registry.versions() if number != registry.resolve(CHAMPION))


def _reseal(folder: Path) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    write_atomic(file, json.dumps({**manifest, "sha256": manifest_sums(folder)}, indent=1))
