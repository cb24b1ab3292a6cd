"""The image, the containers and the unit start the service as it is: its settings, paths, signals and user."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from deployed import DEPLOY, compose, image, instructions, kubernetes, unit
from roadworthy.base import settings
from roadworthy.bundle.bundle import Bundle
from roadworthy.serving import app
from roadworthy.serving.__main__ import _parser
from roadworthy.serving.server import GRACE
from sample import HOME

IMAGE, UNIT, DEPLOYMENT = image(), unit(), kubernetes()["Deployment/service"]["spec"]["template"]["spec"]
(CONTAINER,) = DEPLOYMENT["containers"]
COMPOSED = compose()["services"]["service"]
ARGUMENTS = {
    "image": shlex.split(re.sub(r"[\[\],]", " ", IMAGE["CMD"])),
    "kubernetes": CONTAINER["args"],
    "systemd": shlex.split(UNIT["ExecStart"][0])[3:],
}
LATE = 5  # seconds for the last write of the prediction log and the end of the process


def drain(where: str) -> float:
    """How long a service that was started there answers after its signal."""
    return float(_parser().parse_args(ARGUMENTS[where]).drain)


def seconds(text: str) -> float:
    """A time such as 30s."""
    return float(text.removesuffix("s"))


@pytest.fixture(params=["image", "kubernetes", "systemd"])
def variables(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings among the environment variables of a way to start the service."""
    given = {
        "image": IMAGE["ENV"],
        "kubernetes": {each["name"]: each["value"] for each in CONTAINER["env"] if "value" in each},
        "systemd": dict(text.replace("%S", "/var/lib").split("=", 1) for text in UNIT["Environment"]),
    }
    return {name: value for name, value in given[request.param].items() if name.startswith("MLE_")}


def test_every_variable_is_a_setting(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**variables, "MLE_HOME": str(HOME)}.items():
        monkeypatch.setenv(name, value)
    loaded = settings.load_settings()
    assert str(loaded.paths.predictions) == variables["MLE_PATHS__PREDICTIONS"]
    if "MLE_PATHS__REGISTRY" in variables:
        assert str(loaded.paths.registry) == variables["MLE_PATHS__REGISTRY"]
        assert (loaded.service.host, loaded.service.port) == ("0.0.0.0", int(IMAGE["EXPOSE"]))  # noqa: S104


def test_the_registry_and_the_log_are_where_they_are_mounted() -> None:
    paths = {name: IMAGE["ENV"][f"MLE_PATHS__{name.upper()}"] for name in ("registry", "predictions")}
    assert f"../registry:{paths['registry']}:ro" in COMPOSED["volumes"]
    assert f"predictions:{Path(paths['predictions']).parent.as_posix()}" in COMPOSED["volumes"]
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert mounts["registry"] == paths["registry"]
    assert mounts["predictions"] == Path(paths["predictions"]).parent.as_posix()


def test_the_health_check_and_the_probes_ask_for_paths_that_exist(built_registry: Path) -> None:
    bundle = Bundle.load(built_registry / "versions" / "1")
    routes = {getattr(route, "path", "") for route in app.create_app(bundle).routes}
    (address, asked) = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", IMAGE["HEALTHCHECK"])[0]
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert address == IMAGE["EXPOSE"]
    assert {asked, *probes.values(), "/metrics"} <= routes
    # A service that is only not ready must not be killed.
    assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_the_patience_is_longer_than_a_clean_stop_takes() -> None:
    assert DEPLOYMENT["terminationGracePeriodSeconds"] >= drain("kubernetes") + GRACE + LATE
    assert seconds(COMPOSED["stop_grace_period"]) >= drain("image") + GRACE + LATE
    assert seconds(UNIT["TimeoutStopSec"][0]) >= drain("systemd") + GRACE + LATE


def test_a_pod_is_found_not_ready_before_it_stops_answering() -> None:
    probe = CONTAINER["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"] < drain("kubernetes")


def test_the_image_runs_the_service_and_no_shell_as_a_numbered_user() -> None:
    assert IMAGE["ENTRYPOINT"] == '["python", "-m", "roadworthy.serving"]'
    assert IMAGE["CMD"].startswith("[")
    assert re.fullmatch(r"[1-9]\d{4,}:[1-9]\d{4,}", IMAGE["USER"])
    assert IMAGE["STOPSIGNAL"] == UNIT["KillSignal"][0] == "SIGTERM"


