"""Run the gates on a bench: a verdict for each of the 28 in the order of the paper, and the seconds of CPU it took.

`needs` names what evidence depends on beside the code, the project's package and the configuration: data (the
snapshots), version and before (the bundle under judgement and the one it replaces), registry, lock, tests, alerts
(their rules), written (reports and logs), package (all code of the library). A verdict whose inputs were judged before
need not be computed again. What a version's gates said is kept in the registry: a red version is never promoted.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ..base import errors, source_code
from ..base.errors import InputError, Verdict
from ..base.files import file_sha256, write_atomic
from ..base.settings import Waiver
from ..base.source_code import files_behind
from ..contract.workspace import Workspace, claim_of
from ..data.snapshots import SUMS
from ..registry import releases
from ..registry.registry import CHAMPION, Registry
from . import data, infrastructure, model, monitoring
from .bench import Bench, Gate, NotJudgedError, first_line

# The 28, in the order in which they stand in the modules of their sections, which is that of the paper.
GATES: tuple[Gate[Any], ...] = tuple(
    each for of in (data, model, infrastructure, monitoring) for each in vars(of).values() if isinstance(each, Gate)
)
LIBRARY = "Library"  # the name of the verdict about vendor/, which is none of the 28 tests
WRITTEN = ("reports", "monitoring", "tracking")
LOG = logging.getLogger(__package__)
Tell = Callable[[str, int, int], None]


# What asks how things change with time says nothing of rows that have none.
WITHOUT_TIME = {"reason": "the rows have no time", "by": "the contract", "until": errors.FOR_EVER}


@dataclass(frozen=True)
class Judged:
    """A gate's verdict and what it cost, in seconds of CPU; the parts that gates share are paid by the first."""

    gate: str
    claim: str
    passed: bool | None
    evidence: str
    seconds: float
    waived: Mapping[str, str] | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict alone."""
        return Verdict(self.gate, self.passed, self.evidence, self.waived)

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class JudgedVersion:
    """What the gates said about a version."""

    version: int
    gates: Sequence[Judged]

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts alone."""
        return [each.verdict for each in self.gates]

    @property
    def table(self) -> pd.DataFrame:
        """One row per gate: gate, verdict, claim, evidence, seconds of CPU."""
        shown = errors.verdict_table(self.verdicts)
        shown.insert(2, "claim", [each.claim for each in self.gates])
        return shown.assign(seconds=[each.seconds for each in self.gates])


def judge_version(
    project: Workspace,
    version: int | str = CHAMPION,
    *,
    train: bool = False,
    cache: Path | None = None,
    tell: Tell | None = None,
) -> JudgedVersion:
    """Run all gates on a version, or with `train` on a new one, and record their verdicts in the registry.

    When no version could be trained, the version that would stay in service is judged, with the data that were refused.
    When the champion's alias names a version that is not there, the newest one is: Infrastructure 4 says what is wrong.
    """
    if train:
        try:
            version = releases.train_version(project).version
        except Exception as error:  # noqa: BLE001 - whatever stopped the training, the gates have to say what is wrong
            LOG.warning("no version was trained: %s", first_line(error))
            version = CHAMPION
    version = _existing_version(Registry(project.settings.paths.registry), version)
    bench = Bench(releases.project_as_made(project, version), version)
    judged = JudgedVersion(bench.version, [*run_gates(bench, tell, cache), *_judge_library(project)])
    bench.registry.judge(judged.version, judged.verdicts)
    return judged


def _existing_version(registry: Registry, version: int | str) -> int | str:
    """The version to judge: not one that an alias names and nobody can find."""
    named, versions = registry.aliases().get(str(version)), registry.versions()
    if named is None or named in versions or not versions:
        return version
    LOG.warning("%s is version %s, which does not exist: version %s is judged", version, named, versions[-1])
    return versions[-1]


def _judge_library(project: Workspace) -> list[Judged]:
    """A verdict about the library, if it is not as it was released: red until every edit of it is accepted."""
    edits = source_code.vendored_edits(project.folder)
    if not edits:
        return []
    passed, evidence = source_code.vendored_verdict(project.folder, edits)
    return [Judged(LIBRARY, "the library is as it was released", passed, evidence, 0.0)]


def run_gates(bench: Bench, tell: Tell | None = None, cache: Path | None = None) -> list[Judged]:
    """Judge all 28 gates, in the order of the paper, then the project's; `tell` hears name, number, and how many.

    With a folder `cache`, a gate whose inputs have been judged before is not computed again.
    """
    cached, own = CachedVerdicts(cache, bench) if cache else None, gates_of(bench.project)
    judged = []
    for number, gate in enumerate([*GATES, *own], start=1):
        if tell:
            tell(gate.name, number, len(GATES) + len(own))
        judge = partial(judge_gate, gate, bench)
        # What a gate of the project looks at is not known here, so it is judged each time.
        judged.append(cached.verdict(gate, judge) if cached and gate not in own else judge())
    return [with_waiver(each, bench.config.gates.waived) for each in judged]


def judge_named(name: str, bench: Bench) -> Judged:
    """Judge one gate by its name, of the 28 or of the project's; InputError when there is none."""
    return with_waiver(judge_gate(_gate_named(name, bench.project), bench), bench.config.gates.waived)


