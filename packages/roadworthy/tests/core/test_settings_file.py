"""Keys that a command adds to config.toml, among what a person wrote."""

import stat
import tomllib
from pathlib import Path

import pytest

from roadworthy.base.errors import InputError
from roadworthy.base.settings_file import add_keys

NEW = {"gap": ("9", "measured"), "share": ("0.5", "of nine")}
LINES = "gap = 9  # measured\nshare = 0.5  # of nine\n"


def added(file: Path, text: str, *, replace: bool = False) -> str:
    file.write_bytes(text.encode())
    add_keys(file, "limits", NEW, replace=replace)
    return file.read_bytes().decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[a]\nx = 1\n", f"[a]\nx = 1\n\n[limits]\n{LINES}"),
        ("[a]\nx = 1  # é", f"[a]\nx = 1  # é\n\n[limits]\n{LINES}"),
        ("", f"\n[limits]\n{LINES}"),
        ("# [limits]\n# gap = 7\n[a]\nx = 1\n", f"# [limits]\n# gap = 7\n[a]\nx = 1\n\n[limits]\n{LINES}"),
        ("[limits]  # ours\nold =   3 # why\n\n[a]\nx=1", f"[limits]  # ours\n{LINES}old =   3 # why\n\n[a]\nx=1"),
        ("x = 1\n[ limits ]", f"x = 1\n[ limits ]\n{LINES}"),
        ("[a]\r\nx = 1\r\n", f"[a]\nx = 1\n\n[limits]\n{LINES}".replace("\n", "\r\n")),
    ],
)
def test_keys_are_added_and_no_other_byte_is_touched(file: Path, before: str, after: str) -> None:
    assert added(file, before) == after
    assert tomllib.loads(after)["limits"]["gap"] == 9


def test_a_key_that_a_person_set_is_refused_unless_it_is_to_be_replaced(file: Path) -> None:
    text = "[limits]\n# ours\ngap = 3  # decided in May\nold = 1\n[a]\ngap = 5\n"
    with pytest.raises(InputError, match=r"\[limits\]: sets already: gap\n.*--replace"):
        added(file, text)
    assert file.read_bytes().decode() == text
    assert added(file, text, replace=True) == (
        "[limits]\nshare = 0.5  # of nine\n# ours\ngap = 9  # measured\nold = 1\n[a]\ngap = 5\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "limits = {old = 1}\n",
        "limits.old = 1\n",
        "[limits]\ngap = [\n1]\n",
        '[limits]\n"gap" = 3\n',
        '["limits"]\nold = 1\n',
    ],
)
def test_a_form_that_is_not_known_is_left_to_a_person(file: Path, text: str) -> None:
    with pytest.raises(InputError, match="not changed by a command") as error:
        added(file, text, replace=True)
    assert "gap = 9; share = 0.5" in str(error.value)
    assert file.read_bytes().decode() == text


def test_the_mode_of_the_file_and_a_link_to_it_stay(tmp_path: Path, file: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text("x = 1\n")
    real.chmod(0o640)
    file.symlink_to(real)
    add_keys(file, "limits", NEW)
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "gap = 9" in real.read_text()