def test_the_image_has_locked_packages_and_nothing_that_installs_more() -> None:
    installs = [
        part for word, rest in instructions() if word == "RUN" for part in rest.split("&&") if "install" in part
    ]
    assert len(installs) == 3
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)
    assert "curl" not in IMAGE["HEALTHCHECK"]
    words = [word for word, _ in instructions()]
    last = words[len(words) - words[::-1].index("FROM") :]
    assert "RUN" not in last


def test_the_image_is_given_what_the_dockerfile_copies_and_nothing_else() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert allowed == copied
    assert all((HOME / name).exists() for name in copied)


def test_the_image_gets_every_package_and_every_file_of_theirs() -> None:
    tool = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    where = tool["packages"]["find"]["where"]
    assert where == ["src", "vendor"]
    files = [
        path.relative_to(HOME / folder)
        for folder in where
        for package in (HOME / folder).iterdir()
        if package.is_dir() and package.suffix != ".egg-info"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    code = {path.parent for path in files if path.suffix == ".py"}
    assert {"roadworthy", "roadworthy_course", settings.load_settings(HOME).project.package} <= {
        each.parts[0] for each in code
    }
    # A folder without __init__.py would be left out.
    assert sorted(c for c in code if not any((HOME / each / c / "__init__.py").is_file() for each in where)) == []
    others = [path for path in files if path.suffix != ".py"]
    assert {"pages.css", "features.sql", "py.typed"} <= {path.name for path in others}
    assert [path for path in others if not any(path.match(each) for each in tool["package-data"]["*"])] == []


def test_a_plain_host_uses_the_source_that_stands_there_and_no_copy_of_it() -> None:
    # The library refuses to open a project with another source than its own.
    lines = (DEPLOY / "README.md").read_text(encoding="utf-8").splitlines()
    (copied,) = [line for line in lines if line.startswith("sudo cp -r")]
    assert {"src", "vendor", "config.toml", "pyproject.toml", "setup.py", "registry"} < set(copied.split())
    assert copied.endswith(f" {UNIT['WorkingDirectory'][0]}")
    installs = [line for line in lines if "pip install" in line and "--require-hashes" not in line]
    assert [line.removeprefix("sudo .venv/bin/pip install ") for line in installs] == ["--no-deps --editable ."]


def test_the_service_may_hold_as_much_memory_everywhere() -> None:
    limits = {
        COMPOSED["mem_limit"].upper(),
        UNIT["MemoryMax"][0],
        CONTAINER["resources"]["limits"]["memory"].rstrip("i"),
    }
    assert limits == {"512M"}


def test_nothing_secret_is_in_the_image() -> None:
    assert not [name for name in IMAGE["ENV"] if re.search("KEY|PASSWORD|SECRET|TOKEN", name)]
    assert not [rest for word, rest in instructions() if word in {"ARG", "ADD"}]


def test_the_versions_of_the_image_and_of_the_project_are_the_same() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert COMPOSED["image"] == f"{project['name']}:{project['version']}"
    (registry,) = kubernetes()["Pod/registry"]["spec"]["containers"]
    assert registry["image"] == COMPOSED["image"]


def test_the_unit_may_write_its_log_and_nothing_else() -> None:
    values = {name: each[-1] for name, each in UNIT.items()}
    hardened = {"ProtectSystem": "strict", "NoNewPrivileges": "yes", "DynamicUser": "yes", "CapabilityBoundingSet": ""}
    assert hardened.items() <= values.items()
    assert "ReadWritePaths" not in values
    (log,) = [text for text in UNIT["Environment"] if text.startswith("MLE_PATHS__PREDICTIONS=")]
    assert log.startswith(f"MLE_PATHS__PREDICTIONS=%S/{values['StateDirectory']}/")
    assert (values["Type"], values["Restart"]) == ("exec", "on-failure")


def test_the_unit_starts_the_module_that_the_image_starts() -> None:
    python, *words = shlex.split(UNIT["ExecStart"][0])[:3]
    assert python == f"{UNIT['WorkingDirectory'][0]}/.venv/bin/python"
    assert words == re.findall(r'"([^"]+)"', IMAGE["ENTRYPOINT"])[1:]
