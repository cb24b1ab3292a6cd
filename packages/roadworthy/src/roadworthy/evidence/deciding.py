"""What decides about a version, tried with answers and verdicts made for it: the command `gates`, and a retraining.

The modules are taken by name, not imported: they reach all of the package, and a verdict would depend on all of it.
"""

import io
from contextlib import redirect_stdout
from datetime import UTC
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from .. import data
from .. import export
from ..decisions import Record
from ..errors import RedError
from ..gates import Verdict
from ..registry import Registry
from .bench import Bench
from .rehearsal import GREEN
from .rehearsal import stage

MODULES = ("challenge.py", "gate_commands.py", "gates/run.py", "release.py", "retraining.py")
PHASES = ("gates", "comparison", "shadow")
PACKAGE = __package__.split(".")[0]
ROWS = 2_000


def wrong(bench: Bench) -> tuple[str, ...]:
    """What is let through that must not be, in words; nothing when all is well."""
    return (*red_gate(bench, bench.scratch / "commanded"), *rulings(), *worse(bench, bench.scratch / "challenged"))


def red_gate(bench: Bench, folder: Path) -> list[str]:
    """Run the command `gates` on a copy of the version, in a registry of its own, with a red gate instead of all 28."""
    run, commands = _module("gates.run"), _module("gate_commands")
    registry = Registry(folder)
    number = stage(bench.folder, registry)
    paths = bench.config.paths.model_copy(update={"registry": folder})
    project = bench.project.using(bench.config.model_copy(update={"paths": paths}))
    red = [run.Judged("rehearsal", "as if a gate were red", passed=False, evidence="red", seconds=0.0)]
    ended = False
    with patch.object(run, "run", lambda *_, **__: red), redirect_stdout(io.StringIO()):
        try:
            commands.judge(project, str(number), as_json=True)
        except RedError:
            ended = True
    found = [] if ended else ["the command `gates` ends well although a gate is red"]
    kept = [verdict.passed for verdict in registry.judged(number)] == [False]
    return found if kept else [*found, "a gate's red verdict is not kept, so that the version can be promoted"]


def rulings() -> list[str]:
    """Rule about challengers with one verdict that is not green, in each phase that has verdicts."""
    challenge = _module("challenge")
    found = []
    for phase in PHASES:
        for passed, word in ((False, "red"), (None, "not judged")):
            record = _record({each: [*GREEN, *([_said(passed)] if each == phase else [])] for each in PHASES})
            if challenge.ruling(challenge.verdicts(record))[0]:
                found.append(f"a challenger is promoted although its {phase} is {word}")
    return found


def worse(bench: Bench, folder: Path) -> list[str]:
    """Let a challenger that is always wrong meet a champion that knows nothing: copies with other answers."""
    registry, rows = Registry(folder), data.thinned(bench.split.test, ROWS)
    champion, challenger = stage(bench.folder, registry), stage(bench.folder, registry, [*GREEN, *GREEN])
    answers = {
        str(champion): np.full(len(rows), 0.5),
        str(challenger): 1.0 - rows[bench.contract.target].to_numpy(float),
    }
    paths = bench.config.paths.model_copy(update={"registry": folder})
    tests = bench.config.tests.model_copy(update={"slices": ()})
    project = bench.project.using(bench.config.model_copy(update={"paths": paths, "tests": tests}))
    record = _record({}, champion=champion, challenger=challenger)
    work = _module("challenge").Work(
        project, project, record, lambda *_: [], bench.config.paths.predictions, datetime.now(UTC)
    )
    work.split = data.Split(rows, rows)
    with patch.object(export, "predict", lambda bundle, _: answers[bundle.version]):
        found = work.comparison()
    better = _module("evaluation").Difference(**found["difference"]).better
    return ["a challenger that is always wrong is better than the champion"] if better else []


def _record(said: dict[str, list[Verdict]], champion: int = 1, challenger: int = 2) -> Record:
    phases: dict[str, dict[str, Any]] = {
        phase: {"verdicts": [{"gate": v.gate, "passed": v.passed, "evidence": v.evidence} for v in verdicts]}
        for phase, verdicts in said.items()
    }
    phases["training"] = {"version": challenger}
    found = {phase: {"found": each} for phase, each in phases.items()}
    return Record(Path("rehearsal"), {"plan": {"champion": champion}, "phases": found})


def _said(passed: bool | None) -> Verdict:  # noqa: FBT001
    return Verdict("rehearsal", passed, "as if")


def _module(name: str) -> Any:
    return import_module(f"{PACKAGE}.{name}")
