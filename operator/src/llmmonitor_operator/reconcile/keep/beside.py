"""What is kept of a monitor beside its checkpoint, as a ConfigMap for each kind, written once an hour.

Their names and labels are those of checkpoints, so that they are swept with them, seven days after their
monitor. The schema is in the name: an older version that comes back finds its own and leaves the newer
alone. One that cannot be read begins anew.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from zlib import crc32

from llmmonitor_operator.evaluate.wording import moment
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import NotFound
from llmmonitor_operator.kube.labels import kept
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.reconcile.keep.checkpoints import LABEL, MONITOR, SAVED_AT, UID

T = TypeVar("T")
SAVE_EVERY_SECONDS = 3600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """One kind of what is kept."""

    kind: str
    """In the ConfigMap's name and label."""
    data: str
    """The key of its bytes."""
    schema: int
    nothing: T
    """Of a monitor of which none is kept."""
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    """Raises ValueError for bytes that are none."""
    words: str
    """For the log."""

    def read(self, raw: Raw) -> T:
        """What a ConfigMap of this kind holds.

        Raises:
            ValueError: it holds none, or none that this version can read; the message says why.
        """
        try:
            data = base64.b64decode((raw.get("binaryData") or {})[self.data], validate=True)
        except (KeyError, TypeError) as error:  # edited by hand
            raise ValueError(f"no {self.words}: binaryData.{self.data}: {error!r}") from error
        return self.decode(data)


class Beside(Generic[T]):
    """All of one kind in one release."""

    def __init__(self, kube: Kube, namespace: str, fullname: str, form: Form[T]) -> None:
        self._kube = kube
        self._namespace = namespace
        self._prefix = f"{fullname}-checkpoint-"
        self._labels = kept(fullname)
        self._form = form
        self._saved: dict[str, tuple[T, float]] = {}
        """What is written, and when."""

    async def load(self, uid: str) -> T:
        """That of the monitor with this UID; nothing if there is none, or none that can be read.

        Raises:
            ApiError: the API server refuses or is away.
        """
        form = self._form
        try:
            raw = await self._kube.get(paths.config_map(self._namespace, self._name(uid)))
        except NotFound:
            return form.nothing
        try:
            return await asyncio.to_thread(form.read, raw)
        except ValueError as error:
            _log.warning("ConfigMap %s: %s begins anew: %r", self._name(uid), form.words, error)
            return form.nothing

    def due(self, uid: str, value: T, now: float) -> bool:
        """Whether to write it: an hour after the last time, if it changed; first times are spread out."""
        if uid not in self._saved:
            spread = SAVE_EVERY_SECONDS * crc32(uid.encode()) / 2**32
            self._saved[uid] = (self._form.nothing, now - spread)
        saved, at = self._saved[uid]
        return now - at >= SAVE_EVERY_SECONDS and value is not saved and value != self._form.nothing

    async def save(self, uid: str, namespace: str, name: str, value: T, now: float) -> None:
        """Write that of the monitor `namespace`/`name`.

        Raises:
            ApiError: the API server refuses or is away; the next try is in an hour.
        """
        self._saved[uid] = (value, now)
        data = base64.b64encode(await asyncio.to_thread(self._form.encode, value)).decode()
        metadata = {
            "name": self._name(uid),
            "namespace": self._namespace,
            "labels": {LABEL: self._form.kind, **self._labels},
            "annotations": {
                MONITOR: f"{namespace}/{name}",
                UID: uid,
                SAVED_AT: moment(now),
            },
        }
        binary = {self._form.data: data}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": binary}
        try:
            await self._kube.replace(
                paths.config_map(self._namespace, self._name(uid)), body, metadata_only=True
            )
        except NotFound:
            await self._kube.create(paths.config_maps(self._namespace), body, metadata_only=True)

    def forget(self, uid: str) -> None:
        """The monitor is gone; its ConfigMap stays until the checkpoints are swept."""
        self._saved.pop(uid, None)

    def _name(self, uid: str) -> str:
        return f"{self._prefix}{uid}-{self._form.kind}-{self._form.schema}"
