"""The examples of a cluster name settings, ports, routes and volumes that there are, and hold together."""

import configparser
import re
from pathlib import Path

import pytest
import yaml

from penstock.settings.table import Settings

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "cluster"
COMPOSE = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
MANIFESTS = list(yaml.safe_load_all((EXAMPLES / "kubernetes" / "penstock.yaml").read_text()))
# By kind: the version of its interface, and the fields that it must have and may have here (https://kubernetes.io/docs/reference/).
KINDS = {
    "ConfigMap": ("v1", {"data"}, set()),
    "Service": ("v1", {"spec"}, {"selector", "ports", "clusterIP", "sessionAffinity"}),
    "PodDisruptionBudget": ("policy/v1", {"spec"}, {"maxUnavailable", "selector"}),
    "StatefulSet": (
        "apps/v1",
        {"spec"},
        {
            "replicas",
            "serviceName",
            "podManagementPolicy",
            "updateStrategy",
            "selector",
            "template",
            "volumeClaimTemplates",
        },
    ),
}
# Of our own, beside the settings: read by Caddy.
OF_CADDY = {"PENSTOCK_HOST", "PENSTOCK_ADMIN_HOST"}


def manifest(kind, name):
    [found] = [each for each in MANIFESTS if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pod():
    return manifest("StatefulSet", "penstock")["spec"]["template"]["spec"]


def test_every_variable_in_an_example_is_a_setting():
    texts = "".join(path.read_text() for path in EXAMPLES.rglob("*") if path.is_file())
    named = set(re.findall(r"\bPENSTOCK_[A-Z_]+\b", texts)) - OF_CADDY - {"NATS_PENSTOCK_PASSWORD"}
    known = {f"PENSTOCK_{name.upper()}" for name in Settings.__dataclass_fields__}

    # As the settings have it once there are several nodes.
    assert named - known <= {"PENSTOCK_NODE"}


@pytest.mark.parametrize("each", MANIFESTS, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_a_manifest_has_the_fields_of_its_kind(each):
    version, needed, allowed = KINDS[each["kind"]]

    assert each["apiVersion"] == version
    assert needed <= each.keys() <= needed | {"apiVersion", "kind", "metadata"}
    assert not allowed or each["spec"].keys() <= allowed
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", each["metadata"]["name"])


def test_what_the_manifests_say_of_each_other_is_there():
    template = manifest("StatefulSet", "penstock")["spec"]
    labels, [container] = template["template"]["metadata"]["labels"], pod()["containers"]

    assert template["selector"]["matchLabels"] == labels
    assert template["serviceName"] in {each["metadata"]["name"] for each in MANIFESTS if each["kind"] == "Service"}
    ports = {each["name"] for each in container["ports"]}
    for each in MANIFESTS:
        if each["kind"] == "Service":
            assert each["spec"]["selector"] == labels
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= ports
    volumes = {each["name"] for each in pod()["volumes"]}
    volumes |= {each["metadata"]["name"] for each in template["volumeClaimTemplates"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "events"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "events"}


def test_no_variable_of_kubernetes_looks_like_a_setting_and_nothing_runs_as_root():
    assert pod()["enableServiceLinks"] is False
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert not any(each["metadata"]["name"] == "penstock" for each in MANIFESTS if each["kind"] == "Service")


def test_compose_has_a_volume_for_each_node_and_each_nats_server_and_caddy_knows_all_nodes():
    services, caddy = COMPOSE["services"], (EXAMPLES / "Caddyfile").read_text()
    nodes = [name for name in services if name.startswith("node-")]

    assert len(nodes) == len([name for name in services if name.startswith("nats-")]) == 3
    for name, service in services.items():
        volumes = {each.partition(":")[0] for each in service["volumes"]} & COMPOSE["volumes"].keys()
        assert volumes == {name}, name
    for name in nodes:
        assert services[name]["environment"]["PENSTOCK_NODE"] == name
        assert services[name]["secrets"] == list(COMPOSE["secrets"])
        assert f"{name}:8080" in caddy
        assert f"{name}:8081" in caddy
    assert (
        set(re.findall(r"@(nats-\d):4222", services["node-1"]["environment"]["PENSTOCK_NATS_URL"])) <= services.keys()
    )
    for name in ("nats.conf", "Caddyfile", "Dockerfile"):
        assert (EXAMPLES / name).exists()


def test_the_unit_stops_as_gently_and_restarts_as_rarely_as_it_must():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string((EXAMPLES / "systemd" / "penstock.service").read_text())
    service = unit["Service"]

    assert service["ExecStart"].split()[0].endswith("/penstock")
    assert service["RestartPreventExitStatus"] == "78"
    assert float(service["TimeoutStopSec"]) > Settings().call_timeout_s
    assert pod()["terminationGracePeriodSeconds"] > Settings().call_timeout_s


def test_the_image_is_made_of_files_that_are_there():
    lines = (EXAMPLES / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]

    assert copied
    assert all((ROOT / name).exists() for name in copied)
