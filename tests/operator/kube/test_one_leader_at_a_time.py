from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from tests.operator.kube_server import KubeServer, Refusal, connected, refused

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Unavailable
from llmmonitor_operator.kube.lease import TERMS, LostLease, Terms, lead

LEASE = paths.lease("llm-monitor", "llm-monitor-operator")
SHORT = Terms(lease_seconds=4, renew_deadline_seconds=3.0, retry_seconds=1.0)
"""As short as a busy machine lets it be: one renewal may come late."""
Work = Callable[[], Coroutine[Any, Any, None]]


def contender(kube: Kube, identity: str, work: Work, terms: Terms = SHORT) -> asyncio.Task[None]:
    return asyncio.create_task(lead(kube, "llm-monitor", "llm-monitor-operator", identity, work, terms=terms))


@asynccontextmanager
async def leading(kube: Kube, identity: str, terms: Terms = SHORT) -> AsyncIterator[asyncio.Task[None]]:
    """A contender that has won and works for as long as it may."""
    won = asyncio.Event()

    async def work() -> None:
        won.set()
        await asyncio.Event().wait()

    task = contender(kube, identity, work, terms)
    try:
        await asyncio.wait_for(won.wait(), 10)
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def nothing() -> None:
    pass


async def renewed(server: KubeServer, times: int) -> None:
    before = len(server.writes())
    async with asyncio.timeout(20):
        while len(server.writes()) < before + times:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.05)


async def test_who_finds_no_lease_makes_one_and_works(kube: Kube, server: KubeServer) -> None:
    held = []

    async def work() -> None:
        held.append(server.at(LEASE)["spec"]["holderIdentity"])

    await contender(kube, "one", work)

    assert held == ["one"]


async def test_the_lease_is_given_back_when_the_work_ends(kube: Kube, server: KubeServer) -> None:
    await contender(kube, "one", nothing)

    assert server.at(LEASE)["spec"]["holderIdentity"] == ""


async def test_a_lease_given_back_is_taken_without_waiting_for_its_time(kube: Kube) -> None:
    long = Terms(lease_seconds=3600, renew_deadline_seconds=1800, retry_seconds=1.0)
    await contender(kube, "one", nothing, long)

    async with asyncio.timeout(10), leading(kube, "two", long):
        pass


async def test_a_standby_waits_while_the_leader_renews(kube: Kube, server: KubeServer) -> None:
    worked = asyncio.Event()

    async def work() -> None:
        worked.set()

    async with leading(kube, "one"):
        standby = contender(kube, "two", work)
        await renewed(server, times=3)  # longer than the lease lasts without

        assert not worked.is_set()
        assert server.at(LEASE)["spec"]["holderIdentity"] == "one"
        standby.cancel()
        await asyncio.gather(standby, return_exceptions=True)


def test_the_promised_times_of_a_takeover_add_up() -> None:
    promised, requests_and_start = 15, 2

    assert TERMS.lease_seconds + 2 * TERMS.retry_seconds + requests_and_start <= promised
    assert TERMS.renew_deadline_seconds + TERMS.retry_seconds < TERMS.lease_seconds


async def test_the_lease_of_a_leader_that_died_is_taken_when_it_has_run_out(
    kube: Kube, server: KubeServer
) -> None:
    async with leading(kube, "one"):
        dead = server.at(LEASE)
    server.put(LEASE.rpartition("/")[0], {**dead, "spec": dead["spec"] | {"holderIdentity": "dead"}})
    since = asyncio.get_running_loop().time()

    await asyncio.wait_for(contender(kube, "two", nothing), 10)

    assert asyncio.get_running_loop().time() - since >= SHORT.lease_seconds


async def test_who_is_told_to_stop_gives_the_lease_back_when_its_work_has_ended(
    kube: Kube, server: KubeServer
) -> None:
    begun, holders = asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await renewed(server, times=2)  # its last words take longer than the lease lasts without
            holders.append(server.at(LEASE)["spec"]["holderIdentity"])

    leader = contender(kube, "one", work)
    await asyncio.wait_for(begun.wait(), 10)

    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader

    assert holders == ["one"]
    assert server.at(LEASE)["spec"]["holderIdentity"] == ""


