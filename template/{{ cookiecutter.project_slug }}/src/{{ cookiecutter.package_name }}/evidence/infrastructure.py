"""TO BE WRITTEN."""

from .bench import Bench


def trainings(bench: Bench) -> None:
    """TO BE WRITTEN."""


def specification(bench: Bench) -> None:
    """TO BE WRITTEN."""


def pipeline(bench: Bench) -> None:
    """TO BE WRITTEN."""


def validation(bench: Bench) -> None:
    """TO BE WRITTEN."""


def trace(bench: Bench) -> None:
    """TO BE WRITTEN."""


def canary(bench: Bench) -> None:
    """TO BE WRITTEN."""


def rollback(bench: Bench) -> None:
    """TO BE WRITTEN."""
