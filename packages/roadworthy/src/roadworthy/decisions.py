"""Decisions about challengers, one folder each: what was done in which phase, so that it can be resumed and replayed.

registry/decisions/<number>/decision.json is replaced as a whole after each phase: a killed process leaves the phases
that were complete. The model card stands beside it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import write_atomic

FILE = "decision.json"
PHASES = ("snapshot", "checks", "training", "tracking", "gates", "comparison", "shadow", "card", "promotion")
AGAIN = "restore it, or move the folder of this decision away: the next retraining begins anew"


class Record:
    """One decision: its plan, what each finished phase found, and its outcome once there is one."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder, self.content = folder, content

    @property
    def number(self) -> int:
        """The number of the decision."""
        return int(self.folder.name)

    @property
    def plan(self) -> dict[str, Any]:
        """What was decided about: the settings, the champion, and why."""
        return dict(self.content["plan"])

    @property
    def outcome(self) -> dict[str, Any] | None:
        """promoted, reason, ended; None while the decision is open."""
        return self.content.get("outcome")

    @property
    def open(self) -> bool:
        """Whether it may go on."""
        return self.outcome is None

    def __getitem__(self, phase: str) -> dict[str, Any]:
        """What a finished phase found."""
        return dict(self.content["phases"][phase]["found"])

    def __contains__(self, phase: str) -> bool:
        """Whether a phase is finished."""
        return phase in self.content["phases"]

    def finish(self, phase: str, found: Mapping[str, Any]) -> None:
        """Record that a phase is complete, with what it found."""
        self.content["phases"][phase] = {"at": now(), "found": dict(found)}
        self._write()

    def close(self, *, promoted: bool, reason: str, ended: str = "decided") -> None:
        """End the decision; `ended` is "decided", "stopped" (a phase was red) or "abandoned" (another one began)."""
        self.content["outcome"] = {"at": now(), "promoted": promoted, "reason": reason, "ended": ended}
        self._write()

    def _write(self) -> None:
        write_atomic(self.folder / FILE, json.dumps(self.content, indent=1))


class Decisions:
    """The decisions of a registry, in the folder `decisions` beside its versions."""

    def __init__(self, registry: Path) -> None:
        self.folder = Path(registry) / "decisions"

    def begin(self, plan: Mapping[str, Any]) -> Record:
        """A new decision about `plan`, plain values by name."""
        number = max((record.number for record in self.all()), default=0) + 1
        record = Record(self.folder / f"{number:04}", {"begun": now(), "plan": dict(plan), "phases": {}})
        record._write()  # noqa: SLF001 - it exists from now on
        return record

    def all(self) -> list[Record]:
        """Every decision, the oldest first; InputError for a file that is none."""
        found = sorted(self.folder.glob(f"[0-9]*/{FILE}"), key=lambda file: int(file.parent.name))
        return [_read(file) for file in found]

    def get(self, number: int) -> Record:
        """The decision of that number; InputError when there is none."""
        file = self.folder / f"{number:04}" / FILE
        if not file.is_file():
            have = ", ".join(str(record.number) for record in self.all()) or "none yet"
            hint = f"decisions: {have}; the command `retrain --list` shows them"
            raise InputError(f"there is no decision {number}", where=self.folder, hint=hint)
        return _read(file)


def fingerprint(parts: object) -> str:
    """A sum over anything that has a stable text."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def now() -> str:
    """The time as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read(file: Path) -> Record:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        complete = isinstance(content["plan"], dict) and set(content["phases"]) <= set(PHASES)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"is not a decision: {error}", where=file, hint=AGAIN) from error
    if not complete:
        raise InputError("is not a decision of this project", where=file, hint=AGAIN)
    return Record(file.parent, content)
