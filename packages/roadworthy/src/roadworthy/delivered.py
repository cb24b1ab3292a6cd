"""Whether a project still has the data, settings and code that it was generated with: then a lesson's figures hold."""

import json
from pathlib import Path

from .errors import InputError
from .files import sha256

FILE = Path("notebooks", "delivered.json")


def as_delivered(home: Path) -> bool:
    """Whether every file that the lessons' figures depend on is as it was generated; False without a record of it."""
    file = home / FILE
    if not file.is_file():
        return False
    try:
        sums = {str(name): str(total) for name, total in json.loads(file.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"cannot be read: {error}", where=file, hint="restore it from version control") from error
    return all((home / name).is_file() and sha256(home / name) == total for name, total in sums.items())
