"""Make versions: train, export, register and track; which one is made of the present data, and copies of one.

Runs are tracked in MLflow on an SQLite file or PostgreSQL, which works offline. Copies serve rehearsals: with other
verdicts, another threshold, or damaged.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.pipeline import Pipeline

from ..base import errors, settings
from ..base.databases import Postgres
from ..base.errors import InputError
from ..base.files import explain_write_errors
from ..bundle.bundle import (
    MANIFEST,
    Bundle,
    manifest_sums,
    predict_frame,
    require_same_problem,
    sign_manifest,
)
from ..data.snapshots import split_features
from ..model import evaluation, training
from ..model.training import lineage_periods, project_lineage, train_and_evaluate
from . import export
from .registry import CHAMPION, Registry

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from ..contract.workspace import Workspace

Store = Path | Postgres
ARTIFACTS = Path("artifacts")
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
    return record_run(
        project.settings.paths.tracking,
        project.settings.model.name,
        name,
        parameters={**project.settings.model.model_dump(mode="json", exclude_defaults=True), "version": version},
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


def evaluate_version(
    project: "Workspace", version: int | str = CHAMPION
) -> tuple[evaluation.Evaluation | evaluation.NumberEvaluation, pd.DataFrame]:
    """How a version does on the test period of the settings, and on its slices, by the exported model."""
    bundle, rows = Bundle.load(bundle_folder(project, version)), split_features(project_as_made(project, version)).test
    answers, y, day = predict_frame(bundle, rows), rows[project.contract.target], rows[project.contract.day]
    problem = evaluation.problem_of(project.contract)
    slices = evaluation.slices(rows, project.settings.tests.slices, y, answers, day, problem)
    return problem.evaluate(y, answers, day, own=project.metrics), slices


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
        limits=project.settings.limits,
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
    """The folder of a version's bundle; InputError for a version that answers another kind of question."""
    folder = Registry(project.settings.paths.registry).path(version)
    require_same_problem(project.contract, folder)
    return folder


def tracking_uri(store: Store) -> str:
    """The address of the tracking store, as MLflow's own commands take it; that of a database holds its password."""
    return _dialect(store.url) if isinstance(store, Postgres) else f"sqlite:///{store.resolve().as_posix()}"


def record_run(
    store: Store,
    experiment: str,
    name: str,
    *,
    parameters: Mapping[str, object],
    metrics: Mapping[str, float],
    artifacts: Path | None = None,
    keep_in: Path = ARTIFACTS,
    once: bool = False,
) -> str:
    """Record one run and the files of the folder `artifacts`; the id of the run.

    The files are kept beside an SQLite file; in `keep_in` when the store is a database, which holds none. With `once`
    a finished run of that name is not recorded again, and what a killed process left of one is removed.
    Raises InputError when the store cannot be reached or written or is not an MLflow store.
    """
    with tracking_client(store) as client:
        known = client.get_experiment_by_name(experiment)
        if once and known and (finished := _finished_run(client, known.experiment_id, name)):
            return finished
        place = _artifacts(store, keep_in).as_uri()
        number = known.experiment_id if known else client.create_experiment(experiment, artifact_location=place)
        if known and known.artifact_location != place:
            _move(store, str(known.artifact_location), place)
        run = client.create_run(number, run_name=name)
        for key, value in parameters.items():
            client.log_param(run.info.run_id, key, value)
        for key, value in metrics.items():
            client.log_metric(run.info.run_id, key, value)
        if artifacts:
            client.log_artifacts(run.info.run_id, str(artifacts))
        client.set_terminated(run.info.run_id)
        return str(run.info.run_id)


@contextmanager
def tracking_client(store: Store) -> "Iterator[MlflowClient]":
    """A client of MLflow for this store; what goes wrong inside `with` is raised as InputError."""
    # Before the import: it would report its use over the network otherwise.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    if isinstance(store, Postgres):
        store.connect().close()  # MLflow would try for a minute before it says that nobody answers
    with explain_write_errors(Path(str(store))), warnings.catch_warnings():
        # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates.
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        if isinstance(store, Path):
            store.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield MlflowClient(tracking_uri=tracking_uri(store))
        except (MlflowException, SQLAlchemyError) as error:
            # SQLAlchemy's errors hold the password of a database: neither its text nor its traceback is shown.
            raise _refusal(store, str(error).splitlines()[0]) from None if isinstance(store, Postgres) else error


def serve_tracking(store: Store, port: int, keep_in: Path = ARTIFACTS) -> None:
    """Serve MLflow's page on this machine until interrupted."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    # Everyone on the machine can read a command line, but not an environment.
    address = _dialect(store.without_password) if isinstance(store, Postgres) else tracking_uri(store)
    secret = {"PGPASSWORD": store.password} if isinstance(store, Postgres) and store.password else {}
    command += ["--backend-store-uri", address, "--default-artifact-root", _artifacts(store, keep_in).as_uri()]
    # No job runners: nothing here needs them, and they would outlive the server.
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        **secret,
    }
    with subprocess.Popen(command, env=environment) as server:  # noqa: S603 - no word of it comes from outside
        try:
            server.wait()
        finally:
            server.terminate()


def _finished_run(client: "MlflowClient", experiment: str, name: str) -> str:
    for run in client.search_runs([experiment], f"attributes.run_name = {name!r}"):
        if run.info.status == "FINISHED":
            return str(run.info.run_id)
        client.delete_run(run.info.run_id)
    return ""


def _dialect(url: str) -> str:
    return f"postgresql+psycopg://{url.partition('://')[2]}"


def _artifacts(store: Store, keep_in: Path) -> Path:
    return keep_in.resolve() if isinstance(store, Postgres) else store.resolve().parent / ARTIFACTS


def _move(store: Store, old: str, new: str) -> None:
    """Say where the artifacts are now: MLflow keeps their absolute place, in a project that was copied or moved too."""
    from sqlalchemy import create_engine, text

    with create_engine(tracking_uri(store)).begin() as connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            moved = f"UPDATE {table} SET {column} = CAST(:new AS varchar) || substr({column}, :after)"
            where = f" WHERE substr({column}, 1, :length) = :old"
            values = {"new": new, "after": len(old) + 1, "length": len(old), "old": old}
            connection.execute(text(moved + where), values)


def _refusal(store: Store, message: str) -> InputError:
    hint = "move the file away and try again; a new one is made"
    if isinstance(store, Postgres):
        message, hint = store.masked(message), "give the user the right to CREATE in a database of its own for MLflow"
    return InputError(f"the tracking store cannot be used: {message}", where=str(store), hint=hint)


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
