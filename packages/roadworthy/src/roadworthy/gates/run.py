"""Run the gates on a bench: a verdict for each of the 28 in the order of the paper, and the seconds of CPU it took.

`needs` names what evidence depends on beside the code, the project's package and the configuration: data (the
snapshots), version and before (the bundle under judgement and the one it replaces), registry, lock, tests, alerts
(their rules), written (reports and logs), package (all code of the library). A verdict whose inputs were judged before
need not be computed again. What a version's gates said is kept in the registry: a red version is never promoted.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..base import errors, source_code
from ..base.errors import InputError, Verdict
from ..base.files import file_sha256, write_atomic
from ..base.source_code import files_behind
from ..contract.definition import claim_of
from ..data import snapshots
from ..registry import releases
from ..registry.registry import CHAMPION, Registry
from . import data, infrastructure, model, monitoring
from .bench import Bench, Judge, NotJudgedError, fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..contract.workspace import Workspace

SECTIONS = ("Data", "Model", "Infrastructure", "Monitoring")
TRAINED = ("data", "version")
Tell = Callable[[str, int, int], None]
WRITTEN = ("reports", "monitoring", "tracking")
LOG = logging.getLogger(__package__)
LIBRARY = "Library"  # the name of the verdict about vendor/, which is none of the 28 tests


@dataclass(frozen=True)
class Gate:
    """A judge, the function that gathers its evidence, and the inputs on which that depends."""

    judge: Judge[Any]
    gather: Callable[[Bench], Any]
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        """Section and number in the paper, for example "Model 6"."""
        return self.judge.name

    @property
    def claim(self) -> str:
        """What is judged."""
        return self.judge.claim

    @property
    def section(self) -> str:
        """Data, Model, Infrastructure or Monitoring."""
        return self.name.split()[0]


def gates_of(project: "Workspace") -> list[Gate]:
    """The gates that the project adds; the claim of each is the first line of its docstring."""
    found = project.definition.extensions("gates", [gate.name for gate in GATES])
    return [Gate(Judge(name, claim_of(function), _as_given), function, ()) for name, function in found.items()]


def _as_given(said: tuple[bool | None, str]) -> tuple[bool | None, str]:
    return said


def gate_named(name: str) -> Gate:
    """The gate of that name; KeyError when there is none."""
    return {gate.name: gate for gate in GATES}[name]


GATES = (
    Gate(data.schema_covers_data, data.gather_expectations, ("data",)),
    Gate(data.features_beneficial, data.gather_contributions, ("data",)),
    Gate(data.features_affordable, data.gather_costs, ("data", "version")),
    Gate(data.requirements_kept, data.gather_requirements, ("data",)),
    Gate(data.privacy_kept, data.gather_privacy, ("data", "version", "written")),
    Gate(data.features_extensible, data.gather_extension, ("data", "package")),
    Gate(data.code_tested, data.gather_examples, ("tests",)),
    Gate(model.specification_reviewed, model.gather_specification, TRAINED),
    Gate(model.offline_online, model.gather_replay, TRAINED),
    Gate(model.hyperparameters_tuned, model.gather_tuning, ("data",)),
    Gate(model.staleness_known, model.gather_ages, ("data",)),
    Gate(model.no_simpler, model.gather_simpler, TRAINED),
    Gate(model.slices_sufficient, model.gather_slices, TRAINED),
    Gate(model.groups_treated_alike, model.gather_groups, TRAINED),
    Gate(infrastructure.training_reproducible, infrastructure.gather_trainings, TRAINED),
    Gate(infrastructure.spec_tested, infrastructure.gather_spec_tests, ()),
    Gate(infrastructure.pipeline_integrated, infrastructure.gather_pipeline, ("data",)),
    Gate(infrastructure.version_validated, infrastructure.gather_validation, ("data", "version", "registry")),
    Gate(infrastructure.predictions_debuggable, infrastructure.gather_traces, TRAINED),
    Gate(infrastructure.canary_passed, infrastructure.gather_canary, ("data", "version", "before")),
    Gate(infrastructure.rolled_back, infrastructure.gather_rollback, ("data", "version", "before", "registry")),
    Gate(monitoring.dependencies_unchanged, monitoring.gather_dependencies, ("data", "version", "lock")),
    Gate(monitoring.invariants_hold, monitoring.gather_invariants, ("data", "version")),
    Gate(monitoring.no_skew, monitoring.gather_paths, TRAINED),
    Gate(monitoring.version_fresh, monitoring.gather_age, ("data", "version", "registry")),
    Gate(monitoring.numbers_stable, monitoring.gather_numbers, TRAINED),
    Gate(monitoring.answers_fast, monitoring.gather_speed, ("data", "version", "before")),
    Gate(monitoring.quality_kept, monitoring.gather_quality, ("data", "version", "before", "alerts")),
)


@dataclass(frozen=True)
class Judged:
    """A gate's verdict and what it cost, in seconds of CPU; the parts that gates share are paid by the first."""

    gate: str
    claim: str
    passed: bool | None
    evidence: str
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """The verdict alone."""
        return Verdict(self.gate, self.passed, self.evidence)

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return asdict(self)


