"""Clean variants: other seeds, months, years, and snapshots whose days are drawn again: a red gate is a false alarm.

They stand in drills/clean.toml, for how a snapshot is drawn again depends on its tables.
"""

import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from ..errors import InputError, RedError
from .board import Tell, gates
from .faults import FOLDER, Part, Rewrite
from .practice import copy_project, data_settings, train_twice

if TYPE_CHECKING:
    from ..project import Project

FILE = "clean.toml"
TRAINING = "the tests of the training"
WEEK = 7  # days between the two versions: with a month less, some of these months make a model that is refused


class Variant(Part):
    """A clean variant: settings, and the seed with which its snapshot's days are drawn again (0: as they are)."""

    name: str
    setting: dict[str, Any] = Field(default_factory=dict)
    draw: int = 0


@dataclass(frozen=True)
class Cleared:
    """What the gates said about a clean variant: false alarms and gates that could not judge, with their evidence.

    When the tests of the training refuse its model, that is the alarm, and there is no champion to run the gates on.
    """

    variant: str
    alarms: dict[str, str]
    not_judged: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def load(home: Path, count: int) -> tuple[list[Variant], list[Rewrite]]:
    """The first `count` variants, and the queries that draw a table again; InputError when there are fewer."""
    file = home / FOLDER / FILE
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        variants = [Variant.model_validate(each) for each in content["clean"]]
        draws = [Rewrite.model_validate(each) for each in content["draw"]]
    except FileNotFoundError as error:
        raise InputError("no such file", where=file, hint="restore it from version control") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValidationError) as error:
        hint = "a variant has a name, settings and a seed to draw with"
        raise InputError(f"is no list of clean variants: {error}", where=file, hint=hint) from error
    if count > len(variants):
        raise InputError(f"there are {len(variants)} clean variants", where=file, hint="ask for fewer, or write more")
    return variants[:count], draws


def clear(project: "Project", count: int, jobs: int = 1, tell: Tell | None = None) -> list[Cleared]:
    """Run all gates on `count` clean variants of a project; nothing is left behind."""
    variants, draws = load(project.folder, count)
    found = []
    with tempfile.TemporaryDirectory(prefix="clean-") as scratch, ThreadPoolExecutor(jobs) as pool:
        told = pool.map(lambda variant: _one(project, variant, draws, Path(scratch)), variants)
        for number, cleared in enumerate(told, start=1):
            if tell:
                tell(cleared.variant, number, count)
            found.append(cleared)
    return found


def _one(project: "Project", variant: Variant, draws: Sequence[Rewrite], scratch: Path) -> Cleared:
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        copy = copy_project(project, Path(place) / "project")
        copy.set(variant.setting)
        snapshot = data_settings(copy.home)["snapshot"]
        for draw in draws:
            if variant.draw and draw.snapshot == snapshot:
                copy.rewrite(draw.model_copy(update={"sql": draw.sql.replace("$seed", str(variant.draw))}))
        try:
            train_twice(copy, WEEK)
        except RedError as error:
            return Cleared(variant.name, {TRAINING: error.what}, {})
        judged = gates(copy)
    alarms = {each["gate"]: each["evidence"] for each in judged if each["passed"] is False}
    unsure = {each["gate"]: each["evidence"] for each in judged if each["passed"] is None}
    return Cleared(variant.name, alarms, unsure)


__all__ = ["Cleared", "Variant", "clear", "load"]
