"""The operator may be divided; the webhook believes about a namespace the shard that acts for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from tests.operator.kube_server import KubeServer
from tests.operator.webhook.conftest import COMMON, MONITOR, OWN, PROD, VERDICT

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.preflight.verdict import Verdicts, write
from llmmonitor_operator.process_settings import WebhookSettings
from llmmonitor_operator.webhook.knowledge import Knowledge

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
OF_SHARD = {0: "prod", 1: "test"}


def put(server: KubeServer, shard: int, *, renewed: datetime = NOW) -> None:
    """What that shard writes, about every namespace there is: of others' it must not be believed."""
    end = f"-{shard}" if shard else ""
    verdict = type(VERDICT)(message=f"by shard {shard}")
    data = write(Verdicts(COMMON, dict.fromkeys(OF_SHARD.values(), verdict)))
    server.put(paths.config_maps(OWN), {"metadata": {"name": f"llm-monitor-verdicts{end}"}, "data": data})
    spec: dict[str, Any] = {
        "holderIdentity": f"operator-{shard}",
        "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    server.put(paths.leases(OWN), {"metadata": {"name": f"llm-monitor-operator{end}"}, "spec": spec})


@asynccontextmanager
async def knowing(kube: Kube, server: KubeServer, shards: int) -> AsyncIterator[Knowledge]:
    for namespace in OF_SHARD.values():
        server.put(paths.NAMESPACES, {"metadata": {**PROD["metadata"], "name": namespace}})
        server.put(
            paths.monitors(namespace),
            {**MONITOR, "metadata": {"name": "chat", "namespace": namespace}},
        )
    settings = WebhookSettings(namespace=OWN, shards=shards)
    knowledge = Knowledge(kube, settings, now=lambda: NOW, monotonic=lambda: 1000.0)
    tasks = [asyncio.create_task(one.run()) for those in knowledge.mirrors.values() for one in those]
    try:
        async with asyncio.timeout(10):
            while knowledge.unread:  # noqa: ASYNC110 - mirrors have events of their own
                await asyncio.sleep(0.01)
        yield knowledge
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_each_namespace_is_judged_by_its_own_shard(kube: Kube, server: KubeServer) -> None:
    for shard in OF_SHARD:
        put(server, shard)

    async with knowing(kube, server, 2) as knowledge:
        around = {shard: knowledge.around(namespace) for shard, namespace in OF_SHARD.items()}

    words = {shard: one.verdict.message if one.verdict else None for shard, one in around.items()}
    assert words == {0: "by shard 0", 1: "by shard 1"}
    assert all(one.fresh for one in around.values())


async def test_a_dead_shard_stops_injection_in_its_namespaces_alone(kube: Kube, server: KubeServer) -> None:
    put(server, 0)
    put(server, 1, renewed=NOW.replace(hour=11))

    async with knowing(kube, server, 2) as knowledge:
        fresh = {shard: knowledge.around(namespace).fresh for shard, namespace in OF_SHARD.items()}
        alive = knowledge.operator_alive

    assert fresh == {0: True, 1: False}
    assert not alive


async def test_an_undivided_operator_is_believed_everywhere(kube: Kube, server: KubeServer) -> None:
    put(server, 0)

    async with knowing(kube, server, 1) as knowledge:
        fresh = [knowledge.around(namespace).fresh for namespace in OF_SHARD.values()]

    assert fresh == [True, True]
