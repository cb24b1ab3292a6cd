"""The steps of the life cycle, each a function of the project: what the command line and the lessons call."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from . import data, data_checks, evaluation, export, gates, model_tests, prepared, retraining, tracking, training
from .bundle import Bundle
from .registry import CHAMPION, Registry
from .schema import Contract
from .settings import Snapshot, Split
from .sources import code_of

if TYPE_CHECKING:
    from .project import Project


@dataclass(frozen=True)
class Release:
    """A trained model and the number of its version in the registry."""

    version: int
    trained: training.Trained


def features(project: "Project", *names: str) -> pd.DataFrame:
    """The features of one or more snapshots (the default one without a name), checked, bad rows left out.

    Raises RedError when a snapshot does not keep the contract.
    """
    return pd.concat(
        [_features(project, name) for name in names or (project.settings.data.snapshot,)], ignore_index=True
    )


def batch(contract: Contract, names: list[str], rows: Iterable[pd.DataFrame]) -> dict[str, NDArray[np.generic]]:
    """The named features and the "key" of tables of features as arrays: what the monitor of skew compares with."""
    whole = pd.concat([each[[contract.key, *names]] for each in rows], ignore_index=True)
    return {**export.columns(whole, names), "key": whole[contract.key].to_numpy(dtype=object)}


def train(project: "Project", fitted: Pipeline | None = None) -> Release:
    """Check, train, evaluate, test, export, register and track a model; its version, promoted or not.

    A pipeline that is `fitted` by these settings already need not be fitted again.
    """
    return _release(project, made(project, fitted), "train")


def made(project: "Project", fitted: Pipeline | None = None) -> training.Trained:
    """Check, train, evaluate and test a model; nothing is written."""
    return training.train(
        project, split(project), project.settings.model, project.settings.tests, lineage(project), fitted
    )


def ensure(project: "Project", fitted: Pipeline | None = None) -> int:
    """The version made of the present data and settings; it is trained (or `fitted`) only if there is none yet.

    The first version of a registry becomes its champion if its gates are green.
    """
    registry, wanted = Registry(project.settings.paths.registry), json.loads(json.dumps(lineage(project)))
    for version in reversed(registry.versions()):
        manifest = json.loads((registry.path(version) / "manifest.json").read_text(encoding="utf-8"))
        if manifest["lineage"] == wanted:
            return version
    version = train(project, fitted).version
    if CHAMPION not in registry.aliases() and all(verdict.passed for verdict in verdicts(project, version)):
        registry.promote(version, reason="the first version")
    return version


def evaluate(project: "Project", version: int | str = CHAMPION) -> tuple[evaluation.Evaluation, pd.DataFrame]:
    """How a version does on the test period of the settings, and on its slices, by the exported model."""
    rows, answers = _answers(project, version)
    y, day = rows[project.contract.target], rows[project.contract.day]
    return evaluation.evaluate(y, answers, day, own=project.metrics), evaluation.slices(
        rows, project.settings.tests.slices, y, answers, day
    )


def try_again(project: "Project", version: int | str = CHAMPION) -> list[gates.Verdict]:
    """The model tests, run again on a version by the exported model."""
    bundle = Bundle.load(bundle_folder(project, version))
    parts = split(as_made(project, version))
    answers = export.predict(bundle, parts.test)
    names = bundle.names
    return model_tests.run(
        project.contract,
        lambda rows: export.predict(bundle, rows),
        parts.train,
        parts.test,
        names,
        project.settings.tests,
        answers=answers,
    )


def as_made(project: "Project", version: int | str) -> "Project":
    """The project with the settings that judge a version: its own, if retraining made it, on days that it has not seen.

    Any other version is judged by the settings as they are: that they differ from its own is what gates look for.
    """
    file = bundle_folder(project, version) / "manifest.json"
    theirs = retraining.of(project.settings)
    found = json.loads(file.read_text(encoding="utf-8"))["lineage"].get("periods") if file.is_file() else None
    now, wanted = (_texts(periods(each.split)) for each in (project.settings, theirs))
    return project.using(theirs) if found == wanted != now else project


def verdicts(project: "Project", version: int | str = CHAMPION) -> list[gates.Verdict]:
    """What the gates said about a version when it was made."""
    return gates.load(Registry(project.settings.paths.registry).path(version) / "gates.json")


def bundle_folder(project: "Project", version: int | str = CHAMPION) -> Path:
    """The folder of a version's bundle."""
    return Registry(project.settings.paths.registry).path(version)


