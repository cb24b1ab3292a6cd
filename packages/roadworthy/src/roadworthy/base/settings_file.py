"""Keys that a command adds to config.toml; what a person wrote there stays as it is, to the byte."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import write_atomic

HEADER = re.compile(r"\s*\[")


def add_keys(file: Path, section: str, values: Mapping[str, tuple[str, str]], *, replace: bool = False) -> None:
    """Write keys into a section: for each its value, as TOML has it, and the reason, which becomes a comment.

    New keys come right below the section's header, or into a new section at the end. InputError when a key is set
    already, unless it is to be replaced, and when the file cannot be changed by whole lines.
    """
    text = file.read_bytes().decode("utf-8")
    before = tomllib.loads(text)
    known = before.get(section, {})
    if (taken := [name for name in values if name in known]) and not replace:
        hint = "nothing was written; replace them with --replace, or write them by hand"
        raise InputError(f"sets already: {', '.join(taken)}", where=f"{file}: [{section}]", hint=hint)
    changed = _with_keys(text, section, {name: f"{name} = {value}  # {why}" for name, (value, why) in values.items()})
    _require_nothing_else(before, changed, section, values, file)
    mode = file.stat().st_mode
    # Not the link itself, if it is one.
    write_atomic(file.resolve(), changed.encode("utf-8")).chmod(mode)


def _with_keys(text: str, section: str, lines: Mapping[str, str]) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    rows = text.splitlines(keepends=True)
    header = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?$")
    at = next((number for number, row in enumerate(rows) if header.match(row.rstrip("\r\n"))), None)
    if at is None:
        last = "" if not text or text.endswith("\n") else end
        return text + last + end + end.join([f"[{section}]", *lines.values()]) + end
    stop = next((number for number in range(at + 1, len(rows)) if HEADER.match(rows[number])), len(rows))
    new = dict(lines)
    for number in range(at + 1, stop):
        name = rows[number].partition("=")[0].strip()
        if name in new:
            rows[number] = new.pop(name) + end
    rows[at] = rows[at] if rows[at].endswith("\n") else rows[at] + end
    return "".join([*rows[: at + 1], *(line + end for line in new.values()), *rows[at + 1 :]])


def _require_nothing_else(
    before: Mapping[str, Any], changed: str, section: str, values: Mapping[str, tuple[str, str]], file: Path
) -> None:
    """InputError unless the changed text has the same settings and these keys: TOML has other ways to write them."""
    wanted = {name: tomllib.loads(f"value = {value}")["value"] for name, (value, _) in values.items()}
    try:
        now = tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        now = {}
    if now != {**before, section: {**before.get(section, {}), **wanted}}:
        lines = "; ".join(f"{name} = {value}" for name, (value, _) in values.items())
        what = f"has [{section}] in a form that is not changed by a command"
        raise InputError(what, where=file, hint=f"nothing was written; write by hand: {lines}")
