"""TO BE WRITTEN."""

from .bench import Bench


def schema(bench: Bench) -> None:
    """TO BE WRITTEN."""


def contributions(bench: Bench) -> None:
    """TO BE WRITTEN."""


def costs(bench: Bench) -> None:
    """TO BE WRITTEN."""


def requirements(bench: Bench) -> None:
    """TO BE WRITTEN."""


def privacy(bench: Bench) -> None:
    """TO BE WRITTEN."""


def extension(bench: Bench) -> None:
    """TO BE WRITTEN."""


def examples(bench: Bench) -> None:
    """TO BE WRITTEN."""
