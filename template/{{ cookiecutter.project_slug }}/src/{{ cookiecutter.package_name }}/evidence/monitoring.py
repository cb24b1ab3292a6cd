"""TO BE WRITTEN."""

from .bench import Bench


def dependencies(bench: Bench) -> None:
    """TO BE WRITTEN."""


def invariants(bench: Bench) -> None:
    """TO BE WRITTEN."""


def paths(bench: Bench) -> None:
    """TO BE WRITTEN."""


def age(bench: Bench) -> None:
    """TO BE WRITTEN."""


def numbers(bench: Bench) -> None:
    """TO BE WRITTEN."""


def speed(bench: Bench) -> None:
    """TO BE WRITTEN."""


def quality(bench: Bench) -> None:
    """TO BE WRITTEN."""
