"""A roll-out asks whether the next operator is ready before it ends the one before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, refused
from tests.operator.reconcile.operator_world import until

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.agreement import SHARDS_LABEL, lead_shard
from llmmonitor_operator.reconcile.readiness import Readiness
from llmmonitor_operator.shards import WHOLE

LEASES = paths.leases("llm-monitor")
NOT_READ = "the Lease was not read yet"


@asynccontextmanager
async def standing_by(kube: Kube, readiness: Readiness) -> AsyncIterator[asyncio.Event]:
    """A process that wants to lead; gives whether it works."""
    works = asyncio.Event()

    async def work() -> None:
        works.set()
        await asyncio.Event().wait()

    wants = lead_shard(kube, "llm-monitor", "llm-monitor", "two", WHOLE, work, seen=readiness.read_lease)
    task = asyncio.create_task(wants)
    try:
        yield works
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def held(server: KubeServer, shards: str = "1") -> None:
    metadata = {"name": "llm-monitor-operator", "labels": {SHARDS_LABEL: shards}}
    times = {"acquireTime": "2026-01-05T12:00:00.000000Z", "renewTime": "2026-01-05T12:00:00.000000Z"}
    spec = {"holderIdentity": "one", "leaseDurationSeconds": 3600, **times}
    server.put(LEASES, {"metadata": metadata, "spec": spec})


@pytest.mark.parametrize("shards", ["1", "2"], ids=["another replica", "another number of shards"])
async def test_a_standby_is_ready(kube: Kube, server: KubeServer, shards: str) -> None:
    held(server, shards)
    readiness = Readiness()

    async with standing_by(kube, readiness) as works:
        await until(lambda: not readiness.why_not())

        assert not works.is_set()


async def test_who_cannot_read_the_lease_is_not_ready(kube: Kube, server: KubeServer) -> None:
    async def forbids(_request: web.Request) -> web.Response:
        return refused(Refusal(403, "no", "Forbidden"))

    server.fault = forbids
    readiness = Readiness()

    async with standing_by(kube, readiness):
        await until(lambda: len(server.asked) >= 2)

        assert readiness.why_not() == NOT_READ


def test_who_takes_over_is_ready_when_it_has_read_the_cluster() -> None:
    readiness = Readiness()
    readiness.read_lease()

    readiness.takes_over()
    while_it_reads = readiness.why_not()
    readiness.leads()

    assert while_it_reads == "taking over: the cluster was not read yet"
    assert readiness.why_not() == ""
