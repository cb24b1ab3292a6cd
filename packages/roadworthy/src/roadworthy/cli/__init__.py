"""The commands: each reads the settings, calls one function of a room below, and shows what it says."""

from .program import main

__all__ = ["main"]
