"""The specification that a version was trained with against the one that is committed, name by name."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import retraining, steps, training
from ..settings import FILE
from .bench import Bench

if TYPE_CHECKING:
    from ..project import Project


@dataclass(frozen=True)
class Committed:
    """What differs from the trained specification, and what git says.

    `differences`: one sentence each. `compared`: how many values were. `strangers`: what in the bundle belongs to
    another specification or other rows. `commit` is empty when the project is in no git repository; `uncommitted` are
    the files that differ from it.
    """

    differences: tuple[str, ...]
    compared: int
    commit: str = ""
    uncommitted: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


def compare(bench: Bench) -> Committed:
    """Compare the lineage of the version with the settings, the contract and the code as they are now.

    Not compared are the sums of the data, which come and go, and the packages, which Monitoring 1 watches. A version
    that retraining made has the periods of [retraining].
    """
    trained, config = dict(bench.manifest["lineage"]), bench.config
    parts = [steps.periods(each.split) for each in (config, retraining.of(config))]
    now = [training.lineage(bench.project, {}, periods, config.model, config.tests) for periods in parts]
    kinds = ("spec", "contract", "features_sql", "feature_steps", "model", "periods", "tests")
    found = [tuple(_different(trained, _plain(each), kinds)) for each in now]
    compared = sum(len(part) if isinstance(part, dict) else 1 for part in (_plain(now[0])[kind] for kind in kinds))
    commit, uncommitted = git(bench.project)
    return Committed(min(found, key=len), compared, commit, uncommitted)


def _different(trained: Mapping[str, Any], now: Mapping[str, Any], kinds: tuple[str, ...]) -> Iterator[str]:
    for kind in kinds:
        before, after = trained.get(kind), now[kind]
        if not isinstance(after, dict) or not isinstance(before, dict):
            if before != after:
                yield f"{kind}: trained with the sum {str(before)[:8]}, committed {str(after)[:8]}"
            continue
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                change = _plainly if kind == "periods" else _change
                yield f"{name}: {change(before.get(name), after.get(name))}"


def _change(before: Any, after: Any) -> str:
    if isinstance(before, list) and isinstance(after, list):
        gone, new = [x for x in before if x not in after], [x for x in after if x not in before]
        if gone or new:
            told = [f"committed without {gone}"] * bool(gone) + [f"trained without {new}"] * bool(new)
            return " and ".join(told).replace("'", "")
    return _plainly(before, after)


def _plainly(before: Any, after: Any) -> str:
    return f"trained with {before}, committed {after}".replace("'", "")


def _plain(lineage: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON would give it back: lists for tuples."""
    return {name: _lists(value) for name, value in lineage.items()}


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _lists(each) for name, each in value.items()}
    return [_lists(each) for each in value] if isinstance(value, (list, tuple)) else value


def git(project: "Project") -> tuple[str, tuple[str, ...]]:
    """The commit of the project and the files of the specification that differ from it; nothing without git."""
    home = project.folder
    package, sql = home / "src" / project.settings.project.package, project.definition.sql
    own = {*package.rglob("*.py"), *package.rglob("*.sql"), *sql.rglob("*.sql")}
    files = [home / FILE, *sorted(own)]
    # Settings that git does not keep (a copy for a drill, an installed package) are no working tree of this project.
    if not _asked(home, "ls-files", "--", FILE):
        return "", ()
    inside = [str(file) for file in files if file.resolve().is_relative_to(home.resolve())]
    changed = _asked(home, "status", "--porcelain", "--", *inside)
    return _asked(home, "rev-parse", "--short", "HEAD"), tuple(line[3:] for line in changed.splitlines())


def _asked(home: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=home, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.rstrip() if done.returncode == 0 else ""