def lineage(project: "Project") -> training.Lineage:
    """What a model of the present data and settings is made of."""
    names = [*project.settings.data.earlier, project.settings.data.snapshot]
    sums = {name: data.sums_of(project, project.settings.snapshot(name)) for name in names}
    return training.lineage(
        project, sums, periods(project.settings.split), project.settings.model, project.settings.tests
    )


def periods(parts: Split) -> dict[str, tuple[object, ...]]:
    """The periods of a split as lineage remembers them."""
    every = {"every": (parts.every,)} if parts.every > 1 else {}
    weighted = {"half_life": (parts.half_life,)} if parts.half_life else {}
    return {"train": parts.train, "test": parts.test, **every, **weighted}


def split(project: "Project", frame: pd.DataFrame | None = None) -> data.Split:
    """The labelled rows of the two periods of the settings; `frame` has the features of the default snapshot, if known.

    Rows of earlier snapshots come first, under negative numbers: the others keep the index that they have in `frame`.
    """
    newest, parts = features(project) if frame is None else frame, project.settings.split
    if project.settings.data.earlier:
        earlier = features(project, *project.settings.data.earlier)
        earlier.index = pd.RangeIndex(-len(earlier), 0)
        newest = pd.concat([earlier, newest])
    return replace(
        data.split(project.contract, newest, parts.train, parts.test, every=parts.every), half_life=parts.half_life
    )


def _answers(project: "Project", version: int | str) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    bundle = Bundle.load(bundle_folder(project, version))
    rows = split(as_made(project, version)).test
    return rows, export.predict(bundle, rows)


def _features(project: "Project", name: str) -> pd.DataFrame:
    snapshot, limit = project.settings.snapshot(name), project.settings.data.checks.max_quarantined
    sums = data.sums_of(project, snapshot, verified=True)
    sql = {name: project.sql(name) for name in ("features.sql", *snapshot.repair.values())}
    own = [project.definition.extensions(kind) for kind in ("feature_steps", "checks")]
    code = [{name: code_of(function) for name, function in functions.items()} for functions in own]
    parts = (sums, snapshot.repair, limit, sql, project.contract.sha256, code)
    return prepared.kept(project.settings.paths.cache, parts, _checked_features, project, snapshot, limit)


def _checked_features(project: "Project", snapshot: Snapshot, limit: float) -> pd.DataFrame:
    connection = data.open_snapshot(project, snapshot)
    report = data_checks.check_snapshot(project, connection, max_quarantined=limit)
    data_checks.require(report, where=snapshot.folder)
    data_checks.exclude(connection, report)
    return data.features(project, connection)


def _release(project: "Project", trained: training.Trained, name: str) -> Release:
    release = Release(export.register(trained, Registry(project.settings.paths.registry)), trained)
    _track(project, release, name)
    return release


def _track(project: "Project", release: Release, name: str) -> None:
    trained = release.trained
    tracking.record(
        project.settings.paths.tracking,
        project.settings.model.name,
        f"{name} version {release.version}",
        parameters={**trained.spec.model_dump(mode="json"), "version": release.version},
        metrics=trained.evaluation.to_dict(),
        artifacts=bundle_folder(project, release.version),
        keep_in=project.settings.paths.artifacts,
    )


def _texts(parts: Mapping[str, tuple[object, ...]]) -> dict[str, list[str]]:
    return {name: [str(value) for value in period] for name, period in parts.items()}
