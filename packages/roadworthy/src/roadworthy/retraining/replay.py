"""Decide again: from the data, the parameters and the champion of a recorded decision, with the code of now."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, Verdict
from ..base.settings import Limits, Model, Settings, Split, Tests
from ..bundle.bundle import Bundle
from ..model import training
from ..registry import export
from ..registry.registry import Registry
from . import decisions, retrain
from .decisions import Decisions, Record

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

EXACT = 1e-9  # figures may differ by so much: the order of sums is not the same on every machine
BY_DATA = "data"
# What the project's package brings to the lineage, in words.
OWN = {"contract": "the contract", "features_sql": "features.sql", "feature_steps": "a step", "model": "the model"}


@dataclass(frozen=True)
class Replayed:
    """What a replay found: what has changed since, which figures differ, whether the decision is the same.

    `figures` is how many were compared; none when the data have changed, for then it is another question.
    """

    number: int
    changed: tuple[str, ...]
    figures: int
    differ: tuple[str, ...]
    promoted: bool | None
    recorded: bool

    @property
    def same(self) -> bool:
        """Whether the same decision and the same figures came out."""
        return bool(self.figures) and not self.differ and self.promoted == self.recorded


def replay_decision(project: "Workspace", number: int) -> Replayed:
    """Train and compare once more, and decide; the registry is only read.

    What the gates and the shadow said is taken from the record: they looked at the machine and the log of that day.
    Raises InputError for a decision that was never made, or whose champion is gone.
    """
    registry = project.settings.paths.registry
    record = Decisions(registry).get(number)
    if record.outcome is None or "promotion" not in record:
        how = record.outcome["ended"] if record.outcome else "open"
        hint = "only a decision that was made can be made again"
        raise InputError(f"decision {number} is {how}", where=record.folder, hint=hint)
    own = project.using(recorded_settings(project.settings, record))
    changed = tuple(_changed(own, record))
    if any(each.startswith(BY_DATA) for each in changed):
        return Replayed(number, changed, 0, (), None, bool(record.outcome["promoted"]))
    figures, sums, verdicts = _decide_again(own, record, Registry(registry))
    before = _flat({name: record["comparison"][name] for name in figures})
    differ = [name for name, value in _flat(figures).items() if not _alike(value, before.get(name))]
    differ += [f"files: {name}" for name, total in record["training"]["sums"].items() if sums.get(name) != total]
    # Waivers as they were on that day, whatever has ended since.
    promoted, _ = decisions.rule_on_challenger(verdicts, date.fromisoformat(record.outcome["at"][:10]))
    return Replayed(number, changed, len(before), tuple(differ), promoted, bool(record.outcome["promoted"]))


def recorded_settings(config: Settings, record: Record) -> Settings:
    """The settings of a decision: snapshots, periods, specification, tests and limits, whatever the file says now."""
    then = record.plan["settings"]
    places = {"snapshot": then["data"]["snapshot"], "earlier": tuple(then["data"]["earlier"])}
    parts = {"split": Split(**then["split"]), "model": Model(**then["model"]), "tests": Tests(**then["tests"])}
    limits = Limits(**then.get("limits", {}))  # decisions of before they were settings had the default ones
    return config.model_copy(update={"data": config.data.model_copy(update=places), "limits": limits, **parts})


def _changed(own: "Workspace", record: Record) -> Iterator[str]:
    """What the decision depended on and is not as it was, in words."""
    then, now = record.plan["lineage"], json.loads(json.dumps(training.project_lineage(own)))
    for snapshot, files in then["data"].items():
        for name in sorted({*files, *now["data"].get(snapshot, {})}):
            if files.get(name) != now["data"].get(snapshot, {}).get(name):
                yield f"{BY_DATA}: {snapshot}/{name} has another sum"
    commit = record.plan["commit"] or "then"
    if record.plan["code"] != retrain.decision_code():
        yield f"code: the library is not that of {commit}"
    for kind, what in OWN.items():
        if then.get(kind) != now[kind]:
            yield f"code: {what} is not that of {commit}"
    for name, version in then["packages"].items():
        if now["packages"].get(name) != version:
            yield f"packages: {name} {version} then, {now['packages'].get(name)} now"


def _decide_again(
    own: "Workspace", record: Record, registry: Registry
) -> tuple[dict[str, Any], Mapping[str, str], list[Verdict]]:
    """The figures of the comparison, the sums of the model's files, and all verdicts."""
    trained = training.train_and_evaluate(own)
    with tempfile.TemporaryDirectory() as scratch:
        # Not into the registry: a replay must not make a version.
        export.write_bundle(trained, Path(scratch))
        challenger, champion = Bundle.load(Path(scratch)), registry.bundle(int(record.plan["champion"]))
        comparison, verdicts = decisions.compare_bundles(own, trained.split.test, challenger, champion)
        sums = challenger.manifest["sha256"]
    recorded = [Verdict(**each) for phase in ("gates", "shadow") for each in record[phase]["verdicts"]]
    return comparison.to_dict(), sums, [*recorded, *verdicts]


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested figures under names such as "difference auc"."""
    if isinstance(value, Mapping):
        parts = [(f"{name} {key}".strip(), each) for key, each in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(f"{name} {number}", each) for number, each in enumerate(value)]
    else:
        return {name: value}
    return {key: figure for part, each in parts for key, figure in _flat(each, part).items()}


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return abs(one - other) <= EXACT or (one != one and other != other)  # noqa: PLR0124 - NaN equals NaN here
    return bool(one == other)
