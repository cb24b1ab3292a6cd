"""Three hundred damaged deliveries: each ends in one sentence, and the project is as it was before."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw_files import empty_project
from roadworthy.base.errors import InputError
from roadworthy.project.adoption import adopt as adoption
from roadworthy.project.adoption.adopt import adopt_files
from roadworthy.project.adoption.roles import Asked

FILES, AT_A_TIME = 300, 50
ROWS = 450


def table(draw: np.random.Generator) -> bytes:
    made = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "day": pd.date_range("2024-01-01", periods=ROWS, freq="6h").strftime("%d.%m.%Y %H:%M"),
            "name": draw.choice(["Öl", "Brot", "Käse, jung", 'a "b"'], ROWS),
            "x": draw.normal(size=ROWS).round(3),
            "y": draw.integers(0, 2, ROWS),
        }
    )
    return made.to_csv(index=False, sep=";").encode()


def overwritten(content: bytes, chance: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(200):
        made[chance.randrange(len(made))] = chance.randrange(256)
    return bytes(made)


def with_junk(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes(chance.randrange(256) for _ in range(2000)) + content[at:]


DAMAGES: tuple[Callable[[bytes, int, random.Random], bytes], ...] = (
    lambda content, at, _: content[:at],
    lambda content, _, chance: overwritten(content, chance),
    lambda content, _, chance: with_junk(content, chance),
    lambda content, *_: content.replace(b";", b",", len(content) // 40),
    lambda content, at, _: content[:at] + b'"' + content[at:],
    lambda content, at, _: content.decode().encode("utf-16")[: at + 1],
    lambda content, at, _: content.replace(b"\n", b"\n\n", at % 400).replace(b"y\n", b"x\n"),
    lambda content, at, _: content[at:] + content[:at],
    lambda content, *_: b"\x1f\x8b\x08\x00" + content,
    lambda content, at, _: b"<html><body>" + content[:at],
)


def damaged(seed: int) -> bytes:
    """A table that was cut, mixed, repeated or overwritten somewhere."""
    chance, content = random.Random(seed), table(np.random.default_rng(seed))  # noqa: S311 - the same each time
    return DAMAGES[seed % len(DAMAGES)](content, chance.randrange(len(content)), chance)


def mistake(home: Path, file: Path) -> InputError | None:
    try:
        adopt_files(home, [file], Asked("y", time="day"), lambda _, __, safe: safe, lambda _: None)
    except InputError as error:
        return error
    return None


@pytest.mark.parametrize("first", range(0, FILES, AT_A_TIME))
def test_a_damaged_delivery_is_one_sentence_and_nothing_is_written(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What can be read is understood; to go on and measure limits says nothing about damage.
    monkeypatch.setattr(adoption, "_drafted", lambda *_: None)
    home = empty_project(tmp_path / "of_nobody")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    refused = 0
    for seed in range(first, first + AT_A_TIME):
        file = tmp_path / f"{seed}.csv"
        file.write_bytes(damaged(seed))
        if error := mistake(home, file):
            refused += 1
            sentence, _, hint = str(error).partition("\n  ")
            assert (bool(hint), "\n" in sentence, error.exit_code) == (True, False, 2), sentence
    assert refused >= AT_A_TIME // 3
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
