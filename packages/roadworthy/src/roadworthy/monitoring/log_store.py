"""What a prediction log needs of the place that keeps it; log_sqlite.py and log_postgres.py have it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ..signature import Feature

APPLICATION = 0x4D4C4501  # marks a log as ours
Row = Sequence[Any]


class Store(Protocol):
    """A place for predictions, labels, and what a shadow would have answered; it raises InputError and nothing else.

    Each call that writes is one transaction: all of its rows are kept, or none.
    """

    def prepare(self, features: Iterable[Feature]) -> None:
        """Make what is missing, columns of these features too; InputError when something else is there."""

    def add_predictions(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """Append predictions whose columns are `names`."""

    def add_compared(self, rows: Iterable[Row]) -> None:
        """Append what a shadow would have answered."""

    def add_labels(self, rows: Iterable[Row]) -> None:
        """Append labels as key, label, known_at; a later one of the same key takes the place of the earlier."""

    def read(self, names: Sequence[str], limits: Mapping[str, str | None]) -> list[tuple[Any, ...]]:
        """Predictions by the columns `names`, then label and known_at, in the order of time, then of appending.

        `limits` are start, end and known_by: texts of `time_text`, or None.
        """

    def count(self) -> tuple[int, int]:
        """The number of predictions and of labels."""

    def close(self) -> None:
        """Let go of the place."""


def quoted(name: str) -> str:
    """A column's name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'
