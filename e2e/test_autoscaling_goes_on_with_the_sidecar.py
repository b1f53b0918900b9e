"""An autoscaler by CPU needs a request and a figure of every container: the sidecar comes with both."""

from __future__ import annotations

from typing import Any

import pytest
from e2e import chat, small_models
from e2e.kubectl import Kubectl, Refused
from e2e.waiting import until

NAME = "scaled"
MINUTES = 60.0
ANY_USE_PERCENT = 1
"""A target that whatever runs is above, so that one pod becomes two."""


def _autoscaler() -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": ANY_USE_PERCENT}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": NAME},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "minReplicas": 1,
            "maxReplicas": 2,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def test_an_injected_pod_is_measured_and_scaled_by_its_cpu(proved: Kubectl, sidecar_image: str) -> None:
    try:
        proved("get", "--raw=/apis/metrics.k8s.io/v1beta1")
    except Refused as refused:
        pytest.skip(f"!!! NOT TESTED: this cluster has no metrics-server: {refused}")
    small_models.monitored(proved, NAME, small_models.server(sidecar_image))
    proved.apply(_autoscaler())
    proved("rollout", "status", f"deployment/{NAME}", "--timeout=180s")
    pod = chat.pods(proved, NAME)[0]
    assert small_models.injected(pod)

    until(lambda: _use(proved) is not None, "the autoscaler to know the pod's CPU", 4 * MINUTES)
    shown = proved("get", "hpa", NAME)
    until(lambda: len(chat.pods(proved, NAME)) == 2, "a second pod", 2 * MINUTES)
    top = proved("top", "pod", pod["metadata"]["name"], "--containers", "--no-headers")

    assert "<unknown>" not in shown
    assert f"/{ANY_USE_PERCENT}%" in shown
    assert {line.split()[1] for line in top.splitlines()} == {small_models.CONTAINER, "llm-monitor-sidecar"}
    assert all(small_models.injected(one) for one in chat.pods(proved, NAME))
    proved("delete", f"hpa/{NAME}", "--wait=false")
    small_models.remove(proved, NAME)


def _use(namespace: Kubectl) -> int | None:
    """Of what all containers request, in percent."""
    status = namespace.get(f"hpa/{NAME}").get("status") or {}
    for one in status.get("currentMetrics") or ():
        found: int | None = one.get("resource", {}).get("current", {}).get("averageUtilization")
        return found
    return None
