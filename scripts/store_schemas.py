"""Store the schemas that the tests of deploy/ need, from two packages that carry them; run by hand for newer ones.

uv run --no-project --with check-jsonschema --with kubernetes-validate scripts/store_schemas.py

Both are kept small: no descriptions, and of Kubernetes only the kinds that deploy/kubernetes/ uses.
"""

import json
import re
import shutil
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "template/{{ cookiecutter.project_slug }}/tests/deploy/schemas"
SCHEMAS = "kubernetes_validate/kubernetes-json-schema"
KUBERNETES = "v1.34.0-local-strict"
KINDS = {
    "ConfigMap": "configmap-v1.json",
    "Deployment": "deployment-apps-v1.json",
    "HorizontalPodAutoscaler": "horizontalpodautoscaler-autoscaling-v2.json",
    "Namespace": "namespace-v1.json",
    "NetworkPolicy": "networkpolicy-networking-v1.json",
    "PersistentVolumeClaim": "persistentvolumeclaim-v1.json",
    "Pod": "pod-v1.json",
    "PodDisruptionBudget": "poddisruptionbudget-policy-v1.json",
    "Service": "service-v1.json",
}


def main() -> None:
    """Write compose.json, kubernetes.json and their licence."""
    vendor = package("check-jsonschema", "check_jsonschema/builtin_schemas/vendor")
    store("compose.json", plain(read(vendor / "compose-spec.json")))
    shutil.copyfile(vendor / "licenses" / "LICENSE.compose-spec", TARGET / "LICENSE")
    store("kubernetes.json", kubernetes(package("kubernetes-validate", f"{SCHEMAS}/{KUBERNETES}")))


def package(name: str, folder: str) -> Path:
    """A folder of an installed package."""
    return Path(str(distribution(name).locate_file(folder)))


def read(file: Path) -> Any:  # noqa: ANN401 - JSON
    """What a JSON file holds."""
    return json.loads(file.read_text(encoding="utf-8"))


def kubernetes(folder: Path) -> dict[str, Any]:
    """One schema whose definitions are the kinds, by their names, and what they refer to."""
    known = plain(read(folder / "_definitions.json"))["$defs"]
    # With an $id of their own, references inside of them would lead elsewhere.
    kinds = {kind: plain(read(folder / file)) for kind, file in KINDS.items()}
    kept = {kind: {key: part for key, part in schema.items() if key[0] != "$"} for kind, schema in kinds.items()}
    new = names(kept)
    while new:
        kept |= {name: known[name] for name in sorted(new)}
        new = names(kept) - kept.keys()
    definitions = json.dumps(kept).replace("/api/_definitions.json#", "#")
    return {"title": f"Kubernetes {KUBERNETES}", "$defs": json.loads(definitions)}


def names(schema: dict[str, Any]) -> set[str]:
    """Definitions that a schema refers to."""
    return set(re.findall(r'#/\$defs/([^"]+)"', json.dumps(schema)))


def plain(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """The schema without descriptions; a property may have that name."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: plain(part) for key, part in schema.items() if key != "description" or not isinstance(part, str)}


def store(name: str, schema: dict[str, Any]) -> None:
    """Write a schema, a line for each of its definitions."""
    lines = [f"{json.dumps(key)}: {json.dumps(part)}" for key, part in schema["$defs"].items()]
    head = json.dumps({key: part for key, part in schema.items() if key != "$defs"})
    text = head[:-1] + ', "$defs": {\n' + ",\n".join(lines) + "\n}}\n"
    (TARGET / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
