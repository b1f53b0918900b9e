"""Pod Security `restricted`, and what keeps two replicas two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from e2e.helm import Objects

from llmmonitor_operator import process_settings as settings
from llmmonitor_operator.inject.plan import SidecarImage

Render = Callable[..., Objects]
PODS = {
    "operator": ("Deployment", "llm-monitor", "llm-monitor-operator"),
    "webhook": ("Deployment", "llm-monitor", "llm-monitor-webhook"),
    "test": ("Pod", "llm-monitor", "llm-monitor-test"),
}


def spec(objects: Objects, which: str) -> dict[str, Any]:
    found = objects[PODS[which]]
    return dict(found["spec"] if found["kind"] == "Pod" else found["spec"]["template"]["spec"])


@pytest.mark.parametrize("which", PODS)
def test_pods_pass_pod_security_restricted_with_a_read_only_root(render: Render, which: str) -> None:
    pod = spec(render(), which)

    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert all("secret" in volume for volume in pod.get("volumes", []))
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]


def test_only_those_that_talk_to_the_api_server_have_a_token(render: Render) -> None:
    objects = render()

    tokens = {which: spec(objects, which)["automountServiceAccountToken"] for which in PODS}

    assert tokens == {"operator": True, "webhook": True, "test": True}
    accounts = [found for key, found in objects.items() if key[0] == "ServiceAccount"]
    assert [one["automountServiceAccountToken"] for one in accounts] == [False, False, False]
    assert not spec(render({"webhook": {"enabled": False}}), "test")["automountServiceAccountToken"]


@pytest.mark.parametrize("which", ["operator", "webhook"])
def test_two_replicas_are_spread_probed_and_not_drained_together(render: Render, which: str) -> None:
    objects = render()
    deployment, pod = objects[PODS[which]]["spec"], spec(objects, which)

    labels = deployment["template"]["metadata"]["labels"]
    selectors = [one["labelSelector"]["matchLabels"] for one in pod["topologySpreadConstraints"]]
    budget = objects["PodDisruptionBudget", "llm-monitor", f"llm-monitor-{which}"]["spec"]
    assert deployment["replicas"] == 2
    assert deployment["selector"]["matchLabels"].items() <= labels.items()
    assert [one["topologyKey"] for one in pod["topologySpreadConstraints"]] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    assert selectors == [deployment["selector"]["matchLabels"]] * 2
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == deployment["selector"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}


def test_a_single_replica_has_no_budget_because_it_could_never_be_drained(render: Render) -> None:
    objects = render({"operator": {"replicas": 1}, "webhook": {"replicas": 1}})

    assert not [key for key in objects if key[0] == "PodDisruptionBudget"]


def test_no_service_link_can_be_taken_for_a_setting(render: Render) -> None:
    assert not [which for which in ("operator", "webhook") if spec(render(), which)["enableServiceLinks"]]


def test_the_processes_understand_what_the_chart_tells_them(render: Render) -> None:
    downward = {"metadata.namespace": "llm-monitor", "metadata.name": "a-pod"}
    objects = render({"watchNamespaces": ["prod", "test"]})

    def told(which: str) -> dict[str, str]:
        (container,) = spec(objects, which)["containers"]
        return {
            one["name"]: one["value"]
            if "value" in one
            else downward[one["valueFrom"]["fieldRef"]["fieldPath"]]
            for one in container["env"]
        }

    operator = settings.operator_settings(told("operator"))
    webhook = settings.webhook_settings(told("webhook"))

    assert operator.watch_namespaces == webhook.watch_namespaces == ("prod", "test")
    assert (operator.pod_name, webhook.namespace) == ("a-pod", "llm-monitor")
    assert operator.sidecar == SidecarImage(image="llm-monitor-sidecar:0.1.0")
