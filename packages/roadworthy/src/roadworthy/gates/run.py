"""Run the gates on a bench: a verdict for each of the 28, with the seconds of CPU that it took."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..evidence.bench import Bench, NotJudgedError
from .catalog import GATES, Gate, gates_of
from .kept import Kept
from .verdict import Verdict

if TYPE_CHECKING:
    from ..project import Project

Tell = Callable[[str, int, int], None]


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


def run(bench: Bench, tell: Tell | None = None, cache: Path | None = None) -> list[Judged]:
    """Judge all 28 gates, in the order of the paper, then the project's; `tell` hears name, number, and how many.

    With a folder `cache`, a gate whose inputs have been judged before is not computed again.
    """
    kept, own = Kept(cache, bench) if cache else None, gates_of(bench.project)
    judged = []
    for number, gate in enumerate([*GATES, *own], start=1):
        if tell:
            tell(gate.name, number, len(GATES) + len(own))
        now = partial(judge, gate, bench)
        # What a gate of the project looks at is not known here, so it is judged each time.
        judged.append(kept.verdict(gate, now) if kept and gate not in own else now())
    return judged


def judge_named(name: str, bench: Bench) -> Judged:
    """Judge one gate by its name, ours or one of the project; InputError when there is none."""
    return judge(_named(name, bench.project), bench)


def function_of(name: str, project: "Project") -> Callable[..., Any]:
    """The function behind a gate: what judges its evidence; of a gate of the project, what looks at the bench itself.

    Raises InputError when there is no such gate.
    """
    gate = _named(name, project)
    return gate.judge.function if gate in GATES else gate.gather


def judge(gate: Gate, bench: Bench) -> Judged:
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


def _named(name: str, project: "Project") -> Gate:
    known = {gate.name: gate for gate in (*GATES, *gates_of(project))}
    if name not in known:
        raise InputError(f"there is no gate {name!r}", where="gates", hint=f"there are {', '.join(known)}")
    return known[name]
