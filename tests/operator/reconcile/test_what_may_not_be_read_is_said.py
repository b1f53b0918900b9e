from __future__ import annotations

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Unavailable
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView


async def test_a_kind_that_rbac_forbids_ends_the_start_in_the_api_servers_words(
    server: KubeServer, kube: Kube
) -> None:
    async def forbids(request: web.Request) -> web.StreamResponse | None:
        if "limitranges" not in request.path:
            return None
        return refused(Refusal(403, 'cannot list resource "limitranges"', "Forbidden"))

    server.fault = forbids
    view = ClusterView(kube, (), lambda _namespace: None, read_seconds=0.3)

    with pytest.raises(Unavailable, match=r'/api/v1/limitranges not read within 0.3 s: .*"limitranges"'):
        await view.start()

    await view.stop()
