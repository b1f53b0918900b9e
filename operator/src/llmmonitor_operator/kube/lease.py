"""One leader at a time, by a coordination.k8s.io Lease and the kubernetes client's own election.

Losing the lease ends the process: whatever it was doing must not go on beside the new leader.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.paths import lease

LEASE_SECONDS = 15
"""A standby takes over so long after the leader's last renewal, at the latest plus one retry."""
_RENEW_DEADLINE_SECONDS = 10
_RETRY_SECONDS = 2

_log = logging.getLogger(__name__)


class LostLease(Exception):
    """Somebody else leads now, or the lease could not be renewed in time."""


async def lead(
    kube: Kube, namespace: str, name: str, identity: str, work: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Wait for the lease, then do `work` while it is held; it is given back when `work` ends by itself.

    Raises:
        LostLease: the lease went; the process has to end.
        Exception: what `work` raised.
    """
    won = asyncio.Event()

    async def started() -> None:
        won.set()
        await asyncio.Event().wait()

    async def stopped() -> None:
        _log.error("lost lease %s/%s", namespace, name)

    settings = Config(
        LeaseLock(name, namespace, identity, kube.client),
        lease_duration=LEASE_SECONDS,
        renew_deadline=_RENEW_DEADLINE_SECONDS,
        retry_period=_RETRY_SECONDS,
        onstarted_leading=started,
        onstopped_leading=stopped,
    )
    _log.info("waiting for lease %s/%s as %s", namespace, name, identity)
    election = asyncio.create_task(_elected(settings))
    tasks: set[asyncio.Task[Any]] = {election, asyncio.create_task(won.wait())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not won.is_set():
            election.result()
        _log.info("leading: %s holds lease %s/%s", identity, namespace, name)
        working = asyncio.create_task(work())
        tasks.add(working)
        await asyncio.wait({election, working}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            election.result()
            raise LostLease(f"lease {namespace}/{name}")
        working.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await _give_back(kube, namespace, name)


async def _elected(settings: Config) -> None:
    await LeaderElection(settings).run()


async def _give_back(kube: Kube, namespace: str, name: str) -> None:
    """A lease without a holder is taken at the next try, an expired one only after its time."""
    try:
        await kube.patch(lease(namespace, name), {"spec": {"holderIdentity": ""}})
    except ApiError as error:
        _log.warning("lease %s/%s not given back, it expires: %s", namespace, name, error)
