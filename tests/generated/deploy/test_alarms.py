"""What Prometheus and Grafana ask for exists in the service or the monitors; every alert has a page that helps."""

import asyncio
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import httpx
import numpy as np
import pytest
from deployed import DEPLOY, alerts, compose, dashboards, documents
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from roadworthy.cli.program import commands
from roadworthy.contract.workspace import MONITORS
from roadworthy.monitoring.monitors import Reading, Thresholds, Window
from roadworthy.monitoring.notifications import Exposition
from roadworthy.monitoring.timeline import Timeline
from roadworthy.serving import app
from sample import HOME
from small import ROW

SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
SCRAPED = {"job", "instance"}  # labels that Prometheus adds
ALERTS = alerts()
DASHBOARDS = dashboards()
PANELS = [panel for each in DASHBOARDS.values() for panel in each["panels"]]
ASKED = [rule["expr"] for rule in ALERTS]
ASKED += [target["expr"] for panel in PANELS for target in panel["targets"]]
ASKED += [each["expr"] for dashboard in DASHBOARDS.values() for each in dashboard["annotations"]["list"]]
Labels = dict[str, set[str]]
# A name with what opens behind it, or what holds no name: a range, a text, a number.
TEXT = r'"(?:[^"\\]|\\.)*"'
WORD = re.compile(r"([a-zA-Z_:][\w:]*)\s*(\(|[{](?:TEXT|[^\"}])*[}]|)|\[[^\]]*\]|TEXT|[\d.]+\w*".replace("TEXT", TEXT))
KINDS = {"stat", "timeseries", "heatmap", "state-timeline"}
each_dashboard = pytest.mark.parametrize("name", DASHBOARDS)
each_alert = pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])


async def asked(app: FastAPI) -> str:
    """The metrics of an application after good and bad requests."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        for row in ({**ROW, "carrier": "ZZ"}, {**ROW, "temp": 999}):
            await client.post("/v1/predict", json=row)
        for path in ("/healthz", "/readyz", "/metrics"):
            await client.get(path)
        return (await client.get("/metrics")).text


def watched() -> str:
    """The metrics of the monitors after a look that found one of them red."""
    readings = [Reading(name, "drift", "temp", 1.0, 0.2, True, "far") for name in ("2013-07-01", "2013-07-08")]
    empty = np.empty(0)
    windows = [Window(reading.window, {}, empty, empty, empty, empty.astype(bool)) for reading in readings]
    exposition = Exposition(3600)
    exposition.show(Timeline(windows, readings, Thresholds()), 1.5)
    return exposition.text().decode()


@pytest.fixture(scope="module")
def exposed(built_registry: Path) -> dict[str, Labels]:
    """The labels and their values of every metric that the service or the monitors have."""
    text = asyncio.run(asked(app.create_app(app.champion_bundle(built_registry)))) + watched()
    found: dict[str, Labels] = {}
    for family in text_string_to_metric_families(text):
        for suffix in SUFFIXES[family.type]:
            found[family.name + suffix] = {}
        for sample in family.samples:
            for label, value in sample.labels.items():
                found.setdefault(sample.name, {}).setdefault(label, set()).add(value)
    return found


def selectors(expression: str) -> list[tuple[str, str]]:
    """The metrics of a PromQL expression, each with what stands in its braces."""
    plain = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
    words = WORD.findall(plain)
    operators = {"and", "or", "unless", "offset"}
    return [(name, rest) for name, rest in words if name and rest != "(" and name not in operators]


def grouped(expression: str) -> set[str]:
    """The labels that an expression groups by or joins on."""
    lists = re.findall(r"\b(?:by|on|without|ignoring|group_left)\s*\(([^)]*)\)", expression)
    return {label.strip() for labels in lists for label in labels.split(",") if label.strip()}


def known(name: str, exposed: dict[str, Labels]) -> bool:
    """Whether a metric is ours; those about the process exist on Linux only, `up` is Prometheus' own."""
    return name in exposed or name == "up" or (name.startswith("process_") and sys.platform != "linux")


def test_the_metrics_of_an_expression_are_found() -> None:
    text = 'sum by (job, le) (rate(a_total{x="y} b", z!~"c|d"}[5m])) / on (job) b offset 1m > 0.1 or absent(c{job="d"})'
    assert [name for name, _ in selectors(text)] == ["a_total", "b", "c"]
    assert grouped(text) == {"job", "le"}


@pytest.mark.parametrize("expression", ASKED)
def test_every_metric_and_label_is_one_that_the_service_or_the_monitors_have(
    expression: str, exposed: dict[str, Labels]
) -> None:
    found = selectors(expression)
    assert found
    labels = set(SCRAPED)
    for name, matchers in found:
        assert known(name, exposed), name
        labels |= set(exposed.get(name, {}))
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', matchers):
            assert label in exposed.get(name, {}) or label in SCRAPED, (name, label)
            if label == "path":
                parts = set(value.split("|"))
                assert parts <= exposed[name]["path"], value
                assert operator in {"=", "!~"}
    assert grouped(expression) <= labels


