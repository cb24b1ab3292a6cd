"""The Kubernetes objects: valid, of one piece, safe to disturb, and without rights."""

import re
from typing import Any

import pytest
from deployed import DEPLOY, documents, faults, image, kubernetes

OBJECTS = kubernetes()
DEPLOYMENT = OBJECTS["Deployment/service"]["spec"]
TEMPLATE = DEPLOYMENT["template"]
PODS = {"service": TEMPLATE["spec"], "registry": OBJECTS["Pod/registry"]["spec"]}
(CONTAINER,) = PODS["service"]["containers"]
LABELS = TEMPLATE["metadata"]["labels"]
(KUSTOMIZATION,) = documents("kubernetes/kustomization.yaml")
NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
each_object = pytest.mark.parametrize("name", OBJECTS)
each_pod = pytest.mark.parametrize("name", PODS)


def port(name: str) -> int:
    """The number of a named port of the service's container."""
    (found,) = [each["containerPort"] for each in CONTAINER["ports"] if each["name"] == name]
    return int(found)


def requirement(amount: str) -> float:
    """An amount of a resource as a number."""
    units = {"m": 1e-3, "": 1, "Mi": 2**20, "Gi": 2**30}
    number, unit = re.fullmatch(r"([\d.]+)(m|Mi|Gi|)", amount).groups()  # type: ignore[union-attr]
    return float(number) * units[unit]


@each_object
def test_it_is_valid(name: str) -> None:
    assert faults(OBJECTS[name], "kubernetes", name.partition("/")[0]) == []


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("PodDisruptionBudget", {"minAvailabel": 1}),
        ("HorizontalPodAutoscaler", {"maxReplicas": "many"}),
        ("Deployment", {"template": {"spec": {"containers": [{"name": "a", "livenesProbe": {}}]}}}),
    ],
)
def test_the_schema_refuses_what_the_cluster_would_ignore(kind: str, wrong: dict[str, Any]) -> None:
    good = OBJECTS[f"{kind}/service"]
    assert len(faults({**good, "spec": {**good["spec"], **wrong}}, "kubernetes", kind)) > 0


@each_object
def test_names_and_labels_are_allowed_however_long_the_projects_name_is(name: str) -> None:
    metadata = OBJECTS[name]["metadata"]
    assert NAME.fullmatch(metadata["name"])
    assert all(len(value) <= 63 for value in metadata.get("labels", {}).values())


def test_the_kustomization_holds_every_object_but_the_pod_for_people() -> None:
    files = {path.name for path in (DEPLOY / "kubernetes").iterdir()}
    assert set(KUSTOMIZATION["resources"]) == files - {"kustomization.yaml", "registry-pod.yaml"}
    assert KUSTOMIZATION["namespace"] == OBJECTS[f"Namespace/{KUSTOMIZATION['namespace']}"]["metadata"]["name"]
    assert KUSTOMIZATION["images"][0]["name"] == CONTAINER["image"]
    (registry,) = PODS["registry"]["containers"]
    assert registry["image"] == f"{CONTAINER['image']}:{KUSTOMIZATION['images'][0]['newTag']}"


def test_whoever_selects_pods_selects_those_of_the_service() -> None:
    spread = [each["labelSelector"]["matchLabels"] for each in PODS["service"]["topologySpreadConstraints"]]
    selectors = [
        DEPLOYMENT["selector"]["matchLabels"],
        OBJECTS["Service/service"]["spec"]["selector"],
        OBJECTS["PodDisruptionBudget/service"]["spec"]["selector"]["matchLabels"],
        OBJECTS["NetworkPolicy/service"]["spec"]["podSelector"]["matchLabels"],
        *spread,
    ]
    assert len(spread) == 2
    for selector in selectors:
        assert selector
        assert selector.items() <= LABELS.items()
        assert not selector.items() <= OBJECTS["Pod/registry"]["metadata"]["labels"].items()


def test_a_node_may_be_emptied_and_the_service_goes_on() -> None:
    least = OBJECTS["HorizontalPodAutoscaler/service"]["spec"]["minReplicas"]
    assert least >= 2
    assert 1 <= OBJECTS["PodDisruptionBudget/service"]["spec"]["minAvailable"] < least
    # With `replicas`, applying the file again would undo what the autoscaler did.
    assert "replicas" not in DEPLOYMENT
    assert DEPLOYMENT["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_autoscaler_has_a_target_and_what_it_measures_is_requested() -> None:
    spec = OBJECTS["HorizontalPodAutoscaler/service"]["spec"]
    target = OBJECTS[f"{spec['scaleTargetRef']['kind']}/{spec['scaleTargetRef']['name']}"]
    assert target["apiVersion"] == spec["scaleTargetRef"]["apiVersion"]
    assert spec["minReplicas"] < spec["maxReplicas"]
    assert {metric["resource"]["name"] for metric in spec["metrics"]} <= CONTAINER["resources"]["requests"].keys()


def test_everyone_means_the_same_port() -> None:
    assert port("http") == int(image()["EXPOSE"])
    (service,) = OBJECTS["Service/service"]["spec"]["ports"]
    (allowed,) = OBJECTS["NetworkPolicy/service"]["spec"]["ingress"][0]["ports"]
    probes = [CONTAINER[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "liveness", "readiness")]
    assert {port(name) for name in (service["targetPort"], allowed["port"], *probes)} == {port("http")}
    assert TEMPLATE["metadata"]["annotations"]["prometheus.io/port"] == str(port("http"))


@each_pod
def test_a_pod_meets_the_restricted_standard(name: str) -> None:
    pod = PODS[name]
    enforced = OBJECTS[f"Namespace/{KUSTOMIZATION['namespace']}"]["metadata"]["labels"]
    assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"
    context, (container,) = pod["securityContext"], pod["containers"]
    assert context["runAsNonRoot"] is True
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == image()["USER"]
    assert context["fsGroup"] == context["runAsGroup"]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}


@each_pod
def test_a_pod_has_requests_below_its_limits(name: str) -> None:
    (container,) = PODS[name]["containers"]
    requests, limits = container["resources"]["requests"], container["resources"]["limits"]
    assert requests.keys() == limits.keys() == {"cpu", "memory"}
    assert all(0 < requirement(requests[each]) <= requirement(limits[each]) for each in requests)


@each_pod
def test_mounts_have_volumes_and_volumes_have_claims(name: str) -> None:
    (container,) = PODS[name]["containers"]
    volumes = {volume["name"]: volume for volume in PODS[name]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
    for volume in volumes.values():
        if "persistentVolumeClaim" in volume:
            claim = OBJECTS[f"PersistentVolumeClaim/{volume['persistentVolumeClaim']['claimName']}"]
            assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
        else:
            assert volume["emptyDir"]["sizeLimit"]


def test_the_service_cannot_change_the_registry_and_every_pod_has_a_log_of_its_own() -> None:
    mounts = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
    assert mounts["registry"]["readOnly"] is True
    variables = {each["name"]: each for each in CONTAINER["env"]}
    assert variables["POD_NAME"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert variables["MLE_PATHS__PREDICTIONS"]["value"] == f"{mounts['predictions']['mountPath']}/$(POD_NAME).db"
    # Kubernetes puts in the values of variables that stand before.
    assert list(variables).index("POD_NAME") < list(variables).index("MLE_PATHS__PREDICTIONS")
