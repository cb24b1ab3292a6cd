"""What stops a command: errors that a person can act on, and verdicts of gates that are not green.

An error says what is wrong, where, and what to do. A verdict is a claim, whether it holds, and the evidence.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

GREEN, WAIVED, RED, NOT_JUDGED = "green", "waived", "red", "not judged"
FOR_EVER = "9999-12-31"  # until when a waiver without an end holds: no later day can be written


class ProjectError(Exception):
    """A mistake to be told in a sentence, without a traceback; `exit_code` is the command's.

    >>> print(ProjectError("is empty", where="data/trips.csv", hint="check the export that made it"))
    data/trips.csv: is empty
      check the export that made it
    """

    # As click ends for a wrong option; 1 is kept for what was judged and is red.
    exit_code = 2

    def __init__(self, what: str, *, where: str | Path = "", hint: str = "") -> None:
        """Say `what` is wrong, `where` (a file, a column, a port) and, as a `hint`, what to do."""
        self.what, self.where, self.hint = what, str(where), hint
        super().__init__(what)

    def __str__(self) -> str:
        """`where: what`, and the hint on a line of its own."""
        first = f"{self.where}: {self.what}" if self.where else self.what
        return f"{first}\n  {self.hint}" if self.hint else first


class InputError(ProjectError):
    """The input or the usage is wrong: exit code 2.

    >>> InputError("there is no column 'speed'").exit_code
    2
    """


class RedError(ProjectError):
    """A check or a gate is red: exit code 1.

    >>> RedError("not every gate is green").exit_code
    1
    """

    exit_code = 1


@dataclass(frozen=True)
class Verdict:
    """What a gate says: `passed` is None when it could not judge, which is never green.

    waived: the reason, by whom and until which day it is accepted that it is not green; `passed` stays as judged.
    """

    gate: str
    passed: bool | None
    evidence: str
    waived: Mapping[str, str] | None = None

    def to_dict(self) -> dict[str, object]:
        """The fields by name; `waived` only where there is a waiver."""
        return {name: value for name, value in vars(self).items() if name != "waived" or value}


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

    @property
    def waived(self) -> Mapping[str, str] | None:
        """The waiver, if there is one: reason, by, until."""


def verdict_word(verdict: Judgeable, today: date | None = None) -> str:
    """The verdict as it counts `today` (UTC): green, red, not judged, or waived until the day on which that ends."""
    if verdict.passed:
        return GREEN
    today = today or datetime.now(UTC).date()
    if verdict.waived and today < date.fromisoformat(verdict.waived["until"]):
        return WAIVED
    return NOT_JUDGED if verdict.passed is None else RED


def waiver_words(verdict: Judgeable, today: date | None = None) -> str:
    """What there is to say about the waiver of a gate; empty without one."""
    if not verdict.waived:
        return ""
    # What the contract waives has no end, and says why in its evidence.
    for_ever = verdict.waived["until"] == FOR_EVER
    waived = "waived by {by}" if for_ever else "waived until {until} by {by}: {reason}"
    words = {GREEN: "its waiver is not needed", WAIVED: waived}
    return words.get(verdict_word(verdict, today), "its waiver ended on {until}").format(**verdict.waived)


def verdict_evidence(verdict: Judgeable, today: date | None = None) -> str:
    """The evidence, and what there is to say about a waiver."""
    return "; ".join(filter(None, (verdict.evidence, waiver_words(verdict, today))))


def count_verdicts(verdicts: "Sequence[Judgeable]") -> str:
    """How many there are of each kind, such as `26 green, 1 waived, 1 red`."""
    counts = Counter(map(verdict_word, verdicts))
    return ", ".join(f"{counts[word]} {word}" for word in (GREEN, WAIVED, RED, NOT_JUDGED) if counts[word])


def verdict_table(verdicts: "Sequence[Judgeable]") -> "pd.DataFrame":
    """The verdicts to look at: gate, verdict (green, waived, red, not judged), evidence."""
    import pandas as pd  # here, because the service reads verdicts too, and must start fast

    rows = [{"gate": v.gate, "verdict": verdict_word(v), "evidence": verdict_evidence(v)} for v in verdicts]
    return pd.DataFrame(rows, columns=["gate", "verdict", "evidence"])


def require_green(verdicts: "Sequence[Judgeable]", where: str = "", hint: str = "") -> None:
    """Raise RedError unless every gate is green or waived; it names the others. No verdict at all is not green."""
    red = [f"{v.gate}: {verdict_evidence(v)}" for v in verdicts if verdict_word(v) not in {GREEN, WAIVED}]
    red = red or ([] if verdicts else ["no gate has judged"])
    if red:
        raise RedError("not every gate is green\n  " + "\n  ".join(red), where=where, hint=hint)


def dump_verdicts(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as JSON text."""
    return json.dumps([v.to_dict() for v in verdicts], indent=1)


def load_verdicts(path: Path) -> list[Verdict]:
    """The verdicts that `dump_verdicts` wrote to a file; none when the file is missing."""
    return [Verdict(**v) for v in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []
