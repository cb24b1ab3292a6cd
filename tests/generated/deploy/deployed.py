"""What stands in deploy/, read once, and what of it several tests compare."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from sample import HOME

DEPLOY = HOME / "deploy"
SCHEMAS = Path(__file__).parent / "schemas"
Document = dict[str, Any]


def documents(name: str) -> list[Document]:
    """The YAML documents of a file in deploy/."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def faults(document: Document, schema: str, kind: str = "") -> list[str]:
    """What a schema says against a document, with the place of each fault."""
    rules = json.loads((SCHEMAS / f"{schema}.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator({**rules, "$ref": f"#/$defs/{kind}"} if kind else rules)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def compose() -> Document:
    """The Compose file."""
    (document,) = documents("compose.yaml")
    return document


def kubernetes() -> dict[str, Document]:
    """The Kubernetes objects of the kustomization and the pod beside it, by `kind/name`."""
    names = [path.name for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))]
    found = [each for name in names if name != "kustomization.yaml" for each in documents(f"kubernetes/{name}")]
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


def instructions(name: str = "Dockerfile") -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with their words."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in joined.splitlines() if line]


def image(name: str = "Dockerfile") -> Document:
    """What the last stage of a Dockerfile says about the image: its environment, user, ports and commands."""
    starts = [at for at, (word, _) in enumerate(instructions(name)) if word == "FROM"]
    last = instructions(name)[starts[-1] :]
    variables = [pair for word, rest in last if word == "ENV" for pair in shlex.split(rest)]
    return {**dict(last), "ENV": dict(pair.split("=", 1) for pair in variables)}


def unit(name: str = "online") -> dict[str, list[str]]:
    """The settings of a systemd unit; each may be given more than once."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / f"{name}.service").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def alerts() -> list[Document]:
    """The alerting rules of Prometheus."""
    (rules,) = documents("prometheus/rules.yml")
    return [rule for group in rules["groups"] for rule in group["rules"]]


def dashboards() -> dict[str, Document]:
    """The dashboards of Grafana by the names of their files."""
    files = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
