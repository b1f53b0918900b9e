"""Of the namespaces that are watched one was deleted, and its Role with it: every question there is a 403."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused
from tests.operator.reconcile.operator_world import PODS

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Unavailable
from llmmonitor_operator.reconcile.orphans import namespaces_with_sidecars
from llmmonitor_operator.reconcile.watch.cluster_view import ClusterView


def forbids(part: str) -> Callable[[web.Request], Awaitable[web.StreamResponse | None]]:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        return refused(Refusal(403, f"no {part} for you", "Forbidden")) if part in request.path else None

    return fault


async def test_the_others_are_looked_at_and_it_is_said(server: KubeServer, kube: Kube) -> None:
    server.fault = forbids("/namespaces/gone")
    view = ClusterView(kube, ("gone", "prod"), lambda _namespace: None, read_seconds=1.0)

    await view.start()
    await view.watch_pods("prod")
    with pytest.raises(
        Unavailable, match=r"pods of namespace gone may not be read: 403 .*no /namespaces/gone"
    ):
        await view.watch_pods("gone")

    assert view.problems == ["403 Forbidden: no /namespaces/gone for you"]
    await view.stop()


@pytest.mark.parametrize("kind", ["resourcequotas", "limitranges", "events", "services"])
async def test_a_namespace_of_which_a_kind_is_missing_is_not_judged(
    server: KubeServer, kube: Kube, kind: str
) -> None:
    server.fault = forbids(f"/namespaces/half/{kind}")
    view = ClusterView(kube, ("half", "prod"), lambda _namespace: None, read_seconds=1.0)

    await view.start()
    await view.watch_pods("prod")
    with pytest.raises(Unavailable, match=f"{kind} may not be read"):
        await view.watch_pods("half")

    await view.stop()


async def test_it_is_read_as_soon_as_it_may_be(server: KubeServer, kube: Kube) -> None:
    server.fault = forbids("/namespaces/prod")
    view = ClusterView(kube, ("prod",), lambda _namespace: None, read_seconds=1.0)
    await view.start()
    server.put(PODS, {"metadata": {"name": "chat-a"}, "spec": {}})

    server.fault = None
    while True:
        try:
            await view.watch_pods("prod")
        except Unavailable:
            await asyncio.sleep(0.01)
            continue
        break

    assert [pod["metadata"]["name"] for pod in view.pods("prod")] == ["chat-a"]
    await view.stop()


async def test_orphans_are_found_in_the_others(server: KubeServer, kube: Kube) -> None:
    ours = [{"name": "llm-monitor-1", "image": "sidecar"}]
    pod = {"metadata": {"name": "a"}, "spec": {"ephemeralContainers": ours}, "status": {"phase": "Running"}}
    server.put(PODS, pod)
    server.fault = forbids("/namespaces/gone")

    assert await namespaces_with_sidecars(kube, ("gone", "prod")) == ("prod",)
