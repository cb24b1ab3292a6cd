"""The board: every fault planted in a copy of its own, all 28 gates run on it, and which of them were red.

Clean variants count false alarms; a fault without a name is for learners to find.
"""

import hashlib
import json
import random
import secrets
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field, ValidationError

from ..base.errors import InputError, RedError
from ..base.files import write_atomic
from .faults import CLEAN, FOLDER, Fault, FaultPart, Rewrite
from .practice import ProjectCopy, copy_project, data_settings, fresh_copy, prepare_practice, train_twice

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

Tell = Callable[[str, int, int], None]
Result = TypeVar("Result")
SEALED = "sealed.json"
TRAINING = "the tests of the training"
WEEK = 7  # days between the two versions: with a month less, some of these months make a model that is refused


@dataclass(frozen=True)
class DrillResult:
    """A fault and what the gates said: `caught` by the gate that must, `red` and `not_judged` by name, seconds."""

    fault: str
    gate: str
    caught: bool
    red: tuple[str, ...]
    not_judged: tuple[str, ...]
    evidence: str
    seconds: float


class Variant(FaultPart):
    """A clean variant: settings, and the seed with which its snapshot's days are drawn again (0: as they are)."""

    name: str
    setting: dict[str, Any] = Field(default_factory=dict)
    draw: int = 0


@dataclass(frozen=True)
class CleanResult:
    """What the gates said about a clean variant: false alarms and gates that could not judge, with their evidence.

    When the tests of the training refuse its model, that is the alarm, and there is no champion to run the gates on.
    """

    variant: str
    alarms: dict[str, str]
    not_judged: dict[str, str]


def run_drills(
    project: "Workspace", faults: Sequence[Fault], jobs: int = 1, tell: Tell | None = None
) -> list[DrillResult]:
    """Plant each fault in its own copy of a project and run all gates there; nothing is left behind.

    The gates are run on the copy without a fault first: InputError when one of them is neither green nor waived there.
    """
    with tempfile.TemporaryDirectory(prefix="drill-") as scratch:
        place = Path(scratch)
        if tell:
            tell("the practice ground", 0, len(faults))
        ground = prepare_practice(project, place / "ground")
        cache = place / "verdicts"
        # This fills the cache as well: what no part of a fault touches is judged once for all drills.
        sound = run_gates_in_copy(ground, cache)
        _require_green(sound, project.folder)
        return _run_in_threads(lambda fault: drill_one(ground, fault, place, cache, sound), faults, jobs, tell)


def drill_one(
    ground: ProjectCopy, fault: Fault, place: Path, cache: Path | None = None, sound: Sequence[dict[str, Any]] = ()
) -> DrillResult:
    """Plant one fault in a copy of the practice ground and run the gates on it, whatever is waived.

    `sound` is what they say without a fault: a gate that is red there has not caught one.
    """
    since = time.monotonic()
    copy = fresh_copy(ground, Path(tempfile.mkdtemp(dir=place)) / "project")
    try:
        copy.plant(fault)
        judged = run_gates_in_copy(copy, cache, train=fault.train == "after")
    finally:
        shutil.rmtree(copy.home.parent, ignore_errors=True)
    known = {(each["gate"], each["passed"]) for each in sound}
    new = [each for each in judged if (each["gate"], each["passed"]) not in known]
    red, not_judged = tuple(_evidence(new, passed=False)), tuple(_evidence(new, passed=None))
    evidence = {each["gate"]: each["evidence"] for each in judged}
    seconds = round(time.monotonic() - since, 1)
    return DrillResult(fault.name, fault.gate, fault.gate in red, red, not_judged, evidence[fault.gate], seconds)


def run_clean_variants(project: "Workspace", count: int, jobs: int = 1, tell: Tell | None = None) -> list[CleanResult]:
    """Run all gates on `count` clean variants of a project; nothing is left behind."""
    variants, draws = load_variants(project.folder, count)
    with tempfile.TemporaryDirectory(prefix="clean-") as scratch:
        return _run_in_threads(
            lambda variant: _run_clean_variant(project, variant, draws, Path(scratch)), variants, jobs, tell
        )


def load_variants(home: Path, count: int) -> tuple[list[Variant], list[Rewrite]]:
    """The first `count` variants, and the queries that draw a table again; InputError when there are fewer."""
    file = home / FOLDER / CLEAN
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        variants = [Variant.model_validate(each) for each in content["clean"]]
        draws = [Rewrite.model_validate(each) for each in content["draw"]]
    except FileNotFoundError as error:
        raise InputError("no such file", where=file, hint="restore it from version control") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValidationError) as error:
        hint = "a variant has a name, settings and a seed to draw with"
        raise InputError(f"is no list of clean variants: {error}", where=file, hint=hint) from error
    if count > len(variants):
        raise InputError(f"there are {len(variants)} clean variants", where=file, hint="ask for fewer, or write more")
    return variants[:count], draws


