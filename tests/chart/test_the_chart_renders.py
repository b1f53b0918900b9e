from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from e2e.helm import CHART, Helm, HelmRefused, Objects
from ruamel.yaml import YAML

from llmmonitor_api.crd import custom_resource_definition

CRD = ("CustomResourceDefinition", "", "llmmonitors.llmmonitor.io")
PROMETHEUS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")
KNOWN = [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in PROMETHEUS]
MONITORING = {kind[0].lower() + kind[1:]: {"enabled": True} for kind in PROMETHEUS}
Render = Callable[..., Objects]


def test_helm_lints_it_strictly(helm: Helm) -> None:
    helm("lint", "--strict", str(CHART))
    helm("lint", "--strict", str(CHART), values={"certificates": {"source": "CertManager"}})


def test_every_helm_renders_the_same_objects(helm: Helm, render: Render) -> None:
    assert helm.render() == render()


def test_the_definition_is_that_of_the_api_and_outlives_the_release(render: Render) -> None:
    crd = render()[CRD]

    kept = crd.pop("metadata")
    assert kept["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert kept["labels"]["llmmonitor.io/kept"] == "llm-monitor"
    assert crd == {key: value for key, value in custom_resource_definition().items() if key != "metadata"}


def test_the_definition_may_go_with_the_release_or_not_come_with_it(render: Render) -> None:
    assert not render({"crds": {"keep": False}})[CRD]["metadata"]["annotations"]
    assert CRD not in render({"crds": {"install": False}})


def test_every_namespaced_object_is_in_the_release_namespace_and_carries_the_release(render: Render) -> None:
    cluster_wide = {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }

    for (kind, namespace, name), found in render(namespace="elsewhere").items():
        assert namespace == ("" if kind in cluster_wide else "elsewhere"), (kind, name)
        assert found["metadata"]["labels"]["app.kubernetes.io/instance"] == "llm-monitor"
        assert name.startswith("llm-monitor") or kind == "CustomResourceDefinition", (kind, name)


def test_names_follow_the_override_so_that_two_releases_fit_into_one_cluster(render: Render) -> None:
    objects = render({"fullnameOverride": "team-a", "crds": {"install": False}})

    assert all(name.startswith("team-a") for _, _, name in objects)
    operator = objects["Deployment", "llm-monitor", "team-a-operator"]
    assert environment(operator)["LLM_MONITOR_OPERATOR_NAME"] == "team-a"


def test_a_digest_wins_over_the_tag_and_the_registry_stands_before_both(render: Render) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    image = {"repository": "sidecar", "tag": "1.2", "digest": digest}

    values = {"imageRegistry": "registry.example.com/llm", "sidecar": {"image": image}}
    operator = render(values)["Deployment", "llm-monitor", "llm-monitor-operator"]

    told = environment(operator)
    assert told["LLM_MONITOR_OPERATOR_SIDECAR_IMAGE"] == f"registry.example.com/llm/sidecar@{digest}"
    assert container(operator)["image"] == "registry.example.com/llm/llm-monitor-operator:0.1.0"


def test_without_the_webhook_nothing_of_it_is_left(render: Render) -> None:
    objects = render({"webhook": {"enabled": False}})

    assert not [key for key in objects if "webhook" in key[2] or key[0] == "MutatingWebhookConfiguration"]
    operator = environment(objects["Deployment", "llm-monitor", "llm-monitor-operator"])
    assert operator["LLM_MONITOR_OPERATOR_CERTIFICATES"] == "None"


def test_the_operator_is_told_where_the_webhook_is_asked(render: Render) -> None:
    selector = {"matchLabels": {"llm": "yes"}, "matchExpressions": []}
    name = "LLM_MONITOR_OPERATOR_WEBHOOK_NAMESPACE_SELECTOR"
    key = ("Deployment", "llm-monitor", "llm-monitor-operator")

    told = environment(render({"webhook": {"namespaceSelector": selector}})[key])

    assert json.loads(told[name]) == selector
    assert name not in environment(render()[key])


def test_a_cert_manager_certificate_fills_the_secret_that_the_webhook_mounts(render: Render) -> None:
    objects = render({"certificates": {"source": "CertManager"}})

    certificate = objects["Certificate", "llm-monitor", "llm-monitor-webhook"]["spec"]
    webhook = objects["Deployment", "llm-monitor", "llm-monitor-webhook"]
    assert (
        webhook["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"] == certificate["secretName"]
    )
    assert "llm-monitor-webhook.llm-monitor.svc" in certificate["dnsNames"]
    injected = objects["MutatingWebhookConfiguration", "", "llm-monitor"]["metadata"]["annotations"]
    assert injected == {"cert-manager.io/inject-ca-from": "llm-monitor/llm-monitor-webhook"}
    assert ("Issuer", "llm-monitor", "llm-monitor-webhook") in objects
    own = {"certificates": {"source": "CertManager", "issuerRef": {"name": "ours", "kind": "ClusterIssuer"}}}
    assert ("Issuer", "llm-monitor", "llm-monitor-webhook") not in render(own)


def test_monitoring_is_refused_where_the_cluster_does_not_know_it_and_says_what_to_do(helm: Helm) -> None:
    for name, enabled in MONITORING.items():
        known = () if name == "serviceMonitor" else KNOWN[:1]  # which the rule needs
        asked = {"serviceMonitor": {"enabled": name != "podMonitor"}, name: enabled}
        with pytest.raises(HelmRefused, match=f"monitoring.{name}.enabled is true.*install the Prometheus"):
            helm.text({"monitoring": asked}, *known)


def test_monitoring_reads_operator_webhook_and_injected_sidecars(render: Render) -> None:
    objects = render({"monitoring": MONITORING}, *KNOWN)

    services = [found for key, found in objects.items() if key[0] == "Service"]
    monitor = objects["ServiceMonitor", "llm-monitor", "llm-monitor"]["spec"]
    (endpoint,) = monitor["endpoints"]
    assert all(endpoint["port"] in {port["name"] for port in one["spec"]["ports"]} for one in services)
    assert all(monitor["selector"]["matchLabels"].items() <= labels(one).items() for one in services)
    sidecars = objects["PodMonitor", "llm-monitor", "llm-monitor-sidecars"]["spec"]
    assert sidecars["selector"]["matchLabels"] == {"llmmonitor.io/injected": "true"}


def test_network_policies_select_only_our_own_pods(render: Render) -> None:
    ours = {"operator", "webhook"}

    policies = [found for key, found in render().items() if key[0] == "NetworkPolicy"]

    selected = [one["spec"]["podSelector"]["matchLabels"] for one in policies]
    assert {one["app.kubernetes.io/component"] for one in selected} == ours
    assert all(one["app.kubernetes.io/instance"] == "llm-monitor" for one in selected)
    # an API server's address is not known beforehand: a wrong guess would cut the webhook off
    assert all(one["spec"]["policyTypes"] == ["Ingress"] for one in policies)


def test_a_known_api_server_limits_who_calls_the_webhook_and_where_it_connects_to(render: Render) -> None:
    values = {"networkPolicies": {"apiServer": {"cidrs": ["10.0.0.1/32"], "ports": [6443]}}}

    webhook = render(values)["NetworkPolicy", "llm-monitor", "llm-monitor-webhook"]["spec"]

    assert webhook["policyTypes"] == ["Ingress", "Egress"]
    assert webhook["egress"] == [
        {"ports": [{"port": 6443, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]}
    ]
    assert {"ipBlock": {"cidr": "10.0.0.1/32"}} in webhook["ingress"][0]["from"]


def test_every_value_is_explained_and_known_to_the_schema() -> None:
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    values = YAML(typ="safe").load(text)
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    assert set(schema["properties"]) - {"global"} == set(values)
    for path, properties in objects_of(schema, schema):
        given = at(values, path)
        assert given == {} or set(given) == set(properties) - {"global"}, f"{'.'.join(path)} differs"


def environment(deployment: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container(deployment)["env"]}


def container(deployment: Mapping[str, Any]) -> dict[str, Any]:
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(only)


def labels(found: Mapping[str, Any]) -> dict[str, str]:
    return dict(found["metadata"]["labels"])


def objects_of(
    node: Mapping[str, Any], schema: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Every object of the schema that names its properties, with where it is."""
    if "$ref" in node:
        node = schema["definitions"][node["$ref"].rpartition("/")[2]]
    if "properties" in node:
        yield path, list(node["properties"])
        for name, one in node["properties"].items():
            yield from objects_of(one, schema, (*path, name))


def at(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        values = values[key]
    return values
