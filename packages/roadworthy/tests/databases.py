"""A real PostgreSQL for the tests: a cluster of its own in a temporary folder, on a free port of this machine."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from roadworthy.base.databases import Postgres

PASSWORD = "s3cret of the tests"  # noqa: S105 - of a database that lives as long as a test
SETTINGS = "fsync=off\nunix_socket_directories=''\nlisten_addresses='127.0.0.1'\nshared_buffers=16MB\n"
NOBODY = 65534  # initdb refuses to run as root


class Server:
    """A cluster that can be stopped and started; its user is `tester`, who must give a password."""

    def __init__(self, folder: Path, programs: Path, port: int) -> None:
        self.folder, self.programs, self.port = folder, programs, port

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.run("pg_ctl", "start", "--wait", "--timeout=60", "--log", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop it; connections are cut."""
        self.run("pg_ctl", "stop", "--wait", "--mode=fast")

    def new(self, name: str) -> Postgres:
        """A new, empty database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return Postgres(self.url(name))

    def url(self, name: str, user: str = "tester") -> str:
        """The URL of a database, with the password."""
        return f"postgresql://{user}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}/{name}"

    def run(self, program: str, *words: str) -> None:
        """Run a program of PostgreSQL on the cluster, as a user who is not root."""
        command = [str(self.programs / program), "--pgdata", str(self.folder / "data"), *words]
        who = NOBODY if os.name == "posix" and os.geteuid() == 0 else None
        with (self.folder / "said").open("a+b") as said:
            done = subprocess.run(
                command, user=who, group=who, extra_groups=[] if who else None, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=120, check=False,
            )  # fmt: skip
            said.seek(0)
            assert done.returncode == 0, f"{program}: {said.read().decode()}"


def programs() -> Path:
    """The folder of initdb; the test is skipped without it, but not in continuous integration."""
    found = shutil.which("initdb")
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not (found or newest) and not os.environ.get("CI"):
        pytest.skip("no PostgreSQL on this machine: apt-get install postgresql")
    assert found or newest, "PostgreSQL is missing: apt-get install postgresql"
    return (newest[-1] if newest else Path(str(found)).resolve()).parent


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A running cluster in an empty folder, which nobody else may look into."""
    place = programs()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = Server(folder, place, port)
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    (folder / "password").chmod(0o644)
    made.run("initdb", "--username=tester", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--no-sync")
    with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"{SETTINGS}port={port}\n")
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Server]:
    """A running server for all tests."""
    # Not below the folders of pytest: it closes them to the user who the server is.
    with TemporaryDirectory() as folder, server(Path(folder)) as running:
        yield running


@pytest.fixture
def database(cluster: Server, request: pytest.FixtureRequest) -> Postgres:
    """A new, empty database."""
    return cluster.new(re.sub(r"\W+", "_", request.node.name)[-60:])
