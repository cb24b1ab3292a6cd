"""MLflow's tracking store in a real PostgreSQL."""

import gc
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import Engine

from databases import Server
from roadworthy.base.databases import Postgres
from roadworthy.base.errors import InputError
from roadworthy.registry import releases
from tracked import recorded_runs


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """MLflow keeps its connections until they are garbage, which is a warning in whichever test that happens."""
    yield
    for each in gc.get_objects():
        if type(each) is Engine:
            each.dispose()


def record(store: Postgres, name: str, tmp_path: Path, folder: str = "artifacts") -> str:
    (tmp_path / "bundle").mkdir(exist_ok=True)
    (tmp_path / "bundle" / "model.txt").write_text("a model", encoding="utf-8")
    given = {"parameters": {"trees": 3}, "metrics": {"auc": 0.7}, "artifacts": tmp_path / "bundle"}
    return releases.record_run(store, "flights", name, keep_in=tmp_path / folder, **given)  # type: ignore[arg-type]


def test_runs_are_kept_in_the_database_and_their_files_in_the_folder(database: Postgres, tmp_path: Path) -> None:
    first = record(database, "first", tmp_path)
    (run,) = recorded_runs(database, "flights")
    assert run == {"name": "first", "trees": "3", "auc": 0.7}
    assert (tmp_path / "artifacts" / first / "artifacts" / "model.txt").read_text(encoding="utf-8") == "a model"
    second = record(database, "second", tmp_path, "100% moved")
    assert [each["name"] for each in recorded_runs(database, "flights")] == ["second", "first"]
    assert (tmp_path / "100% moved" / second / "artifacts" / "model.txt").is_file()
    with psycopg.connect(database.url) as connection:
        (moved,) = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = %s", [first]).fetchall()
    assert moved[0].startswith((tmp_path / "100% moved").as_uri())


def test_a_store_that_cannot_be_used_is_told_in_a_sentence(cluster: Server, database: Postgres, tmp_path: Path) -> None:
    gone = Postgres(cluster.url("postgres").replace(str(cluster.port), "1"))
    with pytest.raises(InputError, match="cannot be reached"):
        record(gone, "first", tmp_path)
    with database.connect() as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('another')")
        connection.execute("CREATE TABLE experiments (name text)")
    with pytest.raises(InputError, match="the tracking store cannot be used") as refusal:
        record(database, "first", tmp_path)
    assert "s3cret" not in f"{refusal.value} {refusal.value.__cause__}"