def run_gates(bench: Bench, tell: Tell | None = None, cache: Path | None = None) -> list[Judged]:
    """Judge all 28 gates, in the order of the paper, then the project's; `tell` hears name, number, and how many.

    With a folder `cache`, a gate whose inputs have been judged before is not computed again.
    """
    kept, own = CachedVerdicts(cache, bench) if cache else None, gates_of(bench.project)
    judged = []
    for number, gate in enumerate([*GATES, *own], start=1):
        if tell:
            tell(gate.name, number, len(GATES) + len(own))
        now = partial(judge_gate, gate, bench)
        # What a gate of the project looks at is not known here, so it is judged each time.
        judged.append(kept.verdict(gate, now) if kept and gate not in own else now())
    return judged


def judge_named(name: str, bench: Bench) -> Judged:
    """Judge one gate by its name, ours or one of the project; InputError when there is none."""
    return judge_gate(_named(name, bench.project), bench)


def gate_function(name: str, project: "Workspace") -> Callable[..., Any]:
    """The function behind a gate: what judges its evidence; of a gate of the project, what looks at the bench itself.

    Raises InputError when there is no such gate.
    """
    gate = _named(name, project)
    return gate.judge.function if gate in GATES else gate.gather


def judge_gate(gate: Gate, bench: Bench) -> Judged:
    """Gather the evidence of one gate and judge it.

    Evidence that cannot be made is red, unless it is another gate that guards what is missing.
    """
    since = time.process_time()
    try:
        verdict = gate.judge(gate.gather(bench))
    except NotJudgedError as reason:
        verdict = Verdict(gate.name, None, f"not judged: {reason}")
    except Exception as error:  # noqa: BLE001 - a gate that breaks is not green, whatever broke it
        told = str(error).splitlines()[0] if str(error) else ""
        verdict = Verdict(gate.name, passed=False, evidence=f"{type(error).__name__}: {told}")
    return Judged(gate.name, gate.claim, verdict.passed, verdict.evidence, round(time.process_time() - since, 2))


