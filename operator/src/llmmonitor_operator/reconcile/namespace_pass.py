"""One look at a namespace as a whole: is the sidecar proved there, does it block a pod, whom to tell to stop.

Monitors of one namespace share a verdict, and a pod that belonged to a monitor which is gone belongs to none:
both are nobody's single pass. Runs every few seconds, costs no call to the API server when nothing is to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.report.report import UnreadableReport
from llmmonitor_operator.attach.evict import to_evict
from llmmonitor_operator.attach.proof import blocked, proved
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.errors import ApiError, NotFound
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.pod import is_mine_to_watch, our_sidecar
from llmmonitor_operator.reconcile.ownership import owner_of
from llmmonitor_operator.reconcile.parts import Parts
from llmmonitor_operator.reconcile.sidecar_client import NoAnswer, RefusedBySidecar
from llmmonitor_operator.reconcile.standing import address_of

EVERY_SECONDS = 5.0
STOP_TRIES = 12
"""A sidecar that does not take the stop within a minute idles when its configuration runs out."""

Life = tuple[str, float | None]
"""One run of a sidecar's container: the pod's UID, and when it started."""

_log = logging.getLogger(__name__)


class NamespacePass:
    """Looks at one namespace after the other."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.time) -> None:
        self._parts = parts
        self._clock = clock
        self._evicted: set[str] = set()
        self._tries: dict[Life, int] = {}
        """How often each sidecar of a pod that belongs to no monitor was told to stop."""
        self._stopped: set[Life] = set()
        """Those that took it; a container that starts anew knows nothing of it."""

    async def look(self) -> None:
        """At all of them."""
        self._forget_gone()
        for namespace in self._parts.view.pod_namespaces:
            await self._stop_orphans(namespace)
            if self._parts.monitors.of(namespace):
                await self._judge(namespace)
            elif not self._waiting(namespace):
                self._parts.view.forget_pods(namespace)
                await self._parts.keeper.forget(namespace)

    async def _judge(self, namespace: str) -> None:
        parts, now = self._parts, self._clock()
        monitors = parts.monitors.of(namespace)
        pods = [pod for pod in parts.view.pods(namespace) if owner_of(pod, monitors) is not None]
        if proved(pods, parts.keeper.common.image, now):
            await parts.keeper.prove(namespace, now)
        image = parts.keeper.common.image
        for one in blocked(pods, now):
            if one.image == image:  # an older one is no news of this one
                words = f"pod {one.name}: {one.message}"
                await parts.keeper.suspend(namespace, reasons.SIDECAR_BLOCKS_POD, words, now)
        verdict = parts.keeper.of(namespace, now)
        eviction = to_evict(pods, verdict, frozenset(self._evicted), now, image=image)
        if eviction is None:
            return
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": eviction.name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": eviction.uid}},
        }
        try:
            await parts.kube.create(paths.eviction(namespace, eviction.name), body)
        except NotFound:
            self._evicted.add(eviction.uid)
        except ApiError as error:
            _log.warning("pod %s/%s not evicted yet: %s", namespace, eviction.name, error)
        else:
            self._evicted.add(eviction.uid)
            _log.warning("evicted pod %s/%s: %s", namespace, eviction.name, eviction.message)

    async def _stop_orphans(self, namespace: str) -> None:
        """Tell sidecars in pods that no monitor selects any more to remove their rule and idle."""
        for pod in self._orphans(namespace):
            life = _life(pod)
            if self._tries.get(life, 0) < STOP_TRIES and life not in self._stopped:
                await self._stop(pod, life)

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
        lives = [_life(pod) for pod in self._orphans(namespace)]
        return any(life not in self._stopped and self._tries.get(life, 0) < STOP_TRIES for life in lives)

    def _orphans(self, namespace: str) -> list[dict[str, Any]]:
        """Pods there with a sidecar of ours that runs, and no monitor."""
        monitors = self._parts.monitors.of(namespace)
        pods = [pod for pod in self._parts.view.pods(namespace) if is_mine_to_watch(pod)]
        return [pod for pod in pods if address_of(pod) is not None and owner_of(pod, monitors) is None]

    def _forget_gone(self) -> None:
        """What is remembered of pods that are gone, or belong to a monitor again."""
        namespaces = self._parts.view.pod_namespaces
        lives = {_life(pod) for namespace in namespaces for pod in self._orphans(namespace)}
        self._stopped &= lives
        self._tries = {life: tries for life, tries in self._tries.items() if life in lives}
        uids = {pod["metadata"]["uid"] for place in namespaces for pod in self._parts.view.pods(place)}
        self._evicted &= uids


def _life(pod: Raw) -> Life:
    sidecar = our_sidecar(pod)
    return pod["metadata"]["uid"], sidecar.started_at if sidecar is not None else None
