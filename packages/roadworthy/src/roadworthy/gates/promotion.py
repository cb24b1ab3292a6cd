"""Whether a model is validated before it serves, and whether the service can go back to the version before."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base import errors
from ..base.errors import InputError
from ..bundle.bundle import Bundle, manifest_sums, predict_frame
from ..registry.registry import CHAMPION, Registry
from ..registry.releases import GREEN, load_refusal, stage_copy
from ..serving.app import champion_bundle
from .bench import Bench, of_the_present, read_json

ROWS = 2000


@dataclass(frozen=True)
class Validation:
    """What is known about the version and the registry.

    `broken`: why the bundle cannot be loaded. `tests` and `red`: verdicts of its training, and those not green.
    `gap`: days from the last training row to the first test row. `shared`: rows in both. `days`: test days that have
    rows. `metrics_gap`: the largest difference of a figure in metrics.json from the same one computed now; None when
    the version is made of other data or settings. `alias`: what is wrong with the champion's alias. `drawn`: whether
    the days were drawn, for rows without a time.
    """

    broken: str = ""
    tests: int = 0
    red: tuple[str, ...] = ()
    gap: int = 0
    shared: int = 0
    days: int = 0
    metrics_gap: float | None = None
    alias: str = ""
    drawn: bool = False


def measure_validation(bench: Bench) -> Validation:
    """Look at the version under judgement, at the rows that it was tested on, and at the champion's alias."""
    if reason := load_refusal(bench.folder):
        return Validation(broken=reason)
    verdicts = errors.load_verdicts(bench.folder / "gates.json")
    train, test = bench.split.train, bench.split.test
    return Validation(
        tests=len(verdicts),
        red=tuple(verdict.gate for verdict in verdicts if not verdict.passed),
        gap=int((test[bench.contract.day].min() - train[bench.contract.day].max()).days),
        shared=int(test[bench.contract.key].isin(train[bench.contract.key]).sum()),
        days=int(test[bench.contract.day].nunique()),
        metrics_gap=metrics_gap(bench.bundle, bench) if of_the_present(bench) else None,
        alias=alias_problem(bench.registry),
        drawn=bench.contract.timeless,
    )


def metrics_gap(bundle: Bundle, bench: Bench) -> float:
    """The largest difference of a recorded figure of the evaluation from the one computed now."""
    now = bench.evaluation.to_dict()
    # A figure that is not recorded is infinitely far off, so that a file without it is red.
    # What is in the unit of a target may be large, and so are the roundings of it.
    return max(abs(float(bundle.metrics.get(name, float("inf"))) - v) / max(1.0, abs(v)) for name, v in now.items())


def alias_problem(registry: Registry) -> str:
    """What is wrong with the champion's alias: no such version, or one that its training did not find green."""
    number = registry.aliases().get(CHAMPION)
    if number is None:
        return ""
    if number not in registry.versions():
        return f"the champion is version {number}, which does not exist"
    verdicts = errors.load_verdicts(registry.path(number) / "gates.json")
    red = [verdict.gate for verdict in verdicts if not verdict.passed]
    if red or not verdicts:
        return f"the champion is version {number}, which is not green: {', '.join(red) or 'nothing was tested'}"
    return ""


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
    """The real registry, and the rehearsal (None when there is no second version to rehearse with).

    `champion`: by the alias; `by_history`: by the history; `target`: the version that a rollback leads to (None: the
    champion is the first one). `problem`: what is wrong with it, or with the versions that served.
    """

    champion: int | None
    by_history: int | None
    target: int | None
    problem: str = ""
    rehearsed: RehearsedRollback | None = None


def rehearse_rollback(bench: Bench, folder: Path) -> RehearsedRollback:
    """Promote a copy of the version over a copy of the one before it, go back, and ask both times."""
    rows, registry = bench.test.iloc[:: max(1, len(bench.test) // ROWS)], Registry(folder)
    before = stage_copy(bench.before.folder, registry)
    registry.promote(before)
    answers, files = predict_frame(champion_bundle(folder), rows), manifest_sums(registry.path(before))
    # Other words in its verdicts: two versions of the same content would be one.
    promoted = stage_copy(bench.folder, registry, [*GREEN, *GREEN])
    registry.promote(promoted)
    registry.rollback("rehearsal")
    last = registry.history()[-1]
    return RehearsedRollback(
        before=before,
        promoted=promoted,
        after=registry.resolve(CHAMPION),
        answers=bool(np.array_equal(predict_frame(champion_bundle(folder), rows), answers)),
        untouched=manifest_sums(registry.path(before)) == files,
        recorded=bool((last["from"], last["to"], last["rollback"]) == (promoted, before, True)),
    )


def examine_history(registry: Registry, folder: Path) -> RollbackEvidence:
    """Champion by alias and by history, where a rollback leads, and what is wrong with that; tried on a copy."""
    champion = registry.aliases().get(CHAMPION)
    try:
        history = registry.history()
    except InputError as error:
        problem = f"{Path(error.where).name}: {error.what}; {error.hint}"
        return RollbackEvidence(champion, champion, None, problem)
    entries = [entry for entry in history if entry["alias"] == CHAMPION]
    by_history = int(str(entries[-1]["to"])) if entries else None
    replaced = any(entry["from"] and entry["to"] == champion for entry in entries if not entry["rollback"])
    if champion is None or champion != by_history or not replaced:
        return RollbackEvidence(champion, by_history, None, _overwritten(registry, entries))
    # Without the models: a rollback reads none, and they are most of the bytes.
    shutil.copytree(registry.folder, folder, ignore=shutil.ignore_patterns("*.onnx"))
    try:
        target = Registry(folder).rollback("rehearsal")
    except InputError as error:
        return RollbackEvidence(champion, by_history, None, f"a rollback fails: {error.what}")
    problem = _target_problem(registry, champion, target) or _overwritten(registry, entries)
    return RollbackEvidence(champion, by_history, target, problem)


def _target_problem(registry: Registry, champion: int, target: int) -> str:
    """What is wrong with the version to which a rollback leads; empty when nothing is."""
    if target == champion:
        return f"a rollback leads from version {champion} to itself"
    if reason := load_refusal(registry.path(target)):
        return f"version {target}, to which a rollback leads, cannot be loaded: {reason}"
    sums, of_champion = (read_json(registry.path(each) / "manifest.json")["sha256"] for each in (target, champion))
    if sums == of_champion:
        return f"version {target}, to which a rollback leads, holds the same model as version {champion}"
    return ""


def _overwritten(registry: Registry, entries: list[dict[str, object]]) -> str:
    """A version that was promoted before it was made has been written over since."""
    for entry in entries:
        number = int(str(entry["to"]))
        if number not in registry.versions():
            continue
        # Both are texts of ISO 8601 in UTC, which sort as the times do.
        if str(read_json(registry.path(number) / "manifest.json")["created"]) > str(entry["time"]):
            return f"version {number} is younger than its promotion: it was written over"
    return ""
