"""Verdicts: a gate is a claim, whether it holds, and the evidence; a red one stops what depends on it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import RedError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Verdict:
    """What a gate says: `passed` is None when it could not judge, which is never green."""

    gate: str
    passed: bool | None
    evidence: str


class Judgeable(Protocol):
    """What has a verdict: a gate's name, whether it passed, and its evidence."""

    @property
    def gate(self) -> str:
        """The name of the gate."""

    @property
    def passed(self) -> bool | None:
        """Whether its claim holds; None when it could not judge."""

    @property
    def evidence(self) -> str:
        """The evidence in words."""


def table(verdicts: "Sequence[Judgeable]") -> "pd.DataFrame":
    """The verdicts to look at: gate, verdict (green, red, not judged), evidence."""
    import pandas as pd  # here, because the service reads verdicts too, and must start fast

    words = {True: "green", False: "red", None: "not judged"}
    rows = [{"gate": v.gate, "verdict": words[v.passed], "evidence": v.evidence} for v in verdicts]
    return pd.DataFrame(rows, columns=["gate", "verdict", "evidence"])


def require(verdicts: "Sequence[Judgeable]", where: str = "", hint: str = "") -> None:
    """Raise RedError unless every gate is green; it names those that are not. No verdict at all is not green."""
    red = [f"{v.gate}: {v.evidence}" for v in verdicts if not v.passed] or ([] if verdicts else ["no gate has judged"])
    if red:
        raise RedError("not every gate is green\n  " + "\n  ".join(red), where=where, hint=hint)


def dump(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as JSON text."""
    return json.dumps([asdict(v) for v in verdicts], indent=1)


def load(path: Path) -> list[Verdict]:
    """The verdicts that `dump` wrote to a file; none when the file is missing."""
    return [Verdict(**v) for v in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []
