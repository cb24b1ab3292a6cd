"""The steps of the life cycle, each a function of the settings: what the command line and the lessons call."""

import json
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from . import data
from . import data_checks
from . import evaluation
from . import export
from . import gates
from . import model_tests
from . import prepared
from . import retraining
from . import tracking
from . import training
from .bundle import Bundle
from .contract import CONTRACT
from .registry import CHAMPION
from .registry import Registry
from .settings import Settings
from .settings import Snapshot
from .settings import Split


@dataclass(frozen=True)
class Release:
    """A trained model and the number of its version in the registry."""

    version: int
    trained: training.Trained


def features(config: Settings, *names: str) -> pd.DataFrame:
    """The features of one or more snapshots (the default one without a name), checked, bad rows left out.

    Raises RedError when a snapshot does not keep the contract.
    """
    return pd.concat([_features(config, name) for name in names or (config.data.snapshot,)], ignore_index=True)


def batch(names: list[str], rows: Iterable[pd.DataFrame]) -> dict[str, NDArray[np.generic]]:
    """The named features and the "key" of tables of features as arrays: what the monitor of skew compares with."""
    whole = pd.concat([each[[CONTRACT.key, *names]] for each in rows], ignore_index=True)
    return {**export.columns(whole, names), "key": whole[CONTRACT.key].to_numpy(dtype=object)}


def train(config: Settings, fitted: Pipeline | None = None) -> Release:
    """Check, train, evaluate, test, export, register and track a model; its version, promoted or not.

    A pipeline that is `fitted` by these settings already need not be fitted again.
    """
    return _release(config, made(config, fitted), "train")


def made(config: Settings, fitted: Pipeline | None = None) -> training.Trained:
    """Check, train, evaluate and test a model; nothing is written."""
    return training.train(split(config), config.model, config.tests, lineage(config), fitted)


def ensure(config: Settings, fitted: Pipeline | None = None) -> int:
    """The version made of the present data and settings; it is trained (or `fitted`) only if there is none yet.

    The first version of a registry becomes its champion if its gates are green.
    """
    registry, wanted = Registry(config.paths.registry), json.loads(json.dumps(lineage(config)))
    for version in reversed(registry.versions()):
        manifest = json.loads((registry.path(version) / "manifest.json").read_text(encoding="utf-8"))
        if manifest["lineage"] == wanted:
            return version
    version = train(config, fitted).version
    if CHAMPION not in registry.aliases() and all(verdict.passed for verdict in verdicts(config, version)):
        registry.promote(version, reason="the first version")
    return version


def evaluate(config: Settings, version: int | str = CHAMPION) -> tuple[evaluation.Evaluation, pd.DataFrame]:
    """How a version does on the test period of the settings, and on its slices, by the exported model."""
    rows, answers = _answers(config, version)
    y, day = rows[CONTRACT.target], rows[CONTRACT.day]
    return evaluation.evaluate(y, answers, day), evaluation.slices(rows, config.tests.slices, y, answers, day)


def try_again(config: Settings, version: int | str = CHAMPION) -> list[gates.Verdict]:
    """The model tests, run again on a version by the exported model."""
    bundle = Bundle.load(bundle_folder(config, version))
    parts = split(as_made(config, version))
    answers = export.predict(bundle, parts.test)
    names = bundle.names
    return model_tests.run(
        lambda rows: export.predict(bundle, rows), parts.train, parts.test, names, config.tests, answers=answers
    )


def as_made(config: Settings, version: int | str) -> Settings:
    """The settings by which a version is judged: its own, if retraining made it, on days that it has not seen.

    Any other version is judged by the settings as they are: that they differ from its own is what gates look for.
    """
    file = bundle_folder(config, version) / "manifest.json"
    theirs = retraining.of(config)
    found = json.loads(file.read_text(encoding="utf-8"))["lineage"].get("periods") if file.is_file() else None
    now, wanted = (_texts(periods(each.split)) for each in (config, theirs))
    return theirs if found == wanted != now else config


def verdicts(config: Settings, version: int | str = CHAMPION) -> list[gates.Verdict]:
    """What the gates said about a version when it was made."""
    return gates.load(Registry(config.paths.registry).path(version) / "gates.json")


def bundle_folder(config: Settings, version: int | str = CHAMPION) -> Path:
    """The folder of a version's bundle."""
    return Registry(config.paths.registry).path(version)


def lineage(config: Settings) -> training.Lineage:
    """What a model of the present data and settings is made of."""
    names = [*config.data.earlier, config.data.snapshot]
    sums = {name: data.sums(config.snapshot(name).folder) for name in names}
    return training.lineage(sums, periods(config.split), config.model, config.tests)


def periods(parts: Split) -> dict[str, tuple[object, ...]]:
    """The periods of a split as lineage remembers them."""
    every = {"every": (parts.every,)} if parts.every > 1 else {}
    weighted = {"half_life": (parts.half_life,)} if parts.half_life else {}
    return {"train": parts.train, "test": parts.test, **every, **weighted}


def split(config: Settings, frame: pd.DataFrame | None = None) -> data.Split:
    """The labelled rows of the two periods of the settings; `frame` has the features of the default snapshot, if known.

    Rows of earlier snapshots come first, under negative numbers: the others keep the index that they have in `frame`.
    """
    newest, parts = features(config) if frame is None else frame, config.split
    if config.data.earlier:
        earlier = features(config, *config.data.earlier)
        earlier.index = pd.RangeIndex(-len(earlier), 0)
        newest = pd.concat([earlier, newest])
    return replace(data.split(newest, parts.train, parts.test, every=parts.every), half_life=parts.half_life)


def _answers(config: Settings, version: int | str) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    bundle = Bundle.load(bundle_folder(config, version))
    rows = split(as_made(config, version)).test
    return rows, export.predict(bundle, rows)


def _features(config: Settings, name: str) -> pd.DataFrame:
    snapshot, limit = config.snapshot(name), config.data.checks.max_quarantined
    parts = (data.verify(snapshot.folder), snapshot.repair, limit)
    return prepared.kept(config.paths.cache, parts, _checked_features, snapshot, limit)


def _checked_features(snapshot: Snapshot, limit: float) -> pd.DataFrame:
    connection = data.connect(snapshot.folder, snapshot.repair)
    report = data_checks.check_snapshot(connection, max_quarantined=limit)
    data_checks.require(report, where=snapshot.folder)
    data_checks.exclude(connection, report)
    return data.features(connection)


def _release(config: Settings, trained: training.Trained, name: str) -> Release:
    release = Release(export.register(trained, Registry(config.paths.registry)), trained)
    _track(config, release, name)
    return release


def _track(config: Settings, release: Release, name: str) -> None:
    trained = release.trained
    tracking.record(
        config.paths.tracking,
        config.model.name,
        f"{name} version {release.version}",
        parameters={**trained.spec.model_dump(mode="json"), "version": release.version},
        metrics=trained.evaluation.to_dict(),
        artifacts=bundle_folder(config, release.version),
        keep_in=config.paths.artifacts,
    )


def _texts(parts: Mapping[str, tuple[object, ...]]) -> dict[str, list[str]]:
    return {name: [str(value) for value in period] for name, period in parts.items()}