async def test_a_leader_whose_api_server_is_away_for_a_moment_goes_on(kube: Kube, server: KubeServer) -> None:
    time_for_another_try = Terms(lease_seconds=6, renew_deadline_seconds=5.0, retry_seconds=1.0)
    async with leading(kube, "one", time_for_another_try) as leader:
        refusals: list[str] = []

        async def once(request: web.Request) -> web.Response | None:
            if not refusals:
                refusals.append(request.path)
                if request.transport:
                    request.transport.abort()
                return web.Response()
            return None

        server.fault = once
        await renewed(server, times=2)

        assert refusals
        assert not leader.done()


async def hangs(_request: web.Request) -> web.Response | None:
    await asyncio.Event().wait()
    return None


async def aborts(request: web.Request) -> web.Response | None:
    if request.transport:
        request.transport.abort()
    return web.Response()


async def unavailable(_request: web.Request) -> web.Response | None:
    return refused(Refusal(503, "starting"))


@pytest.mark.parametrize("fault", [hangs, aborts, unavailable])
async def test_a_leader_that_cannot_renew_stops_before_its_lease_has_run_out(
    kube: Kube, server: KubeServer, fault: Any
) -> None:
    loop, terms = (
        asyncio.get_running_loop(),
        Terms(lease_seconds=3, renew_deadline_seconds=2.0, retry_seconds=1.6),
    )
    async with leading(kube, "one", terms) as leader:
        server.fault = fault
        since = loop.time()

        with pytest.raises(LostLease, match="llm-monitor/llm-monitor-operator"):
            await asyncio.wait_for(leader, 10)

        assert loop.time() - since < terms.lease_seconds


async def test_a_contender_waits_for_an_api_server_that_is_away(kube: Kube, server: KubeServer) -> None:
    asked = asyncio.Event()

    async def away(request: web.Request) -> web.Response | None:
        asked.set()
        return await aborts(request)

    server.fault = away
    standby = contender(kube, "one", nothing)
    await asyncio.wait_for(asked.wait(), 10)

    server.fault = None

    await asyncio.wait_for(standby, 10)


async def test_what_the_work_raised_comes_out_and_the_lease_expires(kube: Kube, server: KubeServer) -> None:
    async def work() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await contender(kube, "one", work)

    assert server.at(LEASE)["spec"]["holderIdentity"] == "one"


async def test_a_lease_that_is_another_s_by_now_is_left_to_it(kube: Kube, server: KubeServer) -> None:
    async def work() -> None:
        taken = server.at(LEASE)
        server.put(LEASE.rpartition("/")[0], {**taken, "spec": taken["spec"] | {"holderIdentity": "two"}})

    await contender(kube, "one", work)

    assert server.at(LEASE)["spec"]["holderIdentity"] == "two"


async def test_the_times_are_kubernetes_own_for_the_webhook_to_read(kube: Kube, server: KubeServer) -> None:
    await contender(kube, "one", nothing)

    spec = server.at(LEASE)["spec"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", spec["renewTime"])
    assert spec["leaseDurationSeconds"] == SHORT.lease_seconds


async def test_an_api_server_that_was_never_there_is_waited_for() -> None:
    async with connected("http://127.0.0.1:1") as kube:
        standby = contender(kube, "one", nothing)
        done, _ = await asyncio.wait({standby}, timeout=SHORT.retry_seconds * 1.5)
        standby.cancel()
        await asyncio.gather(standby, return_exceptions=True)

    assert not done


async def test_a_lease_that_was_deleted_is_made_again_with_its_owner_and_labels(
    kube: Kube, server: KubeServer
) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llm-monitor-operator", "uid": "u"}
    working = asyncio.Event()

    async def owned() -> dict[str, Any]:
        return owner

    async def work() -> None:
        working.set()
        server.remove(LEASE)
        while not server.has(LEASE):  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.02)

    leading = lead(
        kube, "llm-monitor", "llm-monitor-operator", "one", work, terms=SHORT, labels={"a": "b"}, owner=owned
    )
    await asyncio.wait_for(leading, 10)

    metadata = server.at(LEASE)["metadata"]
    assert working.is_set()
    assert metadata["ownerReferences"] == [owner]
    assert metadata["labels"] == {"a": "b"}


async def test_a_lease_is_not_made_before_it_is_known_whose_it_is(kube: Kube, server: KubeServer) -> None:
    tries = []

    async def owned() -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise Unavailable(503, "", "etcd")
        return {"uid": "u"}

    await asyncio.wait_for(
        lead(kube, "llm-monitor", "llm-monitor-operator", "one", nothing, terms=SHORT, owner=owned), 10
    )

    assert server.at(LEASE)["metadata"]["ownerReferences"] == [{"uid": "u"}]
