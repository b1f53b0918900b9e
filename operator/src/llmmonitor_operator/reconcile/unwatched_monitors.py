"""Finds monitors that came, changed or went while nobody watched.

A watch that breaks begins with a new list, and kopf (1.45) tells of everything in it but of nothing that is
missing. A monitor deleted in that moment would be followed for ever: its pods attached to, its sidecars never
told to stop. And a watch that is refused (a Role that is being changed, an API server that is away for longer
than kopf tries) it gives up for good, while the others go on: new monitors there would never be seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError
from llmmonitor_operator.kube.places import is_only_of, places
from llmmonitor_operator.monitors import Key, Monitors

EVERY_SECONDS = 60.0

Seen = tuple[str, int]
"""A monitor's UID and generation."""

_log = logging.getLogger(__name__)


class UnwatchedMonitors:
    """Compares what is there with what the watches told."""

    def __init__(
        self, kube: Kube, monitors: Monitors, watch_namespaces: Sequence[str], failed: Callable[[], None]
    ) -> None:
        """Args: failed: called for each namespace whose monitors may not be read."""
        self._kube = kube
        self._monitors = monitors
        self._places = places(watch_namespaces)
        self._failed = failed
        self._there: dict[str, set[Seen]] = {}
        """What each place had at the last look: what was passed over then is so again."""

    async def look(self) -> None:
        """Take those that are there, and drop those that are not.

        Raises:
            ApiError: the API server refuses or is away; nothing more is taken, and nothing dropped.
        """
        before = self._monitors.identities  # one that comes while the list is read is not missed in it
        unread: set[str] = set()
        there: set[str] = set()
        for place in self._places:
            try:
                there |= {uid for uid, _ in await self._take(place)}
            except ApiError as error:
                if not is_only_of(place, error):
                    raise
                unread.add(place)
                self._failed()
                _log.warning("namespace %s: its monitors may not be read: %s", place, error)
        for uid in before.keys() - there:
            key = before[uid]
            known = self._monitors.get(key)
            if known is not None and known.uid == uid and key[0] not in unread:
                _log.warning("LLMMonitor %s/%s is gone, of which no watch told", *key)
                self._monitors.drop(key, uid)

    async def _take(self, place: str) -> set[Seen]:
        """What is there; what of it is new is taken."""
        listing = await self._kube.list_metadata(paths.monitors(place))
        there = {(one["metadata"]["uid"], one["metadata"]["generation"]) for one in listing.items}
        if there - self._known - self._there.get(place, set()):
            before = {key: self._seen(key) for key in self._monitors.identities.values()}
            for raw in (await self._kube.list(paths.monitors(place))).items:
                key = raw["metadata"]["namespace"], raw["metadata"]["name"]
                told = self._seen(key)
                if told == (raw["metadata"]["uid"], raw["metadata"]["generation"]):
                    continue
                if told != before.get(key):
                    continue  # a watch told of it since the list was asked for: that may be newer
                self._monitors.take(raw)
                if place in self._there and self._monitors.get(key) is not None:  # at first no watch runs
                    _log.info("LLMMonitor %s/%s: found so, of which no watch told yet", *key)
                await asyncio.sleep(0)  # a thousand take seconds: the lease is renewed in between
        self._there[place] = there
        return there

    @property
    def _known(self) -> set[Seen]:
        found = map(self._seen, self._monitors.identities.values())
        return {one for one in found if one is not None}

    def _seen(self, key: Key) -> Seen | None:
        known = self._monitors.get(key)
        return None if known is None else (known.uid, known.raw["metadata"]["generation"])
