"""Make versions: train, export, register and track; which one is made of the present data, and copies of one.

Copies serve rehearsals: with other verdicts, another threshold, or damaged.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ..base import errors, settings
from ..base.errors import InputError
from ..bundle.bundle import MANIFEST, Bundle, manifest_sums, predict_frame, sign_manifest
from ..data.snapshots import split_features
from ..model import evaluation, tracking, training
from ..model.training import _texts, lineage_periods, project_lineage, train_and_evaluate
from . import export
from .registry import CHAMPION, Registry

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

GREEN = (errors.Verdict("rehearsal", passed=True, evidence="as if every gate were green"),)
RED = (*GREEN, errors.Verdict("rehearsal", passed=False, evidence="as if a gate were red"))


@dataclass(frozen=True)
class Release:
    """A trained model and the number of its version in the registry."""

    version: int
    trained: training.Trained


def train_version(project: "Workspace", fitted: Pipeline | None = None) -> Release:
    """Check, train, evaluate, test, export, register and track a model; its version, promoted or not.

    A pipeline that is `fitted` by these settings already need not be fitted again.
    """
    return _release(project, train_and_evaluate(project, fitted), "train")


def ensure_version(project: "Workspace", fitted: Pipeline | None = None) -> int:
    """The version made of the present data and settings; it is trained (or `fitted`) only if there is none yet.

    The first version of a registry becomes its champion if its gates are green.
    """
    registry, wanted = Registry(project.settings.paths.registry), json.loads(json.dumps(project_lineage(project)))
    for version in reversed(registry.versions()):
        manifest = json.loads((registry.path(version) / "manifest.json").read_text(encoding="utf-8"))
        if manifest["lineage"] == wanted:
            return version
    version = train_version(project, fitted).version
    if CHAMPION not in registry.aliases() and all(verdict.passed for verdict in recorded_verdicts(project, version)):
        registry.promote(version, reason="the first version")
    return version


def evaluate_version(project: "Workspace", version: int | str = CHAMPION) -> tuple[evaluation.Evaluation, pd.DataFrame]:
    """How a version does on the test period of the settings, and on its slices, by the exported model."""
    rows, answers = _answers(project, version)
    y, day = rows[project.contract.target], rows[project.contract.day]
    return evaluation.evaluate(y, answers, day, own=evaluation.own_metrics(project)), evaluation.slices(
        rows, project.settings.tests.slices, y, answers, day
    )


def rerun_model_tests(project: "Workspace", version: int | str = CHAMPION) -> list[errors.Verdict]:
    """The model tests, run again on a version by the exported model."""
    bundle = Bundle.load(bundle_folder(project, version))
    parts = split_features(project_as_made(project, version))
    answers = predict_frame(bundle, parts.test)
    names = bundle.names
    return evaluation.run_model_tests(
        project.contract,
        lambda rows: predict_frame(bundle, rows),
        parts.train,
        parts.test,
        names,
        project.settings.tests,
        answers=answers,
    )


def project_as_made(project: "Workspace", version: int | str) -> "Workspace":
    """The project with the settings that judge a version: its own, if retraining made it, on days that it has not seen.

    Any other version is judged by the settings as they are: that they differ from its own is what gates look for.
    """
    file = bundle_folder(project, version) / "manifest.json"
    theirs = settings.challenger_settings(project.settings)
    found = json.loads(file.read_text(encoding="utf-8"))["lineage"].get("periods") if file.is_file() else None
    now, wanted = (_texts(lineage_periods(each.split)) for each in (project.settings, theirs))
    return project.using(theirs) if found == wanted != now else project


def recorded_verdicts(project: "Workspace", version: int | str = CHAMPION) -> list[errors.Verdict]:
    """What the gates said about a version when it was made."""
    return errors.load_verdicts(Registry(project.settings.paths.registry).path(version) / "gates.json")


def bundle_folder(project: "Workspace", version: int | str = CHAMPION) -> Path:
    """The folder of a version's bundle."""
    return Registry(project.settings.paths.registry).path(version)


def _answers(project: "Workspace", version: int | str) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    bundle = Bundle.load(bundle_folder(project, version))
    rows = split_features(project_as_made(project, version)).test
    return rows, predict_frame(bundle, rows)


def _release(project: "Workspace", trained: training.Trained, name: str) -> Release:
    release = Release(export.register_version(trained, Registry(project.settings.paths.registry)), trained)
    _track(project, release, name)
    return release


def _track(project: "Workspace", release: Release, name: str) -> None:
    trained = release.trained
    tracking.record_run(
        project.settings.paths.tracking,
        project.settings.model.name,
        f"{name} version {release.version}",
        parameters={**trained.spec.model_dump(mode="json"), "version": release.version},
        metrics=trained.evaluation.to_dict(),
        artifacts=bundle_folder(project, release.version),
        keep_in=project.settings.paths.artifacts,
    )


def stage_copy(bundle: Path, registry: Registry, verdicts: Sequence[errors.Verdict] = GREEN) -> int:
    """Register a copy of a bundle with other verdicts of its training; its number."""
    return _changed(bundle, registry, "gates.json", errors.dump_verdicts(verdicts))


def with_threshold(registry: Registry, version: int | str, threshold: float) -> int:
    """Register a copy of a version that says yes from another probability on; its number."""
    bundle = registry.path(version)
    signature = json.loads((bundle / "signature.json").read_text(encoding="utf-8"))
    return _changed(bundle, registry, "signature.json", json.dumps({**signature, "threshold": threshold}))


def damaged_copy(registry: Registry, version: int | str) -> int:
    """Put a copy of a version beside it that is damaged as `flip_a_byte` does; its number. It cannot be loaded."""
    number = max(registry.versions()) + 1
    folder = registry.folder / "versions" / str(number)
    shutil.copytree(registry.path(version), folder)
    flip_a_byte(folder / "model.onnx")
    return number


def flip_a_byte(file: Path) -> None:
    """Make one byte in the middle of a file another one, as a failing disk or cable does."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def reseal_bundle(folder: Path) -> None:
    """Write the sums of a bundle's files into its manifest anew."""
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**manifest, "sha256": manifest_sums(folder)}), encoding="utf-8")
    sign_manifest(folder)


def _changed(bundle: Path, registry: Registry, name: str, text: str) -> int:
    """Register a copy of a bundle in which one file has another text, and the sums belong to it; its number."""

    def write(folder: Path) -> None:
        shutil.copytree(bundle, folder, dirs_exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        reseal_bundle(folder)

    return registry.add(write)


def load_refusal(folder: Path) -> str:
    """Why the bundle in `folder` cannot be loaded, with the name of the file; empty when it can."""
    try:
        Bundle.load(folder)
    except InputError as error:
        told = f"{Path(error.where).name}: {error.what}".splitlines()[0]
    except Exception as error:  # noqa: BLE001 - whatever breaks it, it is not served
        told = f"{type(error).__name__}: {error}".splitlines()[0]
    else:
        return ""
    return f"{told} (no file was changed since: look at the code that loads it)" if _intact(folder) else told


def _intact(folder: Path) -> bool:
    try:
        recorded = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(recorded == manifest_sums(folder))
