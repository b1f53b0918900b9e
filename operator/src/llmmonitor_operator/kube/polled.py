"""One object by name, asked for again and again: where a Role allows `get` and no watch.

A Role may name its own namespace's Namespace object, but neither list nor watch namespaces. Looks like a
`Mirror` of at most one object.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, Forbidden, NotFound
from llmmonitor_operator.kube.mirror import Changed, without_managed_fields

EVERY_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Polled:
    """An object that is not in a namespace, or that there is none of it."""

    def __init__(
        self,
        kube: Kube,
        path: str,
        *,
        on_change: Changed | None = None,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._kube = kube
        self.path = path
        self._on_change = on_change
        self._every_seconds = every_seconds
        self.synced = asyncio.Event()
        """Set once it is known whether the object is there."""
        self.answered = asyncio.Event()
        """Set with that, or with the first answer that it may not be read."""
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.problem = ""
        """Why it may be behind, in words."""

    async def run(self) -> None:
        """Keep current until cancelled."""
        while True:
            try:
                thing = without_managed_fields(await self._kube.get(self.path))
            except NotFound:
                self._take(None)
            except ApiError as error:
                if self.problem != str(error):
                    _log.warning("asking for %s: %s", self.path, error)
                self.problem = str(error)
                if isinstance(error, Forbidden):
                    self.answered.set()
            else:
                self._take(thing)
            await asyncio.sleep(self._every_seconds * random.uniform(0.9, 1.1))  # noqa: S311 - jitter

    def _take(self, thing: dict[str, Any] | None) -> None:
        self.problem = ""
        before = next(iter(self.objects.values()), None)
        self.objects = {} if thing is None else {("", thing["metadata"]["name"]): thing}
        self.synced.set()
        self.answered.set()
        if self._on_change is None or _version(before) == _version(thing):
            return
        if thing is not None:
            self._on_change("MODIFIED" if before else "ADDED", thing)
        elif before is not None:
            self._on_change("DELETED", before)


def _version(thing: dict[str, Any] | None) -> str:
    return thing["metadata"].get("resourceVersion", "") if thing else ""
