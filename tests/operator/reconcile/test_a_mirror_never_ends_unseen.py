"""Objects that nobody keeps current must not be judged as if they were."""

from __future__ import annotations

import asyncio

import pytest
from tests.operator.kube_server import KubeServer

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView


async def test_a_mirror_that_ends_by_a_defect_ends_who_leads_by_it(server: KubeServer, kube: Kube) -> None:
    def broken(_namespace: str) -> None:
        raise RuntimeError("a defect")

    view = ClusterView(kube, (), broken, read_seconds=0.3)
    await view.start()
    await view.watch_pods("prod")

    server.put("/api/v1/namespaces/prod/pods", {"metadata": {"name": "chat-a"}, "spec": {}})

    with pytest.raises(RuntimeError, match="a defect"):
        await asyncio.wait_for(view.until_broken(), 5)
    await view.stop()


async def test_a_mirror_that_is_needed_no_more_is_no_defect(kube: Kube) -> None:
    view = ClusterView(kube, (), lambda _namespace: None)
    await view.start()
    await view.watch_pods("prod")

    view.forget_pods("prod")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(view.until_broken(), 0.1)
    await view.stop()
