"""Track each training: parameters, metrics and the bundle, in MLflow on an SQLite file or PostgreSQL. Works offline.

MLflow is imported inside the functions: it costs seconds, and the service must never load it.
"""

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.databases import Postgres
from ..base.errors import InputError
from ..base.files import explain_write_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

Store = Path | Postgres
ARTIFACTS = Path("artifacts")


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
