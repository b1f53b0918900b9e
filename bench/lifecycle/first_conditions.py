"""From `kubectl apply` of a monitor to what a person sees, with a model that is up and not monitored yet.

Each round has a namespace of its own, so that the operator knows nothing of it: it looks at the namespace's
rules, attaches the sidecar to the running pod, hears from it, and writes the status. kubectl's own time is
in it; the conditions are taken from the API server's watch.
"""

from __future__ import annotations

import asyncio
import time

from bench.comparison import Measured
from bench.lifecycle.firsts import condition_true, has_conditions, watched
from bench.lifecycle.seen import INSTALLED, Seen, against_limit
from bench.lifecycle.site import MODEL, Site, monitor, namespace, served

from llmmonitor_operator.kube import paths

LIMIT_SECONDS = 15.0
_WITHIN_SECONDS = 120.0
_SETTLED_SECONDS = 2.0
ANY = "kubectl apply of a monitor → any condition"
CONDITIONS = {f"kubectl apply of a monitor → {kind}": kind for kind in ("Injected", "Reporting", "Ready")}
NOTE = "model up before, sidecar attached to its pod; kubectl's own time included"


async def collect(site: Site, rounds: int, seen: Seen) -> None:
    """Some rounds of it."""
    wanted = {figure: condition_true(kind) for figure, kind in CONDITIONS.items()} | {ANY: has_conditions}
    for number in range(rounds):
        async with namespace(site, f"cluster-bench-apply-{number}") as within:
            await served(site, within)
            await asyncio.sleep(_SETTLED_SECONDS)
            began = time.monotonic()
            await asyncio.to_thread(within.apply, monitor())
            path = paths.monitors(str(within.namespace))
            took = await watched(site.kube, path, MODEL, wanted, since=began, within_seconds=_WITHIN_SECONDS)
            for figure in wanted:
                seen.took(figure, INSTALLED, took.get(figure))


def figures(seen: Seen) -> list[Measured]:
    """One for each condition."""
    return [
        against_limit(figure, seen.of(figure), [INSTALLED], LIMIT_SECONDS, NOTE)
        for figure in (ANY, *CONDITIONS)
    ]