def with_waiver(judged: Judged, waivers: Mapping[str, Waiver]) -> Judged:
    """A verdict with the waiver that the settings have for its gate, while it holds; or why it does not, in words."""
    if judged.gate not in waivers:
        return judged
    given = replace(judged, waived=waivers[judged.gate].model_dump(mode="json"))
    if errors.verdict_word(given) == errors.WAIVED:
        return given
    return replace(judged, evidence=errors.verdict_evidence(given))


def judge_gate(gate: Gate[Any], bench: Bench) -> Judged:
    """Gather the evidence of one gate and judge it.

    Evidence that cannot be made is red, unless it is another gate that guards what is missing.
    """
    if "time" in gate.needs and bench.contract.timeless:
        return Judged(gate.name, gate.claim, None, "not judged: the rows have no time", 0.0, WITHOUT_TIME)
    since = time.process_time()
    try:
        verdict = gate(gate.gather(bench), bench.config.limits)
    except NotJudgedError as reason:
        verdict = Verdict(gate.name, None, f"not judged: {reason}")
    except InputError as error:  # a mistake in the settings: where it is, and what there is instead
        verdict = Verdict(gate.name, passed=False, evidence="; ".join(map(str.strip, str(error).splitlines())))
    except Exception as error:  # noqa: BLE001 - a gate that breaks is not green, whatever broke it
        message = str(error).splitlines()[0] if str(error) else ""
        verdict = Verdict(gate.name, passed=False, evidence=f"{type(error).__name__}: {message}")
    return Judged(gate.name, gate.claim, verdict.passed, verdict.evidence, round(time.process_time() - since, 2))


def gate_function(name: str, project: Workspace) -> Callable[..., Any]:
    """The function behind a gate: what judges its evidence; of a gate of the project, what looks at the bench itself.

    Raises InputError when there is no such gate.
    """
    gate = _gate_named(name, project)
    return gate.judge if gate in GATES else gate.gather


def gates_of(project: Workspace) -> list[Gate[Any]]:
    """The gates that the project adds: they judge the bench themselves. The first line of a docstring is the claim."""
    functions = project.definition.extensions("gates", [gate.name for gate in GATES])
    return [Gate(name, claim_of(each), each, lambda judgement: judgement) for name, each in functions.items()]


def _gate_named(name: str, project: Workspace) -> Gate[Any]:
    known = {gate.name: gate for gate in (*GATES, *gates_of(project))}
    if name not in known:
        raise InputError(f"there is no gate {name!r}", where="gates", hint=f"there are {', '.join(known)}")
    return known[name]


class CachedVerdicts:
    """Verdicts in a folder, one small file for each set of inputs."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        """Remember where the inputs are on which gates depend; their sums are taken when they are needed."""
        self.folder = folder
        package = Path(__file__).parents[1]
        home, registry = bench.home, bench.registry.folder
        kept = bench.config.data.snapshots.items()
        # A copy of the project stands elsewhere: its place is no part of what a verdict depends on.
        # Nor are waivers: they are looked up after it.
        config = bench.config.model_dump_json(exclude={"paths": True, "gates": {"waived"}})
        config = config.replace(home.as_posix(), "")
        self._inputs: dict[str, Callable[[], str]] = {
            "project": lambda: _project_sum(bench),
            "package": lambda: _files_sum(package.rglob("*")),
            "config": lambda: _sum_of(config),
            "data": lambda: _sum_of(
                {name: _files_sum([*of.folder.glob("*.parquet"), of.folder / SUMS]) for name, of in kept}
            ),
            "version": lambda: _files_sum(bench.folder.rglob("*")),
            "before": lambda: _sum_before(bench),
            "registry": lambda: _files_sum(f for f in registry.rglob("*") if f.suffix in {".json", ".jsonl"}),
            "lock": lambda: _files_sum(home.glob("requirements*")),
            "alerts": lambda: _files_sum((home / "deploy" / "prometheus").rglob("*")),
            "tests": lambda: _files_sum((home / "tests").rglob("*")),
            "written": lambda: _files_sum(f for n in WRITTEN for f in (home / n).rglob("*")),
        }
        self._sums: dict[str, str] = {}

    def verdict(self, gate: Gate[Any], judge: Callable[[], Judged]) -> Judged:
        """What `gate` said about these inputs, or what it says now."""
        code = _files_sum(files_behind(gate.gather, gate.judge, Bench))
        sums = [code, *map(self._sum, ("config", "project", *(n for n in gate.needs if n != "time")))]
        file = self.folder / f"{_sum_of(gate.name, sums)}.json"
        if not file.is_file():
            # Whole or not at all: drills that run beside each other share the folder.
            write_atomic(file, json.dumps(judge().to_dict()))
        return Judged(**json.loads(file.read_text(encoding="utf-8")))

    def _sum(self, name: str) -> str:
        if name not in self._sums:
            self._sums[name] = self._inputs[name]()
        return self._sums[name]


def _project_sum(bench: Bench) -> str:
    """Of the project's own package, and of its SQL, which may stand elsewhere."""
    package = bench.home / "src" / bench.config.project.package
    return _files_sum({*package.rglob("*"), *bench.project.definition.sql.rglob("*.sql")})


def _sum_before(bench: Bench) -> str:
    try:
        return _files_sum(bench.before.folder.rglob("*"))
    except NotJudgedError as reason:
        return str(reason)


def _files_sum(files: Iterable[Path]) -> str:
    listed = sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts)
    return _sum_of([(path.name, file_sha256(path)) for path in listed])


def _sum_of(*parts: object) -> str:
    """A sum over anything that has a stable text."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
