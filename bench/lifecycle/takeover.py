"""How long nobody leads when the operator's leader goes: its pod deleted at once, or its process killed.

A deleted pod's process may still get a moment and give the lease back; a killed one cannot, and the standby
must wait until the lease runs out. The lease is watched; that the new leader works is seen in its metrics.
"""

from __future__ import annotations

import asyncio
import os
import re
import time

from bench.comparison import Measured
from bench.lifecycle.firsts import watched
from bench.lifecycle.seen import Seen, against_limit
from bench.lifecycle.site import OPERATOR, Site, until
from e2e import breaking
from e2e.installed import RELEASE
from e2e.kubectl import Refused
from e2e.waiting import WaitedInVain

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.raw import Raw

DELETED, KILLED = "leader's pod deleted, grace 0", "leader killed (SIGKILL)"
LED, JUDGED = "leader gone → another one leads", "leader gone → a monitor is judged again"
LIMIT_SECONDS = 15.0
NEEDS_THE_NODES = "a process of someone's own cluster is not ours to kill"
_WITHIN_SECONDS = 90.0
_STANDBY_SECONDS = 5.0
"""A replica that is ready has looked at the lease once or twice by then."""
_JUDGED = re.compile(r"^llm_monitor_\w*last_evaluation_timestamp_seconds\{[^}]*\} (\S+)", re.MULTILINE)


async def collect(site: Site, rounds: int, seen: Seen) -> None:
    """Both kinds in turns, each from two replicas that are ready; needs a monitor somewhere."""
    kinds = [DELETED] if os.environ.get("E2E_KUBECONFIG") else [DELETED, KILLED]
    within = site.kubectl.within(RELEASE)
    for _ in range(rounds):
        for kind in kinds:
            await asyncio.to_thread(within, "rollout", "status", f"deployment/{OPERATOR}", "--timeout=240s")
            await asyncio.sleep(_STANDBY_SECONDS)
            await _one(site, kind, seen)


async def _one(site: Site, kind: str, seen: Seen) -> None:
    within = site.kubectl.within(RELEASE)
    leader = str((await site.kube.get(paths.lease(RELEASE, OPERATOR)))["spec"]["holderIdentity"])
    pod = await site.kube.get(paths.pod(RELEASE, leader))
    began, gone_at = time.monotonic(), time.time()
    if kind == KILLED:
        await asyncio.to_thread(breaking.kill, within, pod)
    await asyncio.to_thread(breaking.delete_now, within, pod)
    took = await watched(
        site.kube,
        paths.leases(RELEASE),
        OPERATOR,
        {LED: lambda lease: holder(lease) not in {leader, ""}},
        since=began,
        within_seconds=_WITHIN_SECONDS,
    )
    seen.took(LED, kind, took.get(LED))
    seen.took(JUDGED, kind, await _judged(site, began, gone_at) if took else None)


def holder(lease: Raw) -> str:
    """Who leads; empty when nobody does."""
    return str(lease["spec"].get("holderIdentity") or "")


async def _judged(site: Site, began: float, gone_at: float) -> float | None:
    """Seconds until the new leader has judged a monitor."""
    leader = holder(await site.kube.get(paths.lease(RELEASE, OPERATOR)))
    raw = f"--raw=/api/v1/namespaces/{RELEASE}/pods/{leader}:8080/proxy/metrics"

    async def look() -> bool:
        try:
            metrics = await asyncio.to_thread(site.kubectl, "get", raw)
        except Refused:
            return False
        return last_judged(metrics) > gone_at

    try:
        return await until(look, "a monitor to be judged", _WITHIN_SECONDS, pause_seconds=0.2) - began
    except WaitedInVain:
        return None


def last_judged(metrics: str) -> float:
    """When the operator last judged any monitor, in Unix seconds by its own clock; 0: never."""
    return max((float(value) for value in _JUDGED.findall(metrics)), default=0.0)


def figures(seen: Seen) -> list[Measured]:
    """Who leads, and whether it works."""
    note = "from just before the command to the lease's new holder"
    return [
        against_limit(LED, seen.of(LED), [DELETED, KILLED], LIMIT_SECONDS, note),
        against_limit(
            JUDGED, seen.of(JUDGED), [DELETED, KILLED], LIMIT_SECONDS, "by its metrics, asked every 0.2 s"
        ),
    ]
