"""All objects of one kind in memory, kept current by list and watch.

Level-triggered: whoever reads sees what is, and is told only that something changed. A watch that breaks goes
on where it was; one that is too old begins with a new list, in which what is gone is missed and told as well.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, Forbidden, Gone, NotFound

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_TAKEN_AT_ONCE = 25

Keep = Callable[[dict[str, Any]], dict[str, Any]]
Changed = Callable[[str, dict[str, Any]], None]
"""Called with `ADDED`, `MODIFIED` or `DELETED` and the object; must be quick and not fail."""

_log = logging.getLogger(__name__)


def without_managed_fields(thing: dict[str, Any]) -> dict[str, Any]:
    """The object without what is a third of it and read by nobody here."""
    metadata = thing.get("metadata") or {}
    return {**thing, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}


class Mirror:
    """Objects of one collection by (namespace, name)."""

    def __init__(  # noqa: PLR0913 - what is mirrored, and what becomes of it
        self,
        kube: Kube,
        path: str,
        *,
        keep: Keep = without_managed_fields,
        on_change: Changed | None = None,
        field_selector: str = "",
        wanted: Callable[[dict[str, Any]], bool] = lambda _thing: True,
        turn: asyncio.Semaphore | None = None,
    ) -> None:
        """Nothing is read yet.

        Args:
            kube: a connection to the API server.
            path: of the collection.
            keep: what of an object is remembered, at least its `metadata`.
            on_change: see there.
            field_selector: limits what the API server sends.
            wanted: objects for which it says no are passed over; it must always say the same of one.
            turn: what mirrors share of which only some may read a whole list at a time.
        """
        self._turn = turn or asyncio.Semaphore()
        self._wanted = wanted
        self._kube = kube
        self.path = path
        self._keep = keep
        self._on_change = on_change
        self._field_selector = field_selector
        self.synced = asyncio.Event()
        """Set with the first complete list; it stays so while the API server is away: see `problem`."""
        self.answered = asyncio.Event()
        """Set with that, or with the first answer that it may not be read, or that there is no such thing."""
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._within: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        """The same by namespace."""
        self.changes = 0
        """How often something came, changed or went."""
        self.problem = ""
        """Why it may be behind, in words; empty while the watch runs."""

    def of(self, namespace: str) -> list[dict[str, Any]]:
        """The objects of one namespace."""
        return list(self._within.get(namespace, {}).values())

    async def run(self) -> None:
        """Keep current until cancelled."""
        pause = _FIRST_PAUSE_SECONDS
        version = ""
        while True:
            began = time.monotonic()
            try:
                if not version:
                    async with self._turn:
                        version = await self._list()
                    pause = _FIRST_PAUSE_SECONDS
                self.problem = ""
                async for kind, thing in self._kube.watch(
                    self.path, version, field_selector=self._field_selector
                ):
                    version = thing["metadata"]["resourceVersion"]
                    pause = _FIRST_PAUSE_SECONDS
                    if kind != "BOOKMARK":
                        self._take(kind, thing)
                wait = _at_once_unless_too_soon(began)  # the server ended it: go on where it was
            except Gone:
                _log.info("watching %s: 410 Gone, what was seen last is too old; listing anew", self.path)
                version = ""
                wait = _at_once_unless_too_soon(began)
            except ApiError as error:
                self._say(str(error))
                if isinstance(error, (Forbidden, NotFound)):
                    self.answered.set()
                wait = max(pause, getattr(error, "retry_after_seconds", 0.0))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                if error.status:
                    version = ""  # it answered, and would not go on from there
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                # no list and no event that Kubernetes would send: a proxy's, or one of another kind
                self._say(f"what came was not understood: {error!r}")
                wait, version = pause, ""
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    async def _list(self) -> str:
        """Page by page, so that not all is in memory twice."""
        seen: set[tuple[str, str]] = set()
        version = ""
        async for page in self._kube.pages(self.path, field_selector=self._field_selector):
            for number, thing in enumerate(page.items, 1):
                seen.add(_key(thing))
                self._take("MODIFIED" if _key(thing) in self.objects else "ADDED", thing)
                if number % _TAKEN_AT_ONCE == 0:
                    await asyncio.sleep(0)  # five hundred pods take longer than others should wait
            version = page.resource_version
        for key in self.objects.keys() - seen:
            self._take("DELETED", self.objects[key])
        self.synced.set()
        self.answered.set()
        return version

    def _take(self, kind: str, thing: dict[str, Any]) -> None:
        if not self._wanted(thing):
            return
        key = _key(thing)
        kept = self._keep(thing)
        if kind == "DELETED":
            self.objects.pop(key, None)
            self._within.get(key[0], {}).pop(key, None)
            if not self._within.get(key[0], True):
                del self._within[key[0]]
        else:
            if self.objects.get(key, {}).get("metadata", {}).get("resourceVersion") == kept["metadata"].get(
                "resourceVersion", ""
            ):
                return
            self.objects[key] = self._within.setdefault(key[0], {})[key] = kept
        self.changes += 1
        if self._on_change:
            self._on_change(kind, kept)

    def _say(self, problem: str) -> None:
        if self.problem != problem:
            _log.warning("watching %s: %s", self.path, problem)
        self.problem = problem


def _at_once_unless_too_soon(began: float) -> float:
    """How long to wait after a watch that ended in order: one that ends at once must not be a busy loop."""
    return 0.0 if time.monotonic() - began >= 1.0 else _FIRST_PAUSE_SECONDS


def _key(thing: dict[str, Any]) -> tuple[str, str]:
    metadata = thing["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
