"""All gates in the order of the paper, each with what gathers its evidence and the inputs that it depends on.

`needs` names those inputs beside the code, the project's package and the configuration: data (the snapshots), version
and before (the bundle under judgement and the one it replaces), registry, lock, tests, alerts (their rules), written
(reports and logs), package (all code of the library).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..definition import claim_of
from ..evidence import data as of_data
from ..evidence import infrastructure as of_infrastructure
from ..evidence import model as of_model
from ..evidence import monitoring as of_monitoring
from ..evidence.bench import Bench
from . import data, infrastructure, model, monitoring
from .judge import Judge

if TYPE_CHECKING:
    from ..project import Project


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


def gates_of(project: "Project") -> list[Gate]:
    """The gates that the project adds; the claim of each is the first line of its docstring."""
    found = project.definition.extensions("gates", [gate.name for gate in GATES])
    return [Gate(Judge(name, claim_of(function), _as_given), function, ()) for name, function in found.items()]


def _as_given(said: tuple[bool | None, str]) -> tuple[bool | None, str]:
    return said


def named(name: str) -> Gate:
    """The gate of that name; KeyError when there is none."""
    return {gate.name: gate for gate in GATES}[name]


SECTIONS = ("Data", "Model", "Infrastructure", "Monitoring")
TRAINED = ("data", "version")
GATES = (
    Gate(data.schema, of_data.schema, ("data",)),
    Gate(data.beneficial, of_data.contributions, ("data",)),
    Gate(data.affordable, of_data.costs, ("data", "version")),
    Gate(data.requirements, of_data.requirements, ("data",)),
    Gate(data.private, of_data.privacy, ("data", "version", "written")),
    Gate(data.extensible, of_data.extension, ("data", "package")),
    Gate(data.code_tested, of_data.examples, ("tests",)),
    Gate(model.reviewed, of_model.specification, TRAINED),
    Gate(model.offline_online, of_model.replay, TRAINED),
    Gate(model.tuned, of_model.tuning, ("data",)),
    Gate(model.staleness_known, of_model.ages, ("data",)),
    Gate(model.no_simpler, of_model.simpler, TRAINED),
    Gate(model.slices, of_model.slices, TRAINED),
    Gate(model.inclusion, of_model.groups, TRAINED),
    Gate(infrastructure.reproducible, of_infrastructure.trainings, TRAINED),
    Gate(infrastructure.spec_tested, of_infrastructure.specification, ()),
    Gate(infrastructure.integrated, of_infrastructure.pipeline, ("data",)),
    Gate(infrastructure.validated, of_infrastructure.validation, ("data", "version", "registry")),
    Gate(infrastructure.debuggable, of_infrastructure.trace, TRAINED),
    Gate(infrastructure.canaried, of_infrastructure.canary, ("data", "version", "before")),
    Gate(infrastructure.rolled_back, of_infrastructure.rollback, ("data", "version", "before", "registry")),
    Gate(monitoring.dependencies, of_monitoring.dependencies, ("data", "version", "lock")),
    Gate(monitoring.invariants, of_monitoring.invariants, ("data", "version")),
    Gate(monitoring.no_skew, of_monitoring.paths, TRAINED),
    Gate(monitoring.fresh, of_monitoring.age, ("data", "version", "registry")),
    Gate(monitoring.stable, of_monitoring.numbers, TRAINED),
    Gate(monitoring.fast, of_monitoring.speed, ("data", "version", "before")),
    Gate(monitoring.quality, of_monitoring.quality, ("data", "version", "before", "alerts")),
)
