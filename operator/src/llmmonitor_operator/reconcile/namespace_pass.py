"""One look at a namespace as a whole: is the sidecar proved there, does it block a pod, whom to tell to stop.

Monitors of one namespace share a verdict, and a pod that belonged to a monitor which is gone belongs to none:
both are nobody's single pass. Runs every few seconds, costs no call to the API server when nothing is to do.
What stands still or fails in one namespace, or in one sidecar, keeps no other namespace from being judged:
that is what stops a sidecar from blocking pods.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.report.report import UnreadableReport
from llmmonitor_operator.attach.evict import to_evict
from llmmonitor_operator.attach.proof import blocked, is_held_up, proved
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import is_mine_to_watch, our_sidecar
from llmmonitor_operator.reconcile.ownership import may_be_selected, selected
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.sidecars.client import NoAnswer, RefusedBySidecar
from llmmonitor_operator.reconcile.sidecars.standing import address_of

EVERY_SECONDS = 5.0
STOP_TRIES = 12
"""A sidecar that does not take the stop within a minute idles when its configuration runs out."""

STOP_SECONDS = 10.0
"""For telling all that are to be told; who is left is told by the next look."""

Life = tuple[str, float | None]
"""One run of a sidecar's container: the pod's UID, and when it started."""

_log = logging.getLogger(__name__)


class NamespacePass:
    """Looks at one namespace after the other."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.time) -> None:
        self._parts = parts
        self._clock = clock
        self._tries: dict[Life, int] = {}
        """How often each sidecar of a pod that belongs to no monitor was told to stop."""
        self._stopped: set[Life] = set()
        """Those that took it; a container that starts anew knows nothing of it."""
        self._at_rest: dict[str, object] = {}
        """Namespaces in which nothing was to be done or to be waited for, and what that was seen in."""

    async def look(self) -> None:
        """At all of them in which something may have come about since."""
        await self._parts.keeper.mend(self._clock())
        namespaces = sorted(self._parts.view.pod_namespaces)
        seen = {namespace: self._seen(namespace) for namespace in namespaces}
        self._at_rest = {name: what for name, what in self._at_rest.items() if seen.get(name) == what}
        restless = [namespace for namespace in namespaces if namespace not in self._at_rest]
        for namespace in restless:
            if self._parts.monitors.of(namespace):
                await self._alone(namespace, self._judge)
        if restless:
            self._forget_gone(namespaces)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                stops = [self._alone(namespace, self._stop_orphans) for namespace in restless]
                await asyncio.gather(*stops)
        for namespace in restless:
            if not self._parts.monitors.of(namespace):
                await self._alone(namespace, self._forget_if_done)
            elif self._rests(namespace):
                self._at_rest[namespace] = seen[namespace]

    def _seen(self, namespace: str) -> object:
        """What a look depends on; as long as it is the same, only the time may bring something new."""
        parts, image = self._parts, self._parts.keeper.common.image
        selectors = [(one.uid, one.raw["metadata"]["generation"]) for one in parts.monitors.of(namespace)]
        verdict = parts.keeper.of(namespace, self._clock())
        changes = parts.view.pods_changes(namespace)
        return changes, selectors, image, verdict.proves(image), verdict.suspended

    def _rests(self, namespace: str) -> bool:
        """Whether the time cannot bring anything new: the image is proved, no sidecar is about to start."""
        verdict = self._parts.keeper.of(namespace, self._clock())
        pods = self._parts.view.pods(namespace)
        return (
            verdict.proves(self._parts.keeper.common.image)
            and not verdict.suspended
            and not any(is_held_up(pod) for pod in pods)
            and not self._waiting(namespace)
        )

    async def _alone(self, namespace: str, work: Callable[[str], Awaitable[None]]) -> None:
        """A strange pod of one namespace must not end the look at the others."""
        try:
            await work(namespace)
        except Exception:  # noqa: BLE001 - see above: logged, counted, and tried again
            self._parts.metrics.failed("namespace")
            _log.exception("namespace %s: looked at again in %.0f s", namespace, EVERY_SECONDS)

    async def _forget_if_done(self, namespace: str) -> None:
        if not self._waiting(namespace):
            self._parts.view.forget_pods(namespace)
            await self._parts.keeper.forget(namespace)

    async def _judge(self, namespace: str) -> None:
        parts, now = self._parts, self._clock()
        monitors = parts.monitors.of(namespace)
        pods = [pod for pod in parts.view.pods(namespace) if selected(pod, monitors)]
        image = parts.keeper.common.image
        if proved(pods, image, now):
            await parts.keeper.prove(namespace, now)
        for one in blocked(pods, now):
            if one.image == image:  # an older one is no news of this one
                words = f"pod {one.name}: {one.message}"
                await parts.keeper.suspend(namespace, reasons.SIDECAR_BLOCKS_POD, words, now)
        verdict = parts.keeper.of(namespace, now)
        eviction = to_evict(pods, verdict, parts.evictor.evicted, now, image=image)
        if eviction is not None and parts.keeper.is_published:  # else its successor gets the same sidecar
            await parts.evictor.evict(parts.kube, eviction)

    async def _stop_orphans(self, namespace: str) -> None:
        """Tell sidecars in pods that no monitor selects any more to remove their rule and idle."""
        orphans = {_life(pod): pod for pod in self._orphans(namespace)}
        self._forget({pod["metadata"]["uid"] for pod in self._parts.view.pods(namespace)}, orphans.keys())
        left = [life for life in orphans if self._to_be_told(life)]
        await asyncio.gather(*(self._stop(orphans[life], life) for life in left))

    async def _stop(self, pod: Raw, life: Life) -> None:
        address = address_of(pod)
        if address is None:
            return
        name = pod["metadata"]["name"]
        self._tries[life] = self._tries.get(life, 0) + 1
        try:
            await self._parts.sidecars.stop(address)
        except (NoAnswer, RefusedBySidecar, UnreadableReport) as error:
            _log.warning("sidecar of pod %s, which no monitor selects, not stopped yet: %s", name, error)
            return
        self._stopped.add(life)
        _log.info("told the sidecar of pod %s to stop: no monitor selects it", name)

    def _waiting(self, namespace: str) -> bool:
        """Whether a sidecar there still has to be told."""
        return any(self._to_be_told(_life(pod)) for pod in self._orphans(namespace))

    def _to_be_told(self, life: Life) -> bool:
        return life not in self._stopped and self._tries.get(life, 0) < STOP_TRIES

    def _orphans(self, namespace: str) -> list[dict[str, Any]]:
        """Pods there with a sidecar of ours that runs, and certainly no monitor."""
        monitors = self._parts.monitors.of(namespace)
        pods = [pod for pod in self._parts.view.pods(namespace) if is_mine_to_watch(pod)]
        return [pod for pod in pods if address_of(pod) is not None and not may_be_selected(pod, monitors)]

    def _forget_gone(self, namespaces: Sequence[str]) -> None:
        """What is remembered of pods that are gone."""
        uids = {pod["metadata"]["uid"] for place in namespaces for pod in self._parts.view.pods(place)}
        remembered = self._stopped | self._tries.keys()
        self._forget({uid for uid, _ in remembered} - uids, frozenset())
        self._parts.evictor.keep(uids)

    def _forget(self, uids: Collection[str], but: Collection[Life]) -> None:
        """Of these pods all lives but some: a pod that belongs to a monitor again may be left once more."""
        self._stopped = {life for life in self._stopped if life[0] not in uids or life in but}
        self._tries = {
            life: tries for life, tries in self._tries.items() if life[0] not in uids or life in but
        }


def _life(pod: Raw) -> Life:
    sidecar = our_sidecar(pod)
    return pod["metadata"]["uid"], sidecar.started_at if sidecar is not None else None
