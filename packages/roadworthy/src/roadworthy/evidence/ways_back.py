"""Where rollbacks lead after several promotions, rehearsed with copies in a registry of their own."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..registry import CHAMPION, Registry
from .rehearsal import GREEN, stage

# Promoted in turn, and where as many rollbacks must lead: what replaced a version last is undone first, and a rollback
# is no promotion to go back from.
CASES = (((1, 2, 3), (2, 1)), ((1, 2, 3, 2), (3,)))


@dataclass(frozen=True)
class Way:
    """Versions promoted in turn, the versions that rollbacks must lead to one after the other, and where they led."""

    promoted: tuple[int, ...]
    expected: tuple[int, ...]
    reached: tuple[int | None, ...]

    @property
    def astray(self) -> bool:
        """Whether a rollback led elsewhere."""
        return self.reached != self.expected

    def __str__(self) -> str:
        """The words for a way that leads astray."""
        back, wanted = (", ".join(str(each or "none") for each in some) for some in (self.reached, self.expected))
        promoted = ", ".join(map(str, self.promoted))
        return f"after promotions of {promoted}, rollbacks lead to {back} instead of {wanted}"


def walk(bundle: Path, folder: Path) -> tuple[Way, ...]:
    """Promote copies of a bundle as in `CASES`, each in a registry of its own in `folder`, and go back."""
    return tuple(_walk(bundle, Registry(folder / str(i)), *case) for i, case in enumerate(CASES))


def _walk(bundle: Path, registry: Registry, promoted: tuple[int, ...], expected: tuple[int, ...]) -> Way:
    # Other words in the verdicts of each: versions of the same content would be one.
    numbers = {number: stage(bundle, registry, GREEN * number) for number in sorted(set(promoted))}
    for number in promoted:
        registry.promote(numbers[number])
    return Way(promoted, expected, tuple(_back(registry) for _ in expected))


def _back(registry: Registry) -> int | None:
    try:
        registry.rollback("rehearsal")
    except InputError:
        return None
    return registry.resolve(CHAMPION)
