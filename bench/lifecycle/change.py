"""From a changed objective to its being in force in every sidecar of the monitor.

In force is what a sidecar itself says: the generation of its configuration, asked through the API server
ten times a second. The pause before each change is random, so that no phase of the operator's own round is
preferred.
"""

from __future__ import annotations

import asyncio
import random
import time

from bench.comparison import Measured
from bench.lifecycle.firsts import watched
from bench.lifecycle.seen import INSTALLED, Seen, against_limit
from bench.lifecycle.site import MODEL, Site, until
from e2e.kubectl import Kubectl
from e2e.model_pods import API_PORT
from e2e.waiting import WaitedInVain

from llmmonitor_api.spec import load_monitor
from llmmonitor_operator.configure import configuration_for
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.raw import Raw

REPLICAS = 2
LIMIT_SECONDS = 3.0
IN_FORCE = f"changed objective → in force in {REPLICAS} sidecars"
SAID = "changed objective → the status is about it"
_WITHIN_SECONDS = 60.0
_LOOK_SECONDS = 0.1


async def collect(site: Site, within: Kubectl, rounds: int, seen: Seen) -> None:
    """Some changes, one after the other, of a monitor all of whose pods report."""
    chance = random.Random(4)
    space = str(within.namespace)
    pods = (await site.kube.list(paths.pods(space), label_selector=f"app={MODEL}")).items
    names = [str(pod["metadata"]["name"]) for pod in pods]
    for number in range(rounds):
        await asyncio.sleep(chance.uniform(1.0, 9.0))
        began = time.monotonic()
        changed = await site.kube.patch(paths.monitor(space, MODEL), objective(1000 + number))
        monitor = load_monitor(changed)
        wanted, observed = configuration_for(monitor).generation, monitor.metadata.generation
        told = await asyncio.gather(
            *(_in_force(site, space, name, wanted) for name in names),
            _status_is_about(site, space, observed, began),
        )
        *sidecars, status = told
        slowest = None if None in sidecars else max(at for at in sidecars if at is not None) - began
        seen.took(IN_FORCE, INSTALLED, slowest)
        seen.took(SAID, INSTALLED, status)


def objective(milliseconds: int) -> Raw:
    """A merge patch of a monitor's spec."""
    one = {
        "name": "first-token",
        "signal": "TimeToFirstToken",
        "threshold": f"{milliseconds}ms",
        "target": "99%",
    }
    return {"spec": {"performance": {"objectives": [one]}}}


async def _in_force(site: Site, space: str, pod: str, wanted: int) -> float | None:
    path = f"/api/v1/namespaces/{space}/pods/{pod}:{API_PORT}/proxy/healthz"

    async def look() -> bool:
        return bool((await site.kube.get(path)).get("configurationGeneration") == wanted)

    try:
        return await until(look, f"{pod}: the configuration", _WITHIN_SECONDS, pause_seconds=_LOOK_SECONDS)
    except WaitedInVain:
        return None


async def _status_is_about(site: Site, space: str, generation: int, began: float) -> float | None:
    def holds(thing: Raw) -> bool:
        return bool((thing.get("status") or {}).get("observedGeneration") == generation)

    took = await watched(
        site.kube,
        paths.monitors(space),
        MODEL,
        {SAID: holds},
        since=began,
        within_seconds=_WITHIN_SECONDS,
    )
    return took.get(SAID)


def figures(seen: Seen) -> list[Measured]:
    """Both."""
    note = "a sidecar's own word, asked every 0.1 s; n changes"
    return [
        against_limit(IN_FORCE, seen.of(IN_FORCE), [INSTALLED], LIMIT_SECONDS, note),
        against_limit(SAID, seen.of(SAID), [INSTALLED], LIMIT_SECONDS, "observedGeneration"),
    ]
