"""While the number of shards changes, no namespace has two operators that write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from tests.operator.kube_server import KubeServer
from tests.operator.reconcile.operator_world import until

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.lease import Terms
from llmmonitor_operator.reconcile.agreement import (
    SHARDS_LABEL,
    OtherShards,
    drop_verdicts_of_former_shards,
    lead_shard,
)
from llmmonitor_operator.shards import Shard

OWN = "llm-monitor"
SHORT = Terms(lease_seconds=2, renew_deadline_seconds=1.5, retry_seconds=1.0)
LEASES = paths.leases(OWN)


def lease(index: int, shards: int | None, holder: str = "somebody") -> dict[str, Any]:
    labels = {} if shards is None else {SHARDS_LABEL: str(shards)}
    name = "llm-monitor-operator" + (f"-{index}" if index else "")
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 11, "renewTime": "2026-01-05T12:00:00.000000Z"}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


def others(kube: Kube, count: int, clock: Callable[[], float] = lambda: 0.0) -> OtherShards:
    return OtherShards(kube, OWN, OWN, count, monotonic=clock)


class Shards:
    """Operators that note that they work."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self.working: set[str] = set()
        self.ever: list[str] = []

    def start(self, shard: Shard) -> asyncio.Task[None]:
        async def work() -> None:
            self.working.add(str(shard))
            self.ever.append(str(shard))
            try:
                await asyncio.Event().wait()
            finally:
                self.working.discard(str(shard))

        leading = lead_shard(self._kube, OWN, OWN, f"pod-of-{shard}", shard, work, SHORT)
        return asyncio.create_task(leading)


async def test_shards_of_one_number_work_beside_each_other(kube: Kube, server: KubeServer) -> None:
    shards = Shards(kube)

    tasks = [shards.start(Shard(index, 2)) for index in (0, 1)]
    await until(lambda: shards.working == {"0/2", "1/2"})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    labels = [server.at(f"{LEASES}/llm-monitor-operator{end}")["metadata"]["labels"] for end in ("", "-1")]
    assert [one[SHARDS_LABEL] for one in labels] == ["2", "2"]


async def test_a_second_shard_waits_for_the_end_of_the_only_one(kube: Kube, server: KubeServer) -> None:
    server.put(LEASES, lease(0, None))
    shards = Shards(kube)

    task = shards.start(Shard(1, 2))
    await asked(server, 2)
    before = set(shards.working)
    server.put(LEASES, lease(0, 2))  # its successor, one of two
    await until(lambda: shards.working == {"1/2"})
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert before == set()


async def test_the_only_one_waits_for_the_end_of_a_second_shard(kube: Kube, server: KubeServer) -> None:
    server.put(LEASES, lease(1, 2))
    shards = Shards(kube)

    task = shards.start(Shard())
    await asked(server, 2)
    before = set(shards.working)
    server.put(LEASES, lease(1, 2, holder=""))  # given back
    await until(lambda: shards.working == {"0/1"})
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert before == set()


async def test_who_finds_another_number_after_taking_its_lease_gives_it_back(
    kube: Kube, server: KubeServer
) -> None:
    shards = Shards(kube)
    looks = 0

    async def late(request: web.Request) -> web.StreamResponse | None:
        nonlocal looks
        looks += request.path == LEASES and request.method == "GET"
        if looks == 2:  # between the first look and the work the other one took its own
            server.put(LEASES, lease(1, 2))
        return None

    server.fault = late
    task = shards.start(Shard())
    await until(lambda: looks >= 3)
    held = server.at(f"{LEASES}/llm-monitor-operator")["spec"]["holderIdentity"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert held == ""
    assert shards.ever == []


async def test_a_dead_holder_is_waited_for_as_long_as_its_lease_lasts(kube: Kube, server: KubeServer) -> None:
    server.put(LEASES, lease(1, 2))
    now = 1000.0
    look = others(kube, 1, lambda: now)

    found = []
    for at in (1000.0, 1015.0, 1015.1):
        now = at
        found.append(await look.of_another_number())

    assert "Lease llm-monitor-operator-1 is held by somebody, one of 2 shards; this is one of 1" in found[0]
    assert [bool(words) for words in found] == [True, True, False]


async def test_leases_of_others_are_nobodys_shards(kube: Kube, server: KubeServer) -> None:
    for name in ("llm-monitor-operator-webhook", "another-operator", "llm-monitor-operator-100"):
        server.put(LEASES, {**lease(0, 5), "metadata": {"name": name}})

    assert await others(kube, 1).of_another_number() == ""


async def test_verdicts_of_shards_that_are_no_more_go(kube: Kube, server: KubeServer) -> None:
    maps = paths.config_maps(OWN)
    names = [f"llm-monitor-verdicts{end}" for end in ("", "-1", "-2", "-15")] + [
        "llm-monitor-verdicts-of-mine"
    ]
    for name in names:
        server.put(maps, {"metadata": {"name": name}})

    await drop_verdicts_of_former_shards(kube, OWN, OWN, 2)

    left = [name for name in names if server.has(f"{maps}/{name}")]
    assert left == ["llm-monitor-verdicts", "llm-monitor-verdicts-1", "llm-monitor-verdicts-of-mine"]


async def asked(server: KubeServer, times: int) -> None:
    """Until the Leases were looked at so often."""
    async with asyncio.timeout(20):
        while sum(LEASES in one and one.startswith("GET") for one in server.asked) < times:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.05)
