"""The Compose file: valid, closed to other machines, without rights, and of one piece with what it mounts."""

import re

import pytest
from deployed import DEPLOY, compose, documents, faults, image
from sample import HOME

SERVICES = compose()["services"]
each_service = pytest.mark.parametrize("name", SERVICES)


def test_it_is_valid() -> None:
    assert faults(compose(), "compose") == []


def test_the_schema_refuses_a_key_that_does_not_exist() -> None:
    wrong = compose()
    wrong["services"]["service"]["readonly"] = True
    assert any("readonly" in fault for fault in faults(wrong, "compose"))


def test_its_services_are_the_six() -> None:
    assert set(SERVICES) == {"service", "monitor", "prometheus", "alertmanager", "grafana", "postgres"}


@each_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port


@each_service
def test_a_container_has_no_rights_and_a_read_only_root(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "devices"}


@each_service
def test_an_image_is_pinned_to_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9/-]+:v?\d+(\.\d+)+(-[a-z]+)?", SERVICES[name]["image"])


@each_service
def test_its_health_is_checked(name: str) -> None:
    if name == "service":
        assert "HEALTHCHECK" in image()
        assert "healthcheck" not in SERVICES[name]
    else:
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@each_service
def test_what_it_refers_to_is_declared_or_in_the_project(name: str) -> None:
    service, declared = SERVICES[name], compose()
    assert set(service["networks"]) <= set(declared["networks"])
    assert set(service.get("secrets", [])) <= set(declared["secrets"])
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    for mount in service["volumes"]:
        source, _, target = mount.partition(":")
        if source.startswith("."):
            assert target.endswith(":ro"), mount
            assert source == "../registry" or (DEPLOY / source).is_dir(), mount
        else:
            assert source in declared["volumes"], mount


def test_nothing_is_declared_in_vain() -> None:
    declared = compose()
    mounts = {mount.partition(":")[0] for service in SERVICES.values() for mount in service["volumes"]}
    assert set(declared["volumes"]) == {mount for mount in mounts if not mount.startswith(".")}
    assert set(declared["networks"]) == {name for service in SERVICES.values() for name in service["networks"]}
    assert set(declared["secrets"]) == {name for service in SERVICES.values() for name in service.get("secrets", [])}


def test_passwords_come_from_files_that_git_and_the_image_leave_out() -> None:
    given = [item for service in SERVICES.values() for item in service.get("environment", {}).items()]
    passwords = [(name, value) for name, value in given if re.search("PASSWORD|SECRET|KEY|TOKEN", name)]
    assert len(passwords) == 3
    assert all(value.startswith("/run/secrets/") for _, value in passwords)
    ignored = (HOME / ".gitignore").read_text(encoding="utf-8").splitlines()
    for secret in compose()["secrets"].values():
        assert secret["file"].startswith("./secrets/")
        assert "/deploy/secrets/" in ignored


def test_the_database_is_reached_by_grafana_only_and_reaches_nothing() -> None:
    assert compose()["networks"]["storage"]["internal"] is True
    assert {name for name, service in SERVICES.items() if "storage" in service["networks"]} == {"grafana", "postgres"}
    assert SERVICES["postgres"]["networks"] == ["storage"]
    assert "ports" not in SERVICES["postgres"]


def test_what_is_scraped_alarmed_and_shown_is_where_the_containers_are() -> None:
    (prometheus,) = documents("prometheus/prometheus.yml")
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in prometheus["scrape_configs"]}
    (sources,) = documents("grafana/provisioning/datasources/prometheus.yaml")
    assert jobs["service"] == ["service:8000"]
    assert jobs["monitor"] == ["monitor:9108"]
    assert set(SERVICES["monitor"]["networks"]) == set(SERVICES["service"]["networks"])
    assert prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    for name, port in (("service", 8000), ("alertmanager", 9093), ("prometheus", 9090)):
        assert SERVICES[name]["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert set(SERVICES[name]["networks"]) & set(SERVICES["prometheus"]["networks"])


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    (providers,) = documents("grafana/provisioning/dashboards/files.yaml")
    path = providers["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{path}:ro" in SERVICES["grafana"]["volumes"]
