"""Whether a model is validated before it serves, and whether the service can go back to the version before."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base import errors
from ..base.errors import InputError, RedError, Verdict
from ..bundle import bundle
from ..bundle.bundle import Bundle, manifest_sums
from ..model import training
from ..registry.registry import CHAMPION, Registry
from ..registry.releases import GREEN, RED, load_refusal, stage_copy
from ..serving import app
from .bench import Bench

ROWS = 2000


@dataclass(frozen=True)
class Validation:
    """What is known about the version and the registry.

    `broken`: why the bundle cannot be loaded. `tests` and `red`: verdicts of its training, and those not green.
    `gap`: days from the last training row to the first test row. `shared`: rows in both. `days`: test days that have
    rows. `metrics_gap`: the largest difference of a figure in metrics.json from the same one computed now; None when
    the version is made of other data or settings. `alias`: what is wrong with the champion's alias. `let_through`:
    rehearsed versions that must be refused and were promoted; `kept_out`: a green one that was not.
    """

    broken: str = ""
    tests: int = 0
    red: tuple[str, ...] = ()
    gap: int = 0
    shared: int = 0
    days: int = 0
    metrics_gap: float | None = None
    alias: str = ""
    let_through: tuple[str, ...] = ()
    kept_out: str = ""


def measure_validation(bench: Bench) -> Validation:
    """Look at the version under judgement, and rehearse promotions with copies of it."""
    if reason := load_refusal(bench.folder):
        return Validation(broken=reason)
    bundle = bench.bundle
    said = errors.load_verdicts(bench.folder / "gates.json")
    train, test = bench.split.train, bench.split.test
    let_through, kept_out = rehearse_promotion(bench)
    return Validation(
        tests=len(said),
        red=tuple(verdict.gate for verdict in said if not verdict.passed),
        gap=int((test[bench.contract.day].min() - train[bench.contract.day].max()).days),
        shared=int(test[bench.contract.key].isin(train[bench.contract.key]).sum()),
        days=int(test[bench.contract.day].nunique()),
        metrics_gap=metrics_gap(bundle, bench) if of_the_present(bench) else None,
        alias=alias_problem(bench.registry),
        let_through=let_through,
        kept_out=kept_out,
    )


def of_the_present(bench: Bench) -> bool:
    """Whether the version is made of the data and settings of now, so that it can be made again."""
    return bool(bench.manifest.get("lineage") == json.loads(json.dumps(training.project_lineage(bench.project))))


def metrics_gap(bundle: Bundle, bench: Bench) -> float:
    """The largest difference of a recorded figure of the evaluation from the one computed now."""
    now = bench.evaluation.to_dict()
    return max(abs(float(bundle.metrics.get(name, float("inf"))) - value) for name, value in now.items())


def alias_problem(registry: Registry) -> str:
    """What is wrong with the champion's alias: no such version, or one that its training did not find green."""
    number = registry.aliases().get(CHAMPION)
    if number is None:
        return ""
    if number not in registry.versions():
        return f"the champion is version {number}, which does not exist"
    said = errors.load_verdicts(registry.path(number) / "gates.json")
    red = [verdict.gate for verdict in said if not verdict.passed]
    if red or not said:
        return f"the champion is version {number}, which is not green: {', '.join(red) or 'nothing was tested'}"
    return ""


def rehearse_promotion(bench: Bench) -> tuple[tuple[str, ...], str]:
    """Promote copies with other verdicts: which were let through wrongly, and why a green one was not."""
    registry = Registry(bench.scratch / "validation")
    champion = stage_copy(bench.folder, registry, GREEN)
    kept_out = ""
    try:
        registry.promote(champion)
    except RedError as error:
        kept_out = error.what.splitlines()[-1].strip()
    cases: dict[str, tuple[Sequence[Verdict], Sequence[Verdict]]] = {
        "red in training": (RED, ()),
        "never tested": ((), ()),
        "red by a gate since": ([*GREEN, *GREEN], RED),
        "not judged by a gate": ([*GREEN, *GREEN, *GREEN], [Verdict("rehearsal", None, "cannot be judged")]),
    }
    through = [name for name, (trained, since) in cases.items() if _promoted(bench, registry, trained, since)]
    return tuple(through), kept_out


def _promoted(bench: Bench, registry: Registry, trained: Sequence[Verdict], since: Sequence[Verdict]) -> bool:
    number = stage_copy(bench.folder, registry, trained)
    if since:
        registry.judge(number, since)
    before = registry.aliases().get(CHAMPION)
    try:
        registry.promote(number)
    except RedError:
        return registry.aliases().get(CHAMPION) != before
    return True


@dataclass(frozen=True)
class RehearsedRollback:
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
class RollbackEvidence:
    """The rehearsal (None when there is no second version to rehearse with), and the real registry.

    `champion`: the alias; `told`: the champion by the history; `target`: the version that a rollback leads to (None:
    the champion is the first one). `lost`: what is wrong with it, or with the versions that served.
    """

    rehearsed: RehearsedRollback | None
    champion: int | None
    told: int | None
    target: int | None
    lost: str


def rehearse_rollback(bench: Bench, folder: Path) -> RehearsedRollback:
    """Promote a copy of the version over a copy of the one before it, go back, and ask both times."""
    rows, registry = bench.test.iloc[:: max(1, len(bench.test) // ROWS)], Registry(folder)
    before = stage_copy(bench.before.folder, registry)
    registry.promote(before)
    answers, files = bundle.predict_frame(app.champion_bundle(folder), rows), manifest_sums(registry.path(before))
    # Other words in its verdicts: two versions of the same content would be one.
    promoted = stage_copy(bench.folder, registry, [*GREEN, *GREEN])
    registry.promote(promoted)
    registry.rollback("rehearsal")
    after = registry.resolve(CHAMPION)
    last = registry.history()[-1]
    return RehearsedRollback(
        before=before,
        promoted=promoted,
        after=after,
        answers=bool(np.array_equal(bundle.predict_frame(app.champion_bundle(folder), rows), answers)),
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
    if reason := load_refusal(registry.path(target)):
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
