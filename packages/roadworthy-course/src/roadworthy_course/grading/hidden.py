"""Hidden checks: read outside of the sandbox, handed over as text, never a file that a submission could open."""

import re
from pathlib import Path
from typing import Any

from roadworthy.base.errors import InputError

from .. import checks

Questions = dict[str, type[checks.Question]]


def read(folder: Path, number: str) -> str:
    """The source of the hidden checks of an exercise; InputError without the file."""
    path = folder / f"check_{number}.py"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = f"--hidden wants a folder with check_{number}.py: exercises/hidden of the template's repository"
        raise InputError(f"cannot be read: {error}", where=path, hint=hint) from error


def questions(source: str, visible: Path, number: str) -> Questions:
    """The questions of hidden checks given as text; they find the visible ones as from a folder in `visible`.

    Raises what the source raises.
    """
    place = visible / "hidden" / f"check_{number}.py"
    names: dict[str, Any] = {"__file__": str(place), "__name__": place.stem}
    exec(compile(source, str(place), "exec"), names)  # noqa: S102 - the instructor's own
    found = {name.lower(): each for name, each in names.items() if re.fullmatch(r"Q\d+", name)}
    return dict(sorted(found.items(), key=lambda pair: int(pair[0][1:])))
