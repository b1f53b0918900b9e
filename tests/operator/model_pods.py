"""Pods with a model server, as the API server gives them: raw JSON to begin with, and what tests change."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from llmmonitor_api.spec import LLMMonitor, load_monitor
from llmmonitor_api.spec.target import Target
from llmmonitor_operator.inject.plan import Mode, Plan, plan_for
from llmmonitor_operator.pods.serving import Serving, find_serving
from llmmonitor_operator.preflight.fingerprint import fingerprint
from llmmonitor_operator.preflight.verdict import Common, NamespaceVerdict

NOW = 1_800_000_000.0
COMMON = Common(image="registry.test/sidecar@sha256:1", public_keys=("a2V5",), server_version="1.34")
NAMESPACE = {"metadata": {"name": "prod", "labels": {"kubernetes.io/metadata.name": "prod"}}}
VERDICT = NamespaceVerdict(
    fingerprint=fingerprint(NAMESPACE, [], []), transparent=True, proved_image=COMMON.image
)


def moment(at: float) -> str:
    """As the API server writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def monitor(name: str = "chat", *, created: float = NOW - 3600, **spec: Any) -> LLMMonitor:
    return load_monitor(
        {
            "apiVersion": "llmmonitor.io/v1alpha1",
            "kind": "LLMMonitor",
            "metadata": {"name": name, "namespace": "prod", "creationTimestamp": moment(created)},
            "spec": {"selector": {"matchLabels": {"app": "chat"}}, **spec},
        }
    )


def created_pod(**resources: Any) -> dict[str, Any]:
    """At CREATE: from a ReplicaSet, no name, no status."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "chat-7d4b9c-",
            "labels": {"app": "chat"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "chat-7d4b9c", "controller": True}],
        },
        "spec": {
            "containers": [
                {
                    "name": "vllm",
                    "image": "vllm/vllm-openai:v0.11.0",
                    "ports": [{"name": "http", "containerPort": 8000}],
                    "resources": resources,
                }
            ],
            "restartPolicy": "Always",
        },
    }


def running_pod(
    name: str = "chat-a", *, created: float = NOW - 7200, started: float = NOW - 7000, **resources: Any
) -> dict[str, Any]:
    """Its model has been running for a long time, without a sidecar."""
    pod = created_pod(**resources)
    pod["metadata"] |= {
        "name": name,
        "namespace": "prod",
        "uid": f"uid-{name}",
        "creationTimestamp": moment(created),
    }
    pod["status"] = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}],
        "containerStatuses": [
            {"name": "vllm", "restartCount": 0, "state": {"running": {"startedAt": moment(started)}}}
        ],
    }
    return pod


def with_attached(pod: dict[str, Any], *states: dict[str, Any], image: str = COMMON.image) -> dict[str, Any]:
    """The pod with one attached sidecar per state of the kubelet."""
    changed = copy.deepcopy(pod)
    names = [f"llm-monitor-{number}" for number in range(1, len(states) + 1)]
    changed["spec"]["ephemeralContainers"] = [{"name": name, "image": image} for name in names]
    changed["status"]["ephemeralContainerStatuses"] = [
        {"name": name, "state": state} for name, state in zip(names, states, strict=True)
    ]
    return changed


def running(since: float) -> dict[str, Any]:
    return {"running": {"startedAt": moment(since)}}


def ended(begin: float, end: float, reason: str = "Error") -> dict[str, Any]:
    times = {"startedAt": moment(begin), "finishedAt": moment(end)}
    return {"terminated": {"reason": reason, "exitCode": 137, **times}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def serving(pod: dict[str, Any]) -> Serving:
    return find_serving(pod, Target())


def plan(pod: dict[str, Any], mode: Mode = Mode.TRANSPARENT) -> Plan:
    return plan_for(
        pod,
        monitor(),
        serving=serving(pod),
        sidecar=COMMON.sidecar,
        mode=mode,
        public_keys=COMMON.keys,
        configuration="{}",
    )
