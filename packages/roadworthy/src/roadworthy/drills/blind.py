"""A fault without a name, for learners: find it with the gates and say which one it was.

The copy with the fault stays until the answer is right; its name is kept as a sum only.
"""

import hashlib
import json
import random
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import write_atomic
from .board import gates
from .faults import Fault
from .practice import Copy, prepare

if TYPE_CHECKING:
    from ..project import Project

SEALED = "sealed.json"


def plant(project: "Project", place: Path, faults: Sequence[Fault], seed: int | None = None) -> Path:
    """Plant one of the faults in a copy of the project in `place`, which is made anew; the folder of the copy."""
    shutil.rmtree(place, ignore_errors=True)
    fault = random.Random(seed).choice(faults)  # noqa: S311 - which exercise comes is no secret worth more
    copy = prepare(project, place / "project")
    copy.plant(fault)
    salt = secrets.token_hex(8)
    sealed = {"salt": salt, "sum": _sum(salt, fault.name), "train": fault.train == "after"}
    write_atomic(place / SEALED, json.dumps(sealed))
    return copy.home


def look(project: "Project", place: Path) -> list[dict[str, Any]]:
    """What the gates say in the copy with the unnamed fault."""
    return gates(Copy(project, place / "project"), place / "verdicts", train=bool(_sealed(place)["train"]))


def answer(place: Path, name: str, faults: Sequence[Fault]) -> bool:
    """Whether `name` is the fault; then the copy is removed. InputError for a name that no drill has."""
    if name not in {fault.name for fault in faults}:
        hint = "the command `drill` lists them: " + ", ".join(fault.name for fault in faults)
        raise InputError(f"there is no drill {name!r}", where="--answer", hint=hint)
    sealed = _sealed(place)
    right = _sum(sealed["salt"], name) == str(sealed["sum"])
    if right:
        shutil.rmtree(place, ignore_errors=True)
    return right


def _sealed(place: Path) -> dict[str, Any]:
    file = place / SEALED
    if not file.is_file():
        raise InputError("no fault is planted", where=place, hint="the command `drill --blind` plants one")
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _sum(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt} {name}".encode()).hexdigest()
