"""What the sidecar is told at its start: the variables of `llmmonitor_sidecar.settings`.

A native sidecar learns who it is by the downward API, since the pod has no uid or address yet when it is
injected; an ephemeral one cannot change any more and is told it in words. What the sidecar takes for granted
is left out.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from llmmonitor_api.quantities import parse_quantity
from llmmonitor_operator.inject.plan import Mode, Plan
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import long_running
from llmmonitor_operator.pods.pod import gpus_requested
from llmmonitor_operator.pods.quality_of_service import limits_of, pod_level

PREFIX: Final = "LLM_MONITOR_"
DEFAULT_GRACE_SECONDS: Final = 30
"""Of a pod that does not say (terminationGracePeriodSeconds)."""
LAST_REPORT_SECONDS: Final = 5
"""Kept of the pod's grace so that the last report can still be fetched."""
ALL_DEVICES: Final = "All"
NVIDIA: Final = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "utility"}

_FIELDS: Final = {
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "POD_UID": "metadata.uid",
    "POD_IP": "status.podIP",
    "HOST_IP": "status.hostIP",
}


def by_downward_api() -> list[dict[str, Any]]:
    """Who the pod is, filled in by the kubelet."""
    return [
        {"name": PREFIX + name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
        for name, path in _FIELDS.items()
    ]


def in_words(pod: Raw) -> list[dict[str, Any]]:
    """Who the pod is, as it stands in the running pod."""
    return [variable(name, _at(pod, path)) for name, path in _FIELDS.items()]


def settings(pod: Raw, plan: Plan) -> list[dict[str, Any]]:
    """Everything else, in an order that never changes."""
    grace = pod.get("spec", {}).get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
    values = {
        "MONITOR": plan.monitor,
        "MODE": plan.mode.value,
        "TARGET_PORT": str(plan.serving.port),
        "API_PORT": str(plan.api_port),
        "STOP_GRACE": f"{max(0, min(3600, grace - LAST_REPORT_SECONDS))}s",
        "MEMORY_CAP_BYTES": str(int(parse_quantity(plan.sidecar.memory_limit))),
        "CONFIGURATION": plan.configuration,
        "PUBLIC_KEY": ",".join(base64.b64encode(key).decode() for key in plan.public_keys),
    } | _limits_of_the_model(pod, plan)
    if plan.mode is Mode.TRANSPARENT:
        values["RELAY_PORT"] = str(plan.relay_port)
    if plan.mode is Mode.LISTEN:
        values |= {"LISTEN_PORT": str(plan.relay_port), "TARGET_HOST": "localhost"}
    return [*(variable(name, value) for name, value in values.items()), *_for_nvidia(pod, plan)]


def credentials(plan: Plan) -> list[dict[str, Any]]:
    """What probes are sent with, and the like: put there by the kubelet, never read by the operator.

    Optional: a Secret that is missing must not keep the model from starting.
    """
    wanted = {
        "PROBE_CREDENTIAL": plan.probe_secret,
        "FEEDBACK_TOKEN": plan.feedback_secret,
        "EMBEDDINGS_CREDENTIAL": plan.embeddings_secret,
        "JUDGE_CREDENTIAL": plan.judge_secret,
    }
    return [
        {
            "name": PREFIX + name,
            "valueFrom": {"secretKeyRef": {"name": secret[0], "key": secret[1], "optional": True}},
        }
        for name, secret in wanted.items()
        if secret is not None
    ]


def _for_nvidia(pod: Raw, plan: Plan) -> list[dict[str, Any]]:
    """What makes NVIDIA's container runtime put the driver's library and the GPUs into a container.

    No CUDA: `utility` is NVML and nvidia-smi. Which GPUs the pod has is known only once it runs, so it is all
    of the node's: the cluster's administrator decides (container-toolkit, "Environment variables").
    """
    if plan.sidecar.nvidia_devices != ALL_DEVICES or not gpus_requested(pod):
        return []
    return [{"name": name, "value": value} for name, value in NVIDIA.items()]


def _limits_of_the_model(pod: Raw, plan: Plan) -> dict[str, str]:
    """The serving container's, or the whole pod's: its cgroup cannot be seen from another container.

    And how many GPUs the pod has, since a sidecar may see more of them, or none: then who measures them.
    """
    container = next((one for one in long_running(pod) if one.get("name") == plan.serving.container), {})
    limits = limits_of(pod_level(pod) or {}) | limits_of(container.get("resources") or {})
    found = {}
    if "memory" in limits:
        found["MEMORY_LIMIT_BYTES"] = str(int(limits["memory"]))
    if "cpu" in limits:
        found["CPU_LIMIT_CORES"] = f"{limits['cpu']:f}"
    if gpus := gpus_requested(pod):
        found["GPUS"] = str(gpus)
        if plan.sidecar.dcgm_exporter:
            found["DCGM_EXPORTER"] = plan.sidecar.dcgm_exporter
    return found


def variable(name: str, value: str) -> dict[str, Any]:
    """A literal: the kubelet would expand $(NAME), and takes $$ for $."""
    return {"name": PREFIX + name, "value": value.replace("$", "$$")}


def _at(pod: Raw, path: str) -> str:
    section, field = path.split(".")
    return str((pod.get(section) or {}).get(field, ""))
