"""The sidecar as a native one: an init container that the kubelet starts first, keeps running and stops last.

It has no hooks and, but in Port mode, no probes: the pod's readiness never depends on us. When the pod ends,
the kubelet stops it after the main containers, so it reads to the end and then serves its last report.
"""

from __future__ import annotations

from typing import Any, Final

from llmmonitor_operator.inject import environment
from llmmonitor_operator.inject.plan import Mode, Plan
from llmmonitor_operator.inject.resources import resources_for
from llmmonitor_operator.inject.security import security_context
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import NATIVE_NAME

API_PORT_NAME: Final = "llm-monitor"
"""By which a PodMonitor finds `/metrics`."""


def native(pod: Raw, plan: Plan) -> dict[str, Any]:
    """The container, for the head of `spec.initContainers`."""
    container: dict[str, Any] = {
        "name": NATIVE_NAME,
        "image": plan.sidecar.image,
        "imagePullPolicy": plan.sidecar.pull_policy,
        "restartPolicy": "Always",
        "env": [
            *environment.by_downward_api(),
            *environment.settings(pod, plan),
            *environment.credentials(plan),
        ],
        "securityContext": security_context(plan.mode),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    ports = _ports(pod, plan)
    if ports:
        container["ports"] = ports
    resources = resources_for(pod, plan.sidecar)
    if resources:
        container["resources"] = resources
    if plan.mode is Mode.LISTEN:
        container["readinessProbe"] = _readiness(plan)
    return container


def _ports(pod: Raw, plan: Plan) -> list[dict[str, Any]]:
    """None on the node's network, where a declared port is taken from the node (hostPort)."""
    declared = {} if pod.get("spec", {}).get("hostNetwork") else {API_PORT_NAME: plan.api_port}
    if plan.mode is Mode.LISTEN:
        declared[plan.serving.port_name] = plan.relay_port
    return [
        {"name": name, "containerPort": number, "protocol": "TCP"}
        for name, number in sorted(declared.items())
    ]


def _readiness(plan: Plan) -> dict[str, Any]:
    """In Port mode nobody else answers: without the relay the pod serves nothing and must say so soon.

    The relay listens only while the model does, so that a loading model keeps the pod unready as before.
    """
    return {
        "tcpSocket": {"port": plan.relay_port},
        "periodSeconds": 2,
        "timeoutSeconds": 1,
        "failureThreshold": 2,
    }
