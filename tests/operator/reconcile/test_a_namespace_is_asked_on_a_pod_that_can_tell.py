from __future__ import annotations

from typing import Any

from tests.operator.model_pods import COMMON, NOW, monitor, running, running_pod, with_attached

from llmmonitor_operator.pods.pod import holds_rights
from llmmonitor_operator.reconcile.keep.candidate import candidate

NET_ADMIN = {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}
NOTHING = {"capabilities": {"drop": ["ALL"]}}


def attached(context: dict[str, Any]) -> dict[str, Any]:
    pod = with_attached(running_pod(), running(NOW - 100))
    pod["spec"]["ephemeralContainers"][0]["securityContext"] = context
    return pod


def injected(context: dict[str, Any]) -> dict[str, Any]:
    pod = running_pod()
    pod["spec"]["initContainers"] = [
        {"name": "llm-monitor-sidecar", "restartPolicy": "Always", "securityContext": context}
    ]
    return pod


def test_a_sidecar_with_capabilities_is_seen_in_the_pod() -> None:
    assert holds_rights(attached(NET_ADMIN))
    assert holds_rights(injected(NET_ADMIN))
    assert not holds_rights(attached(NOTHING))
    assert not holds_rights(injected(NOTHING))
    assert not holds_rights(running_pod())


def test_a_pod_without_them_is_asked_on_first() -> None:
    newer = running_pod()

    found = candidate([attached(NET_ADMIN), newer], monitor(), COMMON)
    only = candidate([attached(NET_ADMIN)], monitor(), COMMON)

    assert found is not None
    assert found.pod is newer
    assert only is not None
