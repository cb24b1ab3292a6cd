"""The URL of a database stands where a path may stand, and nobody sees its password."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roadworthy.base import settings
from roadworthy.base.databases import Postgres, postgres_place
from roadworthy.base.errors import InputError
from roadworthy.serving import client
from sample import HOME

URL = "postgresql://me:h%40rd%2F1@db.example:5433/flights?sslmode=require"


def test_a_url_is_a_database_and_all_else_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert postgres_place(URL) == Postgres(URL)
    assert postgres_place("monitoring/predictions.db") == Path("monitoring/predictions.db")
    monkeypatch.setenv("MLE_PATHS__PREDICTIONS", URL)
    monkeypatch.setenv("MLE_PATHS__TRACKING", "postgres://db.example/mlflow")
    paths = settings.load_settings(HOME).paths
    assert paths.predictions == Postgres(URL)
    assert str(paths.tracking) == "postgres://db.example/mlflow"
    assert paths.artifacts == HOME / "tracking" / "artifacts"


def test_the_password_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Postgres(URL)
    assert str(database) == repr(database) == "postgresql://me:***@db.example:5433/flights?sslmode=require"
    assert database.password == "h@rd/1"  # noqa: S105
    open_to_all = database.without_password
    assert open_to_all == "postgresql://me@db.example:5433/flights?sslmode=require"
    assert database.masked(f"{URL}: h@rd/1 and h%40rd%2F1") == "***: *** and ***"
    monkeypatch.setenv("MLE_PATHS__PREDICTIONS", URL)
    assert "rd%2F1" not in repr(settings.load_settings(HOME))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://me:hard1@db/flights", "no support for 'mysql'"),
        ("postgresql://me:hard1/2@db/flights", "cannot be told apart"),
        ("postgresql://me@db/flights?password=hard1", "would be shown"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, url: str, says: str
) -> None:
    monkeypatch.setenv("MLE_PATHS__PREDICTIONS", url)
    with pytest.raises(InputError, match=says) as refusal:
        settings.load_settings(HOME)
    assert "hard1" not in str(refusal.value)


def test_a_form_that_the_driver_does_not_understand_is_told_with_the_right_one() -> None:
    with pytest.raises(InputError) as refusal:
        Postgres("postgresql://me:hard1@db/flights?nonsense=1").connect()
    assert "postgresql://USER@HOST:PORT/DATABASE" in refusal.value.hint
    assert "hard1" not in str(refusal.value)


def test_a_service_gets_the_password_in_its_environment_and_not_in_its_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: dict[str, Any] = {}
    monkeypatch.setattr(subprocess, "Popen", lambda command, **how: started.update(command=command, **how))
    client.start_process(tmp_path, predictions=Postgres(URL))
    assert started["command"][0] == sys.executable
    assert "rd" not in " ".join(started["command"]).partition("--predictions")[2].replace("--with-parent", "")
    assert started["env"]["PGPASSWORD"] == "h@rd/1"
    assert "PGPASSWORD" not in os.environ
