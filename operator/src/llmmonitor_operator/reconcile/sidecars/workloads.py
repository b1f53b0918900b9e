"""Reads the controllers of pods that are to be replaced; only then, since nothing else asks for them.

Read anew before a pod is evicted, else kept for a while: a monitor may have pods that are never replaced.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from llmmonitor_operator.attach.replicas import (
    LEADER_WORKER_SET,
    REPLICA_SET,
    STATEFUL_SET,
    Controller,
    Workload,
    controller_of,
    workload_of,
)
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import NotFound
from llmmonitor_operator.kube.raw import Raw

KEPT_SECONDS = 30.0
_PATHS = {REPLICA_SET: paths.replica_set, STATEFUL_SET: paths.stateful_set}


class Workloads:
    """Of all monitors."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._read: dict[str, tuple[float, Workload | None]] = {}
        """By UID: on our monotonic clock, when it was read; None for one that is gone."""

    async def read(
        self, namespace: str, controllers: Iterable[Controller], *, anew: bool = False
    ) -> dict[str, Workload]:
        """Those that are there, by UID.

        Raises:
            ApiError: one could not be read.
        """
        found = {}
        for controller in controllers:
            at, workload = self._read.get(controller.uid, (float("-inf"), None))
            if anew or time.monotonic() - at > KEPT_SECONDS:
                workload = await self._workload(namespace, controller)
                self._read[controller.uid] = time.monotonic(), workload
            if workload is not None:
                found[controller.uid] = workload
        self._forget()
        return found

    def _forget(self) -> None:
        eldest = time.monotonic() - KEPT_SECONDS
        self._read = {uid: read for uid, read in self._read.items() if read[0] >= eldest}

    async def _workload(self, namespace: str, controller: Controller) -> Workload | None:
        path = _PATHS.get((controller.group, controller.kind))
        if path is None:
            return workload_of(controller)
        raw = await self._get(path(namespace, controller.name))
        if raw is None or raw["metadata"]["uid"] != controller.uid:
            return None
        over = controller_of(raw)
        if over is None or (over.group, over.kind) != LEADER_WORKER_SET:
            return workload_of(controller, raw)
        return workload_of(controller, raw, await self._get(paths.leader_worker_set(namespace, over.name)))

    async def _get(self, path: str) -> Raw | None:
        try:
            return await self._kube.get(path)
        except NotFound:  # the object, or a kind that this cluster does not have
            return None
