"""Whether a model is validated before it serves: the bundle, what was said about it, and that a red one is refused."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .. import gates, steps
from ..bundle import Bundle
from ..errors import RedError
from ..gates import Verdict
from ..registry import CHAMPION, Registry
from .bench import Bench
from .loading import refusal
from .rehearsal import GREEN, RED, stage


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


def run(bench: Bench) -> Validation:
    """Look at the version under judgement, and rehearse promotions with copies of it."""
    if reason := refusal(bench.folder):
        return Validation(broken=reason)
    bundle = bench.bundle
    said = gates.load(bench.folder / "gates.json")
    train, test = bench.split.train, bench.split.test
    let_through, kept_out = rehearse(bench)
    return Validation(
        tests=len(said),
        red=tuple(verdict.gate for verdict in said if not verdict.passed),
        gap=int((test[bench.contract.day].min() - train[bench.contract.day].max()).days),
        shared=int(test[bench.contract.key].isin(train[bench.contract.key]).sum()),
        days=int(test[bench.contract.day].nunique()),
        metrics_gap=metrics_gap(bundle, bench) if of_the_present(bench) else None,
        alias=alias(bench.registry),
        let_through=let_through,
        kept_out=kept_out,
    )


def of_the_present(bench: Bench) -> bool:
    """Whether the version is made of the data and settings of now, so that it can be made again."""
    return bool(bench.manifest.get("lineage") == json.loads(json.dumps(steps.lineage(bench.project))))


def metrics_gap(bundle: Bundle, bench: Bench) -> float:
    """The largest difference of a recorded figure of the evaluation from the one computed now."""
    now = bench.evaluation.to_dict()
    return max(abs(float(bundle.metrics.get(name, float("inf"))) - value) for name, value in now.items())


def alias(registry: Registry) -> str:
    """What is wrong with the champion's alias: no such version, or one that its training did not find green."""
    number = registry.aliases().get(CHAMPION)
    if number is None:
        return ""
    if number not in registry.versions():
        return f"the champion is version {number}, which does not exist"
    said = gates.load(registry.path(number) / "gates.json")
    red = [verdict.gate for verdict in said if not verdict.passed]
    if red or not said:
        return f"the champion is version {number}, which is not green: {', '.join(red) or 'nothing was tested'}"
    return ""


def rehearse(bench: Bench) -> tuple[tuple[str, ...], str]:
    """Promote copies with other verdicts: which were let through wrongly, and why a green one was not."""
    registry = Registry(bench.scratch / "validation")
    champion = stage(bench.folder, registry, GREEN)
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
    number = stage(bench.folder, registry, trained)
    if since:
        registry.judge(number, since)
    before = registry.aliases().get(CHAMPION)
    try:
        registry.promote(number)
    except RedError:
        return registry.aliases().get(CHAMPION) != before
    return True
