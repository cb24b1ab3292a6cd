"""When violated windows become an alarm: one window may be bad luck, n of the last m are not."""

from collections.abc import Sequence


def rings(history: Sequence[bool | None], n: int = 2, m: int = 3) -> bool:
    """Whether at least `n` of the last `m` judged windows were violated; `history` goes from old to new.

    None stands for a window that could not be judged: it neither raises an alarm nor ends one. Two of three: a
    monitor that is violated once in 1000 quiet windows then rings once in 300,000. ValueError unless 1 <= n <= m.
    """
    if not 1 <= n <= m:
        raise ValueError(f"n of m windows: {n} of {m} is not possible")
    judged = [violated for violated in history if violated is not None]
    return sum(judged[-m:]) >= n


def alarms(history: Sequence[bool | None], n: int = 2, m: int = 3) -> list[bool]:
    """Whether the alarm rings after each window of the history."""
    return [rings(history[: i + 1], n, m) for i in range(len(history))]
