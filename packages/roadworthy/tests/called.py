"""The console script in this process: what it said, and whether it was refused."""

import signal
import sys
from dataclasses import dataclass

import pytest

from roadworthy.cli import program


@dataclass
class Said:
    """What a command said and its exit code."""

    code: int
    out: str
    err: str


def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: object) -> Said:
    """Give a command in the working folder."""
    monkeypatch.setattr(sys, "argv", ["roadworthy", *map(str, words)])
    before, code = signal.getsignal(signal.SIGTERM), 0
    try:
        program.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        signal.signal(signal.SIGTERM, before)
    out, err = capfd.readouterr()
    return Said(code, out, err)


def refused(said: Said, *words: object) -> None:
    """The command was refused: exit code 2, these words on standard error, nothing on standard output."""
    assert said.code == 2, said
    assert said.out == ""
    assert all(str(word) in said.err for word in words), said.err
    assert "Traceback" not in said.err
