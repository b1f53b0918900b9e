from __future__ import annotations

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Unavailable
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView


async def test_pods_that_may_not_be_read_fail_the_pass_in_the_api_servers_words(
    server: KubeServer, kube: Kube
) -> None:
    async def forbids(request: web.Request) -> web.StreamResponse | None:
        return refused(Refusal(403, "cannot list pods", "Forbidden")) if "pods" in request.path else None

    server.fault = forbids
    view = ClusterView(kube, ("prod",), lambda _namespace: None, read_seconds=0.3)
    await view.start()

    with pytest.raises(Unavailable, match=r"pods of namespace prod may not be read: .*cannot list pods"):
        await view.watch_pods("prod")

    assert view.problems == ["403 Forbidden: cannot list pods"]
    await view.stop()
