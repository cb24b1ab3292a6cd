"""Judge a version by all gates, and remember in the registry what they said: a red version is never promoted."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from . import gates, steps, vendored
from .evidence.bench import Bench
from .gates import Verdict, run
from .registry import CHAMPION, Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .project import Project

LOG = logging.getLogger(__package__)
LIBRARY = "Library"  # the name of the verdict about vendor/, which is none of the 28 tests


@dataclass(frozen=True)
class Judged:
    """What the gates said about a version."""

    version: int
    gates: "Sequence[run.Judged]"

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts alone."""
        return [each.verdict for each in self.gates]

    @property
    def table(self) -> pd.DataFrame:
        """One row per gate: gate, verdict, claim, evidence, seconds of CPU."""
        shown = gates.table(self.verdicts)
        shown.insert(2, "claim", [each.claim for each in self.gates])
        return shown.assign(seconds=[each.seconds for each in self.gates])


def judge(
    project: "Project",
    version: int | str = CHAMPION,
    *,
    train: bool = False,
    cache: Path | None = None,
    tell: Callable[[str, int, int], None] | None = None,
) -> Judged:
    """Run all gates on a version, or with `train` on a new one, and record their verdicts in the registry.

    When no version could be trained, the version that would stay in service is judged, with the data that were refused.
    When the champion's alias names a version that is not there, the newest one is: Infrastructure 4 says what is wrong.
    """
    if train:
        try:
            version = steps.train(project).version
        except Exception as error:  # noqa: BLE001 - whatever stopped the training, the gates have to say what is wrong
            LOG.warning(
                "no version was trained: %s", str(error).splitlines()[0] if str(error) else type(error).__name__
            )
            version = CHAMPION
    version = _there(Registry(project.settings.paths.registry), version)
    bench = Bench(steps.as_made(project, version), version)
    judged = Judged(bench.version, [*run.run(bench, tell, cache), *_library(project)])
    bench.registry.judge(judged.version, judged.verdicts)
    return judged


def _library(project: "Project") -> list[run.Judged]:
    """A verdict about the library, if it is not as it was released: red until every edit of it is accepted."""
    found = vendored.edits(project.folder)
    if not found:
        return []
    passed, evidence = vendored.verdict(project.folder, found)
    return [run.Judged(LIBRARY, "the library is as it was released", passed, evidence, 0.0)]


def _there(registry: Registry, version: int | str) -> int | str:
    """The version to judge: not one that an alias names and nobody can find."""
    named, versions = registry.aliases().get(str(version)), registry.versions()
    if named is None or named in versions or not versions:
        return version
    LOG.warning("%s is version %s, which does not exist: version %s is judged", version, named, versions[-1])
    return versions[-1]
