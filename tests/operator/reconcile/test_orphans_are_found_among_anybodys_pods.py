"""When leading begins every pod of the cluster is looked at: none of them may be in the way."""

from __future__ import annotations

from typing import Any

import pytest
from tests.operator.kube_server import KubeServer

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import PAGE, Kube
from llmmonitor_operator.reconcile.orphans import namespaces_with_sidecars


def _pod(name: str, *containers: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ephemeralContainers": list(containers)}}


OURS: dict[str, Any] = {"name": "llm-monitor-1", "image": "sidecar"}


async def test_they_are_found_page_by_page(kube: Kube, server: KubeServer) -> None:
    for number in range(PAGE):
        server.put(paths.pods("crowd"), _pod(f"pod-{number}"))
    server.put(paths.pods("left"), _pod("chat", OURS))

    assert await namespaces_with_sidecars(kube, ()) == ("left",)
    assert len([line for line in server.asked if "continue=" in line]) == 1


@pytest.mark.parametrize(
    "strange",
    [
        {"name": "llm-monitor-1", "env": [{"name": "LLM_MONITOR_API_PORT", "value": "9" * 5000}]},
        {"name": "llm-monitor-1", "env": [{"value": "no name"}]},
        {"name": "llm-monitor-1", "env": 5},
    ],
)
async def test_a_strange_pod_is_passed_over(kube: Kube, server: KubeServer, strange: dict[str, Any]) -> None:
    server.put(paths.pods("attic"), _pod("strange", strange))
    server.put(paths.pods("left"), _pod("chat", OURS))

    assert "left" in await namespaces_with_sidecars(kube, ())
