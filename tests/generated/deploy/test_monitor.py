"""The monitors are started alike everywhere, read the log that the service writes, and are asked where they answer."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from deployed import DEPLOY, compose, documents, image, instructions, unit
from roadworthy.base import settings
from roadworthy.cli.program import commands
from sample import HOME

FILE = "Dockerfile.jobs"
IMAGE, UNIT, SERVICE = image(FILE), unit("monitor"), unit()
COMPOSED, ONLINE = compose()["services"]["monitor"], compose()["services"]["service"]
(PROMETHEUS,) = documents("prometheus/prometheus.yml")
STARTED = {
    "image": re.findall(r'"([^"]+)"', IMAGE["CMD"]),
    "compose": COMPOSED["command"],
    "systemd": shlex.split(UNIT["ExecStart"][0])[3:],
}


@pytest.mark.parametrize("where", STARTED)
def test_the_monitors_answer_where_prometheus_asks(where: str) -> None:
    name, *arguments = STARTED[where]
    given = commands.commands[name].make_context(name, arguments).params
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in PROMETHEUS["scrape_configs"]}
    host, port = given["serve"]
    assert jobs["monitor"] == [f"monitor:{port}"]
    # In a container the network is its own; on a plain host everybody could ask.
    assert host == ("127.0.0.1" if where == "systemd" else "0.0.0.0")  # noqa: S104
    assert IMAGE["EXPOSE"] == str(port)
    assert f"127.0.0.1:{port}/metrics" in str(COMPOSED["healthcheck"]["test"])


def test_the_monitors_read_the_log_that_the_service_writes() -> None:
    assert set(ONLINE["volumes"]) < set(COMPOSED["volumes"])
    assert (
        IMAGE["ENV"].items() >= {name: image()["ENV"][name] for name in ("MLE_HOME", "MLE_PATHS__PREDICTIONS")}.items()
    )
    logs = [[text for text in each["Environment"] if "PREDICTIONS" in text] for each in (UNIT, SERVICE)]
    assert logs[0] == logs[1] != []
    for shared in ("User", "DynamicUser", "StateDirectory", "UMask", "WorkingDirectory", "ProtectSystem"):
        assert UNIT[shared] == SERVICE[shared], shared


@pytest.mark.parametrize("where", ["image", "systemd"])
def test_every_variable_is_a_setting_of_the_monitors(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = dict(text.replace("%S", "/var/lib").split("=", 1) for text in UNIT["Environment"])
    given = IMAGE["ENV"] if where == "image" else pairs
    for name, value in {**given, "MLE_HOME": str(HOME)}.items():
        if name.startswith("MLE_"):
            monkeypatch.setenv(name, value)
    read = settings.load_settings()
    assert read.paths.reports.as_posix() == given["MLE_PATHS__REPORTS"]
    assert Path(str(read.paths.predictions)).as_posix() == given["MLE_PATHS__PREDICTIONS"]
    if where == "image":
        assert f"reports:{read.paths.reports.as_posix()}" in COMPOSED["volumes"]


def test_the_image_of_the_jobs_is_locked_without_rights_and_given_what_it_copies() -> None:
    assert image()["USER"] == IMAGE["USER"]
    assert IMAGE["ENTRYPOINT"] == '["python", "-m", "roadworthy"]'
    installs = [rest for word, rest in instructions(FILE) if word == "RUN" and "install" in rest]
    assert all("--require-hashes" in rest or "--no-index" in rest for rest in installs)
    lines = (DEPLOY / f"{FILE}.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [rest.split()[:-1] for word, rest in instructions(FILE) if word == "COPY" and "--from" not in rest]
    assert {line[1:] for line in lines if line.startswith("!")} == {name for names in copied for name in names}
    assert not [name for name in IMAGE["ENV"] if re.search("KEY|PASSWORD|SECRET|TOKEN|NOTIFY", name)]


def test_the_jobs_have_the_version_of_the_project() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert COMPOSED["image"] == f"{project['name']}-jobs:{project['version']}"


def test_an_interrupted_monitor_has_not_failed_and_a_failed_one_begins_again() -> None:
    assert UNIT["SuccessExitStatus"] == ["130"]
    assert UNIT["Restart"] == ["on-failure"]
