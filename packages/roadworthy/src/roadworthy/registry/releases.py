"""Versions in use: train, export, register and track one, judge one again, say why one cannot be loaded.

Copies of a version, with other verdicts, another threshold, or damaged, serve rehearsals.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.pipeline import Pipeline

from ..base import errors, settings
from ..base.errors import InputError
from ..bundle.bundle import MANIFEST, Bundle, manifest_sums, predict_frame, sign_manifest
from ..data.snapshots import split_features
from ..model import evaluation, tracking, training
from ..model.training import lineage_periods, project_lineage, train_and_evaluate
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
    trained = train_and_evaluate(project, fitted)
    version = export.register_version(trained, Registry(project.settings.paths.registry))
    track_version(project, version, f"train version {version}", trained.evaluation.to_dict())
    return Release(version, trained)


def track_version(
    project: "Workspace", version: int, name: str, metrics: Mapping[str, float], *, once: bool = False
) -> str:
    """Record the training of a version as the run `name`, with its files; the id of the run."""
    return tracking.record_run(
        project.settings.paths.tracking,
        project.settings.model.name,
        name,
        parameters={**project.settings.model.model_dump(mode="json"), "version": version},
        metrics=metrics,
        artifacts=bundle_folder(project, version),
        keep_in=project.settings.paths.artifacts,
        once=once,
    )


def ensure_version(project: "Workspace", fitted: Pipeline | None = None) -> int:
    """The version made of the present data and settings; it is trained (or `fitted`) only if there is none yet.

    The first version of a registry becomes its champion if its gates are green.
    """
    registry, wanted = Registry(project.settings.paths.registry), json.loads(json.dumps(project_lineage(project)))
    for version in reversed(registry.versions()):
        if _manifest(registry.path(version))["lineage"] == wanted:
            return version
    version = train_version(project, fitted).version
    if CHAMPION not in registry.aliases() and all(verdict.passed for verdict in recorded_verdicts(project, version)):
        registry.promote(version, reason="the first version")
    return version


def evaluate_version(project: "Workspace", version: int | str = CHAMPION) -> tuple[evaluation.Evaluation, pd.DataFrame]:
    """How a version does on the test period of the settings, and on its slices, by the exported model."""
    bundle, rows = Bundle.load(bundle_folder(project, version)), split_features(project_as_made(project, version)).test
    answers, y, day = predict_frame(bundle, rows), rows[project.contract.target], rows[project.contract.day]
    slices = evaluation.slices(rows, project.settings.tests.slices, y, answers, day)
    return evaluation.evaluate(y, answers, day, own=evaluation.own_metrics(project)), slices


def rerun_model_tests(project: "Workspace", version: int | str = CHAMPION) -> list[errors.Verdict]:
    """The model tests, run again on a version by the exported model."""
    bundle, split = Bundle.load(bundle_folder(project, version)), split_features(project_as_made(project, version))
    return evaluation.run_model_tests(
        project.contract,
        lambda rows: predict_frame(bundle, rows),
        split.train,
        split.test,
        bundle.names,
        project.settings.tests,
        answers=predict_frame(bundle, split.test),
    )


def project_as_made(project: "Workspace", version: int | str) -> "Workspace":
    """The project with the settings that judge a version: its own, if retraining made it, on days that it has not seen.

    Any other version is judged by the settings as they are: that they differ from its own is what gates look for.
    """
    folder = bundle_folder(project, version)
    made_of = _manifest(folder)["lineage"].get("periods") if (folder / MANIFEST).is_file() else None
    retrained = settings.challenger_settings(project.settings)
    present, challenger = (lineage_periods(each.split) for each in (project.settings, retrained))
    return project.using(retrained) if made_of == challenger != present else project


def recorded_verdicts(project: "Workspace", version: int | str = CHAMPION) -> list[errors.Verdict]:
    """What the gates said about a version when it was made."""
    return errors.load_verdicts(bundle_folder(project, version) / "gates.json")


def bundle_folder(project: "Workspace", version: int | str = CHAMPION) -> Path:
    """The folder of a version's bundle."""
    return Registry(project.settings.paths.registry).path(version)


def stage_copy(bundle: Path, registry: Registry, verdicts: Sequence[errors.Verdict] = GREEN) -> int:
    """Register a copy of a bundle with other verdicts of its training; its number."""
    return _register_changed(bundle, registry, "gates.json", errors.dump_verdicts(verdicts))


def with_threshold(registry: Registry, version: int | str, threshold: float) -> int:
    """Register a copy of a version that says yes from another probability on; its number."""
    bundle = registry.path(version)
    signature = json.loads((bundle / "signature.json").read_text(encoding="utf-8"))
    return _register_changed(bundle, registry, "signature.json", json.dumps({**signature, "threshold": threshold}))


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
    manifest = {**_manifest(folder), "sha256": manifest_sums(folder)}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    sign_manifest(folder)


def load_refusal(folder: Path) -> str:
    """Why the bundle in `folder` cannot be loaded, with the name of the file; empty when it can."""
    try:
        Bundle.load(folder)
    except InputError as error:
        reason = f"{Path(error.where).name}: {error.what}".splitlines()[0]
    except Exception as error:  # noqa: BLE001 - whatever breaks it, it is not served
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
    else:
        return ""
    return f"{reason} (no file was changed since: look at the code that loads it)" if _unchanged(folder) else reason


def _unchanged(folder: Path) -> bool:
    try:
        return bool(_manifest(folder)["sha256"] == manifest_sums(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _register_changed(bundle: Path, registry: Registry, name: str, text: str) -> int:
    """Register a copy of a bundle in which one file has another text, and the sums belong to it; its number."""

    def write(folder: Path) -> None:
        shutil.copytree(bundle, folder, dirs_exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        reseal_bundle(folder)

    return registry.add(write)


def _manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