@pytest.mark.parametrize("expression", ASKED)
def test_the_job_is_the_one_that_prometheus_scrapes(expression: str) -> None:
    (prometheus,) = documents("prometheus/prometheus.yml")
    jobs = {job["job_name"] for job in prometheus["scrape_configs"]}
    assert set(re.findall(r'job="([^"]*)"', expression)) <= jobs


def test_what_is_counted_is_shown_or_alarmed(exposed: dict[str, Labels]) -> None:
    asked = {name for expression in ASKED for name, _ in selectors(expression)}
    families = {re.sub("_(total|bucket|sum|count)$", "", name) for name in asked}
    ours = {
        name
        for name in exposed
        if re.match("service_|prediction_log_|monitor_", name) and not name.endswith("_created")
    }
    assert {re.sub("_(total|bucket|sum|count)$", "", name) for name in ours} <= families


@each_alert
def test_an_alert_says_how_urgent_it_is_and_what_happens(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "runbook_url"}


@each_alert
def test_an_alert_has_a_page_with_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    page = HOME / rule["annotations"]["runbook_url"]
    assert page == DEPLOY / "runbooks" / f"{rule['alert']}.md"
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {rule['alert']}\n\n**It means** ")
    assert re.findall(r"^\*\*(Look at|Do)\*\*$", text, re.MULTILINE) == ["Look at", "Do"]


def test_no_page_is_about_an_alert_that_does_not_exist() -> None:
    names = {rule["alert"] for rule in ALERTS}
    assert {path.stem for path in (DEPLOY / "runbooks").iterdir()} == names
    (rules,) = documents("alertmanager/alertmanager.yml")
    matched = re.findall(r'alertname="(\w+)"', str(rules))
    assert matched
    assert set(matched) <= names


def test_what_the_pages_name_exists() -> None:
    titles = {panel["title"] for panel in PANELS}
    for page in [*(DEPLOY / "runbooks").glob("*.md"), DEPLOY / "README.md"]:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"roadworthy ([a-z]+)[` ]", text))
        assert named <= set(commands.list_commands(click.Context(commands))), page.name
        assert set(re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", text)) <= titles, page.name
        for path in re.findall(r"`((?:alertmanager|grafana|kubernetes|prometheus|systemd)/[\w./-]*)`", text):
            assert (DEPLOY / path).exists(), path
        for path in re.findall(r"`(deploy/[\w./-]+[a-z])`", text):
            assert (HOME / path).exists(), path


def test_the_limits_are_those_of_the_settings() -> None:
    config = tomllib.loads((HOME / "config.toml").read_text(encoding="utf-8"))
    limits = {rule["alert"]: rule["expr"].rpartition(">")[2].strip() for rule in ALERTS}
    assert limits["ModelTooOld"] == f"{config['gates']['max_age_days']} * 86400"
    assert float(limits["UnseenCategories"]) == config["monitoring"]["max_unseen"]


def test_the_page_about_the_monitors_names_each_of_them() -> None:
    page = (DEPLOY / "runbooks" / "MonitorAlarm.md").read_text(encoding="utf-8")
    assert sorted(name for name in MONITORS if f"`{name}`" not in page) == []


def test_the_dashboards_ask_the_prometheus_that_is_provisioned() -> None:
    (sources,) = documents("grafana/provisioning/datasources/prometheus.yaml")
    wanted = {"type": "prometheus", "uid": sources["datasources"][0]["uid"]}
    asking = [*PANELS, *(target for panel in PANELS for target in panel["targets"])]
    assert all(each["datasource"] == wanted for each in asking)


@each_dashboard
def test_the_panels_have_their_own_numbers_and_places(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


@each_dashboard
def test_a_panel_is_of_a_kind_that_is_known_and_says_what_it_shows(name: str) -> None:
    for panel in DASHBOARDS[name]["panels"]:
        assert panel["type"] in KINDS
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters))
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]


def test_the_dashboards_have_addresses_of_their_own_and_the_same_frame() -> None:
    assert [dashboard["uid"] for dashboard in DASHBOARDS.values()] == list(DASHBOARDS) == ["model", "service"]
    assert len({frozenset(dashboard) for dashboard in DASHBOARDS.values()}) == 1
    assert len({dashboard["schemaVersion"] for dashboard in DASHBOARDS.values()}) == 1


def test_alertmanager_sends_to_receivers_that_exist() -> None:
    (config,) = documents("alertmanager/alertmanager.yml")
    receivers = {receiver["name"] for receiver in config["receivers"]}
    routes = [config["route"], *config["route"]["routes"]]
    assert {route["receiver"] for route in routes} <= receivers
    severities = {rule["labels"]["severity"] for rule in ALERTS}
    assert set(re.findall(r'severity="(\w+)"', str(config))) <= severities
    assert "alertmanager" in compose()["services"]