def plant_unnamed(project: "Workspace", place: Path, faults: Sequence[Fault], seed: int | None = None) -> Path:
    """Plant one of the faults in a copy of the project in `place`, which is made anew; the folder of the copy."""
    shutil.rmtree(place, ignore_errors=True)
    fault = random.Random(seed).choice(faults)  # noqa: S311 - which exercise comes is no secret worth more
    copy = prepare_practice(project, place / "project")
    copy.plant(fault)
    # Only the sum of the name is written, so that a look at the file does not give the answer away.
    salt = secrets.token_hex(8)
    sealed = {"salt": salt, "sum": _sum(salt, fault.name), "train": fault.train == "after"}
    write_atomic(place / SEALED, json.dumps(sealed))
    return copy.home


def judge_unnamed(project: "Workspace", place: Path) -> list[dict[str, Any]]:
    """What the gates say in the copy with the unnamed fault."""
    train = bool(_read_sealed(place)["train"])
    return run_gates_in_copy(ProjectCopy(project, place / "project"), place / "verdicts", train=train)


def answer_unnamed(place: Path, name: str, faults: Sequence[Fault]) -> bool:
    """Whether `name` is the fault; then the copy is removed. InputError for a name that no drill has."""
    names = [fault.name for fault in faults]
    if name not in names:
        hint = f"the command `drill` lists them: {', '.join(names)}"
        raise InputError(f"there is no drill {name!r}", where="--answer", hint=hint)
    sealed = _read_sealed(place)
    right = _sum(sealed["salt"], name) == str(sealed["sum"])
    if right:
        shutil.rmtree(place, ignore_errors=True)
    return right


def run_gates_in_copy(copy: ProjectCopy, cache: Path | None = None, *, train: bool = False) -> list[dict[str, Any]]:
    """What the gates say in a copy; with `train`, about a version that is trained there first."""
    words = ["gates", "--json", *(["--train"] if train else []), *(["--cache", str(cache)] if cache else [])]
    done = copy.run(*words)
    try:
        # Without a look at the exit code: red gates end with 1, and red is what a drill is after.
        return list(json.loads(done.stdout))
    except ValueError as error:
        message = _error_line(done.stderr) or f"exit code {done.returncode}"
        raise InputError(f"the gates did not run in the copy: {message}", where=copy.home) from error


def _error_line(stderr: str) -> str:
    """The line that says what is wrong: the last that is not indented. A hint is, and so is what a traceback quotes."""
    lines = [line.rstrip() for line in stderr.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if not line[0].isspace()), lines[-1].strip() if lines else "")


def _run_in_threads(work: Callable[[Any], Result], items: Sequence[Any], jobs: int, tell: Tell | None) -> list[Result]:
    """The results in the order of the faults or variants, `jobs` at a time: threads that wait for other processes."""
    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for number, (item, result) in enumerate(zip(items, pool.map(work, items), strict=True), start=1):
            if tell:
                tell(item.name, number, len(items))
            results.append(result)
    return results


def _run_clean_variant(project: "Workspace", variant: Variant, draws: Sequence[Rewrite], scratch: Path) -> CleanResult:
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        copy = copy_project(project, Path(place) / "project")
        copy.set(variant.setting)
        snapshot = data_settings(copy.home)["snapshot"]
        for draw in draws:
            if variant.draw and draw.snapshot == snapshot:
                copy.rewrite(draw.model_copy(update={"sql": draw.sql.replace("$seed", str(variant.draw))}))
        try:
            train_twice(copy, WEEK)
        except RedError as error:
            return CleanResult(variant.name, {TRAINING: error.what}, {})
        # No cache: every variant has data or settings of its own, so nothing in it would be found again.
        judged = [each for each in run_gates_in_copy(copy) if not each.get("waived")]
    return CleanResult(variant.name, _evidence(judged, passed=False), _evidence(judged, passed=None))


def _require_green(judged: Sequence[dict[str, Any]], home: Path) -> None:
    red = [f"{each['gate']}: {each['evidence']}" for each in judged if not (each["passed"] or each.get("waived"))]
    if red:
        hint = "the project itself must be sound before faults are planted in it: see the command `gates`"
        raise InputError("without a fault, not every gate is green\n  " + "\n  ".join(red), where=home, hint=hint)


def _evidence(judged: Sequence[dict[str, Any]], *, passed: bool | None) -> dict[str, str]:
    """The evidence of the gates with this verdict, by their names."""
    return {each["gate"]: each["evidence"] for each in judged if each["passed"] is passed}


def _read_sealed(place: Path) -> dict[str, Any]:
    file = place / SEALED
    if not file.is_file():
        raise InputError("no fault is planted", where=place, hint="the command `drill --blind` plants one")
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _sum(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt} {name}".encode()).hexdigest()
