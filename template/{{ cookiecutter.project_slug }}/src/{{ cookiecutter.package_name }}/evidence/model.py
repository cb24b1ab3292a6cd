"""TO BE WRITTEN."""

from .bench import Bench


def specification(bench: Bench) -> None:
    """TO BE WRITTEN."""


def replay(bench: Bench) -> None:
    """TO BE WRITTEN."""


def tuning(bench: Bench) -> None:
    """TO BE WRITTEN."""


def ages(bench: Bench) -> None:
    """TO BE WRITTEN."""


def simpler(bench: Bench) -> None:
    """TO BE WRITTEN."""


def slices(bench: Bench) -> None:
    """TO BE WRITTEN."""


def groups(bench: Bench) -> None:
    """TO BE WRITTEN."""