def _named(name: str, project: "Workspace") -> Gate:
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
        snapshots = bench.config.data.snapshots.items()
        # A copy of the project stands elsewhere: its place is no part of what a verdict depends on.
        config = bench.config.model_dump_json(exclude={"paths"}).replace(home.as_posix(), "")
        self._inputs: dict[str, Callable[[], str]] = {
            "project": lambda: _of_project(bench),
            "package": lambda: _of_files(package.rglob("*")),
            "config": lambda: fingerprint(config),
            "data": lambda: fingerprint({name: _of_files(_folder(each.folder)) for name, each in snapshots}),
            "version": lambda: _of_files(bench.folder.rglob("*")),
            "before": lambda: _before(bench),
            "registry": lambda: _of_files(f for f in registry.rglob("*") if f.suffix in {".json", ".jsonl"}),
            "lock": lambda: _of_files(home.glob("requirements*")),
            "alerts": lambda: _of_files((home / "deploy" / "prometheus").rglob("*")),
            "tests": lambda: _of_files((home / "tests").rglob("*")),
            "written": lambda: _of_files(f for n in WRITTEN for f in (home / n).rglob("*")),
        }
        self._sums: dict[str, str] = {}

    def verdict(self, gate: Gate, judge: "Callable[[], Judged]") -> "Judged":
        """What `gate` said about these inputs, or what it says now."""
        code = _of_files(files_behind(gate.gather, gate.judge.function, Bench))
        sums = [code, *map(self._sum, ("config", "project", *gate.needs))]
        file = self.folder / f"{fingerprint(gate.name, sums)}.json"
        if not file.is_file():
            write_atomic(file, json.dumps(judge().to_dict()))
        return Judged(**json.loads(file.read_text(encoding="utf-8")))

    def _sum(self, name: str) -> str:
        if name not in self._sums:
            self._sums[name] = self._inputs[name]()
        return self._sums[name]


def _folder(snapshot: Path) -> list[Path]:
    return [*snapshot.glob("*.parquet"), snapshot / snapshots.SUMS]


def _of_project(bench: Bench) -> str:
    """Of the project's own package, and of its SQL, which may stand elsewhere."""
    package = bench.home / "src" / bench.config.project.package
    return _of_files({*package.rglob("*"), *bench.project.definition.sql.rglob("*.sql")})


def _before(bench: Bench) -> str:
    try:
        return _of_files(bench.before.folder.rglob("*"))
    except NotJudgedError as reason:
        return str(reason)


def _of_files(files: object) -> str:
    listed = sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts)  # type: ignore[attr-defined]
    return fingerprint([(path.name, file_sha256(path)) for path in listed])


@dataclass(frozen=True)
class JudgedVersion:
    """What the gates said about a version."""

    version: int
    gates: "Sequence[Judged]"

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
    project: "Workspace",
    version: int | str = CHAMPION,
    *,
    train: bool = False,
    cache: Path | None = None,
    tell: Callable[[str, int, int], None] | None = None,
) -> JudgedVersion:
    """Run all gates on a version, or with `train` on a new one, and record their verdicts in the registry.

    When no version could be trained, the version that would stay in service is judged, with the data that were refused.
    When the champion's alias names a version that is not there, the newest one is: Infrastructure 4 says what is wrong.
    """
    if train:
        try:
            version = releases.train_version(project).version
        except Exception as error:  # noqa: BLE001 - whatever stopped the training, the gates have to say what is wrong
            LOG.warning(
                "no version was trained: %s", str(error).splitlines()[0] if str(error) else type(error).__name__
            )
            version = CHAMPION
    version = _there(Registry(project.settings.paths.registry), version)
    bench = Bench(releases.project_as_made(project, version), version)
    judged = JudgedVersion(bench.version, [*run_gates(bench, tell, cache), *_library(project)])
    bench.registry.judge(judged.version, judged.verdicts)
    return judged


def _library(project: "Workspace") -> list[Judged]:
    """A verdict about the library, if it is not as it was released: red until every edit of it is accepted."""
    found = source_code.vendored_edits(project.folder)
    if not found:
        return []
    passed, evidence = source_code.vendored_verdict(project.folder, found)
    return [Judged(LIBRARY, "the library is as it was released", passed, evidence, 0.0)]


def _there(registry: Registry, version: int | str) -> int | str:
    """The version to judge: not one that an alias names and nobody can find."""
    named, versions = registry.aliases().get(str(version)), registry.versions()
    if named is None or named in versions or not versions:
        return version
    LOG.warning("%s is version %s, which does not exist: version %s is judged", version, named, versions[-1])
    return versions[-1]
