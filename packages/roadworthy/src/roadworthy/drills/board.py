"""The board: every fault planted in a copy of its own, all 28 gates run on it, and which of them were red."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .faults import Fault
from .practice import Copy, fresh, prepare

if TYPE_CHECKING:
    from ..project import Project

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Drilled:
    """A fault and what the gates said: `caught` by the gate that must, `red` and `not_judged` by name, seconds."""

    fault: str
    gate: str
    caught: bool
    red: tuple[str, ...]
    not_judged: tuple[str, ...]
    evidence: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def drill(project: "Project", faults: Sequence[Fault], jobs: int = 1, tell: Tell | None = None) -> list[Drilled]:
    """Plant each fault in its own copy of a project and run all gates there; nothing is left behind.

    The gates are run on the copy without a fault first: InputError when one of them is not green there.
    """
    with tempfile.TemporaryDirectory(prefix="drill-") as scratch:
        place = Path(scratch)
        if tell:
            tell("the practice ground", 0, len(faults))
        ground = prepare(project, place / "ground")
        cache = place / "verdicts"
        _require_green(gates(ground, cache), project.folder)
        with ThreadPoolExecutor(jobs) as pool:
            one = lambda fault: drill_one(ground, fault, place, cache)  # noqa: E731
            found: Iterator[Drilled] = pool.map(one, faults)
            return list(_told(found, len(faults), tell))


def drill_one(ground: Copy, fault: Fault, place: Path, cache: Path | None = None) -> Drilled:
    """Plant one fault in a copy of the practice ground and run the gates on it."""
    since = time.monotonic()
    copy = fresh(ground, Path(tempfile.mkdtemp(dir=place)) / "project")
    try:
        copy.plant(fault)
        judged = gates(copy, cache, train=fault.train == "after")
    finally:
        shutil.rmtree(copy.home.parent, ignore_errors=True)
    red = tuple(each["gate"] for each in judged if each["passed"] is False)
    unsure = tuple(each["gate"] for each in judged if each["passed"] is None)
    words = {each["gate"]: each["evidence"] for each in judged}
    seconds = round(time.monotonic() - since, 1)
    return Drilled(fault.name, fault.gate, fault.gate in red, red, unsure, words[fault.gate], seconds)


def gates(copy: Copy, cache: Path | None = None, *, train: bool = False) -> list[dict[str, Any]]:
    """What the gates say in a copy; with `train`, about a version that is trained there first."""
    words = ["gates", "--json", *(["--train"] if train else []), *(["--cache", str(cache)] if cache else [])]
    done = copy.run(*words)
    try:
        return list(json.loads(done.stdout))
    except ValueError as error:
        told = _wrong(done.stderr) or f"exit code {done.returncode}"
        raise InputError(f"the gates did not run in the copy: {told}", where=copy.home) from error


def _wrong(stderr: str) -> str:
    """The line that says what is wrong: the last that is not indented. A hint is, and so is what a traceback quotes."""
    lines = [line.rstrip() for line in stderr.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if not line[0].isspace()), lines[-1].strip() if lines else "")


def _require_green(judged: Sequence[dict[str, Any]], home: Path) -> None:
    red = [f"{each['gate']}: {each['evidence']}" for each in judged if not each["passed"]]
    if red:
        hint = "the project itself must be sound before faults are planted in it: see the command `gates`"
        raise InputError("without a fault, not every gate is green\n  " + "\n  ".join(red), where=home, hint=hint)


def _told(found: Iterator[Drilled], count: int, tell: Tell | None) -> Iterator[Drilled]:
    for number, drilled in enumerate(found, start=1):
        if tell:
            tell(drilled.fault, number, count)
        yield drilled
