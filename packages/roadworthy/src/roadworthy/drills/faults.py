"""The faults in the folder drills/ of the project: what goes wrong, which gate must catch it, and how it is planted."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import InputError

FOLDER = "drills"
SECTIONS = ("data", "model", "infrastructure", "monitoring")
CLEAN = "clean.toml"  # variants without a fault, see clean.py


class Part(BaseModel):
    """Frozen, and no key that is not known."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Edit(Part):
    """A change of text, `old` becomes `new`: in a file of the project's folder, or of its package."""

    file: str = ""
    package: str = ""
    old: str
    new: str


class Rewrite(Part):
    """A table of a snapshot becomes the answer to `sql`; its sum is recorded anew unless `seal` is false."""

    table: str
    sql: str
    snapshot: str = ""
    seal: bool = True


class Fault(Part):
    """A fault by its name, the gate that must catch it, and the story of how it happens.

    `train` says when the model is trained: before the fault is planted, or after it (a new version is judged then).
    `damage` names a function of `damage.py`, for what is no change of text, table or setting.
    """

    name: str
    gate: str
    story: str
    train: Literal["before", "after"] = "after"
    edit: tuple[Edit, ...] = ()
    table: tuple[Rewrite, ...] = ()
    setting: dict[str, Any] = {}
    damage: str = ""


def load(home: Path, names: Sequence[str] = ()) -> list[Fault]:
    """The faults of the project in `home`, or those named; InputError for a name that is none and a bad file.

    Those of the four sections come first, as far as they are there, then those of any other file in the folder, a
    team's own.
    """
    sections = [home / FOLDER / f"{section}.toml" for section in SECTIONS]
    own = sorted(file for file in (home / FOLDER).glob("*.toml") if file not in sections and file.name != CLEAN)
    there = [*filter(Path.is_file, sections), *own]
    found = [fault for file in there or sections for fault in _read(file)]
    unknown = [name for name in names if name not in {fault.name for fault in found}]
    if unknown:
        hint = "there are " + ", ".join(fault.name for fault in found)
        raise InputError(f"there is no drill {unknown[0]!r}", where=home / FOLDER, hint=hint)
    return [fault for fault in found if not names or fault.name in names]


def _read(file: Path) -> list[Fault]:
    try:
        return [Fault.model_validate(each) for each in tomllib.loads(file.read_text(encoding="utf-8"))["drill"]]
    except FileNotFoundError as error:
        raise InputError("no such file", where=file, hint="restore it from version control") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValidationError) as error:
        hint = "a drill has name, gate, story, and one of edit, table, setting, damage"
        raise InputError(f"is no list of drills: {error}", where=file, hint=hint) from error
