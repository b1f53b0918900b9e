"""A watch keeps its connection for good, and there is one for each namespace with a monitor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from tests.operator.kube_server import KubeServer

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Unavailable

NAMESPACES = 150
"""More than the 100 connections that the kubernetes client has unless it is told otherwise."""


async def follow(kube: Kube, namespace: str) -> None:
    async for _ in kube.watch(paths.pods(namespace), "1"):
        pass


@asynccontextmanager
async def watching(kube: Kube, server: KubeServer, namespaces: int) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(follow(kube, f"n{number}")) for number in range(namespaces)]
    try:
        async with asyncio.timeout(20):
            while len(server.watches()) < namespaces:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_call_is_answered_beside_more_watches_than_a_pool_would_hold(
    kube: Kube, server: KubeServer
) -> None:
    async with watching(kube, server, NAMESPACES), asyncio.timeout(5):
        assert (await kube.list(paths.pods("prod"))).items == []


async def test_a_watch_that_gets_no_connection_says_so_in_time(server: KubeServer) -> None:
    configuration = Configuration(host=server.url)
    configuration.connection_pool_maxsize = 1
    async with ApiClient(configuration=configuration) as client:
        crowded = Kube(client, call_seconds=0.2)
        async with watching(crowded, server, 1), asyncio.timeout(5):
            with pytest.raises(Unavailable, match="watch /api/v1/namespaces/late/pods"):
                await follow(crowded, "late")
