"""What turns a function into a gate: its name in the ML Test Score and the claim that it judges."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .verdict import Verdict

Judgement = tuple[bool | None, str]
Evidence = TypeVar("Evidence")


@dataclass(frozen=True)
class Judge(Generic[Evidence]):
    """A gate: call it with its evidence to get a verdict. `function` says whether the claim holds, and why."""

    name: str
    claim: str
    function: Callable[[Evidence], Judgement]

    def __call__(self, evidence: Evidence) -> Verdict:
        """The verdict on this evidence."""
        passed, words = self.function(evidence)
        return Verdict(self.name, passed, words)


def gate(name: str, claim: str) -> Callable[[Callable[[Evidence], Judgement]], Judge[Evidence]]:
    """Make a function of some evidence the gate `name`, for example "Model 6".

    It returns whether the claim holds (None: it cannot be judged) and the evidence in words, to be shown as it is.
    """

    def named(function: Callable[[Evidence], Judgement]) -> Judge[Evidence]:
        return Judge(name, claim, function)

    return named
