"""Track each training: parameters, metrics and the bundle, in MLflow on one SQLite file. Works offline.

MLflow is imported inside the functions: it costs seconds, and the service must never load it.
"""

import logging
import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .files import writing

if TYPE_CHECKING:
    from mlflow import MlflowClient


def uri(store: Path) -> str:
    """The address of the tracking store in the SQLite file `store`, as MLflow's own commands take it."""
    return f"sqlite:///{store.resolve().as_posix()}"


def record(
    store: Path,
    experiment: str,
    name: str,
    *,
    parameters: Mapping[str, object],
    metrics: Mapping[str, float],
    artifacts: Path | None = None,
) -> str:
    """Record one run and the files of the folder `artifacts`; the id of the run.

    Raises InputError when the store cannot be written or is not an MLflow store.
    """
    with _client(store) as client:
        known = client.get_experiment_by_name(experiment)
        place = (store.resolve().parent / "artifacts").as_uri()
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


def record_once(
    store: Path,
    experiment: str,
    name: str,
    *,
    parameters: Mapping[str, object],
    metrics: Mapping[str, float],
    artifacts: Path | None = None,
) -> str:
    """Record a run unless one of that name is there; what a killed process left of it is removed. The id of the run."""
    with _client(store) as client:
        known = client.get_experiment_by_name(experiment)
        found = client.search_runs([known.experiment_id], f"attributes.run_name = {name!r}") if known else []
        for run in found:
            if run.info.status == "FINISHED":
                return str(run.info.run_id)
            client.delete_run(run.info.run_id)
    return record(store, experiment, name, parameters=parameters, metrics=metrics, artifacts=artifacts)


def runs(store: Path, experiment: str) -> list[dict[str, object]]:
    """The recorded runs of an experiment, the newest first: name, parameters and metrics."""
    with _client(store) as client:
        known = client.get_experiment_by_name(experiment)
        found = client.search_runs([known.experiment_id]) if known else []
        return [{"name": run.info.run_name, **run.data.params, **run.data.metrics} for run in found]


def serve(store: Path, port: int) -> None:
    """Serve MLflow's page on this machine until interrupted."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", uri(store), "--default-artifact-root", (store.parent / "artifacts").as_uri()]
    # No job runners: nothing here needs them, and they would outlive the server.
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with subprocess.Popen(command, env=environment) as server:  # noqa: S603 - every word of it is ours
        try:
            server.wait()
        finally:
            server.terminate()


def _move(store: Path, old: str, new: str) -> None:
    """Say where the artifacts are now: MLflow keeps their absolute place, in a project that was copied or moved too."""
    with closing(sqlite3.connect(store)) as connection, connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            move = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} LIKE ? || '%'"
            connection.execute(move, (new, len(old) + 1, old))


@contextmanager
def _client(store: Path) -> "Iterator[MlflowClient]":
    # Before the import: it would report its use over the network otherwise.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with writing(store), warnings.catch_warnings():
        # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates.
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        store.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield MlflowClient(tracking_uri=uri(store))
        except (MlflowException, SQLAlchemyError) as error:
            what = f"the tracking store cannot be used: {str(error).splitlines()[0]}"
            raise InputError(what, where=store, hint="move the file away and try again; a new one is made") from error
