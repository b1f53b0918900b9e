"""Histories of anomalies as ConfigMaps beside the checkpoints, one for each monitor, written once an hour.

Their names and labels are those of checkpoints, so that they are swept with them, seven days after their
monitor. The schema is in the name: an older version that comes back finds its own and leaves the newer alone.
One that cannot be read begins anew.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from zlib import crc32

from llmmonitor_operator.anomalies.history import SCHEMA, History, decode, encode
from llmmonitor_operator.evaluate.wording import moment
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import NotFound
from llmmonitor_operator.kube.labels import kept
from llmmonitor_operator.reconcile.keep.checkpoints import LABEL

SAVE_EVERY_SECONDS = 3600.0
KIND = "history"
DATA = "cells"

_log = logging.getLogger(__name__)


class Histories:
    """The histories of one release."""

    def __init__(self, kube: Kube, namespace: str, fullname: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._prefix = f"{fullname}-checkpoint-"
        self._labels = kept(fullname)
        self._saved: dict[str, tuple[History, float]] = {}
        """What is written, and when."""

    async def load(self, uid: str) -> History:
        """The history of the monitor with this UID; an empty one if there is none, or none that can be read.

        Raises:
            ApiError: the API server refuses or is away.
        """
        try:
            raw = await self._kube.get(paths.config_map(self._namespace, self._name(uid)))
        except NotFound:
            return History()
        try:
            data = base64.b64decode((raw.get("binaryData") or {})[DATA], validate=True)
            history = await asyncio.to_thread(decode, data)
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("ConfigMap %s: history of anomalies begins anew: %r", self._name(uid), error)
            return History()
        return history

    def due(self, uid: str, history: History, now: float) -> bool:
        """Whether to write it: an hour after the last time, if it changed; first times are spread out."""
        if uid not in self._saved:
            self._saved[uid] = (History(), now - SAVE_EVERY_SECONDS * crc32(uid.encode()) / 2**32)
        saved, at = self._saved[uid]
        return now - at >= SAVE_EVERY_SECONDS and history is not saved and history != History()

    async def save(self, uid: str, namespace: str, name: str, history: History, now: float) -> None:
        """Write the history of the monitor `namespace`/`name`.

        Raises:
            ApiError: the API server refuses or is away; the next try is in an hour.
        """
        self._saved[uid] = (history, now)
        data = base64.b64encode(await asyncio.to_thread(encode, history)).decode()
        metadata = {
            "name": self._name(uid),
            "namespace": self._namespace,
            "labels": {LABEL: KIND, **self._labels},
            "annotations": {
                "llmmonitor.io/monitor": f"{namespace}/{name}",
                "llmmonitor.io/monitor-uid": uid,
                "llmmonitor.io/checkpoint-saved-at": moment(now),
            },
        }
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": {DATA: data}}
        try:
            await self._kube.replace(paths.config_map(self._namespace, self._name(uid)), body)
        except NotFound:
            await self._kube.create(paths.config_maps(self._namespace), body)

    def forget(self, uid: str) -> None:
        """The monitor is gone; its ConfigMap stays until the checkpoints are swept."""
        self._saved.pop(uid, None)

    def _name(self, uid: str) -> str:
        return f"{self._prefix}{uid}-{KIND}-{SCHEMA}"
