"""Whether the service can go back: rehearsed with copies of two versions, and looked up in the real registry."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import export, service
from ..bundle import manifest_sums
from ..errors import InputError
from ..registry import CHAMPION, Registry
from .bench import Bench
from .loading import refusal
from .rehearsal import GREEN, stage

ROWS = 2000


@dataclass(frozen=True)
class Rehearsed:
    """A promotion and a rollback of copies: numbers of the versions before, promoted, and after the rollback.

    `answers`: whether the same rows get the same answers, bit for bit, as before the promotion. `untouched`: whether
    the files of the first version are the same. `recorded`: whether the history tells the rollback.
    """

    before: int
    promoted: int
    after: int
    answers: bool
    untouched: bool
    recorded: bool


@dataclass(frozen=True)
class GoingBack:
    """The rehearsal (None when there is no second version to rehearse with), and the real registry.

    `champion`: the alias; `told`: the champion by the history; `target`: the version that a rollback leads to (None:
    the champion is the first one). `lost`: what is wrong with it, or with the versions that served.
    """

    rehearsed: Rehearsed | None
    champion: int | None
    told: int | None
    target: int | None
    lost: str


def rehearse(bench: Bench, folder: Path) -> Rehearsed:
    """Promote a copy of the version over a copy of the one before it, go back, and ask both times."""
    rows, registry = bench.test.iloc[:: max(1, len(bench.test) // ROWS)], Registry(folder)
    before = stage(bench.before.folder, registry)
    registry.promote(before)
    answers, files = export.predict(service.champion(folder), rows), manifest_sums(registry.path(before))
    # Other words in its verdicts: two versions of the same content would be one.
    promoted = stage(bench.folder, registry, [*GREEN, *GREEN])
    registry.promote(promoted)
    registry.rollback("rehearsal")
    after = registry.resolve(CHAMPION)
    last = registry.history()[-1]
    return Rehearsed(
        before=before,
        promoted=promoted,
        after=after,
        answers=bool(np.array_equal(export.predict(service.champion(folder), rows), answers)),
        untouched=manifest_sums(registry.path(before)) == files,
        recorded=bool((last["from"], last["to"], last["rollback"]) == (promoted, before, True)),
    )


def look_up(registry: Registry, folder: Path) -> tuple[int | None, int | None, int | None, str]:
    """Champion by alias and by history, where a rollback leads, and what is wrong with that; tried on a copy."""
    champion = registry.aliases().get(CHAMPION)
    try:
        history = registry.history()
    except InputError as error:
        return champion, champion, None, f"{Path(error.where).name}: {error.what}; {error.hint}"
    entries = [entry for entry in history if entry["alias"] == CHAMPION]
    told = int(str(entries[-1]["to"])) if entries else None
    served = [entry for entry in entries if not entry["rollback"]]
    if champion is None or champion != told or not any(each["from"] and each["to"] == champion for each in served):
        return champion, told, None, _overwritten(registry, entries)
    shutil.copytree(registry.folder, folder, ignore=shutil.ignore_patterns("*.onnx"))
    try:
        target = Registry(folder).rollback("rehearsal")
    except InputError as error:
        return champion, told, None, f"a rollback fails: {error.what}"
    return champion, told, target, _whole(registry, champion, target) or _overwritten(registry, entries)


def _whole(registry: Registry, champion: int, target: int) -> str:
    if target == champion:
        return f"a rollback leads from version {champion} to itself"
    if reason := refusal(registry.path(target)):
        return f"version {target}, to which a rollback leads, cannot be loaded: {reason}"
    if _manifest(registry, target)["sha256"] == _manifest(registry, champion)["sha256"]:
        return f"version {target}, to which a rollback leads, holds the same model as version {champion}"
    return ""


def _overwritten(registry: Registry, entries: list[dict[str, object]]) -> str:
    """A version that was promoted before it was made has been written over since."""
    for entry in entries:
        number = int(str(entry["to"]))
        if number in registry.versions() and str(_manifest(registry, number)["created"]) > str(entry["time"]):
            return f"version {number} is younger than its promotion: it was written over"
    return ""


def _manifest(registry: Registry, version: int) -> dict[str, Any]:
    return dict(json.loads((registry.path(version) / "manifest.json").read_text(encoding="utf-8")))
