"""A monitor, a plan for a pod, and the pod after its patch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest

from llmmonitor_api.spec import LLMMonitor, load_monitor
from llmmonitor_api.spec.target import Target
from llmmonitor_operator.inject.patch import patch
from llmmonitor_operator.inject.plan import Mode, Plan, SidecarImage, plan_for
from llmmonitor_operator.pods.serving import find_serving

IMAGE = SidecarImage(image="registry.example.com/llm-monitor-sidecar@sha256:" + 64 * "1")
KEYS = (bytes(range(32)), bytes(32))


@pytest.fixture(scope="session")
def plan_of() -> Callable[..., Plan]:
    """A plan as the webhook makes it; `spec` is the monitor's."""

    def make(pod: dict[str, Any], mode: Mode = Mode.TRANSPARENT, **spec: Any) -> Plan:
        return plan_for(
            pod,
            monitor_with(**spec),
            serving=find_serving(pod, Target()),
            sidecar=IMAGE,
            mode=mode,
            public_keys=KEYS,
            configuration='{"generation":7,"objectives":[{"name":"$$(LLM_MONITOR_POD_IP)"}]}',
        )

    return make


@pytest.fixture(scope="session")
def patched() -> Callable[[dict[str, Any], Plan], dict[str, Any]]:
    """What the API server makes of the pod; `pod` itself stays as it is."""

    def apply(pod: dict[str, Any], plan: Plan) -> dict[str, Any]:
        operations = patch(pod, plan)
        result: dict[str, Any] = jsonpatch.apply_patch(copy.deepcopy(pod), copy.deepcopy(operations))
        return result

    return apply


def monitor_with(**spec: Any) -> LLMMonitor:
    return load_monitor(
        {
            "apiVersion": "llmmonitor.io/v1alpha1",
            "kind": "LLMMonitor",
            "metadata": {"name": "chat", "namespace": "prod"},
            "spec": {"selector": {"matchLabels": {"app": "chat"}}} | spec,
        }
    )
