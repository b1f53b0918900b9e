"""When something first holds of an object, by the API server's watch and the bench's own clock.

Times in objects are whole seconds; the watch tells of a change some milliseconds after it was made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Gone, Unavailable
from llmmonitor_operator.kube.raw import Raw

Holds = Callable[[Raw], bool]


class Firsts:
    """The seconds at which each of some things was first true of an object."""

    def __init__(self, wanted: Mapping[str, Holds], since: float) -> None:
        """Args: since: the monotonic time that seconds count from."""
        self._wanted = wanted
        self._since = since
        self.seconds: dict[str, float] = {}

    @property
    def complete(self) -> bool:
        """Whether all have been seen."""
        return len(self.seconds) == len(self._wanted)

    def look(self, thing: Raw, now: float) -> None:
        """The object is like this at `now`, a monotonic time."""
        for name, holds in self._wanted.items():
            if name not in self.seconds and holds(thing):
                self.seconds[name] = now - self._since


async def watched(  # noqa: PLR0913 - what is watched, what for, how long
    kube: Kube, path: str, name: str, wanted: Mapping[str, Holds], *, since: float, within_seconds: float
) -> dict[str, float]:
    """Seconds after `since` at which each of `wanted` first held of the object `name` in `path`.

    What has not held within the time is left out.
    """
    firsts = Firsts(wanted, since)
    of_it = f"metadata.name={name}"
    try:
        async with asyncio.timeout(within_seconds):
            while not firsts.complete:
                await _watched_once(kube, path, of_it, firsts)
    except TimeoutError:
        pass
    return firsts.seconds


async def _watched_once(kube: Kube, path: str, of_it: str, firsts: Firsts) -> None:
    try:
        listing = await kube.list(path, field_selector=of_it)
        for thing in listing.items:
            firsts.look(thing, time.monotonic())
        if firsts.complete:
            return
        async for kind, thing in kube.watch(path, listing.resource_version, field_selector=of_it):
            if kind in {"ADDED", "MODIFIED"}:
                firsts.look(thing, time.monotonic())
            if firsts.complete:
                return
    except (Gone, Unavailable):
        await asyncio.sleep(0.1)


def condition_true(kind: str) -> Holds:
    """Whether the object's condition of this type is True."""

    def holds(thing: Raw) -> bool:
        return any(one["type"] == kind and one["status"] == "True" for one in _conditions(thing))

    return holds


def has_conditions(thing: Raw) -> bool:
    """Whether the object has any, of whatever status."""
    return bool(_conditions(thing))


def container_started(name: str) -> Holds:
    """Whether the pod's container of this name runs."""

    def holds(thing: Raw) -> bool:
        statuses = (thing.get("status") or {}).get("containerStatuses") or ()
        return any(one["name"] == name and "running" in (one.get("state") or {}) for one in statuses)

    return holds


def _conditions(thing: Raw) -> Sequence[Raw]:
    found: Sequence[Raw] = (thing.get("status") or {}).get("conditions") or ()
    return found
